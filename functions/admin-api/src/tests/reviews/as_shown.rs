//! What a person decides is about the contact as they saw it, and about the person they saw.

use std::collections::BTreeMap;

use contact_sync_domain::contact::{Link, LinkState};
use contact_sync_domain::id::{ContactId, ReviewId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Departure, ReviewItem, ReviewList};
use contact_sync_domain::settings::RemovalAction;
use serde_json::{Value, json};

use super::super::harness::{Answer, App, Ask, connection_id, of_account, of_connection};
use super::{change, contact, decide, detail, item, link_to, local, put, set, synced, user};

fn left(number: u128) -> Link {
    Link { state: LinkState::Removed, ..link_to(number) }
}

/// Somebody who left, and his contact as the run left it.
fn leaver(app: &App, number: u128, contact: &ContactId) -> ReviewItem {
    change(app, contact, |contact| contact.link = Some(left(number)));
    let departure = Some(Box::new(Departure::of(GoneCause::SoftDeleted)));
    let item = ReviewItem { departure, ..item(app, ReviewList::Removals, number) };
    ReviewItem { contact_id: Some(contact.clone()), versions: versions(app, contact), ..item }
}

fn versions(app: &App, id: &ContactId) -> BTreeMap<ContactId, u64> {
    [(id.clone(), contact(app, id).unwrap().version)].into()
}

async fn edit(app: &App, contact: &ContactId) {
    let path = of_account(&format!("/contacts/{contact}"));
    let body = json!({"fields": {"city": "Rome"}});
    app.ask(Ask::new("PATCH", &path).text(body.to_string())).await.expect(200);
}

async fn protect(app: &App, contact: &ContactId) {
    let path = of_account(&format!("/contacts/{contact}/protect"));
    app.ask(Ask::post(&path, &json!({}))).await.expect(202);
}

async fn all(app: &App, list: &str, action: &str) -> Answer {
    let shown = app.ask(Ask::get(of_connection(&format!("/reviews?list={list}")))).await;
    let shown = shown.expect(200).json();
    let count = shown["items"].as_array().unwrap().len();
    let body = json!({"list": list, "action": action, "asOf": shown["asOf"], "count": count});
    app.ask(Ask::post(of_connection("/reviews"), &body)).await
}

async fn ignored(app: &App) -> Value {
    let settings = app.ask(Ask::get(of_connection("/settings"))).await.expect(200).json();
    settings["scope"]["ignoredUsers"].clone()
}

#[tokio::test]
async fn a_contact_that_was_edited_or_protected_since_is_let_go_by_no_stale_page() {
    for action in ["delete", "unlink", "accept"] {
        let app = synced(&[]);
        let id = local(&app, 11, "a@x.example");
        let asked = leaver(&app, 1, &id);
        put(&app, &asked);
        edit(&app, &id).await;
        protect(&app, &id).await;
        let before = contact(&app, &id);
        let refused = decide(&app, &asked, json!({"action": action})).await;
        refused.problem(409, "version-moved");
        let said = detail(&refused);
        assert!(said.contains("city, it was protected"), "{action}: {said}");
        let stale =
            json!({"action": action, "contactVersion": before.as_ref().unwrap().version - 1});
        decide(&app, &asked, stale).await.problem(409, "version-moved");
        let told = all(&app, "removals", action).await.expect(202).json();
        assert_eq!(told["done"], 0, "{action}: {told}");
        assert_eq!((contact(&app, &id), ignored(&app).await), (before.clone(), json!([])));

        let seen = json!({"action": action, "contactVersion": before.unwrap().version});
        decide(&app, &asked, seen).await.expect(202);
        assert_eq!(contact(&app, &id).and_then(|contact| contact.link), None, "{action}");
    }
}

#[tokio::test]
async fn a_removal_that_is_planned_is_approved_of_the_contact_that_was_seen() {
    let app = synced(&[]);
    let id = local(&app, 11, "a@x.example");
    let asked = leaver(&app, 1, &id);
    let planned = Departure {
        action: Some(RemovalAction::Delete),
        acts_at: Some(jiff::Timestamp::MAX),
        ..Departure::of(GoneCause::SoftDeleted)
    };
    let asked = ReviewItem { departure: Some(Box::new(planned)), ..asked };
    put(&app, &asked);
    edit(&app, &id).await;
    decide(&app, &asked, json!({"action": "accept"})).await.problem(409, "version-moved");
    assert_eq!(app.outside.store.world().pending.len(), 0, "nothing is done by the next run");
    let seen = contact(&app, &id).unwrap().version;
    decide(&app, &asked, json!({"action": "accept", "contactVersion": seen})).await.expect(202);
    assert_eq!(app.outside.store.world().pending.len(), 1);
}

