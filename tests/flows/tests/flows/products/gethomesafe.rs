//! GetHomeSafe: users and teams of a safety application.

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use super::{first_sync, save_preset};

/// The preset, its own rule met: a group is mapped to a team.
async fn with_a_team(scene: &Scene, customer: &Customer<'_>) {
    let path = customer.account_path("/teams");
    let team = scene.rest().post(&path, &json!({"name": "Field"})).await.expect(201).json();
    let group = scene.sim.create_group(scene.tenant, "Field").unwrap();
    let teams = json!([{"group": group, "team": team["id"], "onLeave": "keep"}]);
    save_preset(scene, customer, "gethomesafe", json!({ "teams": teams })).await;
}

/// GH-13 first name, last name, e-mail, mobile, country and, from wherever the directory has it, the
/// time zone; GH-15 empty in the directory is empty in the product.
#[tokio::test(flavor = "multi_thread")]
async fn gh_13_and_15_six_fields_follow_the_directory_also_when_they_are_emptied() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    with_a_team(&scene, &customer).await;
    let zone = json!({"source": "[extensionAttribute1]", "whenEmpty": "clear"});
    customer.change_mapping("timeZone", zone).await;
    let person = customer.people_in_scope().remove(0);
    let told = json!({
        "givenName": "Ada", "surname": "King", "mobilePhone": "+44 2", "country": "United Kingdom",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "GMT Standard Time"},
    });
    customer.edit(person.id(), told);
    first_sync(&scene, &customer).await;
    let fields = async || customer.linked_contact(person.id()).await["fields"].clone();
    let expected = json!({
        "email": person.address(), "firstName": "Ada", "lastName": "King", "mobilePhone": "+44 2",
        "country": "GB", "timeZone": "Europe/London",
    });
    assert_eq!(fields().await, expected, "GH-13");
    let emptied = json!({"givenName": null, "surname": " ", "mobilePhone": null, "country": null, "onPremisesExtensionAttributes": null});
    customer.edit(person.id(), emptied);
    customer.sync_now().await;
    assert_eq!(fields().await, json!({"email": person.address()}), "GH-15");
}

/// GH-14 an address is mandatory and identifies; GH-23 it is unique; GH-24 an account made by hand
/// with the same address fails that user and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn gh_14_and_23_one_address_one_contact_and_without_one_none() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    with_a_team(&scene, &customer).await;
    let people = customer.people_in_scope();
    customer.edit(people[0].id(), json!({"mail": "no address"}));
    customer.edit(people[1].id(), json!({"mail": people[2].address().to_uppercase()}));
    let local = customer.create_contact(json!({"email": people[3].address()})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "partial", "{run}");
    let contacts = customer.contacts_by_user().await;
    assert!(!contacts.contains_key(people[0].id()), "GH-14");
    let both = people[1..3].iter().filter(|person| contacts.contains_key(person.id()));
    assert_eq!(both.count(), 1, "GH-23");
    assert!(!contacts.contains_key(people[3].id()), "GH-24");
    let path = customer.account_path(&format!("/contacts/{}", local["id"].as_str().unwrap()));
    assert_eq!(scene.rest().get(&path).await.expect(200).json(), local, "GH-24");
    let rows = customer.extended_report(run["id"].as_str().unwrap()).await;
    let told = |user: &str| {
        let row = rows.iter().find(|row| row.cell("Object Id") == user).unwrap();
        (row.cell("What Happened").to_owned(), !row.cell("Reason").is_empty())
    };
    for person in [&people[0], &people[3]] {
        assert_eq!(told(person.id()), ("failed".to_owned(), true));
    }
    assert!(contacts.len() > 4, "the others come: {contacts:?}");
    // The same object under a new address is the same contact.
    let before = contacts[people[4].id()]["id"].clone();
    customer.edit(people[4].id(), json!({"mail": "new.address@contoso.example"}));
    customer.sync_now().await;
    let after = customer.linked_contact(people[4].id()).await;
    assert_eq!(
        (&after["id"], &after["fields"]["email"]),
        (&before, &Value::from("new.address@contoso.example"))
    );
}
