//! Contacts that existed before, and the people who are led to them.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::review::{Decision, Rejected, ReviewAction, ReviewItem, ReviewList};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::Settings;
use jiff::SignedDuration;
use serde_json::json;

use super::replay::{CALLS, seen, settle};
use super::scene::{Scene, connection_id, contact_id, local_id, map, start, user, user_with};
use crate::port::{DecisionStore, ReviewStore, StoredContact};

/// People are found by their staff number and by their e-mail.
pub(super) fn by_staff_number(settings: &mut Settings) {
    settings.matching = vec!["employeeId".into(), "email".into()];
    map(settings, "employeeId");
}

pub(super) fn employee(number: u128, staff_number: &str) -> DirectoryUser {
    user_with(number, &json!({"employeeId": staff_number}))
}

fn list_first(scene: &Scene, people: impl IntoIterator<Item = u128>) {
    let people = people.into_iter().map(ObjectId::from_u128).collect();
    *scene.worker.directory.order.lock().unwrap() = people;
}

/// Whose a contact is.
pub(super) fn owner(scene: &Scene, contact: &ContactId) -> Option<u128> {
    Some(scene.contact(contact)?.link?.object_id.as_u128())
}

pub(super) fn asked(scene: &Scene, number: u128) -> Option<ReviewItem> {
    let world = scene.worker.stores.world();
    let place = (connection_id(), ReviewList::Conflicts, ObjectId::from_u128(number));
    world.reviews.get(&place).cloned()
}

/// Twelve people, of whom 3 and 9 have the staff number of one contact, and 5 alone that of another.
pub(super) fn contested() -> Scene {
    let scene = Scene::of((1..=12).map(|number| match number {
        3 | 9 => employee(number, "E-1"),
        5 => employee(number, "E-2"),
        _ => user(number),
    }));
    scene.set_settings(by_staff_number);
    scene.put_local(1, "one@by.hand", Some("E-1"));
    scene.put_local(2, "two@by.hand", Some("E-2"));
    scene
}

#[tokio::test]
async fn a_contact_that_two_people_match_is_nobodys_on_whatever_pages_they_are() {
    for (page_size, first) in [(5, vec![]), (12, vec![]), (1, vec![9, 3]), (2, vec![9, 1, 3, 2])] {
        let mut scene = contested();
        scene.pages_of(page_size);
        list_first(&scene, first);
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{page_size}: {:?}", run.reason);
        let counts = run.counts;
        assert_eq!((counts.created, counts.updated, counts.awaiting_review), (9, 1, 2));
        assert_eq!(owner(&scene, &local_id(1)), None);
        assert_eq!(owner(&scene, &local_id(2)), Some(5));
        for number in [3, 9] {
            assert_eq!(asked(&scene, number).unwrap().candidates, [local_id(1)], "{page_size}");
            assert_eq!(scene.contact(&contact_id(number)), None);
        }
    }
}

#[tokio::test]
async fn a_second_run_asks_and_writes_nothing_anew() {
    let mut scene = contested();
    scene.full().await;
    let asked_before = [asked(&scene, 3), asked(&scene, 9)];
    let contacts = scene.worker.stores.world().contacts.clone();
    let run = scene.full().await;
    let counts = run.counts;
    assert_eq!((counts.created, counts.updated, counts.awaiting_review), (0, 0, 2));
    assert_eq!([asked(&scene, 3), asked(&scene, 9)], asked_before);
    assert_eq!(scene.worker.stores.world().contacts, contacts);
}

#[tokio::test]
async fn whoever_matches_several_contacts_keeps_each_of_them_from_others() {
    for first in [[4, 8], [8, 4]] {
        let mut scene = Scene::of((1..=10).map(|number| match number {
            4 => employee(4, "E-1"),
            8 => user_with(8, &json!({"mail": "two@by.hand"})),
            _ => user(number),
        }));
        scene.set_settings(by_staff_number);
        scene.put_local(1, "one@by.hand", Some("E-1"));
        scene.put_local(2, "two@by.hand", Some("E-1"));
        list_first(&scene, first);
        for _ in 0..2 {
            let run = scene.full().await;
            assert_eq!(run.counts.awaiting_review, 2, "{run:?}");
            assert_eq!([1, 2].map(|local| owner(&scene, &local_id(local))), [None, None]);
        }
    }
}

pub(super) fn hint(scene: &Scene) {
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
}

