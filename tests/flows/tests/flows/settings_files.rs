//! Settings as files, and who changed what: exported, imported, looked up, taken back.

use contact_sync_flows::{Customer, Reply, Rest, Scene};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody of the customer's account, by name.
fn named(scene: &Scene, customer: &Customer<'_>, sub: &str, name: &str) -> Rest {
    let claims = json!({"sub": sub, "name": name, "account": customer.account, "role": "admin"});
    scene.rest().bearing(scene.stack.token_with_claims(&claims))
}

async fn post(rest: &Rest, path: &str, body: &Value) -> Reply {
    rest.send(Method::POST, path, &[("if-match", "*")], Some(body)).await
}

/// B17: what took an afternoon to set up is a file: it is looked at before it counts, brings everything
/// back, and says where it does not fit.
#[tokio::test(flavor = "multi_thread")]
async fn settings_travel_as_a_file_and_a_file_of_another_organisation_says_what_does_not_fit() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let group = scene.sim.create_group(scene.tenant, "Contractors").unwrap();
    customer.set_custom_fields(json!([{"key": "floor", "label": "Floor", "type": "text"}])).await;
    customer.change_mapping("custom.floor", json!({"source": "[officeLocation]"})).await;
    customer.change_settings(json!({"scope": {"ignoredGroups": [group]}})).await;
    let saved = customer.settings().await;
    let export = customer.path("/settings/export");
    let reply = scene.rest().get(&export).await.expect(200);
    let disposition = reply.header("content-disposition");
    assert!(
        disposition.starts_with("attachment") && disposition.contains(".json"),
        "{disposition}"
    );
    let file = reply.json();
    assert_eq!(file["format"], "entra-contact-sync/settings");
    assert_eq!(file["settings"], saved);
    assert_eq!(file["tenant"]["name"], "Contoso", "{file}");
    assert_eq!(file["customFields"][0]["key"], "floor", "{file}");

    // Everything is changed; the file is looked at first, then counts.
    customer
        .change_settings(json!({"scope": {"ignoredGroups": [], "departments": {"any": ["X"]}}}))
        .await;
    customer.change_mapping("custom.floor", json!({"source": "[city]"})).await;
    let spoiled = customer.settings().await;
    let version = customer.settings_version().await;
    let import = customer.path("/settings/import");
    let ann = named(&scene, &customer, "ann", "Ann Admin");
    let tried = post(&ann, &format!("{import}?dryRun=true"), &file).await.expect(200).json();
    assert_eq!((&tried["dryRun"], &tried["version"]), (&json!(true), &Value::Null), "{tried}");
    let source = |told: &Value| {
        let all = told["changes"].as_array().unwrap();
        all.iter().find(|one| one["about"] == "custom.floor").cloned().unwrap_or_default()
    };
    let change = source(&tried);
    assert_eq!((&change["old"], &change["new"]), (&json!("[city]"), &json!("[officeLocation]")));
    assert_eq!(customer.settings().await, spoiled, "a look saves nothing");
    let done = post(&ann, &import, &file).await.expect(200).json();
    assert_eq!(done["version"], version + 1, "{done}");
    assert_eq!(customer.settings().await, saved, "all of it is back");
    let history = scene.rest().list(&customer.path("/settings/history")).await;
    assert_eq!(
        (&history[0]["cause"]["kind"], &history[0]["savedBy"]),
        (&json!("imported"), &json!("ann"))
    );
    assert_eq!(source(&history[0]), change);

    // Another customer, another organisation: the group is not there, the field neither.
    let other = scene.customer("globex").await;
    other.connect(scene.other_tenant).await;
    let before = other.settings().await;
    let refused = post(&scene.rest(), &other.path("/settings/import"), &file).await.expect(422);
    let pointers = refused.pointers();
    let about = |part: &str| pointers.iter().any(|pointer| pointer.contains(part));
    assert!(about("/settings/mapping/"), "the field that globex lacks: {}", refused.text);
    assert_eq!(other.settings().await, before);
    other.set_custom_fields(json!([{"key": "floor", "label": "Floor", "type": "text"}])).await;
    let refused = post(&scene.rest(), &other.path("/settings/import"), &file).await.expect(422);
    assert_eq!(refused.pointers(), ["/settings/scope/ignoredGroups/0"], "{}", refused.text);
    let mut fitting = file.clone();
    fitting["settings"]["scope"]["ignoredGroups"] = json!([]);
    post(&scene.rest(), &other.path("/settings/import"), &fitting).await.expect(200);
    let wanted = &fitting["settings"]["mapping"];
    assert_eq!(&other.settings().await["mapping"], wanted);
}

