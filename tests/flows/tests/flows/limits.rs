//! Limits of removals by cause and by group.

use contact_sync_flows::{Person, Scene, assert_gapless};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::reviews::{about, decide};

fn delete(scene: &Scene, people: &[Person]) {
    for person in people {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_loses_its_members_is_held_by_its_own_limit_and_they_are_approved_one_by_one()
{
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let group = scene.sim.create_group(scene.tenant, "Sales").unwrap();
    for person in &people[..20] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let settings = |limit: Value| {
        json!({"scope": {"groups": {"any": [group]}},
               "policies": {"removal": {"leftGroup": "delete", "softDeleted": "delete"},
                            "guard": {"maxPercent": 100, "groups": [limit]}}})
    };

    // What makes no sense is refused where it stands.
    let other = "00000000-0000-0000-0000-00000000abcd";
    for (limit, pointer) in [
        (json!({"group": group, "maxPercent": 101}), "/policies/guard/groups/0/maxPercent"),
        (json!({"group": group}), "/policies/guard/groups/0"),
        (json!({"group": other, "maxCount": 3}), "/policies/guard/groups/0/group"),
    ] {
        let path = customer.path("/settings/validate?people=false");
        let told = scene.rest().post(&path, &settings(limit)).await.expect(200).json();
        assert_eq!(told["valid"], false, "{told}");
        assert_eq!(told["errors"][0]["pointer"], pointer, "{told}");
    }
    customer.change_settings(settings(json!({"group": group, "maxPercent": 15}))).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), 20);

    // A quarter of the group is gone: no more than a window allows the connection, but too many of
    // the group.
    scene.stop_notifications();
    for person in &people[2..6] {
        scene.sim.remove_member(scene.tenant, group, person.id()).unwrap();
    }
    delete(&scene, &people[6..7]);
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "blocked", "{run}");
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.contains("5 are of the group \u{201c}Sales\u{201d}"), "{reason}");
    let shown = &run["plan"]["summary"]["guard"];
    let limit = &shown["limits"][0];
    assert_eq!((&shown["allowed"], &limit["group"]), (&json!(20), &json!(group)), "{shown}");
    let numbers = (&limit["count"], &limit["allowed"], &limit["left"], &limit["holds"]);
    assert_eq!(numbers, (&json!(5), &json!(3), &json!(3), &json!(true)), "{limit}");
    assert_eq!(customer.contacts().await.len(), 20);
    let guard = customer.show().await["guard"].clone();
    assert_eq!((&guard["held"], &guard["left"]), (&json!(5), &json!(20)), "{guard}");
    assert_eq!(
        (&guard["limits"][0]["name"], &guard["limits"][0]["holds"]),
        (&json!("Sales"), &json!(true))
    );

    // A preview says it, too.
    let preview = customer.path("/previews");
    let preview = scene.rest().post(&preview, &json!({})).await.expect(202).run_id();
    customer.wait_for_run_status(&preview, "planned").await;
    let preview = customer.run(&preview).await;
    let told = &preview["plan"]["summary"]["guard"];
    assert_eq!(
        (&told["holds"], &told["limits"][0]["holds"]),
        (&json!(true), &json!(true)),
        "{told}"
    );

    // Two are approved, one after the other; three are as many as the group may lose.
    for (person, left) in [(&people[2], 19), (&people[6], 15)] {
        let item = about(&scene, &customer, "removals", person.id()).await;
        assert_eq!((&item["held"], &item["action"]), (&json!(true), &json!("delete")), "{item}");
        decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
        scene.settle().await;
        assert_eq!(customer.contacts().await.len(), left, "{}", scene.story());
        if left == 19 {
            let still = scene.rest().list(&customer.path("/reviews?list=removals")).await;
            assert_eq!(still.len(), 4, "{still:?}");
        }
    }
    let guard = customer.show().await["guard"].clone();
    assert_eq!((&guard["held"], &guard["used"]), (&json!(0), &json!(3)), "{guard}");
    let limit = &guard["limits"][0];
    assert_eq!(
        (&limit["used"], &limit["left"], &limit["holds"]),
        (&json!(3), &json!(0), &json!(false))
    );
    assert!(limit["nextRelease"].is_string(), "{limit}");
    assert_gapless(&customer.events().await);
}

