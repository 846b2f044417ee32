//! Whose a contact is that exists already, and who somebody is once the directory changes.

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use crate::reviews::{about, decide, decide_all};

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

async fn list(scene: &Scene, customer: &Customer<'_>, name: &str) -> Vec<Value> {
    scene.rest().list(&customer.path(&format!("/reviews?list={name}"))).await
}

/// Two keys in order; two contacts with one staff number are nobody's until a person says whose.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_found_by_its_staff_number_and_two_are_never_guessed() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    customer.edit(people[0].id(), json!({"employeeId": "E-1"}));
    customer.edit(people[1].id(), json!({"employeeId": "E-2"}));
    let one = customer.create_contact(json!({"email": "a@by.hand", "employeeId": "e-1 "})).await;
    let twins = [
        customer.create_contact(json!({"email": "b@by.hand", "employeeId": "E-2"})).await,
        customer.create_contact(json!({"email": "c@by.hand", "employeeId": "E-2"})).await,
    ];
    let mut mapping = customer.settings().await["mapping"].as_array().unwrap().clone();
    mapping.push(json!({"target": "employeeId", "source": "[employeeId]"}));
    let keys = json!(["email", "employeeId"]);
    customer.change_settings(json!({"mapping": mapping, "matching": keys})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["counts"]["awaitingReview"], 1, "{run}");
    let linked = customer.linked_contact(people[0].id()).await;
    assert_eq!(linked["id"], one["id"]);
    assert_eq!(linked["fields"]["email"], people[0].address());

    assert_eq!(customer.contact_of(people[1].id()).await, None, "nobody guesses");
    let conflicts = list(&scene, &customer, "conflicts").await;
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert_eq!(conflicts[0]["matchedBy"], "employeeId");
    assert_eq!(conflicts[0]["candidates"].as_array().unwrap().len(), 2);
    let path = customer.path(&format!("/reviews/{}", conflicts[0]["id"].as_str().unwrap()));
    let version = conflicts[0]["version"].clone();
    let body = json!({"action": "link", "version": version, "contact": twins[1]["id"]});
    scene.rest().post(&path, &body).await.expect(202);
    customer.sync_now().await;
    assert_eq!(customer.linked_contact(people[1].id()).await["id"], twins[1]["id"]);
    assert!(list(&scene, &customer, "conflicts").await.is_empty());
}

/// Two people lead to one contact, wherever Graph's pages end and whichever of them changes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_two_people_match_is_given_to_neither_until_somebody_says_whose_it_is() {
    let scene = Scene::with_users(9).await;
    scene.sim.merge_settings(&json!({"graph": {"maxPageSize": 1}})).unwrap();
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let two = [people[0].id(), people[people.len() - 1].id()];
    for person in two {
        customer.edit(person, json!({"employeeId": "E-7"}));
    }
    customer.edit(people[1].id(), json!({"employeeId": "E-8"}));
    let wanted = customer.create_contact(json!({"email": "a@by.hand", "employeeId": "E-7"})).await;
    let other = customer.create_contact(json!({"email": "b@by.hand", "employeeId": "E-8"})).await;
    customer.change_mapping("employeeId", json!({"source": "[employeeId]"})).await;
    customer.change_settings(json!({"matching": ["email", "employeeId"]})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["counts"]["awaitingReview"], 2, "{run}");
    assert_eq!(customer.linked_contact(people[1].id()).await["id"], other["id"]);
    let untouched = customer.account_path(&format!("/contacts/{}", wanted["id"].as_str().unwrap()));
    assert_eq!(scene.rest().get(&untouched).await.expect(200).json()["version"], wanted["version"]);

    customer.edit(two[1], json!({"jobTitle": "Captain"}));
    scene.settle().await;
    assert_eq!(customer.contact_of(two[1]).await, None, "the other one is asked about it as well");
    let conflicts = list(&scene, &customer, "conflicts").await;
    assert_eq!(conflicts.len(), 2, "{conflicts:?}");
    let item = conflicts.iter().find(|item| item["user"]["objectId"] == two[0]).unwrap();
    assert_eq!(item["candidates"][0]["id"], wanted["id"], "{item}");
    let path = customer.path(&format!("/reviews/{}", item["id"].as_str().unwrap()));
    let body = json!({"action": "link", "version": item["version"], "contact": wanted["id"]});
    scene.rest().post(&path, &body).await.expect(202);
    let run = customer.sync_now().await;
    assert_eq!(customer.linked_contact(two[0]).await["id"], wanted["id"]);
    let theirs = customer.linked_contact(two[1]).await;
    assert_ne!(theirs["id"], wanted["id"], "{run}");
    assert!(list(&scene, &customer, "conflicts").await.is_empty());
}

