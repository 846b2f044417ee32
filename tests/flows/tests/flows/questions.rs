//! What waits for people is told when it begins to wait, whatever else stays open.

use contact_sync_flows::{Customer, Scene, merge};
use reqwest::Method;
use serde_json::{Value, json};

use crate::reviews::{about, decide};

async fn tell(customer: &Customer<'_>, kinds: &[&str]) {
    customer.change_settings(json!({"notifications": told_to(kinds)})).await;
}

fn told_to(kinds: &[&str]) -> Value {
    json!({
        "users": ["u-1"], "emails": ["ada@host.example"], "kinds": kinds, "digest": "off",
    })
}

/// The titles of what a user is told, oldest first.
async fn titles(scene: &Scene, customer: &Customer<'_>) -> Vec<String> {
    scene.settle().await;
    let path = customer.account_path("/notifications?user=u-1");
    let notices = scene.rest().list(&path).await;
    let title = |notice: &Value| notice["title"].as_str().unwrap().to_owned();
    notices.iter().rev().map(title).collect()
}

/// LY-17 chosen users and addresses are told when a change occurs; LY-18 in the product.
#[tokio::test(flavor = "multi_thread")]
async fn by_hand_a_change_that_waits_is_told_though_older_questions_stay_open() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let presets = scene.rest().list("/v1/presets").await;
    let by_hand = presets.iter().find(|preset| preset["id"] == "lynes-manual").unwrap();
    let mut settings = by_hand["settings"].clone();
    merge(&mut settings, json!({"notifications": told_to(&["changes", "review"])}));
    let path = customer.path("/settings");
    scene.rest().send(Method::PUT, &path, &[("if-match", "*")], Some(&settings)).await.expect(200);
    let people = customer.people_in_scope();
    let (one, two) = (&people[0], &people[1]);
    for person in [one, two] {
        customer.create_contact(json!({"email": person.address()})).await;
    }
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    let told = titles(&scene, &customer).await;
    assert_eq!(told.len(), 1, "{told:?}\n{}", scene.story());
    assert!(told[0].ends_with("decisions wait"), "{told:?}");

    // One is linked; the other stays a question, and everybody else stays without a contact.
    let item = about(&scene, &customer, "matched", one.id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    customer.sync_now().await;
    assert_eq!(titles(&scene, &customer).await.len(), 1, "the same still waits");

    customer.edit(one.id(), json!({"surname": "Lovelace-King"}));
    scene.settle().await;
    customer.sync_now().await;
    about(&scene, &customer, "changes", one.id()).await;
    let told = titles(&scene, &customer).await;
    assert_eq!(told.len(), 2, "{told:?}\n{}", scene.story());
    assert!(told[1].ends_with(": 2 decisions wait"), "{told:?}");
    let mails = scene.stack.mails();
    assert!(mails.iter().all(|mail| mail.to == ["ada@host.example"]));
    assert_eq!(mails.len(), 2);
    customer.sync_now().await;
    assert_eq!(titles(&scene, &customer).await.len(), 2, "the same still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_waits_beside_what_was_written_is_told() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    tell(&customer, &["review"]).await;
    customer.change_mapping("jobTitle", json!({"policy": "review"})).await;
    scene.settle().await;
    customer.sync_now().await;
    assert_eq!(titles(&scene, &customer).await, [""; 0], "nothing waits");
    let one = &customer.people_in_scope()[0];
    customer.edit(one.id(), json!({"jobTitle": "Countess", "department": "Court"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(one.id()).await["fields"]["department"], "Court");
    about(&scene, &customer, "changes", one.id()).await;
    let told = titles(&scene, &customer).await;
    assert_eq!(told.len(), 1, "{told:?}\n{}", scene.story());
    let delta = customer.runs_of("delta").await.remove(0);
    let counts = &delta["counts"];
    assert_eq!((&counts["updated"], &counts["asked"]), (&json!(1), &json!(1)), "{delta}");
}
