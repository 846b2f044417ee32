//! Reading and changing administrative units.

#![expect(clippy::needless_pass_by_value, reason = "ids and names are given as they are at hand")]

use std::fmt::Display;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Controls;
use super::directory::document;
use crate::directory::properties::Catalogue;
use crate::directory::{CommandError, DirectoryCommand};

impl Controls {
    /// Adds an administrative unit without members.
    pub fn create_unit(
        &self,
        tenant: impl Display,
        display_name: &str,
    ) -> Result<Uuid, CommandError> {
        let id = Uuid::new_v4();
        let properties = Map::from_iter([("displayName".to_owned(), json!(display_name))]);
        self.apply(tenant, DirectoryCommand::CreateUnit { id: Some(id), properties })?;
        Ok(id)
    }

    /// Deletes an administrative unit.
    pub fn delete_unit(
        &self,
        tenant: impl Display,
        unit: impl ToString,
    ) -> Result<(), CommandError> {
        self.apply(tenant, DirectoryCommand::DeleteUnit { unit: unit.to_string() }).map(drop)
    }

    /// Puts a person, group or device into an administrative unit.
    pub fn add_to_unit(
        &self,
        tenant: impl Display,
        unit: impl ToString,
        member: impl ToString,
    ) -> Result<(), CommandError> {
        let (unit, member) = (unit.to_string(), member.to_string());
        self.apply(tenant, DirectoryCommand::AddToUnit { unit, member }).map(drop)
    }

    /// Takes somebody or something out of an administrative unit.
    pub fn remove_from_unit(
        &self,
        tenant: impl Display,
        unit: impl ToString,
        member: impl ToString,
    ) -> Result<(), CommandError> {
        let (unit, member) = (unit.to_string(), member.to_string());
        self.apply(tenant, DirectoryCommand::RemoveFromUnit { unit, member }).map(drop)
    }

    /// All administrative units with the ids of their members.
    pub fn units(&self, tenant: impl Display) -> Result<Vec<Value>, CommandError> {
        self.read(tenant, |directory| {
            let units = directory.units.values().map(|unit| {
                let mut document = document(&unit.object, &Catalogue::units());
                document.insert("_members".to_owned(), json!(unit.members));
                Value::Object(document)
            });
            units.collect()
        })
    }
}