/// GH-24, GH-25: the record fails, is on the list, and a person merges without asking support.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_by_hand_fails_its_user_and_can_be_merged() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let person = customer.people_in_scope().remove(0);
    let local = customer.create_contact(json!({"email": person.address(), "city": "Rome"})).await;
    customer.change_settings(json!({"policies": {"link": "fail"}})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["counts"]["failed"], 1, "{run}");
    assert!(run["counts"]["created"].as_u64().unwrap() > 1, "the rest of the run goes on: {run}");
    let conflicts = list(&scene, &customer, "conflicts").await;
    assert_eq!(conflicts[0]["candidates"][0]["id"], local["id"], "{conflicts:?}");
    let path = customer.path(&format!("/reviews/{}", conflicts[0]["id"].as_str().unwrap()));
    let body = json!({"action": "merge", "version": conflicts[0]["version"]});
    scene.rest().post(&path, &body).await.expect(202);
    let merged = customer.linked_contact(person.id()).await;
    assert_eq!((&merged["id"], &merged["fields"]["city"]), (&local["id"], &json!("Rome")));
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["failed"], 0, "{run}");
}

/// Somebody gives a directory user the address of a protected account: nothing is taken over.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_contact_is_not_hijacked_through_its_address() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let admin = customer.create_contact(json!({"email": "root@product.example"})).await;
    let path = customer.account_path(&format!("/contacts/{}", admin["id"].as_str().unwrap()));
    scene.rest().post(&format!("{path}/protect"), &json!({})).await.expect(202);
    let protected = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(protected["protected"], true);
    let person = customer.people_in_scope().remove(0);
    customer.edit(person.id(), json!({"mail": "root@product.example"}));
    first_sync(&scene, &customer).await;
    assert_eq!(scene.rest().get(&path).await.expect(200).json(), protected, "untouched");
    let matched = list(&scene, &customer, "matched").await;
    assert_eq!(matched[0]["contactId"], admin["id"], "a person decides: {matched:?}");
    scene.rest().post(&format!("{path}/unprotect"), &json!({})).await.expect(202);
    customer.sync_now().await;
    assert_eq!(customer.linked_contact(person.id()).await["id"], admin["id"]);
}

/// A new mail and UPN are an update; a person made anew in Entra gets the contact back by a link.
#[tokio::test(flavor = "multi_thread")]
async fn a_rename_is_an_update_and_a_person_made_anew_gets_the_contact_back() {
    let scene = Scene::with_users(9).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let before = customer.linked_contact(people[0].id()).await;
    let renamed =
        json!({"mail": "new@contoso.example", "userPrincipalName": "new@contoso.example"});
    customer.edit(people[0].id(), renamed);
    scene.settle().await;
    let after = customer.linked_contact(people[0].id()).await;
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["fields"]["email"], "new@contoso.example");

    let old = customer.linked_contact(people[1].id()).await;
    scene.sim.delete_user(scene.tenant, people[1].id()).unwrap();
    scene.settle().await;
    let anew = scene
        .sim
        .create_user(
            scene.tenant,
            json!({
                "userPrincipalName": people[1].upn(), "mail": people[1].address(),
                "displayName": people[1].text("displayName"), "userType": "Member",
                "accountEnabled": true,
            }),
        )
        .unwrap();
    scene.settle().await;
    let conflicts = list(&scene, &customer, "conflicts").await;
    let user = anew.to_string();
    let item = conflicts.iter().find(|item| item["user"]["objectId"] == user.as_str()).unwrap();
    assert_eq!(item["suggestedAction"], "link", "{item}");
    let former = about(&scene, &customer, "removals", people[1].id()).await;
    let path = customer.path(&format!("/reviews/{}", item["id"].as_str().unwrap()));
    let body = json!({"action": "link", "version": item["version"]});
    scene.rest().post(&path, &body).await.expect(202);
    assert_eq!(customer.linked_contact(&user).await["id"], old["id"], "the same contact");

    // Whoever left is let go weeks later, alone or with all of the list: the contact is another's.
    assert_eq!(list(&scene, &customer, "removals").await, Vec::<Value>::new());
    decide(&scene, &customer, &former, json!({"action": "delete"})).await.expect(404);
    let told = decide_all(&scene, &customer, "removals", "delete").await;
    assert_eq!(told["done"], 0, "{told}");
    assert_eq!(customer.settings().await["scope"]["ignoredUsers"], json!([]));
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["failed"], 0, "{run}");
    assert_eq!(customer.linked_contact(&user).await["id"], old["id"]);
}
