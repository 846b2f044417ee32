//! Connections: links, the wrong-tenant guard, and every action on a connection's way.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::{RunId, SubscriptionKey, TenantId};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::subscription::{
    SubscribedResource, Subscriber, Subscription, SubscriptionState,
};
use contact_sync_engine::port::{Clock, RemoteSubscription, TenantClaim};
use jiff::SignedDuration;
use serde_json::json;

use super::harness::{
    App, Ask, TENANT, account_id, connection_id, event, of_account, of_connection,
};

fn subscribe(app: &App) {
    let now = app.outside.clock.now();
    let tenant_id = TenantId::parse(TENANT).unwrap();
    let remote = RemoteSubscription {
        id: "graph-1".to_owned(),
        resource: "users".to_owned(),
        notification_url: "https://hooks.example/webhooks/graph?s=1".to_owned(),
        expires_at: now + SignedDuration::from_hours(24),
    };
    app.outside.directory.entra().subscriptions.push((tenant_id.clone(), remote));
    let record = Subscription {
        key: SubscriptionKey::from_bits(1),
        tenant_id,
        resource: SubscribedResource::Users,
        client_state: "secret".to_owned(),
        graph_id: Some("graph-1".to_owned()),
        expires_at: Some(now + SignedDuration::from_hours(24)),
        renewed_at: now,
        state: SubscriptionState::Active,
        connections: vec![Subscriber { account_id: account_id(), connection_id: connection_id() }],
        problem: None,
        version: 1,
    };
    app.outside.store.world().subscriptions.insert(record.key.clone(), record);
}

#[tokio::test]
async fn a_new_connection_comes_with_a_link_whose_token_is_not_stored() {
    let app = App::with_account();
    let body = json!({"tenant": "contoso.onmicrosoft.com"});
    let answer = app.ask(Ask::post(of_account("/connections"), &body)).await.expect(201);
    let made = answer.json();
    assert_eq!(made["status"], "invited");
    assert_eq!(made["wantedTenant"], "contoso.onmicrosoft.com");
    let url = made["consentUrl"].as_str().unwrap();
    let origin = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/connect/";
    let token = url.strip_prefix(origin).unwrap();
    let world = app.outside.store.world();
    assert!(!format!("{world:?}").contains(token), "the token stands in the store");
    let location = of_account(&format!("/connections/{}", made["id"].as_str().unwrap()));
    assert_eq!(answer.header("location"), location);
}

#[tokio::test]
async fn a_repeated_request_finds_its_connection_and_makes_a_fresh_link() {
    let app = App::with_account();
    let ask = || Ask::new("POST", of_account("/connections")).header("idempotency-key", "one");
    let first = app.ask(ask()).await.expect(201).json();
    let again = app.ask(ask()).await.expect(201).json();
    assert_eq!(first["id"], again["id"]);
    assert_ne!(first["consentUrl"], again["consentUrl"]);
    let list = app.ask(Ask::get(of_account("/connections"))).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    // The same key for another account is another request.
    let body = json!({"externalId": "2", "name": "Other", "timeZone": "UTC"});
    let other = app.ask(Ask::post("/v1/accounts", &body)).await.expect(201).json();
    let path = format!("/v1/accounts/{}/connections", other["id"].as_str().unwrap());
    let made = app.ask(Ask::new("POST", path).header("idempotency-key", "one")).await.expect(201);
    assert_ne!(made.json()["id"], first["id"]);
}

#[tokio::test]
async fn a_wrong_tenant_is_never_enabled() {
    let app = App::with_connection(S::Ready);
    let wrong = json!({"tenantId": "00000000-0000-0000-0000-0000000000bb"});
    let enable = of_connection("/enable");
    assert_eq!(
        app.ask(Ask::post(&enable, &wrong)).await.problem(422, "wrong-tenant"),
        ["/tenantId"]
    );
    for body in [json!({}), json!({"tenantId": "contoso.com"})] {
        let answer = app.ask(Ask::post(&enable, &body)).await;
        assert_eq!(answer.problem(422, "invalid-fields"), ["/tenantId"]);
    }
    let world = app.outside.store.world();
    assert!(world.runs.is_empty());
    assert_eq!(world.connections[&connection_id()].status, S::Ready);
}

