//! Generated administrative units: two regions, one with a group and a device in it, one that hides
//! its members, one without any.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{PeopleMaker, Role, role};
use crate::directory::Directory;
use crate::directory::members::MemberKind;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::Catalogue;
use crate::directory::units::Unit;
use crate::identifiers::seeded_guid;

/// Adds the units of a tenant; people and groups must be there.
pub(super) fn add_units(directory: &mut Directory, maker: &PeopleMaker<'_>) {
    let everyone = (0..maker.users()).filter(|number| role(*number) != Role::Guest);
    let (mut north, mut south) = (BTreeSet::new(), BTreeSet::new());
    for number in everyone {
        match number % 3 {
            0 => north.insert(maker.id(number)),
            1 => south.insert(maker.id(number)),
            _ => false,
        };
    }
    let hidden = north.iter().take(2).copied().collect();
    let is_device = |kind: MemberKind| kind == MemberKind::Device;
    let device = directory.others.iter().find(|(_, other)| is_device(other.kind));
    // People of a group in a unit are not in the unit.
    south.extend(device.map(|(id, _)| *id));
    south.extend(directory.group_id("Sales"));
    for (name, members) in [
        ("Region North", north),
        ("Region South", south),
        ("Works Council", hidden),
        ("New Region", BTreeSet::new()),
    ] {
        let id = seeded_guid(maker.seed, &format!("unit/{}/{name}", maker.tenant), 0);
        directory.units.insert(id, unit(id, name, members));
    }
}

fn unit(id: Uuid, name: &str, members: BTreeSet<Uuid>) -> Unit {
    let catalogue = Catalogue::units();
    let mut object = DirectoryObject::new(id, 0);
    let mut set = |property: &str, value: Value| {
        if let Some(property) = catalogue.find(property) {
            object.set(property, &value, 0);
        }
    };
    set("displayName", json!(name));
    set("description", json!(format!("{name}, with admins of its own")));
    set("isMemberManagementRestricted", json!(false));
    if name == "Works Council" {
        set("visibility", json!("HiddenMembership"));
    }
    Unit { object, members }
}
