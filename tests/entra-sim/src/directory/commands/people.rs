//! Changes to people.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{CommandError, Touched, required_text, set_all};
use crate::directory::members::MemberKind;
use crate::directory::object::{ChangeNumber, DirectoryObject, Presence};
use crate::directory::properties::Catalogue;
use crate::directory::{Directory, User, WELL_KNOWN};

impl Directory {
    pub(super) fn create_user(
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

    pub(super) fn update_user(
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
        let catalogue = Catalogue::users(&extensions);
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

    pub(super) fn bin_user(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
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

    pub(super) fn purge_user(
        &mut self,
        reference: &str,
        at: Timestamp,
    ) -> Result<Vec<Touched>, CommandError> {
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

    pub(super) fn restore_user(
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

    pub(super) fn set_manager(
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

    pub(super) fn edit_roles(
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
