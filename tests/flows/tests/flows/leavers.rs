//! Leavers over time: who goes by way of the recycle bin, and whose days of grace begin before a
//! connection rests and end after it.

use contact_sync_flows::{Customer, Person, Scene};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::removals::{delete, deleting, removals};
use crate::reviews::{about, decide};

fn purge(scene: &Scene, people: &[Person]) {
    for person in people {
        scene.sim.purge_user(scene.tenant, person.id()).unwrap();
    }
}

async fn link(customer: &Customer<'_>, person: &Person) -> Value {
    customer.linked_contact(person.id()).await["link"].clone()
}

/// Entra keeps whoever is deleted for 30 days; what the settings say of those who are gone for good
/// is done then.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_and_a_month_later_gone_for_good_goes_as_the_settings_say_of_either() {
    let scene = Scene::with_users(30).await;
    let removal = json!({"softDeleted": "deactivate", "hardDeleted": "delete"});
    let (customer, people) = deleting(&scene, removal).await;
    delete(&scene, &people[2..5]);
    scene.settle().await;
    for person in &people[2..5] {
        let contact = customer.linked_contact(person.id()).await;
        assert_eq!(contact["status"], "inactive", "{contact}");
        let link = &contact["link"];
        assert_eq!((&link["state"], &link["cause"]), (&json!("removed"), &json!("softDeleted")));
    }
    // One is told by a notification; of the other nobody tells, and the full run finds out.
    purge(&scene, &people[2..3]);
    scene.settle().await;
    assert_eq!(customer.contact_of(people[2].id()).await, None, "{}", scene.story());
    customer.act("pause").await.expect(202);
    purge(&scene, &people[3..4]);
    scene.settle().await;
    let run = customer.act("resume").await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    assert_eq!(run["counts"]["removed"], 1, "{run}");
    assert_eq!(customer.contact_of(people[3].id()).await, None, "{}", scene.story());
    assert_eq!(link(&customer, &people[4]).await["cause"], "softDeleted", "he is in the bin");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_and_days_of_grace_are_there_for_those_who_are_gone_for_good_too() {
    let scene = Scene::with_users(30).await;
    let removal = json!({"softDeleted": "stopUpdating", "hardDeleted": "delete"});
    let (customer, people) = deleting(&scene, removal).await;
    let contacts = customer.contacts().await.len();
    delete(&scene, &people[2..10]);
    scene.settle().await;
    assert!(removals(&scene, &customer).await.is_empty(), "nobody is asked");
    purge(&scene, &people[2..9]);
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), contacts, "seven at once are too many");
    let held = removals(&scene, &customer).await;
    assert_eq!(held.len(), 7, "{held:?}");
    for item in &held {
        assert_eq!((&item["held"], &item["cause"]), (&json!(true), &json!("hardDeleted")));
    }
    let item = about(&scene, &customer, "removals", people[2].id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    scene.settle().await;
    assert_eq!(customer.contact_of(people[2].id()).await, None, "{}", scene.story());
    let item = about(&scene, &customer, "removals", people[3].id()).await;
    decide(&scene, &customer, &item, json!({"action": "keep"})).await.expect(202);

    // The last one gets days of grace.
    let removal = json!({"softDeleted": "stopUpdating", "hardDeleted": "delete", "graceDays": 3});
    customer.change_settings(json!({"policies": {"removal": removal}})).await;
    purge(&scene, &people[9..10]);
    scene.settle().await;
    let told = link(&customer, &people[9]).await;
    assert_eq!((&told["planned"], &told["cause"]), (&json!("delete"), &json!("hardDeleted")));
    let item = about(&scene, &customer, "removals", people[9].id()).await;
    assert_eq!(item["actsAt"], told["actsAt"], "{item}");
    let kept = customer.linked_contact(people[3].id()).await;
    assert_eq!(kept["status"], "active", "whoever was spared is asked about no more");
}

/// Somebody leaves with three days of grace.
async fn with_grace(scene: &Scene) -> (Customer<'_>, Vec<Person>) {
    let removal = json!({"softDeleted": "delete", "hardDeleted": "delete", "graceDays": 3});
    let (customer, people) = deleting(scene, removal).await;
    delete(scene, &people[2..4]);
    scene.settle().await;
    assert_eq!(link(&customer, &people[2]).await["planned"], "delete");
    (customer, people)
}

/// A7, A8: what people were told of a contact comes about although the connection rested meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn days_of_grace_outlast_a_connection_that_is_disabled_or_disconnected_and_comes_back() {
    for action in ["disable", "disconnect"] {
        let scene = Scene::with_users(20).await;
        let (customer, people) = with_grace(&scene).await;
        let told = link(&customer, &people[2]).await;
        scene.age_removals(&customer.connection, SignedDuration::from_hours(24)).await;
        customer.act(action).await.expect(202);
        scene.settle().await;
        if action == "disconnect" {
            customer.with_new_link().await.connect_tenant().await;
        }
        let run = customer.enable().await;
        customer.wait_for_run(&run).await;
        scene.settle().await;
        assert_eq!(link(&customer, &people[2]).await, told, "{action}");

        // Of one it is approved that he need not wait.
        let item = about(&scene, &customer, "removals", people[3].id()).await;
        decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
        scene.settle().await;
        assert_eq!(customer.contact_of(people[3].id()).await, None, "{action}");
        assert!(customer.contact_of(people[2].id()).await.is_some(), "{action}");

        scene.age_removals(&customer.connection, SignedDuration::from_hours(49)).await;
        scene.sweep().await;
        scene.settle().await;
        let gone = customer.contact_of(people[2].id()).await;
        assert_eq!(gone, None, "{action}\n{}", scene.story());
        assert!(removals(&scene, &customer).await.is_empty(), "{action}");
    }
}
