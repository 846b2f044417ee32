mod scene;

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::photo::{FRESH, PhotoHindrance, PhotoState};
use jiff::SignedDuration;

use self::scene::{Answer, PEOPLE, Scene, account, connection, contact};
use super::*;
use crate::port::StoredContact;

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0 one";
const OTHER: &[u8] = b"\xFF\xD8\xFF\xE0 another";

/// Off by default: nothing is asked, nothing is stored, and it costs one read.
#[tokio::test]
async fn where_photos_are_off_nobody_is_asked_and_one_read_is_all() {
    let scene = Scene::new();
    scene.wants(false);
    scene.stores.world().calls_left = Some(1);
    assert_eq!(scene.begin().await.unwrap(), Walked::Unwanted);
    assert_eq!(scene.graph.asked(), 0);
    assert!(scene.stores.world().photos.is_empty());
}

#[tokio::test]
async fn everybody_is_looked_at_once_and_photos_are_kept_as_they_came() {
    let scene = Scene::new();
    scene.graph.answers(1, Answer::Photo(JPEG));
    scene.graph.answers(2, Answer::Photo(b"<html>"));
    let Walked::Done(done) = scene.begin().await.unwrap() else { panic!("it ends") };
    assert_eq!(done, Looked { people: PEOPLE.into(), changed: 2, failed: 0 });
    assert_eq!(scene.state(1), Some(PhotoState::Present));
    assert_eq!(scene.state(2), Some(PhotoState::Unavailable));
    assert_eq!(scene.state(3), Some(PhotoState::None));
    assert_eq!(scene.kept(), [(photo_key(&account(), &contact(1)), JPEG.to_vec())]);
    // The next run finds everybody fresh.
    let asked = scene.graph.asked();
    assert_eq!(scene.begin().await.unwrap(), Walked::Done(Looked::default()));
    assert_eq!(scene.graph.asked(), asked);
}

/// Whoever left the scope or lost the link keeps what was known, as with every other field.
#[tokio::test]
async fn only_linked_people_of_the_connection_are_looked_at() {
    let scene = Scene::new();
    scene.change(1, |contact| {
        if let Some(link) = &mut contact.link {
            link.state = LinkState::OutOfScope;
        }
    });
    scene.change(2, |contact| {
        if let Some(link) = &mut contact.link {
            link.connection_id = ConnectionId::from_bits(99);
        }
    });
    scene.change(3, |contact| contact.link = None);
    let Walked::Done(done) = scene.begin().await.unwrap() else { panic!("it ends") };
    assert_eq!(done.people, u64::from(PEOPLE) - 3);
}

#[tokio::test]
async fn an_unchanged_photo_is_stamped_and_stored_no_second_time() {
    let scene = Scene::new();
    scene.graph.answers(1, Answer::Photo(JPEG));
    scene.begin().await.unwrap();
    let before = scene.known(1).unwrap();
    // Whoever puts it again would make it come back.
    scene.blobs.blobs.all().clear();
    scene.clock.advance(FRESH);
    let Walked::Done(done) = scene.begin().await.unwrap() else { panic!("it ends") };
    assert_eq!((done.people, done.changed), (PEOPLE.into(), 0));
    let after = scene.known(1).unwrap();
    assert_eq!((after.version, &after.image), (before.version, &before.image));
    assert!(after.checked_at > before.checked_at && after.changed_at == before.changed_at);
    assert!(scene.kept().is_empty());
}

#[tokio::test]
async fn another_photo_takes_its_place_and_one_that_is_gone_goes() {
    let scene = Scene::new();
    scene.graph.answers(1, Answer::Photo(JPEG));
    scene.begin().await.unwrap();
    scene.clock.advance(FRESH);
    scene.graph.answers(1, Answer::Photo(OTHER));
    scene.begin().await.unwrap();
    assert_eq!(scene.kept(), [(photo_key(&account(), &contact(1)), OTHER.to_vec())]);
    scene.clock.advance(FRESH);
    scene.graph.answers(1, Answer::Nothing);
    scene.begin().await.unwrap();
    assert_eq!(scene.state(1), Some(PhotoState::None));
    assert!(scene.kept().is_empty());
}

/// A walk over a large directory outlives an invocation: nobody is looked at twice or left out.
#[tokio::test]
async fn slices_go_on_where_the_one_before_came_to() {
    let mut scene = Scene::new();
    scene.bounds.people = 7;
    let Walked::GoesOn(done) = scene.begin().await.unwrap() else { panic!("it goes on") };
    assert_eq!(done.people, 7);
    assert!(scene.lane().asks_for_more(), "its stream asks for the next slice");
    let mut slices = 1;
    while let Walked::GoesOn(done) = scene.go_on().await.unwrap() {
        assert!(done.people <= 7);
        slices += 1;
    }
    assert_eq!(slices + 1, usize::try_from(PEOPLE).unwrap() / 7, "and the one that ends it");
    assert_eq!(scene.graph.asked(), u64::from(PEOPLE));
    let lane = scene.lane();
    assert!(lane.walk.is_none() && lane.finished_at.is_some() && lane.open().is_none());
}

