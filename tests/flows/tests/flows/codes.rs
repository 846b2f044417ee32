//! Every class of Graph's error codes meets the sync once: what passes costs only time, what lasts
//! ends the run with its reason, and neither touches a contact.

use std::time::Duration;

use contact_sync_flows::{Scene, SceneOptions};
use entra_sim::{BodyKind, Effect, Fault};
use serde_json::json;

use crate::graph_faults::{LISTING, assert_in_step, in_small_pages, struck};

fn answer(status: u16, code: &str) -> Effect {
    Effect::Respond {
        status,
        body: BodyKind::Json,
        code: Some(code.to_owned()),
        message: Some(String::new()),
        retry_after: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_passes_only_costs_time() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    for (status, code) in [
        (400, "DirectoryPageTokenNotFoundException"),
        (401, "InvalidAuthenticationToken"),
        (403, "Authorization_RequestDenied"),
        (412, "PreconditionFailed"),
        (423, "Locked"),
        (429, "activityLimitReached"),
        (500, "UnknownError"),
        (502, "UnknownError"),
        (503, "serviceNotAvailable"),
        (504, "generalException"),
        (509, "bandwidthLimitExceeded"),
    ] {
        scene.sim.clear_faults();
        scene.sim.add_fault(Fault::once(LISTING, answer(status, code)).at_request(2));
        let run = customer.sync_now().await;
        assert_eq!(struck(&scene), 1, "{status} {code}");
        assert_ne!(run["status"], "failed", "{status} {code}: {run}\n{}", scene.story());
        assert_eq!(run["counts"]["seen"], 40, "{status} {code}: {run}");
        assert_eq!(run["counts"]["removed"], 0, "{status} {code}: {run}");
        assert_eq!(customer.status().await, "enabled", "{status} {code}");
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_lasts_ends_the_run_with_its_reason_and_touches_nobody() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    // In the first minutes after a consent a refusal may only mean that it is not replicated yet.
    scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
    scene.settle().await;
    let before = customer.contacts().await;
    let page = Effect::Respond {
        status: 403,
        body: BodyKind::Html,
        code: None,
        message: None,
        retry_after: None,
    };
    for (name, effect) in [
        ("our request is wrong", answer(400, "Request_BadRequest")),
        ("a query that is not supported", answer(400, "Request_UnsupportedQuery")),
        (
            "a licence is missing",
            answer(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
        ),
        ("a policy's page", page),
        ("nobody home", answer(404, "Request_ResourceNotFound")),
    ] {
        scene.sim.add_fault(Fault::once(LISTING, effect).times(0));
        let run = customer.start_run("full").await;
        let run = customer.wait_for_run(&run).await;
        assert_eq!(run["status"], "failed", "{name}: {run}");
        assert!(run["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{name}: {run}");
        assert_eq!(customer.contacts().await, before, "{name}");
        scene.sim.clear_faults();
        let connection = customer.show().await;
        if connection["status"] == "attention" {
            let fix = connection["attention"]["fix"].as_str().unwrap_or_default();
            assert!(!fix.is_empty(), "{name}: {connection}");
            customer.act("resume").await.expect(202);
        }
        scene.pass_time(Duration::from_mins(10));
        scene.sweep().await;
        let run = customer.sync_now().await;
        assert_ne!(run["status"], "failed", "{name}: {run}\n{}", scene.story());
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_twice_is_not_asked_for_a_third_time() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    for code in ["InvalidAuthenticationToken", "Authorization_IdentityNotFound"] {
        // Within a quarter of an hour after the consent it may only not have spread yet.
        scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(-1)).await;
        scene.settle().await;
        scene.sim.add_fault(Fault::once(LISTING, answer(401, code)).times(0));
        let early = customer.start_run("full").await;
        scene.settle().await;
        assert_eq!(struck(&scene), 2, "{code}: once more with a new token, and no more");
        assert_eq!(customer.run(&early).await["status"], "running", "{code}: it waits");
        assert_eq!(customer.status().await, "enabled", "{code}");

        // Later it means that nobody lets us in any more.
        scene.sim.clear_faults();
        scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(2)).await;
        scene.settle().await;
        assert_eq!(customer.run(&early).await["status"], "running", "{code}: nobody hurries it");
        scene.sim.add_fault(Fault::once(LISTING, answer(401, code)).times(0));
        scene.pass_time(Duration::from_mins(10));
        scene.sweep().await;
        let run = customer.wait_for_run(&early).await;
        assert_eq!(struck(&scene), 2, "{code}");
        assert_eq!(run["status"], "failed", "{code}: {run}");
        let connection = customer.show().await;
        assert_eq!(connection["attention"]["reason"], "consent-lost", "{code}: {connection}");
        assert_eq!(customer.contacts().await, before, "{code}");
        scene.sim.clear_faults();
        customer.act("resume").await.expect(202);
        scene.settle().await;
        assert_ne!(customer.sync_now().await["status"], "failed", "{code}");
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_further_page_is_not_found_loses_no_member() {
    let mut options = SceneOptions::with_users(20);
    options.settings.graph.max_page_size = 3;
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    let group = scene.sim.create_group(scene.tenant, "Team").unwrap();
    for person in &customer.people_in_scope()[..8] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let removal = json!({"outOfScope": "delete", "leftGroup": "delete", "hardDeleted": "delete"});
    let scope = json!({"groups": {"any": [group]}});
    customer.change_settings(json!({"scope": scope, "policies": {"removal": removal}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let before = customer.contacts().await;
    assert_eq!(before.len(), 8);

    for code in ["Directory_ObjectNotFound", "Request_ResourceNotFound"] {
        let missing = Effect::NotFound { code: code.to_owned() };
        scene.sim.add_fault(Fault::once("*/groups/*embers*skiptoken*", missing).times(0));
        let run = customer.start_run("full").await;
        let run = customer.wait_for_run(&run).await;
        assert!(struck(&scene) > 0, "{code}");
        assert_eq!(run["status"], "failed", "{code}: {run}");
        assert_eq!(customer.contacts().await, before, "{code}: half a group is no group");
        scene.sim.clear_faults();
        customer.act("resume").await.expect(202);
        scene.settle().await;
        customer.sync_now().await;
        assert_eq!(customer.contacts().await, before, "{code}");
    }
}
