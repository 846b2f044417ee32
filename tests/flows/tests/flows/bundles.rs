//! Bundles for support: how things went, without anybody's data.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

/// A text that stands in the settings and must stand in no bundle.
const CONSTANT: &str = "Canary Constant";

/// Every text that the directory has of anybody, and every id.
fn of_the_directory(scene: &Scene, customer: &Customer<'_>) -> BTreeSet<String> {
    let mut texts = BTreeSet::from([scene.tenant.to_string()]);
    for person in customer.directory() {
        // Whether somebody is a guest is told by the settings; the simulator's own notes by nobody.
        let names = person.attributes();
        let own = names.iter().filter(|name| !name.starts_with('_') && *name != "userType");
        for name in own {
            leaves(person.attribute(name), &mut texts);
        }
    }
    texts
}

fn leaves(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        // A plain word or a few digits stand in any document, and in digests, by accident.
        Value::String(text) if text.len() > 3 && !text.chars().all(is_plain) => {
            texts.insert(text.clone());
        }
        Value::Array(entries) => entries.iter().for_each(|entry| leaves(entry, texts)),
        Value::Object(members) => members.values().for_each(|value| leaves(value, texts)),
        _ => {}
    }
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit()
}

/// J13: support asks for screenshots, and with them gets everybody's names and addresses. The bundle
/// says why a run failed and holds nothing of the directory.
#[tokio::test(flavor = "multi_thread")]
async fn support_gets_a_run_and_a_contact_without_anybodys_data() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let source = format!("Coalesce([jobTitle], \"{CONSTANT}\")");
    customer.change_mapping("jobTitle", json!({"source": source})).await;
    let mut people = customer.people_in_scope();
    people.retain(|person| person.text("department").is_some());
    let (wrong, person) = (people[0].id(), people[1].id());
    customer.edit(wrong, json!({"mail": "canary at contoso.example"}));
    customer.edit(people[2].id(), json!({"department": "Canary Laboratory"}));
    let departments = people.iter().filter_map(|one| one.text("department")).take(3);
    let departments: BTreeSet<&str> = departments.collect();
    customer.change_settings(json!({"scope": {"departments": {"any": departments}}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    customer.edit(person, json!({"jobTitle": "Canary Keeper"}));
    scene.settle().await;
    let contact = customer.linked_contact(person).await;
    let by_hand = json!({"fields": {"city": "Canaryville"}});
    let of_contact =
        customer.account_path(&format!("/contacts/{}", contact["id"].as_str().unwrap()));
    scene.rest().patch(&of_contact, &by_hand).await.expect(200);

    let operator = scene.rest_as(&customer.account, "operator");
    let path = customer.path(&format!("/runs/{run}/bundle"));
    let reply = operator.get(&path).await.expect(200);
    assert!(reply.header("content-disposition").contains(&run));
    let of_run = reply.json();
    let of_contact = format!("{of_contact}/bundle");
    let about = operator.get(&of_contact).await.expect(200).json();

    // Support can work with it.
    let told = customer.run(&run).await;
    assert_eq!(of_run["run"]["counts"], told["counts"], "{of_run:#}");
    assert_eq!(of_run["run"]["graph"], told["graph"], "{of_run:#}");
    assert_eq!(of_run["settings"]["version"], told["settingsVersion"], "{of_run:#}");
    assert_eq!(of_run["product"]["stage"], "dev", "{of_run:#}");
    assert_eq!(of_run["run"]["pages"]["complete"], true, "{of_run:#}");
    let rows = of_run["settings"]["mapping"].as_array().unwrap();
    let row = rows.iter().find(|row| row["target"] == "jobTitle").unwrap();
    assert_eq!(row["attributes"], json!(["jobTitle"]), "{row}");
    assert!(row["source"].as_str().unwrap().starts_with("Coalesce([jobTitle], \"["), "{row}");
    let everybody = of_run["run"]["pages"]["people"].as_array().unwrap();
    let failed = everybody.iter().filter(|one| one["outcome"] == "failed");
    let mut for_his_address =
        failed.filter(|one| one["reason"].as_str().unwrap().contains("email"));
    let failed = for_his_address.next();
    let failed = failed.unwrap_or_else(|| panic!("nobody failed for his address: {of_run:#}"));
    assert!(failed["remedy"].is_string(), "{failed}");
    let first = of_run["connection"]["failures"]["first"].as_array().unwrap();
    assert!(first.iter().any(|one| one["user"] == failed["user"]), "the same person, {first:?}");
    assert!(!of_run["connection"]["subscriptions"].as_array().unwrap().is_empty());
    let why = operator.get(&customer.path(&format!("/explain?user={wrong}"))).await.expect(200);
    let why = why.json()["steps"][4].clone();
    assert_eq!(why["details"]["failing"], true, "who is tried again is told as such: {why}");
    let kinds: Vec<&str> = about["contact"]["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["person", "run", "run"], "{about:#}");
    let title = about["contact"]["fields"].as_array().unwrap();
    let title = title.iter().find(|field| field["field"] == "jobTitle").unwrap();
    assert_eq!(title["value"]["length"], "Canary Keeper".len(), "{title}");
    let change = &about["contact"]["timeline"][1]["changes"][0]["new"];
    assert_eq!(&title["value"], change, "equal values are told as equal");
    assert_eq!(title["by"], "run", "{title}");

    // And nobody's data is in it.
    let mut texts = of_the_directory(&scene, &customer);
    texts.extend([CONSTANT, "Canary", "canary", "Contoso"].map(str::to_owned));
    texts.insert(contact["id"].as_str().unwrap().to_owned());
    for bundle in [&of_run, &about] {
        let text = bundle.to_string();
        let told: Vec<&String> = texts.iter().filter(|one| text.contains(one.as_str())).collect();
        assert_eq!(told, Vec::<&String>::new(), "{bundle:#}");
    }
    let again = operator.get(&of_contact).await.expect(200).json();
    assert_ne!(
        again["contact"]["id"], about["contact"]["id"],
        "two bundles have nothing in common"
    );

    // Who took one is on record; a viewer and others may not.
    let entries = scene.rest().list(&customer.account_path("/audit")).await;
    let whats = entries.iter().map(|one| one["entry"]["what"].as_str().unwrap());
    assert_eq!(whats.filter(|what| what.ends_with("/bundle")).count(), 3);
    scene.rest_as(&customer.account, "viewer").get(&path).await.expect(403);
    let other = scene.customer("other").await;
    scene.rest_as(&other.account, "admin").get(&path).await.expect(404);
}
