//! Graph's promise to notify: made, renewed, missed and made again.

use contact_sync_flows::{Customer, Scene, SceneOptions};
use jiff::SignedDuration;
use serde_json::json;

/// Contoso's subscription on users, as Graph has it.
fn at_graph(scene: &Scene) -> entra_sim::Subscription {
    let mut found = scene.sim.subscriptions();
    found.retain(|subscription| subscription.resource.trim_matches('/') == "users");
    assert_eq!(found.len(), 1, "one subscription on users: {found:?}");
    found.remove(0)
}

async fn anybody(customer: &Customer<'_>) -> String {
    customer.contacts_by_user().await.into_keys().next().unwrap()
}

/// A change of the directory arrives without anybody asking.
async fn assert_notified(scene: &Scene, customer: &Customer<'_>, title: &str) {
    let user = anybody(customer).await;
    customer.edit(&user, json!({"jobTitle": title}));
    scene.settle().await;
    let contact = customer.linked_contact(&user).await;
    assert_eq!(contact["fields"]["jobTitle"], title, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_subscribes_once_with_a_secret_and_an_address_of_its_own() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    assert!(scene.sim.subscriptions().is_empty(), "nothing is subscribed before enabling");
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;

    let subscription = at_graph(&scene);
    assert_eq!(subscription.tenant, scene.tenant);
    let mut kinds: Vec<&str> = subscription.change_type.split(',').collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["deleted", "updated"]);
    let base = scene.stack.url();
    let url = &subscription.notification_url;
    assert!(url.starts_with(&format!("{base}/webhooks/graph?s=")), "{url}");
    let lifecycle = subscription.lifecycle_notification_url.as_deref().unwrap_or_default();
    assert!(lifecycle.starts_with(&format!("{base}/webhooks/graph/lifecycle?s=")), "{lifecycle}");
    let secret = subscription.client_state.as_deref().unwrap_or_default();
    assert!((32..=128).contains(&secret.len()), "a secret of {} characters", secret.len());
    let life = subscription.expires_at.duration_since(scene.sim.clock().now());
    assert!(life > SignedDuration::from_hours(27 * 24), "{life:?}");

    let shown = &customer.show().await["subscription"];
    assert_eq!(shown["state"], "active", "{shown}");
    assert!(shown["expiresAt"].is_string());
    scene.sweep().await;
    assert_eq!(at_graph(&scene).id, subscription.id, "a sweep finds nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_renewed_when_half_of_its_life_is_over_and_not_before() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let made = at_graph(&scene);
    scene.age_subscription("users", SignedDuration::from_hours(13 * 24)).await;
    scene.sweep().await;
    assert_eq!(at_graph(&scene).expires_at, made.expires_at, "13 of 28 days are not half");

    // Graph's clock goes on as well, so that the longer life shows.
    scene.sim.advance_clock(std::time::Duration::from_mins(10));
    scene.age_subscription("users", SignedDuration::from_hours(2 * 24)).await;
    scene.sweep().await;
    let renewed = at_graph(&scene);
    assert_eq!(renewed.id, made.id, "the same subscription lives on");
    assert_ne!(renewed.expires_at, made.expires_at, "{}", scene.story());
    assert_eq!(customer.show().await["subscription"]["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_graph_forgot_is_made_again_and_the_gap_is_looked_at() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let user = anybody(&customer).await;

    // Found by the daily audit.
    let first = at_graph(&scene);
    scene.sim.remove_subscription(first.id);
    customer.edit(&user, json!({"jobTitle": "Changed in the gap"}));
    scene.settle().await;
    scene.audit().await;
    let second = at_graph(&scene);
    assert_ne!(second.id, first.id);
    let contact = customer.linked_contact(&user).await;
    assert_eq!(contact["fields"]["jobTitle"], "Changed in the gap", "{}", scene.story());
    assert_notified(&scene, &customer, "Told again").await;

    // Found at renewal.
    scene.sim.remove_subscription(second.id);
    customer.edit(&user, json!({"jobTitle": "In the second gap"}));
    scene.age_subscription("users", SignedDuration::from_hours(15 * 24)).await;
    scene.sweep().await;
    assert_ne!(at_graph(&scene).id, second.id);
    let contact = customer.linked_contact(&user).await;
    assert_eq!(contact["fields"]["jobTitle"], "In the second gap", "{}", scene.story());
    assert_notified(&scene, &customer, "Told once more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_that_graph_holds_back_flow_again_after_reauthorization() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let subscription = at_graph(&scene);
    assert!(scene.sim.send_lifecycle(subscription.id, "reauthorizationRequired", true));
    scene.settle_stack().await;
    scene.sweep().await;
    assert!(at_graph(&scene).authorized, "it was answered\n{}", scene.story());
    assert_eq!(at_graph(&scene).id, subscription.id);
    assert_notified(&scene, &customer, "No longer held").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_by_group_listens_to_groups_too() {
    let further_roles = vec!["Group.Read.All"];
    let scene = Scene::start(SceneOptions { further_roles, ..SceneOptions::with_users(15) }).await;
    let customer = scene.connected().await;
    let group = scene.sim.create_group(scene.tenant, "Team").unwrap();
    customer.change_settings(json!({"scope": {"groups": {"any": [group]}}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let mut watched: Vec<String> =
        scene.sim.subscriptions().into_iter().map(|subscription| subscription.resource).collect();
    watched.sort();
    assert_eq!(watched, ["groups", "users"]);
    customer.act("disable").await.expect(202);
    scene.settle().await;
    assert!(scene.sim.subscriptions().is_empty(), "a disabled connection listens to nothing");
}
