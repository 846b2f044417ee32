use contact_sync_domain::connection::ConnectionStatus;

use super::super::fake::{at, tenant};
use super::super::fake_graph::Fault;
use super::super::tests::{FakeRenewal, START, record, set_status, subscribed, types};
use super::*;

async fn audit(renewal: &FakeRenewal) -> Swept {
    let swept = renewal.audit(at(START + 60)).await;
    assert!(!swept.cut_short && swept.failure.is_none(), "{swept:?}");
    swept
}

fn ids(renewal: &FakeRenewal) -> Vec<String> {
    renewal.graph.all().into_iter().map(|remote| remote.subscription.id).collect()
}

#[tokio::test]
async fn what_both_sides_know_is_left_alone() {
    let renewal = subscribed().await;
    let before = record(&renewal);
    let swept = audit(&renewal).await;
    assert_eq!((swept.made, swept.released), (0, 0));
    assert_eq!(record(&renewal), before);
    assert_eq!(renewal.graph.drain_calls(), ["list"]);
}

#[tokio::test]
async fn a_subscription_that_graph_lost_silently_is_made_again_and_the_gap_is_looked_at() {
    let renewal = subscribed().await;
    renewal.graph.forget_all();
    assert_eq!(audit(&renewal).await.made, 1);
    assert_eq!(ids(&renewal), ["graph-2"]);
    assert_eq!(record(&renewal).graph_id.as_deref(), Some("graph-2"));
    assert_eq!(types(&renewal), ["DirectoryChanged"]);
}

#[tokio::test]
async fn subscriptions_that_nobody_knows_are_deleted() {
    let renewal = subscribed().await;
    let ours = record(&renewal);
    renewal.graph.plant(&tenant(1), "users", "https://old.example/webhooks/graph?s=sub_0");
    renewal.graph.plant(&tenant(1), "/users", &renewal.notification_url(&ours.key));
    renewal.graph.plant(&tenant(1), "Groups", "https://old.example/webhooks/graph?s=sub_0");
    renewal.graph.plant(&tenant(1), "me/messages", "https://other.example/");
    renewal.graph.plant(&tenant(2), "users", "https://old.example/webhooks/graph?s=sub_0");
    assert_eq!(audit(&renewal).await.released, 3);
    assert_eq!(ids(&renewal), ["graph-1", "graph-5", "graph-6"], "what is not ours stays");
    assert_eq!(record(&renewal).graph_id, ours.graph_id);
}

#[tokio::test]
async fn graphs_own_word_on_the_end_is_taken() {
    let renewal = subscribed().await;
    let shortened = at(START + 3_600);
    renewal.graph.remotes.lock().unwrap()[0].subscription.expires_at = shortened;
    audit(&renewal).await;
    assert_eq!(record(&renewal).expires_at, Some(shortened));
}

#[tokio::test]
async fn a_list_that_graph_does_not_give_proves_nothing() {
    let renewal = subscribed().await;
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::Down));
    let swept = renewal.audit(at(START + 60)).await;
    assert_eq!((swept.made, swept.troubles.len()), (0, 1));
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::ConsentLost));
    renewal.audit(at(START + 60)).await;
    let connection = renewal.stores.connection_of(1);
    assert_eq!(connection.status, ConnectionStatus::Attention);
    assert_eq!(renewal.graph.all().len(), 1);
}

#[tokio::test]
async fn a_subscription_that_waits_for_a_person_is_not_judged() {
    let renewal = subscribed().await;
    renewal.graph.forget_all();
    set_status(&renewal, ConnectionStatus::Attention);
    assert_eq!(audit(&renewal).await.made, 0);
    assert_eq!(renewal.graph.drain_calls(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_subscription_that_leads_to_where_we_were_reached_once_is_made_anew() {
    let mut renewal = subscribed().await;
    renewal.webhook_base_url = "https://moved.example".into();
    assert_eq!(audit(&renewal).await.made, 1);
    assert_eq!(ids(&renewal), ["graph-2"]);
    let remotes = renewal.graph.all();
    assert!(remotes[0].subscription.notification_url.starts_with("https://moved.example/"));
    assert_eq!(types(&renewal), ["DirectoryChanged"]);
}