#[tokio::test]
async fn a_look_at_one_of_them_alone_does_not_give_him_what_the_other_is_asked_about() {
    let mut scene = contested();
    scene.full().await;
    let promoted = user_with(9, &json!({"employeeId": "E-1", "jobTitle": "Captain"}));
    scene.worker.directory.inner.entra().put_user(promoted);
    hint(&scene);
    settle(&mut scene, RunKind::Delta).await;
    assert_eq!(owner(&scene, &local_id(1)), None);
    assert!(asked(&scene, 9).is_some() && asked(&scene, 3).is_some());
    // Nor while the other one's question is answered by leaving everything as it is.
    let refused =
        Rejected::Conflict { object_id: ObjectId::from_u128(3), candidates: vec![local_id(1)] };
    keep(&scene, 3, refused).await;
    scene.worker.directory.inner.entra().put_user(employee(9, "E-1"));
    hint(&scene);
    settle(&mut scene, RunKind::Delta).await;
    assert_eq!(owner(&scene, &local_id(1)), None);
    assert!(asked(&scene, 9).is_some());
    // The other one gets a number of his own: whoever sees everybody finds nothing left to ask.
    scene.worker.directory.inner.entra().put_user(employee(3, "E-3"));
    scene.full().await;
    assert_eq!(owner(&scene, &local_id(1)), Some(9));
    assert_eq!((asked(&scene, 3), asked(&scene, 9)), (None, None));
    let pending = scene.worker.stores.world().pending.clone();
    assert!(pending.is_empty(), "{pending:?}");
}

/// Somebody answers a question by leaving everything as it is.
async fn keep(scene: &Scene, number: u128, refused: Rejected) {
    let item = asked(scene, number).unwrap();
    let decision = Decision {
        kept_days: None,
        at: start(),
        actor: None,
        action: ReviewAction::Keep,
        item: item.id(),
        list: item.list,
        version: item.version,
        contact_id: None,
        refused: vec![refused],
    };
    let stores = &scene.worker.stores;
    stores.record_decision(&connection_id(), &decision).await.unwrap();
    stores.delete_review(&item).await.unwrap();
}

#[tokio::test]
async fn two_who_come_on_different_pages_of_a_look_are_both_asked() {
    let mut scene = Scene::of((1..=3).map(user));
    scene.set_settings(by_staff_number);
    scene.full().await;
    scene.put_local(1, "one@by.hand", Some("E-1"));
    for number in 4..=16 {
        let number_of = if matches!(number, 4 | 16) { "E-1".into() } else { format!("X-{number}") };
        scene.worker.directory.inner.entra().put_user(employee(number, &number_of));
    }
    hint(&scene);
    settle(&mut scene, RunKind::Delta).await;
    assert_eq!(owner(&scene, &local_id(1)), None);
    assert!(asked(&scene, 4).is_some() && asked(&scene, 16).is_some());
}

#[tokio::test]
async fn an_address_that_a_contact_gives_up_when_it_is_taken_over_is_free_in_any_order() {
    for first in [[2, 7], [7, 2]] {
        let mut scene = Scene::of((1..=8).map(|number| match number {
            2 => employee(2, "E-1"),
            // The address that people gave the contact of 2.
            7 => user_with(7, &json!({"mail": "one@by.hand"})),
            _ => user(number),
        }));
        scene.set_settings(|settings| {
            by_staff_number(settings);
            settings.matching = vec!["employeeId".into()];
        });
        scene.put_local(1, "one@by.hand", Some("E-1"));
        list_first(&scene, first);
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.reason);
        assert_eq!((run.counts.created, run.counts.updated), (7, 1));
        assert_eq!(owner(&scene, &local_id(1)), Some(2));
        let taken = scene.contact(&contact_id(7)).unwrap();
        assert_eq!(taken.email(), Some("one@by.hand"));
    }
}

#[tokio::test]
async fn of_two_takeovers_with_one_new_address_the_same_is_done_in_any_order() {
    for first in [[2, 7], [7, 2]] {
        let mut scene = Scene::of((1..=8).map(|number| match number {
            2 | 7 => user_with(
                number,
                &json!({"employeeId": format!("E-{number}"), "mail": "both@contoso.example"}),
            ),
            _ => user(number),
        }));
        scene.set_settings(|settings| {
            by_staff_number(settings);
            settings.matching = vec!["employeeId".into()];
        });
        scene.pages_of(1);
        scene.put_local(2, "two@by.hand", Some("E-2"));
        scene.put_local(7, "seven@by.hand", Some("E-7"));
        list_first(&scene, first);
        let run = scene.full().await;
        assert_eq!((run.status, run.counts.failed), (RunStatus::Partial, 1), "{:?}", run.reason);
        assert_eq!([2, 7].map(|local| owner(&scene, &local_id(local))), [Some(2), None]);
        assert!(asked(&scene, 7).is_some());
    }
}

