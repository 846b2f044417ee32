//! What people refused holds as long as what led to the question.

use std::collections::BTreeSet;

use contact_sync_domain::contact::ContactStatus;
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Decision, Rejected, ReviewAction, ReviewList};
use contact_sync_domain::run::{RunKind, RunStatus};
use contact_sync_domain::settings::{ChangeMode, DisabledAccounts};
use serde_json::json;

use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::{Clock, DecisionStore, StoredContact};

/// Twelve people whose contacts become inactive when their accounts are disabled, three at once
/// being too many.
async fn synced() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(|settings| {
        settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
        settings.policies.guard = GuardLimits { max_count: 2, ..GuardLimits::default() };
    });
    scene.full().await;
    scene
}

fn disable(scene: &Scene) {
    for number in 1..=3 {
        let disabled = user_with(number, &json!({"accountEnabled": false}));
        scene.worker.directory.inner.entra().put_user(disabled);
    }
}

fn enable(scene: &Scene) {
    for number in 1..=3 {
        scene.worker.directory.inner.entra().put_user(user(number));
    }
}

/// About whom people are asked whether the contact may become inactive.
fn asked(scene: &Scene) -> BTreeSet<ObjectId> {
    let world = scene.worker.stores.world();
    let removals = world.reviews.values().filter(|item| item.list == ReviewList::Removals);
    removals.map(|item| item.user.object_id.clone()).collect()
}

fn people(numbers: impl IntoIterator<Item = u128>) -> BTreeSet<ObjectId> {
    numbers.into_iter().map(ObjectId::from_u128).collect()
}

/// Somebody says that the contact of this person stays active.
async fn refuse(scene: &Scene, number: u128) {
    let (contact_id, cause) = (contact_id(number), GoneCause::Disabled);
    refuse_as(scene, number, Rejected::Removal { contact_id, cause }).await;
}

/// Somebody refuses this of what waits about this person.
async fn refuse_as(scene: &Scene, number: u128, refused: Rejected) {
    let item = {
        let world = scene.worker.stores.world();
        let mut waiting = world.reviews.values();
        waiting.find(|item| item.user.object_id == ObjectId::from_u128(number)).cloned().unwrap()
    };
    let decision = Decision {
        at: scene.worker.clock.now(),
        actor: None,
        action: ReviewAction::Reject,
        item: item.id(),
        list: item.list,
        version: item.version,
        contact_id: Some(contact_id(number)),
        refused: vec![refused],
        kept_days: None,
    };
    scene.worker.stores.record_decision(&connection_id(), &decision).await.unwrap();
    let place = (connection_id(), item.list, item.user.object_id);
    scene.worker.stores.world().reviews.remove(&place);
}

#[tokio::test]
async fn who_returned_and_leaves_again_is_asked_about_again() {
    for by_hint in [false, true] {
        let mut scene = synced().await;
        let look = async |scene: &mut Scene| {
            if by_hint {
                scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
                scene.drive_as(RunKind::Delta, None).await.unwrap();
            } else {
                scene.full().await;
            }
        };
        disable(&scene);
        look(&mut scene).await;
        assert_eq!(asked(&scene), people(1..=3), "{by_hint}");
        refuse(&scene, 2).await;
        // While his account stays disabled nobody is asked again, be it in many runs.
        for _ in 0..2 {
            scene.full().await;
            assert!(!asked(&scene).contains(&ObjectId::from_u128(2)), "{by_hint}");
        }
        enable(&scene);
        look(&mut scene).await;
        assert_eq!(asked(&scene), people([]), "{by_hint}: all of them are back");
        disable(&scene);
        look(&mut scene).await;
        assert_eq!(asked(&scene), people(1..=3), "{by_hint}: he left for another reason");
    }
}

#[tokio::test]
async fn a_preview_forgets_nothing_that_was_refused() {
    let mut scene = synced().await;
    disable(&scene);
    assert_eq!(scene.full().await.status, RunStatus::Blocked);
    refuse(&scene, 2).await;
    enable(&scene);
    scene.queue(RunKind::Preview, contact_sync_domain::run::Trigger::Manual).await;
    scene.drive_as(RunKind::Preview, None).await.unwrap();
    let refused = scene.worker.stores.refused(&connection_id()).await.unwrap();
    assert!(refused.has_removal(&contact_id(2), GoneCause::Disabled));
    scene.full().await;
    let refused = scene.worker.stores.refused(&connection_id()).await.unwrap();
    assert!(refused.is_empty(), "a run does");
}

/// In which status a contact shall be, about whom people are asked.
fn status_asked(scene: &Scene, number: u128) -> Option<ContactStatus> {
    let world = scene.worker.stores.world();
    let place = (connection_id(), ReviewList::Changes, ObjectId::from_u128(number));
    world.reviews.get(&place).and_then(|item| item.status)
}

/// Who is not to be active again is not asked about in each run, and is when that comes up anew.
#[tokio::test]
async fn a_contact_that_stays_inactive_is_asked_about_when_its_user_comes_back_once_more() {
    let mut scene = Scene::of((1..=3).map(user));
    scene.set_settings(|settings| {
        settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
        settings.policies.update = ChangeMode::Review;
    });
    scene.full().await;
    disable(&scene);
    scene.full().await;
    assert_eq!(status_asked(&scene, 2), Some(ContactStatus::Inactive));
    {
        // Somebody agrees.
        let mut world = scene.worker.stores.world();
        let stored = world.contacts.get_mut(&contact_id(2));
        let Some(StoredContact::Present(contact)) = stored else { panic!() };
        contact.status = ContactStatus::Inactive;
        contact.sync.as_mut().unwrap().fingerprint = None;
    }
    enable(&scene);
    scene.full().await;
    assert_eq!(status_asked(&scene, 2), Some(ContactStatus::Active));
    refuse_as(&scene, 2, Rejected::status(&contact_id(2), ContactStatus::Active)).await;
    for _ in 0..2 {
        scene.full().await;
        assert_eq!(status_asked(&scene, 2), None, "nobody is asked again");
    }
    disable(&scene);
    scene.full().await;
    enable(&scene);
    scene.full().await;
    assert_eq!(status_asked(&scene, 2), Some(ContactStatus::Active), "he was away once more");
}
