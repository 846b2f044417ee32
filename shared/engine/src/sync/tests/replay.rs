//! Slices that die anywhere, listings that begin anew, pages that others began.

use std::collections::BTreeMap;

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::report::{Happened, ReportRow, rows};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{Deviation, NextStep, Outcome, Phase, Segment};
use contact_sync_domain::settings::RemovalAction;
use serde_json::json;

use super::scene::{Scene, account_id, connection_id, user, user_with};
use crate::port::{DirectoryError, SegmentStore, StoredContact};
use crate::segments::{load_segment, store_segment};
use crate::sync::Driven;

/// More store calls than any of these runs needs.
pub(super) const CALLS: usize = 400;

/// A connection that synced once, and a directory in which much happened since: three changed, two
/// came, one left.
async fn changed(action: RemovalAction) -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = action;
    });
    assert_eq!(scene.full().await.counts.created, 12);
    {
        let mut entra = scene.worker.directory.inner.entra();
        for number in [2, 6, 11] {
            entra.put_user(user_with(number, &json!({"jobTitle": "Captain"})));
        }
        for number in [13, 14] {
            entra.put_user(user(number));
        }
        entra.remove_user(&ObjectId::from_u128(4));
    }
    scene
}

/// Everything that a person could see of how it ended, without when.
pub(super) fn seen(scene: &Scene, run: &Run) -> String {
    let contacts: Vec<String> = scene
        .worker
        .stores
        .world()
        .contacts
        .values()
        .map(|stored| match stored {
            StoredContact::Present(one) => {
                let state = one.link.as_ref().map(|link| link.state);
                format!("{} {:?} {:?} {state:?}", one.id, one.fields, one.status)
            }
            StoredContact::Tombstone { version, .. } => format!("gone at {version}"),
        })
        .collect();
    let proof = run.proof.clone().unwrap();
    format!("{:?} {:?} {:?} {} {contacts:?}", run.status, run.reason, run.counts, proof.xor)
}

/// Goes on until nothing is left to do.
pub(super) async fn settle(scene: &mut Scene, kind: RunKind) {
    for _ in 0..6 {
        let driven = scene.drive_as(kind, None).await.unwrap();
        if driven == Driven::LetGo {
            return;
        }
    }
    panic!("it never ended");
}

/// Rows of the report, as a person reads it.
async fn happened(scene: &Scene, run: &RunId) -> BTreeMap<ObjectId, Happened> {
    let mut people: BTreeMap<ObjectId, ReportRow> = BTreeMap::new();
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    for page in 0..scene.run(run).pages {
        let segment = load_segment(stores, blobs, &connection_id(), run, page).await.unwrap();
        let deviations = stores.deviations(&connection_id(), run, page).await.unwrap();
        for row in rows(segment.unwrap(), &deviations, |_| None) {
            let row = match people.remove(&row.object_id) {
                Some(before) => before.followed_by(row),
                None => row,
            };
            people.insert(row.object_id.clone(), row);
        }
    }
    people.into_iter().map(|(user, row)| (user, row.what)).collect()
}

#[tokio::test]
async fn a_full_run_that_dies_anywhere_ends_as_if_it_had_not() {
    for action in [RemovalAction::Unlink, RemovalAction::Deactivate, RemovalAction::Delete] {
        let mut undisturbed = changed(action).await;
        let run = undisturbed.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.reason);
        assert_eq!((run.counts.created, run.counts.updated, run.counts.removed), (2, 3, 1));
        let expected = seen(&undisturbed, &run);
        for calls in 0..CALLS {
            let mut scene = changed(action).await;
            let id = scene.queue(RunKind::Full, Trigger::Manual).await;
            scene.die_after(calls);
            if scene.drive().await.is_ok() {
                assert!(calls > 40, "{calls} calls");
                break;
            }
            scene.revive();
            settle(&mut scene, RunKind::Full).await;
            let run = scene.run(&id);
            assert_eq!(seen(&scene, &run), expected, "{action:?}: died after {calls} calls");
        }
    }
}

#[tokio::test]
async fn a_delta_run_that_dies_anywhere_counts_everybody_once() {
    let hint = |scene: &Scene| {
        let mut world = scene.worker.stores.world();
        world.states.get_mut(&connection_id()).unwrap().wanted += 1;
    };
    let delta = |scene: &Scene| {
        let mut runs = scene.runs();
        runs.retain(|run| run.kind == RunKind::Delta);
        assert_eq!(runs.len(), 1, "one look, one run");
        runs.remove(0)
    };
    let mut undisturbed = changed(RemovalAction::Delete).await;
    hint(&undisturbed);
    settle(&mut undisturbed, RunKind::Delta).await;
    let run = delta(&undisturbed);
    assert_eq!((run.counts.created, run.counts.updated, run.counts.removed), (2, 3, 1));
    let expected = seen(&undisturbed, &run);
    for calls in 0..CALLS {
        let mut scene = changed(RemovalAction::Delete).await;
        hint(&scene);
        scene.die_after(calls);
        if scene.drive_as(RunKind::Delta, None).await.is_ok() {
            assert!(calls > 30, "{calls} calls");
            break;
        }
        scene.revive();
        settle(&mut scene, RunKind::Delta).await;
        let run = delta(&scene);
        assert_eq!(seen(&scene, &run), expected, "died after {calls} calls");
    }
}

