//! What a run changed, item by item, and plans that are too old.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Scene};
use jiff::SignedDuration;
use serde_json::{Value, json};

async fn changes(scene: &Scene, customer: &Customer<'_>, run: &str, narrowing: &str) -> Vec<Value> {
    scene.rest().list(&customer.path(&format!("/runs/{run}/changes?{narrowing}"))).await
}

/// The change of a field among what a change tells.
fn field<'c>(change: &'c Value, name: &str) -> Option<&'c Value> {
    change["fields"].as_array().unwrap().iter().find(|one| one["field"] == name)
}

/// J6, D16: whoever asks "what was there before, and who says so?" is answered without a backup.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_tells_old_and_new_its_source_its_rule_and_what_led_to_the_contact() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (ours, made) = (&people[0], &people[1]);
    customer.edit(
        ours.id(),
        json!({"jobTitle": "Clerk", "surname": "Lovelace", "mobilePhone": "+49 30 111"}),
    );
    let own = json!({
        "email": ours.address(), "lastName": "lovelace", "mobilePhone": "+49 30 222", "city": "Rome",
    });
    let own = customer.create_contact(own).await;
    customer.change_mapping("jobTitle", json!({"source": "Trim([jobTitle])"})).await;
    customer.change_mapping("department", json!({"policy": "createOnly"})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;

    // Whom it found: by which key, and what else speaks for and against it.
    let of_contact = format!("contact={}", own["id"].as_str().unwrap());
    let found = changes(&scene, &customer, &run, &of_contact).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["objectId"], &found[0]["result"]),
        (&json!(ours.id()), &json!("success"))
    );
    assert_eq!(found[0]["evidence"]["key"], "email", "{found:?}");
    let finding = |name: &str| {
        let evidence = found[0]["evidence"]["evidence"].as_array().unwrap();
        evidence.iter().find(|one| one["field"] == name).map(|one| one["finding"].clone())
    };
    assert_eq!(finding("email"), Some(json!("equal")), "{found:?}");
    assert_eq!(finding("lastName"), Some(json!("equal")), "{found:?}");
    assert_eq!(finding("mobilePhone"), Some(json!("differs")), "{found:?}");
    let phone = field(&found[0], "mobilePhone").unwrap();
    assert_eq!((&phone["old"], &phone["new"]), (&json!("+49 30 222"), &json!("+49 30 111")));
    let title = field(&found[0], "jobTitle").unwrap();
    assert_eq!((&title["old"], &title["new"]), (&Value::Null, &json!("Clerk")));
    assert_eq!(
        (&title["source"], &title["rule"]),
        (&json!("Trim([jobTitle])"), &json!("overwrite"))
    );

    // Whom it made: nothing stood there, nothing led there.
    let of_user = format!("user={}", made.id());
    let created = changes(&scene, &customer, &run, &of_user).await;
    assert_eq!((&created[0]["kind"], &created[0]["evidence"]), (&json!("create"), &Value::Null));
    let department = field(&created[0], "department").unwrap();
    assert_eq!((&department["old"], &department["rule"]), (&Value::Null, &json!("createOnly")));
    assert_eq!(department["new"], json!(made.text("department")));

    // And what changes later, by its rules: what is written once is not told as a change.
    let before = customer.linked_contact(made.id()).await["fields"]["jobTitle"].clone();
    customer.edit(made.id(), json!({"jobTitle": " Countess ", "department": "Court"}));
    scene.settle().await;
    let delta = customer.runs_of("delta").await.remove(0);
    let told = changes(&scene, &customer, delta["id"].as_str().unwrap(), &of_user).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0]["fields"],
        json!([{"field": "jobTitle", "old": before, "new": "Countess",
                "source": "Trim([jobTitle])", "rule": "overwrite"}])
    );
}

/// Who reads a large run page by page misses nobody and counts nobody twice.
#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_run_come_page_by_page_without_losing_or_doubling_anybody() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    for narrowing in ["", "kind=create&result=success&"] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut cursor = String::new();
        loop {
            let path = format!("/runs/{run}/changes?{narrowing}limit=7{cursor}");
            let page = scene.rest().get(&customer.path(&path)).await.expect(200).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 7, "{} on a page of seven", items.len());
            seen.extend(items.iter().map(|one| one["objectId"].as_str().unwrap().to_owned()));
            pages += 1;
            assert!(pages < 100, "it never ends");
            let Some(next) = page["nextCursor"].as_str() else { break };
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            cursor = format!("&cursor={next}");
        }
        let different: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(different.len(), seen.len(), "somebody is there twice");
        let created = ended["counts"]["created"].as_u64().unwrap();
        let failed = ended["counts"]["failed"].as_u64().unwrap();
        let expected = if narrowing.is_empty() { created + failed } else { created };
        assert_eq!(seen.len() as u64, expected, "{ended}");
        assert!(pages >= 6, "{pages} pages of {}", seen.len());
        let whole = changes(&scene, &customer, &run, narrowing).await;
        let whole: Vec<&str> = whole.iter().map(|one| one["objectId"].as_str().unwrap()).collect();
        assert_eq!(seen, whole, "in the same order as in one piece");
    }
    let wrong = format!("/runs/{run}/changes?cursor=made-up");
    scene.rest().get(&customer.path(&wrong)).await.expect(400);
}

/// A plan of last week is not applied to the people of today, and whoever tries is told what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_older_than_a_day_is_refused_and_a_new_one_is_applied() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let preview = async || {
        let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
        let run = asked.run_id();
        customer.wait_for_run_status(&run, "planned").await;
        let hash = customer.run(&run).await["planHash"].clone();
        (run, json!({"planHash": hash, "tenantId": scene.tenant}))
    };
    let (run, body) = preview().await;
    let shown = customer.run(&run).await["plan"].clone();
    let life = |plan: &Value| {
        let at = |name: &str| plan[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        at("expiresAt").duration_since(at("madeAt"))
    };
    assert_eq!(life(&shown), SignedDuration::from_hours(24), "{shown}");
    scene.age_plan(&run, SignedDuration::from_hours(25)).await;
    let apply = |run: &str| customer.path(&format!("/runs/{run}/apply"));
    let refused = scene.rest().post(&apply(&run), &body).await.expect(409);
    assert_eq!(refused.problem(), "plan-expired");
    let told = refused.json();
    assert!(told["detail"].as_str().unwrap().contains("preview again"), "{told}");
    scene.settle().await;
    assert_eq!(customer.contacts().await, Vec::<Value>::new(), "nothing of it is done");
    assert_eq!(customer.status().await, "ready");

    let (again, body) = preview().await;
    assert_ne!(again, run);
    scene.rest().post(&apply(&again), &body).await.expect(202);
    let applied = customer.wait_for_run(&again).await;
    assert_eq!(applied["counts"]["created"], customer.contacts().await.len(), "{applied}");
}
