//! Reading and changing directories.

#![expect(clippy::needless_pass_by_value, reason = "ids and names are given as they are at hand")]

use std::fmt::Display;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Controls;
use crate::command::Command;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::{Catalogue, PropertyId};
use crate::directory::{CommandError, Directory, DirectoryCommand, Group, Presence, User};

impl Controls {
    /// Applies a change of a directory; answers the id of the object it touched first.
    pub fn apply(
        &self,
        tenant: impl Display,
        command: DirectoryCommand,
    ) -> Result<Option<Uuid>, CommandError> {
        let tenant = self.tenant_id(tenant)?;
        let command = with_id(command);
        let touched = self.sim.execute(Command::Directory { tenant, command })?;
        Ok(touched.first().map(|touched| touched.id))
    }

    /// Adds a person; `userPrincipalName` and `displayName` are required.
    pub fn create_user(
        &self,
        tenant: impl Display,
        properties: Value,
    ) -> Result<Uuid, CommandError> {
        let id = Uuid::new_v4();
        let properties = object(properties);
        self.apply(tenant, DirectoryCommand::CreateUser { id: Some(id), properties })?;
        Ok(id)
    }

    /// Changes a person's properties; `null` clears.
    pub fn update_user(
        &self,
        tenant: impl Display,
        user: impl ToString,
        properties: Value,
    ) -> Result<(), CommandError> {
        let (user, properties) = (user.to_string(), object(properties));
        self.apply(tenant, DirectoryCommand::UpdateUser { user, properties }).map(drop)
    }

    /// Moves a person to the recycle bin.
    pub fn delete_user(
        &self,
        tenant: impl Display,
        user: impl ToString,
    ) -> Result<(), CommandError> {
        let user = user.to_string();
        self.apply(tenant, DirectoryCommand::DeleteUser { user, permanent: false }).map(drop)
    }

    /// Deletes a person for good.
    pub fn purge_user(
        &self,
        tenant: impl Display,
        user: impl ToString,
    ) -> Result<(), CommandError> {
        let user = user.to_string();
        self.apply(tenant, DirectoryCommand::DeleteUser { user, permanent: true }).map(drop)
    }

    /// Brings a person back from the recycle bin.
    pub fn restore_user(
        &self,
        tenant: impl Display,
        user: impl ToString,
    ) -> Result<(), CommandError> {
        let user = user.to_string();
        self.apply(tenant, DirectoryCommand::RestoreUser { user }).map(drop)
    }

    /// Adds a security group.
    pub fn create_group(
        &self,
        tenant: impl Display,
        display_name: &str,
    ) -> Result<Uuid, CommandError> {
        let id = Uuid::new_v4();
        let properties = object(json!({ "displayName": display_name }));
        self.apply(tenant, DirectoryCommand::CreateGroup { id: Some(id), properties })?;
        Ok(id)
    }

    /// Deletes a group.
    pub fn delete_group(
        &self,
        tenant: impl Display,
        group: impl ToString,
    ) -> Result<(), CommandError> {
        let group = group.to_string();
        self.apply(tenant, DirectoryCommand::DeleteGroup { group }).map(drop)
    }

    /// Puts a person, group or other object directly into a group.
    pub fn add_member(
        &self,
        tenant: impl Display,
        group: impl ToString,
        member: impl ToString,
    ) -> Result<(), CommandError> {
        let (group, member) = (group.to_string(), member.to_string());
        self.apply(tenant, DirectoryCommand::AddMember { group, member }).map(drop)
    }

    /// Takes a direct member out of a group.
    pub fn remove_member(
        &self,
        tenant: impl Display,
        group: impl ToString,
        member: impl ToString,
    ) -> Result<(), CommandError> {
        let (group, member) = (group.to_string(), member.to_string());
        self.apply(tenant, DirectoryCommand::RemoveMember { group, member }).map(drop)
    }

    /// Everybody in the directory, the recycle bin included, with all properties ever set and
    /// `_state` (`live`, `softDeleted`, `purged`).
    pub fn users(&self, tenant: impl Display) -> Result<Vec<Value>, CommandError> {
        self.read(tenant, |directory| {
            directory.users.values().map(|user| user_document(directory, user)).collect()
        })
    }

    /// People whose names, addresses or id contain `query`, at most `limit`.
    pub fn find_users(
        &self,
        tenant: impl Display,
        query: &str,
        limit: usize,
    ) -> Result<Vec<Value>, CommandError> {
        let query = query.to_lowercase();
        self.read(tenant, |directory| {
            let known = &*crate::directory::WELL_KNOWN;
            let fits = |user: &&User| {
                let texts = [known.display_name, known.user_principal_name, known.mail];
                user.object.presence != Presence::Purged
                    && (query.is_empty()
                        || user.object.id.to_string() == query
                        || texts
                            .into_iter()
                            .filter_map(|property| user.object.text(property))
                            .any(|text| text.to_lowercase().contains(&query)))
            };
            let found = directory.users.values().filter(fits).take(limit);
            found.map(|user| user_document(directory, user)).collect()
        })
    }