#[tokio::test]
async fn whoever_a_run_made_before_its_listing_began_anew_is_new_in_counts_and_report() {
    let mut scene = Scene::of((1..=12).map(user));
    // The last of three pages is lost; the listing begins anew.
    scene.worker.directory.fail_page(2, DirectoryError::PageExpired);
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.reason);
    assert_eq!((run.counts.seen, run.counts.created, run.counts.unchanged), (12, 12, 0));
    assert_eq!(run.proof.unwrap().people, 12);
    let report = happened(&scene, &run.id).await;
    assert!(report.values().all(|what| *what == Happened::Created), "{report:?}");
}

#[tokio::test]
async fn a_run_that_dies_after_its_listing_began_anew_still_knows_whom_it_made() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=12).map(user));
        scene.worker.directory.fail_page(2, DirectoryError::PageExpired);
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            break;
        }
        scene.revive();
        settle(&mut scene, RunKind::Full).await;
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Succeeded, "{calls}: {:?}", run.reason);
        assert_eq!((run.counts.seen, run.counts.created), (12, 12), "died after {calls} calls");
        let report = happened(&scene, &id).await;
        assert!(report.values().all(|what| *what == Happened::Created), "{calls}: {report:?}");
    }
}

#[tokio::test]
async fn what_deviated_once_and_is_right_at_the_replay_is_no_deviation_any_more() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=3).map(user));
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        assert!(scene.drive().await.is_err(), "it never died behind the first page");
        if !scene.worker.stores.world().segments.contains_key(&(id.clone(), 0)) {
            continue;
        }
        let failed = Deviation {
            object_id: ObjectId::from_u128(2),
            outcome: Outcome::Failed,
            reason: None,
            remedy: None,
            item: None,
        };
        scene.revive();
        scene.worker.stores.world().deviations.insert((id.clone(), 0), vec![failed]);
        settle(&mut scene, RunKind::Full).await;
        let run = scene.run(&id);
        assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 3));
        assert_eq!(scene.worker.stores.world().deviations[&(id.clone(), 0)], []);
        return;
    }
    panic!("no page was ever stored");
}

#[tokio::test]
async fn a_page_that_another_reading_left_does_not_take_the_place_of_ones_own() {
    let mut scene = Scene::of((1..=12).map(user));
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    // A slice that lost its lease stored, late, what it had read of a drain.
    let left = Segment {
        page: 1,
        generation: 0,
        phase: Phase::Drain,
        fence: 1,
        link_hash: "another".into(),
        next: NextStep::Delta("seen-999".into()),
        items: vec![blank_item(&ObjectId::from_u128(6), None, Outcome::Unchanged)],
        unclear: vec![],
    };
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    store_segment(
        stores,
        blobs,
        &account_id(),
        &connection_id(),
        (&id, Retention::default()),
        left,
    )
    .await
    .unwrap();
    scene.drive().await.unwrap();
    let run = scene.run(&id);
    assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.reason);
    assert_eq!((run.counts.seen, run.counts.created), (12, 12));
    assert_eq!(scene.addresses().len(), 12);
    let cursor = scene.state().work.users_delta.unwrap();
    assert_eq!(cursor.link, "seen-0", "its link leads nowhere");
}

#[tokio::test]
async fn a_link_is_cut_once() {
    let mut scene = changed(RemovalAction::Unlink).await;
    let run = scene.full().await;
    assert_eq!(run.counts.removed, 1);
    let left = super::scene::contact_id(4);
    assert_eq!(scene.contact(&left).unwrap().link, None);
    let stays = super::scene::contact_id(5);
    let link = scene.contact(&stays).unwrap().link.unwrap();
    assert_eq!(link.state, LinkState::Linked);
}

#[tokio::test]
async fn hints_in_the_middle_of_a_listing_are_followed_and_nobody_counts_twice() {
    for calls in 0..CALLS {
        let mut scene = changed(RemovalAction::Deactivate).await;
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        if !lived {
            scene.revive();
            settle(&mut scene, RunKind::Full).await;
        }
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Succeeded, "{calls}: {:?}", run.reason);
        let counts = run.counts;
        assert_eq!((counts.seen, counts.created, counts.updated), (13, 2, 3), "{calls}");
        assert_eq!((counts.unchanged, counts.removed), (8, 1), "{calls}");
        assert_eq!(scene.state().work.done, 1, "{calls}");
        if lived {
            return;
        }
    }
}
