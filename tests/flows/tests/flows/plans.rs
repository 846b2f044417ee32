//! Seeing what a sync would do before anything is written.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Person, Scene, merge};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_organisation_is_seen_in_the_preview_before_any_contact_is_written() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    assert_eq!(customer.status().await, "ready");
    let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    assert_eq!(asked.json()["kind"], "preview");
    let run = asked.json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&run, "planned").await;
    let shown = customer.run(&run).await;
    let plan = &shown["plan"];
    assert_eq!(shown["planHash"].as_str().unwrap().len(), 64);
    assert_eq!(shown["requestedBy"]["role"], "admin");
    assert!(plan["expiresAt"].as_str() > plan["madeAt"].as_str(), "{plan}");

    // Whose people these are stands in every change that would be made.
    let changes = scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await;
    let emails = |kind: &str| -> BTreeSet<String> {
        let of_kind =
            changes.iter().filter(|change| change["kind"] == kind && change["result"] == "success");
        let fields = of_kind.flat_map(|change| change["fields"].as_array().unwrap());
        let emails = fields.filter(|field| field["field"] == "email");
        emails.map(|field| field["new"].as_str().unwrap().to_owned()).collect()
    };
    let planned = emails("create");
    assert_eq!(json!(planned.len()), plan["summary"]["byKind"]["created"], "{plan}");
    assert!(!planned.is_empty());
    scene.settle().await;
    assert_eq!(customer.contacts().await, Vec::<Value>::new(), "nothing is written");
    downloads_are_exactly(&customer, &run, &changes).await;
    assert_eq!(customer.events().await, Vec::<Value>::new());
    assert_eq!(customer.status().await, "ready");

    // Enabled all the same, the first sync makes exactly the contacts that were shown.
    let first = customer.enable().await;
    let first = customer.wait_for_run(&first).await;
    assert_eq!(first["counts"], shown["counts"]);
    let contacts = customer.contacts().await;
    let made = contacts.iter().map(|contact| contact["fields"]["email"].as_str().unwrap());
    assert_eq!(made.map(str::to_owned).collect::<BTreeSet<_>>(), planned);
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_tenant_nobody_proved_shows_nothing() {
    let scene = Scene::with_users(5).await;
    let customer = scene.customer("acme").await;
    let path = customer.path("/previews");
    let refused = scene.rest().post(&path, &json!({})).await.expect(409);
    assert_eq!(refused.problem(), "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_enabled_with_the_plan_that_was_seen_and_who_changed_since_is_left() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    let run = asked.json()["id"].as_str().unwrap().to_owned();
    let path = customer.path(&format!("/runs/{run}/apply"));
    customer.wait_for_run_status(&run, "planned").await;
    let shown = customer.run(&run).await;
    let hash = shown["planHash"].clone();
    scene.settle().await;
    assert_eq!(customer.json_lines(&run).await.1["status"], "planned");
    let refused = async |body: Value, status: u16| {
        scene.rest().post(&path, &body).await.expect(status).problem()
    };
    assert_eq!(refused(json!({"planHash": "00"}), 409).await, "plan-differs");
    assert_eq!(refused(json!({"planHash": hash}), 422).await, "wrong-tenant");

    let person = customer.people_in_scope().into_iter().next().unwrap();
    customer.edit(person.id(), json!({"jobTitle": "Somebody else"}));
    let right = json!({"planHash": hash, "tenantId": scene.tenant});
    scene.rest().post(&path, &right).await.expect(202);
    scene.rest().post(&path, &right).await.expect(202);
    let applied = customer.wait_for_run(&run).await;
    let failed = &shown["counts"]["failed"];
    assert_eq!(&applied["counts"]["failed"], failed, "who shares an address fails as was shown");
    assert_eq!(applied["status"], if failed == 0 { "succeeded" } else { "partial" }, "{applied}");
    let changes = scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await;
    let left: Vec<&Value> =
        changes.iter().filter(|change| change["objectId"] == person.id()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["result"], "skipped");
    assert!(left[0]["reason"].as_str().unwrap().contains("changed in Entra"), "{left:?}");
    assert_eq!(refused(json!({"planHash": "00"}), 409).await, "plan-not-ready");
    // What is downloaded now is what was done.
    downloads_are_exactly(&customer, &run, &changes).await;
    assert_eq!(customer.json_lines(&run).await.1["status"], applied["status"]);

    // The full run behind it finds whoever was left.
    scene.settle().await;
    assert_eq!(customer.status().await, "enabled");
    let full = customer.runs_of("full").await;
    customer.wait_for_run(full[0]["id"].as_str().unwrap()).await;
    assert!(customer.contact_of(person.id()).await.is_some());
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

/// The extended table and the JSON lines of a run list whom its changes list, and beside them only
/// people of whom nothing changes.
async fn downloads_are_exactly(customer: &Customer<'_>, run: &str, changes: &[Value]) {
    let changed = |what: &str| !matches!(what, "unchanged" | "skipped" | "kept");
    let expected: BTreeSet<&str> =
        changes.iter().map(|change| change["objectId"].as_str().unwrap()).collect();
    assert!(!expected.is_empty(), "{changes:?}");
    let table = customer.extended_report(run).await;
    let rows = table.iter().filter(|row| changed(row.cell("What Happened")));
    assert_eq!(rows.map(|row| row.cell("Object Id")).collect::<BTreeSet<_>>(), expected);
    let (people, end) = customer.json_lines(run).await;
    assert_eq!((people.len(), &end["people"]), (table.len(), &json!(table.len())));
    let lines = people.iter().filter(|line| changed(line["happened"].as_str().unwrap()));
    let lines: BTreeSet<&str> = lines.map(|line| line["objectId"].as_str().unwrap()).collect();
    assert_eq!(lines, expected);
}

/// A preview of the settings with some members changed, up to its plan.
async fn draft(scene: &Scene, customer: &Customer<'_>, changes: Value) -> (String, Value) {
    let mut settings = customer.settings().await;
    merge(&mut settings, changes);
    let body = json!({"settings": settings});
    let asked = scene.rest().post(&customer.path("/previews"), &body).await.expect(202);
    let run = asked.json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&run, "planned").await;
    let shown = customer.run(&run).await;
    (run, shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_settings_is_seen_before_it_is_saved_and_saved_with_being_applied() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let kept = customer.people_in_scope().into_iter().next().unwrap();
    let guard = json!({"maxCount": 2, "maxPercent": 1});
    customer
        .change_settings(json!({
            "policies": {"removal": {"outOfScope": "delete"}, "guard": guard},
        }))
        .await;
    let first = customer.enable().await;
    customer.wait_for_run(&first).await;
    let before = customer.contacts().await;
    let version = customer.settings_version().await;

    // One person stays: everybody else would leave, and the guard would hold them.
    customer.edit(kept.id(), json!({"department": "Drafted"}));
    scene.settle().await;
    let narrow = json!({"scope": {"departments": {"any": ["Drafted"]}}});
    let (run, shown) = draft(&scene, &customer, narrow.clone()).await;
    let plan = &shown["plan"];
    assert_eq!(plan["draft"], true);
    assert_eq!(plan["settingsVersion"], version);
    let leaving = before.len() - 1;
    assert_eq!(plan["summary"]["leaving"]["outOfScope"], json!(leaving), "{plan}");
    assert_eq!(plan["summary"]["guard"]["count"], json!(leaving), "{plan}");
    assert_eq!(plan["summary"]["guard"]["holds"], true, "{plan}");
    assert_eq!(customer.settings_version().await, version, "nothing is saved");
    assert_eq!(customer.contacts().await.len(), before.len(), "nothing is written");

    // Another change is seen beside it.
    let rename = json!({"target": "jobTitle", "source": "[department]"});
    let mut mapping = customer.settings().await["mapping"].as_array().unwrap().clone();
    mapping.retain(|row| row["target"] != "jobTitle");
    mapping.push(rename);
    let (other, shown_other) = draft(&scene, &customer, json!({"mapping": mapping})).await;
    let changes = customer.path(&format!("/runs/{other}/changes?contact="));
    let contact = customer.linked_contact(kept.id()).await;
    let changes = scene.rest().list(&format!("{changes}{}", contact["id"].as_str().unwrap())).await;
    let fields = changes[0]["fields"].as_array().unwrap();
    let title = fields.iter().find(|field| field["field"] == "jobTitle").unwrap();
    assert_eq!(title["old"], json!(kept.text("jobTitle")), "{title}");
    assert_eq!(title["new"], "Drafted", "{title}");
    assert_eq!(title["source"], "[department]", "{title}");

    // Applying saves the draft: for that an approver is not enough, nor is the wrong number.
    let path = customer.path(&format!("/runs/{run}/apply"));
    let hash = &shown["planHash"];
    let claims = json!({"sub": "ann", "account_id": customer.account, "role": "approver"});
    let approver = scene.rest().bearing(scene.stack.token_with_claims(&claims));
    let right = json!({"planHash": hash, "removals": leaving});
    assert_eq!(approver.post(&path, &right).await.expect(403).problem(), "role-too-small");
    let unsaid = scene.rest().post(&path, &json!({"planHash": hash})).await.expect(422);
    assert_eq!(unsaid.problem(), "removals-unconfirmed");
    assert_eq!(customer.settings_version().await, version, "a refused plan saves nothing");
    scene.rest().post(&path, &right).await.expect(202);
    scene.rest().post(&path, &right).await.expect(202);
    assert_eq!(customer.settings_version().await, version + 1);
    let saved = customer.path(&format!("/settings/versions/{}", version + 1));
    let saved = scene.rest().get(&saved).await.expect(200).json();
    assert_eq!(saved["cause"], json!({"kind": "planned", "run": run}), "{saved}");
    assert_eq!(saved["settings"]["scope"]["departments"]["any"], json!(["Drafted"]));
    let applied = customer.wait_for_run(&run).await;
    assert_eq!(applied["settingsVersion"], version + 1, "{applied}");
    scene.settle().await;
    let left = customer.contacts().await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["id"], contact["id"]);

    // The other draft goes beyond settings that are not current any more.
    let path = customer.path(&format!("/runs/{other}/apply"));
    let late = json!({"planHash": shown_other["planHash"]});
    assert_eq!(scene.rest().post(&path, &late).await.expect(409).problem(), "plan-moved");
    assert_eq!(customer.settings_version().await, version + 1);
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_could_not_be_saved_is_not_previewed() {
    let scene = Scene::with_users(5).await;
    let customer = scene.connected().await;
    let path = customer.path("/previews");
    let mut settings = customer.settings().await;
    settings["mapping"][0]["target"] = json!("shoeSize");
    let refused = scene.rest().post(&path, &json!({"settings": settings})).await.expect(422);
    assert_eq!(refused.pointers(), ["/settings/mapping/0/target"]);
    assert_eq!(customer.runs().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_who_would_join_which_team_and_the_run_tells_who_did() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let first = customer.enable().await;
    customer.wait_for_run(&first).await;
    let made = json!({"name": "North"});
    let team = scene.rest().post(&customer.account_path("/teams"), &made).await.expect(201);
    let team = team.json()["id"].as_str().unwrap().to_owned();
    let group = scene.sim.create_group(scene.tenant, "North").unwrap();
    for person in &people[..2] {
        scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
    }
    let mapping = json!({"teams": [{"group": group, "team": team}]});
    let (run, shown) = draft(&scene, &customer, mapping).await;
    assert_eq!(
        shown["plan"]["summary"]["teams"],
        json!({"joins": 2, "leaves": 0, "roles": 0}),
        "{shown}"
    );
    let members = customer.account_path(&format!("/teams/{team}/members"));
    assert_eq!(scene.rest().list(&members).await, Vec::<Value>::new());

    let path = customer.path(&format!("/runs/{run}/apply"));
    let body = json!({"planHash": shown["planHash"]});
    scene.rest().post(&path, &body).await.expect(202);
    customer.wait_for_run(&run).await;
    let joined = scene.rest().list(&members).await;
    assert_eq!(joined.len(), 2, "{joined:?}");
    let changes = scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await;
    let told: BTreeSet<&str> = changes
        .iter()
        .filter(|change| change["memberships"] == json!([{"team": team, "change": "joined"}]))
        .map(|change| change["objectId"].as_str().unwrap())
        .collect();
    let meant: BTreeSet<&str> = people[..2].iter().map(Person::id).collect();
    assert_eq!(told, meant, "{changes:?}");

    // A leaver between full runs is told by the run that follows the group.
    scene.sim.remove_member(scene.tenant, group, people[0].id()).unwrap();
    let synced = customer.sync_now().await;
    let id = synced["id"].as_str().unwrap();
    let changes = scene.rest().list(&customer.path(&format!("/runs/{id}/changes"))).await;
    let left = json!([{"team": team, "change": "left"}]);
    let left: Vec<_> = changes.iter().filter(|change| change["memberships"] == left).collect();
    let all = scene.rest().list(&members).await;
    assert_eq!((left.len(), all.len()), (1, 1), "{changes:?}");
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}