    /// One person with all properties ever set; deleted people are found by id.
    pub fn user(
        &self,
        tenant: impl Display,
        user: impl ToString,
    ) -> Result<Option<Value>, CommandError> {
        let user = user.to_string();
        self.read(tenant, |directory| {
            let id = directory.user_id(&user)?;
            directory.users.get(&id).map(|user| user_document(directory, user))
        })
    }

    /// All groups with their direct members.
    pub fn groups(&self, tenant: impl Display) -> Result<Vec<Value>, CommandError> {
        self.read(tenant, |directory| directory.groups.values().map(group_document).collect())
    }

    /// All groups with `_memberCount` instead of their members.
    pub fn group_list(&self, tenant: impl Display) -> Result<Vec<Value>, CommandError> {
        self.read(tenant, |directory| {
            let listed = |group: &Group| {
                let mut document = document(&group.object, &Catalogue::groups());
                let present = group.members.values().filter(|membership| membership.present);
                document.insert("_memberCount".to_owned(), json!(present.count()));
                Value::Object(document)
            };
            directory.groups.values().map(listed).collect()
        })
    }

    /// The people in a group, directly or nested, that are not deleted.
    pub fn people_in(&self, tenant: impl Display, group: &str) -> Result<Vec<Uuid>, CommandError> {
        self.read(tenant, |directory| {
            let mut people = std::collections::BTreeSet::new();
            for id in
                directory.group_id(group).map(|id| directory.nested_groups(id)).iter().flatten()
            {
                let members = directory.live_group(*id).map(|group| &group.members);
                people.extend(members.into_iter().flatten().filter_map(|(member, membership)| {
                    let user = directory.users.get(member)?;
                    (membership.present && user.object.is_live()).then_some(*member)
                }));
            }
            people.into_iter().collect()
        })
    }

    /// All devices with `_owner` and `_managedDeviceId`.
    pub fn devices(&self, tenant: impl Display) -> Result<Vec<Value>, CommandError> {
        self.read(tenant, |directory| {
            let listed = |device: &crate::directory::devices::Device| {
                let mut document = document(&device.object, &Catalogue::devices());
                let managed = device.managed.as_ref().map(|record| record.id);
                document.insert("_owner".to_owned(), json!(device.owner));
                document.insert("_managedDeviceId".to_owned(), json!(managed));
                Value::Object(document)
            };
            directory.devices().values().map(listed).collect()
        })
    }

    pub(super) fn read<T>(
        &self,
        tenant: impl Display,
        read: impl FnOnce(&Directory) -> T,
    ) -> Result<T, CommandError> {
        let id = self.tenant_id(tenant)?;
        let world = self.sim.world();
        let tenant = world.tenant(id).ok_or_else(|| CommandError::NoTenant(id.to_string()))?;
        Ok(read(&tenant.directory))
    }
}

/// Draws the id of a new object before the change is journaled: a replay makes the same one.
fn with_id(command: DirectoryCommand) -> DirectoryCommand {
    match command {
        DirectoryCommand::CreateUser { id: None, properties } => {
            DirectoryCommand::CreateUser { id: Some(Uuid::new_v4()), properties }
        }
        DirectoryCommand::CreateGroup { id: None, properties } => {
            DirectoryCommand::CreateGroup { id: Some(Uuid::new_v4()), properties }
        }
        DirectoryCommand::CreateUnit { id: None, properties } => {
            DirectoryCommand::CreateUnit { id: Some(Uuid::new_v4()), properties }
        }
        DirectoryCommand::CreateDevice { id: None, owner, managed, properties } => {
            DirectoryCommand::CreateDevice { id: Some(Uuid::new_v4()), owner, managed, properties }
        }
        other => other,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn user_document(directory: &Directory, user: &User) -> Value {
    let catalogue = directory.user_catalogue();
    let mut document = document(&user.object, &catalogue);
    document.insert("_manager".to_owned(), json!(user.manager));
    document.insert("_roles".to_owned(), json!(user.roles));
    Value::Object(document)
}

fn group_document(group: &Group) -> Value {
    let mut document = document(&group.object, &Catalogue::groups());
    let members: Vec<Value> = group
        .members
        .iter()
        .filter(|(_, membership)| membership.present)
        .map(|(id, membership)| json!({ "id": id, "type": membership.kind.type_name() }))
        .collect();
    document.insert("_members".to_owned(), json!(members));
    Value::Object(document)
}

pub(super) fn document(object: &DirectoryObject, catalogue: &Catalogue<'_>) -> Map<String, Value> {
    let listed = (0..catalogue.properties.len()).filter_map(|index| u16::try_from(index).ok());
    let extensions = (0..catalogue.extensions.len())
        .filter_map(|index| u16::try_from(index).ok())
        .map(|index| index + crate::directory::properties::FIRST_EXTENSION);
    let mut members = Map::new();
    members.insert("id".to_owned(), json!(object.id));
    for property in listed.chain(extensions).map(PropertyId) {
        if object.json(property).is_some() {
            members.insert(catalogue.name(property).to_owned(), object.value(property));
        }
    }
    let state = match object.presence {
        Presence::Live => "live",
        Presence::SoftDeleted(_) => "softDeleted",
        Presence::Purged => "purged",
    };
    members.insert("_state".to_owned(), json!(state));
    members
}