#[tokio::test]
async fn enabling_queues_a_full_run_and_sets_the_schedule() {
    let app = App::with_connection(S::Ready);
    let started = app.deliver(&event("enable-connection")).await.expect(202).json();
    let run = RunId::parse(started["run"].as_str().unwrap()).unwrap();
    {
        let world = app.outside.store.world();
        let queued = &world.states[&connection_id()].queue;
        assert_eq!((&queued[0].run_id, queued[0].trigger), (&run, Trigger::Enable));
        assert_eq!(world.runs[&run].kind, RunKind::Full);
    }
    let schedule = app.outside.schedules.0.lock().unwrap()[&connection_id()].clone();
    assert_eq!(schedule, ("cron(0 0 * * ? *)".to_owned(), "Europe/Berlin".to_owned(), true));
    let shown = app.ask(Ask::get(of_connection(""))).await.expect(200).json();
    assert_eq!(shown["status"], "enabled");
    // Midnight in Berlin, seen from noon in UTC.
    assert_eq!(shown["nextRunAt"], "2026-03-02T23:00:00Z");
    assert_eq!(shown["subscription"]["state"], "missing");
    app.deliver(&event("enable-connection")).await.problem(409, "wrong-state");
}

#[tokio::test]
async fn nothing_is_enabled_before_consent() {
    for status in [S::Invited, S::Authorized, S::Disconnected, S::Attention] {
        let app = App::with_connection(status);
        let answer = app.deliver(&event("enable-connection")).await;
        answer.problem(409, "wrong-state");
        assert!(app.outside.schedules.0.lock().unwrap().is_empty(), "{status:?}");
    }
}

#[tokio::test]
async fn settings_that_require_teams_refuse_enabling_without_them() {
    let app = App::with_connection(S::Ready);
    let mut settings = contact_sync_domain::settings::Settings::default();
    settings.requires.push("teams".to_owned());
    let version = contact_sync_engine::port::SettingsVersion {
        version: 1,
        settings,
        ..contact_sync_engine::port::SettingsVersion::never_saved()
    };
    app.outside.store.world().settings.insert(connection_id(), vec![version]);
    app.deliver(&event("enable-connection")).await.problem(409, "requirement-unmet");
    assert!(app.outside.store.world().runs.is_empty());
}

#[tokio::test]
async fn a_paused_connection_keeps_its_schedule_silent_and_resumes_with_a_run() {
    let app = App::with_connection(S::Enabled);
    let paused = app.ask(Ask::new("POST", of_connection("/pause"))).await.expect(202).json();
    assert_eq!((&paused["status"], &paused["nextRunAt"]), (&json!("paused"), &json!(null)));
    assert!(!app.outside.schedules.0.lock().unwrap()[&connection_id()].2);
    app.ask(Ask::new("POST", of_connection("/pause"))).await.problem(409, "wrong-state");

    let resumed = app.ask(Ask::new("POST", of_connection("/resume"))).await.expect(202).json();
    let run = RunId::parse(resumed["run"].as_str().unwrap()).unwrap();
    assert_eq!(app.outside.store.world().runs[&run].trigger, Trigger::Resume);
    assert!(app.outside.schedules.0.lock().unwrap()[&connection_id()].2);
}

#[tokio::test]
async fn disconnecting_forgets_the_tenant_and_keeps_contacts_and_settings() {
    let app = App::with_connection(S::Ready);
    app.deliver(&event("enable-connection")).await.expect(202);
    subscribe(&app);
    let contact = app.add_linked_contact();
    app.outside.store.world().tenants.insert(
        TenantId::parse(TENANT).unwrap(),
        TenantClaim {
            tenant_id: TenantId::parse(TENANT).unwrap(),
            account_id: account_id(),
            connection_id: connection_id(),
        },
    );
    let fence = app.outside.store.world().states[&connection_id()].fence;

    let gone = app.ask(Ask::new("POST", of_connection("/disconnect"))).await.expect(202).json();
    assert_eq!(gone["status"], "disconnected");
    let world = app.outside.store.world();
    assert!(world.tenants.is_empty() && world.subscriptions.is_empty());
    assert!(app.outside.directory.entra().subscriptions.is_empty(), "Graph is told to stop");
    assert!(app.outside.schedules.0.lock().unwrap().is_empty());
    let state = &world.states[&connection_id()];
    assert!(state.fence > fence && state.queue.is_empty(), "whoever works is rejected");
    let run = world.runs.values().next().unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
    assert!(world.contacts.contains_key(&contact));
}

