//! Two writers of one contact: nobody's change and nobody's leaving is lost.

use contact_sync_domain::contact::{ContactField, LinkState, Target};
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{DisabledAccounts, RemovalAction};
use serde_json::{Value, json};

use super::replay::{CALLS, settle};
use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::{PendingKind, PendingStore, StoredContact};

/// A directory that somebody left since.
async fn left(action: RemovalAction) -> Scene {
    let mut scene = Scene::of((1..=8).map(user));
    scene.set_settings(|settings| settings.policies.removal.hard_deleted = action);
    scene.full().await;
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(4));
    scene
}

#[tokio::test]
async fn a_removal_that_meets_an_edit_is_decided_again_and_done() {
    let mut scene = left(RemovalAction::Delete).await;
    scene.worker.stores.world().races = 1;
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.removed), (RunStatus::Succeeded, 1), "{:?}", run.reason);
    assert_eq!(scene.contact(&contact_id(4)), None);
}

#[tokio::test]
async fn a_removal_that_edits_keep_away_waits_for_the_next_run() {
    let mut scene = left(RemovalAction::Delete).await;
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene.worker.stores.world().races = 2;
    settle(&mut scene, RunKind::Delta).await;
    assert!(scene.contact(&contact_id(4)).is_some());
    let stores = &scene.worker.stores;
    let waiting = stores.pending(&connection_id(), PendingKind::Removal).await.unwrap();
    assert_eq!(waiting.len(), 1, "its row says that the next run tries again");
    // Of him no delta tells any more.
    scene.queue(RunKind::Delta, Trigger::Manual).await;
    scene.worker.directory.inner.entra().put_user(user(9));
    settle(&mut scene, RunKind::Delta).await;
    assert_eq!(scene.contact(&contact_id(4)), None);
}

#[tokio::test]
async fn a_leaving_that_waits_for_review_is_marked_although_the_contact_was_edited() {
    let mut scene = left(RemovalAction::Review).await;
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene.worker.stores.world().races = 1;
    settle(&mut scene, RunKind::Delta).await;
    let link = scene.contact(&contact_id(4)).unwrap().link.unwrap();
    assert_eq!(link.state, LinkState::Removed);
}

fn title(scene: &Scene) -> Option<Value> {
    let contact = scene.contact(&contact_id(1)).unwrap();
    contact.value(&Target::Field(ContactField::JobTitle))
}

#[tokio::test]
async fn whom_two_pages_name_ends_up_as_the_later_one_tells() {
    let mut scene = Scene::of((1..=8).map(user));
    let promoted = user_with(1, &json!({"jobTitle": "Captain"}));
    // The listing's pages moved: the second one names him again.
    *scene.worker.directory.named_again.lock().unwrap() = vec![(5, promoted.clone())];
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.seen, run.counts.created), (RunStatus::Succeeded, 8, 8));
    assert_eq!(title(&scene), Some(json!("Captain")));
    // And once more, where the second page tells what was known before the run.
    let demoted = user_with(1, &json!({"jobTitle": "Mate"}));
    scene.worker.directory.inner.entra().put_user(demoted);
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.reason);
    assert_eq!(title(&scene), Some(json!("Captain")));
}

#[tokio::test]
async fn whoever_leaves_while_addresses_change_hands_is_removed_by_the_guard_alone() {
    let with_mail = |number: u128, mail: u128, enabled: bool| {
        let mail = format!("user{mail}@contoso.example");
        user_with(number, &json!({"mail": mail, "accountEnabled": enabled}))
    };
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=6).map(user));
        scene.set_settings(|settings| {
            settings.scope.disabled_accounts = DisabledAccounts::Exclude;
            settings.policies.removal.disabled = RemovalAction::Delete;
            settings.policies.guard = GuardLimits { max_count: 0, ..GuardLimits::default() };
        });
        scene.full().await;
        // 1 wants the address of 2, who moves on.
        for (number, mail) in [(1, 2), (2, 20)] {
            scene.worker.directory.inner.entra().put_user(with_mail(number, mail, true));
        }
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            return;
        }
        // Both leave, and somebody edits their contacts.
        for (number, mail) in [(1, 2), (2, 20)] {
            scene.worker.directory.inner.entra().put_user(with_mail(number, mail, false));
            let mut world = scene.worker.stores.world();
            if let Some(StoredContact::Present(contact)) =
                world.contacts.get_mut(&contact_id(number))
            {
                contact.version += 1;
            }
        }
        scene.revive();
        settle(&mut scene, RunKind::Full).await;
        let kept = [1, 2].map(|number| scene.contact(&contact_id(number)).is_some());
        assert_eq!(kept, [true, true], "died after {calls} calls");
    }
}
