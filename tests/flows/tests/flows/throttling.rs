//! Graph asks us to wait: the whole tenant waits, for as long as it was asked, and nothing is lost.

use std::time::Duration;

use contact_sync_flows::Scene;
use entra_sim::{Effect, Fault, LoggedRequest};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::graph_faults::{LISTING, assert_in_step, in_small_pages, struck};

fn to_graph(requests: Vec<LoggedRequest>) -> Vec<LoggedRequest> {
    requests.into_iter().filter(|request| request.url.starts_with("/v1.0/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_no_invocation_can_sit_out_is_left_to_the_sweep() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::throttled("600")).at_request(3));
    scene.sim.reset_requests();
    let run = customer.start_run("full").await;
    scene.settle().await;
    assert_eq!(struck(&scene), 1, "who is told to wait does not ask again");
    let last = to_graph(scene.sim.requests(5_000)).pop().unwrap();
    assert_eq!(last.status, 429, "and asks nothing else: {last:?}");
    assert_eq!(customer.run(&run).await["status"], "running", "it is not given up");
    assert_eq!(customer.status().await, "enabled");

    // Neither the sweep nor a change that Graph tells of goes on before the time.
    let asked = scene.sim.request_counts().graph_requests;
    scene.pass_time(Duration::from_mins(5));
    scene.sweep().await;
    customer.edit(customer.people_in_scope()[1].id(), json!({"jobTitle": "While we wait"}));
    scene.settle().await;
    assert_eq!(scene.sim.request_counts().graph_requests, asked, "{}", scene.story());

    scene.let_waiting_end(&customer.connection, "full-sync").await;
    scene.sweep().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    assert_eq!(run["counts"]["seen"], 40, "{run}");
    let listed = to_graph(scene.sim.requests(5_000)).into_iter();
    let first_pages = listed
        .filter(|page| page.url.starts_with("/v1.0/users?") && !page.url.contains("skiptoken"))
        .count();
    assert_eq!(first_pages, 1, "it went on where it was");
    assert_eq!(customer.contacts().await.len(), before.len());
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_spent_pauses_the_tenant_and_not_the_request() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    for form in ["decimal", "integer", "httpDate"] {
        // Six units in ten seconds: a full run needs more.
        let scarce = json!({"throttling": {"scale": 6.0 / 3_500.0, "retryAfter": form}});
        scene.sim.merge_settings(&scarce).unwrap();
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        // A machine may be so slow that six units are never spent within ten seconds.
        for _ in 0..3 {
            scene.sim.reset_requests();
            let run = customer.sync_now().await;
            assert_ne!(run["status"], "failed", "{form}: {run}\n{}", scene.story());
            assert_eq!(run["counts"]["seen"], 40, "{form}: {run}");
            assert_eq!(run["counts"]["removed"], 0, "{form}: {run}");
            asked = to_graph(scene.sim.requests(5_000));
            let numbered = asked.iter().enumerate();
            refused = numbered
                .filter(|(_, request)| request.status == 429)
                .map(|(number, _)| number)
                .collect::<Vec<usize>>();
            if !refused.is_empty() {
                break;
            }
        }
        assert!(!refused.is_empty(), "{form}: the budget was never spent: {asked:#?}");
        // Requests sent while throttled prolong it: after each refusal nothing is sent for as long as
        // was told, and then the same is served.
        for number in refused {
            let (before, after) = (&asked[number], &asked[number + 1]);
            let pause = after.at.duration_since(before.at);
            assert!(pause.as_millis() >= 1_000, "{form}: {pause:?} after {before:?}");
            assert_eq!((after.status, &after.url), (200, &before.url), "{form}: {asked:#?}");
        }
        let generous = json!({"throttling": {"scale": 1.0}});
        scene.sim.merge_settings(&generous).unwrap();
    }
    assert_in_step(&scene, &customer).await;
}

/// How urgent we said that the requests were that lead to a place, by their priority header.
fn priorities(scene: &Scene, place: &str) -> Vec<String> {
    let asked = to_graph(scene.sim.requests(5_000)).into_iter();
    let asked = asked.filter(|request| request.url.contains(place));
    asked
        .map(|request| request.headers.get("x-ms-throttle-priority").cloned().unwrap_or_default())
        .collect()
}

/// E17: Graph sheds what says that it can wait first. Said of everything, a person who looks at the
/// connection waits behind the night's listing; said of nothing, the listing takes everybody's budget.
#[tokio::test(flavor = "multi_thread")]
async fn listings_say_that_they_can_wait_and_what_a_person_waits_for_does_not() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    scene.sim.reset_requests();
    customer.sync_now().await;
    let listing = priorities(&scene, "/v1.0/users?");
    assert!(listing.len() >= 4, "forty people in pages of ten: {listing:?}");
    assert!(listing.iter().all(|priority| priority == "low"), "{listing:?}");

    // What a person looks at, and what changed just now.
    scene.sim.reset_requests();
    let person = customer.people_in_scope().remove(0);
    for path in ["/tenant", "/directory/users?limit=5"] {
        scene.rest().get(&customer.path(path)).await.expect(200);
    }
    let trial = json!({"user": person.upn()});
    scene.rest().post(&customer.path("/settings/test"), &trial).await.expect(200);
    let one = json!({"kind": "user", "user": person.id()});
    let run = scene.rest().post(&customer.path("/runs"), &one).await.expect(202).run_id();
    customer.wait_for_run(&run).await;
    let looked = priorities(&scene, "/v1.0/");
    assert!(looked.len() >= 4, "{looked:?}");
    assert!(looked.iter().all(|priority| priority == "normal"), "{looked:?}");
    scene.sim.reset_requests();
    customer.edit(person.id(), json!({"jobTitle": "Now"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(person.id()).await["fields"]["jobTitle"], "Now");
    let followed = priorities(&scene, "/v1.0/users/delta");
    assert!(!followed.is_empty());
    assert!(followed.iter().all(|priority| priority == "normal"), "{followed:?}");
}

/// `Retry-After` may be a date: read as no number, we would come back at once, be refused again, and be
/// held off for longer each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_graph_tells_as_a_date_is_kept_to_that_date() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let until = Timestamp::from_second(scene.sim.clock().now().as_second() + 8).unwrap();
    let date = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    scene.sim.add_fault(Fault::once(LISTING, Effect::throttled(&date)).at_request(2));
    scene.sim.reset_requests();
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    assert_eq!(struck(&scene), 1);
    let asked = to_graph(scene.sim.requests(5_000));
    let refused = asked.iter().position(|request| request.status == 429).unwrap();
    let (before, after) = (&asked[refused], &asked[refused + 1]);
    assert!(before.at < until, "it was told in time: {before:?}");
    assert!(after.at >= until, "not before the date: {after:?}");
    let late = after.at.duration_since(until);
    assert!(late < SignedDuration::from_secs(30), "nor long after it: {late:?}");
    assert_eq!((after.status, &after.url), (200, &before.url), "and then the same page");
    assert_in_step(&scene, &customer).await;
}
