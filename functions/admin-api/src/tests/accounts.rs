//! Accounts: making, changing, erasing; keys and bad input.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::sync_state::Lease;
use contact_sync_engine::port::{Blobs, Clock};
use jiff::SignedDuration;
use serde_json::json;

use super::harness::{
    ACCOUNT, App, Ask, CONNECTION, connection_id, event, of_account, of_connection,
};

#[tokio::test]
async fn a_repeated_request_makes_one_account_and_its_key_serves_nothing_else() {
    let app = App::empty();
    let create = event("create-account");
    let first = app.deliver(&create).await.expect(201);
    assert_eq!(first.header("location"), format!("/v1/accounts/{ACCOUNT}"));
    let again = app.deliver(&create).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.text), ("true", &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(app.outside.store.world().accounts.len(), 1);

    let mut other = create.clone();
    other["body"] = json!(json!({"externalId": "9", "name": "B", "timeZone": "UTC"}).to_string());
    app.deliver(&other).await.problem(422, "idempotency-key-reused");
    other["headers"]["idempotency-key"] = json!("order-9");
    app.deliver(&other).await.expect(201);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let app = App::empty();
    let wrong = json!({"externalId": "1", "name": "A", "timeZone": "Moon/Crater"});
    let right = json!({"externalId": "1", "name": "A", "timeZone": "Asia/Kathmandu"});
    let ask = |body| Ask::post("/v1/accounts", body).header("idempotency-key", "k");
    assert_eq!(app.ask(ask(&wrong)).await.problem(422, "invalid-fields"), ["/timeZone"]);
    app.ask(ask(&right)).await.expect(201);
}

#[tokio::test]
async fn the_same_external_id_again_is_a_conflict() {
    let app = App::with_account();
    let body = json!({"externalId": "4711", "name": "Twin", "timeZone": "UTC"});
    let pointers =
        app.ask(Ask::post("/v1/accounts", &body)).await.problem(409, "external-id-taken");
    assert_eq!(pointers, ["/externalId"]);
}

#[tokio::test]
async fn bad_json_is_told_with_its_line_and_bad_members_all_at_once() {
    let app = App::empty();
    let answer = app.deliver(&event("broken-json")).await;
    answer.problem(400, "bad-json");
    assert!(answer.text.contains("line 2"), "{answer:?}");
    let body = json!({"name": "", "timezone": "UTC"});
    assert_eq!(
        app.ask(Ask::post("/v1/accounts", &body)).await.problem(422, "invalid-fields"),
        ["/externalId", "/name", "/timeZone", "/timezone"]
    );
    app.ask(Ask::new("POST", "/v1/accounts")).await.problem(400, "bad-json");
}

