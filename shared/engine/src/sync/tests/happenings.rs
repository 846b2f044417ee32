//! Twelve people to whom anything may happen, all of it drawn from a seed.

use contact_sync_domain::account::{CustomField, CustomFieldType};
use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::settings::{
    DisabledAccounts, FieldPolicy, LinkMode, MappingRow, OnLeave, RemovalAction, Settings,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::chance::Chance;
use super::scene::{Scene, account_id, user};
use super::takeovers::by_staff_number;
use super::teams::{self, NORTH, SOUTH, put_group, row};
use super::undo_scene::edit;
use crate::port::StoredContact;

/// How many people there are at first.
pub(super) const PEOPLE: u128 = 12;

/// The last of those who may come.
const NEWCOMERS: u128 = PEOPLE + 4;

/// How many contacts people made.
const LOCALS: u128 = 3;

/// What people write by hand: two fields that sync writes, two that it does not.
const BY_HAND: [ContactField; 4] = [
    ContactField::JobTitle,
    ContactField::Department,
    ContactField::City,
    ContactField::OfficeLocation,
];

/// Settings that many could have made.
fn settings(chance: &mut Chance) -> impl FnOnce(&mut Settings) + use<> {
    let mut action = || {
        use RemovalAction as A;
        chance.pick(&[A::Delete, A::Delete, A::Deactivate, A::Unlink, A::StopUpdating, A::Keep])
    };
    let (soft, hard, out, disabled) = (action(), action(), action(), action());
    let link = chance.pick(&[LinkMode::Auto, LinkMode::Auto, LinkMode::Review]);
    let accounts = chance.pick(&[DisabledAccounts::Exclude, DisabledAccounts::IncludeAsInactive]);
    let policy = chance.pick(&[FieldPolicy::Overwrite, FieldPolicy::FillIfEmpty]);
    let floor = chance.pick(&["[officeLocation]", "[city]"]);
    let ignored = chance.once_in(3).then(|| anybody(chance));
    let on_leave = chance.pick(&[OnLeave::Remove, OnLeave::Keep]);
    move |settings| {
        by_staff_number(settings);
        settings.policies.link = link;
        let removal = &mut settings.policies.removal;
        (removal.soft_deleted, removal.hard_deleted) = (soft, hard);
        (removal.out_of_scope, removal.disabled) = (out, disabled);
        settings.policies.guard = GuardLimits { max_count: 100, ..GuardLimits::default() };
        settings.scope.disabled_accounts = accounts;
        settings.scope.ignored_users = ignored.map(ObjectId::from_u128).into_iter().collect();
        for row in &mut settings.mapping {
            if row.target == "jobTitle" {
                row.policy = Some(policy);
            }
        }
        settings.mapping.push(MappingRow {
            target: "custom.floor".to_owned(),
            source: floor.to_owned(),
            required: false,
            policy: None,
            when_empty: None,
            default: None,
        });
        settings.teams = vec![row(1, NORTH, OnLeave::Remove), row(2, SOUTH, on_leave)];
    }
}

fn number(chance: &mut Chance, last: u128) -> u128 {
    1 + u128::from(chance.next()) % last
}

fn anybody(chance: &mut Chance) -> u128 {
    number(chance, PEOPLE)
}

fn word(chance: &mut Chance) -> Value {
    chance.pick(&[Value::Null, json!("One"), json!("Two"), json!("Three")])
}

/// A directory, contacts that people made, settings and teams; nothing has been synced.
pub(super) fn scene(chance: &mut Chance) -> Scene {
    let scene = teams::scene(PEOPLE, settings(chance));
    let floor = CustomField {
        key: "floor".to_owned(),
        label: "Floor".to_owned(),
        kind: CustomFieldType::Text,
        required: false,
        options: Vec::new(),
    };
    scene.worker.stores.world().accounts.get_mut(&account_id()).unwrap().custom_fields.push(floor);
    for local in 1..=LOCALS {
        let staff_number = format!("E-{local}");
        let staff_number = chance.once_in(2).then_some(staff_number.as_str());
        scene.put_local(local, &format!("local{local}@by.hand"), staff_number);
    }
    regroup(&scene, chance);
    for _ in 0..4 {
        changes(&scene, chance);
    }
    scene
}

fn regroup(scene: &Scene, chance: &mut Chance) {
    let group = chance.pick(&[1, 2]);
    let members: Vec<u128> = (1..=PEOPLE).filter(|_| chance.once_in(3)).collect();
    put_group(scene, group, members, &[]);
}

/// One thing happens in the directory, or to the settings.
pub(super) fn happens(scene: &Scene, chance: &mut Chance) {
    match chance.below(12) {
        0 => scene.set_settings(settings(chance)),
        1 => regroup(scene, chance),
        2 | 3 => {
            let leaver = ObjectId::from_u128(number(chance, NEWCOMERS));
            let mut entra = scene.worker.directory.inner.entra();
            if entra.users.contains_key(&leaver) && chance.once_in(2) {
                entra.delete_user(&leaver);
            } else {
                entra.remove_user(&leaver);
            }
        }
        4 | 5 => {
            let comes = number(chance, NEWCOMERS);
            scene.worker.directory.inner.entra().put_user(user(comes));
            changes(scene, chance);
        }
        6 | 7 => addresses_change_hands(scene, chance),
        _ => changes(scene, chance),
    }
}

/// Somebody's attributes change.
fn changes(scene: &Scene, chance: &mut Chance) {
    let who = number(chance, NEWCOMERS);
    let change = match chance.below(8) {
        0 => json!({"accountEnabled": chance.once_in(2)}),
        1 => json!({"mail": format!("local{}@by.hand", number(chance, LOCALS))}),
        2 => json!({"mail": format!("fresh{}@contoso.example", chance.below(9))}),
        3 => json!({"employeeId": format!("E-{}", number(chance, LOCALS + 2))}),
        4 => json!({"officeLocation": word(chance), "city": word(chance)}),
        _ => json!({"jobTitle": word(chance), "department": word(chance)}),
    };
    with(scene, who, &change);
}

/// Some attributes of somebody who is there are these from now on.
pub(super) fn with(scene: &Scene, who: u128, change: &Value) {
    let mut entra = scene.worker.directory.inner.entra();
    let Some(mut known) = entra.users.get(&ObjectId::from_u128(who)).cloned() else { return };
    known.attributes.extend(change.as_object().unwrap().clone());
    entra.put_user(known);
}

/// Two or three people each get the address of the next.
fn addresses_change_hands(scene: &Scene, chance: &mut Chance) {
    let mut people: Vec<DirectoryUser> =
        scene.worker.directory.inner.entra().users.values().cloned().collect();
    chance.shuffle(&mut people);
    people.truncate(chance.pick(&[2, 2, 3]));
    let addresses: Vec<Value> = people.iter().map(|one| json!(one.text("mail"))).collect();
    for (place, one) in people.iter().enumerate() {
        let next = &addresses[(place + 1) % addresses.len()];
        with(scene, one.id.as_u128(), &json!({"mail": next}));
    }
}

/// Somebody edits or protects a contact by hand; whose, where there is any.
pub(super) async fn edits(scene: &Scene, chance: &mut Chance) -> Option<ContactId> {
    scene.pass(SignedDuration::from_mins(1));
    let among: Vec<ContactId> = contacts(scene).into_iter().map(|contact| contact.id).collect();
    let id = among.get(chance.below(among.len().max(1)))?.clone();
    if chance.once_in(6) {
        let mut world = scene.worker.stores.world();
        let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&id) else {
            return None;
        };
        contact.protected = !contact.protected;
        contact.version += 1;
    } else {
        let value = chance.pick(&[None, Some("by hand"), Some("by hand, too")]);
        let field = chance.pick(&BY_HAND);
        edit(scene, &id, field, value).await;
    }
    Some(id)
}

/// Every contact that stands.
pub(super) fn contacts(scene: &Scene) -> Vec<Contact> {
    let world = scene.worker.stores.world();
    let standing = world.contacts.values().filter_map(|stored| match stored {
        StoredContact::Present(contact) => Some(Contact::clone(contact)),
        StoredContact::Tombstone { .. } => None,
    });
    standing.collect()
}
