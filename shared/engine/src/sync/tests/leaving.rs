//! Whoever is outside the scope gets no value written, whatever changes meanwhile.

use std::collections::BTreeMap;

use contact_sync_domain::contact::{Contact, ContactStatus, LinkState};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::settings::{
    AllOr, DisabledAccounts, GroupScope, RemovalAction, Scope, Settings,
};

use jiff::SignedDuration;

use super::chance::Chance;
use super::nastiness::{DEPARTMENTS, group, person, scene};
use super::replay::settle;
use super::scene::{Scene, connection_id, contact_id};
use crate::port::{Group, StoredContact};

const PEOPLE: u128 = 20;

const ACTIONS: [RemovalAction; 6] = [
    RemovalAction::Keep,
    RemovalAction::StopUpdating,
    RemovalAction::Review,
    RemovalAction::Unlink,
    RemovalAction::Deactivate,
    RemovalAction::Delete,
];

fn drawn_scope(chance: &mut Chance) -> Scope {
    let any = |values: &[&str]| AllOr::Any(values.iter().map(|one| (*one).to_owned()).collect());
    let mut scope = Scope::default();
    if chance.once_in(2) {
        scope.user_types = AllOr::All;
    }
    if chance.once_in(2) {
        scope.departments = any(&[chance.pick(&["Sales", "Research"])]);
    }
    if chance.once_in(3) {
        scope.groups = AllOr::Any(GroupScope { any: vec![group()], include_nested: true });
    }
    scope.disabled_accounts = chance.pick(&[DisabledAccounts::Exclude, DisabledAccounts::Include]);
    if chance.once_in(3) {
        scope.ignored_users = (1..4).map(ObjectId::from_u128).collect();
    }
    scope
}

/// Whether a scope means a user, worked out here.
fn means(scope: &Scope, members: &[ObjectId], user: &DirectoryUser) -> bool {
    let holds = |any: &AllOr<Vec<String>>, name: &str| match any {
        AllOr::All => true,
        AllOr::Any(any) => user.text(name).is_some_and(|value| {
            any.iter().any(|one| one.trim().eq_ignore_ascii_case(value.trim()))
        }),
    };
    holds(&scope.user_types, "userType")
        && holds(&scope.departments, "department")
        && (scope.groups == AllOr::All || members.contains(&user.id))
        && (scope.disabled_accounts != DisabledAccounts::Exclude
            || user.account_enabled() == Some(true))
        && !scope.ignored_users.contains(&user.id)
}

/// The contact of each user that stands.
fn contacts(scene: &Scene) -> BTreeMap<ContactId, Contact> {
    let world = scene.worker.stores.world();
    let present = world.contacts.iter().filter_map(|(id, stored)| match stored {
        StoredContact::Present(contact) => Some((id.clone(), Contact::clone(contact))),
        StoredContact::Tombstone { .. } => None,
    });
    present.collect()
}

fn set(scene: &Scene, chance: &mut Chance, before: &Settings, action: RemovalAction) -> Scope {
    let scope = drawn_scope(chance);
    let changed = scope.clone();
    let settings = before.clone();
    scene.set_settings(|next| {
        *next = settings;
        next.scope = changed;
        let removal = &mut next.policies.removal;
        for cause in [
            &mut removal.soft_deleted,
            &mut removal.hard_deleted,
            &mut removal.out_of_scope,
            &mut removal.left_group,
            &mut removal.disabled,
        ] {
            *cause = action;
        }
        let most = GuardLimits { max_count: 1_000, max_percent: 100.0, ..GuardLimits::default() };
        next.policies.guard = most;
    });
    scope
}