#[tokio::test]
async fn time_ends_a_slice_and_one_that_came_to_nothing_asks_for_no_other() {
    let scene = Scene::new();
    scene.graph.answers_all(Answer::Nothing);
    let until = scene.clock.now();
    let walked = scene.worker().begin(&account(), &connection(), until).await.unwrap();
    assert_eq!(walked, Walked::GoesOn(Looked::default()));
    assert!(!scene.lane().asks_for_more(), "it would go round and round");
    assert_eq!(scene.go_on().await.unwrap(), Walked::NotOurs, "it rests");
    scene.clock.advance(REST);
    assert!(matches!(scene.go_on().await.unwrap(), Walked::Done(_)));
}

#[tokio::test]
async fn throttling_ends_the_slice_and_the_walk_goes_on_when_it_may() {
    let scene = Scene::new();
    let wait = SignedDuration::from_secs(120);
    scene.graph.answers(5, Answer::Throttled(wait));
    let Walked::Waits(done) = scene.begin().await.unwrap() else { panic!("it waits") };
    assert!(done.people < PEOPLE.into());
    assert!(!scene.lane().asks_for_more());
    assert_eq!(scene.begin().await.unwrap(), Walked::NotOurs, "another run asks before its time");
    assert_eq!(scene.all().await, 0);
    scene.graph.answers(5, Answer::Photo(JPEG));
    scene.clock.advance(wait);
    assert_eq!(scene.all().await, 1);
    assert_eq!(scene.state(5), Some(PhotoState::Present));
    assert!(scene.lane().walk.is_none());
}

/// One column is dimmed, and says which permission is missing; it clears up by itself.
#[tokio::test]
async fn a_missing_permission_ends_the_walk_and_is_forgotten_once_photos_are_read() {
    let scene = Scene::new();
    scene.graph.answers_all(Answer::Forbidden);
    assert!(matches!(scene.begin().await.unwrap(), Walked::Hindered(_)));
    let trouble = scene.lane().trouble.unwrap();
    assert_eq!(trouble.what, PhotoHindrance::Permission);
    assert!(trouble.what.told().contains("ProfilePhoto.Read.All"));
    assert!(scene.graph.asked() <= 4, "nobody else is asked in vain");
    assert!(scene.stores.world().photos.is_empty());
    scene.clock.advance(SignedDuration::from_hours(24));
    scene.begin().await.unwrap();
    assert_eq!(scene.lane().trouble.unwrap().since, trouble.since, "the same since then");
    scene.graph.answers_all(Answer::Nothing);
    assert!(matches!(scene.begin().await.unwrap(), Walked::Done(_)));
    assert_eq!(scene.lane().trouble, None);
}

#[tokio::test]
async fn one_persons_failure_stops_nobody_and_silence_stops_the_walk() {
    let scene = Scene::new();
    scene.graph.answers(1, Answer::Photo(JPEG));
    scene.begin().await.unwrap();
    scene.clock.advance(FRESH);
    scene.graph.answers(1, Answer::Broken);
    let Walked::Done(done) = scene.begin().await.unwrap() else { panic!("it ends") };
    assert_eq!((done.people, done.failed), (PEOPLE.into(), 1));
    assert_eq!(scene.state(1), Some(PhotoState::Present), "what was known stands");
    scene.clock.advance(FRESH);
    scene.graph.answers_all(Answer::Broken);
    let Walked::Waits(done) = scene.begin().await.unwrap() else { panic!("it waits") };
    assert!(done.people < 16, "{}", done.people);
}

#[tokio::test]
async fn two_at_once_do_the_work_once() {
    let scene = Scene::new();
    let (one, other) = futures::join!(scene.begin(), scene.begin());
    let walked = [one.unwrap(), other.unwrap()];
    let people = walked.iter().map(|walked| match walked {
        Walked::Done(done) => done.people,
        _ => 0,
    });
    assert_eq!(people.sum::<u64>(), u64::from(PEOPLE), "{walked:?}");
    assert_eq!(scene.graph.asked(), u64::from(PEOPLE));
}

#[tokio::test]
async fn who_turns_photos_off_or_stops_the_connection_ends_the_walk() {
    for off in [true, false] {
        let mut scene = Scene::new();
        scene.bounds.people = 5;
        scene.begin().await.unwrap();
        if off {
            scene.wants(false);
        } else {
            scene.disable();
        }
        assert_eq!(scene.go_on().await.unwrap(), Walked::Unwanted);
        assert!(scene.lane().open().is_none());
        assert_eq!(scene.graph.asked(), 5);
    }
}

