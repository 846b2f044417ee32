//! What waits for people: the lists, and what deciding does and refuses.

mod accepting;
mod as_shown;
mod by_number;
mod in_question;
mod returned;

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactField, ContactSource, Link, LinkState, Target};
use contact_sync_domain::id::{ContactId, ObjectId, ReviewId};
use contact_sync_domain::review::{Decision, ReviewItem, ReviewList};
use contact_sync_domain::segment::FieldChange;
use contact_sync_engine::port::{Clock, StoredContact};
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, account_id, connection_id, of_connection, tenant};
use super::people::people;
use super::questions::{self, question};
use super::sharing::share_the_tenant;

/// At which fence the connection stands.
const FENCE: u64 = 5;

fn user(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

/// The contact that is made for a user.
fn own(number: u128) -> ContactId {
    ContactId::derived(&account_id(), &tenant(), &user(number))
}

/// A connection that syncs, with these people in its directory.
fn synced(persons: &[Value]) -> App {
    let app = App::with_connection(S::Enabled);
    people(&app, persons);
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().fence = FENCE;
    app
}

fn item(app: &App, list: ReviewList, number: u128) -> ReviewItem {
    ReviewItem { version: 3, ..question(app.outside.clock.now(), list, number) }
}

fn shown(field: ContactField, old: Value, new: Value) -> FieldChange {
    let (source, rule) = ("[anything]".to_owned(), "1".to_owned());
    FieldChange { field: Target::Field(field), old, new, source, rule }
}

fn put(app: &App, item: &ReviewItem) {
    questions::put(&mut app.outside.store.world(), item);
}

/// A contact that people made.
fn local(app: &App, number: u128, email: &str) -> ContactId {
    let id = ContactId::from_bits(number);
    let made = app.add_linked_contact();
    let mut world = app.outside.store.world();
    let Some(StoredContact::Present(contact)) = world.contacts.remove(&made) else { panic!() };
    world.claims.clear();
    let contact = Contact {
        id: id.clone(),
        source: ContactSource::Local,
        fields: [(ContactField::Email, email.to_owned())].into(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        link: None,
        sync: None,
        ..*contact
    };
    world.contacts.insert(id.clone(), StoredContact::Present(Box::new(contact)));
    let bearers: Vec<(String, ContactId)> = world
        .contacts
        .values()
        .filter_map(|stored| match stored {
            StoredContact::Present(one) => Some((one.email()?.to_owned(), one.id.clone())),
            StoredContact::Tombstone { .. } => None,
        })
        .collect();
    world.claims = bearers.into_iter().map(|(key, id)| ((account_id(), key), id)).collect();
    id
}

fn contact(app: &App, id: &ContactId) -> Option<Contact> {
    match app.outside.store.world().contacts.get(id) {
        Some(StoredContact::Present(contact)) => Some(*contact.clone()),
        Some(StoredContact::Tombstone { .. }) | None => None,
    }
}

fn change(app: &App, id: &ContactId, change: impl FnOnce(&mut Contact)) {
    let mut world = app.outside.store.world();
    let Some(StoredContact::Present(contact)) = world.contacts.get_mut(id) else { panic!() };
    change(contact);
}

fn link_to(number: u128) -> Link {
    Link {
        connection_id: connection_id(),
        tenant_id: tenant(),
        object_id: user(number),
        user_principal_name: None,
        state: LinkState::Linked,
        acts_at: None,
        planned: None,
        cause: None,
    }
}

async fn decide(app: &App, item: &ReviewItem, mut body: Value) -> Answer {
    body["version"] = json!(item.version);
    let id = ReviewId::of(&item.user.object_id);
    app.ask(Ask::post(of_connection(&format!("/reviews/{id}")), &body)).await
}

async fn set(app: &App, settings: Value) {
    let ask = Ask::put(of_connection("/settings"), &settings).header("if-match", "*");
    app.ask(ask).await.expect(200);
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_waits_is_listed_page_by_page_with_the_contacts_it_speaks_of() {
    let app = synced(&[]);
    let (one, other) = (local(&app, 1, "one@x.example"), local(&app, 2, "other@x.example"));
    for number in 1..=3 {
        let candidates = vec![one.clone(), other.clone()];
        put(&app, &ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, number) });
    }
    let path = of_connection("/reviews?list=conflicts&limit=2");
    let first = app.ask(Ask::get(&path)).await.expect(200).json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first["items"][0]["candidates"][1]["fields"]["email"], "other@x.example");
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = app.ask(Ask::get(format!("{path}&cursor={cursor}"))).await.expect(200).json();
    assert_eq!(rest["items"][0]["user"]["objectId"], user(3).as_str());
    assert_eq!(rest["nextCursor"], Value::Null);

    let ignored: Vec<String> = (1..=3).map(|number| user(number).to_string()).collect();
    set(&app, json!({"scope": {"ignoredUsers": ignored}})).await;
    let path = of_connection("/reviews?list=ignored&limit=2");
    let first = app.ask(Ask::get(&path)).await.expect(200).json();
    assert_eq!(first["items"][1]["user"]["objectId"], user(2).as_str());
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = app.ask(Ask::get(format!("{path}&cursor={cursor}"))).await.expect(200).json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    let wrong = Ask::get(of_connection("/reviews?list=ignored&cursor=made-up"));
    app.ask(wrong).await.problem(400, "bad-cursor");
    app.ask(Ask::get(of_connection("/reviews"))).await.expect(400);
}

