//! Contacts that somebody edits between reading and writing them: what was written is what is told,
//! whoever dies in between, and it can be taken back.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::id::RunId;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{Deviation, SegmentItem};
use serde_json::json;

use super::replay::{CALLS, settle};
use super::scene::{Scene, connection_id, contact_id, user};
use super::undo_scene::{put, undo};
use crate::memory::World;
use crate::port::{SegmentStore, StoredContact};
use crate::segments::load_segment;

/// Somebody writes job titles on two contacts by hand.
fn edit_two(world: &mut World) {
    for number in [3, 4] {
        let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&contact_id(number))
        else {
            panic!("contact {number} is there");
        };
        contact.fields.insert(ContactField::JobTitle, "By hand".to_owned());
        contact.version += 1;
    }
}

/// Five people who were synced once; then the directory gives three of them a title.
async fn titled() -> Scene {
    let mut scene = Scene::of((1..=5).map(user));
    scene.full().await;
    for number in [2, 3, 4] {
        put(&scene, number, &json!({"jobTitle": "Captain"}));
    }
    scene
}

/// What is told of a user's contact as written by a run.
async fn told(scene: &Scene, run: &Run, number: u128) -> Vec<SegmentItem> {
    let mut told = Vec::new();
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    for page in 0..run.pages {
        let segment = load_segment(stores, blobs, &connection_id(), &run.id, page).await.unwrap();
        let went = stores.deviations(&connection_id(), &run.id, page).await.unwrap();
        for item in segment.unwrap().items {
            let went = went.iter().find(|one| one.object_id == item.object_id);
            let (item, _) = Deviation::instead(item, went);
            told.extend((item.contact_id == Some(contact_id(number))).then_some(item));
        }
    }
    told.retain(|item| !item.fields.is_empty());
    told
}

/// After how many calls of a run the edit comes between reading and writing.
async fn amid() -> usize {
    for calls in 0..CALLS {
        let mut scene = titled().await;
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, edit_two));
        scene.drive().await.unwrap();
        let run = scene.run(&id);
        if told(&scene, &run, 3).await.iter().any(|item| item.fields[0].old == "By hand") {
            let world = scene.worker.stores.world();
            if world.deviations.values().flatten().count() == 2 {
                return calls;
            }
        }
    }
    panic!("nothing was ever contested");
}

async fn is_told_as_written(scene: &mut Scene, id: &RunId, context: &str) {
    let run = scene.run(id);
    assert_eq!(run.status, RunStatus::Succeeded, "{context}: {run:?}");
    assert_eq!((run.counts.updated, run.counts.failed), (3, 0), "{context}");
    for number in [3, 4] {
        let told = told(scene, &run, number).await;
        let changes: Vec<_> = told.iter().flat_map(|item| &item.fields).collect();
        assert_eq!(changes[0].old, "By hand", "{context}: what stood there, is what is told");
        for (older, newer) in changes.iter().zip(&changes[1..]) {
            assert_eq!(older.new, newer.old, "{context}: each goes on from what was written");
        }
        let contact = scene.contact(&contact_id(number)).unwrap();
        let is_own = contact.sync.as_ref().is_some_and(|mark| mark.run == id.as_str());
        if !is_own {
            // A look after the run wrote what the directory tells by now.
            continue;
        }
        let title = contact.fields[&ContactField::JobTitle].as_str();
        assert_eq!(
            changes[changes.len() - 1].new,
            title,
            "{context}: and what was written is told"
        );
        assert_eq!(told[told.len() - 1].version + 1, contact.version, "{context}");
    }
    undo(scene, &[id]).await;
    for number in [3, 4] {
        let contact = scene.contact(&contact_id(number)).unwrap();
        let is_left = contact.sync.is_some_and(|mark| mark.run == id.as_str());
        assert!(!is_left, "{context}: contact {number} is not taken back");
        let title = contact.fields[&ContactField::JobTitle].as_str();
        assert!(matches!(title, "By hand" | "Admiral"), "{context}: {title}");
    }
}

#[tokio::test]
async fn what_was_decided_anew_is_told_as_it_was_written_whoever_dies_between() {
    let amid = amid().await;
    for calls in amid..CALLS {
        let mut scene = titled().await;
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((amid, edit_two));
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        if lived {
            assert!(calls > amid + 6, "{calls} calls after {amid}");
            return;
        }
        scene.revive();
        if scene.worker.stores.world().meanwhile.take().is_some() {
            continue;
        }
        // The directory tells something else by now: what was begun is finished as it was begun.
        put(&scene, 3, &json!({"jobTitle": "Admiral"}));
        settle(&mut scene, RunKind::Full).await;
        is_told_as_written(&mut scene, &id, &format!("died after {calls} calls")).await;
    }
    panic!("it never got through");
}

#[tokio::test]
async fn what_was_decided_anew_is_told_as_it_was_written_whoever_dies_twice() {
    let amid = amid().await;
    for calls in amid..amid + 12 {
        for again in 0..CALLS {
            let mut scene = titled().await;
            let id = scene.queue(RunKind::Full, Trigger::Manual).await;
            scene.worker.stores.world().meanwhile = Some((amid, edit_two));
            scene.die_after(calls);
            let _ = scene.drive().await;
            scene.revive();
            if scene.worker.stores.world().meanwhile.take().is_some() {
                break;
            }
            scene.die_after(again);
            let lived = scene.drive().await.is_ok();
            scene.revive();
            settle(&mut scene, RunKind::Full).await;
            let context = format!("died after {calls} calls and after {again}");
            is_told_as_written(&mut scene, &id, &context).await;
            if lived {
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_contested_keeps_nothing_beside_its_page() {
    let mut scene = titled().await;
    let run = scene.full().await;
    assert_eq!(run.counts.updated, 3);
    assert!(scene.worker.stores.world().deviations.is_empty());
}

#[tokio::test]
async fn what_is_contested_is_noted_once_and_before_it_is_written() {
    let amid = amid().await;
    let mut is_ahead = false;
    for calls in amid..CALLS {
        let mut scene = titled().await;
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((amid, edit_two));
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        let world = scene.worker.stores.world();
        let noted = world.deviations.values().flatten().filter(|one| one.item.is_some()).count();
        let is_captain = |number: u128| match &world.contacts[&contact_id(number)] {
            StoredContact::Present(contact) => {
                contact.fields.get(&ContactField::JobTitle).is_some_and(|text| text == "Captain")
            }
            StoredContact::Tombstone { .. } => false,
        };
        let written = [3, 4].into_iter().filter(|number| is_captain(*number)).count();
        assert!(written == 0 || noted == 2, "died after {calls} calls: {written} of {noted}");
        is_ahead |= written == 0 && noted == 2;
        if lived {
            assert!(is_ahead);
            return;
        }
    }
}
