//! Forgetting one person.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::id::{ContactId, ObjectId, ReviewId};
use contact_sync_domain::review::{Decision, Rejected, ReviewAction, ReviewList};
use contact_sync_engine::port::{Clock, StoredContact};
use serde_json::{Value, json};

use super::harness::{ACCOUNT, App, Ask, connection_id, of_account};

/// Somebody with an address, a title, a team, edits, a refusal and an answer that was kept.
async fn lived_in() -> (App, ContactId) {
    let app = App::with_connection(ConnectionStatus::Enabled);
    let contact = app.add_linked_contact();
    let team = app.ask(Ask::post(of_account("/teams"), &json!({"name": "North"}))).await;
    let team = team.expect(201).json()["id"].as_str().unwrap().to_owned();
    let member = of_account(&format!("/teams/{team}/members/{contact}"));
    app.ask(Ask::new("PUT", member)).await.expect(200);
    let protect = Ask::post(of_account(&format!("/contacts/{contact}/protect")), &json!({}));
    app.ask(protect.header("idempotency-key", "kept")).await.expect(202);
    let edit = Ask::patch(
        of_account(&format!("/contacts/{contact}")),
        &json!({"fields": {"city": "Lisbon-Canary"}}),
    );
    app.ask(edit).await.expect(200);
    let decision = Decision {
        at: app.outside.clock.now(),
        actor: None,
        action: ReviewAction::Reject,
        item: ReviewId::of(&ObjectId::from_u128(7)),
        list: ReviewList::Changes,
        version: 1,
        contact_id: Some(contact.clone()),
        refused: vec![Rejected::Value {
            contact_id: contact.clone(),
            field: Target::Field(ContactField::JobTitle),
            value: json!("Canary-in-chief"),
        }],
    };
    app.outside.store.world().decisions.entry(connection_id()).or_default().push(decision);
    (app, contact)
}

fn erase(contact: &ContactId) -> Ask {
    let path = of_account(&format!("/contacts/{contact}/erase"));
    Ask::post(path, &json!({"confirm": contact.as_str()}))
}

/// Nothing that stands for the present says who it was.
#[track_caller]
fn assert_forgotten(app: &App, contact: &ContactId) {
    let world = app.outside.store.world();
    assert!(matches!(
        world.contacts.get(contact),
        Some(StoredContact::Tombstone { erased: true, .. })
    ));
    assert!(world.claims.values().all(|owner| owner != contact));
    assert!(world.memberships.is_empty() && world.history.is_empty());
    let told = format!("{world:?}");
    let object = ObjectId::from_u128(7);
    for mark in ["ana@contoso", "CEO", "Canary", object.as_str()] {
        let place = told.find(mark).map(|at| told[at.saturating_sub(200)..at].to_owned());
        assert_eq!(place, None, "{mark} is left");
    }
}

#[tokio::test]
async fn whoever_is_forgotten_leaves_nothing_but_a_receipt() {
    let (app, contact) = lived_in().await;
    let receipt = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!(receipt["state"], "done");
    let found = json!({
        "contacts": 1, "memberships": 1, "history": 2, "reviews": 0, "decisions": 1,
        "refusals": 0, "waiting": 0, "answers": 1,
    });
    assert_eq!(receipt["found"]["contacts"], found["contacts"], "{receipt}");
    for what in ["memberships", "decisions", "answers"] {
        assert_eq!(receipt["found"][what], found[what], "{what}: {receipt}");
    }
    assert_eq!(receipt["requestedBy"], "ada");
    assert_eq!(receipt["backupsUntil"], "2026-04-06T12:00:00Z");
    assert_forgotten(&app, &contact);
    app.ask(Ask::get(of_account(&format!("/contacts/{contact}")))).await.problem(404, "not-found");
    let path = of_account(&format!("/erasures/{}", receipt["id"].as_str().unwrap()));
    assert_eq!(app.ask(Ask::get(&path)).await.expect(200).json(), receipt);
    assert_eq!(app.ask(erase(&contact)).await.expect(202).json(), receipt, "asked again");
    // Nobody else learns of it.
    let other = path.replace(ACCOUNT, "acc_00000000000000000000000000000002");
    app.ask(Ask::get(other)).await.problem(404, "not-found");
}

#[tokio::test]
async fn forgetting_that_dies_anywhere_is_ended_by_the_same_request() {
    for calls in 0.. {
        let (app, contact) = lived_in().await;
        app.outside.store.world().calls_left = Some(calls);
        let first = app.ask(erase(&contact)).await;
        let is_whole = app.outside.store.world().calls_left != Some(0);
        app.outside.store.world().calls_left = None;
        let again = app.ask(erase(&contact)).await.expect(202).json();
        assert_eq!(again["state"], "done", "died at call {calls}: {first:?}");
        assert_forgotten(&app, &contact);
        if is_whole {
            assert!(calls > 8, "{calls}");
            return;
        }
    }
}

#[tokio::test]
async fn nobody_is_forgotten_by_mistake() {
    let (app, contact) = lived_in().await;
    let path = of_account(&format!("/contacts/{contact}/erase"));
    for body in [json!({}), json!({"confirm": true}), json!({"confirm": "ctc_1"}), json!({"a": 1})]
    {
        app.ask(Ask::post(path.clone(), &body)).await.problem(422, "invalid-fields");
    }
    app.ask(Ask::new("POST", path.clone())).await.problem(400, "bad-json");
    app.ask(erase(&contact).role("approver")).await.problem(403, "role-too-small");
    app.ask(erase(&ContactId::from_bits(99))).await.problem(404, "not-found");
    let shown = app.ask(Ask::get(of_account(&format!("/contacts/{contact}")))).await.expect(200);
    assert_eq!(shown.json()["fields"]["city"], Value::from("Lisbon-Canary"));
}

#[tokio::test]
async fn whoever_was_removed_before_can_be_forgotten_too() {
    let (app, contact) = lived_in().await;
    app.ask(Ask::new("DELETE", of_account(&format!("/contacts/{contact}")))).await.expect(204);
    assert_eq!(app.ask(erase(&contact)).await.expect(202).json()["state"], "done");
    let world = app.outside.store.world();
    assert!(matches!(
        world.contacts.get(&contact),
        Some(StoredContact::Tombstone { erased: true, .. })
    ));
}
