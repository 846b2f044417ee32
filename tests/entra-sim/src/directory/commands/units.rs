//! Changes of administrative units. No subscription tells of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{CommandError, Touched, required_text, set_all};
use crate::directory::Directory;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::Catalogue;
use crate::directory::units::Unit;

impl Directory {
    pub(super) fn create_unit(
        &mut self,
        id: Option<Uuid>,
        properties: &Map<String, Value>,
    ) -> Result<Vec<Touched>, CommandError> {
        required_text(properties, "displayName")?;
        let id = id.unwrap_or_else(Uuid::new_v4);
        if self.units.contains_key(&id) {
            return Err(CommandError::Taken(id.to_string()));
        }
        let mut object = DirectoryObject::new(id, 0);
        set_all(&mut object, &Catalogue::units(), properties, 0)?;
        self.units.insert(id, Unit { object, members: BTreeSet::new() });
        Ok(Vec::new())
    }

    pub(super) fn update_unit(
        &mut self,
        reference: &str,
        properties: &Map<String, Value>,
    ) -> Result<Vec<Touched>, CommandError> {
        let unit = self.require_unit(reference)?;
        let mut edited = unit.object.clone();
        set_all(&mut edited, &Catalogue::units(), properties, 0)?;
        unit.object = edited;
        Ok(Vec::new())
    }

    pub(super) fn delete_unit(&mut self, reference: &str) -> Result<Vec<Touched>, CommandError> {
        let id = self.require_unit(reference)?.object.id;
        self.units.remove(&id);
        Ok(Vec::new())
    }

    pub(super) fn move_in_unit(
        &mut self,
        reference: &str,
        member: &str,
        present: bool,
    ) -> Result<Vec<Touched>, CommandError> {
        let named = self.user_id(member).or_else(|| self.group_id(member));
        let id = named
            .or_else(|| Uuid::try_parse(member).ok())
            .filter(|id| !present || self.kind_of(*id).is_some())
            .ok_or_else(|| CommandError::NoObject(member.to_owned()))?;
        let members = &mut self.require_unit(reference)?.members;
        if present {
            members.insert(id);
        } else {
            members.remove(&id);
        }
        Ok(Vec::new())
    }

    fn require_unit(&mut self, reference: &str) -> Result<&mut Unit, CommandError> {
        let missing = || CommandError::NoUnit(reference.to_owned());
        let id = self.unit_id(reference).ok_or_else(missing)?;
        self.units.get_mut(&id).ok_or_else(missing)
    }
}
