//! Days of grace between leaving and what becomes of the contact.

use contact_sync_domain::contact::{Link, LinkState};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::RemovalAction;
use jiff::SignedDuration;

use super::approvals::approve;
use super::scene::{Scene, account_id, connection_id, contact_id, start, user};
use crate::port::{PendingKind, PendingStore, StoredContact};
use crate::sync::unannounced;

fn set_grace(scene: &Scene, days: u32) {
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
        settings.policies.removal.grace_days = days;
    });
}

/// Eight people of whom one has just left, with three days of grace.
async fn leaving() -> Scene {
    let mut scene = Scene::of((1..=8).map(user));
    set_grace(&scene, 3);
    scene.full().await;
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(2));
    scene.full().await;
    scene
}

fn link(scene: &Scene, number: u128) -> Link {
    scene.contact(&contact_id(number)).unwrap().link.unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn is_asked(scene: &Scene, number: u128) -> bool {
    let place = (connection_id(), ReviewList::Removals, ObjectId::from_u128(number));
    scene.worker.stores.world().reviews.contains_key(&place)
}

fn last_delta(scene: &Scene) -> Option<Run> {
    scene
        .runs()
        .into_iter()
        .filter(|run| run.kind == RunKind::Delta)
        .max_by_key(|run| run.queued_at)
}

#[tokio::test]
async fn the_contact_of_who_left_says_what_will_happen_when_and_it_does_then() {
    let mut scene = leaving().await;
    let told = link(&scene, 2);
    assert_eq!((told.state, told.planned), (LinkState::Removed, Some(RemovalAction::Delete)));
    assert_eq!(told.acts_at, Some(start() + hours(72)));
    assert_eq!(scene.state().work.next_due, told.acts_at);
    assert!(is_asked(&scene, 2));
    scene.pass(hours(71));
    scene.full().await;
    scene.look().await;
    assert_eq!(link(&scene, 2), told, "not a minute before");
    assert!(last_delta(&scene).is_none(), "a look that finds nothing leaves no run");
    scene.pass(hours(1));
    scene.look().await;
    assert_eq!(scene.contact(&contact_id(2)), None);
    let run = last_delta(&scene).expect("what was done is on record");
    assert_eq!((run.status, run.counts.removed), (RunStatus::Succeeded, 1));
    assert_eq!(scene.state().work.next_due, None);
    assert!(!is_asked(&scene, 2));
}

#[tokio::test]
async fn who_is_back_in_time_is_linked_as_before() {
    let mut scene = leaving().await;
    scene.pass(hours(48));
    scene.worker.directory.inner.entra().put_user(user(2));
    scene.full().await;
    let now = link(&scene, 2);
    assert_eq!((now.state, now.acts_at, now.planned), (LinkState::Linked, None, None));
    assert!(!is_asked(&scene, 2));
    scene.pass(hours(48));
    scene.full().await;
    assert!(scene.contact(&contact_id(2)).is_some(), "his time never comes");
    // Leaving again he has all of his days again.
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(2));
    scene.full().await;
    assert_eq!(link(&scene, 2).acts_at, Some(start() + hours(96 + 72)));
}

#[tokio::test]
async fn the_days_are_counted_as_the_settings_count_them_now() {
    let mut scene = leaving().await;
    scene.pass(hours(30));
    set_grace(&scene, 1);
    scene.full().await;
    assert_eq!(scene.contact(&contact_id(2)), None, "a day is over");

    let mut scene = leaving().await;
    set_grace(&scene, 5);
    scene.pass(hours(80));
    scene.full().await;
    assert!(scene.contact(&contact_id(2)).is_some(), "five days are not");
    assert_eq!(scene.state().work.next_due, Some(start() + hours(120)));

    // Whom the settings spare by then stays, and nothing is planned for him any more.
    let mut scene = leaving().await;
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::StopUpdating;
    });
    scene.pass(hours(80));
    scene.full().await;
    let spared = link(&scene, 2);
    assert_eq!((spared.state, spared.planned), (LinkState::Removed, None));
    assert!(!is_asked(&scene, 2));
}

/// As earlier releases did when a connection was disabled.
async fn forget_staged(scene: &Scene) {
    let (stores, kind) = (&scene.worker.stores, PendingKind::Removal);
    let waiting = stores.pending(&connection_id(), kind).await.unwrap();
    let keys: Vec<String> = waiting.into_iter().map(|item| item.key).collect();
    stores.delete_pending(&connection_id(), kind, &keys).await.unwrap();
}

/// The run that somebody's approval asks for.
async fn requested(scene: &mut Scene) {
    scene.queue(RunKind::Delta, Trigger::Manual).await;
    scene.drive().await.unwrap();
}

fn question(scene: &Scene, number: u128) -> ReviewItem {
    let place = (connection_id(), ReviewList::Removals, ObjectId::from_u128(number));
    scene.worker.stores.world().reviews[&place].clone()
}

#[tokio::test]
async fn what_is_approved_is_done_although_nothing_of_it_is_staged_any_more() {
    let mut scene = leaving().await;
    forget_staged(&scene).await;
    scene.pass(hours(24 * 9));
    scene.full().await;
    assert!(scene.contact(&contact_id(2)).is_some(), "nothing finds him");
    approve(&scene, &question(&scene, 2)).await;
    requested(&mut scene).await;
    assert_eq!(scene.contact(&contact_id(2)), None);
    assert!(!is_asked(&scene, 2));
}

#[tokio::test]
async fn what_is_not_as_it_was_approved_waits_for_its_date_again() {
    let mut scene = leaving().await;
    forget_staged(&scene).await;
    approve(&scene, &question(&scene, 2)).await;
    let mut edited = scene.contact(&contact_id(2)).unwrap();
    edited.version += 1;
    let stored = StoredContact::Present(Box::new(edited));
    scene.worker.stores.world().contacts.insert(contact_id(2), stored);
    requested(&mut scene).await;
    assert!(scene.contact(&contact_id(2)).is_some(), "it was approved of another version");
    let acts_at = Some(start() + hours(72));
    let asked = question(&scene, 2).departure.unwrap();
    assert_eq!((asked.acts_at, asked.held), (acts_at, false));
    assert_eq!(scene.state().work.next_due, acts_at);
    scene.pass(hours(71));
    scene.look().await;
    assert!(scene.contact(&contact_id(2)).is_some(), "not a minute before");
    scene.pass(hours(1));
    scene.look().await;
    assert_eq!(scene.contact(&contact_id(2)), None);
}

/// What a connection that is disabled keeps: what people were told of, and nothing that a run only
/// found.
#[tokio::test]
async fn of_what_waits_only_what_a_contact_says_is_not_found_again() {
    let mut scene = leaving().await;
    let waiting =
        scene.worker.stores.pending(&connection_id(), PendingKind::Removal).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let found = unannounced(&scene.worker.stores, &account_id(), waiting.clone()).await.unwrap();
    assert!(found.is_empty(), "{found:?}");
    // Found by a run that was cancelled before the contact was written.
    scene.worker.directory.inner.entra().put_user(user(2));
    scene.full().await;
    let found = unannounced(&scene.worker.stores, &account_id(), waiting.clone()).await.unwrap();
    assert_eq!(found, waiting);
    let mut bare = waiting;
    bare[0].body["link"] = serde_json::Value::Null;
    let found = unannounced(&scene.worker.stores, &account_id(), bare.clone()).await.unwrap();
    assert_eq!(found, bare);
}
