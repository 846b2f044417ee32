//! Changes to a directory, as an administrator would make them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::members::{MemberKind, Membership};
use super::object::{ChangeNumber, DirectoryObject, Presence};
use super::{Directory, Group, User, WELL_KNOWN};

/// One change. People are named by object id or user principal name, groups by object id or
/// display name. Values are those of Graph; `null` clears.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DirectoryCommand {
    /// Adds a person; `userPrincipalName` and `displayName` are required.
    CreateUser {
        /// Object id; drawn unless given.
        #[serde(default)]
        id: Option<Uuid>,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Changes properties of a person.
    UpdateUser {
        /// Who.
        user: String,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Moves a person to the recycle bin, or deletes for good.
    DeleteUser {
        /// Who.
        user: String,
        /// Whether the recycle bin is passed over.
        #[serde(default)]
        permanent: bool,
    },
    /// Brings a person back from the recycle bin.
    RestoreUser {
        /// Object id.
        user: String,
    },
    /// Sets or clears a person's manager.
    SetManager {
        /// Whose.
        user: String,
        /// The manager, `null` for none.
        manager: Option<String>,
    },
    /// Gives a person a directory role, by role template id.
    AssignRole {
        /// Who.
        user: String,
        /// Role template id.
        role: Uuid,
    },
    /// Takes a directory role away.
    UnassignRole {
        /// Who.
        user: String,
        /// Role template id.
        role: Uuid,
    },
    /// Adds a group; `displayName` is required. A security group unless `groupTypes` says Unified.
    CreateGroup {
        /// Object id; drawn unless given.
        #[serde(default)]
        id: Option<Uuid>,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Changes properties of a group.
    UpdateGroup {
        /// Which.
        group: String,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Deletes a group: Unified groups go to the recycle bin, security groups for good.
    DeleteGroup {
        /// Which.
        group: String,
    },
    /// Brings a Unified group back from the recycle bin.
    RestoreGroup {
        /// Which.
        group: String,
    },
    /// Adds a direct member.
    AddMember {
        /// To which group.
        group: String,
        /// A person, group or other object.
        member: String,
    },
    /// Removes a direct member.
    RemoveMember {
        /// From which group.
        group: String,
        /// A person, group or other object.
        member: String,
    },
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such tenant.
    #[error("there is no tenant '{0}'")]
    NoTenant(String),
    /// No such live person.
    #[error("there is no user '{0}'")]
    NoUser(String),
    /// No such live group.
    #[error("there is no group '{0}'")]
    NoGroup(String),
    /// No such object.
    #[error("there is no object '{0}'")]
    NoObject(String),
    /// The object is not in the recycle bin.
    #[error("'{0}' is not in the recycle bin")]
    NotInBin(String),
    /// A property that the resource does not have.
    #[error("'{0}' is not a property of this resource")]
    UnknownProperty(String),
    /// A property whose value has another JSON form.
    #[error("the value of '{0}' has the wrong type")]
    WrongType(String),
    /// A property that must be there.
    #[error("'{0}' is required")]
    Required(&'static str),
    /// Another person already has this user principal name, or the id is taken.
    #[error("'{0}' is already in use")]
    Taken(String),
}

/// Which object a change touched, for notifications and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) kind: MemberKind,
    pub(crate) id: Uuid,
    /// Deleted for good: the only change that is notified as `deleted`.
    pub(crate) purged: bool,
    pub(crate) change: ChangeNumber,
    /// The member added (`true`) or removed (`false`), if that was the change.
    pub(crate) member: Option<(Uuid, MemberKind, bool)>,
}

impl Directory {
    /// Applies a change made at `at`; lists what it touched, nothing if it changed nothing.
    pub(crate) fn apply(
        &mut self,
        command: &DirectoryCommand,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        match command {
            DirectoryCommand::CreateUser { id, properties } => {
                self.create_user(*id, properties, at)
            }
            DirectoryCommand::UpdateUser { user, properties } => {
                self.update_user(user, properties, at)
            }
            DirectoryCommand::DeleteUser { user, permanent: false } => self.bin_user(user, at),
            DirectoryCommand::DeleteUser { user, permanent: true } => self.purge_user(user, at),
            DirectoryCommand::RestoreUser { user } => self.restore_user(user, at),
            DirectoryCommand::SetManager { user, manager } => {
                self.set_manager(user, manager.as_deref(), at)
            }
            DirectoryCommand::AssignRole { user, role } => self.edit_roles(user, |roles| {
                if !roles.contains(role) {
                    roles.push(*role);
                }
            }),
            DirectoryCommand::UnassignRole { user, role } => {
                self.edit_roles(user, |roles| roles.retain(|held| held != role))
            }
            DirectoryCommand::CreateGroup { id, properties } => {
                self.create_group(*id, properties, at)
            }
            DirectoryCommand::UpdateGroup { group, properties } => {
                self.update_group(group, properties, at)
            }
            DirectoryCommand::DeleteGroup { group } => self.delete_group(group, at),
            DirectoryCommand::RestoreGroup { group } => self.restore_group(group, at),
            DirectoryCommand::AddMember { group, member } => {
                self.change_member(group, member, true, at)
            }
            DirectoryCommand::RemoveMember { group, member } => {
                self.change_member(group, member, false, at)
            }
        }
    }

    fn create_user(
        &mut self,
        id: Option<Uuid>,
        properties: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = id.unwrap_or_else(Uuid::new_v4);
        if self.users.contains_key(&id) {
            return Err(CommandError::Taken(id.to_string()));
        }
        let name = required_text(properties, "userPrincipalName")?;
        required_text(properties, "displayName")?;
        self.check_name_free(name, id)?;
        let change = self.last_change + 1;
        let mut object = DirectoryObject::new(id, change);
        object.appeared_at = Some(at);
        let catalogue = self.user_catalogue();
        let mut complete = properties.clone();
        complete.entry("accountEnabled").or_insert(Value::Bool(true));
        complete.entry("userType").or_insert(json!("Member"));
        complete.entry("createdDateTime").or_insert(json!(crate::graph::instant(at)));
        set_all(&mut object, &catalogue, &complete, change)?;
        self.insert_user(User { object, manager: None, manager_changed: 0, roles: Vec::new() });
        Ok(vec![self.record_user(id, 0, at)])
    }

    fn update_user(
        &mut self,
        reference: &str,
        properties: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_user(reference)?;
        if let Some(name) = properties.get("userPrincipalName").and_then(Value::as_str) {
            self.check_name_free(name, id)?;
        }
        let change = self.last_change + 1;
        let extensions = std::mem::take(&mut self.extensions);
        let catalogue = super::Catalogue::users(&extensions);
        let mut before = 0;
        let mut old_name = None;
        let outcome = match self.users.get_mut(&id) {
            Some(user) => {
                before = user.object.changed;
                old_name = user.object.text(WELL_KNOWN.user_principal_name);
                let mut edited = user.object.clone();
                let changed = set_all(&mut edited, &catalogue, properties, change);
                if changed.is_ok() {
                    add_mail_to_proxies(&mut edited, properties, change);
                    user.object = edited;
                }
                changed
            }
            None => Ok(false),
        };
        self.extensions = extensions;
        if !outcome? {
            return Ok(Vec::new());
        }
        self.rename(id, old_name);
        Ok(vec![self.record_user(id, before, at)])
    }

    fn bin_user(&mut self, reference: &str, at: Timestamp) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_user(reference)?;
        let change = self.last_change + 1;
        let (mut before, mut old_name) = (0, None);
        if let Some(user) = self.users.get_mut(&id) {
            before = user.object.changed;
            old_name = user.object.text(WELL_KNOWN.user_principal_name);
            user.object.presence = Presence::SoftDeleted(at);
            // The service frees the name by prefixing the object id.
            let renamed = format!("{}{}", id.simple(), old_name.clone().unwrap_or_default());
            user.object.set(WELL_KNOWN.user_principal_name, &json!(renamed), change);
        }
        self.rename(id, old_name);
        self.bin.insert((at, id));
        Ok(vec![self.record_user(id, before, at)])
    }

    fn purge_user(&mut self, reference: &str, at: Timestamp) -> Result<Vec<Touched>, CommandError> {
        let missing = || CommandError::NoUser(reference.to_owned());
        let id = self.user_id(reference).ok_or_else(missing)?;
        let Some(user) = self.users.get_mut(&id) else { return Err(missing()) };
        if user.object.presence == Presence::Purged {
            return Err(missing());
        }
        if let Presence::SoftDeleted(since) = user.object.presence {
            self.bin.remove(&(since, id));
        }
        let before = user.object.changed;
        user.object.presence = Presence::Purged;
        user.roles.clear();
        if let Some(name) = user.object.text(WELL_KNOWN.user_principal_name) {
            self.names.remove(&name.to_lowercase());
        }
        let mut touched = vec![Touched { purged: true, ..self.record_user(id, before, at) }];
        let groups: Vec<Uuid> = self.direct_groups(id).collect();
        for group in groups {
            touched.extend(self.set_membership(group, id, MemberKind::User, false, at));
        }
        Ok(touched)
    }

    fn restore_user(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let missing = || CommandError::NotInBin(reference.to_owned());
        let id = self.user_id(reference).ok_or_else(missing)?;
        let change = self.last_change + 1;
        let Some(user) = self.users.get_mut(&id) else { return Err(missing()) };
        let Presence::SoftDeleted(since) = user.object.presence else { return Err(missing()) };
        let before = user.object.changed;
        let binned_name = user.object.text(WELL_KNOWN.user_principal_name);
        let name = binned_name.clone().unwrap_or_default();
        let original = name.strip_prefix(&id.simple().to_string()).unwrap_or(&name).to_owned();
        if self.names.get(&original.to_lowercase()).is_some_and(|owner| *owner != id) {
            return Err(CommandError::Taken(original));
        }
        user.object.presence = Presence::Live;
        user.object.appeared = change;
        user.object.appeared_at = Some(at);
        user.object.set(WELL_KNOWN.user_principal_name, &json!(original), change);
        self.bin.remove(&(since, id));
        self.rename(id, binned_name);
        Ok(vec![self.record_user(id, before, at)])
    }

    fn set_manager(
        &mut self,
        reference: &str,
        manager: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_user(reference)?;
        let manager = manager.map(|name| self.require_user(name)).transpose()?;
        let change = self.last_change + 1;
        let Some(user) = self.users.get_mut(&id) else { return Ok(Vec::new()) };
        if user.manager == manager {
            return Ok(Vec::new());
        }
        user.manager = manager;
        user.manager_changed = change;
        let before = user.object.changed;
        Ok(vec![self.record_user(id, before, at)])
    }

    fn edit_roles(
        &mut self,
        reference: &str,
        edit: impl FnOnce(&mut Vec<Uuid>),
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_user(reference)?;
        if let Some(user) = self.users.get_mut(&id) {
            edit(&mut user.roles);
        }
        Ok(Vec::new())
    }

    fn create_group(
        &mut self,
        id: Option<Uuid>,
        properties: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = id.unwrap_or_else(Uuid::new_v4);
        if self.groups.contains_key(&id) {
            return Err(CommandError::Taken(id.to_string()));
        }
        required_text(properties, "displayName")?;
        let change = self.last_change + 1;
        let mut object = DirectoryObject::new(id, change);
        object.appeared_at = Some(at);
        let mut complete = properties.clone();
        complete.entry("securityEnabled").or_insert(Value::Bool(true));
        complete.entry("mailEnabled").or_insert(Value::Bool(false));
        complete.entry("groupTypes").or_insert(json!([]));
        complete.entry("createdDateTime").or_insert(json!(crate::graph::instant(at)));
        set_all(&mut object, &super::Catalogue::groups(), &complete, change)?;
        self.insert_group(Group { object, members: std::collections::BTreeMap::new() });
        Ok(vec![self.record_group(id, 0, at)])
    }

    fn update_group(
        &mut self,
        reference: &str,
        properties: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_group(reference)?;
        let change = self.last_change + 1;
        let Some(group) = self.groups.get_mut(&id) else { return Ok(Vec::new()) };
        let before = group.object.changed;
        let mut edited = group.object.clone();
        if !set_all(&mut edited, &super::Catalogue::groups(), properties, change)? {
            return Ok(Vec::new());
        }
        group.object = edited;
        Ok(vec![self.record_group(id, before, at)])
    }

    fn delete_group(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_group(reference)?;
        let Some(group) = self.groups.get_mut(&id) else { return Ok(Vec::new()) };
        let before = group.object.changed;
        let types = group.object.value(WELL_KNOWN.group_types);
        let unified = types.as_array().is_some_and(|types| types.contains(&json!("Unified")));
        group.object.presence = if unified { Presence::SoftDeleted(at) } else { Presence::Purged };
        // A soft-deleted group was reported as `updated` too; only a purge is `deleted`.
        let mut touched = vec![Touched { purged: !unified, ..self.record_group(id, before, at) }];
        if !unified {
            let parents: Vec<Uuid> = self.direct_groups(id).collect();
            for parent in parents {
                touched.extend(self.set_membership(parent, id, MemberKind::Group, false, at));
            }
        }
        Ok(touched)
    }

    fn restore_group(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let missing = || CommandError::NotInBin(reference.to_owned());
        let id = self.group_id(reference).ok_or_else(missing)?;
        let change = self.last_change + 1;
        let Some(group) = self.groups.get_mut(&id) else { return Err(missing()) };
        if !matches!(group.object.presence, Presence::SoftDeleted(_)) {
            return Err(missing());
        }
        let before = group.object.changed;
        group.object.presence = Presence::Live;
        group.object.appeared = change;
        group.object.appeared_at = Some(at);
        Ok(vec![self.record_group(id, before, at)])
    }

    fn change_member(
        &mut self,
        group: &str,
        member: &str,
        present: bool,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
        let group = self.require_group(group)?;
        let no_object = || CommandError::NoObject(member.to_owned());
        let by_name = self.user_id(member).or_else(|| self.group_id(member));
        let id = by_name.or_else(|| Uuid::try_parse(member).ok()).ok_or_else(no_object)?;
        let former = self.groups.get(&group).and_then(|group| group.members.get(&id));
        let kind = match (self.kind_of(id), former) {
            (Some(kind), _) => kind,
            (None, Some(former)) if !present => former.kind,
            (None, _) => return Err(no_object()),
        };
        Ok(self.set_membership(group, id, kind, present, at).into_iter().collect())
    }

    fn set_membership(
        &mut self,
        group_id: Uuid,
        member: Uuid,
        kind: MemberKind,
        present: bool,
        at: Timestamp,
    ) -> Option<Touched> {
        let change = self.last_change + 1;
        let group = self.groups.get_mut(&group_id)?;
        let was_present = group.members.get(&member).is_some_and(|known| known.present);
        if was_present == present {
            return None;
        }
        group.members.insert(member, Membership { kind, present, changed: change });
        let before = group.object.changed;
        let containing = self.containing.entry(member).or_default();
        if present {
            containing.insert(group_id);
        } else {
            containing.remove(&group_id);
        }
        let touched = self.record_group(group_id, before, at);
        Some(Touched { member: Some((member, kind, present)), ..touched })
    }

    fn record_user(&mut self, id: Uuid, before: ChangeNumber, at: Timestamp) -> Touched {
        self.last_change += 1;
        let change = self.last_change;
        if let Some(user) = self.users.get_mut(&id) {
            user.object.changed = change;
        }
        self.user_changes.record(id, before, change, at);
        Touched { kind: MemberKind::User, id, purged: false, change, member: None }
    }

    fn record_group(&mut self, id: Uuid, before: ChangeNumber, at: Timestamp) -> Touched {
        self.last_change += 1;
        let change = self.last_change;
        if let Some(group) = self.groups.get_mut(&id) {
            group.object.changed = change;
        }
        self.group_changes.record(id, before, change, at);
        Touched { kind: MemberKind::Group, id, purged: false, change, member: None }
    }

    fn require_user(&self, reference: &str) -> Result<Uuid, CommandError> {
        let user = self.live_user(reference);
        user.map(|user| user.object.id).ok_or_else(|| CommandError::NoUser(reference.to_owned()))
    }

    fn require_group(&self, reference: &str) -> Result<Uuid, CommandError> {
        self.group_id(reference)
            .filter(|id| self.live_group(*id).is_some())
            .ok_or_else(|| CommandError::NoGroup(reference.to_owned()))
    }

    fn check_name_free(&self, name: &str, id: Uuid) -> Result<(), CommandError> {
        match self.names.get(&name.to_lowercase()) {
            Some(owner) if *owner != id => Err(CommandError::Taken(name.to_owned())),
            _ => Ok(()),
        }
    }

    fn rename(&mut self, id: Uuid, old_name: Option<String>) {
        if let Some(old) = old_name {
            self.names.remove(&old.to_lowercase());
        }
        let name = self.users.get(&id).and_then(|u| u.object.text(WELL_KNOWN.user_principal_name));
        if let Some(name) = name {
            self.names.insert(name.to_lowercase(), id);
        }
    }
}

fn required_text<'a>(
    properties: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, CommandError> {
    match properties.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(CommandError::Required(name)),
    }
}

fn set_all(
    object: &mut DirectoryObject,
    catalogue: &super::Catalogue<'_>,
    properties: &Map<String, Value>,
    change: ChangeNumber,
) -> Result<bool, CommandError> {
    let mut changed = false;
    for (name, value) in properties {
        let known = catalogue.find(name).filter(|id| *id != super::properties::ID);
        let id = known.ok_or_else(|| CommandError::UnknownProperty(name.clone()))?;
        if !catalogue.accepts(id, value) {
            return Err(CommandError::WrongType(name.clone()));
        }
        changed |= object.set(id, value, change);
    }
    Ok(changed)
}

/// A changed `mail` becomes the primary address in `proxyAddresses`; the old one stays an alias.
fn add_mail_to_proxies(
    object: &mut DirectoryObject,
    properties: &Map<String, Value>,
    change: ChangeNumber,
) {
    let Some(mail) = properties.get("mail").and_then(Value::as_str) else { return };
    if properties.contains_key("proxyAddresses") {
        return;
    }
    let mut addresses = match object.value(WELL_KNOWN.proxy_addresses) {
        Value::Array(addresses) => addresses,
        _ => Vec::new(),
    };
    for address in &mut addresses {
        if let Some(old) = address.as_str().and_then(|text| text.strip_prefix("SMTP:")) {
            *address = json!(format!("smtp:{old}"));
        }
    }
    let alias = format!("smtp:{mail}");
    addresses.retain(|address| address.as_str().is_none_or(|a| !a.eq_ignore_ascii_case(&alias)));
    addresses.insert(0, json!(format!("SMTP:{mail}")));
    object.set(WELL_KNOWN.proxy_addresses, &Value::Array(addresses), change);
}
