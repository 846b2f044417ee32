//! Notifications and subscriptions: late, doubled, forged, forgotten.

use std::time::{Duration, Instant};

use contact_sync_flows::{Scene, SceneOptions};
use entra_sim::{Effect, Fault};
use serde_json::json;

use super::{somebody, title};
use crate::graph_faults::{LISTING, assert_in_step, in_small_pages, struck};
use crate::webhook::{hints, known, post};

/// How long Graph waits for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn i_24_a_handshake_is_echoed_decoded_and_before_anything_else() {
    let mut options = SceneOptions::with_users(5);
    // Nobody serves there: what a start or a handshake asked of a table would be missed.
    let nowhere = "http://127.0.0.1:9".to_owned();
    options.environment.push(("graph-webhook", "AWS_ENDPOINT_URL", nowhere.clone()));
    options.environment.push(("graph-webhook", "AWS_ENDPOINT_URL_DYNAMODB", nowhere));
    let scene = Scene::start(options).await;
    for (number, path) in ["/webhooks/graph", "/webhooks/graph/lifecycle"].into_iter().enumerate() {
        let warm = scene.stack.invocations("graph-webhook").len();
        assert_eq!(warm, number, "the first meets a program that has yet to start");
        // Graph appends its token to whatever query the address had.
        let query = "s=sub_1&validationToken=Validation%3a+Testing+a%2Bb%253d";
        let asked = Instant::now();
        let answer = post(&scene, &format!("{path}?{query}"), "no json").await.expect(200);
        assert!(asked.elapsed() < HANDSHAKE, "Graph has given up: {:?}", asked.elapsed());
        assert_eq!(answer.text, "Validation: Testing a+b%3d");
        assert!(answer.header("content-type").starts_with("text/plain"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    // Both at once, and one program more has to start for it.
    let path = "/webhooks/graph?validationToken=both";
    let asked = Instant::now();
    let (one, other) = tokio::join!(post(&scene, path, ""), post(&scene, path, ""));
    assert!(asked.elapsed() < HANDSHAKE, "Graph has given up: {:?}", asked.elapsed());
    for answer in [one, other] {
        assert_eq!(answer.expect(200).text, "both");
    }
    let failed = scene.stack.invocations("graph-webhook").into_iter();
    assert_eq!(failed.filter(|ended| ended.error.is_some()).count(), 0, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_25_notifications_are_hints() {
    let mut options = SceneOptions::with_users(20);
    options.settings.notifications.duplicate_percent = 100.0;
    options.settings.notifications.shuffle = true;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    let user = somebody(&customer);
    let before = customer.linked_contact(&user).await["version"].as_u64().unwrap();
    customer.edit(&user, json!({"jobTitle": "Told twice"}));
    scene.settle().await;
    let after = customer.linked_contact(&user).await;
    assert_eq!(after["version"], before + 1, "one change is one write");
    assert_eq!(after["fields"]["jobTitle"], "Told twice");

    // A notification that says deleted proves nothing.
    let subscription = scene.sim.subscriptions()[0].id;
    assert!(scene.sim.send_notification(subscription, user.parse().unwrap(), true, 2));
    scene.settle().await;
    assert_eq!(customer.linked_contact(&user).await, after);
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_26_a_subscription_whose_answer_was_lost_is_not_made_twice() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    let mut lost = Fault::once("/v1.0/subscriptions*", Effect::Reset { after_bytes: Some(0) });
    lost.target.method = Some("POST".to_owned());
    scene.sim.add_fault(lost);
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    scene.pass_time(std::time::Duration::from_mins(10));
    scene.sweep().await;
    assert_eq!(struck(&scene), 1);
    let there = scene.sim.subscriptions();
    assert_eq!(there.len(), 1, "{there:?}\n{}", scene.story());
    let user = somebody(&customer);
    customer.edit(&user, json!({"jobTitle": "Heard"}));
    scene.settle().await;
    assert_eq!(title(&customer, &user).await, "Heard", "{}", scene.story());
}

/// The pitfall's other half, a 429 within a batch, does not arise: the engine sends no batch.
#[tokio::test(flavor = "multi_thread")]
async fn i_27_a_strange_retry_after_is_no_reason_to_hurry() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    for (header, wait, all_waits) in [
        ("0.75", 750, 2_250),
        ("1.5", 1_500, 4_500),
        // Nobody can read how long: longer each time, by chance.
        ("soon", 0, 100),
        ("", 0, 100),
    ] {
        scene.sim.clear_faults();
        scene.sim.add_fault(Fault::once(LISTING, Effect::throttled(header)).times(3));
        scene.sim.reset_requests();
        let run = customer.sync_now().await;
        assert_eq!(struck(&scene), 3, "{header}: {run}");
        assert_eq!(run["counts"]["seen"], 40, "{header}: {run}");
        let listing = scene.sim.requests(5_000).into_iter();
        let listing: Vec<_> =
            listing.filter(|request| request.url.starts_with("/v1.0/users?")).collect();
        assert!(listing.len() <= 10, "{header}: {listing:#?}");
        let refused = listing.iter().take_while(|request| request.status == 429).count();
        assert_eq!(refused, 3, "{header}: {listing:#?}");
        let gaps: Vec<i128> = listing[..4]
            .windows(2)
            .map(|pair| pair[1].at.duration_since(pair[0].at).as_millis())
            .collect();
        assert!(gaps.iter().all(|gap| *gap >= wait), "`Retry-After: {header}`: {gaps:?} ms");
        assert!(gaps.iter().sum::<i128>() >= all_waits, "`Retry-After: {header}`: {gaps:?} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_34_large_numbers_and_seven_digits_of_a_second_are_read() {
    let scene = Scene::with_users(10).await;
    let customer = scene.synced().await;
    let known = known(&scene).await;
    let before = hints(&scene, &customer.connection).await;
    // Its sequence number does not fit a float, its instants have seven digits.
    let item = known.notification(&scene, &json!({}));
    post(&scene, &known.path(), &json!({"value": [item]}).to_string()).await.expect(202);
    scene.settle().await;
    assert_ne!(hints(&scene, &customer.connection).await, before, "the hint counted");
}
