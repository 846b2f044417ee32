//! The address that Graph calls: handshakes, deliveries, and everything a stranger may send.

use contact_sync_flows::{Reply, Scene, SceneOptions};
use serde_json::{Value, json};

pub(crate) async fn post(scene: &Scene, path: &str, body: &str) -> Reply {
    // Graph brings no token; a wrong one must not matter either.
    let content = Some(("application/json; charset=utf-8", body.as_bytes().to_vec()));
    scene.rest().bearing("nobody").send_bytes(reqwest::Method::POST, path, &[], content).await
}

/// What a notification of Contoso's subscription must carry.
pub(crate) struct Known {
    key: String,
    subscription_id: String,
    client_state: String,
}

pub(crate) async fn known(scene: &Scene) -> Known {
    let record = scene.subscription_record("users").await;
    let text = |name: &str| record["doc"]["M"][name]["S"].as_str().unwrap().to_owned();
    Known { key: text("key"), subscription_id: text("graphId"), client_state: text("clientState") }
}

impl Known {
    pub(crate) fn path(&self) -> String {
        format!("/webhooks/graph?s={}", self.key)
    }

    /// A notification as Graph writes it, with some members changed.
    pub(crate) fn notification(&self, scene: &Scene, changes: &Value) -> Value {
        let user = "8f0c1b1e-0000-4000-8000-000000000001";
        let mut item = json!({
            "changeType": "updated",
            "clientState": self.client_state,
            "resource": format!("Users/{user}"),
            "subscriptionId": self.subscription_id,
            "subscriptionExpirationDateTime": "2026-12-18T10:00:00.0000000Z",
            "tenantId": scene.tenant,
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.User",
                "@odata.id": format!("Users/{user}"),
                "id": user,
                "organizationId": scene.tenant,
                "eventTime": "2026-11-22T01:47:00.2455823Z",
                "sequenceNumber": 636_784_480_202_455_808_u64,
            },
        });
        for (member, value) in changes.as_object().unwrap() {
            item[member] = value.clone();
        }
        item
    }
}

pub(crate) async fn hints(scene: &Scene, connection: &str) -> String {
    let state = scene.sync_state(connection).await;
    state["wanted"]["N"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_handshake_is_answered_to_the_letter() {
    let scene = Scene::with_users(5).await;
    let graphs = "Validation%3a+Testing+client+application+reachability+for+subscription\
                  +Request-Id%3a+877cb92e-1111-4222-8333-444455556666";
    let decoded = "Validation: Testing client application reachability for subscription \
                   Request-Id: 877cb92e-1111-4222-8333-444455556666";
    for path in ["/webhooks/graph", "/webhooks/graph/lifecycle"] {
        for (query, expected) in [
            (format!("validationToken={graphs}"), decoded),
            (format!("s=unknown&validationToken={graphs}"), decoded),
            ("validationToken=a%2Bb%20c".to_owned(), "a+b c"),
            ("validationToken=100%25%2541".to_owned(), "100%%41"),
            ("validationToken=%3Cscript%3E".to_owned(), "<script>"),
        ] {
            let path = format!("{path}?{query}");
            let content = Some(("text/plain; charset=utf-8", Vec::new()));
            let rest = scene.rest().bearing("nobody");
            let reply =
                rest.send_bytes(reqwest::Method::POST, &path, &[], content).await.expect(200);
            assert_eq!(reply.text, expected, "{path}");
            assert!(reply.header("content-type").starts_with("text/plain"), "{reply:?}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
        }
    }
    let long = format!("/webhooks/graph?validationToken={}", "x".repeat(2_000));
    post(&scene, &long, "").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_sends_has_no_effect_and_teaches_nothing() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let known = known(&scene).await;
    let before = hints(&scene, &customer.connection).await;
    let deltas = scene.stack.invocations("delta-sync").len();
    let item = |changes: Value| known.notification(&scene, &changes);
    let (path, nowhere) = (known.path(), "/webhooks/graph".to_owned());
    for (name, path, value) in [
        ("a forged clientState", &path, vec![item(json!({"clientState": "guessed"}))]),
        ("no clientState", &path, vec![item(json!({"clientState": null}))]),
        ("another tenant", &path, vec![item(json!({"tenantId": scene.other_tenant}))]),
        ("another subscription", &path, vec![item(json!({"subscriptionId": customer.account}))]),
        ("an address without a key", &nowhere, vec![item(json!({}))]),
        ("an unknown key", &format!("{nowhere}?s=sub_unknown"), vec![item(json!({}))]),
        ("no notification at all", &path, Vec::new()),
        ("something else", &path, vec![json!({"hello": "world"}), json!(7)]),
    ] {
        let reply = post(&scene, path, &json!({"value": value}).to_string()).await;
        assert_eq!(reply.status.as_u16(), 202, "{name}: {}", reply.text);
        assert_eq!(reply.text, "", "{name}");
    }
    for broken in ["", "{", "[]", "{\"value\": 7}", "\u{0}"] {
        let reply = post(&scene, &path, broken).await;
        assert_eq!(reply.status.as_u16(), 400, "{broken:?}: {}", reply.text);
    }
    let filler = "x".repeat(300 * 1024);
    let reply = post(&scene, &path, &json!({"value": [], "filler": filler}).to_string()).await;
    assert_eq!(reply.status.as_u16(), 413, "{}", reply.text);
    scene.settle().await;
    assert_eq!(hints(&scene, &customer.connection).await, before);
    assert_eq!(scene.stack.invocations("delta-sync").len(), deltas);

    // The very same with the right secrets is believed, also beside forged ones.
    let value = json!({"value": [
        item(json!({"clientState": "guessed"})),
        item(json!({"brandNew": {"member": true}})),
        item(json!({})),
    ]});
    post(&scene, &path, &value.to_string()).await.expect(202);
    scene.settle().await;
    let after: u64 = hints(&scene, &customer.connection).await.parse().unwrap();
    assert_eq!(after, before.parse::<u64>().unwrap() + 1, "one hint, however many items");
    assert_eq!(scene.stack.invocations("delta-sync").len(), deltas + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_cannot_be_kept_is_answered_so_that_graph_repeats_it() {
    let mut options = SceneOptions::with_users(15);
    // Nobody listens there.
    let nowhere = "http://127.0.0.1:9".to_owned();
    options.environment = vec![("graph-webhook", "AWS_ENDPOINT_URL_DYNAMODB", nowhere)];
    let scene = Scene::start(options).await;
    scene.synced().await;
    let known = known(&scene).await;
    let body = json!({"value": [known.notification(&scene, &json!({}))]}).to_string();
    let reply = post(&scene, &known.path(), &body).await;
    assert_eq!(reply.status.as_u16(), 503, "{}", reply.text);
    let handshake = post(&scene, "/webhooks/graph?validationToken=alive", "").await.expect(200);
    assert_eq!(handshake.text, "alive", "a handshake needs no store");
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicated_and_disordered_deliveries_are_one_change() {
    let mut options = SceneOptions::with_users(20);
    options.settings.notifications.duplicate_percent = 100.0;
    options.settings.notifications.shuffle = true;
    options.settings.notifications.max_batch = 2;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    let users: Vec<String> = customer.contacts_by_user().await.into_keys().take(6).collect();
    for user in &users {
        customer.edit(user, json!({"jobTitle": "Told twice"}));
    }
    scene.settle().await;
    for user in &users {
        let contact = customer.linked_contact(user).await;
        assert_eq!(contact["fields"]["jobTitle"], "Told twice");
        assert_eq!(contact["version"], 2, "written once");
    }
    contact_sync_flows::assert_gapless(&customer.events().await);
}
