//! Records that fail: tried again with growing gaps, parked for a person, and well again by themselves.

use contact_sync_flows::{Customer, Person, Scene};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

async fn failures(scene: &Scene, customer: &Customer<'_>) -> Vec<Value> {
    scene.rest().list(&customer.path("/failures")).await
}

async fn failure_of(scene: &Scene, customer: &Customer<'_>, user: &str) -> Option<Value> {
    failures(scene, customer).await.into_iter().find(|failed| failed["objectId"] == user)
}

/// Two linked people, of whom the second got the first one's address in Entra and fails for it.
async fn who_fails(scene: &Scene) -> (Customer<'_>, Person, Person) {
    let customer = scene.synced().await;
    let linked = customer.contacts_by_user().await;
    let mut people = customer.people_in_scope();
    people.retain(|person| linked.contains_key(person.id()));
    let (owner, other) = (people[0].clone(), people[1].clone());
    customer.edit(other.id(), json!({"mail": owner.address()}));
    scene.settle().await;
    (customer, owner, other)
}

fn hours(failed: &Value, from: &str, to: &str) -> i64 {
    let at = |name: &str| failed[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    at(to).duration_since(at(from)).as_hours()
}

/// E9: a record that fails for a month is neither tried every minute nor forgotten: the gaps grow, it is
/// parked with what helps, and the next full run finds it mended without anybody pressing anything.
#[tokio::test(flavor = "multi_thread")]
async fn who_fails_is_tried_after_growing_gaps_parked_in_the_end_and_well_by_himself_once_mended() {
    let scene = Scene::with_users(15).await;
    let (customer, owner, other) = who_fails(&scene).await;
    let failed = failure_of(&scene, &customer, other.id()).await.unwrap();
    assert_eq!((&failed["attempts"], &failed["parked"]), (&json!(1), &json!(false)), "{failed}");
    assert_eq!(hours(&failed, "firstAt", "nextAt"), 6, "{failed}");
    assert!(failed["reason"].as_str().unwrap().contains("e-mail"), "{failed}");
    let remedy = failed["remedy"].as_str().unwrap().to_owned();
    assert!(!remedy.is_empty(), "{failed}");

    // Before its time the sweep leaves it alone.
    scene.age_failures(&customer.connection, SignedDuration::from_hours(5)).await;
    scene.sweep().await;
    assert_eq!(failure_of(&scene, &customer, other.id()).await.unwrap()["attempts"], 1);
    let mut attempts = 1;
    for (later, next) in [(2, 12), (6, 24), (12, 48), (24, 72)] {
        scene.age_failures(&customer.connection, SignedDuration::from_hours(later)).await;
        scene.sweep().await;
        attempts += 1;
        let failed = failure_of(&scene, &customer, other.id()).await.unwrap();
        assert_eq!((&failed["attempts"], &failed["parked"]), (&json!(attempts), &json!(false)));
        assert_eq!(hours(&failed, "firstAt", "nextAt"), next, "{failed}");
        assert_eq!(failed["remedy"], remedy.as_str(), "what helps is said each time");
    }

    // After four weeks it is parked: no sweep tries it, however much time passes.
    scene.age_failures(&customer.connection, SignedDuration::from_hours(24 * 28)).await;
    scene.sweep().await;
    let parked = failure_of(&scene, &customer, other.id()).await.unwrap();
    assert_eq!((&parked["parked"], &parked["nextAt"]), (&json!(true), &Value::Null), "{parked}");
    assert_eq!(parked["remedy"], remedy.as_str());
    scene.age_failures(&customer.connection, SignedDuration::from_hours(24 * 7)).await;
    scene.sweep().await;
    let still = failure_of(&scene, &customer, other.id()).await.unwrap();
    assert_eq!(still["attempts"], parked["attempts"], "nobody tries who is parked");

    // The address becomes free; the next full run, which nobody has to tell of it, finds him well.
    let address = other.address().to_owned();
    customer.edit(owner.id(), json!({"mail": "elsewhere@contoso.example"}));
    scene.settle().await;
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "failed", "{run}");
    let contact = customer.linked_contact(other.id()).await;
    assert_eq!(contact["fields"]["email"], owner.address(), "{}", scene.story());
    assert_ne!(contact["fields"]["email"], address.as_str());
    assert_eq!(
        failure_of(&scene, &customer, other.id()).await,
        None,
        "and he is no failure any more"
    );
}

/// Who is parked can be tried by whoever mended the cause, without waiting for the night's full run.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_parked_is_tried_when_somebody_asks_and_when_he_changes() {
    let scene = Scene::with_users(15).await;
    let (customer, owner, other) = who_fails(&scene).await;
    let park = async || {
        scene.age_failures(&customer.connection, SignedDuration::from_hours(24 * 29)).await;
        scene.sweep().await;
        let parked = failure_of(&scene, &customer, other.id()).await.unwrap();
        assert_eq!(parked["parked"], true, "{parked}");
    };
    park().await;
    let retry = customer.path(&format!("/failures/{}/retry", other.id()));
    let run = scene.rest().post(&retry, &json!({})).await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    assert_eq!(run["counts"]["failed"], 1, "nothing was mended yet: {run}");
    assert_eq!(failure_of(&scene, &customer, other.id()).await.unwrap()["parked"], true);

    customer.edit(other.id(), json!({"mail": "own@contoso.example"}));
    scene.settle().await;
    let contact = customer.linked_contact(other.id()).await;
    assert_eq!(contact["fields"]["email"], "own@contoso.example", "{}", scene.story());
    assert_eq!(failure_of(&scene, &customer, other.id()).await, None);
    let owner = customer.linked_contact(owner.id()).await;
    assert_eq!(owner["link"]["state"], "linked", "whose address it was never lost it");
}
