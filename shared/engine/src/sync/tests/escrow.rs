//! Whoever fails is kept and tried again with growing gaps, without anything changing in Entra.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::escrow::Failure;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use jiff::SignedDuration;
use serde_json::json;

use super::plans::{apply, planned};
use super::scene::{Scene, connection_id, contact_id, start, user, user_with};
use crate::port::{PendingKind, PendingStore};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Twelve people are synced; one of two who change has a contact that cannot be read just now.
async fn failing() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    for number in [3, 4] {
        let changed = user_with(number, &json!({"jobTitle": "Captain"}));
        scene.worker.directory.inner.entra().put_user(changed);
    }
    scene.worker.stores.world().unreadable_contacts.insert(contact_id(3));
    scene.look().await;
    scene
}

async fn kept(scene: &Scene) -> Vec<Failure> {
    let stores = &scene.worker.stores;
    let items = stores.pending(&connection_id(), PendingKind::Escrow).await.unwrap();
    items.into_iter().map(|item| serde_json::from_value(item.body).unwrap()).collect()
}

fn title(scene: &Scene, number: u128) -> Option<String> {
    scene.contact(&contact_id(number)).unwrap().fields.get(&ContactField::JobTitle).cloned()
}

#[tokio::test]
async fn a_record_that_failed_is_tried_again_when_it_is_due_and_not_before() {
    let mut scene = failing().await;
    let failures = kept(&scene).await;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].object_id, ObjectId::from_u128(3));
    assert!(failures[0].remedy.is_some(), "{failures:?}");
    assert_eq!(scene.state().work.next_due, Some(start() + hours(6)));
    assert_eq!(scene.state().work.escrowed, 1);

    scene.worker.stores.world().unreadable_contacts.clear();
    let runs = scene.runs().len();
    scene.pass(hours(5));
    scene.look().await;
    assert_eq!(title(&scene, 3), None, "nothing told of him, and he is not due");
    assert_eq!(scene.runs().len(), runs, "a look that finds nothing leaves no run");

    scene.pass(hours(1));
    scene.look().await;
    assert_eq!(title(&scene, 3).as_deref(), Some("Captain"));
    assert_eq!(kept(&scene).await, []);
    let work = scene.state().work;
    assert_eq!((work.escrowed, work.next_due), (0, None));
}

#[tokio::test]
async fn whoever_goes_on_failing_is_tried_with_growing_gaps_and_then_parked() {
    let mut scene = failing().await;
    let mut tries = vec![];
    for _ in 0..40 {
        let Some(due) = scene.state().work.next_due else { break };
        tries.push(due.duration_since(start()).as_hours());
        let now = crate::port::Clock::now(&*scene.worker.clock);
        scene.pass(due.duration_since(now));
        scene.look().await;
    }
    assert_eq!(tries[..5], [6, 12, 24, 48, 72]);
    assert_eq!(tries.last(), Some(&(28 * 24)));
    let parked = kept(&scene).await;
    assert_eq!((parked.len(), parked[0].next_at), (1, None));
    assert_eq!(scene.state().work.escrowed, 1, "it is shown, and every full run tries it");

    scene.worker.stores.world().unreadable_contacts.clear();
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded);
    assert_eq!(kept(&scene).await, []);
}

#[tokio::test]
async fn what_changes_in_entra_is_tried_at_once() {
    let mut scene = failing().await;
    scene.worker.stores.world().unreadable_contacts.clear();
    let changed = user_with(3, &json!({"jobTitle": "Major"}));
    scene.worker.directory.inner.entra().put_user(changed);
    scene.look().await;
    assert_eq!(title(&scene, 3).as_deref(), Some("Major"));
    assert_eq!((kept(&scene).await, scene.state().work.escrowed), (vec![], 0));
}

#[tokio::test]
async fn whoever_left_the_directory_is_kept_no_longer() {
    let mut scene = Scene::of((1..=12).map(user));
    let broken = user_with(13, &json!({"mail": null, "userPrincipalName": "no address"}));
    scene.worker.directory.inner.entra().put_user(broken);
    let run = scene.full().await;
    assert_eq!(run.counts.failed, 1, "{:?}", run.counts);
    assert_eq!(kept(&scene).await.len(), 1);
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(13));
    scene.full().await;
    assert_eq!(kept(&scene).await, []);
}

#[tokio::test]
async fn whoever_failed_and_is_left_by_a_plan_is_still_to_be_tried() {
    let mut scene = failing().await;
    scene.worker.stores.world().unreadable_contacts.clear();
    let (plan, _) = planned(&mut scene).await;
    // He changes once more before it is applied: the plan does nothing to him.
    let changed = user_with(3, &json!({"jobTitle": "Major"}));
    scene.worker.directory.inner.entra().put_user(changed);
    let done = apply(&mut scene, &plan, None).await;
    assert_eq!((done.status, title(&scene, 3)), (RunStatus::Succeeded, None), "{done:?}");
    let failures = kept(&scene).await;
    assert_eq!(failures.len(), 1, "he is shown, and tried again");
    assert_eq!(scene.state().work.escrowed, 1);
    assert_eq!(scene.state().work.next_due, Some(start() + hours(6)));
}

#[tokio::test]
async fn a_run_that_dies_anywhere_loses_nobody_who_failed() {
    for calls in (1..200).step_by(9) {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        for number in [3, 8] {
            scene.worker.stores.world().unreadable_contacts.insert(contact_id(number));
            let changed = user_with(number, &json!({"jobTitle": "Captain"}));
            scene.worker.directory.inner.entra().put_user(changed);
        }
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let died = scene.drive().await.is_err();
        scene.revive();
        scene.pass(SignedDuration::from_mins(5));
        scene.drive().await.unwrap();
        let failures = kept(&scene).await;
        assert_eq!(failures.len(), 2, "after {calls} calls");
        assert!(failures.iter().all(|failure| failure.attempts == 1), "after {calls} calls");
        assert_eq!(scene.state().work.escrowed, 2, "after {calls} calls");
        if !died {
            break;
        }
    }
}
