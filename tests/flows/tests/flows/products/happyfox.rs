//! HappyFox: users become contacts of a help desk.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use super::{field, first_sync, ids, linked, save_preset};

/// HF-7 several directories in one account; HF-8 any tenant by one link; HF-9 a tenant that is named
/// beforehand, and no other; HF-10 once authorised, the settings are there to be filled in.
#[tokio::test(flavor = "multi_thread")]
async fn hf_7_to_10_an_account_syncs_from_all_its_tenants() {
    let scene = Scene::with_users(12).await;
    let contoso = scene.connected().await;
    let path = contoso.account_path("/connections");
    let named = json!({"tenant": scene.other_tenant});
    let made = scene.rest().post(&path, &named).await.expect(201).json();
    let fabrikam = Customer::of_connection(&scene, &contoso.account, &made);
    fabrikam.connect(scene.other_tenant).await;
    for (customer, tenant) in [(&contoso, scene.tenant), (&fabrikam, scene.other_tenant)] {
        assert_eq!(customer.status().await, "ready", "HF-10");
        assert!(customer.settings().await["mapping"].is_array(), "HF-10");
        let run = customer.enable_for(tenant).await.expect(202).run_id();
        customer.wait_for_run(&run).await;
    }
    scene.settle().await;
    let contacts = contoso.contacts_by_user().await;
    for tenant in [scene.tenant, scene.other_tenant] {
        let of_tenant = |contact: &&Value| contact["link"]["tenantId"] == tenant.to_string();
        assert!(contacts.values().filter(of_tenant).count() > 3, "HF-7: {tenant}");
    }
}

/// HF-11 users become contacts and further fields custom ones; HF-12 by the mapping; HF-13 name and
/// address by default; HF-15 phones; HF-16 any field; HF-17 bettered: date and multi-select fields are
/// mapped, too.
#[tokio::test(flavor = "multi_thread")]
async fn hf_11_to_17_any_user_field_goes_to_any_custom_field_dates_and_choices_too() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let mut skills = field("skills", "multiSelect");
    skills["options"] = json!(["Diving", "First aid", "Driving"]);
    let fields =
        json!([field("floor", "number"), field("hired", "date"), field("cost", "text"), skills]);
    customer.set_custom_fields(fields).await;
    save_preset(&scene, &customer, "happyfox", json!({})).await;
    let rows = customer.settings().await["mapping"].clone();
    let targets: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["email", "displayName"], "HF-13");
    for (target, source) in [
        ("mobilePhone", "[mobilePhone]"),
        ("custom.floor", "[officeLocation]"),
        ("custom.hired", "[employeeHireDate]"),
        ("custom.cost", "[employeeOrgData.costCenter]"),
        ("custom.skills", "Split([extensionAttribute1], ';')"),
    ] {
        customer.change_mapping(target, json!({"source": source})).await;
    }
    let people = customer.people_in_scope();
    for person in &people {
        customer.edit(
            person.id(),
            json!({
                "mobilePhone": "+49 170 1", "officeLocation": "3", "employeeHireDate": "2024-02-29T00:00:00Z",
                "employeeOrgData": {"costCenter": "CC-7", "division": null},
                "onPremisesExtensionAttributes": {"extensionAttribute1": "diving; First Aid"},
            }),
        );
    }
    first_sync(&scene, &customer).await;
    let contacts = customer.contacts_by_user().await;
    for person in &people {
        let contact = &contacts[person.id()];
        assert_eq!(contact["fields"]["email"], person.upn(), "HF-11, HF-14");
        assert_eq!(contact["fields"]["mobilePhone"], "+49 170 1", "HF-15");
        let custom = json!({
            "floor": 3, "cost": "CC-7", "hired": "2024-02-29", "skills": ["Diving", "First aid"],
        });
        assert_eq!(contact["custom"], custom, "HF-12, HF-16, HF-17");
    }
}

