//! What Graph may answer to the making of a subscription: it is told, tried again, and polling
//! covers until then.

use contact_sync_flows::{Customer, Scene};
use entra_sim::{BodyKind, DEFAULT_APP_ID, DEFAULT_APP_SECRET, Effect, Fault, Subscription};
use serde_json::{Value, json};

use crate::graph_faults::struck;

fn answer(status: u16, code: &str, message: &str) -> Effect {
    Effect::Respond {
        status,
        body: BodyKind::Json,
        code: Some(code.to_owned()),
        message: Some(message.to_owned()),
        retry_after: None,
    }
}

/// Strikes when a subscription is made, not when it is listed or renewed.
fn at_the_making(effect: Effect) -> Fault {
    let mut fault = Fault::once("/v1.0/subscriptions", effect);
    fault.target.method = Some("POST".to_owned());
    fault
}

/// The only subscription that Graph has.
fn at_graph(scene: &Scene) -> Subscription {
    let mut there = scene.sim.subscriptions();
    assert_eq!(there.len(), 1, "{there:?}\n{}", scene.story());
    there.remove(0)
}

fn is_ours(scene: &Scene, subscription: &Subscription) -> bool {
    subscription.notification_url.starts_with(&format!("{}/webhooks/graph?s=", scene.stack.url()))
}

async fn title(customer: &Customer<'_>, user: &str) -> Value {
    customer.linked_contact(user).await["fields"]["jobTitle"].clone()
}

