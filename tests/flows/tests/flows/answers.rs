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

/// The outcomes of the five steps about somebody, in order.
async fn steps(scene: &Scene, customer: &Customer<'_>, who: &str) -> Vec<Value> {
    let told = scene.rest().get(&customer.path(&format!("/explain?user={who}"))).await;
    told.expect(200).json()["steps"].as_array().unwrap().clone()
}

fn outcomes(steps: &[Value]) -> Vec<String> {
    let of = |step: &Value| format!("{} {}", text(&step["step"]), text(&step["outcome"]));
    steps.iter().map(of).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// J10: "why is Ben not here?" is answered in five steps, also of people who are gone.
#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_is_in_or_out_is_told_in_five_steps() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let inside = steps(&scene, &customer, people[0].upn()).await;
    let settled = ["import found", "scope in", "match linked", "map mapped", "decide unchanged"];
    assert_eq!(outcomes(&inside), settled, "{inside:#?}");

    // Out of scope: the clause says so, and nothing is mapped.
    let all = customer.directory();
    let outside = all.iter().find(|one| one.is_live() && one.text("userType") == Some("Guest"));
    if let Some(outside) = outside {
        let told = steps(&scene, &customer, outside.id()).await;
        let words = outcomes(&told);
        assert_eq!((words[1].as_str(), words[3].as_str()), ("scope out", "map notReached"));
        assert!(told[1]["details"]["clause"].is_string(), "{told:#?}");
    }

    // Ignored by a person.
    let mut scope = customer.settings().await["scope"].clone();
    scope["ignoredUsers"] = json!([people[1].id()]);
    customer.change_settings(json!({"scope": scope})).await;
    let told = steps(&scene, &customer, people[1].id()).await;
    assert_eq!(outcomes(&told)[1], "scope out", "{told:#?}");
    assert_eq!(told[1]["details"]["by"]["role"], "admin", "who ignored him: {told:#?}");

    // Deleted in Entra: in the recycle bin, then for good; the removal waits for a person.
    scene.sim.delete_user(scene.tenant, people[2].id()).unwrap();
    scene.settle().await;
    let told = steps(&scene, &customer, people[2].id()).await;
    assert_eq!(outcomes(&told)[0], "import softDeleted", "{told:#?}");
    assert_eq!(outcomes(&told)[2], "match linked", "{told:#?}");
    assert_eq!(told[4]["details"]["waits"]["list"], "removals", "{told:#?}");

    let told = steps(&scene, &customer, "nobody@nowhere.example").await;
    let nobody = [
        "import notFound",
        "scope notReached",
        "match notReached",
        "map notReached",
        "decide notReached",
    ];
    assert_eq!(outcomes(&told), nobody);

    // Who may only look learns nothing of strangers but the outcomes.
    if let Some(outside) = outside {
        let viewer = scene.rest_as(&customer.account, "viewer");
        let path = customer.path(&format!("/explain?user={}", outside.id()));
        let told = viewer.get(&path).await.expect(200).json()["steps"].clone();
        assert_eq!(told[1]["details"], Value::Null, "{told}");
        assert!(text(&told[1]["because"]).starts_with("told to operators only"), "{told}");
    }
}
