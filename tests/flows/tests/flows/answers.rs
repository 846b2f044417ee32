//! What happened to a contact, where its values come from, and how it was.

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use crate::reviews::{about, decide};

fn of_contact(customer: &Customer<'_>, contact: &Value, rest: &str) -> String {
    customer.account_path(&format!("/contacts/{}{rest}", contact["id"].as_str().unwrap()))
}

async fn timeline(scene: &Scene, customer: &Customer<'_>, contact: &Value) -> Vec<Value> {
    scene.rest().list(&of_contact(customer, contact, "/timeline?limit=2")).await
}

async fn provenance(scene: &Scene, customer: &Customer<'_>, contact: &Value) -> Value {
    let path = of_contact(customer, contact, "/provenance");
    scene.rest().get(&path).await.expect(200).json()["fields"].clone()
}

/// What an entry is about, in a word.
fn told(entry: &Value) -> String {
    let kind = entry["kind"].as_str().unwrap();
    let what = ["did", "change"].iter().find_map(|name| entry[name].as_str());
    what.map_or_else(|| kind.to_owned(), |what| format!("{kind} {what}"))
}

/// J9, J10, G14: nobody can say why a contact looks as it does, unless every change by a run, a
/// person or a decision is told, and each value names who wrote it.
#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_contact_is_told_and_each_value_names_who_wrote_it() {
    let scene = Scene::with_users(9).await;
    let customer = scene.synced().await;
    let person = &customer.people_in_scope()[0];
    let contact = customer.linked_contact(person.id()).await;
    customer.edit(person.id(), json!({"jobTitle": "Gardener"}));
    scene.settle().await;
    let by_hand = json!({"fields": {"city": "Rome"}});
    let path = of_contact(&customer, &contact, "");
    scene.rest().patch(&path, &by_hand).await.expect(200);
    customer.change_settings(json!({"schedule": {"betweenRuns": "list"}})).await;
    customer.edit(person.id(), json!({"jobTitle": "Countess"}));
    scene.settle().await;
    let waits = timeline(&scene, &customer, &contact).await;
    assert_eq!(waits[0]["kind"], "waiting", "{waits:?}");
    assert_eq!(waits[0]["changes"][0]["new"], "Countess", "{waits:?}");
    let item = about(&scene, &customer, "changes", person.id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    scene.rest().post(&of_contact(&customer, &contact, "/protect"), &json!({})).await.expect(202);

    let entries = timeline(&scene, &customer, &contact).await;
    let words: Vec<String> = entries.iter().map(told).collect();
    let expected =
        ["person protected", "decision decided", "person edited", "run update", "run create"];
    assert_eq!(words, expected, "{entries:#?}");
    let sequences: Vec<u64> =
        entries.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [5, 4, 3, 2, 1], "{entries:#?}");
    for entry in &entries[..3] {
        assert_eq!(entry["actor"]["role"], "admin", "{entry}");
    }
    assert_eq!(entries[1]["action"], "accept");
    assert_eq!(entries[1]["changes"][0]["old"], "Gardener", "{}", entries[1]);
    assert_eq!(entries[2]["changes"][0]["new"], "Rome", "{}", entries[2]);
    assert_eq!(entries[3]["changes"][0]["new"], "Gardener", "{}", entries[3]);

    let fields = provenance(&scene, &customer, &contact).await;
    let (email, city, title) = (&fields["email"], &fields["city"], &fields["jobTitle"]);
    assert_eq!((&email["by"], &email["rule"]), (&json!("run"), &json!("overwrite")), "{email}");
    assert_eq!(email["source"], "Coalesce([mail], [userPrincipalName])");
    assert_eq!(email["attributes"], json!(["mail", "userPrincipalName"]));
    assert_eq!((&email["run"], &email["locked"]), (&entries[4]["run"], &json!(true)), "{email}");
    assert_eq!((&city["by"], &city["locked"]), (&json!("person"), &json!(false)), "{city}");
    assert_eq!(city["actor"], entries[2]["actor"]);
    assert_eq!((&title["by"], &title["approvedBy"]), (&json!("approval"), &entries[1]["actor"]));
    assert_eq!(title["source"], "[jobTitle]", "{title}");

    // As it was when somebody had just edited it, and before it was made.
    let at = |entry: &Value| format!("?at={}", entry["at"].as_str().unwrap());
    let was = scene.rest().get(&format!("{path}{}", at(&entries[2]))).await.expect(200).json();
    assert_eq!((&was["version"], &was["protected"]), (&json!(3), &json!(false)), "{was}");
    assert_eq!(was["fields"]["jobTitle"], "Gardener", "{was}");
    assert_eq!(was["fields"]["city"], "Rome", "{was}");
    let was = scene.rest().get(&format!("{path}{}", at(&entries[3]))).await.expect(200).json();
    assert_eq!(was["fields"]["city"], Value::Null, "{was}");
    scene.rest().get(&format!("{path}?at=2020-01-01T00:00:00Z")).await.expect(404);
    scene.rest().get(&format!("{path}?at=yesterday")).await.expect(400);

    // Nobody else's business, and still there when the contact is gone.
    let other = scene.customer("other").await;
    for rest in ["/timeline", "/provenance", "?at=2026-01-01T00:00:00Z"] {
        let path = of_contact(&other, &contact, rest);
        scene.rest_as(&other.account, "viewer").get(&path).await.expect(404);
    }
    scene.rest().delete(&path).await.expect(204);
    let entries = timeline(&scene, &customer, &contact).await;
    assert_eq!(told(&entries[0]), "person deleted", "{entries:#?}");
    assert_eq!(entries.len(), 6, "{entries:#?}");
    let was = scene.rest().get(&format!("{path}{}", at(&entries[3]))).await.expect(200).json();
    assert_eq!(was["fields"]["city"], "Rome", "{was}");
}
