//! `SelectUniqueValue`: who comes second gets the second address, and everybody keeps what he has.

use std::collections::BTreeMap;

use contact_sync_domain::contact::{Contact, ContactField, ContactSource};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::MappingRow;
use serde_json::json;

use super::replay::{CALLS, settle};
use super::scene::{Scene, contact_id, user, user_with};
use crate::port::StoredContact;

const INFO: &str = "info@contoso.example";

fn at_info(number: u128) -> DirectoryUser {
    user_with(number, &json!({"mail": INFO}))
}

/// Twelve people on three pages; two of one page and one of another have the same mailbox.
fn scene() -> Scene {
    let people = (1..=12).map(|number| match number {
        2 | 4 | 9 => at_info(number),
        other => user(other),
    });
    let scene = Scene::of(people);
    scene.set_settings(|settings| {
        settings.mapping[0].source = "SelectUniqueValue([mail], [userPrincipalName])".to_owned();
        settings.matching = vec!["userPrincipalName".to_owned()];
    });
    scene
}

fn addresses(scene: &Scene) -> BTreeMap<u128, String> {
    let address = |number| Some(scene.contact(&contact_id(number))?.email()?.to_owned());
    (1..=13).filter_map(|number| Some((number, address(number)?))).collect()
}

#[tokio::test]
async fn the_first_gets_the_first_address_the_others_their_next_and_all_keep_them() {
    let mut scene = scene();
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 12), "{:?}", run.reason);
    let given = addresses(&scene);
    assert_eq!(given.values().filter(|address| *address == INFO).count(), 1);
    for (number, address) in &given {
        assert!(address == INFO || *address == format!("user{number}@contoso.example"));
    }
    let run = scene.full().await;
    assert_eq!((run.counts.unchanged, run.counts.updated), (12, 0), "twice is once");
    assert_eq!(addresses(&scene), given);

    // The better address becomes free: nobody's address changes for that.
    let (holder, _) = given.iter().find(|(_, address)| *address == INFO).unwrap();
    scene.worker.directory.inner.entra().put_user(user(*holder));
    let renamed = user_with(12, &json!({"displayName": "Renamed"}));
    scene.worker.directory.inner.entra().put_user(renamed);
    let run = scene.full().await;
    assert_eq!((run.counts.updated, run.counts.failed), (2, 0), "{:?}", run.reason);
    assert!(addresses(&scene).values().all(|address| address != INFO));
    // A newcomer takes it.
    scene.worker.directory.inner.entra().put_user(at_info(13));
    let run = scene.full().await;
    assert_eq!(run.counts.created, 1);
    assert_eq!(addresses(&scene)[&13], INFO);
}

/// What people made by hand is another's, unless a key leads there; whoever finds nothing free fails
/// with the reason.
#[tokio::test]
async fn a_contact_made_by_hand_keeps_its_address_and_without_a_free_one_the_record_fails() {
    let taken = [INFO, "user2@contoso.example"];
    for (key, created, failed) in [("userPrincipalName", 11, 0), ("employeeId", 11, 1)] {
        let mut made = scene();
        made.full().await;
        let sample = made.contact(&contact_id(1)).unwrap();
        let mut scene = self::scene();
        scene.set_settings(|settings| {
            settings.mapping[0].source =
                "SelectUniqueValue([mail], [userPrincipalName])".to_owned();
            let id = MappingRow {
                target: "employeeId".to_owned(),
                source: "[employeeId]".to_owned(),
                ..settings.mapping[1].clone()
            };
            settings.mapping.push(id);
            settings.matching = vec![key.to_owned()];
        });
        for (id, address) in (900..).zip(taken) {
            let id = ContactId::from_bits(id);
            let mut local = Contact { id: id.clone(), link: None, sync: None, ..sample.clone() };
            local.source = ContactSource::Local;
            local.fields.insert(ContactField::Email, address.to_owned());
            let mut world = scene.worker.stores.world();
            world.claims.insert((local.account_id.clone(), address.to_owned()), id.clone());
            world.contacts.insert(id, StoredContact::Present(Box::new(local)));
        }
        let run = scene.full().await;
        assert_eq!((run.counts.created, run.counts.failed), (created, failed), "{key}");
        for (id, address) in (900..).zip(taken) {
            assert_eq!(scene.addresses()[address], [ContactId::from_bits(id)], "{key}");
        }
    }
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_gives_no_address_to_two_and_none_twice() {
    for calls in 0..CALLS {
        let mut scene = scene();
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        if !lived {
            scene.revive();
            settle(&mut scene, RunKind::Full).await;
        }
        let run = scene.run(&id);
        assert_eq!((run.counts.created, run.counts.failed), (12, 0), "died after {calls} calls");
        let bearers = scene.addresses();
        assert_eq!(bearers.len(), 12, "died after {calls} calls: {bearers:?}");
        if lived {
            assert!(calls > 30, "{calls} calls");
            return;
        }
    }
}
