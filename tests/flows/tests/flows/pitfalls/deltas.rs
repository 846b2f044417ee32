//! Delta links that are stored too early, die, or are misread.

use std::time::Duration;

use contact_sync_flows::{Person, Scene, SceneOptions, eventually};
use entra_sim::{Effect, Fault};
use serde_json::json;

use super::{asked, first_sync, notify, remove_without_asking, somebody, state, title};
use crate::graph_faults::{LISTING, STORED_DELTA, assert_in_step, in_small_pages, struck};

#[tokio::test(flavor = "multi_thread")]
async fn i_09_a_link_is_kept_only_after_its_changes() {
    let mut options = SceneOptions::with_users(30);
    options.settings.delta.page_size = 3;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let slow = Fault::once("*/users/delta*skiptoken*", Effect::Delay { ms: 1_500 });
    scene.sim.add_fault(slow);
    for person in &people[..9] {
        customer.edit(person.id(), json!({"jobTitle": "All nine"}));
    }
    eventually("the second page is on its way", async || {
        scene.sim.faults().iter().any(|fault| fault.struck > 0).then_some(())
    })
    .await;
    scene.settle_deliveries().await;
    scene.kill("delta-sync", &customer.connection).await;
    scene.settle().await;
    for person in &people[..9] {
        assert_eq!(title(&customer, person.id()).await, "All nine", "{}", scene.story());
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_10_a_link_that_grew_too_old_leads_to_a_full_run_by_itself() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let user = somebody(&customer);
    notify(&scene, false);
    scene.sim.advance_clock(Duration::from_hours(8 * 24));
    customer.edit(&user, json!({"jobTitle": "After the holidays"}));
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    assert_eq!(title(&customer, &user).await, "After the holidays", "{}", scene.story());
    assert_eq!(customer.runs_of("full").await.len(), 2);
    assert_eq!(customer.status().await, "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_11_who_was_purged_while_the_link_was_dead_does_not_stay_for_ever() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let user = somebody(&customer);
    notify(&scene, false);
    scene.sim.delete_user(scene.tenant, &user).unwrap();
    scene.sim.purge_user(scene.tenant, &user).unwrap();
    scene.sim.expire_delta_tokens(scene.tenant).unwrap();
    customer.sync_now().await;
    assert_eq!(state(&customer, &user).await, "removed", "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_12_not_every_error_of_a_delta_is_answered_with_a_full_run() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let user = somebody(&customer);
    let before = customer.contacts().await.len();
    for (number, (effect, tries)) in [
        // Each lasts until the look gives up.
        (Effect::status(500), 5),
        (Effect::status(503), 5),
        (Effect::Truncate, 5),
        (Effect::throttled("600"), 1),
    ]
    .into_iter()
    .enumerate()
    {
        scene.sim.add_fault(Fault::once(STORED_DELTA, effect.clone()).times(0));
        let wanted = format!("After trouble {number}");
        customer.edit(&user, json!({"jobTitle": wanted}));
        scene.settle().await;
        assert!(struck(&scene) >= tries, "{effect:?} struck {} times", struck(&scene));
        assert_ne!(title(&customer, &user).await, wanted.as_str(), "{effect:?} was no obstacle");
        scene.sim.clear_faults();
        scene.let_waiting_end(&customer.connection, "delta-sync").await;
        scene.let_an_hour_pass_unseen(&customer.connection).await;
        scene.sweep().await;
        assert_eq!(title(&customer, &user).await, wanted.as_str(), "{effect:?}");
        assert_eq!(customer.runs_of("full").await.len(), 1, "{effect:?}\n{}", scene.story());
        assert_eq!(customer.contacts().await.len(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_13_both_reasons_remove_and_the_second_changes_nothing() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let (binned, purged) = (people[1].id(), people[2].id());
    scene.sim.delete_user(scene.tenant, binned).unwrap();
    scene.sim.delete_user(scene.tenant, purged).unwrap();
    scene.sim.purge_user(scene.tenant, purged).unwrap();
    scene.settle().await;
    assert_eq!(state(&customer, binned).await, "removed");
    assert_eq!(state(&customer, purged).await, "removed");
    let before = customer.linked_contact(binned).await;
    let told = customer.events().await.len();
    scene.sim.purge_user(scene.tenant, binned).unwrap();
    scene.settle().await;
    assert_eq!(customer.linked_contact(binned).await, before, "not even its version");
    assert_eq!(customer.events().await.len(), told, "nobody is told a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_14_a_removal_is_no_person_with_empty_fields() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    for target in ["jobTitle", "department", "mobilePhone", "officeLocation"] {
        customer.change_mapping(target, json!({"whenEmpty": "clear"})).await;
    }
    first_sync(&scene, &customer).await;
    let user = somebody(&customer);
    let before = customer.linked_contact(&user).await;
    scene.sim.delete_user(scene.tenant, &user).unwrap();
    scene.settle().await;
    let after = customer.linked_contact(&user).await;
    assert_eq!(after["link"]["state"], "removed");
    assert_eq!(after["fields"], before["fields"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_15_the_removal_of_somebody_unknown_is_nothing() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    remove_without_asking(&customer).await;
    // Graph names them in the first round of a delta; ours begins at its end and meets them nowhere.
    for person in &customer.people_in_scope()[..3] {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    let first = first_sync(&scene, &customer).await;
    let newcomer = json!({
        "userPrincipalName": "brief@contoso.example", "mail": "brief@contoso.example",
        "displayName": "Brief", "userType": "Member", "accountEnabled": true,
    });
    let user = scene.sim.create_user(scene.tenant, newcomer).unwrap().to_string();
    scene.sim.delete_user(scene.tenant, &user).unwrap();
    scene.settle().await;
    for run in customer.runs().await {
        assert_ne!(run["status"], "failed", "{run}");
        assert_eq!(run["counts"]["removed"], 0, "{run}");
    }
    assert_eq!(customer.contacts().await.len(), first["counts"]["created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_16_what_graph_leaves_out_is_not_empty() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    for target in ["jobTitle", "department", "mobilePhone", "officeLocation"] {
        customer.change_mapping(target, json!({"whenEmpty": "clear"})).await;
    }
    first_sync(&scene, &customer).await;
    for person in customer.people_in_scope().iter().take(5) {
        customer.edit(person.id(), json!({"jobTitle": "Only this"}));
    }
    scene.settle().await;
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_17_who_is_restored_without_a_word_is_found_by_the_next_full_run() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let user = somebody(&customer);
    let contact = customer.linked_contact(&user).await;
    scene.sim.delete_user(scene.tenant, &user).unwrap();
    scene.settle().await;
    notify(&scene, false);
    scene.sim.restore_user(scene.tenant, &user).unwrap();
    // The delta never tells of it.
    scene.sim.expire_delta_tokens(scene.tenant).unwrap();
    customer.sync_now().await;
    let again = customer.linked_contact(&user).await;
    assert_eq!(again["link"]["state"], "linked", "{}", scene.story());
    assert_eq!(again["id"], contact["id"], "it is the same contact");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_19_what_decides_is_asked_for_by_name() {
    let scene = Scene::with_users(10).await;
    let customer = scene.connected().await;
    scene.sim.reset_requests();
    first_sync(&scene, &customer).await;
    let reads: Vec<_> = scene
        .sim
        .requests(5_000)
        .into_iter()
        .filter(|request| request.url.contains("select="))
        .filter(|request| {
            ["/v1.0/users?", "/v1.0/users/delta"].iter().any(|start| request.url.starts_with(start))
        })
        .collect();
    assert!(reads.len() >= 2, "{reads:#?}");
    for read in reads {
        for property in ["accountEnabled", "userType", "department", "mail"] {
            assert!(read.url.contains(property), "{property} is not asked for: {}", read.url);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_19_who_comes_without_what_decides_is_nobody_to_enable() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    let directory = customer.directory();
    let is_blocked = |person: &&Person| person.attribute("accountEnabled") == &json!(false);
    let is_guest = |person: &&Person| person.text("userType") == Some("Guest");
    let blocked = directory.iter().find(is_blocked).expect("somebody is blocked").id();
    let guest = directory.iter().find(is_guest).expect("somebody is a guest").id();
    for (member, whose) in [("accountEnabled", blocked), ("userType", guest)] {
        let held_back = Effect::EditObjects {
            only: vec![whose.to_owned()],
            without: vec![member.to_owned()],
            blank: Vec::new(),
            hide: false,
        };
        scene.sim.add_fault(Fault::once(LISTING, held_back).times(0));
        let run = customer.start_run("full").await;
        scene.settle().await;
        assert!(struck(&scene) > 0);
        assert_eq!(customer.contact_of(whose).await, None, "{member}: {}", scene.story());
        assert_eq!(customer.contacts().await, before, "{member}: a page that cannot be judged");
        scene.sim.clear_faults();
        scene.let_waiting_end(&customer.connection, "full-sync").await;
        scene.pass_time(Duration::from_mins(10));
        scene.sweep().await;
        let run = customer.wait_for_run(&run).await;
        assert_ne!(run["status"], "failed", "{member}: {run}\n{}", scene.story());
        assert_eq!(run["counts"]["seen"], 40, "{member}: {run}");
        assert_eq!(customer.contacts().await, before, "{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_20_no_optional_property_is_asked_for_with_the_people() {
    let scene = Scene::with_users(10).await;
    scene.synced().await;
    for request in scene.sim.requests(5_000) {
        for property in ["signInActivity", "mailboxSettings", "birthday", "skills"] {
            assert!(!request.url.contains(property), "{}", request.url);
        }
        assert!(request.status < 400, "{} {}", request.status, request.url);
    }
    assert!(asked(&scene, "/users/{id}/manager").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_33_whoever_begins_or_ceases_to_match_is_followed() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (comes, goes) = (people[1].id(), people[2].id());
    customer.edit(comes, json!({"department": "Elsewhere"}));
    customer.edit(goes, json!({"department": "Night watch"}));
    let scope = json!({"departments": {"any": ["Night watch"]}});
    customer.change_settings(json!({"scope": scope})).await;
    first_sync(&scene, &customer).await;
    assert_eq!(customer.contacts().await.len(), 1);
    customer.edit(comes, json!({"department": "Night watch"}));
    customer.edit(goes, json!({"department": "Day watch"}));
    scene.settle().await;
    assert_eq!(state(&customer, comes).await, "linked");
    assert_eq!(state(&customer, goes).await, "outOfScope");
    // Nothing is filtered at Graph: what does not match is read too.
    let filtered = scene.sim.requests(5_000).into_iter().filter(|request| {
        request.url.starts_with("/v1.0/users") && request.url.contains("filter=")
    });
    assert_eq!(filtered.count(), 0);
}
