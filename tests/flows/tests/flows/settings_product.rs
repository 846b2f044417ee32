//! Settings before, while and after they act: what would fail is told before it does, what was
//! changed can be taken back, and each preset stands a directory that is as bad as they come.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Scene};
use reqwest::Method;
use serde_json::{Value, json};

async fn save(scene: &Scene, customer: &Customer<'_>, document: &Value) -> String {
    let path = customer.path("/settings");
    let saved = scene.rest().send(Method::PUT, &path, &[("if-match", "*")], Some(document)).await;
    saved.expect(200).header("etag").to_owned()
}

fn count(document: &Value, name: &str) -> u64 {
    assert!(document[name].is_u64(), "{name}: {document}");
    document[name].as_u64().unwrap()
}

/// HF-40 datatype mismatch, HF-41 an empty phone, HF-42 an empty required field, and GH-26: the
/// same numbers before saving as the run has afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_is_told_before_saving_as_the_run_has_it_afterwards() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let field = |key: &str, kind: &str, required: bool| json!({"key": key, "label": key.to_uppercase(), "type": kind, "required": required});
    let fields = json!([field("floor", "number", false), field("cost", "text", true)]);
    customer.set_custom_fields(fields).await;
    let people = customer.people_in_scope();
    for (number, person) in people.iter().enumerate() {
        let attributes = match number % 6 {
            0 => json!({"officeLocation": "Third floor", "employeeId": "E1"}),
            1 => json!({"officeLocation": "3", "mobilePhone": null, "employeeId": "E2"}),
            2 => json!({"officeLocation": "3", "mobilePhone": "+49 30 1", "employeeId": null}),
            _ => json!({"officeLocation": "3", "mobilePhone": "+49 30 1", "employeeId": "E3"}),
        };
        customer.edit(person.id(), attributes);
    }
    let mut settings = customer.settings().await;
    let rows = settings["mapping"].as_array_mut().unwrap();
    rows.retain(|row| row["target"] == "email" || row["target"] == "displayName");
    rows.push(json!({"target": "custom.floor", "source": "[officeLocation]"}));
    rows.push(json!({"target": "custom.cost", "source": "[employeeId]"}));
    rows.push(json!({"target": "mobilePhone", "source": "[mobilePhone]", "whenEmpty": "fail"}));

    let path = customer.path("/settings/validate");
    let verdict = scene.rest().post(&path, &settings).await.expect(200).json();
    assert_eq!(verdict["complete"], true, "{verdict}");
    let reasons = verdict["people"]["byReason"].as_array().unwrap();
    for (code, pointer) in
        [("notANumber", "/mapping/2"), ("requiredEmpty", "/mapping/3"), ("empty", "/mapping/4")]
    {
        let reason = reasons.iter().find(|one| one["code"] == code && one["pointer"] == pointer);
        let reason = reason.unwrap_or_else(|| panic!("{code}: {verdict}"));
        assert!(count(reason, "count") > 0 && reason["examples"][0]["objectId"].is_string());
        assert!(reason["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{reason}");
    }
    assert!(customer.contacts().await.is_empty(), "nothing was written");

    // One of them, step by step.
    let trial = json!({"user": people[1].upn(), "settings": settings});
    let tried =
        scene.rest().post(&customer.path("/settings/test"), &trial).await.expect(200).json();
    assert_eq!(tried["wouldFail"], true, "{tried}");
    let coverage = scene.rest().get(&customer.path("/settings/coverage")).await.expect(200).json();
    let attributes = coverage["attributes"].as_array().unwrap();
    let phone = attributes.iter().find(|one| one["attribute"] == "mobilePhone").unwrap();
    assert!(count(phone, "filled") < count(&coverage, "inScope"), "{phone}");
    assert!(count(phone, "malformed") > 0, "+49 30 1 is no number: {phone}");

    save(&scene, &customer, &settings).await;
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    let told = &verdict["people"];
    for (before, after) in [
        ("seen", "seen"),
        ("inScope", "inScope"),
        ("wouldFail", "failed"),
        ("wouldCreate", "created"),
        ("wouldSkip", "skipped"),
    ] {
        assert_eq!(count(told, before), count(&run["counts"], after), "{before}\n{told}\n{run}");
    }

    // Taken back, nobody fails any more.
    let back = json!({"version": 0});
    let path = customer.path("/settings/rollback");
    scene.rest().send(Method::POST, &path, &[("if-match", "*")], Some(&back)).await.expect(200);
    let history = scene.rest().list(&customer.path("/settings/history")).await;
    assert_eq!(history[0]["cause"], json!({"kind": "rolledBack", "version": 0}));
    assert!(!history[0]["changes"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrongly_assigned_organisation_moves_and_is_synced_where_it_belongs() {
    let scene = Scene::with_users(30).await;
    let wrong = scene.synced().await;
    let people = wrong.contacts().await.len();
    assert!(people > 0);
    let account = json!({"externalId": "right", "name": "Right", "timeZone": "UTC"});
    let right = scene.rest().post("/v1/accounts", &account).await.expect(201).json();
    let right = right["id"].as_str().unwrap().to_owned();
    let body = json!({"account": right});
    scene.rest().post(&wrong.path("/move"), &body).await.expect(409);
    wrong.act("disable").await.expect(202);
    let tried = scene.rest().post(&wrong.path("/move?dryRun=true"), &body).await.expect(200).json();
    assert_eq!(count(&tried, "contactsRemoved"), people as u64);
    assert_eq!(wrong.contacts().await.len(), people);
    let mut done = Value::Null;
    for _ in 0..20 {
        done = scene.rest().post(&wrong.path("/move"), &body).await.expect(202).json();
        if done["done"] == true {
            break;
        }
    }
    assert_eq!(done["done"], true, "{done}");
    assert!(wrong.contacts().await.is_empty(), "nobody is left behind");
    let base = format!("/v1/accounts/{right}/connections/{}", wrong.connection);
    let tenant = json!({"tenantId": scene.tenant});
    let run = scene.rest().post(&format!("{base}/enable"), &tenant).await.expect(202).run_id();
    scene.settle().await;
    let run = scene.rest().get(&format!("{base}/runs/{run}")).await.expect(200).json();
    assert_eq!(count(&run["counts"], "created"), people as u64, "{run}\n{}", scene.story());
}

/// What a directory of many years holds, of everything some (graph-contract I by example).
fn spoil(customer: &Customer<'_>) {
    let people = customer.directory();
    let shared = "shared.mailbox@contoso.example";
    let addresses: Vec<String> = people.iter().map(|person| person.address().to_owned()).collect();
    for (number, person) in people.iter().enumerate().filter(|(_, person)| person.is_live()) {
        let attributes = match number % 16 {
            0 => json!({"mail": null}),
            1 => json!({"mail": shared}),
            2 => json!({"userType": null}),
            3 => json!({"userType": "Guest"}),
            4 => json!({"accountEnabled": false}),
            5 => json!({"displayName": "Zoë\u{301} 🦊 \u{202e}evil\u{202c} د. ليلى"}),
            6 => json!({"jobTitle": "Line\u{0000}one\nLine\ttwo"}),
            7 => json!({"mail": addresses[(number + 1) % addresses.len()]}),
            8 => json!({"mobilePhone": "ask at the desk", "businessPhones": []}),
            9 => json!({"givenName": null, "surname": null, "displayName": " "}),
            10 => json!({"onPremisesExtensionAttributes":
                {"extensionAttribute1": "x".repeat(2_000), "extensionAttribute15": null}}),
            11 => json!({"mail": "not an address"}),
            12 => json!({"department": "=HYPERLINK(\"http://x\")", "country": "Deutschland"}),
            13 => json!({"mail": person.upn().to_uppercase()}),
            _ => continue,
        };
        customer.edit(person.id(), attributes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_preset_stands_a_directory_that_is_as_bad_as_they_come() {
    let presets = {
        let scene = Scene::with_users(1).await;
        scene.rest().list("/v1/presets").await
    };
    assert!(!presets.is_empty());
    for preset in presets {
        let scene = Scene::with_users(400).await;
        let customer = scene.connected().await;
        spoil(&customer);
        let mut settings = preset["settings"].clone();
        let path = customer.path("/settings/validate");
        let verdict = scene.rest().post(&path, &settings).await.expect(200).json();
        assert_eq!(verdict["valid"], true, "{preset}: {verdict}");
        save(&scene, &customer, &settings).await;
        if settings["requires"] == json!(["teams"]) {
            let refused = customer.enable_for(scene.tenant).await.expect(409);
            assert_eq!(refused.problem(), "requirement-unmet");
            settings["requires"] = json!([]);
            save(&scene, &customer, &settings).await;
        }
        let run = customer.enable().await;
        let run = customer.wait_for_run(&run).await;
        scene.settle().await;
        let id = &preset["id"];
        let counts = &run["counts"];
        let of = |name: &str| count(counts, name);
        assert_eq!(of("seen"), of("inScope") + of("skipped"), "{id}: {run}");
        let decided = ["created", "updated", "unchanged", "failed", "awaitingReview"];
        let decided: u64 = decided.iter().map(|name| of(name)).sum();
        assert_eq!(of("inScope"), decided, "{id}: {run}\n{}", scene.story());
        if verdict["complete"] == true {
            assert_eq!(count(&verdict["people"], "inScope"), of("inScope"), "{id}: {verdict}");
        }
        let changes = customer.path(&format!("/runs/{}/changes", run["id"].as_str().unwrap()));
        for change in scene.rest().list(&changes).await {
            if change["result"] == "failed" {
                let told = |name: &str| change[name].as_str().is_some_and(|it| !it.is_empty());
                assert!(told("reason") && told("remedy"), "{id}: {change}");
            }
        }
        let contacts = customer.contacts().await;
        let addresses: Vec<String> = contacts
            .iter()
            .filter_map(|contact| Some(contact["fields"]["email"].as_str()?.to_lowercase()))
            .collect();
        let different: BTreeSet<&String> = addresses.iter().collect();
        assert_eq!(different.len(), addresses.len(), "{id}: one address, one contact");

        let again = customer.sync_now().await;
        let wrote = count(&again["counts"], "created") + count(&again["counts"], "updated");
        assert_eq!(wrote, 0, "{id}: {again}\n{}", scene.story());
        assert_eq!(customer.contacts().await, contacts, "{id}: the second run changed something");
    }
}
