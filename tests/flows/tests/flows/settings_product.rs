//! Settings before, while and after they act: what would fail is told before it does, and what was
//! changed can be taken back.

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

/// The numbers of a validation beside those of a run over the same directory.
pub(crate) fn assert_same_numbers(verdict: &Value, run: &Value) {
    let of = |name: &str| verdict["people"][name].as_u64().unwrap();
    let counts = &run["counts"];
    let updated = of("wouldUpdate") + verdict["people"]["wouldLink"]["count"].as_u64().unwrap();
    for (name, validated) in [
        ("seen", of("seen")),
        ("created", of("wouldCreate")),
        ("updated", updated),
        ("unchanged", of("unchanged")),
        ("failed", of("wouldFail")),
        ("awaitingReview", of("wouldAwaitReview")),
        ("skipped", of("wouldSkip") + of("leftAlone")),
    ] {
        assert_eq!(counts[name], validated, "{name}: {verdict} {run}");
    }
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

    // It was right where it was: what was removed there comes back.
    scene.rest().send(Method::POST, &format!("{base}/disable"), &[], None).await.expect(202);
    let back = json!({"account": wrong.account});
    for _ in 0..20 {
        done = scene.rest().post(&format!("{base}/move"), &back).await.expect(202).json();
        if done["done"] == true {
            break;
        }
    }
    assert_eq!(done["done"], true, "{done}");
    let run = wrong.enable().await;
    let run = wrong.wait_for_run(&run).await;
    assert_eq!(count(&run["counts"], "created"), people as u64, "{run}\n{}", scene.story());
    assert_eq!(wrong.contacts().await.len(), people);
}