#[tokio::test]
async fn a_connection_that_rests_writes_nothing_and_says_what_helps() {
    for (status, helps) in [
        (S::Paused, "resume"),
        (S::Disabled, "enable"),
        (S::Attention, "mend"),
        (S::Disconnected, "connect"),
        (S::Ready, "enable"),
    ] {
        let app = App::with_connection(status);
        people(&app, &[json!({"mail": "ana@contoso.example"})]);
        let standing = local(&app, 9, "nine@x.example");
        let available = item(&app, ReviewList::Available, 1);
        let candidates = vec![standing.clone()];
        let conflict = ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, 1) };
        let before = app.outside.store.world().contacts.clone();
        for (item, body) in [
            (&available, json!({"action": "accept"})),
            (&available, json!({"action": "link", "contact": standing})),
            (&conflict, json!({"action": "merge"})),
            (&conflict, json!({"action": "unlink"})),
            (&conflict, json!({"action": "delete"})),
        ] {
            app.outside.store.world().reviews.clear();
            put(&app, item);
            let refused = decide(&app, item, body.clone()).await;
            refused.problem(409, "wrong-state");
            assert!(detail(&refused).contains(helps), "{status:?}: {}", detail(&refused));
        }
        let all = json!({"list": "conflicts", "action": "link", "asOf": 0});
        app.ask(Ask::post(of_connection("/reviews"), &all)).await.problem(409, "wrong-state");
        assert_eq!(app.outside.store.world().contacts, before, "{status:?}");
        // What writes no contact waits for nothing.
        decide(&app, &conflict, json!({"action": "keep"})).await.expect(202);
    }
}