/// A change arrives without anybody asking.
async fn assert_heard(scene: &Scene, customer: &Customer<'_>, words: &str) {
    let user = customer.people_in_scope()[1].id().to_owned();
    customer.edit(&user, json!({ "jobTitle": words }));
    scene.settle().await;
    assert_eq!(title(customer, &user).await, words, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_and_tried_again_and_the_hourly_look_covers() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let user = customer.people_in_scope()[2].id().to_owned();
    let timed_out = "Subscription validation request timed out.";
    let forbidden = "Subscription validation request failed. Notification endpoint must respond \
                     with 200 OK to validation request.";
    let quota = "Operation: Create; Exception: [Status Code: Forbidden; Reason: Maximum number of \
                 subscriptions has been reached]";
    for (name, effect, told) in [
        ("our address is silent", answer(400, "ValidationError", timed_out), timed_out),
        ("our address refuses", answer(400, "InvalidRequest", forbidden), "handshake"),
        ("the service refuses", answer(400, "ExtensionError", "Not so."), "ExtensionError"),
        ("the quota is used up", answer(403, "ExtensionError", quota), "quota"),
        (
            "a permission is missing",
            answer(403, "Authorization_RequestDenied", "Insufficient privileges."),
            "Authorization_RequestDenied",
        ),
        ("one exists that nobody can find", answer(409, "Conflict", "It exists."), "exists"),
        ("the service is down", answer(503, "serviceNotAvailable", ""), "serviceNotAvailable"),
    ] {
        scene.sim.remove_subscription(at_graph(&scene).id);
        scene.sim.add_fault(at_the_making(effect).times(0));
        scene.audit().await;
        let tried = struck(&scene);
        assert!((1..=3).contains(&tried), "{name}: tried {tried} times at once");
        assert!(scene.sim.subscriptions().is_empty(), "{name}");
        let shown = customer.show().await;
        let subscription = &shown["subscription"];
        assert_ne!(subscription["state"], "active", "{name}: {subscription}");
        let problem = subscription["problem"].as_str().unwrap_or_default();
        assert!(problem.contains(told), "{name}: {subscription}");
        assert_eq!(shown["status"], "enabled", "{name}: polling serves as well");

        customer.edit(&user, json!({ "jobTitle": name }));
        scene.let_an_hour_pass_unseen(&customer.connection).await;
        scene.sweep().await;
        assert_eq!(title(&customer, &user).await, name, "{}", scene.story());

        scene.sim.clear_faults();
        scene.sweep().await;
        assert!(is_ours(&scene, &at_graph(&scene)), "{name}");
        let subscription = customer.show().await["subscription"].clone();
        assert_eq!(subscription["state"], "active", "{name}: {subscription}");
        assert_eq!(subscription["problem"], Value::Null, "{name}");
        assert_heard(&scene, &customer, &format!("Since then: {name}")).await;
    }
    assert_eq!(customer.runs_of("full").await.len(), 1, "no refusal costs a full run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_others_used_up_is_told_by_graph_itself() {
    let scene = Scene::with_users(10).await;
    scene.sim.merge_settings(&json!({"notifications": {"maxPerAppAndTenant": 0}})).unwrap();
    let customer = scene.synced().await;
    let subscription = customer.show().await["subscription"].clone();
    assert!(subscription["problem"].as_str().unwrap_or_default().contains("quota"));
    assert!(!customer.contacts().await.is_empty(), "the first sync needs no subscription");
    scene.sim.merge_settings(&json!({"notifications": {"maxPerAppAndTenant": 100}})).unwrap();
    scene.sweep().await;
    assert_heard(&scene, &customer, "Room again").await;
}

/// A token as another installation with the same registration would get it.
async fn token(scene: &Scene) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &DEFAULT_APP_ID.to_string()),
        ("client_secret", DEFAULT_APP_SECRET),
        ("scope", &format!("{}/.default", scene.sim.base_url())),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let url = format!("{}/{}/oauth2/v2.0/token", scene.sim.base_url(), scene.tenant);
    let request = scene.http().post(url).body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let text = request.send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer["access_token"].is_string(), "no token: {text}");
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_exists_already_is_taken_over_or_makes_room() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    // An installation that is gone left one behind, which leads elsewhere.
    let elsewhere = format!("{}/webhooks/graph?validated=elsewhere", scene.stack.url());
    let body = json!({
        "changeType": "updated,deleted", "resource": "users", "notificationUrl": elsewhere,
        "expirationDateTime": scene.sim.clock().now() + jiff::SignedDuration::from_hours(48),
        "clientState": "of somebody else",
    });
    let request = scene.http().post(format!("{}/v1.0/subscriptions", scene.sim.base_url()));
    let request = request.bearer_auth(token(&scene).await).body(body.to_string());
    let made = request.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(made.status().as_u16(), 201, "{:?}", made.text().await);
    let foreign = at_graph(&scene).id;

    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let requests = scene.sim.request_counts().endpoints;
    let refused = requests["POST /subscriptions"].statuses.get(&409).copied();
    assert_eq!(refused, Some(1), "Graph said that one exists: {requests:?}");
    let ours = at_graph(&scene);
    assert_ne!(ours.id, foreign);
    assert!(is_ours(&scene, &ours), "{ours:?}");
    assert_heard(&scene, &customer, "By our own").await;

    // Ours, whose making we no longer remember: the very same is taken over.
    assert!(scene.sim.send_lifecycle(ours.id, "missed", false));
    scene.settle().await;
    scene.sweep().await;
    assert_eq!(at_graph(&scene).id, ours.id, "{}", scene.story());
    assert_eq!(customer.show().await["subscription"]["state"], "active");
    assert_heard(&scene, &customer, "Still by our own").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_making_that_got_no_answer_and_made_nothing_is_repeated_after_a_look() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    scene.sim.add_fault(at_the_making(Effect::status(504)));
    scene.sim.reset_requests();
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    scene.pass_time(std::time::Duration::from_mins(10));
    scene.sweep().await;
    assert_eq!(struck(&scene), 1);
    assert!(is_ours(&scene, &at_graph(&scene)));
    let asked = scene.sim.requests(5_000).into_iter();
    let asked: Vec<_> = asked
        .filter(|request| request.url.starts_with("/v1.0/subscriptions"))
        .map(|request| (request.method, request.status))
        .collect();
    let asked: Vec<_> = asked.iter().map(|(method, status)| (method.as_str(), *status)).collect();
    assert_eq!(asked[..3], [("POST", 504), ("GET", 200), ("POST", 201)], "{asked:?}");
    assert_heard(&scene, &customer, "Made at the second try").await;
}
