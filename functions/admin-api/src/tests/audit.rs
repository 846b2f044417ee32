//! The chain of what people asked for.

use contact_sync_domain::audit::{AuditChain, SealedEntry};
use contact_sync_domain::connection::ConnectionStatus;
use serde_json::json;

use super::harness::{ACCOUNT, App, Ask, CONNECTION, account_id, of_account, of_connection};
use super::outside::Shared;
use crate::routes::table;

/// A route's path with ids of the right form in it.
fn filled(path: &str) -> String {
    let path = path.replace("{account}", ACCOUNT).replace("{connection}", CONNECTION);
    let path = path.replace("{tenant}", "8f0c1b1e-0000-4000-8000-00000000000a");
    let parts = path.split('/').map(|part| match part {
        "{contact}" => "ctc_00000000000000000000000000000009",
        "{run}" => "run_00000000000000000000000000000009",
        "{team}" => "team_00000000000000000000000000000009",
        other if other.starts_with('{') => "rev_00000000000000000000000000000009",
        other => other,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn entries(app: &App, chain: &AuditChain) -> Vec<SealedEntry> {
    app.outside.store.world().audit.get(chain).cloned().unwrap_or_default()
}

fn of_the_account(app: &App) -> Vec<SealedEntry> {
    entries(app, &AuditChain::Account(account_id()))
}

#[tokio::test]
async fn nothing_can_be_changed_without_an_entry_and_reading_leaves_none() {
    let mut changing = 0;
    for endpoint in table::<Shared>() {
        let method = match endpoint.method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            _ => "DELETE",
        };
        let app = App::with_connection(ConnectionStatus::Ready);
        app.ask(Ask::new(method, filled(endpoint.path))).await;
        let (own, common) = (of_the_account(&app), entries(&app, &AuditChain::Installation));
        let what = format!("{method} {}", endpoint.path);
        // Everything that is kept of a person, and what support gets, is read with an entry.
        let exports = endpoint.path.ends_with("/contacts/{contact}/export");
        let bundles = endpoint.path.ends_with("/bundle");
        if method == "GET" && !exports && !bundles {
            assert!(own.is_empty() && common.is_empty(), "{what} left an entry");
            continue;
        }
        changing += 1;
        let outlives =
            !endpoint.path.contains("{account}") || what == "DELETE /v1/accounts/{account}";
        let entered = if outlives { &common } else { &own };
        assert_eq!(own.len() + common.len(), 1, "{what} leaves one entry");
        let entry = entered.first().and_then(SealedEntry::entry).unwrap();
        assert_eq!((entry.what, entry.actor.role), (what, "admin".to_owned()));
        assert_eq!(entry.actor.subject.as_deref(), Some("ada"));
    }
    assert!(changing > 30, "only {changing} routes change anything");
}

#[tokio::test]
async fn who_asked_for_what_is_listed_newest_first_and_the_chain_holds() {
    let app = App::with_connection(ConnectionStatus::Enabled);
    let contact = app.add_linked_contact();
    let protect = of_account(&format!("/contacts/{contact}/protect"));
    app.ask(Ask::post(protect, &json!({})).role("operator")).await.expect(202);
    app.ask(Ask::post(of_connection("/pause"), &json!({})).role("operator")).await.expect(202);
    let list = app.ask(Ask::get(of_account("/audit?limit=1"))).await.expect(200).json();
    let newest = &list["items"][0];
    assert_eq!(newest["seq"], 2);
    assert_eq!(newest["entry"]["actor"], json!({"subject": "ben", "role": "operator"}));
    assert_eq!(newest["entry"]["subjects"], json!({"connection": CONNECTION}));
    let path = of_account(&format!("/audit?cursor={}", list["nextCursor"].as_str().unwrap()));
    let older = app.ask(Ask::get(path)).await.expect(200).json();
    assert_eq!(older["items"][0]["entry"]["subjects"]["contact"], contact.as_str());
    assert_eq!(older["items"][0]["hash"], newest["entry"]["previous"]);
    assert_eq!(older["nextCursor"], json!(null));
    let verdict = app.ask(Ask::get(of_account("/audit/verify"))).await.expect(200).json();
    let head = json!({"seq": 2, "hash": newest["hash"]});
    let holds = json!({
        "entries": 2, "head": head, "holds": true, "broken": null, "nextCursor": null,
    });
    assert_eq!(verdict, holds);
}

#[tokio::test]
async fn verifying_tells_what_somebody_with_the_table_in_hand_did_to_the_chain() {
    let app = App::with_connection(ConnectionStatus::Enabled);
    for _ in 0..4 {
        app.ask(Ask::post(of_connection("/pause"), &json!({}))).await;
    }
    let chain = AuditChain::Account(account_id());
    let untouched = of_the_account(&app);
    let broken = async |entries: Vec<SealedEntry>| {
        app.outside.store.world().audit.insert(chain.clone(), entries);
        let verdict = app.ask(Ask::get(of_account("/audit/verify"))).await.expect(200).json();
        assert_eq!(verdict["holds"], verdict["broken"].is_null());
        (verdict["broken"]["seq"].clone(), verdict["broken"]["flaw"].clone())
    };
    let mut edited = untouched.clone();
    edited[1].text = edited[1].text.replace("ada", "ben");
    assert_eq!(broken(edited).await, (json!(2), json!("edited")));
    let mut without = untouched.clone();
    without.remove(2);
    assert_eq!(broken(without).await, (json!(3), json!("missing")));
    let cut = untouched[..3].to_vec();
    assert_eq!(broken(cut).await, (json!(4), json!("missing")), "the last one too");
    assert_eq!(broken(untouched).await, (json!(null), json!(null)));
}

#[tokio::test]
async fn nothing_is_done_that_cannot_be_entered() {
    let app = App::with_account();
    app.outside.store.world().calls_left = Some(0);
    let change = Ask::patch(of_account(""), &json!({"name": "Unseen"}));
    app.ask(change).await.problem(503, "unavailable");
    app.outside.store.world().calls_left = None;
    assert_eq!(app.outside.store.world().accounts[&account_id()].name, "Contoso");
    // With a key too: the request came to nothing and can be sent again.
    let create = || {
        let body = json!({"fields": {"email": "ana@contoso.example"}});
        Ask::post(of_account("/contacts"), &body).header("idempotency-key", "one")
    };
    app.outside.store.world().meanwhile = Some((1, |world| world.calls_left = Some(0)));
    assert_ne!(app.ask(create()).await.status, 201);
    app.outside.store.world().calls_left = None;
    assert!(app.outside.store.world().contacts.is_empty());
}

#[tokio::test]
async fn an_entry_tells_nothing_of_a_person_whatever_a_caller_sends() {
    let app = App::with_connection(ConnectionStatus::Ready);
    let ana = "ana.lima@contoso.example";
    app.ask(Ask::patch(of_account(&format!("/contacts/{ana}")), &json!({}))).await;
    app.ask(Ask::post(of_account("/contacts"), &json!({"fields": {"email": ana}})))
        .await
        .expect(201);
    app.ask(Ask::post(of_connection("/settings/test"), &json!({"user": ana}))).await;
    let claims = json!({"role": "admin", "sub": "ada", "name": "Ada Lovelace"});
    app.ask(Ask::post(of_connection("/pause"), &json!({})).claims(Some(claims))).await;
    let review = "rev_00000000000000000000000000000009";
    app.ask(Ask::post(of_connection(&format!("/reviews/{review}")), &json!({}))).await;
    let entries = of_the_account(&app);
    assert_eq!(entries.len(), 5);
    let hash = contact_sync_domain::audit::sha256(review.as_bytes());
    let told = &entries[4].entry().unwrap().subjects["item"];
    assert_eq!(*told, format!("sha256:{hash}"), "it is the object id of a person");
    for entry in &entries {
        assert!(!entry.text.contains("ana") && !entry.text.contains("Lovelace"), "{}", entry.text);
    }
    for entry in &entries[..4] {
        assert_eq!(entry.entry().unwrap().body_hash, None, "what is short can be guessed");
    }
    // Settings are about no person; whoever has the file can show that it was this one.
    let settings = json!({"mode": "manual"});
    let save = Ask::put(of_connection("/settings"), &settings).header("if-match", "\"0\"");
    app.ask(save).await.expect(200);
    let entry = of_the_account(&app)[5].entry().unwrap();
    let hash = contact_sync_domain::audit::sha256(settings.to_string().as_bytes());
    assert_eq!(entry.body_hash, Some(hash));
}

#[tokio::test]
async fn what_was_refused_to_the_caller_or_given_again_is_not_entered_twice() {
    let app = App::with_account();
    let create = || {
        let body = json!({"fields": {"email": "ana@contoso.example"}});
        Ask::post(of_account("/contacts"), &body).header("idempotency-key", "one")
    };
    app.ask(create().role("viewer")).await.problem(403, "role-too-small");
    assert_eq!(of_the_account(&app).len(), 0);
    app.ask(create()).await.expect(201);
    app.ask(create()).await.expect(201);
    assert_eq!(of_the_account(&app).len(), 1);
    // Nobody makes a chain by naming an account that does not exist.
    let nobody = "/v1/accounts/acc_00000000000000000000000000000099/contacts";
    app.ask(Ask::post(nobody, &json!({"fields": {"email": "b@c"}})))
        .await
        .problem(404, "not-found");
    assert_eq!(app.outside.store.world().audit.len(), 1);
}

#[tokio::test]
async fn that_an_account_was_erased_outlives_it() {
    let app = App::with_account();
    app.ask(Ask::patch(of_account(""), &json!({"name": "New"}))).await.expect(200);
    app.ask(Ask::new("DELETE", of_account(""))).await.expect(204);
    assert_eq!(of_the_account(&app).len(), 0, "its own chain went with it");
    app.ask(Ask::get(of_account("/audit"))).await.problem(404, "not-found");
    let list = app.ask(Ask::get("/v1/audit")).await.expect(200).json();
    assert_eq!(list["items"][0]["entry"]["what"], "DELETE /v1/accounts/{account}");
    assert_eq!(list["items"][0]["entry"]["subjects"]["account"], ACCOUNT);
    assert_eq!(app.ask(Ask::get("/v1/audit/verify")).await.expect(200).json()["holds"], true);
}
