//! The chain of what people asked for, as it is deployed.

use contact_sync_flows::{Scene, Secret, assert_untold};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::reviews::{about, decide};

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_what_is_on_record_and_cannot_be_changed_unseen() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let person = customer.people_in_scope().remove(0);
    customer.change_settings(json!({"policies": {"create": "review"}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let item = about(&scene, &customer, "available", person.id()).await;
    decide(&scene, &customer, &item, json!({"action": "create"})).await.expect(202);
    // Many at once, as integrations do.
    let admin = scene.rest_as(&customer.account, "admin");
    let path = customer.account_path("/contacts");
    let mut asking = JoinSet::new();
    for number in 0..20 {
        let (admin, path) = (admin.clone(), path.clone());
        let body = json!({"fields": {"email": format!("canary{number}@by.hand")}});
        asking.spawn(async move { admin.post(&path, &body).await });
    }
    for made in asking.join_all().await {
        made.expect(201);
    }

    let entries = admin.list(&customer.account_path("/audit")).await;
    let whats: Vec<&str> =
        entries.iter().map(|one| one["entry"]["what"].as_str().unwrap()).collect();
    let of = |what: &str| whats.iter().filter(|one| one.ends_with(what)).count();
    assert_eq!((of("/contacts"), of("/settings"), of("/reviews/{item}")), (20, 1, 1), "{whats:?}");
    let decided = entries.iter().find(|one| one["entry"]["what"] == whats[20]).unwrap();
    let told = decided["entry"]["subjects"]["item"].as_str().unwrap();
    assert!(told.starts_with("sha256:") && told.len() == 71, "a review's id is the user's: {told}");
    assert_eq!(decided["entry"]["subjects"]["connection"], customer.connection.as_str());
    let made = entries.iter().find(|one| one["entry"]["actor"]["subject"] == "somebody").unwrap();
    assert_eq!(made["entry"]["actor"]["account"], customer.account.as_str());
    let story = Value::Array(entries.clone()).to_string();
    assert!(!story.contains("canary") && !story.contains(person.address()), "{story}");
    let seen = made["entry"]["requestId"].as_str().unwrap();
    assert!(!seen.is_empty(), "{made}");
    assert_untold(&scene.stack, &[Secret::new("an address", "canary7@by.hand")]);

    let verify = customer.account_path("/audit/verify");
    let verdict = admin.get(&verify).await.expect(200).json();
    assert_eq!((&verdict["holds"], &verdict["entries"]), (&json!(true), &json!(entries.len())));
    scene.rest_as(&customer.account, "approver").get(&verify).await.expect(403);
    let other = scene.customer("other").await;
    scene.rest_as(&other.account, "admin").get(&verify).await.expect(404);

    // Somebody with the table in hand takes his name out.
    let pk = format!("AUDIT#{}", customer.account);
    let table = scene.table_name("StateTable");
    let key = json!({"pk": {"S": pk}, "sk": {"S": format!("{:020}", 3)}});
    let update = json!({
        "TableName": table, "Key": key, "UpdateExpression": "SET #text = :text",
        "ExpressionAttributeNames": {"#text": "text"},
        "ExpressionAttributeValues": {":text": {"S": "{}"}},
    });
    scene.stack.dynamodb("UpdateItem", &update).await.unwrap();
    let verdict = admin.get(&verify).await.expect(200).json();
    assert_eq!(verdict["broken"], json!({"seq": 3, "flaw": "edited"}), "{verdict}");
    assert_eq!(admin.list(&customer.account_path("/audit")).await.len(), entries.len());
    // Somebody takes a chain away, with what it is told by: the head of the day is kept elsewhere.
    scene.audit().await;
    assert!(scene.stored_files().iter().any(|key| key.starts_with("audit/20")));
    let pk = format!("AUDIT#{}", other.account);
    for sk in ["HEAD".to_owned(), format!("{:020}", 1)] {
        let key = json!({"pk": {"S": pk}, "sk": {"S": sk}});
        let delete = json!({"TableName": table, "Key": key});
        scene.stack.dynamodb("DeleteItem", &delete).await.unwrap();
    }
    let verdict = scene.rest().get(&other.account_path("/audit/verify")).await.expect(200).json();
    assert_eq!(verdict["broken"], json!({"seq": 1, "flaw": "missing"}), "{verdict}");
    // The operator's own chain: who made the accounts.
    let operators = scene.rest().list("/v1/audit").await;
    assert_eq!(operators.len(), 2, "{operators:?}");
    assert_eq!(scene.rest().get("/v1/audit/verify").await.expect(200).json()["holds"], true);
}
