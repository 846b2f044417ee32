//! Forgetting one person of an account that goes on.

use contact_sync_flows::{Customer, Person, Scene, eventually, function_logs};
use reqwest::Method;
use serde_json::{Value, json};

use crate::reviews::{about, decide};

/// G16.
#[expect(clippy::too_many_lines, reason = "what becomes of one person, in its order")]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_forgotten_is_gone_at_once_and_no_run_brings_him_back() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let (person, other) = (&people[0], &people[1]);
    let rest = scene.rest();
    // He has marks in all that people and sync write.
    customer.change_settings(json!({"policies": {"update": "review"}})).await;
    customer.edit(person.id(), json!({"jobTitle": "Canary Title", "city": "Canary City"}));
    scene.settle().await;
    let item = about(&scene, &customer, "changes", person.id()).await;
    decide(&scene, &customer, &item, json!({"action": "reject"})).await.expect(202);
    customer.edit(person.id(), json!({"jobTitle": "Canary Title 2", "city": "Canary City"}));
    scene.settle().await;
    about(&scene, &customer, "changes", person.id()).await;
    let contact = customer.linked_contact(person.id()).await;
    let contact = contact["id"].as_str().unwrap().to_owned();
    let team = rest.post(&customer.account_path("/teams"), &json!({"name": "North"})).await;
    let team = team.expect(201).json()["id"].as_str().unwrap().to_owned();
    let member = customer.account_path(&format!("/teams/{team}/members/{contact}"));
    rest.send(Method::PUT, &member, &[], None).await.expect(200);
    let protect = customer.account_path(&format!("/contacts/{contact}/protect"));
    rest.send(Method::POST, &protect, &[("idempotency-key", "kept")], Some(&json!({}))).await;
    let about = json!({"kind": "user", "user": person.id()});
    let about = rest.post(&customer.path("/runs"), &about).await.expect(202).json();
    let about = customer.path(&format!("/runs/{}", about["id"].as_str().unwrap()));
    scene.settle().await;
    assert_eq!(rest.get(&about).await.expect(200).json()["user"], person.id());
    // He was ignored for a moment: a version that is kept names him.
    customer.change_settings(json!({"scope": {"ignoredUsers": [person.id()]}})).await;
    customer.change_settings(json!({"scope": {"ignoredUsers": []}})).await;
    scene.settle().await;
    let others: Vec<Value> = customer.contacts().await;
    let others: Vec<Value> = others.into_iter().filter(|one| one["id"] != *contact).collect();

    // Everything that is kept of him comes in one document, for admins alone, and that is entered.
    let export = customer.account_path(&format!("/contacts/{contact}/export"));
    scene.rest_as(&customer.account, "approver").get(&export).await.expect(403);
    let whole = rest.get(&export).await.expect(200).json();
    assert_eq!(whole["contact"]["link"]["objectId"], person.id(), "{whole}");
    assert_eq!(whole["provenance"]["email"]["by"], "run", "{whole}");
    assert_eq!(whole["memberships"][0]["team"], team, "{whole}");
    assert_eq!(whole["decisions"][0]["action"], "reject", "{whole}");
    let kinds: Vec<&str> = whole["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    for kind in ["run", "person", "decision", "waiting"] {
        assert!(kinds.contains(&kind), "{kind}: {whole}");
    }
    let stores: Vec<&str> = whole["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["store"].as_str().unwrap())
        .collect();
    for store in ["review", "decision", "refusal", "settings", "answer", "history"] {
        assert!(stores.contains(&store), "{store}: {whole}");
    }
    assert_eq!(whole["runs"][0]["kind"], "full", "{whole}");
    assert_eq!((&whole["timelineNext"], &whole["decisionsComplete"]), (&Value::Null, &json!(true)));
    let entered = rest.get(&customer.account_path("/audit")).await.expect(200).json();
    let entered = entered["items"][0]["entry"]["what"].as_str().unwrap();
    assert!(entered.ends_with("/export"), "{entered}");

    let erase = customer.account_path(&format!("/contacts/{contact}/erase"));
    rest.post(&erase, &json!({"confirm": other.id()})).await.expect(422);
    let receipt = rest.post(&erase, &json!({"confirm": contact})).await.expect(202).json();
    assert_eq!(receipt["state"], "redacting", "{receipt}");
    let shown = customer.account_path(&format!("/erasures/{}", receipt["id"].as_str().unwrap()));
    let receipt =
        eventually("what runs left is gone through without anybody's doing", async || {
            let receipt = rest.get(&shown).await.expect(200).json();
            (receipt["state"] == "done").then_some(receipt)
        })
        .await;
    scene.settle().await;
    for what in [
        "memberships",
        "reviews",
        "decisions",
        "refusals",
        "answers",
        "pages",
        "reports",
        "events",
        "settings",
    ] {
        assert_eq!(receipt["found"][what].as_u64().unwrap().min(1), 1, "{what}: {receipt}");
    }
    let address = person.address().to_lowercase();
    let marks = ["Canary", address.as_str(), person.id()];
    nothing_has(&scene, &marks).await;
    assert_eq!(rest.get(&about).await.expect(200).json()["user"], Value::Null);
    let told = customer.events().await;
    assert!(
        told.iter().all(|event| event["contactId"] != *contact || event["contact"].is_null()),
        "no told event shows the contact"
    );
    let last = told.iter().rfind(|event| event["contactId"] == *contact).unwrap();
    assert_eq!((&last["type"], &last["contact"]), (&json!("ContactRemoved"), &Value::Null));

    // The directory goes on telling of him; others go on as they were.
    customer.edit(person.id(), json!({"jobTitle": "Canary Title 3"}));
    scene.settle().await;
    let run = customer.sync_now().await;
    // Two of this directory share an address, so no run of it is without a failure.
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    assert_eq!(run["counts"]["created"], 0, "{run}");
    let rows = customer.extended_report(run["id"].as_str().unwrap()).await;
    assert!(rows.iter().all(|row| row.cell("Object Id") != person.id()), "{rows:?}");
    // He is counted all the same.
    let row = rows.iter().find(|row| row.cell("Reason").contains("Erased")).unwrap();
    assert_eq!(row.cell("Email"), "", "{row:?}");
    nothing_has(&scene, &marks).await;
    assert_eq!(customer.contacts().await, others);
    assert_eq!(rest.get(&shown).await.expect(200).json(), receipt);
    let_in_again(&scene, &customer, person, &shown).await;
}

