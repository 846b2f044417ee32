//! Whom a connection leaves alone one by one: who gets on that list, who stays, and how long it may
//! become.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId, ReviewId};
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::settings::check::MOST_IGNORED_USERS;
use contact_sync_engine::port::{Clock, StoredContact};
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, account_id, connection_id, of_account, of_connection};
use super::questions::{put, question};

/// A contact of this user.
pub(super) fn linked(app: &App, number: u128) -> ContactId {
    let made = app.add_linked_contact();
    let id = ContactId::from_bits(number);
    let email = format!("p{number}@contoso.example");
    let mut world = app.outside.store.world();
    world.claims.remove(&(account_id(), email_key("ana@contoso.example")));
    let Some(StoredContact::Present(contact)) = world.contacts.remove(&made) else { panic!() };
    let mut contact = Contact { id: id.clone(), ..*contact };
    contact.link.as_mut().unwrap().object_id = ObjectId::from_u128(number);
    contact.fields.insert(ContactField::Email, email.clone());
    world.claims.insert((account_id(), email_key(&email)), id.clone());
    world.contacts.insert(id.clone(), StoredContact::Present(Box::new(contact)));
    id
}

/// A question about the contact of each of these users.
fn ask_about(app: &App, list: ReviewList, users: impl Iterator<Item = u128>) {
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().fence = 5;
    for number in users {
        let contact_id = Some(linked(app, number));
        let item = ReviewItem { contact_id, ..question(app.outside.clock.now(), list, number) };
        put(&mut app.outside.store.world(), &item);
    }
}

fn ids(numbers: impl Iterator<Item = u128>) -> Vec<String> {
    numbers.map(|number| ObjectId::from_u128(number).to_string()).collect()
}

async fn set(app: &App, settings: Value) {
    let ask = Ask::put(of_connection("/settings"), &settings).header("if-match", "*");
    app.ask(ask).await.expect(200);
}

/// The version of the settings, and whom they ignore.
async fn ignored(app: &App) -> (String, Vec<String>) {
    let current = app.ask(Ask::get(of_connection("/settings"))).await.expect(200);
    let list = current.json()["scope"]["ignoredUsers"].as_array().unwrap().clone();
    let list = list.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    (current.header("etag").to_owned(), list)
}

fn contacts(app: &App) -> usize {
    let world = app.outside.store.world();
    world.contacts.values().filter(|stored| matches!(stored, StoredContact::Present(_))).count()
}

async fn decide_all(app: &App, list: &str, action: &str) -> Answer {
    let shown = app.ask(Ask::get(of_connection(&format!("/reviews?list={list}&limit=100")))).await;
    let shown = shown.expect(200).json();
    let count = shown["items"].as_array().unwrap().len();
    let body = json!({"list": list, "action": action, "asOf": shown["asOf"], "count": count});
    app.ask(Ask::post(of_connection("/reviews"), &body)).await
}

#[tokio::test]
async fn a_list_is_deleted_or_unlinked_with_one_version_of_the_settings() {
    for (list, name, action, stay) in [
        (ReviewList::Removals, "removals", "delete", 0),
        (ReviewList::Changes, "changes", "unlink", 30),
    ] {
        let app = App::with_connection(S::Enabled);
        ask_about(&app, list, 1..=30);
        let done = decide_all(&app, name, action).await.expect(202).json();
        assert_eq!((&done["done"], &done["failed"]), (&json!(30), &json!([])), "{done}");
        let (version, mut who) = ignored(&app).await;
        who.sort();
        assert_eq!((version.as_str(), who), ("\"1\"", ids(1..=30)), "{action}");
        assert_eq!(contacts(&app), stay);
    }
    // Whoever left the scope needs no place on the list to stay unlinked.
    let app = App::with_connection(S::Enabled);
    ask_about(&app, ReviewList::Removals, 1..=3);
    decide_all(&app, "removals", "unlink").await.expect(202);
    assert_eq!(ignored(&app).await, ("\"0\"".to_owned(), Vec::new()));
}

