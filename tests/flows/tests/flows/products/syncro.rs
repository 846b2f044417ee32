//! Syncro: end users of a managed service provider's organisations.

use std::collections::BTreeSet;
use std::time::Duration;

use contact_sync_flows::{Person, Scene, eventually};
use serde_json::{Value, json};

use super::{first_sync, ids, linked, save_preset};

/// A dimension of the scope, what is picked in it, and who is meant.
type Filter<'f> = (&'static str, Value, Box<dyn Fn(&Person) -> bool + 'f>);

/// SY-8 where the sync of an organisation is set up; SY-9 which has none yet; SY-19 the sync is in
/// progress once enabled; SY-20 Enabled is shown; SY-21 filters are edited, the sync disabled: what the
/// pages for it read and call.
#[tokio::test(flavor = "multi_thread")]
async fn sy_8_9_and_19_to_21_an_organisation_shows_where_its_sync_stands() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let listed = async || {
        let all = scene.rest().list(&customer.account_path("/connections")).await;
        assert_eq!(all.len(), 1, "SY-8");
        all[0].clone()
    };
    assert_eq!(listed().await["status"], "ready", "SY-9: to be set up");
    let run = customer.enable().await;
    let state = customer.run(&run).await["status"].as_str().unwrap().to_owned();
    assert!(["queued", "running", "succeeded"].contains(&state.as_str()), "SY-19: {state}");
    customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(listed().await["status"], "enabled", "SY-20");
    let scope = json!({"scope": {"departments": {"any": ["Nobody's"]}}});
    customer.change_settings(scope).await;
    customer.act("disable").await.expect(202);
    assert_eq!(listed().await["status"], "disabled", "SY-21");
}

/// SY-11 user type, SY-12 domain, SY-13 office, SY-14 department, SY-15 group: each filter by itself
/// means just whom it says, and SY-16 all together whom each of them means.
#[tokio::test(flavor = "multi_thread")]
async fn sy_11_to_16_each_filter_means_whom_it_says_and_together_they_are_anded() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let everybody = customer.directory();
    let group = scene.sim.create_group(scene.tenant, "Filtered").unwrap();
    for person in everybody.iter().step_by(3) {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let in_group = ids(everybody.iter().step_by(3));
    let office = everybody.iter().find_map(|one| one.text("officeLocation")).unwrap().to_owned();
    let department = everybody.iter().find_map(|one| one.text("department")).unwrap().to_owned();
    let is_guest = |one: &Person| one.text("userType") == Some("Guest");
    let at_contoso = |one: &Person| one.address().ends_with("@contoso.example");
    let filters: Vec<Filter<'_>> = vec![
        ("userTypes", json!({"any": ["Guest"]}), Box::new(is_guest)),
        ("domains", json!({"any": ["CONTOSO.example"]}), Box::new(at_contoso)),
        (
            "officeLocations",
            json!({"any": [office]}),
            Box::new(|one: &Person| one.text("officeLocation") == Some(&office)),
        ),
        (
            "departments",
            json!({"any": [department]}),
            Box::new(|one: &Person| one.text("department") == Some(&department)),
        ),
        ("groups", json!({"any": [group]}), Box::new(|one: &Person| in_group.contains(one.id()))),
    ];
    let open = json!({"userTypes": "all", "domains": "all", "officeLocations": "all", "departments": "all", "groups": "all", "disabledAccounts": "include"});
    let mut all = open.clone();
    save_preset(&scene, &customer, "syncro", json!({})).await;
    let verdict = async |scope: &Value| {
        let mut settings = customer.settings().await;
        settings["scope"] = scope.clone();
        let path = customer.path("/settings/validate");
        let told = scene.rest().post(&path, &settings).await.expect(200).json();
        assert_eq!(told["complete"], true, "{told}");
        told["people"]["inScope"].as_u64().unwrap()
    };
    for (name, value, means) in &filters {
        let mut scope = open.clone();
        scope[*name] = value.clone();
        let meant = everybody.iter().filter(|one| means(one)).count() as u64;
        assert!(meant > 0 && meant < everybody.len() as u64, "{name}");
        assert_eq!(verdict(&scope).await, meant, "{name}");
        if *name != "userTypes" {
            all[*name] = value.clone();
        }
    }
    // All but the guests' at once.
    let each = |one: &&Person| filters[1..].iter().all(|(_, _, means)| means(one));
    let meant: BTreeSet<String> = ids(everybody.iter().filter(each));
    customer.change_settings(json!({ "scope": all })).await;
    first_sync(&scene, &customer).await;
    assert!(linked(&customer).await.is_subset(&meant), "SY-16");
    assert_eq!(verdict(&all).await, meant.len() as u64, "SY-16");
}

/// SY-18 who matches anew comes with the hourly run; SY-31 edits of the filters act on later syncs.
#[tokio::test(flavor = "multi_thread")]
async fn sy_18_new_people_come_with_the_hourly_run() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    save_preset(&scene, &customer, "syncro", json!({})).await;
    first_sync(&scene, &customer).await;
    let newcomer = json!({"userPrincipalName": "new@contoso.example", "displayName": "New"});
    let newcomer = scene.sim.create_user(scene.tenant, newcomer).unwrap().to_string();
    scene.settle().await;
    assert_eq!(customer.contact_of(&newcomer).await, None, "not between the runs");
    scene.pass_time(Duration::from_secs(3_601));
    let what = "the hourly run makes the contact";
    eventually(what, async || customer.contact_of(&newcomer).await).await;
    scene.settle().await;
    let runs = customer.runs_of("full").await;
    assert_eq!(runs[0]["trigger"], "schedule", "{runs:?}");
}

/// SY-22: the fixed list of details; bettered: any of them may be mapped otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn sy_22_a_fixed_list_of_details_that_can_be_mapped_otherwise() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    let person = customer.people_in_scope().remove(0);
    let details = json!({
        "displayName": "Ada King", "givenName": "Ada", "surname": "King", "jobTitle": "Countess",
        "businessPhones": ["+44 1"], "mobilePhone": "+44 2", "streetAddress": "12 St James's Square",
        "city": "London", "state": "England", "postalCode": "SW1Y 4JH", "department": "Not synced",
    });
    customer.edit(person.id(), details);
    save_preset(&scene, &customer, "syncro", json!({})).await;
    first_sync(&scene, &customer).await;
    let expected = json!({
        "email": person.address(), "displayName": "Ada King", "firstName": "Ada", "lastName": "King",
        "jobTitle": "Countess", "businessPhone": "+44 1", "mobilePhone": "+44 2",
        "streetAddress": "12 St James's Square", "city": "London", "state": "England",
        "postalCode": "SW1Y 4JH",
    });
    let fields = async || customer.linked_contact(person.id()).await["fields"].clone();
    assert_eq!(fields().await, expected);
    let source = "Join(', ', [jobTitle], [department])";
    customer.change_mapping("jobTitle", json!({"source": source})).await;
    customer.sync_now().await;
    assert_eq!(fields().await["jobTitle"], "Countess, Not synced");
}
