//! What Microsoft does not document, played both ways: nothing may depend on either.

use std::time::Duration;

use contact_sync_flows::{Scene, SceneOptions};
use entra_sim::{DirectoryCommand, Effect, Fault};
use serde_json::{Value, json};

use crate::graph_faults::assert_in_step;
use crate::mapping::set_manager;

async fn scene(settings: &Value) -> Scene {
    let mut options = SceneOptions::with_users(30);
    options.settings.graph.max_page_size = 10;
    options.settings.delta.page_size = 5;
    options.further_roles = vec!["Group.Read.All"];
    let scene = Scene::start(options).await;
    scene.sim.merge_settings(settings).unwrap();
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_any_length_pages_of_any_size_and_any_cost_are_followed() {
    for settings in [
        json!({"graph": {"linkPadding": 0}, "delta": {"heedsMaxPageSize": false}}),
        json!({"graph": {"linkPadding": 6_000}, "delta": {"heedsMaxPageSize": true},
               "throttling": {"deltaPageUnits": 5.0}}),
    ] {
        let scene = scene(&settings).await;
        let customer = scene.synced().await;
        for person in &customer.people_in_scope()[..12] {
            customer.edit(person.id(), json!({"jobTitle": "Across three pages"}));
        }
        scene.settle().await;
        assert_in_step(&scene, &customer).await;
        assert_eq!(customer.runs_of("full").await.len(), 1, "{settings}\n{}", scene.story());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_known_again_whether_or_not_graph_shows_its_secret() {
    for (shows, validates) in [(true, true), (true, false), (false, true), (false, false)] {
        let scene = scene(&json!({"notifications": {
            "listShowsClientState": shows, "validateOnRenewal": validates,
        }}))
        .await;
        let customer = scene.synced().await;
        let made: Vec<_> = scene.sim.subscriptions().into_iter().map(|there| there.id).collect();
        scene.audit().await;
        scene.age_subscription("users", jiff::SignedDuration::from_hours(15 * 24)).await;
        scene.sweep().await;
        let kept: Vec<_> = scene.sim.subscriptions().into_iter().map(|there| there.id).collect();
        let variant = format!("shown: {shows}, validated: {validates}");
        assert_eq!(kept, made, "{variant}\n{}", scene.story());
        let user = customer.people_in_scope()[0].id().to_owned();
        customer.edit(&user, json!({"jobTitle": "Still heard"}));
        scene.settle().await;
        assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "Still heard");
    }
}

/// Which statuses the sign-in gives these is not documented; the numbers say what helps.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_is_understood_by_its_number_whatever_its_status() {
    let scene = scene(&json!({})).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
    scene.settle().await;
    for (code, reason) in [
        (65_001, "consent-lost"),
        (90_002, "consent-lost"),
        (53_003, "blocked-by-policy"),
        (700_024, "credential"),
    ] {
        for status in [400, 401, 403] {
            let refused = Effect::Aadsts { code, status: Some(status) };
            scene.sim.add_fault(Fault::once("*/oauth2/v2.0/token", refused).times(0));
            scene.sim.revoke_tokens(scene.tenant).unwrap();
            let run = customer.start_run("full").await;
            scene.settle().await;
            assert_eq!(customer.contacts().await, before, "{code} as {status}: nobody is touched");
            let connection = customer.show().await;
            scene.sim.clear_faults();
            if reason == "credential" {
                // Nothing that a customer could mend: their sync waits for us.
                assert_eq!(connection["status"], "enabled", "{code} as {status}: {connection}");
                assert_eq!(customer.run(&run).await["status"], "running", "{code} as {status}");
            } else {
                let told = &connection["attention"]["reason"];
                assert_eq!(told, reason, "{code} as {status}: {connection}");
                let run = customer.wait_for_run(&run).await;
                assert_eq!(run["status"], "failed", "{code} as {status}: {run}");
                customer.act("resume").await.expect(202);
            }
            scene.pass_time(Duration::from_mins(10));
            scene.sweep().await;
            let run = customer.sync_now().await;
            assert_ne!(run["status"], "failed", "{code} as {status}: {run}");
        }
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_takes_its_time_is_waited_for_wherever_the_delay_shows() {
    for shows in ["token", "graph"] {
        let scene = scene(&json!({"login": {
            "consentDelaySeconds": 240, "consentDelayShows": shows,
        }}))
        .await;
        let customer = scene.customer("acme").await;
        let page = customer.consent_as(&entra_sim::SignIn::admin(scene.tenant)).await;
        assert_eq!(page.status.as_u16(), 200, "{shows}: {}", page.text());
        scene.settle().await;
        assert_eq!(customer.status().await, "authorized", "{shows}");
        scene.sim.advance_clock(Duration::from_mins(5));
        scene.sweep().await;
        customer.wait_for_status("ready").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_hidden_are_not_members_that_left() {
    for variant in ["empty", "forbidden"] {
        let scene = scene(&json!({"graph": {"hiddenMembers": variant}})).await;
        let customer = scene.connected().await;
        let group = scene.sim.create_group(scene.tenant, "Soon hidden").unwrap();
        for person in &customer.people_in_scope()[..4] {
            scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
        }
        let removal = json!({"leftGroup": "delete", "outOfScope": "delete"});
        customer
            .change_settings(json!({
                "scope": {"groups": {"any": [group]}}, "policies": {"removal": removal},
            }))
            .await;
        let run = customer.enable().await;
        customer.wait_for_run(&run).await;
        scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
        scene.settle().await;
        let before = customer.contacts().await;
        assert_eq!(before.len(), 4);
        let hide = DirectoryCommand::UpdateGroup {
            group: group.to_string(),
            properties: json!({"visibility": "HiddenMembership"}).as_object().unwrap().clone(),
        };
        scene.sim.apply(scene.tenant, hide).unwrap();
        scene.settle().await;
        let run = customer.start_run("full").await;
        let run = customer.wait_for_run(&run).await;
        assert_eq!(customer.contacts().await, before, "{variant}: {run}\n{}", scene.story());
        assert!(run["reason"].is_string(), "{variant}: somebody is told: {run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_tells_little_of_itself_connects_all_the_same() {
    for fields in ["all", "idOnly"] {
        let scene = scene(&json!({"graph": {"organizationFields": fields}})).await;
        let customer = scene.synced().await;
        let tenant = customer.show().await["tenant"].clone();
        assert_eq!(tenant["id"], scene.tenant.to_string(), "{fields}: {tenant}");
        assert_in_step(&scene, &customer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_bin_is_told_from_who_is_gone_only_where_graph_tells() {
    for returned in [true, false] {
        let scene = scene(&json!({"graph": {"getByIdsReturnsDeleted": returned}})).await;
        let customer = scene.synced().await;
        let before = customer.contacts().await.len();
        let user = customer.people_in_scope()[1].id().to_owned();
        scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
        scene.sim.delete_user(scene.tenant, &user).unwrap();
        scene.sim.expire_delta_tokens(scene.tenant).unwrap();
        customer.sync_now().await;
        let gone = customer.linked_contact(&user).await;
        assert_eq!(gone["link"]["state"], "removed", "returned: {returned}\n{}", scene.story());
        assert_eq!(customer.contacts().await.len(), before);
    }
}

/// How delta tells that somebody has no manager any more is not documented. Where it does not tell,
/// the next full run finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_managers_end_is_found_however_delta_tells_of_it() {
    for form in ["item", "empty", "absent"] {
        let scene = scene(&json!({"delta": {"removedManager": form}})).await;
        let customer = scene.connected().await;
        let people = customer.people_in_scope();
        let (boss, report) = (people[3].clone(), people[12].clone());
        set_manager(&scene, report.id(), Some(boss.id()));
        customer.change_mapping("manager", json!({"source": "[manager]"})).await;
        customer.enable().await;
        scene.settle().await;
        let manager =
            async || customer.linked_contact(report.id()).await["fields"]["manager"].clone();
        assert_eq!(manager().await, customer.linked_contact(boss.id()).await["id"], "{form}");

        set_manager(&scene, report.id(), None);
        scene.settle().await;
        if form == "absent" {
            customer.sync_now().await;
        }
        assert_eq!(manager().await, Value::Null, "{form}\n{}", scene.story());
    }
}