#[tokio::test]
async fn health_shows_the_worse_of_two_subscriptions_and_both() {
    let app = App::with_connection(S::Enabled);
    subscribe(&app);
    let groups = {
        let world = app.outside.store.world();
        let users = &world.subscriptions[&SubscriptionKey::from_bits(1)];
        Subscription {
            key: SubscriptionKey::from_bits(2),
            resource: SubscribedResource::Groups,
            state: SubscriptionState::Failed,
            expires_at: None,
            problem: Some("a permission is missing".to_owned()),
            ..users.clone()
        }
    };
    let shown = || async {
        app.ask(Ask::get(of_connection(""))).await.expect(200).json()["subscription"].clone()
    };
    assert_eq!(shown().await["state"], "active");
    app.outside.store.world().subscriptions.insert(groups.key.clone(), groups.clone());
    let both = shown().await;
    assert_eq!((&both["state"], &both["problem"]), (&json!("failed"), &json!(groups.problem)));
    let each = both["resources"].as_array().unwrap();
    let each: Vec<_> = each.iter().map(|one| (&one["resource"], &one["state"])).collect();
    assert_eq!(each, [(&json!("users"), &json!("active")), (&json!("groups"), &json!("failed"))]);
    app.outside.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(shown().await["resources"][0]["state"], "expired");

    // Groups that another connection to the same tenant watches are none of this one's business.
    let other = contact_sync_domain::id::ConnectionId::from_bits(9);
    let foreign = Subscriber { account_id: account_id(), connection_id: other };
    let foreign = Subscription { connections: vec![foreign], ..groups };
    app.outside.store.world().subscriptions.insert(foreign.key.clone(), foreign);
    assert_eq!(shown().await["resources"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_subscription_that_others_share_stays() {
    let app = App::with_connection(S::Enabled);
    subscribe(&app);
    let other = contact_sync_domain::id::ConnectionId::from_bits(9);
    let key = SubscriptionKey::from_bits(1);
    let subscriber = Subscriber { account_id: account_id(), connection_id: other.clone() };
    app.outside.store.world().subscriptions.get_mut(&key).unwrap().connections.push(subscriber);
    app.ask(Ask::new("POST", of_connection("/disable"))).await.expect(202);
    let world = app.outside.store.world();
    let left = &world.subscriptions[&key].connections;
    assert_eq!((left.len(), &left[0].connection_id), (1, &other));
    assert_eq!(app.outside.directory.entra().subscriptions.len(), 1);
}

#[tokio::test]
async fn a_connection_is_deleted_only_once_it_is_let_go() {
    let app = App::with_connection(S::Enabled);
    let delete = || Ask::new("DELETE", of_connection(""));
    app.ask(delete()).await.problem(409, "wrong-state");
    app.ask(Ask::new("POST", of_connection("/disconnect"))).await.expect(202);
    app.ask(delete()).await.expect(204);
    app.ask(Ask::get(of_connection(""))).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_disconnected_connection_is_revived_by_a_link() {
    let app = App::with_connection(S::Disconnected);
    let link = app.ask(Ask::new("POST", of_connection("/reauthorize"))).await.expect(202).json();
    assert!(link["url"].as_str().unwrap().contains("/connect/"));
    let answer = app.ask(Ask::new("POST", of_connection("/consent-links"))).await.expect(201);
    assert_eq!(answer.header("location"), answer.json()["url"].as_str().unwrap());
    assert_eq!(answer.json()["expiresAt"], "2026-03-05T12:00:00Z");
}

#[tokio::test]
async fn the_tenant_can_be_recognised_before_anything_is_synced() {
    let app = App::with_connection(S::Ready);
    let tenant = app.ask(Ask::get(of_connection("/tenant"))).await.expect(200).json();
    assert_eq!((&tenant["id"], &tenant["name"]), (&json!(TENANT), &json!("Contoso")));
    assert_eq!(tenant["sample"].as_array().unwrap().len(), 10);
    assert_eq!(tenant["counts"], json!({"users": 12, "groups": null}));
    let users = of_connection("/directory/users?query=Person%201&limit=2");
    let users = app.ask(Ask::get(users)).await.expect(200).json();
    assert_eq!(users["items"][1]["displayName"], "Person 10");
    let groups = app.ask(Ask::get(of_connection("/directory/groups"))).await.expect(200).json();
    assert_eq!(groups["items"][0]["displayName"], "Sales");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_told_apart_from_one_that_waits() {
    let app = App::with_connection(S::Invited);
    app.ask(Ask::get(of_connection("/tenant"))).await.problem(409, "wrong-state");
    let app = App::with_connection(S::Ready);
    app.outside.directory.entra().is_throttled = true;
    let answer = app.ask(Ask::get(of_connection("/directory/users"))).await;
    answer.problem(503, "directory-busy");
    assert_eq!(answer.header("retry-after"), "17");
}