#[tokio::test]
async fn whom_a_run_would_not_take_nobody_takes_by_hand_either() {
    let app = synced(&[
        json!({"mail": "ana@contoso.example", "department": "Research"}),
        json!({"mail": "ben@contoso.example", "department": "Sales"}),
    ]);
    let standing = local(&app, 9, "nine@x.example");
    let out = item(&app, ReviewList::Available, 1);
    set(&app, json!({"scope": {"departments": {"any": ["Sales"]}}})).await;
    for body in [json!({"action": "accept"}), json!({"action": "link", "contact": standing})] {
        put(&app, &out);
        let refused = decide(&app, &out, body).await;
        refused.problem(409, "cannot-be-done");
        assert!(detail(&refused).contains("department"), "{}", detail(&refused));
    }

    // Another organisation of the tenant means the same people.
    share_the_tenant(&mut app.outside.store.world());
    let wanted = item(&app, ReviewList::Available, 2);
    for (routing, says) in [
        (json!({"overlap": "conflict"}), "routing.overlap"),
        (json!({"overlap": "first", "priority": 9}), "routing.priority"),
    ] {
        set(&app, json!({"routing": routing})).await;
        put(&app, &wanted);
        let refused = decide(&app, &wanted, json!({"action": "create"})).await;
        refused.problem(409, "cannot-be-done");
        assert!(detail(&refused).contains(says), "{}", detail(&refused));
        let body = json!({"user": "ben@contoso.example"});
        let tried = app.ask(Ask::post(of_connection("/settings/test"), &body)).await.expect(200);
        assert_eq!(tried.json()["inScope"], false, "{}", tried.text);
        assert!(tried.json()["because"].as_str().unwrap().contains(says), "{}", tried.text);
    }
    assert_eq!(app.outside.store.world().contacts.len(), 1, "nobody was made");
    set(&app, json!({"routing": {"overlap": "both"}})).await;
    put(&app, &wanted);
    decide(&app, &wanted, json!({"action": "create"})).await.expect(202);
}

#[tokio::test]
async fn the_same_contact_is_decided_again_before_any_run_moved() {
    let app = synced(&[json!({"mail": "ana@contoso.example"})]);
    let standing = local(&app, 9, "ana@contoso.example");
    let candidates = vec![standing.clone()];
    let conflict = ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, 1) };
    for round in 1..=3 {
        for (action, linked) in [("link", Some(user(1))), ("unlink", None)] {
            app.outside.store.world().reviews.clear();
            put(&app, &conflict);
            let body = json!({"action": action, "contact": standing});
            decide(&app, &conflict, body).await.expect(202);
            let now = contact(&app, &standing).unwrap();
            assert_eq!(now.is_untied_by_hand(), linked.is_none(), "{action} {round}");
            assert_eq!(now.link.map(|link| link.object_id), linked, "{action} {round}");
        }
        // Whoever was unlinked is ignored from then on.
        set(&app, json!({})).await;
    }
    let mark = contact(&app, &standing).unwrap().sync.unwrap();
    assert_eq!(mark.source_version, FENCE - 1, "a page that is asked for now is newer");
}

#[tokio::test]
async fn a_decision_that_died_before_it_was_on_record_is_ended_by_repeating_it() {
    let app = synced(&[
        json!({"mail": "ana@contoso.example"}),
        json!({"mail": "ben@contoso.example"}),
        json!({"mail": "eve@contoso.example", "jobTitle": "Countess"}),
    ]);
    let match_of_ben = local(&app, 9, "ben@contoso.example");
    let made = item(&app, ReviewList::Available, 1);
    let name = shown(ContactField::DisplayName, Value::Null, json!("Person 2"));
    let matched = ReviewItem {
        contact_id: Some(match_of_ben.clone()),
        changes: vec![name],
        ..item(&app, ReviewList::Matched, 2)
    };
    let eve = item(&app, ReviewList::Available, 3);
    put(&app, &eve);
    decide(&app, &eve, json!({"action": "create"})).await.expect(202);
    change(&app, &own(3), |contact| {
        contact.fields.insert(ContactField::JobTitle, "Baroness".to_owned());
    });
    let title = shown(ContactField::JobTitle, json!("Baroness"), json!("Countess"));
    let changed = ReviewItem {
        contact_id: Some(own(3)),
        changes: vec![title],
        ..item(&app, ReviewList::Changes, 3)
    };
    set(&app, json!({"policies": {"nameOfExisting": "sync"}})).await;
    for (item, action, id) in [
        (&made, "create", own(1)),
        (&matched, "accept", match_of_ben),
        (&changed, "accept", own(3)),
    ] {
        put(&app, item);
        let first = decide(&app, item, json!({"action": action})).await.expect(202).json();
        let written = contact(&app, &id).unwrap();
        // As if neither the record nor the end of the question had come about.
        app.outside.store.world().decisions.clear();
        put(&app, item);
        let again = decide(&app, item, json!({"action": action})).await.expect(202).json();
        assert_eq!(again, first, "{action}");
        assert_eq!(contact(&app, &id).unwrap(), written, "{action}: written once");
        assert!(app.outside.store.world().reviews.is_empty());
        assert_eq!(app.outside.store.world().decisions[&connection_id()].len(), 1);
    }
    let decisions = app.ask(Ask::get(of_connection("/reviews/decisions"))).await.expect(200);
    assert_eq!(decisions.json()["items"][0]["action"], "accept");
}

