//! Resets: what somebody wrote past the product is put right, of one person, of a group, of all.

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use crate::teams::group;

async fn reset(scene: &Scene, customer: &Customer<'_>, what: Value) -> Value {
    let run = scene.rest().post(&customer.path("/reset"), &what).await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!((&run["trigger"], &run["status"]), (&json!("reset"), &json!("succeeded")), "{run}");
    run
}

async fn title(customer: &Customer<'_>, user: &str) -> Value {
    customer.linked_contact(user).await["fields"]["jobTitle"].clone()
}

/// E13: a script went over the table. A full run takes what it knows as unchanged for right; a reset of
/// one person, then of a group with the group inside it, puts right exactly these, and every link stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_spoiled_in_the_table_is_put_right_for_one_person_for_a_group_and_for_all() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    let mut people = customer.people_in_scope();
    people.truncate(5);
    for person in &people {
        customer.edit(person.id(), json!({"jobTitle": "Right"}));
    }
    scene.settle().await;
    let before = customer.contacts_by_user().await;
    let inner = group(&scene, "Inner", &[&people[2]]);
    let outer = group(&scene, "Outer", &[&people[1]]);
    scene.sim.add_member(scene.tenant, outer, inner).unwrap();
    for person in &people {
        let contact = before[person.id()]["id"].as_str().unwrap();
        assert_eq!(before[person.id()]["fields"]["jobTitle"], "Right");
        scene.tamper_with_title(contact, "Spoiled").await;
    }
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["updated"], 0, "{run}");
    assert_eq!(title(&customer, people[0].id()).await, "Spoiled", "a usual run sees no change");

    let run = reset(&scene, &customer, json!({"user": people[0].upn()})).await;
    assert_eq!((&run["user"], &run["counts"]["updated"]), (&json!(people[0].id()), &json!(1)));
    assert_eq!(title(&customer, people[0].id()).await, "Right");
    assert_eq!(title(&customer, people[1].id()).await, "Spoiled", "nobody else is touched");

    let run = reset(&scene, &customer, json!({"group": outer})).await;
    assert_eq!((&run["group"], &run["counts"]["updated"]), (&json!(outer), &json!(2)), "{run}");
    for person in &people[1..3] {
        assert_eq!(
            title(&customer, person.id()).await,
            "Right",
            "in the group or the one inside it"
        );
    }
    assert_eq!(title(&customer, people[3].id()).await, "Spoiled", "who is in neither waits");

    let run = reset(&scene, &customer, json!({"all": true})).await;
    assert_eq!(run["counts"]["updated"], 2, "{run}");
    let after = customer.contacts_by_user().await;
    assert_eq!(after.len(), before.len());
    for (user, contact) in &before {
        let now = &after[user];
        assert_eq!((&now["id"], &now["fields"]), (&contact["id"], &contact["fields"]));
        assert_eq!(now["link"]["state"], contact["link"]["state"], "links are kept");
    }
}
