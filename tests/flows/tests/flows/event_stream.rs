//! Events for others than the product: a SIEM, an archive, a search.

use contact_sync_flows::{Scene, SceneOptions};
use serde_json::{Value, json};

/// What a customer's SIEM would be on one machine.
const SIEM: &str = "
  SiemBus:
    Type: AWS::Events::EventBus
    Properties: {Name: siem}
  SiemQueue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: siem, MessageRetentionPeriod: 1209600}
";

async fn events_at(target: &str, with_contacts: bool) -> Vec<Value> {
    let kind = if target.starts_with("arn:aws:sqs:") { "queue" } else { "event-bus" };
    let parameters = vec![
        ("EventStreamTarget", kind.to_owned()),
        ("EventStreamTargetArn", target.to_owned()),
        ("EventStreamContacts", with_contacts.to_string()),
    ];
    let options =
        SceneOptions { parameters, further_resources: SIEM, ..SceneOptions::with_users(9) };
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    customer.edit(customer.people_in_scope()[0].id(), json!({"jobTitle": "Canary"}));
    scene.settle().await;
    let of_bus = scene.stack.published_events().into_iter().filter(|event| event.bus == "siem");
    let of_queue = scene.stack.dead_letters().into_iter().filter(|letter| letter.queue == "siem");
    of_bus.map(|event| event.envelope).chain(of_queue.map(|letter| letter.body)).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["detail-type"].as_str().unwrap()).collect()
}

/// J8: a security team hears of runs and connections without asking the API, and gets no personal
/// data unless somebody wants that.
#[tokio::test(flavor = "multi_thread")]
async fn a_siem_hears_of_runs_and_of_contacts_only_where_somebody_wants_that() {
    let bus = events_at("arn:aws:events:us-east-1:000000000000:event-bus/siem", false).await;
    let told = types(&bus);
    for wanted in ["ConnectionAuthorized", "SyncRunFinished", "ReportReady"] {
        assert!(told.contains(&wanted), "{told:?}");
    }
    let others = ["SyncRequested", "DirectoryChanged", "ContactCreated", "ContactUpdated"];
    assert!(!told.iter().any(|one| others.contains(one)), "{told:?}");
    assert!(!json!(bus).to_string().contains("@contoso.example"), "{bus:#?}");

    let queue = events_at("arn:aws:sqs:us-east-1:000000000000:siem", true).await;
    let told = types(&queue);
    for wanted in ["SyncRunFinished", "ContactCreated", "ContactUpdated"] {
        assert!(told.contains(&wanted), "{told:?}");
    }
    assert!(!told.contains(&"SyncRequested"), "{told:?}");
    let created = told.iter().filter(|one| **one == "ContactCreated").count();
    assert!(created > 1, "{told:?}");
}
