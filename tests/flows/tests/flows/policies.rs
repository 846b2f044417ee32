//! What an admin decides, and that it holds.

use contact_sync_flows::{Customer, Scene, assert_gapless};
use serde_json::{Value, json};

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

/// HF-13 name and address, HF-14 from the principal name, HF-20 the name once, HF-21 all users; daily
/// and nothing between (HF-27), nobody ever removed (HF-29).
#[tokio::test(flavor = "multi_thread")]
async fn the_happyfox_preset_syncs_as_that_product_does() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let presets = scene.rest().list("/v1/presets").await;
    let preset = presets.iter().find(|preset| preset["id"] == "happyfox").unwrap();
    customer.change_settings(preset["settings"].clone()).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "succeeded", "principal names are unique: {run}");

    let members: Vec<_> = customer.directory().into_iter().collect();
    let members = members.iter().filter(|person| person.text("userType") != Some("Guest"));
    let contacts = customer.contacts_by_user().await;
    assert_eq!(contacts.len(), members.clone().count(), "blocked accounts are synced too");
    for person in members {
        let fields = &contacts[person.id()]["fields"];
        assert_eq!(fields["email"], person.upn());
        assert_eq!(fields.as_object().unwrap().len(), 2, "address and name, no more: {fields}");
    }

    // Between runs nothing happens; the name is written once; nobody is ever taken away.
    let person = customer.people_in_scope().remove(0);
    let gone = customer.people_in_scope().remove(1);
    let before = customer.contacts().await;
    let upn = "renamed@contoso.example";
    customer.edit(person.id(), json!({"displayName": "Renamed", "userPrincipalName": upn}));
    scene.sim.delete_user(scene.tenant, gone.id()).unwrap();
    scene.settle().await;
    assert_eq!(customer.contacts().await, before, "changes wait for the daily run");
    let run = customer.sync_now().await;
    assert_eq!((&run["status"], &run["counts"]["removed"]), (&json!("succeeded"), &json!(0)));
    let fields = customer.linked_contact(person.id()).await["fields"].clone();
    assert_eq!(fields["email"], upn);
    assert_eq!(fields["displayName"], person.text("displayName").unwrap());
    assert_eq!(customer.contacts().await.len(), before.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_made_by_hand_are_taken_over_only_as_the_admin_allows() {
    for (link, status, happened) in [
        ("fail", "partial", "failed"),
        ("off", "succeeded", "skipped"),
        ("review", "succeeded", "waiting for review"),
    ] {
        let scene = Scene::with_users(9).await;
        let customer = scene.connected().await;
        let person = customer.people_in_scope().remove(0);
        let local = customer.create_contact(json!({"email": person.address()})).await;
        customer.change_settings(json!({"policies": {"link": link}})).await;
        let run = first_sync(&scene, &customer).await;
        assert_eq!(run["status"], status, "{link}: {run}");
        let path = customer.account_path(&format!("/contacts/{}", local["id"].as_str().unwrap()));
        let kept = scene.rest().get(&path).await.expect(200).json();
        assert_eq!(kept, local, "{link}: the contact made by hand is untouched");
        assert_eq!(customer.contact_of(person.id()).await, None, "{link}");
        let rows = customer.extended_report(run["id"].as_str().unwrap()).await;
        let row = rows.iter().find(|row| row.cell("Object Id") == person.id()).unwrap();
        assert_eq!(row.cell("What Happened"), happened, "{link}: {row:?}");
        assert!(!row.cell("Reason").is_empty(), "{link}: {row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_review_is_counted_and_changes_nothing() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    customer.change_settings(json!({"policies": {"create": "review"}})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["counts"]["created"], 0, "{run}");
    assert!(run["counts"]["awaitingReview"].as_u64().unwrap() > 5, "{run}");
    assert_eq!(customer.contacts().await, Vec::<Value>::new());

    customer.change_settings(json!({"policies": {"create": "auto", "update": "review"}})).await;
    customer.sync_now().await;
    let before = customer.contacts().await;
    assert!(!before.is_empty());
    let person = customer.people_in_scope().remove(0);
    customer.edit(person.id(), json!({"jobTitle": "Waits"}));
    scene.settle().await;
    assert_eq!(customer.contacts().await, before);
    assert_eq!(customer.runs_of("delta").await[0]["counts"]["awaitingReview"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_follows_its_own_policy() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    for (target, policy) in
        [("jobTitle", "createOnly"), ("department", "fillIfEmpty"), ("officeLocation", "never")]
    {
        customer.change_mapping(target, json!({"policy": policy})).await;
    }
    let cleared = json!({"whenEmpty": "default", "default": "+49 0"});
    customer.change_mapping("mobilePhone", cleared).await;
    let person = customer.people_in_scope().remove(0);
    let all = json!({"jobTitle": "First", "department": "First", "officeLocation": "First", "mobilePhone": "+49 1"});
    customer.edit(person.id(), all);
    first_sync(&scene, &customer).await;
    let fields = customer.linked_contact(person.id()).await["fields"].clone();
    assert_eq!((&fields["jobTitle"], &fields["department"]), (&json!("First"), &json!("First")));
    assert_eq!(fields["officeLocation"], Value::Null, "never");
    let all = json!({"jobTitle": "Second", "department": "Second", "officeLocation": "Second", "mobilePhone": null});
    customer.edit(person.id(), all);
    scene.settle().await;
    let fields = customer.linked_contact(person.id()).await["fields"].clone();
    assert_eq!((&fields["jobTitle"], &fields["department"]), (&json!("First"), &json!("First")));
    assert_eq!(fields["officeLocation"], Value::Null, "never");
    assert_eq!(fields["mobilePhone"], "+49 0", "the default stands in");
}

#[tokio::test(flavor = "multi_thread")]
async fn unlocked_fields_keep_a_persons_edit_until_the_directory_changes() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    customer.change_settings(json!({"policies": {"lockManaged": false}})).await;
    first_sync(&scene, &customer).await;
    let person = customer.people_in_scope().remove(0);
    let contact = customer.linked_contact(person.id()).await;
    let path = customer.account_path(&format!("/contacts/{}", contact["id"].as_str().unwrap()));
    let edit = json!({"fields": {"jobTitle": "By hand"}});
    let headers = [("if-match", "*")];
    scene.rest().send(reqwest::Method::PATCH, &path, &headers, Some(&edit)).await.expect(200);
    customer.sync_now().await;
    let title = customer.linked_contact(person.id()).await["fields"]["jobTitle"].clone();
    assert_eq!(title, "By hand", "the edit stands");
    customer.edit(person.id(), json!({"department": "Elsewhere"}));
    scene.settle().await;
    let fields = customer.linked_contact(person.id()).await["fields"].clone();
    assert_eq!(
        (&fields["jobTitle"], &fields["department"]),
        (&json!("By hand"), &json!("Elsewhere"))
    );
    // Other rules decide everybody anew.
    customer.change_mapping("officeLocation", json!({"policy": "fillIfEmpty"})).await;
    customer.sync_now().await;
    let title = customer.linked_contact(person.id()).await["fields"]["jobTitle"].clone();
    assert_eq!(title, "By hand", "the directory never asked for another title");
    customer.edit(person.id(), json!({"jobTitle": "By Entra"}));
    scene.settle().await;
    let title = customer.linked_contact(person.id()).await["fields"]["jobTitle"].clone();
    assert_eq!(title, "By Entra");
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_does_what_its_policy_names() {
    for (action, state) in [("unlink", "unlinked"), ("deactivate", "inactive"), ("delete", "gone")]
    {
        let scene = Scene::with_users(12).await;
        let customer = scene.connected().await;
        let removal = json!({"softDeleted": action, "disabled": action});
        customer.change_settings(json!({"policies": {"removal": removal}})).await;
        first_sync(&scene, &customer).await;
        let people = customer.people_in_scope();
        let (leaver, blocked) = (people[0].id(), people[1].id());
        let mut contacts = Vec::new();
        for user in [leaver, blocked] {
            contacts.push(customer.linked_contact(user).await["id"].as_str().unwrap().to_owned());
        }
        scene.sim.delete_user(scene.tenant, leaver).unwrap();
        customer.edit(blocked, json!({"accountEnabled": false}));
        scene.settle().await;
        for contact in &contacts {
            let path = customer.account_path(&format!("/contacts/{contact}"));
            let reply = scene.rest().get(&path).await;
            match state {
                "gone" => assert_eq!(reply.status.as_u16(), 404, "{action}: {}", reply.text),
                "inactive" => assert_eq!(reply.json()["status"], "inactive", "{action}"),
                _ => assert_eq!(reply.json()["link"], Value::Null, "{action}: {}", reply.text),
            }
        }
        // Both come back to the contact they had.
        scene.sim.restore_user(scene.tenant, leaver).unwrap();
        customer.edit(blocked, json!({"accountEnabled": true}));
        scene.settle().await;
        for (user, contact) in [leaver, blocked].into_iter().zip(&contacts) {
            let again = customer.linked_contact(user).await;
            assert_eq!(again["id"], contact.as_str(), "{action}");
            assert_eq!(
                (&again["status"], &again["link"]["state"]),
                (&json!("active"), &json!("linked"))
            );
        }
        assert_gapless(&customer.events().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_ignored_or_in_another_department_is_left_alone() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let ignored = people.iter().find(|person| person.text("department") == Some("Sales")).unwrap();
    let scope = json!({"departments": {"any": ["SALES"]}, "ignoredUsers": [ignored.id()]});
    customer.change_settings(json!({"scope": scope})).await;
    let run = first_sync(&scene, &customer).await;
    let contacts = customer.contacts_by_user().await;
    for person in &people {
        let meant = person.text("department") == Some("Sales") && person.id() != ignored.id();
        assert_eq!(contacts.contains_key(person.id()), meant, "{person:?}");
    }
    let rows = customer.extended_report(run["id"].as_str().unwrap()).await;
    let row = rows.iter().find(|row| row.cell("Object Id") == ignored.id()).unwrap();
    assert!(row.cell("Reason").contains("ignore list"), "{row:?}");

    // A transfer moves somebody in, and somebody out, who keeps the contact.
    let joiner = people.iter().find(|person| person.text("department") == Some("Support")).unwrap();
    let leaver = contacts.keys().next().unwrap();
    customer.edit(joiner.id(), json!({"department": "Sales"}));
    customer.edit(leaver, json!({"department": "Support"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(joiner.id()).await["link"]["state"], "linked");
    assert_eq!(customer.linked_contact(leaver).await["link"]["state"], "outOfScope");
}
