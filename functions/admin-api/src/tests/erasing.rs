//! Forgetting one person.

mod left_behind;

use std::collections::BTreeSet;

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::erasure::ErasureState;
use contact_sync_domain::id::{ContactId, ObjectId, ReviewId, RunId, TenantId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::review::{
    Decision, Rejected, ReviewAction, ReviewItem, ReviewList, ReviewUser,
};
use contact_sync_domain::segment::{Outcome, Phase, Prior, Segment};
use contact_sync_domain::sync_state::Lane;
use contact_sync_domain::welcome::{Welcome, WelcomeState};
use contact_sync_engine::memory::HeldClock;
use contact_sync_engine::port::{
    Clock, PendingItem, PendingKind, SettingsCause, SettingsVersion, StoredContact,
};
use contact_sync_engine::redacting::{Redacted, redact};
use contact_sync_engine::segments::store_segment;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::harness::{ACCOUNT, App, Ask, account_id, connection_id, of_account};

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
        kept_days: None,
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

/// The same person in every other store that may hold somebody.
fn everywhere(app: &App, contact: &ContactId) {
    let user = ObjectId::from_u128(7);
    let mut world = app.outside.store.world();
    for (kind, body) in [
        (PendingKind::Removal, json!({"objectId": user, "email": "ana@contoso.example"})),
        (PendingKind::Collision, json!({"objectId": user, "email": "ana@contoso.example"})),
        (PendingKind::Approved, json!({"objectId": user})),
        (PendingKind::Escrow, json!({"objectId": user, "reason": "Canary failed"})),
    ] {
        for lane in [Lane::Main, Lane::Plan] {
            let item = PendingItem { key: user.to_string(), expires_at: None, body: body.clone() };
            world.pending.insert((connection_id(), lane, kind, user.to_string()), item);
        }
    }
    let item = ReviewItem {
        account_id: account_id(),
        connection_id: connection_id(),
        list: ReviewList::Matched,
        version: 1,
        user: ReviewUser {
            object_id: user.clone(),
            display_name: Some("Canary".into()),
            user_principal_name: None,
        },
        contact_id: Some(contact.clone()),
        candidates: vec![],
        changes: vec![],
        status: None,
        matched: None,
        suggested: None,
        departure: None,
        versions: std::collections::BTreeMap::new(),
        reason: None,
        remedy: None,
        run: "run_1".into(),
        since: app.outside.clock.now(),
    };
    world.reviews.insert((connection_id(), ReviewList::Matched, user.clone()), item);
    let mut ignoring = SettingsVersion { version: 1, ..SettingsVersion::never_saved() };
    ignoring.settings.scope.ignored_users = vec![ObjectId::from_u128(8), user.clone()];
    let current = SettingsVersion { version: 2, ..ignoring.clone() };
    world.settings.insert(connection_id(), vec![ignoring.clone(), current]);
    world.drafts.insert((connection_id(), RunId::from_bits(5)), ignoring);
    let tenant = TenantId::from_u128(7);
    let tenant = match world.contacts.get(contact) {
        Some(StoredContact::Present(contact)) => {
            contact.link.as_ref().map_or(tenant, |link| link.tenant_id.clone())
        }
        Some(StoredContact::Tombstone { .. }) | None => tenant,
    };
    world.adoptions.insert((account_id(), tenant, user), contact.clone());
    let welcome = Welcome {
        account_id: account_id(),
        contact_id: contact.clone(),
        connection_id: Some(connection_id()),
        address: Some("digest of the address".into()),
        state: WelcomeState::Sent,
        reason: None,
        attempt: "1".into(),
        version: 2,
        at: app.outside.clock.now(),
    };
    world.welcomes.insert((account_id(), contact.clone()), welcome);
}

#[tokio::test]
async fn whoever_asks_what_is_kept_of_him_is_shown_every_store_and_forgotten_in_each() {
    let (app, contact) = lived_in().await;
    everywhere(&app, &contact);
    let export = || Ask::get(of_account(&format!("/contacts/{contact}/export")));
    let whole = app.ask(export()).await.expect(200).json();
    let records = whole["records"].as_array().unwrap();
    let of = |store: &str| records.iter().filter(|one| one["store"] == *store).count();
    for (store, found) in [
        ("review", 1),
        ("decision", 1),
        ("refusal", 1),
        ("waiting", 8),
        ("settings", 2),
        ("draft", 1),
        ("answer", 1),
        ("adoption", 1),
    ] {
        assert_eq!(of(store), found, "{store}: {whole}");
    }
    assert!(of("history") > 0, "{whole}");
    let waits: BTreeSet<&str> =
        records.iter().filter_map(|one| one["record"]["as"].as_str()).collect();
    assert_eq!(waits, BTreeSet::from(["approved", "collision", "escrow", "removal"]));
    assert_eq!((&whole["welcome"]["state"], &whole["erasure"]), (&json!("sent"), &Value::Null));
    assert_eq!(whole["memberships"].as_array().unwrap().len(), 1, "{whole}");

    let receipt = app.ask(erase(&contact)).await.expect(202).json();
    assert_eq!(receipt["found"]["settings"], 3, "{receipt}");
    redact_all(&app).await;
    assert_forgotten(&app, &contact);
    let versions = app.outside.store.world().settings[&connection_id()].clone();
    assert_eq!(versions.len(), 3, "whoever saves on what he read before is refused");
    assert_eq!(versions[2].cause, SettingsCause::Erasure);
    let others =
        |one: &SettingsVersion| one.settings.scope.ignored_users == [ObjectId::from_u128(8)];
    assert!(versions.iter().all(others), "others stay ignored");
    // What is left is the receipt, and what it says.
    app.ask(export()).await.problem(404, "not-found");
    let path = of_account(&format!("/erasures/{}", receipt["id"].as_str().unwrap()));
    let receipt = app.ask(Ask::get(path)).await.expect(200).json();
    let kept: Vec<&str> =
        receipt["kept"].as_array().unwrap().iter().filter_map(|one| one["what"].as_str()).collect();
    assert_eq!(kept, ["contactId", "welcome", "audit", "groupMembers", "backups"]);
}

pub(super) fn erase(contact: &ContactId) -> Ask {
    let path = of_account(&format!("/contacts/{contact}/erase"));
    Ask::post(path, &json!({"confirm": contact.as_str()}))
}

/// Goes through what runs left, a day later: nobody tells here that the contact was removed.
pub(super) async fn redact_all(app: &App) {
    let receipt = app.outside.store.world().receipts.values().next().cloned().unwrap();
    let clock = HeldClock::at(app.outside.clock.now() + SignedDuration::from_hours(25));
    let about = (&receipt.account_id, &receipt.id);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let redacted = redact(store, blobs, &clock, about, Timestamp::MAX).await.unwrap();
    assert_eq!(redacted, Redacted::Done);
}

/// Nothing that stands for the present says who it was.
#[track_caller]
pub(super) fn assert_forgotten(app: &App, contact: &ContactId) {
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
    assert_eq!(receipt["state"], "redacting");
    assert_eq!(app.ask(erase(&contact)).await.expect(202).json(), receipt, "somebody is at it");
    redact_all(&app).await;
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
    let receipt = app.ask(Ask::get(&path)).await.expect(200).json();
    assert_eq!(receipt["state"], "done");
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
        assert_eq!(again["state"], "redacting", "died at call {calls}: {first:?}");
        redact_all(&app).await;
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
    assert_eq!(app.ask(erase(&contact)).await.expect(202).json()["state"], "redacting");
    redact_all(&app).await;
    let world = app.outside.store.world();
    assert!(matches!(
        world.contacts.get(&contact),
        Some(StoredContact::Tombstone { erased: true, .. })
    ));
}

#[tokio::test]
async fn whoever_a_run_removed_gets_no_contact_of_his_own_either() {
    let (app, contact) = lived_in().await;
    let by = Prior { run: RunId::from_bits(0x77), page: 2 };
    let removed = blank_item(&ObjectId::from_u128(7), Some(contact.clone()), Outcome::Delete);
    let page = Segment::of(2, Phase::Judgement, 1, vec![removed]);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let of = (&by.run, Retention::default());
    let whose = (account_id(), connection_id());
    store_segment(store, blobs, &whose.0, &whose.1, of, page).await.unwrap();
    let gone = StoredContact::Tombstone {
        version: 4,
        source_version: 9,
        connection_id: Some(connection_id()),
        expires_at: Timestamp::MAX,
        by: Some(by),
        erased: false,
    };
    // It was local before: its id is not derived from the user's.
    store.world().contacts.insert(contact.clone(), gone);
    app.ask(erase(&contact)).await.expect(202);
    let own = app.outside.store.world().receipts.values().next().unwrap().barred.clone();
    assert_eq!(own.len(), 1);
    for id in [&contact, &own[0]] {
        assert!(
            matches!(
                app.outside.store.world().contacts.get(id),
                Some(StoredContact::Tombstone { erased: true, .. })
            ),
            "{id}"
        );
    }
}

#[tokio::test]
async fn what_nobody_is_at_any_more_is_gone_on_with_by_the_same_request() {
    let (app, contact) = lived_in().await;
    app.ask(erase(&contact)).await.expect(202);
    let step = || app.outside.store.world().receipts.values().next().unwrap().version;
    let before = step();
    app.ask(erase(&contact)).await.expect(202);
    assert_eq!(step(), before, "somebody is at it");
    app.outside.clock.advance(SignedDuration::from_mins(5));
    app.ask(erase(&contact)).await.expect(202);
    assert_eq!(step(), before + 1, "that is told to whoever goes on");
}

#[tokio::test]
async fn whoever_is_let_in_again_is_so_once_and_can_be_forgotten_again() {
    let (app, contact) = lived_in().await;
    let receipt = app.ask(erase(&contact)).await.expect(202).json();
    let path = of_account(&format!("/erasures/{}", receipt["id"].as_str().unwrap()));
    let lift = || Ask::post(format!("{path}/lift"), &json!({}));
    app.ask(lift()).await.problem(409, "erasure-not-done");
    redact_all(&app).await;
    app.ask(lift().role("approver")).await.problem(403, "role-too-small");
    let lifted = app.ask(lift()).await.expect(200).json();
    assert_eq!((&lifted["state"], lifted["liftedAt"].is_string()), (&json!("lifted"), true));
    assert_eq!(app.ask(lift()).await.expect(200).json(), lifted, "asked again");
    assert!(matches!(
        app.outside.store.world().contacts.get(&contact),
        Some(StoredContact::Tombstone { erased: false, version: 2.., .. })
    ));
    app.ask(erase(&contact)).await.expect(202);
    redact_all(&app).await;
    assert_forgotten(&app, &contact);
    let receipt = app.outside.store.world().receipts.values().next().cloned().unwrap();
    assert_eq!((receipt.state, receipt.lifted_at), (ErasureState::Done, None));
    let unknown = of_account("/erasures/ers_00000000000000000000000000000099/lift");
    app.ask(Ask::post(unknown, &json!({}))).await.problem(404, "not-found");
}
