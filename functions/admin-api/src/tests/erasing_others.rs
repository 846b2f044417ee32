//! Forgetting one person while other contacts stand under his ids.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_engine::port::StoredContact;
use serde_json::json;

use super::erasing::{assert_forgotten, erase, redact_all};
use super::harness::{App, Ask, account_id, of_account, tenant};

/// User 7 is linked to a contact that existed before; where sync once made one for him stands
/// whatever this makes of a copy.
fn with_own(change: impl FnOnce(Contact) -> Contact) -> (App, ContactId, ContactId) {
    let app = App::with_connection(ConnectionStatus::Enabled);
    let contact = app.add_linked_contact();
    let own = ContactId::derived(&account_id(), &tenant(), &ObjectId::from_u128(7));
    let Some(linked) = present(&app, &contact) else { panic!("no contact") };
    let other = change(Contact { id: own.clone(), ..linked });
    let mut world = app.outside.store.world();
    if let Some(email) = other.fields.get(&ContactField::Email) {
        world.claims.insert((account_id(), email.clone()), own.clone());
    }
    world.contacts.insert(own.clone(), StoredContact::Present(Box::new(other)));
    drop(world);
    (app, contact, own)
}

fn present(app: &App, id: &ContactId) -> Option<Contact> {
    match app.outside.store.world().contacts.get(id) {
        Some(StoredContact::Present(contact)) => Some(Contact::clone(contact)),
        Some(StoredContact::Tombstone { .. }) | None => None,
    }
}

/// The contact of user 8, or of nobody.
fn anothers(contact: Contact, is_linked: bool) -> Contact {
    let link = contact.link.map(|mut link| {
        link.object_id = ObjectId::from_u128(8);
        link
    });
    let fields = [(ContactField::Email, "ben@contoso.example".to_owned())].into();
    Contact { link: link.filter(|_| is_linked), fields, ..contact }
}

#[tokio::test]
async fn whoever_has_the_contact_that_sync_once_made_for_another_keeps_it() {
    for is_linked in [true, false] {
        let (app, contact, own) = with_own(|contact| anothers(contact, is_linked));
        let before = present(&app, &own);
        let receipt = app.ask(erase(&contact)).await.expect(202).json();
        redact_all(&app).await;
        assert!(before.is_some() && present(&app, &own) == before, "linked: {is_linked}");
        let world = app.outside.store.world();
        let owner = world.claims.get(&(account_id(), "ben@contoso.example".to_owned()));
        assert_eq!(owner, Some(&own), "with its address");
        assert_eq!(receipt["found"]["contacts"], 1);
        assert_eq!(receipt["left"], json!([own]), "{receipt}");
        let kept = receipt["kept"].as_array().unwrap().last().unwrap();
        assert_eq!(kept["what"], "userId", "{receipt}");
        let bar = ContactId::barring(&account_id(), &tenant(), &ObjectId::from_u128(7));
        assert!(matches!(
            world.contacts.get(&bar),
            Some(StoredContact::Tombstone { erased: true, .. })
        ));
        let notes: Vec<&ContactId> = world.adoptions.values().collect();
        assert_eq!(notes, [&bar], "looks find it by the user");
    }
}

/// What cannot be read may be anybody's.
#[tokio::test]
async fn what_cannot_be_read_is_not_taken_for_the_contact_of_whoever_is_forgotten() {
    let (app, contact, own) = with_own(|contact| anothers(contact, true));
    app.outside.store.world().unreadable_contacts.insert(own.clone());
    let receipt = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!(receipt["left"], json!([own]), "{receipt}");
    assert!(present(&app, &own).is_some());
}

#[tokio::test]
async fn a_second_contact_of_the_same_user_goes_with_its_address_and_is_counted() {
    for calls in 0.. {
        let (app, contact, own) = with_own(|contact| {
            let fields = [(ContactField::Email, "ana2@contoso.example".to_owned())].into();
            Contact { fields, ..contact }
        });
        app.outside.store.world().calls_left = Some(calls);
        let first = app.ask(erase(&contact)).await;
        let is_whole = app.outside.store.world().calls_left != Some(0);
        app.outside.store.world().calls_left = None;
        let receipt = app.ask(erase(&contact)).await.expect(202).json();
        redact_all(&app).await;
        for id in [&contact, &own] {
            assert_forgotten(&app, id);
        }
        assert!(app.outside.store.world().claims.is_empty(), "{calls}: {first:?}");
        if is_whole {
            assert_eq!((&receipt["found"]["contacts"], &receipt["left"]), (&json!(2), &json!([])));
            return;
        }
    }
}

#[tokio::test]
async fn whoever_is_let_in_again_is_barred_by_no_note_either() {
    let (app, contact, own) = with_own(|contact| anothers(contact, true));
    let receipt = app.ask(erase(&contact)).await.expect(202).json();
    redact_all(&app).await;
    let path = of_account(&format!("/erasures/{}/lift", receipt["id"].as_str().unwrap()));
    let lifted = app.ask(Ask::post(path, &json!({}))).await.expect(200).json();
    assert!(lifted["kept"].as_array().unwrap().iter().all(|one| one["what"] != "userId"));
    assert!(present(&app, &own).is_some());
    let world = app.outside.store.world();
    assert!(world.adoptions.is_empty());
    let bars = world.contacts.values();
    assert!(
        !bars.into_iter().any(|one| matches!(one, StoredContact::Tombstone { erased: true, .. }))
    );
}
