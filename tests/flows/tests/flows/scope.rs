//! Whom sync means, end to end: every dimension, what edits of it do, and what it costs Graph.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_flows::{Customer, Person, Scene};
use serde_json::{Value, json};

async fn linked(customer: &Customer<'_>) -> BTreeSet<String> {
    let contacts = customer.contacts_by_user().await.into_iter();
    let linked = contacts.filter(|(_, contact)| contact["link"]["state"] == "linked");
    linked.map(|(user, _)| user).collect()
}

fn ids<'p>(people: impl IntoIterator<Item = &'p Person>) -> BTreeSet<String> {
    people.into_iter().map(|person| person.id().to_owned()).collect()
}

async fn enabled(customer: &Customer<'_>, scope: Value) -> Value {
    customer.change_settings(json!({ "scope": scope })).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await
}

/// SY-11 to SY-16: a person must meet all selected criteria; SY-17: what comes later is meant too.
#[tokio::test(flavor = "multi_thread")]
async fn sy_16_all_dimensions_are_anded_and_sy_17_all_includes_what_comes_later() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let department = people[0].text("department").unwrap().to_owned();
    let scope = json!({
        "departments": {"any": [department]}, "domains": {"any": ["contoso.example"]},
        "officeLocations": "all", "expression": "[accountEnabled] eq true and [mail] ne null",
    });
    enabled(&customer, scope).await;
    scene.settle().await;
    let meant = |person: &&Person| {
        person.text("department") == Some(&department)
            && person.text("mail").is_some_and(|mail| mail.ends_with("@contoso.example"))
    };
    let expected = ids(people.iter().filter(meant));
    assert!(linked(&customer).await.is_superset(&expected), "{}", scene.story());
    let others = ids(people.iter().filter(|person| !meant(person)));
    assert!(linked(&customer).await.is_disjoint(&others));

    let mover = expected.iter().next().unwrap().clone();
    customer.edit(&mover, json!({"officeLocation": "An office of tomorrow"}));
    scene.settle().await;
    let moved = customer.linked_contact(&mover).await;
    assert_eq!(moved["fields"]["officeLocation"], "An office of tomorrow");
    assert_eq!(moved["link"]["state"], "linked");
}

