//! Limits of removals by cause and by group.

use contact_sync_flows::{Person, Scene, assert_gapless};
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