/// B17, B18: "who changed the mapping on Friday, what was it before, and can we have it back?" has an
/// answer with a name, and one request takes it back, contacts included.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_names_who_changed_what_and_an_earlier_version_is_taken_back_and_acts() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    let person = customer.people_in_scope().remove(0);
    let field =
        async |name: &str| customer.linked_contact(person.id()).await["fields"][name].clone();
    let (title, department) = (field("jobTitle").await, field("department").await);
    assert_ne!(title, department);
    customer.change_settings(json!({"schedule": {"timeOfDay": "03:30"}})).await;
    let good = customer.settings_version().await;
    let good_settings = customer.settings().await;

    let friday = named(&scene, &customer, "fred", "Fred Friday");
    let mut document = good_settings.clone();
    let rows = document["mapping"].as_array_mut().unwrap();
    let place = rows.iter().position(|row| row["target"] == "jobTitle").unwrap();
    rows[place]["source"] = json!("[department]");
    let path = customer.path("/settings");
    friday.send(Method::PUT, &path, &[("if-match", "*")], Some(&document)).await.expect(200);
    customer.sync_now().await;
    assert_eq!(field("jobTitle").await, department);

    let history = scene.rest().list(&customer.path("/settings/history")).await;
    let newest = &history[0];
    assert_eq!(newest["version"], good + 1);
    let who = (&newest["savedBy"], &newest["savedByName"], &newest["savedByRole"]);
    assert_eq!(who, (&json!("fred"), &json!("Fred Friday"), &json!("admin")));
    assert!(newest["savedAt"].is_string(), "{newest}");
    let expected = json!([{
        "pointer": format!("/mapping/{place}/source"), "about": "jobTitle",
        "old": "[jobTitle]", "new": "[department]",
    }]);
    assert_eq!(newest["changes"], expected);
    let shown = customer.path(&format!("/settings/versions/{good}"));
    assert_eq!(scene.rest().get(&shown).await.expect(200).json()["settings"], good_settings);

    // Taken back by whoever saw the newest, and by nobody who did not.
    let rollback = customer.path("/settings/rollback");
    let body = json!({"version": good});
    let stale = format!("\"{good}\"");
    let headers = [("if-match", stale.as_str())];
    let refused = scene.rest().send(Method::POST, &rollback, &headers, Some(&body)).await;
    assert_eq!(refused.expect(412).problem(), "stale");
    let monday = named(&scene, &customer, "mona", "Mona Monday");
    post(&monday, &rollback, &body).await.expect(200);
    assert_eq!(customer.settings().await, good_settings);
    let history = scene.rest().list(&customer.path("/settings/history")).await;
    assert_eq!(history[0]["cause"], json!({"kind": "rolledBack", "version": good}));
    assert_eq!(
        (&history[0]["version"], &history[0]["savedByName"]),
        (&json!(good + 2), &json!("Mona Monday"))
    );
    let change = &history[0]["changes"][0];
    assert_eq!((&change["old"], &change["new"]), (&json!("[department]"), &json!("[jobTitle]")));
    customer.sync_now().await;
    assert_eq!(field("jobTitle").await, title, "the next run writes by it");
}
