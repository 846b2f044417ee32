//! People who failed, and one person at a time.

use contact_sync_flows::Scene;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_failed_is_shown_with_what_helps_and_heals_without_a_change_of_its_own() {
    let scene = Scene::with_users(30).await;
    let customer = scene.synced().await;
    // Two of the directory have one address, and one of them fails from the beginning.
    let failing = scene.rest().list(&customer.path("/failures")).await;
    assert_eq!(failing.len(), 1, "{failing:?}");
    let linked = customer.contacts_by_user().await;
    let mut people = customer.people_in_scope();
    people.retain(|person| linked.contains_key(person.id()));
    let (owner, other) = (&people[0], &people[1]);
    let tenant = scene.sim.tenants()[0].id;
    let address = owner.address().to_owned();
    scene.sim.update_user(tenant, other.id(), json!({"mail": address})).unwrap();
    scene.settle().await;
    let failures = scene.rest().list(&customer.path("/failures")).await;
    assert_eq!(failures.len(), 2, "{failures:?}");
    let failed = failures.iter().find(|failed| failed["objectId"] == other.id()).unwrap();
    assert_eq!((&failed["attempts"], &failed["parked"]), (&json!(1), &json!(false)));
    assert!(failed["reason"].is_string() && failed["remedy"].is_string(), "{failed}");

    // A viewer sees it and cannot have it tried.
    let viewer = scene.rest_as(&customer.account, "viewer");
    assert_eq!(viewer.list(&customer.path("/failures")).await.len(), 2);
    let retry = customer.path(&format!("/failures/{}/retry", other.id()));
    viewer.post(&retry, &json!({})).await.expect(403);
    let run = scene.rest().post(&retry, &json!({})).await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    assert_eq!((&run["kind"], &run["counts"]["failed"]), (&json!("user"), &json!(1)), "{run}");
    let stranger = customer.path(&format!("/failures/{}/retry", owner.id()));
    scene.rest().post(&stranger, &json!({})).await.expect(404);

    // The address becomes free; nothing tells of who waits for it.
    scene
        .sim
        .update_user(tenant, owner.id(), json!({"mail": "elsewhere@contoso.example"}))
        .unwrap();
    scene.settle().await;
    scene.let_failures_come_due(&customer.connection).await;
    scene.sweep().await;
    scene.settle().await;
    let contact = customer.linked_contact(other.id()).await;
    assert_eq!(contact["fields"]["email"], address.as_str(), "{}", scene.story());
    let left = scene.rest().list(&customer.path("/failures")).await;
    let who = |failures: &[Value]| -> Vec<Value> {
        failures.iter().map(|failed| failed["objectId"].clone()).collect()
    };
    assert_eq!(who(&left), who(&failing), "only who never could be written is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_synced_on_demand_and_the_steps_are_told() {
    let scene = Scene::with_users(30).await;
    let customer = scene.synced().await;
    let person = customer.people_in_scope().remove(0);
    let runs = customer.path("/runs");
    let ask = async |who: &str| {
        let asked = json!({"kind": "user", "user": who});
        let run = scene.rest().post(&runs, &asked).await.expect(202).run_id();
        customer.wait_for_run(&run).await
    };
    for who in [person.id(), person.upn(), person.address()] {
        let run = ask(who).await;
        assert_eq!((&run["status"], &run["user"]), (&json!("succeeded"), &json!(person.id())));
        assert_eq!(run["counts"]["seen"], 1, "{run}");
        let shown = customer.run(run["id"].as_str().unwrap()).await;
        let steps = shown["steps"].as_array().unwrap();
        let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
        assert_eq!(names, ["import", "scope", "match", "map", "decide"], "{shown}");
    }
    let unknown = json!({"kind": "user", "user": "nobody@contoso.example"});
    scene.rest().post(&runs, &unknown).await.expect(404);
    scene.rest().post(&runs, &json!({"kind": "user"})).await.expect(422);

    // What somebody wrote into the tables is put right by a reset, and by nothing else.
    let reset = customer.path("/reset");
    let operator = scene.rest_as(&customer.account, "operator");
    operator.post(&reset, &json!({"all": true})).await.expect(403);
    scene.rest().post(&reset, &json!({"all": true, "user": person.id()})).await.expect(422);
    scene.rest().post(&reset, &json!({"group": uuid::Uuid::nil()})).await.expect(404);
    for what in [json!({"user": person.upn()}), json!({"all": true})] {
        let run = scene.rest().post(&reset, &what).await.expect(202).run_id();
        let run = customer.wait_for_run(&run).await;
        assert_eq!(run["trigger"], "reset", "{run}");
        assert_ne!(run["status"], "failed", "{run}");
        assert_eq!(run["counts"]["updated"], 0, "what is right is not written: {run}");
    }
    let contact = customer.linked_contact(person.id()).await;
    assert_eq!(contact["link"]["state"], "linked");
}
