//! How directory attributes become contact fields, seen over REST.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Person, Scene};
use entra_sim::DirectoryCommand;
use serde_json::{Value, json};

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

/// How many pages of the listing Graph was asked for.
fn listings(scene: &Scene) -> usize {
    let requests = scene.sim.requests(5_000);
    requests.iter().filter(|request| request.url.starts_with("/v1.0/users?$select=")).count()
}

/// The directory extension that the simulated tenant has for cost centres.
fn extension(customer: &Customer<'_>) -> String {
    let names = customer.people_in_scope().into_iter().flat_map(|person| {
        let names = person.attributes();
        names.into_iter().filter(move |name| person.text(name).is_some()).collect::<Vec<_>>()
    });
    let found = names.into_iter().find(|name| name.starts_with("extension_"));
    found.unwrap()
}

pub(crate) fn set_manager(scene: &Scene, user: &str, manager: Option<&str>) {
    let (user, manager) = (user.to_owned(), manager.map(str::to_owned));
    scene.sim.apply(scene.tenant, DirectoryCommand::SetManager { user, manager }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newly_mapped_attribute_is_filled_for_everybody_and_nothing_in_between_is_lost() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    first_sync(&scene, &customer).await;
    let extension = extension(&customer);
    customer
        .set_custom_fields(
            json!([{"key": "extra", "label": "Extra", "type": "text", "required": false}]),
        )
        .await;

    // Another field from attributes that are read already: no new baseline.
    let read = listings(&scene);
    customer.change_mapping("city", json!({"source": "[city]"})).await;
    let run = customer.start_run("delta").await;
    customer.wait_for_run_status(&run, "succeeded").await;
    assert_eq!(listings(&scene), read, "nothing is read again for what is read anyway");

    customer.change_mapping("custom.extra", json!({"source": format!("[{extension}]")})).await;
    let edited = customer.people_in_scope().remove(3);
    customer.edit(edited.id(), json!({"jobTitle": "Lighthouse keeper"}));
    let run = customer.start_run("delta").await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    // Two people of the generated directory share an address: one of them fails.
    assert_eq!((&run["kind"], &run["status"]), (&json!("full"), &json!("partial")), "{run}");
    assert!(listings(&scene) > read, "the new attribute is read for everybody");
    let contacts = customer.contacts_by_user().await;
    let mut filled = 0;
    for person in customer.people_in_scope() {
        let expected = person.text(&extension);
        filled += usize::from(expected.is_some());
        let contact = &contacts[person.id()];
        assert_eq!(contact["custom"]["extra"].as_str(), expected, "{contact}");
    }
    assert!(filled > 0, "somebody has the extension");
    assert_eq!(contacts[edited.id()]["fields"]["jobTitle"], "Lighthouse keeper");

    // From now on a change of the extension alone is noticed, without another baseline.
    let read = listings(&scene);
    customer.edit(edited.id(), json!({extension.as_str(): "noticed"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(edited.id()).await["custom"]["extra"], "noticed");
    assert_eq!(listings(&scene), read);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_that_the_tenant_does_not_have_is_told_by_name_and_asked_for_once() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let unknown = format!("extension_{}_shoeSize", "0".repeat(32));
    customer.change_mapping("employeeId", json!({"source": format!("[{unknown}]")})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "failed", "{run}");
    let connection = customer.show().await;
    assert_eq!(connection["status"], "attention");
    assert_eq!(connection["attention"]["reason"], "attribute-unknown");
    assert!(connection["attention"]["fix"].as_str().unwrap().contains(&unknown), "{connection}");
    let refused = scene.sim.requests(5_000).iter().filter(|request| request.status == 400).count();
    assert_eq!(refused, 1, "it is not asked for again and again");

    customer.change_mapping("employeeId", json!({"source": "[employeeId]"})).await;
    let run = customer.act("resume").await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(customer.status().await, "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_is_his_contact_whenever_that_is_made_and_never_one_that_is_gone() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (boss, adopted, other) = (people[7].clone(), people[8].clone(), people[9].clone());
    let outside = customer
        .directory()
        .into_iter()
        .find(|person| person.is_live() && person.text("userType") == Some("Guest"))
        .expect("a guest");
    // Reports before and behind their managers in the listing's order, one manager out of scope.
    for report in &people[..3] {
        set_manager(&scene, report.id(), Some(boss.id()));
    }
    set_manager(&scene, people[3].id(), Some(adopted.id()));
    set_manager(&scene, people[4].id(), Some(outside.id()));
    set_manager(&scene, people[20].id(), Some(boss.id()));
    set_manager(&scene, boss.id(), None);
    let local = customer.create_contact(json!({"email": adopted.address()})).await;
    customer.change_mapping("manager", json!({"source": "[manager]"})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["counts"]["failed"], 1, "only whoever shares an address: {run}");

    let manager_of = async |person: &Person| {
        customer.linked_contact(person.id()).await["fields"]["manager"].clone()
    };
    let contact_of =
        async |person: &Person| customer.linked_contact(person.id()).await["id"].clone();
    for report in people[..3].iter().chain([&people[20]]) {
        assert_eq!(manager_of(report).await, contact_of(&boss).await);
    }
    assert_eq!(manager_of(&people[3]).await, local["id"], "the contact that was there before");
    assert_eq!(manager_of(&people[4]).await, Value::Null, "a guest has no contact");
    assert_eq!(manager_of(&boss).await, Value::Null);

    // Nothing changes, nothing is written.
    let before = customer.contacts().await;
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["updated"], 0, "{run}");
    assert_eq!(customer.contacts().await, before);

    // A change of the manager alone is noticed, and so is its end.
    set_manager(&scene, people[0].id(), Some(other.id()));
    set_manager(&scene, people[1].id(), None);
    scene.settle().await;
    assert_eq!(manager_of(&people[0]).await, contact_of(&other).await);
    assert_eq!(manager_of(&people[1]).await, Value::Null);

    // The manager's contact goes away: nobody refers to it after the next full run.
    let gone = contact_of(&boss).await;
    let path = customer.account_path(&format!("/contacts/{}", gone.as_str().unwrap()));
    scene.rest().delete(&path).await.expect(204);
    scene.settle().await;
    customer.sync_now().await;
    for contact in customer.contacts().await {
        assert_ne!(contact["fields"]["manager"], gone, "{contact}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_has_one_spelling_however_the_directory_writes_it() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let spellings = ["Deutschland", "Germany", "DEU", "de", "Allemagne"];
    for (person, country) in people.iter().zip(spellings) {
        customer.edit(person.id(), json!({"country": country}));
    }
    customer.edit(people[5].id(), json!({"country": "Middle-earth"}));
    customer.change_mapping("country", json!({"source": "[country]"})).await;
    first_sync(&scene, &customer).await;
    let contacts = customer.contacts_by_user().await;
    let countries: BTreeSet<&str> = people[..spellings.len()]
        .iter()
        .map(|person| contacts[person.id()]["fields"]["country"].as_str().unwrap())
        .collect();
    assert_eq!(countries, BTreeSet::from(["DE"]));
    assert_eq!(contacts[people[5].id()]["fields"]["country"], "Middle-earth");
}

/// HF-40 to HF-42, and HF-43: failures are per record, the run completes and counts both kinds.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_phone_and_a_required_field_nobody_fills_fail_their_records_and_no_other() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let presets = scene.rest().list("/v1/presets").await;
    let preset = presets.iter().find(|preset| preset["id"] == "happyfox").unwrap();
    customer.change_settings(preset["settings"].clone()).await;
    customer
        .set_custom_fields(json!([
            {"key": "office", "label": "Office", "type": "text", "required": true},
            {"key": "floor", "label": "Floor", "type": "number", "required": false},
        ]))
        .await;
    customer.change_mapping("mobilePhone", json!({"source": "[mobilePhone]"})).await;
    customer.change_mapping("custom.office", json!({"source": "[officeLocation]"})).await;
    customer.change_mapping("custom.floor", json!({"source": "[department]"})).await;
    let people = customer.people_in_scope();
    for person in &people {
        let sound = json!({"mobilePhone": "+1", "officeLocation": "A", "department": "4"});
        customer.edit(person.id(), sound);
    }
    customer.edit(people[0].id(), json!({"mobilePhone": null}));
    customer.edit(people[1].id(), json!({"officeLocation": null}));
    customer.edit(people[2].id(), json!({"department": "Fourth"}));
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "partial", "{run}");
    let rows = customer.extended_report(run["id"].as_str().unwrap()).await;
    for (person, reason) in [
        (&people[0], "the mapped phone is empty"),
        (&people[1], "the required field \"Office\" is empty"),
        (&people[2], "datatype mismatch"),
    ] {
        let row = rows.iter().find(|row| row.cell("Object Id") == person.id()).unwrap();
        assert_eq!(row.cell("What Happened"), "failed");
        assert!(row.cell("Reason").contains(reason), "{row:?}");
    }
    let contacts = customer.contacts_by_user().await;
    for person in &people[3..] {
        assert_eq!(contacts[person.id()]["custom"], json!({"office": "A", "floor": 4}));
    }
}
