//! One contact that cannot be read is one failed record.

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::settings::RemovalAction;
use serde_json::json;

use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::SegmentStore;
use crate::segments::load_segment;

/// Twelve people are synced, two change, and the contact of one cannot be read any more.
async fn damaged() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    for number in [3, 4] {
        let changed = user_with(number, &json!({"jobTitle": "Captain"}));
        scene.worker.directory.inner.entra().put_user(changed);
    }
    scene.worker.stores.world().unreadable_contacts.insert(contact_id(3));
    scene
}

/// Why records failed.
async fn failures(scene: &Scene, run: &Run) -> Vec<String> {
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    let mut reasons = Vec::new();
    for page in 0..run.pages {
        let segment = load_segment(stores, blobs, &connection_id(), &run.id, page).await.unwrap();
        let deviations = stores.deviations(&connection_id(), &run.id, page).await.unwrap();
        let items = segment.unwrap().items;
        let failed = items.into_iter().filter(|item| item.outcome == Outcome::Failed);
        reasons.extend(failed.filter_map(|item| item.reason));
        reasons.extend(deviations.into_iter().filter_map(|one| one.reason));
    }
    reasons
}

#[tokio::test]
async fn a_full_run_deals_with_everybody_else() {
    let mut scene = damaged().await;
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Partial);
    assert_eq!((run.counts.updated, run.counts.failed, run.counts.unchanged), (1, 1, 10));
    let reasons = failures(&scene, &run).await;
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains(contact_id(3).as_str()), "{reasons:?}");
    assert!(!reasons[0].contains("user3"), "no personal data: {reasons:?}");
}

#[tokio::test]
async fn a_look_at_what_changed_deals_with_everybody_else() {
    let mut scene = damaged().await;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    let run = scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap();
    assert_eq!(run.status, RunStatus::Partial);
    assert_eq!((run.counts.updated, run.counts.failed), (1, 1));
    assert_eq!(failures(&scene, &run).await.len(), 1);
}

#[tokio::test]
async fn a_removal_of_a_contact_that_cannot_be_read_waits_for_the_next_run() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
    });
    scene.full().await;
    for number in [3, 4] {
        scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(number));
    }
    // It can still be read while the removals are staged.
    scene.pages_of(100);
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    let guard = GuardLimits { max_count: 0, ..GuardLimits::default() };
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
        settings.policies.guard = guard;
    });
    scene.drive().await.unwrap();
    assert_eq!(scene.run(&id).status, RunStatus::Blocked);
    scene.worker.stores.world().unreadable_contacts.insert(contact_id(3));
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
    });
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.failed, run.counts.removed), (RunStatus::Partial, 1, 1));
    scene.worker.stores.world().unreadable_contacts.clear();
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.removed), (RunStatus::Succeeded, 1));
    assert_eq!(scene.contact(&contact_id(3)), None);
}

#[tokio::test]
async fn a_value_that_the_condition_cannot_read_fails_the_record_and_takes_nobody_away() {
    let hired = |date: &str| user_with(1, &json!({"employeeId": date}));
    let mut scene = Scene::of([hired("2020-05-01"), user(2)]);
    scene.set_settings(|settings| {
        settings.scope.expression =
            Some("CDate(employeeId) lt 2030-01-01 or employeeId eq null".into());
        settings.policies.removal.out_of_scope = RemovalAction::Delete;
    });
    assert_eq!(scene.full().await.counts.created, 2);

    scene.worker.directory.inner.entra().put_user(hired("soon"));
    let run = scene.full().await;
    assert_eq!((run.counts.failed, run.counts.removed), (1, 0), "{run:?}");
    let link = scene.contact(&contact_id(1)).unwrap().link.unwrap();
    assert_eq!(link.state, LinkState::Linked);

    scene.worker.directory.inner.entra().put_user(hired("2035-05-01"));
    assert_eq!(scene.full().await.counts.removed, 1, "who surely does not meet it leaves");
}