#[tokio::test]
async fn a_body_beyond_its_size_is_refused() {
    let app = App::with_account();
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    app.ask(Ask::new("POST", "/v1/accounts").text(large.clone())).await.problem(413, "too-large");
    let file = format!("email\n{}", "x".repeat(5 * 1024 * 1024));
    let import = Ask::new("POST", of_account("/contacts/import")).text(file);
    app.ask(import).await.problem(413, "too-large");
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_a_foreign_cursor_is_refused() {
    let app = App::empty();
    for number in 0..3 {
        let body = json!({"externalId": number.to_string(), "name": "A", "timeZone": "UTC"});
        app.ask(Ask::post("/v1/accounts", &body)).await.expect(201);
    }
    let first = app.ask(Ask::get("/v1/accounts?limit=2")).await.expect(200).json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["nextCursor"].as_str().unwrap();
    let last = app.ask(Ask::get(format!("/v1/accounts?limit=2&cursor={cursor}"))).await.expect(200);
    assert_eq!(last.json()["items"].as_array().unwrap().len(), 1);
    assert!(last.json()["nextCursor"].is_null());
    app.ask(Ask::get("/v1/accounts?cursor=mine")).await.problem(400, "bad-cursor");
    app.ask(Ask::get("/v1/accounts?limit=0")).await.problem(400, "bad-query");
}

#[tokio::test]
async fn a_new_time_zone_moves_the_schedules_that_follow_it() {
    let app = App::with_connection(ConnectionStatus::Enabled);
    let change = json!({"timeZone": "America/New_York"});
    let answer = app.ask(Ask::patch(of_account(""), &change)).await.expect(200);
    assert_eq!(answer.json()["timeZone"], "America/New_York");
    let schedules = app.outside.schedules.0.lock().unwrap();
    let (expression, zone, fires) = &schedules[&connection_id()];
    assert_eq!(
        (expression.as_str(), zone.as_str(), *fires),
        ("cron(0 0 * * ? *)", "America/New_York", true)
    );
}

#[tokio::test]
async fn a_change_survives_somebody_who_was_faster() {
    let app = App::with_account();
    app.outside.store.world().races = 2;
    let answer = app.ask(Ask::patch(of_account(""), &json!({"name": "New"}))).await.expect(200);
    assert_eq!(answer.json()["name"], "New");
    app.outside.store.world().races = 9;
    app.ask(Ask::patch(of_account(""), &json!({"name": "No"}))).await.problem(409, "version-moved");
}

#[tokio::test]
async fn a_field_that_a_mapping_writes_can_neither_go_nor_become_what_does_not_fit() {
    let app = App::with_connection(ConnectionStatus::Ready);
    let mapping = json!({"mapping": [
        {"target": "email", "source": "[mail]", "required": true, "whenEmpty": "fail"},
        {"target": "custom.age", "source": "[employeeId]", "whenEmpty": "default", "default": 7},
    ]});
    app.ask(Ask::put(of_connection("/settings"), &mapping).header("if-match", "\"0\""))
        .await
        .expect(200);
    let fields = of_account("/custom-fields");
    app.ask(Ask::put(&fields, &json!([]))).await.problem(409, "custom-field-in-use");
    let dated = json!([{"key": "age", "label": "Age", "type": "date"}]);
    app.ask(Ask::put(&fields, &dated)).await.problem(409, "custom-field-in-use");
    let kept = json!([{"key": "age", "label": "Age", "type": "number"}]);
    assert_eq!(app.ask(Ask::put(&fields, &kept)).await.expect(200).json()[0]["key"], "age");
}

#[tokio::test]
async fn erasing_an_account_leaves_nothing_of_it() {
    let app = App::with_connection(ConnectionStatus::Enabled);
    app.add_linked_contact();
    let key = format!("reports/{ACCOUNT}/{CONNECTION}/run.csv");
    app.outside.blobs.put(&key, vec![1], "text/csv").await.unwrap();
    app.ask(Ask::new("DELETE", of_account(""))).await.expect(204);
    {
        let world = app.outside.store.world();
        assert!(world.accounts.is_empty() && world.connections.is_empty());
        assert!(world.contacts.is_empty() && world.claims.is_empty());
        assert!(app.outside.blobs.all().is_empty());
        assert!(app.outside.schedules.0.lock().unwrap().is_empty());
    }
    app.ask(Ask::new("DELETE", of_account(""))).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_account_is_not_erased_while_a_run_could_still_write() {
    let app = App::with_connection(ConnectionStatus::Enabled);
    let now = app.outside.clock.now();
    let lease = Lease { holder: "run".into(), expires_at: now + SignedDuration::from_secs(130) };
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().lease = Some(lease);
    let answer = app.ask(Ask::new("DELETE", of_account(""))).await.expect(202);
    assert_eq!(answer.header("retry-after"), "1");
    // The run sees it before its next page; of this one it may still write a contact.
    let status = app.outside.store.world().connections[&connection_id()].status;
    assert_eq!(status, ConnectionStatus::Disconnected);
    app.add_linked_contact();
    app.outside.clock.advance(SignedDuration::from_secs(130));
    app.ask(Ask::new("DELETE", of_account(""))).await.expect(204);
    let world = app.outside.store.world();
    assert!(world.accounts.is_empty() && world.contacts.is_empty() && world.states.is_empty());
}