#[tokio::test]
async fn a_full_list_takes_nobody_more_and_nothing_is_done() {
    let limit = u128::try_from(MOST_IGNORED_USERS).unwrap();
    let app = App::with_connection(S::Enabled);
    ask_about(&app, ReviewList::Removals, 1..=2);
    let contact = linked(&app, 3);
    set(&app, json!({"scope": {"ignoredUsers": ids(5..limit + 3)}})).await;
    set(&app, json!({"scope": {"ignoredUsers": ids(4..limit + 3)}})).await;
    let full = decide_all(&app, "removals", "delete").await;
    assert_eq!(full.problem(409, "ignore-list-full"), ["/scope/ignoredUsers"]);
    assert!(full.text.contains("scope.ignoredGroups"), "it says what to do: {full:?}");
    assert_eq!(contacts(&app), 3, "nobody was deleted");

    let path = of_account(&format!("/contacts/{contact}"));
    app.ask(Ask::new("DELETE", &path)).await.expect(204);
    assert_eq!(ignored(&app).await.1.len(), MOST_IGNORED_USERS);
    let contact = linked(&app, 1);
    let path = of_account(&format!("/contacts/{contact}"));
    app.ask(Ask::new("DELETE", &path)).await.problem(409, "ignore-list-full");
    assert_eq!(contacts(&app), 2);
    app.outside.store.world().reviews.clear();
    ask_about(&app, ReviewList::Changes, 2..=2);
    let id = ReviewId::of(&ObjectId::from_u128(2));
    let body = json!({"action": "unlink", "version": 1});
    let unlink = Ask::post(of_connection(&format!("/reviews/{id}")), &body);
    app.ask(unlink).await.problem(409, "ignore-list-full");
    match &app.outside.store.world().contacts[&ContactId::from_bits(2)] {
        StoredContact::Present(contact) => assert!(contact.link.is_some(), "he stays linked"),
        StoredContact::Tombstone { .. } => panic!("it stands"),
    }

    // Back to where others were ignored: all of them find no room, and the document stays savable.
    let (etag, now) = ignored(&app).await;
    let document = json!({"scope": {"ignoredUsers": ids(9_000..9_002)}});
    let ask = Ask::put(of_connection("/settings"), &document).header("if-match", &etag);
    app.ask(ask).await.expect(200);
    let (etag, _) = ignored(&app).await;
    let ask = Ask::put(of_connection("/settings"), &json!({"scope": {"ignoredUsers": now}}));
    app.ask(ask.header("if-match", &etag)).await.expect(200);
    let (etag, _) = ignored(&app).await;
    let ask = Ask::post(of_connection("/settings/rollback"), &json!({"version": 4}));
    app.ask(ask.header("if-match", &etag)).await.problem(409, "ignore-list-full");
    assert_eq!(ignored(&app).await, (etag, now));
}

#[tokio::test]
async fn whom_people_deleted_does_not_come_back_with_a_file() {
    let app = App::with_connection(S::Enabled);
    let contacts: Vec<ContactId> = (1..=3).map(|number| linked(&app, number)).collect();
    let file = app.ask(Ask::get(of_connection("/settings/export"))).await.expect(200).json();
    for contact in contacts {
        let path = of_account(&format!("/contacts/{contact}"));
        app.ask(Ask::new("DELETE", &path)).await.expect(204);
    }
    for query in ["?dryRun=true", ""] {
        let ask = Ask::post(of_connection(&format!("/settings/import{query}")), &file);
        let told = app.ask(ask.header("if-match", "*")).await.expect(200).json();
        let warning = &told["warnings"][0];
        assert_eq!(warning["pointer"], "/settings/scope/ignoredUsers", "{told}");
        assert!(warning["message"].as_str().unwrap().starts_with("3 "), "{told}");
        assert_eq!(told["changes"], json!([]), "{query}");
    }
    let (_, mut who) = ignored(&app).await;
    who.sort();
    assert_eq!(who, ids(1..=3));
}
