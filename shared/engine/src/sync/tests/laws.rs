//! What holds for every directory, drawn by a seed that a failure names: the order of people and
//! the borders of pages do not matter, and doing it twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::review::ReviewItem;
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use serde_json::json;

use super::chance::Chance;
use super::nastiness::{person, scene};
use super::replay::settle;
use super::scene::{Scene, connection_id, contact_id};
use crate::port::StoredContact;

/// How many people a directory has.
const PEOPLE: u128 = 24;

/// Who leaves. Nobody comes with his staff number: whether somebody seems to have been made anew can
/// be seen only by whoever is read after he was.
const LEAVER: u128 = 1;

/// The address that a user asks for.
fn wanted(user: &DirectoryUser) -> String {
    let mail = user.text("mail").filter(|mail| !mail.trim().is_empty());
    email_key(mail.or_else(|| user.text("userPrincipalName")).unwrap())
}

/// Groups of people who want one address: which of them gets it, where no other contact has it, is
/// left to who was read first, and stays so.
fn sharers<'u>(users: impl Iterator<Item = &'u DirectoryUser>) -> BTreeMap<ObjectId, String> {
    let mut by_address: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    for user in users {
        by_address.entry(wanted(user)).or_default().push(user.id.clone());
    }
    let shared = by_address.into_iter().filter(|(_, people)| people.len() > 1);
    shared
        .flat_map(|(address, people)| people.into_iter().map(move |user| (user, address.clone())))
        .collect()
}

/// Everything that a person could see, without when; of those who share an address, how many got
/// what.
fn told(scene: &Scene, run: &Run, shared: &BTreeMap<ObjectId, String>) -> Vec<String> {
    let world = scene.worker.stores.world();
    let of_shared: BTreeSet<ContactId> =
        shared.keys().map(|user| contact_id(user.as_u128())).collect();
    let mut told = vec![format!("{:?} {:?} {:?}", run.status, run.reason, run.counts)];
    for stored in world.contacts.values() {
        let StoredContact::Present(contact) = stored else {
            told.push("a tombstone".to_owned());
            continue;
        };
        told.push(contact_told(contact, shared, &of_shared));
    }
    told.extend(world.reviews.values().map(|item| question_told(item, shared, &of_shared)));
    for membership in world.memberships.values() {
        let contact = &membership.contact_id;
        if !of_shared.contains(contact) {
            told.push(format!("{contact} in {} {:?}", membership.team_id, membership.held_by()));
        }
    }
    told.sort();
    told
}

fn contact_told(
    contact: &Contact,
    shared: &BTreeMap<ObjectId, String>,
    of_shared: &BTreeSet<ContactId>,
) -> String {
    let link = contact.link.as_ref();
    match link.and_then(|link| shared.get(&link.object_id)) {
        Some(address) if of_shared.contains(&contact.id) => {
            format!("made for {address}")
        }
        _ => format!(
            "{} {:?} {:?} {:?} {:?}",
            contact.id,
            contact.fields,
            contact.status,
            contact.managed_fields,
            link.map(|link| (&link.object_id, link.state))
        ),
    }
}

fn question_told(
    item: &ReviewItem,
    shared: &BTreeMap<ObjectId, String>,
    of_shared: &BTreeSet<ContactId>,
) -> String {
    let user = &item.user.object_id;
    let who = shared.get(user).cloned().unwrap_or_else(|| user.to_string());
    let candidates: Vec<String> = item
        .candidates
        .iter()
        .map(|id| if of_shared.contains(id) { "a sharer's".to_owned() } else { id.to_string() })
        .collect();
    let contact = item.contact_id.as_ref().filter(|id| !of_shared.contains(id));
    let changes = if shared.contains_key(user) { Vec::new() } else { item.changes.clone() };
    format!(
        "{:?} {who} {:?} {candidates:?} {changes:?} {:?} {:?}",
        item.list, contact, item.reason, item.suggested
    )
}

fn disorder(scene: &mut Scene, chance: &mut Chance) {
    let mut order: Vec<ObjectId> = (1..=PEOPLE).map(ObjectId::from_u128).collect();
    chance.shuffle(&mut order);
    *scene.worker.directory.order.lock().unwrap() = order;
    scene.pages_of(chance.pick(&[1, 2, 3, 5, 8, 100]));
}

/// Who shares an address, and nobody's manager among them: whose contact a manager has is told by
/// its id.
fn arranged(seed: u64) -> (Scene, BTreeMap<ObjectId, String>) {
    let scene = scene(seed, PEOPLE);
    let mut entra = scene.worker.directory.inner.entra();
    let shared = sharers(entra.users.values());
    for user in entra.users.values_mut() {
        if user.id.as_u128() == LEAVER {
            user.attributes.insert("employeeId".into(), json!("leaver"));
        }
        if user.manager().flatten().is_some_and(|manager| shared.contains_key(&manager)) {
            user.tell_manager(None);
        }
    }
    drop(entra);
    (scene, shared)
}