#[tokio::test]
async fn a_request_is_known_again_however_many_decisions_were_made_since() {
    let app = synced(&[json!({"mail": "ana@contoso.example"})]);
    let asked = item(&app, ReviewList::Available, 1);
    put(&app, &asked);
    let first = decide(&app, &asked, json!({"action": "create"})).await.expect(202).json();
    let made = app.outside.store.world().decisions[&connection_id()][0].clone();
    let others = (2..200)
        .map(|user| Decision { item: ReviewId::of(&ObjectId::from_u128(user)), ..made.clone() });
    app.outside.store.world().decisions.get_mut(&connection_id()).unwrap().extend(others);
    let again = decide(&app, &asked, json!({"action": "create"})).await.expect(202).json();
    assert_eq!(again, first);
    let other = ReviewItem { version: asked.version + 1, ..asked.clone() };
    decide(&app, &other, json!({"action": "create"})).await.expect(404);
}

#[tokio::test]
async fn a_merge_that_cannot_end_well_changes_nothing() {
    let app = synced(&[json!({"mail": "ana@contoso.example"}), json!({"mail": "b@x.example"})]);
    let stays = local(&app, 11, "ana@contoso.example");
    let goes = local(&app, 12, "ana@elsewhere.example");
    let last = local(&app, 13, "ana@third.example");
    change(&app, &goes, |contact| {
        contact.fields.insert(ContactField::City, "Rome".to_owned());
    });
    let candidates = vec![stays.clone(), goes.clone(), last.clone()];
    let conflict = ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, 1) };
    let body = json!({"action": "merge", "contact": stays});
    let refused = async |why: &str| {
        put(&app, &conflict);
        let before = app.outside.store.world().contacts.clone();
        let answer = decide(&app, &conflict, body.clone()).await;
        assert_eq!(answer.status.as_u16(), 409, "{why}: {answer:?}");
        assert_eq!(app.outside.store.world().contacts, before, "{why}");
    };
    change(&app, &stays, |contact| contact.link = Some(link_to(2)));
    refused("the one that stays is linked to somebody else").await;
    change(&app, &stays, |contact| contact.link = None);
    change(&app, &last, |contact| contact.protected = true);
    refused("the last of the others is protected").await;
    change(&app, &last, |contact| contact.protected = false);
    change(&app, &last, |contact| contact.link = Some(link_to(2)));
    refused("the last of the others is linked to somebody else").await;
    change(&app, &last, |contact| contact.link = None);
    let gone = app.outside.directory.entra().users.remove(&user(1)).unwrap();
    refused("the user left the directory").await;
    app.outside.directory.entra().put_user(gone);

    put(&app, &conflict);
    decide(&app, &conflict, body).await.expect(202);
    let merged = contact(&app, &stays).unwrap();
    assert_eq!(merged.fields[&ContactField::City], "Rome");
    assert_eq!(merged.link.map(|link| link.object_id), Some(user(1)));
    assert_eq!((contact(&app, &goes), contact(&app, &last)), (None, None));
}