#[tokio::test]
async fn whoever_had_a_contact_gets_it_back_before_somebody_with_its_address() {
    for first in [[2, 7], [7, 2]] {
        let mut scene = Scene::of((1..=8).map(user));
        scene.full().await;
        // The contact of 2 was unlinked; his address passed on to 7, whose contact is gone.
        {
            let mut world = scene.worker.stores.world();
            let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&contact_id(2))
            else {
                panic!("it stands");
            };
            contact.link = None;
            contact.version += 1;
        }
        let passed_on = user_with(9, &json!({"mail": "user2@contoso.example"}));
        scene.worker.directory.inner.entra().put_user(passed_on);
        list_first(&scene, first.map(|number| if number == 7 { 9 } else { number }));
        let run = scene.full().await;
        assert_eq!(owner(&scene, &contact_id(2)), Some(2), "{run:?}");
        assert_eq!(run.counts.failed, 1);
    }
}

#[tokio::test]
async fn somebody_edits_the_contact_while_it_waits_to_be_taken_over() {
    let mut scene = contested();
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    // While the third page is read.
    scene.worker.stores.world().meanwhile = Some((30, |world| {
        let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&local_id(2)) else {
            panic!("it stands");
        };
        contact.fields.insert(ContactField::City, "Rome".into());
        contact.version += 1;
    }));
    scene.drive().await.unwrap();
    let run = scene.run(&id);
    assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.reason);
    let taken = scene.contact(&local_id(2)).unwrap();
    assert_eq!(taken.link.unwrap().object_id, ObjectId::from_u128(5));
    assert_eq!(taken.fields.get(&ContactField::City).map(String::as_str), Some("Rome"));
}

#[tokio::test]
async fn a_run_that_dies_anywhere_gives_contacts_to_the_same_people() {
    let mut undisturbed = contested();
    let run = undisturbed.full().await;
    let expected = (seen(&undisturbed, &run), questions(&undisturbed));
    for calls in 0..CALLS {
        let mut scene = contested();
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            assert!(calls > 40, "{calls} calls");
            return;
        }
        scene.revive();
        settle(&mut scene, RunKind::Full).await;
        let run = scene.run(&id);
        let found = (seen(&scene, &run), questions(&scene));
        assert_eq!(found, expected, "died after {calls} calls");
    }
}

#[tokio::test]
async fn a_look_that_dies_anywhere_gives_contacts_to_the_same_people() {
    let arrange = async || {
        let mut scene = Scene::of((1..=3).map(user));
        scene.set_settings(by_staff_number);
        scene.full().await;
        scene.put_local(1, "one@by.hand", Some("E-1"));
        scene.put_local(2, "two@by.hand", Some("E-2"));
        for (number, staff_number) in [(4, "E-1"), (5, "E-2"), (6, "X"), (7, "Y"), (8, "E-1")] {
            scene.worker.directory.inner.entra().put_user(employee(number, staff_number));
        }
        scene.pages_of(2);
        hint(&scene);
        scene
    };
    let delta = |scene: &Scene| {
        let mut runs = scene.runs();
        runs.retain(|run| run.kind == RunKind::Delta);
        assert_eq!(runs.len(), 1, "one look, one run");
        runs.remove(0)
    };
    let mut undisturbed = arrange().await;
    settle(&mut undisturbed, RunKind::Delta).await;
    let run = delta(&undisturbed);
    let counts = run.counts;
    assert_eq!((counts.created, counts.updated, counts.awaiting_review), (2, 1, 2));
    let expected = (seen(&undisturbed, &run), questions(&undisturbed));
    for calls in 0..CALLS {
        let mut scene = arrange().await;
        scene.die_after(calls);
        let lived = scene.drive_as(RunKind::Delta, None).await.is_ok();
        if !lived {
            scene.revive();
            settle(&mut scene, RunKind::Delta).await;
        }
        let run = delta(&scene);
        let found = (seen(&scene, &run), questions(&scene));
        assert_eq!(found, expected, "died after {calls} calls");
        assert!(scene.worker.stores.world().pending.is_empty(), "died after {calls} calls");
        if lived {
            assert!(calls > 30, "{calls} calls");
            return;
        }
    }
}

/// What is asked of people, without when.
pub(super) fn questions(scene: &Scene) -> Vec<String> {
    let world = scene.worker.stores.world();
    let told = |item: &ReviewItem| {
        let (list, user) = (item.list, &item.user.object_id);
        format!("{list:?} {user} {:?} {:?} {:?}", item.contact_id, item.candidates, item.reason)
    };
    world.reviews.values().map(told).collect()
}

#[tokio::test]
async fn a_pause_while_contacts_wait_takes_nothing_over() {
    let mut scene = contested();
    scene.pass(SignedDuration::from_secs(1));
    scene.worker.stores.world().meanwhile = Some((38, |world| {
        let connection = world.connections.get_mut(&connection_id()).unwrap();
        connection.status = contact_sync_domain::connection::ConnectionStatus::Paused;
    }));
    scene.worker.clock.set_tick(SignedDuration::from_secs(3));
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Cancelled, "{run:?}");
    assert_eq!(owner(&scene, &local_id(2)), None);
}
