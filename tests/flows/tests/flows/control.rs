//! Runs are stopped, looked at and started by people.

use std::time::Duration;

use contact_sync_flows::{Customer, Scene, SceneOptions, eventually};
use entra_sim::TenantSpec;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_everything_writes_nothing_anywhere_and_loses_nothing() {
    let mut options = SceneOptions::with_users(400);
    options.tenants.push(TenantSpec::new("Northwind", "northwind.example", 12));
    options.settings.graph.max_page_size = 20;
    let scene = Scene::start(options).await;
    let tenants: Vec<_> = scene.sim.tenants().iter().map(|tenant| tenant.id).collect();
    let mut small: Vec<Customer<'_>> = Vec::new();
    for (name, tenant) in ["fabrikam", "northwind"].into_iter().zip(&tenants[1..]) {
        let customer = scene.customer(name).await;
        customer.connect(*tenant).await;
        let run = customer.enable_for(*tenant).await.expect(202).run_id();
        customer.wait_for_run(&run).await;
        small.push(customer);
    }
    let large = scene.connected().await;
    scene.settle().await;

    // In the middle of a run, and before another begins.
    let run = large.enable().await;
    eventually("it has read somebody", async || {
        (large.run(&run).await["progress"]["done"].as_u64()? > 20).then_some(())
    })
    .await;
    let paused = scene.rest().post("/v1/pause", &json!({})).await.expect(202).json();
    assert_eq!(paused["paused"], true);
    let again = scene.rest().post("/v1/pause", &json!({})).await.expect(202).json();
    assert_eq!(again["since"], paused["since"], "who paused first stays named");
    let somebody = scene.rest_as(&large.account, "admin");
    somebody.post("/v1/resume", &json!({})).await.expect(403);
    let waiting = small[0].start_run("full").await;
    let person = small[1].contacts().await.remove(0)["link"]["objectId"].clone();
    let person = person.as_str().unwrap();
    scene.sim.update_user(tenants[2], person, json!({"jobTitle": "Waited"})).unwrap();
    scene.settle().await;
    let written = large.contacts().await.len();
    assert!((1..400).contains(&written), "it stopped in the middle: {written}");
    assert_eq!(large.run(&run).await["status"], "running", "it is not given up");
    assert_eq!(small[0].run(&waiting).await["status"], "queued");
    assert_ne!(small[1].linked_contact(person).await["fields"]["jobTitle"], "Waited");
    scene.pass_time(Duration::from_mins(6));
    scene.sweep().await;
    assert_eq!(large.contacts().await.len(), written, "no sweep goes on with it");

    let resumed = scene.rest().post("/v1/resume", &json!({})).await.expect(202).json();
    assert_eq!(resumed, json!({"paused": false, "since": null, "by": null}));
    assert_eq!(scene.rest().get("/v1/pause").await.expect(200).json(), resumed);
    scene.sweep().await;
    let ended = large.wait_for_run(&run).await;
    assert_ne!(ended["status"], "failed", "{ended}\n{}", scene.story());
    let contacts = large.contacts().await;
    let people = ended["counts"]["created"].as_u64().unwrap();
    assert_eq!(u64::try_from(contacts.len()).unwrap(), people, "nobody twice and nobody left out");
    small[0].wait_for_run(&waiting).await;
    scene.settle().await;
    assert_eq!(small[1].linked_contact(person).await["fields"]["jobTitle"], "Waited");
}

#[expect(clippy::disallowed_methods, reason = "the functions' clock is the machine's")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_in_its_middle_ends_and_the_next_one_completes_it() {
    let mut options = SceneOptions::with_users(600);
    options.settings.graph.max_page_size = 20;
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    let run = customer.enable().await;
    eventually("a third is read", async || {
        (customer.run(&run).await["progress"]["done"].as_u64()? > 180).then_some(())
    })
    .await;
    let progress = customer.run(&run).await["progress"].clone();
    assert_eq!((&progress["counting"], &progress["step"]), (&json!("people"), &json!("listing")));
    assert!(progress["done"].as_u64() <= progress["total"].as_u64(), "{progress}");
    let (asked, shown) = eventually("it says when it will have ended", async || {
        let asked = now();
        let shown = customer.run(&run).await;
        shown["progress"]["endsAt"].is_string().then_some((asked, shown))
    })
    .await;
    let progress = &shown["progress"];
    assert!(progress["perSecond"].as_f64().unwrap() > 0.0, "{progress}");
    let ends: Timestamp = progress["endsAt"].as_str().unwrap().parse().unwrap();
    // It is told to the second, of a page that was written a moment ago.
    let wait = ends.duration_since(asked);
    let plausible = SignedDuration::from_secs(-3)..SignedDuration::from_mins(30);
    assert!(plausible.contains(&wait), "asked at {asked}: {shown}");
    let began: Timestamp = shown["startedAt"].as_str().unwrap().parse().unwrap();
    assert!(ends > began, "{shown}");
    let waiting = customer.start_run("full").await;
    let path = |run: &str| customer.path(&format!("/runs/{run}/cancel"));
    let ended = scene.rest().post(&path(&waiting), &json!({})).await.expect(202).json();
    assert_eq!(ended["status"], "cancelled", "what waits ends at once");
    scene.rest().post(&path(&run), &json!({})).await.expect(202);
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    let progress = &ended["progress"];
    assert_eq!((&progress["step"], &progress["endsAt"]), (&Value::Null, &Value::Null));
    let made = ended["counts"]["created"].as_u64().unwrap();
    assert!((1..600).contains(&made), "it stopped in the middle: {ended}");
    assert_eq!(customer.contacts().await.len() as u64, made, "what it did stays");
    let again = scene.rest().post(&path(&run), &json!({})).await.expect(202).json();
    assert_eq!(again["id"], run.as_str(), "asked again, the answer is the same");

    let next = customer.sync_now().await;
    assert_ne!(next["status"], "failed", "{next}");
    assert_eq!(next["counts"]["seen"], 600, "{next}");
    assert_eq!(
        next["counts"]["created"].as_u64().unwrap() + made,
        customer.contacts().await.len() as u64
    );
    let path = path(next["id"].as_str().unwrap());
    let refused = scene.rest().post(&path, &json!({})).await.expect(409);
    assert_eq!(refused.problem(), "run-ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_somebody_cancels_is_never_applied() {
    let scene = Scene::with_users(30).await;
    let customer = scene.synced().await;
    let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    let run = asked.run_id();
    customer.wait_for_run_status(&run, "planned").await;
    let hash = customer.run(&run).await["planHash"].clone();
    let cancel = customer.path(&format!("/runs/{run}/cancel"));
    let viewer = scene.rest_as(&customer.account, "viewer");
    viewer.post(&cancel, &json!({})).await.expect(403);
    for time in ["the first time", "again"] {
        let ended = scene.rest().post(&cancel, &json!({})).await.expect(202).json();
        assert_eq!(ended["status"], "cancelled", "{time}: {ended}");
    }
    let apply = customer.path(&format!("/runs/{run}/apply"));
    scene.rest().post(&apply, &json!({"planHash": hash})).await.expect(409);
    // The next one is made as if nothing had been.
    let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    customer.wait_for_run_status(&asked.run_id(), "planned").await;
}
