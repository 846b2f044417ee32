//! Administrative units: who is directly in each. Nobody is in one by a group that is in it.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Directory;
use super::object::DirectoryObject;
use super::properties::Catalogue;

/// An administrative unit.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) object: DirectoryObject,
    /// People, groups and devices.
    pub(crate) members: BTreeSet<Uuid>,
}

impl Unit {
    pub(crate) fn text(&self, property: &str) -> Option<String> {
        self.object.text(Catalogue::units().find(property)?)
    }
}

impl Directory {
    /// The id behind a unit's id or display name.
    pub(crate) fn unit_id(&self, reference: &str) -> Option<Uuid> {
        if let Ok(id) = Uuid::try_parse(reference) {
            return self.units.contains_key(&id).then_some(id);
        }
        let is_meant = |unit: &&Unit| unit.text("displayName").as_deref() == Some(reference);
        self.units.values().find(is_meant).map(|unit| unit.object.id)
    }
}
