//! Questions to people: put once, moved with their reason, gone when they are moot.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{
    Decision, Rejected, ReviewAction, ReviewItem, ReviewList, ReviewUser,
};
use contact_sync_domain::settings::{ChangeMode, LinkMode, Settings};

use super::scene::{Scene, connection_id, contact_id, local_id, start, user};
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