#[tokio::test]
async fn the_order_of_people_and_the_borders_of_pages_do_not_matter() {
    for seed in 0..40 {
        let (mut first, shared) = arranged(seed);
        let run = first.full().await;
        assert!(matches!(run.status, RunStatus::Succeeded | RunStatus::Partial), "{seed}: {run:?}");
        let expected = told(&first, &run, &shared);
        let mut chance = Chance::of(seed ^ 0xdead);
        for again in 0..4 {
            let (mut scene, _) = arranged(seed);
            disorder(&mut scene, &mut chance);
            let run = scene.full().await;
            let found = told(&scene, &run, &shared);
            let missing: Vec<&String> =
                expected.iter().filter(|one| !found.contains(one)).collect();
            let new: Vec<&String> = found.iter().filter(|one| !expected.contains(one)).collect();
            assert_eq!(
                found.len(),
                expected.len(),
                "seed {seed}, order {again}: {missing:#?} {new:#?}"
            );
            assert!(found == expected, "seed {seed}, order {again}: {missing:#?} became {new:#?}");
        }
    }
}

/// Some people change, come or leave, told in any order.
fn change(scene: &Scene, seed: u64, chance: &mut Chance) -> BTreeMap<ObjectId, String> {
    let mut drawn = Chance::of(seed ^ 0xbeef);
    let mut entra = scene.worker.directory.inner.entra();
    let before = sharers(entra.users.values());
    let mut all = entra.users.clone();
    let mut changes: Vec<Option<DirectoryUser>> = Vec::new();
    for number in 1..=PEOPLE + 3 {
        let comes_or_changes = number > PEOPLE || drawn.once_in(4);
        let fresh = person(&mut drawn, number, PEOPLE);
        if comes_or_changes {
            all.insert(fresh.id.clone(), fresh.clone());
            changes.push(Some(fresh));
        }
    }
    let left = ObjectId::from_u128(LEAVER);
    changes.retain(|one| one.as_ref().is_none_or(|user| user.id != left));
    changes.push(None);
    let mut shared = sharers(all.values());
    for (user, address) in before {
        shared.entry(user).or_insert(address);
    }
    chance.shuffle(&mut changes);
    for one in changes {
        match one {
            Some(mut user) => {
                if user.manager().flatten().is_some_and(|manager| shared.contains_key(&manager)) {
                    user.tell_manager(None);
                }
                entra.put_user(user);
            }
            None => entra.remove_user(&left),
        }
    }
    shared
}

#[tokio::test]
async fn the_order_in_which_changes_are_told_does_not_matter() {
    for seed in 0..30 {
        let mut expected: Option<Vec<String>> = None;
        let mut chance = Chance::of(seed ^ 0xf00d);
        for again in 0..4 {
            let (mut scene, _) = arranged(seed);
            scene.pages_of(100);
            scene.full().await;
            scene.pages_of(chance.pick(&[1, 2, 3, 100]));
            let shared = change(&scene, seed, &mut chance);
            scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
            settle(&mut scene, RunKind::Delta).await;
            let run = scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap();
            let found = told(&scene, &run, &shared);
            let expected = expected.get_or_insert_with(|| found.clone());
            let missing: Vec<&String> =
                expected.iter().filter(|one| !found.contains(one)).collect();
            let new: Vec<&String> = found.iter().filter(|one| !expected.contains(one)).collect();
            assert!(found == *expected, "seed {seed}, order {again}: {missing:#?} became {new:#?}");
        }
    }
}

#[tokio::test]
async fn a_second_run_over_the_same_directory_writes_nothing() {
    for seed in 100..160 {
        let (mut scene, _) = arranged(seed);
        let mut chance = Chance::of(seed);
        disorder(&mut scene, &mut chance);
        scene.full().await;
        let before = stored(&scene);
        disorder(&mut scene, &mut chance);
        let run = scene.full().await;
        let counts = run.counts;
        assert_eq!((counts.created, counts.updated, counts.removed), (0, 0, 0), "seed {seed}");
        let after = stored(&scene);
        for (before, after) in before.iter().zip(&after) {
            assert!(before == after, "seed {seed}: {before} became {after}");
        }
        assert_eq!(before.len(), after.len(), "seed {seed}");
    }
}

/// Everything that is kept of people, versions included.
fn stored(scene: &Scene) -> Vec<String> {
    let world = scene.worker.stores.world();
    let mut all: Vec<String> = world.contacts.values().map(|one| format!("{one:?}")).collect();
    all.extend(world.reviews.values().map(|item| json!(item).to_string()));
    all.extend(world.memberships.values().map(|one| format!("{one:?}")));
    all.extend(world.claims.iter().map(|one| format!("{one:?}")));
    all.extend(world.adoptions.iter().map(|one| format!("{one:?}")));
    all.push(world.membership_writes.to_string());
    all
}