#[tokio::test]
async fn a_pause_of_everything_keeps_the_walk_for_later() {
    let mut scene = Scene::new();
    scene.bounds.people = 5;
    scene.begin().await.unwrap();
    scene.pause(true);
    assert_eq!(scene.all().await, 1, "it was tried");
    assert_eq!(scene.graph.asked(), 5);
    scene.pause(false);
    scene.bounds.people = 1_000;
    assert_eq!(scene.all().await, 1);
    assert!(scene.lane().walk.is_none());
}

/// Whoever dies, wherever it is, leaves nobody without the photo, nobody with somebody else's, and
/// no photo that nothing leads to.
#[tokio::test]
async fn a_death_at_any_call_loses_nothing() {
    let mut first_to_end = None;
    for calls in 0..1_000 {
        let scene = Scene::of(3);
        for number in 1..=3 {
            scene.graph.answers(number, Answer::Photo(JPEG));
        }
        scene.blobs.blobs.all().clear();
        scene.stores.world().calls_left = Some(calls);
        let died = scene.begin().await.is_err();
        scene.stores.world().calls_left = None;
        for (key, _) in scene.kept() {
            let known = (1..=3).any(|number| {
                key == photo_key(&account(), &contact(number)) && scene.known(number).is_some()
            });
            assert!(known, "after {calls} calls nothing leads to {key}");
        }
        // The dead worker's lease passes, and the clock goes on with its walk.
        scene.clock.advance(SignedDuration::from_hours(1));
        scene.all().await;
        scene.begin().await.unwrap();
        for number in 1..=3 {
            assert_eq!(scene.state(number), Some(PhotoState::Present), "after {calls} calls");
        }
        assert_eq!(scene.kept().len(), 3, "after {calls} calls");
        // And the other way: photos that go.
        scene.clock.advance(FRESH);
        scene.graph.answers_all(Answer::Nothing);
        scene.stores.world().calls_left = Some(calls);
        let died_again = scene.begin().await.is_err();
        scene.stores.world().calls_left = None;
        scene.clock.advance(SignedDuration::from_hours(1));
        scene.all().await;
        scene.begin().await.unwrap();
        assert!(scene.kept().is_empty(), "after {calls} calls");
        assert_eq!(scene.state(1), Some(PhotoState::None), "after {calls} calls");
        if !died && !died_again {
            first_to_end = Some(calls);
            break;
        }
    }
    assert!(first_to_end.is_some_and(|calls| calls > 20), "{first_to_end:?}");
}

/// Somebody was forgotten between the look and the write: nothing of the photo is left.
#[tokio::test]
async fn whoever_is_removed_or_forgotten_meanwhile_gets_no_photo() {
    for calls in 0..40 {
        let scene = Scene::of(1);
        scene.graph.answers(1, Answer::Photo(JPEG));
        scene.stores.world().meanwhile = Some((calls, |world| {
            let id = contact(1);
            let buried = StoredContact::Tombstone {
                version: 9,
                source_version: u64::MAX,
                connection_id: None,
                expires_at: Timestamp::MAX,
                by: None,
                erased: true,
            };
            world.contacts.insert(id.clone(), buried);
            // As its deletion does between its two deletions of bytes.
            world.photos.remove(&id);
        }));
        scene.begin().await.unwrap();
        if scene.stores.world().meanwhile.take().is_some() {
            assert!(calls > 8, "{calls}");
            return;
        }
        delete_photo(&*scene.stores, &scene.blobs, &account(), &contact(1)).await.unwrap();
        assert_eq!(scene.known(1), None, "after {calls} calls");
        assert!(scene.kept().is_empty(), "after {calls} calls");
        scene.clock.advance(FRESH);
        scene.begin().await.unwrap();
        assert_eq!(scene.known(1), None, "after {calls} calls");
        assert!(scene.kept().is_empty(), "after {calls} calls");
    }
    panic!("the whole walk was never reached");
}

#[tokio::test]
async fn a_removed_contacts_photo_goes_and_where_none_was_looked_for_that_is_one_read() {
    let scene = Scene::new();
    let removed = async |number| {
        photo_of_removed(&*scene.stores, &scene.blobs, &account(), &contact(number)).await
    };
    scene.stores.world().calls_left = Some(1);
    assert!(!removed(1).await.unwrap());
    scene.stores.world().calls_left = None;
    scene.graph.answers(1, Answer::Photo(JPEG));
    scene.begin().await.unwrap();
    assert!(!removed(1).await.unwrap(), "it came back before that was heard");
    assert_eq!(scene.kept().len(), 1);
    scene.stores.world().contacts.remove(&contact(1));
    assert!(removed(1).await.unwrap());
    assert!(scene.kept().is_empty() && scene.known(1).is_none());
}
