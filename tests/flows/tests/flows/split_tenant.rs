//! One Microsoft tenant, several organisations: who may connect it, who takes whom.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Person, Scene, in_default_scope};
use entra_sim::SignIn;
use reqwest::Method;
use serde_json::{Value, json};

fn accounts_path(scene: &Scene) -> String {
    format!("/v1/tenants/{}/accounts", scene.tenant)
}

async fn grant(scene: &Scene, customers: &[&Customer<'_>]) {
    let accounts: Vec<&str> = customers.iter().map(|customer| customer.account.as_str()).collect();
    let body = json!({ "accounts": accounts });
    scene.rest().put(&accounts_path(scene), &body).await.expect(200);
}

/// Two customers that share Contoso, not enabled yet.
async fn sharing(scene: &Scene) -> (Customer<'_>, Customer<'_>) {
    let sales = scene.connected().await;
    let research = scene.customer("research").await;
    grant(scene, &[&sales, &research]).await;
    research.connect_tenant().await;
    (sales, research)
}

async fn enable(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    // A shared address or two fail; that is no matter of whose people are whose.
    let is_whole = matches!(ended["status"].as_str(), Some("succeeded" | "partial"));
    assert!(is_whole, "{ended}\n{}", scene.story());
    ended
}

async fn linked(customer: &Customer<'_>) -> BTreeSet<String> {
    let contacts = customer.contacts_by_user().await.into_iter();
    let linked = contacts.filter(|(_, contact)| contact["link"]["state"] == "linked");
    linked.map(|(user, _)| user).collect()
}

/// The most frequent departments of people in scope, and who is in the first.
fn departments(people: &[Person]) -> (String, String) {
    let mut names: Vec<&str> = people.iter().filter_map(|one| one.text("department")).collect();
    names.sort_unstable();
    let count = |name: &str| names.iter().filter(|other| **other == name).count();
    let mut distinct = names.clone();
    distinct.dedup();
    distinct.sort_by_key(|name| std::cmp::Reverse(count(name)));
    (distinct[0].to_owned(), distinct[1].to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_granted_account_may_share_a_tenant() {
    let scene = Scene::with_users(15).await;
    let first = scene.connected().await;
    let second = scene.customer("second").await;
    let refused = second.consent_as(&SignIn::admin(scene.tenant)).await;
    assert_eq!(refused.status.as_u16(), 409, "{}", refused.text());
    assert!(!refused.text().contains(&first.account), "the other account stays unnamed");

    let body = json!({"accounts": [second.account]});
    let left_out = scene.rest().put(&accounts_path(&scene), &body).await.expect(409);
    assert_eq!(left_out.problem(), "tenant-in-use");
    grant(&scene, &[&first, &second]).await;
    second.with_new_link().await.connect_tenant().await;

    let third = scene.customer("third").await;
    let refused = third.consent_as(&SignIn::admin(scene.tenant)).await;
    assert_eq!(refused.status.as_u16(), 409, "{}", refused.text());
    let shown = scene.rest().get(&accounts_path(&scene)).await.expect(200).json();
    let using: Vec<&Value> = shown["accounts"].as_array().unwrap().iter().collect();
    assert_eq!(using.len(), 2, "{shown}");
    assert!(using.iter().all(|one| one["connectionId"].is_string()), "{shown}");
    let own = scene.rest_as(&first.account, "admin");
    assert_eq!(own.get(&accounts_path(&scene)).await.expect(403).problem(), "operators-only");
}

/// SY-7, SY-30: one tenant holds the people of several organisations, each with its own filters.
#[tokio::test(flavor = "multi_thread")]
async fn two_organisations_with_a_department_each_follow_their_own_people_by_one_subscription() {
    let scene = Scene::with_users(60).await;
    let (sales, research) = sharing(&scene).await;
    let people = sales.people_in_scope();
    let (one, other) = departments(&people);
    for (customer, department) in [(&sales, &one), (&research, &other)] {
        let scope = json!({"departments": {"any": [department]}});
        customer.change_settings(json!({"scope": scope})).await;
        enable(&scene, customer).await;
    }
    let of = |department: &str| -> BTreeSet<String> {
        let meant = people.iter().filter(|one| one.text("department") == Some(department));
        meant.map(|one| one.id().to_owned()).collect()
    };
    assert!(linked(&sales).await.is_superset(&of(&one)));
    assert!(linked(&research).await.is_superset(&of(&other)));
    assert!(linked(&sales).await.is_disjoint(&linked(&research).await));
    let users = scene.sim.subscriptions();
    assert_eq!(users.iter().filter(|one| one.resource.contains("users")).count(), 1);

    // Somebody moves from one organisation to the other.
    let moved = of(&one).into_iter().next().unwrap();
    sales.edit(&moved, json!({"department": other}));
    scene.settle().await;
    let left = sales.linked_contact(&moved).await;
    assert_eq!(left["link"]["state"], "outOfScope", "{left}\n{}", scene.story());
    let joined = research.linked_contact(&moved).await;
    assert_eq!(joined["fields"]["department"], json!(other), "{joined}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_whom_both_mean_are_taken_as_routing_says_and_reported_to_the_operator() {
    let scene = Scene::with_users(30).await;
    let (first, second) = sharing(&scene).await;
    enable(&scene, &first).await;
    let taken = linked(&first).await;
    let run = enable(&scene, &second).await;
    assert_eq!(linked(&second).await, BTreeSet::new(), "by default nobody takes what is contested");
    assert_eq!(run["counts"]["created"], 0);
    let rows = second.extended_report(run["id"].as_str().unwrap()).await;
    let contested: Vec<_> =
        rows.iter().filter(|row| row.cell("Reason").contains("Another organisation")).collect();
    assert!(contested.len() >= taken.len(), "{rows:?}");
    assert!(rows.iter().all(|row| !row.cell("Reason").contains(&first.account)), "unnamed");
    assert_eq!(linked(&first).await, taken, "whoever was linked stays");

    let path = format!("/v1/tenants/{}/overlap?limit=5", scene.tenant);
    let report = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(report["shared"]["count"], report["shared"]["contested"], "{report}");
    assert!(report["shared"]["count"].as_u64().unwrap() >= taken.len() as u64, "{report}");
    assert_eq!(report["shared"]["examples"].as_array().unwrap().len(), 5);
    assert!(report["unclaimed"]["count"].as_u64().unwrap() > 0, "guests are meant by nobody");

    // Nobody of an account takes the others' people by a number of its own.
    let own = scene.rest_as(&second.account, "admin");
    let settings = json!({"routing": {"overlap": "first", "priority": 0}});
    let any = [("if-match", "*")];
    let refused = own.send(Method::PUT, &second.path("/settings"), &any, Some(&settings)).await;
    assert_eq!(refused.expect(422).problem(), "invalid-fields");

    // The operator says who goes first; the other's policy would have everybody deleted.
    let removal = json!({"outOfScope": "delete", "leftGroup": "delete"});
    let deletes = json!({"removal": removal, "guard": {"maxCount": 500, "maxPercent": 100}});
    first.change_settings(json!({"policies": deletes})).await;
    for (customer, priority) in [(&first, 2), (&second, 1)] {
        let routing = json!({"overlap": "first", "priority": priority});
        customer.change_settings(json!({"routing": routing})).await;
    }
    second.sync_now().await;
    let run = first.sync_now().await;
    assert!(linked(&second).await.is_superset(&taken), "{}", scene.story());
    assert_eq!(linked(&first).await, BTreeSet::new());
    let kept: BTreeSet<String> = first.contacts_by_user().await.into_keys().collect();
    assert!(kept.is_superset(&taken), "contacts and links are kept, no longer updated");
    let rows = first.extended_report(run["id"].as_str().unwrap()).await;
    let told = rows.iter().filter(|row| row.cell("Reason").contains("takes this person first"));
    assert!(told.count() >= taken.len(), "{rows:?}");
    let report = scene.rest().get(&path).await.expect(200).json();
    let example = &report["shared"]["examples"][0];
    assert_eq!(example["takenBy"], json!([second.account]), "{example}");
    assert_eq!(example["keptBy"], json!([first.account]), "{example}");
    let user = taken.first().unwrap();
    let told = scene.rest().get(&first.path(&format!("/explain?user={user}"))).await.expect(200);
    assert!(told.text.contains("takes this person first"), "{}", told.text);

    for customer in [&first, &second] {
        customer.change_settings(json!({"routing": {"overlap": "both"}})).await;
        customer.sync_now().await;
    }
    assert_eq!(linked(&first).await, linked(&second).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_a_shared_tenant_leaves_the_others_as_they_are() {
    let scene = Scene::with_users(15).await;
    let (first, second) = sharing(&scene).await;
    for customer in [&first, &second] {
        customer.change_settings(json!({"routing": {"overlap": "both"}})).await;
        enable(&scene, customer).await;
    }
    first.act("disconnect").await.expect(202);
    scene.settle().await;
    let user = second.people_in_scope()[0].id().to_owned();
    second.edit(&user, json!({"jobTitle": "Still followed"}));
    scene.settle().await;
    assert_eq!(second.linked_contact(&user).await["fields"]["jobTitle"], "Still followed");
    let rest = scene.rest();
    rest.delete(&first.account_path("")).await.expect(204);
    let shown = rest.get(&accounts_path(&scene)).await.expect(200).json();
    assert_eq!(shown["accounts"].as_array().unwrap().len(), 1, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_the_others_scope_comes_back_without_anybody_asking() {
    let scene = Scene::with_users(30).await;
    let (first, second) = sharing(&scene).await;
    let people = first.people_in_scope();
    let (sales, _) = departments(&people);
    let of_sales: BTreeSet<String> = people
        .iter()
        .filter(|one| one.text("department") == Some(&sales))
        .map(|one| one.id().to_owned())
        .collect();
    let routing = json!({"overlap": "first", "priority": 2});
    first.change_settings(json!({"routing": routing})).await;
    enable(&scene, &first).await;
    let all = linked(&first).await;

    // The other begins: whom it means it takes, and the first learns of it by itself.
    let scope = json!({"departments": {"any": [sales]}});
    second.change_settings(json!({"scope": scope})).await;
    enable(&scene, &second).await;
    scene.settle().await;
    let rest: BTreeSet<String> = all.difference(&of_sales).cloned().collect();
    assert_eq!(linked(&first).await, rest, "{}", scene.story());

    // It means others by now; then it stops altogether.
    let scope = json!({"departments": {"any": ["Nobody's"]}});
    second.change_settings(json!({"scope": scope})).await;
    scene.settle().await;
    assert_eq!(linked(&first).await, all, "{}", scene.story());
    let runs = first.runs_of("full").await.len();
    second.act("disable").await.expect(202);
    scene.settle().await;
    assert_eq!(first.runs_of("full").await.len(), runs + 1, "one more look, and no circle");
}

/// C17: two organisations believe that the other one has somebody. The report counts exactly whom nobody
/// means and whom both do, and says of each why; a number that is off by one hides a person for good.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_counts_exactly_who_is_meant_by_nobody_and_by_both_and_says_why() {
    let scene = Scene::with_users(60).await;
    let (first, second) = sharing(&scene).await;
    let people = first.directory();
    let (one, other) = departments(&first.people_in_scope());
    for (customer, meant) in [(&first, vec![&one, &other]), (&second, vec![&other])] {
        customer.change_settings(json!({"scope": {"departments": {"any": meant}}})).await;
        enable(&scene, customer).await;
    }
    let is_meant = |person: &&Person, departments: &[&String]| {
        in_default_scope(person)
            && departments.iter().any(|name| person.text("department") == Some(name.as_str()))
    };
    let of_first = people.iter().filter(|person| is_meant(person, &[&one, &other])).count();
    let of_second = people.iter().filter(|person| is_meant(person, &[&other])).count();
    let nobodys: Vec<&Person> =
        people.iter().filter(|person| !is_meant(person, &[&one, &other])).collect();
    let is_active = |person: &&&Person| {
        person.text("userType") != Some("Guest")
            && person.attribute("accountEnabled") != &json!(false)
    };
    let gap: BTreeSet<&str> = nobodys.iter().filter(is_active).map(|person| person.id()).collect();
    assert!(of_second > 0 && of_first > of_second && !gap.is_empty() && gap.len() < nobodys.len());

    let path = format!("/v1/tenants/{}/overlap?limit=200", scene.tenant);
    let report = scene.rest().get(&path).await.expect(200).json();
    assert_eq!((&report["complete"], &report["people"]), (&json!(true), &json!(people.len())));
    for (customer, means) in [(&first, of_first), (&second, of_second)] {
        let all = report["connections"].as_array().unwrap();
        let found = all.iter().find(|found| found["accountId"] == customer.account.as_str());
        assert_eq!(found.unwrap()["means"], means, "{report}");
    }
    assert_eq!(report["shared"]["count"], of_second, "{report}");
    let unclaimed = &report["unclaimed"];
    assert_eq!(unclaimed["count"], nobodys.len(), "{report}");
    assert_eq!(unclaimed["activeMembers"], gap.len(), "{report}");
    let examples = unclaimed["examples"].as_array().unwrap();
    let named: BTreeSet<&str> =
        examples.iter().map(|found| found["objectId"].as_str().unwrap()).collect();
    assert_eq!(named, gap, "everybody whom somebody forgot is named");
    for example in examples {
        let because = example["because"].as_array().unwrap();
        assert_eq!(because.len(), 2, "why neither of the two: {example}");
        let told = |found: &Value| found["because"].as_str().unwrap().contains("department");
        assert!(because.iter().all(told), "{example}");
        assert!(example["userPrincipalName"].is_string(), "{example}");
    }
    // Named are as many as were asked for; the numbers stay.
    let few = format!("/v1/tenants/{}/overlap?limit=1", scene.tenant);
    let few = scene.rest().get(&few).await.expect(200).json();
    assert_eq!(few["unclaimed"]["examples"].as_array().unwrap().len(), 1);
    assert_eq!(few["unclaimed"]["count"], nobodys.len());
}
