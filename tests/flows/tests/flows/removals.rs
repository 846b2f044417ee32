//! Removals: held back by the guard, approved, spared, and given days of grace.

use contact_sync_flows::{Customer, Person, Scene, assert_gapless};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::reviews::{about, decide};

/// A connection whose settings delete whoever is deleted in Entra, and its people.
pub(crate) async fn deleting(scene: &Scene, removal: Value) -> (Customer<'_>, Vec<Person>) {
    let customer = scene.connected().await;
    customer.change_settings(json!({"policies": {"removal": removal}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let people = customer.people_in_scope();
    (customer, people)
}

fn deletes() -> Value {
    json!({"softDeleted": "delete", "hardDeleted": "delete"})
}

pub(crate) async fn removals(scene: &Scene, customer: &Customer<'_>) -> Vec<Value> {
    scene.rest().list(&customer.path("/reviews?list=removals")).await
}

/// What the last of the five steps of the explanation comes to.
async fn decided(scene: &Scene, customer: &Customer<'_>, user: &str) -> String {
    let told = scene.rest().get(&customer.path(&format!("/explain?user={user}"))).await.expect(200);
    let step = told.json()["steps"].as_array().unwrap().last().cloned().unwrap();
    assert_eq!(step["step"], "decide");
    step["outcome"].as_str().unwrap().to_owned()
}

pub(crate) fn delete(scene: &Scene, people: &[Person]) {
    for person in people {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
}

/// The newest run that the guard stopped.
async fn blocked(customer: &Customer<'_>) -> Value {
    let runs = customer.runs().await;
    let found = runs.iter().find(|run| run["status"] == "blocked").cloned();
    found.unwrap_or_else(|| panic!("no run is blocked: {runs:?}"))
}

async fn apply(
    scene: &Scene,
    customer: &Customer<'_>,
    run: &Value,
    body: &Value,
) -> contact_sync_flows::Reply {
    let path = format!("/runs/{}/apply", run["id"].as_str().unwrap());
    scene.rest().post(&customer.path(&path), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_mass_deletion_one_is_approved_one_spared_and_the_rest_waits() {
    let scene = Scene::with_users(30).await;
    let (customer, people) = deleting(&scene, deletes()).await;
    let contacts = customer.contacts().await.len();
    delete(&scene, &people[2..9]);
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), contacts, "seven at once are too many");

    // Each of them is on the list, with why and what.
    let held = removals(&scene, &customer).await;
    assert_eq!(held.len(), 7, "{held:?}");
    for item in &held {
        assert_eq!((&item["held"], &item["action"]), (&json!(true), &json!("delete")), "{item}");
        assert_eq!(item["cause"], "softDeleted", "{item}");
        assert_eq!(item["suggestedAction"], "accept", "{item}");
    }
    let guard = customer.show().await["guard"].clone();
    assert_eq!((&guard["held"], &guard["used"]), (&json!(7), &json!(0)), "{guard}");
    assert_eq!(decided(&scene, &customer, people[5].id()).await, "held");

    // One is approved: he alone goes, beside the guard.
    let item = about(&scene, &customer, "removals", people[2].id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    scene.settle().await;
    assert_eq!(customer.contact_of(people[2].id()).await, None, "{}", scene.story());
    assert_eq!(customer.contacts().await.len(), contacts - 1, "the others wait");
    assert_eq!(customer.show().await["guard"]["used"], 0, "approved ones leave the window alone");

    // One is spared: his contact stays, and nobody asks again.
    let item = about(&scene, &customer, "removals", people[3].id()).await;
    decide(&scene, &customer, &item, json!({"action": "reject"})).await.expect(202);
    assert_eq!(customer.linked_contact(people[3].id()).await["link"]["state"], "removed");
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "blocked", "five are left, which the guard allows: {run}");
    assert_eq!(run["counts"]["removed"], 5, "{run}");
    assert!(removals(&scene, &customer).await.is_empty());
    assert_eq!(customer.contacts().await.len(), contacts - 6);

    // Back from the recycle bin he is synced as before, and asked about when he leaves again.
    scene.sim.restore_user(scene.tenant, people[3].id()).unwrap();
    scene.settle().await;
    assert_eq!(customer.linked_contact(people[3].id()).await["link"]["state"], "linked");
    delete(&scene, &people[3..4]);
    scene.settle().await;
    let again = about(&scene, &customer, "removals", people[3].id()).await;
    assert_eq!(again["held"], true, "the window is used up: {again}");
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_spared_and_returned_is_asked_about_when_he_is_disabled_again() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let guard = json!({"maxCount": 2, "maxPercent": 100, "windowHours": 24});
    let scope = json!({"disabledAccounts": "includeAsInactive"});
    customer.change_settings(json!({"policies": {"guard": guard}, "scope": scope})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let people: Vec<String> =
        customer.people_in_scope()[..3].iter().map(|person| person.id().to_owned()).collect();
    let set = async |enabled: bool| {
        for person in &people {
            customer.edit(person, json!({"accountEnabled": enabled}));
        }
        scene.settle().await;
    };
    set(false).await;
    assert_eq!(removals(&scene, &customer).await.len(), 3, "{}", scene.story());
    let item = about(&scene, &customer, "removals", &people[1]).await;
    decide(&scene, &customer, &item, json!({"action": "reject"})).await.expect(202);
    customer.sync_now().await;
    let waiting = removals(&scene, &customer).await;
    assert!(
        waiting.iter().all(|item| item["user"]["objectId"] != people[1].as_str()),
        "{waiting:?}"
    );

    // All of them are enabled, and disabled once more: that is another question.
    set(true).await;
    assert!(removals(&scene, &customer).await.is_empty(), "{}", scene.story());
    set(false).await;
    let again = about(&scene, &customer, "removals", &people[1]).await;
    assert_eq!(again["held"], true, "{again}");
    assert_eq!(customer.linked_contact(&people[1]).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_guard_holds_back_is_approved_by_plan_and_number() {
    let scene = Scene::with_users(30).await;
    let (customer, people) = deleting(&scene, deletes()).await;
    let contacts = customer.contacts().await.len();
    delete(&scene, &people[2..9]);
    scene.settle().await;
    let run = blocked(&customer).await;
    let hash = run["planHash"].clone();
    assert_eq!(run["plan"]["summary"]["removals"], json!({"softDeleted": 7}), "{run}");
    assert_eq!(run["plan"]["summary"]["guard"]["holds"], true, "{run}");

    for (body, status, problem) in [
        (json!({"planHash": hash}), 422, "removals-unconfirmed"),
        (json!({"planHash": hash, "removals": 6}), 422, "removals-unconfirmed"),
        (json!({"planHash": "0000", "removals": 7}), 409, "plan-differs"),
        (json!({"removals": 7}), 422, "invalid-fields"),
    ] {
        let refused = apply(&scene, &customer, &run, &body).await.expect(status);
        assert_eq!(refused.problem(), problem, "{body}");
    }
    let full = customer.runs_of("full").await.pop().unwrap();
    let refused = apply(&scene, &customer, &full, &json!({"planHash": hash, "removals": 7})).await;
    assert_eq!(refused.expect(409).problem(), "plan-not-ready");
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), contacts, "nothing was approved so far");

    let all = json!({"planHash": hash, "removals": 7});
    let started = apply(&scene, &customer, &run, &all).await.expect(202).run_id();
    let done = customer.wait_for_run(&started).await;
    scene.settle().await;
    assert_eq!((&done["status"], &done["counts"]["removed"]), (&json!("succeeded"), &json!(7)));
    assert_eq!(customer.contacts().await.len(), contacts - 7);
    assert!(removals(&scene, &customer).await.is_empty());
    // Whoever looks at the run that held them back sees who let them go.
    let shown = customer.run(run["id"].as_str().unwrap()).await;
    let approved = &shown["plan"]["approved"];
    assert_eq!((&approved["removals"], &approved["items"]), (&json!(7), &json!(null)), "{shown}");
    assert_eq!(approved["by"], changed_by(&scene, &customer, &started).await, "{shown}");
    assert_eq!((&shown["status"], &shown["reportReady"]), (&json!("blocked"), &json!(true)));
    let late = apply(&scene, &customer, &run, &all).await.expect(409);
    assert_eq!(late.problem(), "version-moved", "what was approved once is not approved for ever");
    let changes = customer.path(&format!("/runs/{started}/changes"));
    let changes = scene.rest().list(&changes).await;
    let by = |change: &Value| change["kind"] == "delete" && !change["approvedBy"].is_null();
    assert_eq!(changes.iter().filter(|change| by(change)).count(), 7, "{changes:?}");
}

/// Who approved of what a run did.
async fn changed_by(scene: &Scene, customer: &Customer<'_>, run: &str) -> Value {
    let changes = scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await;
    changes
        .iter()
        .find_map(|one| one["approvedBy"].is_object().then(|| one["approvedBy"].clone()))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_list_did_not_show_is_not_approved_with_it() {
    let scene = Scene::with_users(40).await;
    let (customer, people) = deleting(&scene, deletes()).await;
    let contacts = customer.contacts().await.len();
    delete(&scene, &people[2..9]);
    scene.settle().await;
    let path = customer.path("/reviews?list=removals");
    let shown = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(shown["items"].as_array().unwrap().len(), 7, "{shown}");
    // A group loses its members, say, while somebody looks at the seven.
    delete(&scene, &people[9..17]);
    scene.settle().await;
    let all = json!({"list": "removals", "action": "accept"});
    let accept = async |as_of: &Value, count: Value| {
        let mut body = all.clone();
        (body["asOf"], body["count"]) = (as_of.clone(), count);
        scene.rest().post(&customer.path("/reviews"), &body).await
    };
    let unbound = scene.rest().post(&customer.path("/reviews"), &all).await.expect(422);
    assert_eq!(unbound.problem(), "invalid-fields");
    for count in [Value::Null, json!(15)] {
        let refused = accept(&shown["asOf"], count).await.expect(422);
        assert_eq!(refused.problem(), "removals-unconfirmed");
    }
    let done = accept(&shown["asOf"], json!(7)).await.expect(202).json();
    let left = done["failed"].as_array().unwrap().len();
    assert_eq!((&done["done"], left), (&json!(7), 8), "{done}");
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), contacts - 7, "{}", scene.story());
    assert_eq!(removals(&scene, &customer).await.len(), 8, "they wait for a look of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_has_days_of_grace_and_keeps_his_contact_when_he_is_back_in_time() {
    let scene = Scene::with_users(20).await;
    let mut removal = deletes();
    removal["graceDays"] = json!(3);
    let (customer, people) = deleting(&scene, removal).await;
    let (back, gone) = (&people[2], &people[3]);
    let before = customer.linked_contact(back.id()).await;
    delete(&scene, &people[2..4]);
    scene.settle().await;
    for person in [back, gone] {
        let link = customer.linked_contact(person.id()).await["link"].clone();
        assert_eq!((&link["state"], &link["planned"]), (&json!("removed"), &json!("delete")));
        let acts_at: jiff::Timestamp = link["actsAt"].as_str().unwrap().parse().unwrap();
        let item = about(&scene, &customer, "removals", person.id()).await;
        assert_eq!(item["actsAt"], link["actsAt"], "{item}");
        assert_eq!((&item["held"], &item["cause"]), (&json!(false), &json!("softDeleted")));
        let at: jiff::Timestamp = item["since"].as_str().unwrap().parse().unwrap();
        let days = acts_at.duration_since(at).as_hours();
        assert!((71..=72).contains(&days), "three days: {item}");
        assert_eq!(decided(&scene, &customer, person.id()).await, "dated");
    }

    // On the second day one is back: his contact is the same, and nothing is planned any more.
    scene.age_removals(&customer.connection, SignedDuration::from_hours(48)).await;
    scene.sweep().await;
    scene.sim.restore_user(scene.tenant, back.id()).unwrap();
    scene.settle().await;
    let now = customer.linked_contact(back.id()).await;
    assert_eq!((&now["id"], &now["fields"]), (&before["id"], &before["fields"]));
    assert_eq!((&now["link"]["state"], &now["link"]["actsAt"]), (&json!("linked"), &Value::Null));
    assert_eq!(removals(&scene, &customer).await.len(), 1);

    // On the third the other one's time has come, and the sweep sees to it.
    scene.age_removals(&customer.connection, SignedDuration::from_hours(25)).await;
    scene.sweep().await;
    assert_eq!(customer.contact_of(gone.id()).await, None, "{}", scene.story());
    assert!(removals(&scene, &customer).await.is_empty());
    let runs = customer.runs_of("delta").await;
    assert_eq!(runs[0]["counts"]["removed"], 1, "{}", runs[0]);
    assert_eq!(customer.linked_contact(back.id()).await["link"]["state"], "linked");
    assert_gapless(&customer.events().await);
}

/// HF-29, LY-36, SY-32: what becomes of a contact whose user is deleted, product by product.
#[tokio::test(flavor = "multi_thread")]
async fn the_presets_leave_deleted_people_as_their_products_do() {
    for (preset, state, waits) in [
        ("happyfox", "linked", false),
        ("lynes", "removed", true),
        ("syncro", "removed", false),
        ("gethomesafe", "removed", true),
    ] {
        let scene = Scene::with_users(12).await;
        let customer = scene.connected().await;
        let presets = scene.rest().list("/v1/presets").await;
        let found = presets.iter().find(|one| one["id"] == preset).unwrap();
        // Of the document only what it says about who leaves.
        let removal = found["settings"]["policies"]["removal"].clone();
        customer.change_settings(json!({"policies": {"removal": removal}})).await;
        let run = customer.enable().await;
        customer.wait_for_run(&run).await;
        scene.settle().await;
        let person = customer.people_in_scope().remove(1);
        let before = customer.linked_contact(person.id()).await;
        delete(&scene, std::slice::from_ref(&person));
        scene.settle().await;
        customer.sync_now().await;
        let contact = customer.linked_contact(person.id()).await;
        assert_eq!(contact["fields"], before["fields"], "{preset}: no product deletes");
        assert_eq!(contact["link"]["state"], state, "{preset}: {contact}");
        assert_eq!(contact["status"], "active", "{preset}");
        assert_eq!(removals(&scene, &customer).await.len(), usize::from(waits), "{preset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_drip_over_three_runs_is_stopped_by_the_window() {
    let scene = Scene::with_users(30).await;
    let (customer, people) = deleting(&scene, deletes()).await;
    let contacts = customer.contacts().await.len();
    for (run, gone) in [(1, 2), (2, 4), (3, 4)] {
        delete(&scene, &people[2 * run..2 * run + 2]);
        scene.settle().await;
        assert_eq!(customer.contacts().await.len(), contacts - gone, "after run {run}");
    }
    let guard = customer.show().await["guard"].clone();
    let numbers = (&guard["allowed"], &guard["used"], &guard["left"], &guard["held"]);
    assert_eq!(numbers, (&json!(5), &json!(4), &json!(1), &json!(2)), "{guard}");
    assert_eq!(removals(&scene, &customer).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_of_leaving_has_its_own_action_in_one_run() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let group = scene.sim.create_group(scene.tenant, "Team").unwrap();
    for person in &people[..8] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let removal = json!({
        "softDeleted": "delete", "hardDeleted": "unlink", "outOfScope": "deactivate",
        "leftGroup": "stopUpdating", "disabled": "review"
    });
    let settings = json!({"scope": {"groups": {"any": [group]}}, "policies": {"removal": removal}});
    customer.change_settings(settings).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let ids: Vec<String> = people.iter().map(|person| person.id().to_owned()).collect();
    let purged = customer.linked_contact(&ids[2]).await["id"].as_str().unwrap().to_owned();

    // All of it is found by one run.
    scene.stop_notifications();
    scene.sim.delete_user(scene.tenant, &ids[1]).unwrap();
    scene.sim.purge_user(scene.tenant, &ids[2]).unwrap();
    customer.edit(&ids[3], json!({"userType": "Guest"}));
    scene.sim.remove_member(scene.tenant, group, &ids[4]).unwrap();
    customer.edit(&ids[5], json!({"accountEnabled": false}));
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "blocked", "{run}");

    assert_eq!(customer.contact_of(&ids[1]).await, None, "deleted");
    let contacts = customer.contacts().await;
    let unlinked = contacts.iter().find(|contact| contact["id"] == purged.as_str()).unwrap();
    assert!(unlinked["link"].is_null(), "{unlinked}");
    let told = |contact: Value| (contact["link"]["state"].clone(), contact["status"].clone());
    let left = |status: &str| (json!("outOfScope"), json!(status));
    assert_eq!(told(customer.linked_contact(&ids[3]).await), left("inactive"));
    assert_eq!(told(customer.linked_contact(&ids[4]).await), left("active"));
    assert_eq!(told(customer.linked_contact(&ids[5]).await), left("active"));
    let asked = removals(&scene, &customer).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["cause"], "disabled");
    let changes = format!("/runs/{}/changes?cause=", run["id"].as_str().unwrap());
    for (cause, kind, person) in [
        ("softDeleted", "delete", 1),
        ("hardDeleted", "unlink", 2),
        ("outOfScope", "deactivate", 3),
        ("leftGroup", "update", 4),
        ("disabled", "update", 5),
    ] {
        let found = scene.rest().list(&customer.path(&format!("{changes}{cause}"))).await;
        let found: Vec<_> = found
            .iter()
            .map(|change| (change["kind"].as_str().unwrap(), change["objectId"].as_str().unwrap()))
            .collect();
        assert_eq!(found, [(kind, ids[person].as_str())], "{cause}");
    }
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_takes_a_protected_contact_away_but_a_person() {
    let scene = Scene::with_users(15).await;
    let (customer, people) = deleting(&scene, deletes()).await;
    let contact = customer.linked_contact(people[2].id()).await["id"].as_str().unwrap().to_owned();
    let path = customer.account_path(&format!("/contacts/{contact}"));
    scene.rest().post(&format!("{path}/protect"), &json!({})).await.expect(202);
    delete(&scene, &people[2..4]);
    scene.settle().await;
    assert_eq!(customer.contact_of(people[3].id()).await, None, "the other one goes");
    let kept = scene.rest().get(&path).await.expect(200).json();
    assert_eq!((&kept["protected"], &kept["link"]["state"]), (&json!(true), &json!("removed")));
    let run = customer.runs_of("delta").await.remove(0);
    let changes = format!("/runs/{}/changes", run["id"].as_str().unwrap());
    let changes = scene.rest().list(&customer.path(&changes)).await;
    let waits = changes.iter().find(|change| change["objectId"] == people[2].id()).unwrap();
    assert_eq!((&waits["protected"], &waits["result"]), (&json!(true), &json!("skipped")));

    let item = about(&scene, &customer, "removals", people[2].id()).await;
    assert_eq!((&item["cause"], &item["held"]), (&json!("softDeleted"), &json!(false)), "{item}");
    decide(&scene, &customer, &item, json!({"action": "unlink"})).await.expect(202);
    let unlinked = scene.rest().get(&path).await.expect(200).json();
    assert!(unlinked["link"].is_null(), "{unlinked}");
    assert!(removals(&scene, &customer).await.is_empty());
}
