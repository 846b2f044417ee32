//! Lynes: users of a telephone exchange.

use std::collections::BTreeSet;

use contact_sync_flows::Scene;
use serde_json::json;

use super::{first_sync, ids, linked, save_preset};

/// LY-13 all users, or groups that are found by their names and selected.
#[tokio::test(flavor = "multi_thread")]
async fn ly_13_all_users_or_selected_groups() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let found =
        scene.rest().get(&customer.path("/directory/groups?query=Project")).await.expect(200);
    let found = found.json()["items"].as_array().unwrap().clone();
    let atlas = found.iter().find(|one| one["displayName"] == "Project Atlas").expect("the group");
    let auto = json!({"create": "auto", "link": "auto"});
    let scope = json!({"groups": {"any": [atlas["objectId"]], "includeNested": true}});
    let changes = json!({"policies": auto, "scope": scope});
    save_preset(&scene, &customer, "lynes", changes).await;
    first_sync(&scene, &customer).await;
    let members = scene.sim.people_in(scene.tenant, atlas["objectId"].as_str().unwrap()).unwrap();
    let members: BTreeSet<String> = members.iter().map(ToString::to_string).collect();
    let people = customer.people_in_scope();
    let meant = ids(people.iter().filter(|person| members.contains(person.id())));
    assert!(!meant.is_empty());
    let others = ids(people.iter().filter(|person| !members.contains(person.id())));
    let taken = linked(&customer).await;
    assert!(taken.is_superset(&meant) && taken.is_disjoint(&others));

    customer.change_settings(json!({"scope": {"groups": "all"}})).await;
    customer.sync_now().await;
    assert!(linked(&customer).await.is_superset(&ids(&people)), "all users");
}

/// LY-14 what is synced is chosen; LY-15 first name, last name, display name and e-mail by default;
/// LY-16 more fields are linked.
#[tokio::test(flavor = "multi_thread")]
async fn ly_14_to_16_four_fields_by_default_fewer_or_more_as_chosen() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let auto = json!({"policies": {"create": "auto"}});
    save_preset(&scene, &customer, "lynes", auto).await;
    let person = customer.people_in_scope().remove(0);
    customer.edit(person.id(), json!({"jobTitle": "Operator", "mobilePhone": "+49 1"}));
    first_sync(&scene, &customer).await;
    let names = async || -> BTreeSet<String> {
        let contact = customer.linked_contact(person.id()).await;
        contact["fields"].as_object().unwrap().keys().cloned().collect()
    };
    let four = ["displayName", "email", "firstName", "lastName"].map(str::to_owned);
    assert_eq!(names().await, BTreeSet::from(four), "LY-15");

    let mut rows = customer.settings().await["mapping"].as_array().unwrap().clone();
    rows.retain(|row| row["target"] != "lastName");
    rows.push(json!({"target": "mobilePhone", "source": "[mobilePhone]"}));
    customer.change_settings(json!({ "mapping": rows })).await;
    customer.edit(person.id(), json!({"surname": "Not synced any more"}));
    customer.sync_now().await;
    let fields = customer.linked_contact(person.id()).await["fields"].clone();
    assert_eq!(fields["mobilePhone"], "+49 1", "LY-16");
    assert_ne!(fields["lastName"], "Not synced any more", "LY-14");
}