/// SY-31: edits act on future syncs; SY-32: who no longer matches is kept; SY-33: new ones only if
/// they match.
#[tokio::test(flavor = "multi_thread")]
async fn sy_32_who_no_longer_matches_is_not_deleted_merely_no_longer_updated() {
    let scene = Scene::with_users(30).await;
    let customer = scene.synced().await;
    let before = linked(&customer).await;
    let people = customer.people_in_scope();
    let department = people[0].text("department").unwrap().to_owned();
    let scope = json!({"expression": format!("[department] eq '{department}'")});
    customer.change_settings(json!({ "scope": scope })).await;
    scene.settle().await;
    assert_eq!(linked(&customer).await, before, "an edit waits for the next run");
    customer.sync_now().await;
    let left = people.iter().find(|person| person.text("department") != Some(&department)).unwrap();
    let kept = customer.linked_contact(left.id()).await;
    assert_eq!(kept["link"]["state"], "outOfScope");
    customer.edit(left.id(), json!({"jobTitle": "Elsewhere"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(left.id()).await["fields"], kept["fields"]);

    customer.edit(left.id(), json!({"department": department}));
    scene.settle().await;
    let back = customer.linked_contact(left.id()).await;
    assert_eq!(back["link"]["state"], "linked", "who returns is linked again");
    assert_eq!(back["fields"]["jobTitle"], "Elsewhere");
}

/// LY-7, HF-22: one dedicated group of a large directory.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_people_of_a_directory_of_five_thousand_cost_a_handful_of_requests() {
    let scene = Scene::with_users(5_000).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let group = scene.sim.create_group(scene.tenant, "Telephony").unwrap();
    for person in people.iter().take(50) {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let scope = json!({"groups": {"any": [group]}});
    customer.change_settings(json!({ "scope": scope })).await;
    let plan = scene.rest().get(&customer.path("/query-plan")).await.expect(200).json();
    assert_eq!(plan["reading"], "members", "{plan}");
    assert_eq!(plan["peopleInGroups"], 50);

    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!((&run["reading"], &run["counts"]["created"]), (&json!("members"), &json!(50)));
    let asked = run["graph"]["requests"].as_u64().unwrap();
    assert!(asked <= plan["cost"]["requests"].as_u64().unwrap(), "{asked} and {plan}");
    assert!(plan["directory"]["requests"].as_u64().unwrap() > asked, "{plan}");
    assert_eq!(linked(&customer).await, ids(people.iter().take(50)));

    // What changes is followed as ever.
    let someone = people[0].id();
    customer.edit(someone, json!({"jobTitle": "On the phone"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(someone).await["fields"]["jobTitle"], "On the phone");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_is_not_here_is_told_clause_by_clause() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    let person = customer.people_in_scope().remove(0);
    let scope = json!({"departments": {"any": ["Nobody's"]}, "expression": "[city] eq 'Nowhere'"});
    enabled(&customer, scope).await;
    scene.settle().await;
    let path = customer.path(&format!("/explain?user={}", person.upn()));
    let told = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(told["user"]["objectId"], person.id());
    let clauses = told["scope"]["clauses"].as_array().unwrap();
    let out: Vec<&Value> = clauses.iter().filter(|one| one["verdict"] == "out").collect();
    assert_eq!(out.len(), 2, "not only the first that decides: {told}");
    assert_eq!(
        (&out[0]["clause"], &out[1]["clause"]),
        (&json!("departments"), &json!("expression"))
    );
    assert_eq!(told["decision"]["outcome"], "skipped");
    assert_eq!(told["decision"]["reason"], out[0]["because"]);

    customer.change_settings(json!({"scope": {"departments": "all", "expression": null}})).await;
    let told = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(told["decision"]["outcome"], "create", "{told}");
    let email = told["mapping"].as_array().unwrap().iter().find(|row| row["target"] == "email");
    assert_eq!(email.unwrap()["value"], person.address());
    assert_eq!(customer.contact_of(person.id()).await, None, "nothing is written");
    let nobody = customer.path("/explain?user=nobody@contoso.example");
    assert_eq!(scene.rest().get(&nobody).await.expect(200).json()["found"], false);
}

/// SY-10: check-box lists, filled from the directory.
#[tokio::test(flavor = "multi_thread")]
async fn pickers_offer_the_directorys_own_values_with_counts() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let path = customer.path("/directory/values?property=department");
    let told = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(told["complete"], true, "{told}");
    let people = customer.directory();
    let first = &told["items"][0];
    let of_first = people.iter().filter(|one| one.text("department") == first["value"].as_str());
    assert_eq!(first["count"], of_first.count(), "{told}");
    let asked = scene.sim.requests(10_000).len();
    scene.rest().get(&customer.path("/directory/values?property=userType")).await.expect(200);
    assert_eq!(scene.sim.requests(10_000).len(), asked, "what was read is kept");
    let wrong = customer.path("/directory/values?property=shoeSize");
    assert_eq!(scene.rest().get(&wrong).await.expect(422).pointers(), ["/property"]);
}

/// SY-10: a picker that says 40 where the directory has 41 loses somebody whom nobody then chooses.
#[tokio::test(flavor = "multi_thread")]
async fn every_count_of_a_picker_is_the_directorys_own_number() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let people = customer.directory();
    for property in ["department", "officeLocation", "userType", "country", "jobTitle"] {
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        // Who has no user type is a member.
        let or_member = (property == "userType").then_some("Member");
        for value in people.iter().filter_map(|person| person.text(property).or(or_member)) {
            *expected.entry(value.trim().to_lowercase()).or_default() += 1;
        }
        let path = customer.path(&format!("/directory/values?property={property}&limit=200"));
        let told = scene.rest().get(&path).await.expect(200).json();
        let items = told["items"].as_array().unwrap();
        let counts: BTreeMap<String, u64> = items
            .iter()
            .map(|one| {
                (one["value"].as_str().unwrap().to_lowercase(), one["count"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(counts, expected, "{property}");
        assert!(items.is_sorted_by_key(|one| std::cmp::Reverse(one["count"].as_u64())), "{told}");
        let with = expected.values().sum::<u64>();
        assert_eq!(told["people"], people.len(), "{property}");
        assert_eq!(told["without"], people.len() as u64 - with, "{property}");
        assert_eq!((&told["complete"], &told["leftOut"]), (&json!(true), &json!(0)), "{property}");
    }
}

/// C7: nobody keeps two hundred contractors on a list by hand: their group is ignored, whoever joins it
/// is followed no more, and whoever leaves it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_an_ignored_group_is_left_alone_for_as_long_as_he_is_in_it() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let group = scene.sim.create_group(scene.tenant, "Contractors").unwrap();
    for person in &people[..2] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    enabled(&customer, json!({"ignoredGroups": [group]})).await;
    scene.settle().await;
    let ours = ids(&people[2..]);
    assert!(linked(&customer).await.is_superset(&ours), "everybody else");
    assert!(linked(&customer).await.is_disjoint(&ids(&people[..2])), "{}", scene.story());
    let explain = customer.path(&format!("/explain?user={}", people[0].id()));
    let told = scene.rest().get(&explain).await.expect(200).json();
    assert_eq!(told["decision"]["outcome"], "skipped", "{told}");
    let clauses = told["scope"]["clauses"].as_array().unwrap();
    let clause = clauses.iter().find(|one| one["verdict"] == "out").unwrap();
    assert_eq!(clause["clause"], "ignoredGroups", "{told}");

    scene.sim.remove_member(scene.tenant, group, people[0].id()).unwrap();
    scene.sim.add_member(scene.tenant, group, people[2].id()).unwrap();
    customer.sync_now().await;
    let now = linked(&customer).await;
    assert!(now.contains(people[0].id()), "who left it is synced: {}", scene.story());
    assert!(!now.contains(people[2].id()), "who joined it is followed no more");
    let kept = customer.linked_contact(people[2].id()).await;
    assert_eq!(kept["link"]["state"], "outOfScope", "and keeps the contact: {kept}");
}

/// C10: who is on leave is shown as inactive instead of vanishing, and is back with the account.
#[tokio::test(flavor = "multi_thread")]
async fn blocked_accounts_are_inactive_contacts_where_the_settings_say_so() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (person, blocked) = (&people[0], &people[1]);
    customer.edit(blocked.id(), json!({"accountEnabled": false}));
    enabled(&customer, json!({"disabledAccounts": "includeAsInactive"})).await;
    scene.settle().await;
    let state = async |user: &str| {
        let contact = customer.linked_contact(user).await;
        (contact["status"].clone(), contact["link"]["state"].clone())
    };
    let (inactive, active) =
        ((json!("inactive"), json!("linked")), (json!("active"), json!("linked")));
    assert_eq!(state(blocked.id()).await, inactive, "made as inactive");
    assert_eq!(state(person.id()).await, active);
    let before = customer.linked_contact(person.id()).await;
    customer.edit(person.id(), json!({"accountEnabled": false, "jobTitle": "On leave"}));
    customer.edit(blocked.id(), json!({"accountEnabled": true}));
    scene.settle().await;
    assert_eq!(state(person.id()).await, inactive, "{}", scene.story());
    assert_eq!(state(blocked.id()).await, active);
    let now = customer.linked_contact(person.id()).await;
    assert_eq!((&now["id"], &now["fields"]["jobTitle"]), (&before["id"], &json!("On leave")));
    customer.edit(person.id(), json!({"accountEnabled": true}));
    scene.settle().await;
    assert_eq!(state(person.id()).await, active);
}