#[tokio::test]
async fn what_leaves_the_scope_is_never_written() {
    for seed in 0..60 {
        let mut chance = Chance::of(seed ^ 0x1eaf);
        let mut scene = scene(seed, PEOPLE);
        let before = scene.worker.stores.world().settings[&connection_id()][0].settings.clone();
        let action = chance.pick(&ACTIONS);
        set(&scene, &mut chance, &before, action);
        scene.full().await;
        for round in 0..3 {
            let told = format!("seed {seed}, round {round}, {action:?}");
            let stood = contacts(&scene);
            let scope = set(&scene, &mut chance, &before, action);
            let members = disturb(&scene, &mut chance);
            // The guard's window is another.
            scene.pass(SignedDuration::from_hours(25));
            if chance.once_in(2) {
                scene.full().await;
            } else {
                scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
                settle(&mut scene, RunKind::Full).await;
                scene.pass(SignedDuration::from_hours(25));
                // New groups or attributes make it look at everybody; a new scope alone does not.
                scene.full().await;
            }
            check(&scene, &scope, &members, &stood, action, &told);
        }
    }
}

/// People and the group change.
fn disturb(scene: &Scene, chance: &mut Chance) -> Vec<ObjectId> {
    let mut entra = scene.worker.directory.inner.entra();
    for number in 1..=PEOPLE {
        match chance.below(6) {
            0 | 1 => entra.put_user(person(chance, number, PEOPLE)),
            2 => {
                let id = ObjectId::from_u128(number);
                if let Some(user) = entra.users.get(&id).cloned() {
                    let department = chance.pick(&DEPARTMENTS);
                    let mut user = user;
                    user.attributes.insert("department".into(), department.into());
                    entra.put_user(user);
                }
            }
            3 if number == 5 => entra.remove_user(&ObjectId::from_u128(5)),
            _ => {}
        }
    }
    let everybody: Vec<ObjectId> = entra.users.keys().cloned().collect();
    let members: Vec<ObjectId> = everybody.into_iter().filter(|_| chance.once_in(2)).collect();
    let made = Group { id: group(), display_name: None };
    entra.put_group(made, members.clone(), Vec::new());
    members
}

fn check(
    scene: &Scene,
    scope: &Scope,
    members: &[ObjectId],
    stood: &BTreeMap<ContactId, Contact>,
    action: RemovalAction,
    told: &str,
) {
    let now = contacts(scene);
    let entra = scene.worker.directory.inner.entra();
    let is_meant =
        |id: &ObjectId| entra.users.get(id).is_some_and(|user| means(scope, members, user));
    for (id, contact) in &now {
        if let Some(link) = &contact.link
            && !is_meant(&link.object_id)
        {
            let before = stood.get(id).unwrap_or_else(|| panic!("{told}: {id} was made"));
            assert_eq!(contact.fields, before.fields, "{told}: {id}");
            assert_eq!(contact.custom, before.custom, "{told}: {id}");
            let inactive = action == RemovalAction::Deactivate;
            assert!(contact.status == before.status || inactive, "{told}: {id}");
            assert!(
                link.state != LinkState::Linked || action == RemovalAction::Keep,
                "{told}: {id}"
            );
        }
    }
    for (id, contact) in stood {
        let Some(link) = &contact.link else { continue };
        if is_meant(&link.object_id) {
            continue;
        }
        match now.get(id) {
            None => assert_eq!(action, RemovalAction::Delete, "{told}: {id} is gone"),
            Some(now) if now.link.is_none() => {
                assert_eq!(action, RemovalAction::Unlink, "{told}: {id} was unlinked");
                assert_eq!(now.fields, contact.fields, "{told}: {id}");
            }
            Some(_) => {}
        }
    }
    for number in 1..=PEOPLE {
        let user = ObjectId::from_u128(number);
        let own = contact_id(number);
        if !is_meant(&user) && !stood.contains_key(&own) {
            assert!(!now.contains_key(&own), "{told}: {user} got a contact");
        }
    }
    assert!(
        now.values().all(|contact| contact.status != ContactStatus::Inactive
            || action == RemovalAction::Deactivate)
    );
}