#[tokio::test]
async fn contacts_in_question_are_linked_merged_and_deleted_as_they_were_shown() {
    for action in ["link", "merge", "delete"] {
        let app = synced(&[json!({"mail": "ana@contoso.example"})]);
        let (id, other) = (local(&app, 11, "a@x.example"), local(&app, 12, "b@x.example"));
        let mut seen = versions(&app, &id);
        seen.extend(versions(&app, &other));
        let candidates = vec![id.clone(), other.clone()];
        let conflict = item(&app, ReviewList::Conflicts, 1);
        let conflict = ReviewItem { candidates, versions: seen, ..conflict };
        put(&app, &conflict);
        edit(&app, &id).await;
        let before = app.outside.store.world().contacts.clone();
        // A merge takes the other one away, too.
        let named = if action == "merge" { vec![&id, &other] } else { vec![&id] };
        for named in named {
            let refused =
                decide(&app, &conflict, json!({"action": action, "contact": named})).await;
            refused.problem(409, "version-moved");
            assert!(detail(&refused).contains("city"), "{action}: {}", detail(&refused));
            assert_eq!(app.outside.store.world().contacts, before, "{action}");
        }
        let version = contact(&app, &id).unwrap().version;
        let body = json!({"action": action, "contact": id, "contactVersion": version});
        decide(&app, &conflict, body).await.expect(202);
    }
}

#[tokio::test]
async fn the_contact_of_whoever_was_made_anew_does_not_go_with_the_one_who_left() {
    let app = synced(&[json!({"mail": "ana@contoso.example"})]);
    let id = local(&app, 11, "a@x.example");
    let former = leaver(&app, 7, &id);
    let candidates = vec![id.clone()];
    let anew = ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, 1) };
    put(&app, &former);
    put(&app, &anew);
    decide(&app, &anew, json!({"action": "link"})).await.expect(202);
    assert!(app.outside.store.world().reviews.is_empty(), "nothing is left to be decided of 7");

    // One that stands nevertheless takes nothing from whoever has the contact by now.
    put(&app, &former);
    let seen = contact(&app, &id).unwrap();
    let body = json!({"action": "delete", "contactVersion": seen.version});
    let refused = decide(&app, &former, body).await;
    refused.problem(409, "cannot-be-done");
    assert!(detail(&refused).contains("linked to somebody else"), "{}", detail(&refused));
    let told = all(&app, "removals", "delete").await.expect(202).json();
    assert_eq!(told["failed"][0]["id"], ReviewId::of(&user(7)).as_str(), "{told}");
    assert_eq!(contact(&app, &id), Some(seen));
    assert_eq!(ignored(&app).await, json!([]), "and the live one is not ignored for good");
}

#[tokio::test]
async fn an_approval_that_no_run_can_carry_out_is_refused_at_once() {
    let app = synced(&[]);
    set(&app, json!({})).await;
    let id = local(&app, 11, "a@x.example");
    let held = Departure {
        action: Some(RemovalAction::Delete),
        held: true,
        ..Departure::of(GoneCause::SoftDeleted)
    };
    let asked = ReviewItem { departure: Some(Box::new(held)), ..leaver(&app, 1, &id) };
    put(&app, &asked);
    {
        let mut world = app.outside.store.world();
        let last = world.settings.get_mut(&connection_id()).unwrap().last_mut().unwrap();
        last.settings.requires = vec!["teams".to_owned()];
    }
    let refused = decide(&app, &asked, json!({"action": "accept"})).await;
    assert_eq!(refused.status.as_u16(), 409, "{refused:?}");
    let refused = all(&app, "removals", "accept").await;
    assert_eq!(refused.status.as_u16(), 409, "{refused:?}");
    let world = app.outside.store.world();
    assert!(world.pending.is_empty(), "it would die in a day, and nobody would be told");
    assert_eq!(world.reviews.len(), 1);
}