/// Let in again, he is somebody new, of whom nothing is known; nobody else's admin can do it.
async fn let_in_again(scene: &Scene, customer: &Customer<'_>, person: &Person, shown: &str) {
    let (rest, address) = (scene.rest(), person.address().to_lowercase());
    let neighbour = scene.customer("neighbour").await;
    scene.rest_as(&neighbour.account, "admin").get(shown).await.expect(404);
    let lift = format!("{shown}/lift");
    let stranger = scene.rest_as(&neighbour.account, "admin");
    stranger.post(&lift, &json!({})).await.expect(404);
    for _ in 0..2 {
        let lifted = rest.post(&lift, &json!({})).await.expect(200).json();
        assert_eq!(lifted["state"], "lifted", "{lifted}");
    }
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["created"], 1, "{run}\n{}", scene.story());
    let back = customer.linked_contact(person.id()).await;
    assert_eq!(back["fields"]["jobTitle"], "Canary Title 3", "{back}");
    assert_eq!(back["fields"]["email"].as_str().unwrap().to_lowercase(), address);
    let timeline = format!("/contacts/{}/timeline", back["id"].as_str().unwrap());
    let past = rest.get(&customer.account_path(&timeline)).await.expect(200).json();
    let past: Vec<&Value> = past["items"].as_array().unwrap().iter().collect();
    assert_eq!(past.len(), 1, "{past:?}");
    let entered = rest.get(&customer.account_path("/audit")).await.expect(200).json();
    let entered: Vec<&str> = entered["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["entry"]["what"].as_str())
        .collect();
    assert!(entered.iter().any(|what| what.ends_with("/lift")), "{entered:?}");
}

/// No item of either table and no stored file has any of these marks.
async fn nothing_has(scene: &Scene, marks: &[&str]) {
    for table in ["StateTable", "ContactsTable"] {
        for item in scene.items(table).await {
            let text = item.to_string().to_lowercase();
            let mark = marks.iter().find(|mark| text.contains(&mark.to_lowercase()));
            assert_eq!(mark, None, "{table} still has {text}");
        }
    }
    let mut left = scene.blobs();
    left.extend(scene.packed_items("StateTable").await);
    left.extend(function_logs(&scene.stack).into_iter().map(|(name, log)| {
        let log = log.to_lowercase();
        let line =
            log.lines().find(|line| marks.iter().any(|mark| line.contains(&mark.to_lowercase())));
        (format!("the log of {name}"), line.unwrap_or_default().to_owned())
    }));
    for (key, text) in left {
        let mark = marks.iter().find(|mark| text.contains(&mark.to_lowercase()));
        assert_eq!(mark, None, "{key} still has {text}");
    }
}