/// A limit of the directory's own deletions, narrower than the connection's: who wants "never more than
/// two deletions a day, whatever leaves the scope" loses nobody to a third.
#[tokio::test(flavor = "multi_thread")]
async fn a_cause_with_a_limit_of_its_own_is_held_by_it_while_other_causes_go_on() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let settings = |causes: Value| {
        json!({"policies": {"removal": {"softDeleted": "delete", "disabled": "delete"},
                            "guard": {"maxPercent": 100, "maxCount": 100, "causes": causes}}})
    };
    for (limit, pointer) in [
        (
            json!({"softDeleted": {"maxPercent": 101}}),
            "/policies/guard/causes/softDeleted/maxPercent",
        ),
        (json!({"retired": {"maxCount": 1}}), "/policies/guard/causes/retired"),
    ] {
        let refused = customer.try_settings(settings(limit)).await.expect(422);
        assert_eq!(refused.pointers(), [pointer]);
    }
    customer.change_settings(settings(json!({"softDeleted": {"maxCount": 2}}))).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let before = customer.contacts().await.len();

    scene.stop_notifications();
    delete(&scene, &people[..3]);
    for person in &people[3..7] {
        customer.edit(person.id(), json!({"accountEnabled": false}));
    }
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "blocked", "{run}");
    let shown = &run["plan"]["summary"]["guard"];
    let limit = &shown["limits"][0];
    assert_eq!((&limit["cause"], &limit["count"]), (&json!("softDeleted"), &json!(3)), "{shown}");
    let numbers = (&limit["allowed"], &limit["left"], &limit["holds"]);
    assert_eq!(numbers, (&json!(2), &json!(2), &json!(true)), "{limit}");
    let held = scene.rest().list(&customer.path("/reviews?list=removals")).await;
    let causes: Vec<&Value> = held.iter().map(|item| &item["cause"]).collect();
    assert_eq!(causes, [&json!("softDeleted"); 3], "all of the cause, and nothing else: {held:?}");
    assert_eq!(customer.contacts().await.len(), before - 4, "whose sign-in was blocked are gone");

    // One is approved: the two that are left are as many as the cause may lose.
    let item = about(&scene, &customer, "removals", people[0].id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    scene.settle().await;
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "blocked", "{run}");
    assert_eq!(customer.contacts().await.len(), before - 7, "{}", scene.story());
    let limit = customer.show().await["guard"]["limits"][0].clone();
    assert_eq!((&limit["used"], &limit["left"]), (&json!(2), &json!(0)), "{limit}");
    assert_gapless(&customer.events().await);
}

/// Somebody approves on Monday of what was shown on Monday. What happens on Wednesday is asked anew, or
/// a stale word lets contacts go that nobody looked at.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_was_not_carried_out_within_a_day_removes_nobody() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    let removal = json!({"softDeleted": "delete", "hardDeleted": "delete"});
    customer.change_settings(json!({"policies": {"removal": removal}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let people = customer.people_in_scope();
    delete(&scene, &people[2..9]);
    scene.settle().await;
    let before = customer.contacts().await;
    assert!(before.len() > 20, "seven at once are too many");

    // Everything is paused, so that nothing carries the approval out.
    scene.rest().post("/v1/pause", &json!({})).await.expect(202);
    let item = about(&scene, &customer, "removals", people[2].id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    scene.settle().await;
    assert_eq!(customer.contacts().await, before);
    let aged = scene.age_approvals(&customer.connection, SignedDuration::from_hours(25)).await;
    assert_eq!(aged, 1, "one approval waits");
    scene.rest().post("/v1/resume", &json!({})).await.expect(202);
    scene.sweep().await;
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "blocked", "{run}");
    assert_eq!(customer.contacts().await.len(), before.len(), "a word of yesterday counts no more");

    // Asked again and approved again, the removal is done.
    let item = about(&scene, &customer, "removals", people[2].id()).await;
    assert_eq!(item["held"], true, "{item}");
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    scene.settle().await;
    assert_eq!(customer.contact_of(people[2].id()).await, None, "{}", scene.story());
    assert_eq!(customer.contacts().await.len(), before.len() - 1);
}
