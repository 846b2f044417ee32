//! The thirty-four ways in which real sync engines lost or doubled people, each by its number.
//! What is played at length elsewhere is played once more here, so that the list can be read
//! from end to end.

mod deltas;
mod hints;
mod pages;
mod people;

use contact_sync_flows::{Customer, Scene};
use entra_sim::LoggedRequest;
use serde_json::{Value, json};

/// Somebody whom the scope means.
fn somebody(customer: &Customer<'_>) -> String {
    customer.people_in_scope()[1].id().to_owned()
}

async fn title(customer: &Customer<'_>, user: &str) -> Value {
    customer.linked_contact(user).await["fields"]["jobTitle"].clone()
}

async fn state(customer: &Customer<'_>, user: &str) -> Value {
    customer.linked_contact(user).await["link"]["state"].clone()
}

/// Asks for removals that take contacts away, so that a wrong one would show.
async fn remove_without_asking(customer: &Customer<'_>) {
    let removal = json!({
        "softDeleted": "delete", "hardDeleted": "delete", "outOfScope": "delete",
        "leftGroup": "delete", "disabled": "delete",
    });
    customer.change_settings(json!({"policies": {"removal": removal}})).await;
}

/// First sync of a connection whose settings are made.
async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

/// Whether notifications are sent.
pub(crate) fn notify(scene: &Scene, enabled: bool) {
    scene.sim.merge_settings(&json!({"notifications": {"enabled": enabled}})).unwrap();
}

fn asked(scene: &Scene, endpoint: &str) -> Vec<LoggedRequest> {
    let requests = scene.sim.requests(5_000).into_iter();
    requests.filter(|request| request.endpoint == endpoint).collect()
}
