//! What nothing leads to any more when a person is erased: photos, and whose a contact was.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::segment::{Outcome, Phase, Prior, Segment};
use contact_sync_engine::photos::photo_key;
use contact_sync_engine::port::{Blobs, StoredContact};
use contact_sync_engine::segments::{state_prefix, store_segment};
use serde_json::json;

use super::{assert_forgotten, erase, lived_in, redact_all};
use crate::tests::harness::{App, Ask, account_id, connection_id, of_account, tenant};

/// Whoever walked through photos died, and so did whoever was to look for what he left.
#[tokio::test]
async fn a_photo_that_was_left_behind_goes_when_the_person_is_erased_again() {
    let (app, contact) = lived_in().await;
    let key = photo_key(&account_id(), &contact);
    let put = async || app.outside.blobs.put(&key, b"a photo".to_vec(), "image/jpeg").await;
    put().await.unwrap();
    let receipt = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!(receipt["found"]["photos"], 1, "{receipt}");
    redact_all(&app).await;
    let done = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!((&done["state"], &done["found"]["photos"]), (&json!("done"), &json!(1)));
    put().await.unwrap();
    let again = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!(app.outside.blobs.get(&key).await.unwrap(), None, "nothing leads to it");
    assert_eq!((&again["state"], &again["found"]["photos"]), (&json!("done"), &json!(2)));
    let last = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!(last, again, "there is nothing more");
}

/// The contact existed before: its id does not tell whose it was.
#[tokio::test]
async fn whose_contact_was_untied_is_barred_with_it() {
    for by_run in [false, true] {
        let (app, contact) = lived_in().await;
        let user = ObjectId::from_u128(7);
        if by_run {
            let by = Prior { run: RunId::from_bits(0x77), page: 2 };
            let item = blank_item(&user, Some(contact.clone()), Outcome::Unlink);
            let page = Segment::of(2, Phase::Judgement, 1, vec![item]);
            let (store, blobs) = (&app.outside.store, &app.outside.blobs);
            let of = (&by.run, Retention::default());
            store_segment(store, blobs, &account_id(), &connection_id(), of, page).await.unwrap();
            untie(&app, &contact, &by);
        } else {
            let unlink = of_account(&format!("/contacts/{contact}/unlink"));
            app.ask(Ask::new("POST", unlink)).await.expect(202);
        }
        app.ask(erase(&contact)).await.expect(202);
        let receipt = app.outside.store.world().receipts.values().next().cloned().unwrap();
        let tenant = tenant();
        let own = ContactId::derived(&account_id(), &tenant, &user);
        assert_eq!(receipt.barred, std::slice::from_ref(&own), "by a run: {by_run}");
        let standing = app.outside.store.world().contacts.get(&own).cloned();
        assert!(matches!(standing, Some(StoredContact::Tombstone { erased: true, .. })));
        redact_all(&app).await;
        assert_forgotten(&app, &contact);
    }
}

/// As a run does whose policy is to unlink: the contact is not written since.
fn untie(app: &App, contact: &ContactId, by: &Prior) {
    let mut world = app.outside.store.world();
    let Some(StoredContact::Present(standing)) = world.contacts.get_mut(contact) else { return };
    standing.link = None;
    let mark = standing.sync.as_mut().unwrap();
    (mark.run, mark.page) = (by.run.to_string(), by.page);
}

/// Somebody else's contact had been taken for his: erasing that person does not touch him.
#[tokio::test]
async fn who_has_another_contact_by_now_is_not_erased_with_one_that_was_his() {
    let (app, contact) = lived_in().await;
    let by = Prior { run: RunId::from_bits(0x77), page: 2 };
    let user = ObjectId::from_u128(7);
    let item = blank_item(&user, Some(contact.clone()), Outcome::Unlink);
    let page = Segment::of(2, Phase::Judgement, 1, vec![item]);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let of = (&by.run, Retention::default());
    store_segment(store, blobs, &account_id(), &connection_id(), of, page).await.unwrap();
    untie(&app, &contact, &by);
    let own = ContactId::derived(&account_id(), &tenant(), &user);
    {
        let mut world = store.world();
        let Some(StoredContact::Present(old)) = world.contacts.get(&contact) else { panic!() };
        let new = StoredContact::Present(Box::new(Contact { id: own.clone(), ..(**old).clone() }));
        world.contacts.insert(own.clone(), new);
    }
    app.ask(erase(&contact)).await.expect(202);
    let world = store.world();
    assert!(world.receipts.values().all(|receipt| receipt.barred.is_empty()));
    assert!(matches!(world.contacts.get(&own), Some(StoredContact::Present(_))));
}

/// The pickers' counts name nobody, but a value may be one person's alone.
#[tokio::test]
async fn counted_values_are_counted_again_once_somebody_is_erased() {
    let (app, contact) = lived_in().await;
    let key = format!("{}values.json", state_prefix(&account_id(), &connection_id()));
    app.outside.blobs.put(&key, b"Canary City".to_vec(), "application/json").await.unwrap();
    app.ask(erase(&contact)).await.expect(202);
    assert_eq!(app.outside.blobs.get(&key).await.unwrap(), None);
}
