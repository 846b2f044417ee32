//! Pages that end too early, come twice, never end, or die on the way.

use contact_sync_flows::{Scene, SceneOptions};
use entra_sim::{Effect, Fault};
use serde_json::json;

use super::{asked, first_sync, remove_without_asking, somebody, title};
use crate::graph_faults::{LISTING, STORED_DELTA, assert_in_step, in_small_pages, struck};

#[tokio::test(flavor = "multi_thread")]
async fn i_01_an_empty_page_is_not_the_end() {
    let scene = in_small_pages().await;
    let customer = scene.connected().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::EmptyPage).at_request(2));
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["counts"]["seen"], 40, "{run}");
    scene.sim.add_fault(Fault::once(STORED_DELTA, Effect::EmptyPage));
    let user = somebody(&customer);
    customer.edit(&user, json!({"jobTitle": "Behind an empty page"}));
    scene.settle().await;
    assert_eq!(struck(&scene), 2);
    assert_eq!(title(&customer, &user).await, "Behind an empty page");
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_02_who_comes_several_times_in_a_round_is_one_contact_and_one_change() {
    let mut options = SceneOptions::with_users(20);
    options.settings.delta.page_size = 3;
    options.settings.delta.duplicate_percent = 60.0;
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    first_sync(&scene, &customer).await;
    let before = customer.contacts_by_user().await;
    super::notify(&scene, false);
    for user in before.keys().take(6) {
        customer.edit(user, json!({"jobTitle": "Told twice"}));
    }
    customer.wait_for_run(&customer.start_run("delta").await).await;
    let after = customer.contacts_by_user().await;
    assert_eq!(after.len(), before.len());
    for user in before.keys().take(6) {
        assert_eq!(after[user]["version"], before[user]["version"].as_u64().unwrap() + 1);
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i_03_a_group_that_comes_in_slices_keeps_all_its_members() {
    let mut options = SceneOptions::with_users(30);
    options.settings.delta.member_slice = 2;
    options.settings.graph.max_page_size = 3;
    options.further_roles = vec!["Group.Read.All"];
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    let group = scene.sim.create_group(scene.tenant, "Sliced").unwrap();
    let people = customer.people_in_scope();
    scene.sim.add_member(scene.tenant, group, people[0].id()).unwrap();
    customer.change_settings(json!({"scope": {"groups": {"any": [group]}}})).await;
    first_sync(&scene, &customer).await;
    for person in &people[1..9] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    scene.settle().await;
    for person in &people[..9] {
        assert_eq!(super::state(&customer, person.id()).await, "linked", "{}", scene.story());
    }
    assert_eq!(customer.contacts().await.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_04_members_that_never_end_stop_the_run_and_remove_nobody() {
    let mut options = SceneOptions::with_users(20);
    options.settings.graph.max_page_size = 3;
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    let group = scene.sim.create_group(scene.tenant, "Endless").unwrap();
    for person in &customer.people_in_scope()[..8] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    customer.change_settings(json!({"scope": {"groups": {"any": [group]}}})).await;
    remove_without_asking(&customer).await;
    first_sync(&scene, &customer).await;
    let before = customer.contacts().await;
    assert_eq!(before.len(), 8);

    scene.sim.add_fault(Fault::once("*/groups/*embers*", Effect::RepeatNextLink).times(0));
    let requests = scene.sim.request_counts().graph_requests;
    customer.start_run("full").await;
    scene.settle().await;
    let asked = scene.sim.request_counts().graph_requests - requests;
    assert!(asked < 60, "{asked} requests in a circle of one page");
    assert_eq!(customer.contacts().await, before);
    scene.sim.clear_faults();
    scene.pass_time(std::time::Duration::from_mins(10));
    scene.sweep().await;
    customer.sync_now().await;
    assert_eq!(customer.contacts().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_05_links_are_called_as_they_came() {
    let scene = in_small_pages().await;
    let customer = scene.connected().await;
    scene.sim.reset_requests();
    let run = first_sync(&scene, &customer).await;
    let listing: Vec<_> = asked(&scene, "GET /users")
        .into_iter()
        .chain(asked(&scene, "/users"))
        .filter(|request| request.method == "GET" && request.url.starts_with("/v1.0/users?"))
        .collect();
    // Every link Graph gave holds the select list; only the first is ours.
    let pages: Vec<_> = listing
        .iter()
        .filter(|page| {
            page.url.contains("%24top=999")
                || page.url.contains("$top=999")
                || page.url.contains("skiptoken")
        })
        .collect();
    assert_eq!(pages.len(), 4, "forty people in pages of ten: {listing:#?}");
    assert_eq!(pages.iter().filter(|page| page.url.contains("skiptoken")).count(), 3);
    assert!(pages.iter().all(|page| page.url.contains("select=")), "{pages:#?}");
    assert_eq!(run["counts"]["seen"], 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_06_what_one_page_needs_every_page_gets() {
    let mut options = SceneOptions::with_users(30);
    options.settings.graph.max_page_size = 2;
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    let (outer, inner) = (
        scene.sim.create_group(scene.tenant, "Outer").unwrap(),
        scene.sim.create_group(scene.tenant, "Inner").unwrap(),
    );
    scene.sim.add_member(scene.tenant, outer, inner.to_string()).unwrap();
    for person in &customer.people_in_scope()[..7] {
        scene.sim.add_member(scene.tenant, inner, person.id()).unwrap();
    }
    let scope = json!({"groups": {"any": [outer], "includeNested": true}});
    customer.change_settings(json!({"scope": scope})).await;
    scene.sim.reset_requests();
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "succeeded", "{run}\n{}", scene.story());
    assert_eq!(customer.contacts().await.len(), 7);

    let paths = ["/transitiveMembers?", "/v1.0/users?", "/v1.0/users/delta?"];
    let mut paged = 0;
    for path in paths {
        let pages: Vec<_> = scene.sim.requests(5_000).into_iter().collect();
        let pages: Vec<_> = pages.iter().filter(|page| page.url.contains(path)).collect();
        paged += pages.iter().filter(|page| page.url.contains("token=")).count();
        for page in &pages {
            assert_eq!(page.headers, pages[0].headers, "{}", page.url);
            // These alone would need `ConsistencyLevel`, which no page of ours carries.
            for advanced in ["$count", "%24count", "$search", "%24search", "microsoft.graph."] {
                assert!(!page.url.contains(advanced), "{}", page.url);
            }
            assert!(!page.headers.contains_key("consistencylevel"), "{page:?}");
        }
    }
    assert!(paged >= 4, "seven people in pages of two: {paged} further pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_07_half_a_listing_removes_nobody() {
    let scene = in_small_pages().await;
    let customer = scene.connected().await;
    remove_without_asking(&customer).await;
    first_sync(&scene, &customer).await;
    let before = customer.contacts().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::ExpiredPageToken).at_request(3));
    let run = customer.sync_now().await;
    assert_eq!(struck(&scene), 1);
    assert_eq!(run["counts"]["removed"], 0, "{run}");
    assert_eq!(customer.contacts().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_08_a_page_that_failed_is_asked_again_by_the_same_link() {
    let scene = in_small_pages().await;
    let customer = scene.connected().await;
    scene.sim.add_fault(Fault::once("/v1.0/users?*skiptoken*", Effect::status(503)));
    scene.sim.reset_requests();
    let run = first_sync(&scene, &customer).await;
    assert_eq!(struck(&scene), 1);
    assert_eq!(run["counts"]["seen"], 40, "{run}");
    let first_pages = scene.sim.requests(5_000).into_iter().filter(|request| {
        request.url.starts_with("/v1.0/users?")
            && request.url.contains("top=999")
            && !request.url.contains("skiptoken")
    });
    assert_eq!(first_pages.count(), 1, "the listing was not begun anew");
}
