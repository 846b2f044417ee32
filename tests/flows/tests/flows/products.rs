//! What the four products do that people use today, row by row: each is done here, or bettered.

mod gethomesafe;
mod happyfox;
mod lynes;
mod syncro;

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Person, Scene};
use reqwest::Method;
use serde_json::{Value, json};

/// Saves a preset as it is offered, with some members changed.
async fn save_preset(scene: &Scene, customer: &Customer<'_>, id: &str, changes: Value) {
    let presets = scene.rest().list("/v1/presets").await;
    let preset = presets.iter().find(|preset| preset["id"] == id).unwrap();
    let path = customer.path("/settings");
    let settings = Some(&preset["settings"]);
    scene.rest().send(Method::PUT, &path, &[("if-match", "*")], settings).await.expect(200);
    customer.change_settings(changes).await;
}

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

/// Whose contacts are linked and followed.
async fn linked(customer: &Customer<'_>) -> BTreeSet<String> {
    let contacts = customer.contacts_by_user().await.into_iter();
    let linked = contacts.filter(|(_, contact)| contact["link"]["state"] == "linked");
    linked.map(|(user, _)| user).collect()
}

fn ids<'p>(people: impl IntoIterator<Item = &'p Person>) -> BTreeSet<String> {
    people.into_iter().map(|person| person.id().to_owned()).collect()
}

fn field(key: &str, kind: &str) -> Value {
    json!({"key": key, "label": key.to_uppercase(), "type": kind, "required": false})
}
