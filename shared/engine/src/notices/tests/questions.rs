//! Questions that wait, as a run's end leads to them.

use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::settings::ChangeMode;
use contact_sync_domain::settings::presets::presets;

use super::digests::scene;
use super::*;

impl Scene {
    /// A question about the person of this number is put now.
    fn asks(&self, list: ReviewList, number: u32) {
        let item: ReviewItem = serde_json::from_value(json!({
            "accountId": self.connection.account_id, "connectionId": self.connection.id,
            "list": list, "version": 1, "run": "run", "since": self.clock.now(),
            "user": {"objectId": format!("84bd8158-6d4d-4958-8b9f-9d64{number:08x}")},
        }))
        .unwrap();
        let place = (self.connection.id.clone(), list, item.user.object_id.clone());
        self.stores.world().reviews.insert(place, item);
    }

    /// A run ends that asked so many; what people are told of it.
    async fn asked(&self, run: u128, counts: Counts) -> Vec<String> {
        let hint = self.run(run, RunStatus::Succeeded, counts);
        let told = self.hear(&hint).await;
        told.iter().map(|notice| notice.title.clone()).collect()
    }
}

fn waiting(awaiting_review: u64) -> Counts {
    Counts { awaiting_review, ..Counts::default() }
}

#[tokio::test]
async fn by_hand_each_change_that_waits_is_told_though_people_stay_unlinked_for_good() {
    let scene = scene();
    let by_hand = presets().into_iter().find(|preset| preset.id == "lynes-manual").unwrap();
    {
        let mut world = scene.stores.world();
        let versions = world.settings.get_mut(&scene.connection.id).unwrap();
        let notifications = versions[0].settings.notifications.clone();
        versions[0].settings = by_hand.settings;
        versions[0].settings.notifications = notifications;
        versions[0].settings.notifications.digest = "daily".to_owned();
    }
    for number in 0..150 {
        scene.asks(ReviewList::Available, number);
    }
    assert_eq!(scene.asked(1, waiting(150)).await.len(), 1, "they wait for the first time");
    for (day, number) in [(1, 200), (9, 201)] {
        scene.clock.advance(SignedDuration::from_hours(24 * day));
        scene.asks(ReviewList::Available, number);
        assert_eq!(scene.asked(10 + u128::from(number), waiting(151)).await, [""; 0]);
    }
    // A change waits that people are told of, and of nothing but it.
    scene.clock.advance(SignedDuration::from_hours(1));
    scene.asks(ReviewList::Changes, 210);
    let told = scene.asked(30, waiting(153)).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with(": 1 decision waits"), "{told:?}");
    assert_eq!(scene.asked(31, waiting(153)).await, [""; 0], "the same still waits");
    // A day's digest, too, speaks of what somebody must decide.
    scene.clock.advance(SignedDuration::from_hours(24));
    let digests = scene.digests().await;
    assert!(digests[0].text.contains("1 decision waits for somebody."), "{}", digests[0].text);
}

#[tokio::test]
async fn a_second_question_is_told_while_the_first_stays_open_and_in_the_same_list_after_a_day() {
    let scene = scene();
    scene.changes_digest("off");
    scene.asks(ReviewList::Conflicts, 1);
    assert_eq!(scene.asked(1, waiting(1)).await.len(), 1);
    scene.clock.advance(SignedDuration::from_mins(5));
    scene.asks(ReviewList::Removals, 2);
    assert_eq!(scene.asked(2, waiting(2)).await.len(), 1);
    scene.clock.advance(SignedDuration::from_mins(5));
    scene.asks(ReviewList::Conflicts, 3);
    assert_eq!(scene.asked(3, waiting(3)).await, [""; 0]);
    scene.clock.advance(SignedDuration::from_hours(23));
    assert_eq!(scene.digests().await, []);
    scene.clock.advance(SignedDuration::from_hours(1));
    let told = scene.digests().await;
    assert_eq!(reasons(&told), ["decisions-waiting"], "though no run came meanwhile");
    assert!(told[0].title.ends_with(": 3 decisions wait"), "{}", told[0].title);
    scene.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(scene.digests().await, []);
    assert_eq!(scene.asked(4, waiting(3)).await, [""; 0]);
}

/// A list is in the order of ids, not of time: looked at only in part, it would hide what comes behind.
#[tokio::test]
async fn in_a_list_of_more_than_a_thousand_the_last_question_is_counted_and_told() {
    let scene = scene();
    scene.changes_digest("off");
    for number in 0..2_500 {
        scene.asks(ReviewList::Conflicts, number);
    }
    let told = scene.asked(1, waiting(2_500)).await;
    assert!(told[0].ends_with(": 2500 decisions wait"), "{told:?}");
    scene.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(scene.asked(2, waiting(2_500)).await, [""; 0], "the same still waits");
    scene.asks(ReviewList::Conflicts, 9_999);
    let told = scene.asked(3, waiting(2_501)).await;
    assert_eq!(told.len(), 1, "the newest is the last of the list");
    assert!(told[0].ends_with(": 2501 decisions wait"), "{told:?}");
}

/// Whoever leaves people without a contact by choice is not read a list of them to the end.
#[tokio::test]
async fn of_a_list_that_stands_no_more_than_a_thousand_are_counted_and_it_says_so() {
    let scene = scene();
    scene.changes_digest("off");
    {
        let mut world = scene.stores.world();
        let versions = world.settings.get_mut(&scene.connection.id).unwrap();
        versions[0].settings.policies.create = ChangeMode::Review;
    }
    for number in 0..2_500 {
        scene.asks(ReviewList::Available, number);
    }
    let told = scene.asked(1, waiting(2_500)).await;
    assert!(told[0].ends_with(": over 1000 decisions wait"), "{told:?}");
}

#[tokio::test]
async fn what_a_run_asks_beside_what_it_did_is_told() {
    let scene = scene();
    scene.asks(ReviewList::Changes, 1);
    let asked = Counts { updated: 1, asked: 1, ..Counts::default() };
    let hint = scene.run(1, RunStatus::Succeeded, asked);
    assert_eq!(reasons(&scene.hear(&hint).await), ["decisions-waiting", "contacts-changed"]);
}

#[tokio::test]
async fn who_wants_every_contact_made_is_told_of_each_who_waits_for_it() {
    let scene = scene();
    assert_eq!(Settings::default().policies.create, ChangeMode::Auto);
    scene.asks(ReviewList::Available, 1);
    assert_eq!(scene.asked(1, waiting(1)).await.len(), 1);
    scene.clock.advance(SignedDuration::from_hours(25));
    scene.asks(ReviewList::Available, 2);
    assert_eq!(scene.asked(2, waiting(2)).await.len(), 1);
}
