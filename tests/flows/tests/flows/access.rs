//! Who sees what, what bad input is answered, and what the logs keep to themselves.

use contact_sync_flows::{Customer, Rest, Scene, Secret, assert_untold};
use entra_sim::{DEFAULT_APP_SECRET, SignIn};
use reqwest::Method;
use serde_json::{Value, json};

/// Every route that reads something of an account or a connection.
async fn readable(customer: &Customer<'_>) -> Vec<String> {
    let run = customer.runs().await[0]["id"].as_str().unwrap().to_owned();
    let contact = customer.contacts().await[0]["id"].as_str().unwrap().to_owned();
    let mut paths: Vec<String> = ["", "/contacts", "/connections"]
        .iter()
        .map(|below| customer.account_path(below))
        .collect();
    paths.push(customer.account_path(&format!("/contacts/{contact}")));
    let below = [
        String::new(),
        "/tenant".to_owned(),
        "/directory/users?query=a".to_owned(),
        "/directory/groups?query=a".to_owned(),
        "/settings".to_owned(),
        "/settings/history".to_owned(),
        "/runs".to_owned(),
        format!("/runs/{run}"),
        format!("/runs/{run}/changes"),
        format!("/runs/{run}/report"),
        format!("/runs/{run}/report?form=extended"),
    ];
    paths.extend(below.iter().map(|below| customer.path(below)));
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_never_sees_anything_of_another() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let stranger = scene.customer("stranger").await;
    let own = scene.rest_as(&customer.account, "viewer");
    let foreign = scene.rest_as(&stranger.account, "admin");
    for path in readable(&customer).await {
        own.get(&path).await.expect(200);
        let reply = foreign.get(&path).await;
        assert_eq!(reply.status.as_u16(), 404, "{path}: {}", reply.text);
        // What does not exist is answered alike, so nobody learns what does.
        assert_eq!(reply.problem(), "not-found", "{path}");
    }
    // Nor through its own account's path.
    let run = customer.runs().await[0]["id"].as_str().unwrap().to_owned();
    for below in ["", "/settings", "/tenant", "/runs", &format!("/runs/{run}")] {
        let path =
            format!("/v1/accounts/{}/connections/{}{below}", stranger.account, customer.connection);
        let reply = foreign.get(&path).await;
        assert_eq!(reply.status.as_u16(), 404, "{path}: {}", reply.text);
    }
    let contact = customer.contacts().await[0]["id"].as_str().unwrap().to_owned();
    let path = stranger.account_path(&format!("/contacts/{contact}"));
    foreign.get(&path).await.expect(404);
    let accounts = foreign.list("/v1/accounts").await;
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0]["id"], stranger.account.as_str());
    assert_eq!(foreign.list("/v1/events").await, Vec::<Value>::new());
    foreign.post(&customer.path("/disable"), &json!({})).await.expect(404);
    let new = json!({"externalId": "x", "name": "X", "timeZone": "UTC"});
    let reply = foreign.post("/v1/accounts", &new).await.expect(403);
    assert_eq!(reply.problem(), "operators-only");
    assert_eq!(customer.status().await, "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_changes_nothing() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    let local = customer.create_contact(json!({"email": "a@x.example"})).await;
    let contact = customer.account_path(&format!("/contacts/{}", local["id"].as_str().unwrap()));
    let viewer = scene.rest_as(&customer.account, "viewer");
    let nothing = json!({});
    let field = json!({"fields": {"city": "Bern"}});
    for (method, path, body) in [
        (Method::PATCH, customer.account_path(""), json!({"name": "Other"})),
        (Method::DELETE, customer.account_path(""), nothing.clone()),
        (Method::PUT, customer.account_path("/custom-fields"), json!([])),
        (Method::POST, customer.account_path("/contacts"), field.clone()),
        (Method::POST, customer.account_path("/contacts/import"), nothing.clone()),
        (Method::PATCH, contact.clone(), field),
        (Method::DELETE, contact.clone(), nothing.clone()),
        (Method::POST, customer.account_path("/connections"), nothing.clone()),
        (Method::DELETE, customer.path(""), nothing.clone()),
        (Method::POST, customer.path("/consent-links"), nothing.clone()),
        (Method::POST, customer.path("/reauthorize"), nothing.clone()),
        (Method::POST, customer.path("/enable"), json!({"tenantId": scene.tenant})),
        (Method::POST, customer.path("/pause"), nothing.clone()),
        (Method::POST, customer.path("/resume"), nothing.clone()),
        (Method::POST, customer.path("/disable"), nothing.clone()),
        (Method::POST, customer.path("/disconnect"), nothing.clone()),
        (Method::PUT, customer.path("/settings"), nothing.clone()),
        (Method::POST, customer.path("/settings/validate"), nothing.clone()),
        (Method::POST, customer.path("/runs"), json!({"kind": "full"})),
    ] {
        let reply = viewer.send(method.clone(), &path, &[("if-match", "*")], Some(&body)).await;
        assert_eq!(reply.status.as_u16(), 403, "{method} {path}: {}", reply.text);
        assert_eq!(reply.problem(), "role-too-small", "{method} {path}");
    }
    assert_eq!(customer.status().await, "ready");
    assert_eq!(customer.contacts().await, [local]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_mistakes_in_a_settings_document_are_three_answers() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    let before = customer.settings().await;
    let wrong = json!({
        "scope": {"userTypes": {"any": "Member"}},
        "mapping": [{"target": "email", "source": "[mail"}],
        "schedule": {"frequency": "dayly"},
    });
    let reply = customer.try_settings(wrong.clone()).await.expect(422);
    let mut pointers = reply.pointers();
    pointers.sort();
    assert_eq!(pointers, ["/mapping/0/source", "/schedule/frequency", "/scope/userTypes/any"]);
    let errors = reply.json()["errors"].as_array().unwrap().clone();
    assert!(errors.iter().all(|error| error["message"].as_str().unwrap().len() > 10), "{errors:?}");
    assert_eq!(customer.settings().await, before, "nothing of it is saved");

    let verdict = scene.rest().post(&customer.path("/settings/validate"), &wrong).await.expect(200);
    assert_eq!(verdict.json()["valid"], false);
    assert_eq!(verdict.json()["errors"].as_array().unwrap().len(), 3);

    let path = customer.path("/settings");
    let rest = scene.rest();
    let missing = rest.put(&path, &before).await.expect(428);
    assert_eq!(missing.problem(), "if-match-missing");
    let stale = rest.send(Method::PUT, &path, &[("if-match", "\"999\"")], Some(&before)).await;
    assert_eq!(stale.expect(412).problem(), "stale");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_told_what_is_wrong_with_them() {
    let scene = Scene::with_users(10).await;
    let customer = scene.customer("acme").await;
    let rest = scene.rest();
    for token in ["wrong", "", &format!("{}.bm90IGpzb24", scene.token())] {
        let reply = rest.bearing(token).get("/v1/accounts").await;
        assert_eq!(reply.status.as_u16(), 401, "{token:?}: {}", reply.text);
    }
    let claims = |claims: Value| rest.bearing(scene.stack.token_with_claims(&claims));
    for unusable in
        [json!({"sub": "x"}), json!({"role": "root"}), json!({"role": "admin", "account": "acme"})]
    {
        let reply = claims(unusable.clone()).get("/v1/accounts").await;
        assert_eq!(reply.status.as_u16(), 403, "{unusable}: {}", reply.text);
    }
    rest.get("/v1/nothing").await.expect(404);
    scene
        .http()
        .get(format!("{}/health", scene.stack.url()))
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();

    let broken = Some(("application/json", b"{\"externalId\": ".to_vec()));
    let reply = rest.send_bytes(Method::POST, "/v1/accounts", &[], broken).await.expect(400);
    assert_eq!(reply.problem(), "bad-json");
    let reply = rest.post("/v1/accounts", &json!({"name": 7, "timeZone": "Mars/Base"})).await;
    let mut pointers = reply.expect(422).pointers();
    pointers.sort();
    assert_eq!(pointers, ["/externalId", "/name", "/timeZone"]);
    let again = json!({"externalId": "acme", "name": "Acme", "timeZone": "UTC"});
    assert_eq!(rest.post("/v1/accounts", &again).await.expect(409).problem(), "external-id-taken");
    let reply = rest.get(&customer.account_path("/contacts?cursor=made-up")).await.expect(400);
    assert_eq!(reply.problem(), "bad-cursor");
    let large = json!({"externalId": "big", "name": "x".repeat(2_000_000), "timeZone": "UTC"});
    rest.post("/v1/accounts", &large).await.expect(413);
    assert_idempotent(&rest).await;
}

/// A repeated POST with its key is done once; the key for something else is refused.
async fn assert_idempotent(rest: &Rest) {
    let new = json!({"externalId": "once", "name": "Once", "timeZone": "UTC"});
    let key = [("idempotency-key", "key-1")];
    let first = rest.send(Method::POST, "/v1/accounts", &key, Some(&new)).await.expect(201);
    let again = rest.send(Method::POST, "/v1/accounts", &key, Some(&new)).await.expect(201);
    assert_eq!(first.json(), again.json());
    let other = json!({"externalId": "other", "name": "Other", "timeZone": "UTC"});
    let reply = rest.send(Method::POST, "/v1/accounts", &key, Some(&other)).await.expect(422);
    assert_eq!(reply.problem(), "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_field_is_not_edited_by_hand_and_a_deleted_contact_does_not_come_back() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let contact = customer.contacts().await.remove(0);
    let path = customer.account_path(&format!("/contacts/{}", contact["id"].as_str().unwrap()));
    let rest = scene.rest();
    let etag = rest.get(&path).await.expect(200).header("etag").to_owned();
    let headers = [("if-match", etag.as_str())];
    let edit = json!({"fields": {"displayName": "By hand"}});
    let reply = rest.send(Method::PATCH, &path, &headers, Some(&edit)).await.expect(409);
    assert_eq!(reply.problem(), "managed-field");
    let edit = json!({"fields": {"city": "Bern"}});
    let edited = rest.send(Method::PATCH, &path, &headers, Some(&edit)).await.expect(200).json();
    assert_eq!(edited["fields"]["city"], "Bern");
    customer.sync_now().await;
    assert_eq!(rest.get(&path).await.expect(200).json()["fields"]["city"], "Bern");

    let etag = rest.get(&path).await.expect(200).header("etag").to_owned();
    rest.send(Method::DELETE, &path, &[("if-match", &etag)], None).await.expect(204);
    customer.sync_now().await;
    rest.get(&path).await.expect(404);
    let user = contact["link"]["objectId"].as_str().unwrap();
    assert_eq!(customer.contact_of(user).await, None, "the user is on the ignore list");
    contact_sync_flows::assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_tells_a_name_an_address_or_a_secret() {
    let scene = Scene::with_users(20).await;
    let customer = scene.customer("acme").await;
    let refused = customer.consent_as(&SignIn::member(scene.tenant)).await;
    assert_eq!(refused.status.as_u16(), 400);
    customer.connect_tenant().await;
    customer.import("email,displayName\nlocal.person@else.example,Local Canary\n").await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let user = customer.contacts_by_user().await.into_keys().next().unwrap();
    customer
        .edit(&user, json!({"displayName": "Canary Renamed", "mail": "canary@contoso.example"}));
    scene.settle().await;
    scene.sim.add_fault(entra_sim::Fault::once("/v1.0/users?*", entra_sim::Effect::status(503)));
    customer.sync_now().await;
    scene.sweep().await;
    scene.audit().await;
    let forged = json!({"value": [{"clientState": "forged-canary", "subscriptionId": "x", "tenantId": scene.tenant}]});
    scene.rest().post("/webhooks/graph?s=unknown-canary", &forged).await.expect(202);
    scene.rest().post("/v1/accounts", &json!({"name": "Wrong Canary"})).await.expect(422);

    let mut secrets = vec![
        Secret::new("the API token", scene.token()),
        Secret::new("the app's secret", DEFAULT_APP_SECRET),
        Secret::new("a consent link's token", customer.consent_url.rsplit('/').next().unwrap()),
        Secret::new("an imported address", "local.person@else.example"),
        Secret::new("an imported name", "Local Canary"),
        Secret::new("a forged secret", "forged-canary"),
        Secret::new("a forged key", "unknown-canary"),
        Secret::new("an account's wrong name", "Wrong Canary"),
        Secret::new("an access token", "eyJ"),
        Secret::new("a code or state of the sign-in", "code="),
        Secret::new("a delta token", "deltatoken="),
        Secret::new("a page token", "skiptoken="),
    ];
    for subscription in scene.sim.subscriptions() {
        secrets.push(Secret::new("clientState", subscription.client_state.unwrap_or_default()));
    }
    let state = scene.sync_state(&customer.connection).await;
    let link = state["work"]["M"]["usersDelta"]["M"]["link"]["S"].as_str().unwrap().to_owned();
    let token = link.split_once("token=").unwrap().1.to_owned();
    secrets.push(Secret::new("the delta link", link));
    secrets.push(Secret::new("the delta link's token", token));
    for person in customer.directory() {
        for attribute in ["displayName", "mail", "userPrincipalName", "mobilePhone", "surname"] {
            let text = person.text(attribute).filter(|text| !is_common(text));
            secrets.extend(text.map(|text| Secret::new("a person's attribute", text)));
        }
    }
    assert_untold(&scene.stack, &secrets);
}

/// Words that logs hold for other reasons.
fn is_common(text: &str) -> bool {
    ["Admin", "Contoso"].contains(&text)
}
