//! Changes to a directory, as an administrator would make them.

mod groups;
mod people;
mod surroundings;
mod units;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Directory;
use super::calendar::CalendarEvent;
use super::members::MemberKind;
use super::object::{ChangeNumber, DirectoryObject};

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
    /// Fills a group up to so many direct members: people first, then service principals.
    FillGroup {
        /// Which group.
        group: String,
        /// How many direct members it shall have.
        members: u32,
    },
    /// Adds an administrative unit; `displayName` is required.
    CreateUnit {
        /// Object id; drawn unless given.
        #[serde(default)]
        id: Option<Uuid>,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Changes properties of an administrative unit.
    UpdateUnit {
        /// Which, by id or display name.
        unit: String,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Deletes an administrative unit.
    DeleteUnit {
        /// Which.
        unit: String,
    },
    /// Puts somebody or something directly into an administrative unit.
    AddToUnit {
        /// Into which.
        unit: String,
        /// A person, group or device.
        member: String,
    },
    /// Takes somebody or something out of an administrative unit.
    RemoveFromUnit {
        /// Out of which.
        unit: String,
        /// A person, group or device.
        member: String,
    },
    /// Adds a device; `displayName` is required.
    CreateDevice {
        /// Object id; drawn unless given.
        #[serde(default)]
        id: Option<Uuid>,
        /// Who registered it.
        #[serde(default)]
        owner: Option<String>,
        /// Whether Intune manages it.
        #[serde(default)]
        managed: bool,
        /// Properties by name.
        properties: Map<String, Value>,
    },
    /// Removes a device.
    DeleteDevice {
        /// Object id.
        device: Uuid,
    },
    /// Changes a person's row of the registration report.
    SetRegistration {
        /// Whose.
        user: String,
        /// Members of the row.
        properties: Map<String, Value>,
    },
    /// Gives a person a photo, another one than any before it, or takes it away.
    SetPhoto {
        /// Whose.
        user: String,
        /// Whether there is one.
        present: bool,
    },
    /// Puts an event into a person's calendar, under an id of its own.
    PutEvent {
        /// Whose calendar.
        user: String,
        /// Names the event in later changes.
        key: Uuid,
        /// The event.
        event: CalendarEvent,
    },
    /// Removes an event made by hand.
    RemoveEvent {
        /// Whose calendar.
        user: String,
        /// The name it was put under.
        key: Uuid,
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
    /// No such administrative unit.
    #[error("there is no administrative unit '{0}'")]
    NoUnit(String),
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
            DirectoryCommand::FillGroup { group, members } => self.fill_group(group, *members, at),
            DirectoryCommand::CreateUnit { id, properties } => self.create_unit(*id, properties),
            DirectoryCommand::UpdateUnit { unit, properties } => self.update_unit(unit, properties),
            DirectoryCommand::DeleteUnit { unit } => self.delete_unit(unit),
            DirectoryCommand::AddToUnit { unit, member } => self.move_in_unit(unit, member, true),
            DirectoryCommand::RemoveFromUnit { unit, member } => {
                self.move_in_unit(unit, member, false)
            }
            surroundings => self.change_surroundings(surroundings),
        }
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
