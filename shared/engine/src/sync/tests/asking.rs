//! Questions to people: put once, moved with their reason, gone when they are moot.

use std::cell::RefCell;

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{
    Decision, Rejected, ReviewAction, ReviewItem, ReviewList, ReviewUser,
};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::settings::{ChangeMode, LinkMode, Settings};

use super::replay::{CALLS, settle};
use super::scene::{Scene, connection_id, contact_id, local_id, start, user};
use crate::memory::World;
use crate::port::{DecisionStore, ReviewStore};

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

/// What waits: list and user.
fn waiting(scene: &Scene) -> Vec<(ReviewList, ObjectId)> {
    let world = scene.worker.stores.world();
    world.reviews.keys().map(|(_, list, user)| (*list, user.clone())).collect()
}

fn item(scene: &Scene, list: ReviewList, number: u128) -> ReviewItem {
    scene.worker.stores.world().reviews[&(connection_id(), list, id(number))].clone()
}

fn asks_before_making(settings: &mut Settings) {
    settings.policies.create = ChangeMode::Review;
}

#[tokio::test]
async fn a_question_is_put_once_and_goes_with_its_reason() {
    let mut scene = Scene::of((1..=7).map(user));
    scene.set_settings(asks_before_making);
    let run = scene.full().await;
    assert_eq!(run.counts.awaiting_review, 7, "over page borders");
    let available: Vec<_> = (1..=7).map(|user| (ReviewList::Available, id(user))).collect();
    assert_eq!(waiting(&scene), available);
    let asked = scene.worker.stores.world().reviews.clone();
    scene.full().await;
    assert_eq!(scene.worker.stores.world().reviews, asked, "nobody is asked anew");
    assert!(scene.state().work.asks);

    scene.set_settings(|_| {});
    let run = scene.full().await;
    assert_eq!((run.counts.created, waiting(&scene)), (7, Vec::new()));
    scene.full().await;
    assert!(!scene.state().work.asks, "looks need not look for questions any more");
}

/// A list that is shown: up to which version, and what is on it.
type List = (u64, Vec<ReviewItem>);

fn list(world: &World) -> List {
    // As the list says it (`asOf`).
    let as_of = world.states[&connection_id()].fence.saturating_sub(1);
    (as_of, world.reviews.values().cloned().collect())
}

thread_local! {
    /// The list that somebody looked at in the middle of a run.
    static SHOWN: RefCell<Option<List>> = const { RefCell::new(None) };
}

/// What stands by now and was not on the list, but counts as shown there.
fn unseen(scene: &Scene, (as_of, shown): &List) -> Vec<u64> {
    let world = scene.worker.stores.world();
    let came = world.reviews.values().filter(|item| !shown.contains(item));
    came.map(|item| item.version).filter(|version| version <= as_of).collect()
}

/// Else who makes contacts of all whom a list showed makes them of people whom nobody saw.
#[tokio::test]
async fn what_a_run_at_work_asks_is_newer_than_every_list_that_was_shown_before() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=17).map(user));
        scene.set_settings(asks_before_making);
        scene.queue(RunKind::Full, Trigger::Manual).await;
        let look = |world: &mut World| SHOWN.set(Some(list(world)));
        scene.worker.stores.world().meanwhile = Some((calls, look));
        scene.drive().await.unwrap();
        assert_eq!(waiting(&scene).len(), 17);
        let Some(shown) = SHOWN.take() else {
            assert!(calls > 20, "{calls} calls");
            return;
        };
        assert_eq!(unseen(&scene, &shown), [0; 0], "shown after {calls} calls");
    }
}

/// The same of a page that one slice began and another one finishes.
#[tokio::test]
async fn what_a_dead_slice_read_is_asked_as_late_as_it_is_put() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=17).map(user));
        scene.set_settings(asks_before_making);
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        scene.revive();
        let shown = list(&scene.worker.stores.world());
        settle(&mut scene, RunKind::Full).await;
        assert_eq!(waiting(&scene).len(), 17);
        assert_eq!(unseen(&scene, &shown), [0; 0], "died after {calls} calls");
        let end = list(&scene.worker.stores.world());
        let newer = end.1.iter().filter(|item| item.version > end.0);
        assert_eq!(newer.count(), 0, "when the run is over all of it is shown");
    }
}

#[tokio::test]
async fn a_question_that_becomes_another_leaves_its_list() {
    let mut scene = Scene::of((1..=3).map(user));
    scene.set_settings(asks_before_making);
    scene.full().await;
    let before = item(&scene, ReviewList::Available, 2);
    scene.put_local(9, "user2@contoso.example", None);
    scene.set_settings(|settings| {
        asks_before_making(settings);
        settings.policies.link = LinkMode::Review;
    });
    scene.full().await;
    let matched = item(&scene, ReviewList::Matched, 2);
    assert_eq!(matched.contact_id, Some(local_id(9)));
    assert!(matched.version > before.version, "who decided on the old one is told");
    let of_two = waiting(&scene).into_iter().filter(|(_, user)| *user == id(2));
    assert_eq!(of_two.count(), 1, "in one list at a time");
}

#[tokio::test]
async fn nobody_is_asked_about_who_left_without_ever_having_a_contact() {
    let mut scene = Scene::of((1..=3).map(user));
    scene.set_settings(asks_before_making);
    scene.full().await;
    scene.worker.directory.inner.entra().users.remove(&id(2));
    scene.full().await;
    let available = [1, 3].map(|user| (ReviewList::Available, id(user)));
    assert_eq!(waiting(&scene), available);
}

#[tokio::test]
async fn what_people_refused_keeps_the_lists_looked_at() {
    let mut scene = Scene::of([user(1)]);
    scene.set_settings(|settings| settings.policies.link = LinkMode::Review);
    scene.put_local(9, "user1@contoso.example", None);
    scene.full().await;
    let matched = item(&scene, ReviewList::Matched, 1);
    let refused = Rejected::Match { object_id: id(1), contact_id: local_id(9) };
    let decision = Decision {
        kept_days: None,
        at: start(),
        actor: None,
        action: ReviewAction::Reject,
        item: matched.id(),
        list: ReviewList::Matched,
        version: matched.version,
        contact_id: Some(local_id(9)),
        refused: vec![refused],
    };
    scene.worker.stores.record_decision(&connection_id(), &decision).await.unwrap();
    scene.worker.stores.delete_review(&matched).await.unwrap();
    scene.full().await;
    scene.full().await;
    assert!(scene.state().work.asks, "or the refusal would be forgotten");
    assert!(waiting(&scene).iter().all(|(list, _)| *list != ReviewList::Matched), "not again");
    assert_eq!(scene.contact(&contact_id(1)), None, "the address is the other's");
}

#[tokio::test]
async fn an_old_place_that_a_dying_slice_left_is_cleared() {
    let mut scene = Scene::of([user(1)]);
    scene.set_settings(asks_before_making);
    scene.full().await;
    let standing = item(&scene, ReviewList::Available, 1);
    let stale = ReviewItem {
        list: ReviewList::Matched,
        version: 0,
        user: ReviewUser { object_id: id(1), display_name: None, user_principal_name: None },
        ..standing.clone()
    };
    let place = (connection_id(), ReviewList::Matched, id(1));
    scene.worker.stores.world().reviews.insert(place, stale);
    scene.full().await;
    assert_eq!(waiting(&scene), [(ReviewList::Available, id(1))]);
    assert_eq!(item(&scene, ReviewList::Available, 1), standing);
}