/// HF-18, HF-19: one toggle decides whether custom fields that exist are overwritten, ON and OFF.
#[tokio::test(flavor = "multi_thread")]
async fn hf_18_and_19_the_overwrite_toggle_works_both_ways() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    customer.set_custom_fields(json!([field("cost", "text")])).await;
    save_preset(&scene, &customer, "happyfox", json!({})).await;
    customer.change_mapping("custom.cost", json!({"source": "[department]"})).await;
    let person = customer.people_in_scope().remove(0);
    customer.edit(person.id(), json!({"department": "First"}));
    first_sync(&scene, &customer).await;
    let cost = async || customer.linked_contact(person.id()).await["custom"]["cost"].clone();
    assert_eq!(cost().await, "First");
    let toggle = async |policy: &str| {
        let custom = json!({"mappingDefaults": {"custom": {"policy": policy}}});
        customer.change_settings(custom).await;
    };
    toggle("createOnly").await;
    customer.edit(person.id(), json!({"department": "Second"}));
    customer.sync_now().await;
    assert_eq!(cost().await, "First", "OFF: never overwritten");
    toggle("overwrite").await;
    customer.sync_now().await;
    assert_eq!(cost().await, "Second", "ON: what the directory says at the next sync");
}

/// HF-20: the name of a contact that existed is not synced; bettered: it is, if one wants that.
#[tokio::test(flavor = "multi_thread")]
async fn hf_20_the_name_of_whoever_existed_stays_unless_it_shall_be_synced() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let person = customer.people_in_scope().remove(0);
    customer.create_contact(json!({"email": person.upn(), "displayName": "By hand"})).await;
    save_preset(&scene, &customer, "happyfox", json!({})).await;
    first_sync(&scene, &customer).await;
    let name = async || customer.linked_contact(person.id()).await["fields"]["displayName"].clone();
    assert_eq!(name().await, "By hand", "linked, its name kept");
    customer.change_settings(json!({"policies": {"nameOfExisting": "sync"}})).await;
    customer.change_mapping("displayName", json!({"policy": "overwrite"})).await;
    customer.sync_now().await;
    assert_eq!(name().await, person.text("displayName").unwrap());
}

/// HF-21 all users, blocked ones included; HF-22 specific groups.
#[tokio::test(flavor = "multi_thread")]
async fn hf_21_and_22_all_users_or_specific_groups() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    save_preset(&scene, &customer, "happyfox", json!({})).await;
    first_sync(&scene, &customer).await;
    let members: Vec<_> = customer.directory();
    let members = members.iter().filter(|person| person.text("userType") != Some("Guest"));
    assert_eq!(linked(&customer).await, ids(members), "HF-21");

    let people = customer.people_in_scope();
    let groups =
        ["Support", "Field"].map(|name| scene.sim.create_group(scene.tenant, name).unwrap());
    for (group, person) in groups.iter().zip(&people) {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let scope = json!({"groups": {"any": groups}});
    customer.change_settings(json!({"scope": scope})).await;
    customer.sync_now().await;
    let kept = customer.contacts().await.len();
    scene
        .sim
        .create_user(
            scene.tenant,
            json!({"userPrincipalName": "late@contoso.example", "displayName": "Late"}),
        )
        .unwrap();
    let joiner = scene
        .sim
        .create_user(
            scene.tenant,
            json!({"userPrincipalName": "joiner@contoso.example", "displayName": "Joiner"}),
        )
        .unwrap();
    scene.sim.add_member(scene.tenant, groups[0], joiner).unwrap();
    customer.sync_now().await;
    let contacts = customer.contacts_by_user().await;
    assert_eq!(contacts.len(), kept + 1, "HF-22: who is in no group is not imported");
    assert!(contacts.contains_key(&joiner.to_string()), "HF-22");
    let followed: BTreeSet<String> = people[..2].iter().map(|one| one.id().to_owned()).collect();
    customer.edit(people[0].id(), json!({"userPrincipalName": "moved@contoso.example"}));
    customer.sync_now().await;
    let after = customer.contacts_by_user().await;
    assert_eq!(after[people[0].id()]["fields"]["email"], "moved@contoso.example", "{followed:?}");
}
