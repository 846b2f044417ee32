//! Versions of the settings: who made them, what they changed, the way back, and files.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::settings::Settings;
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, TENANT, connection_id, of_connection};

async fn save(app: &App, etag: &str, document: &Value) -> Answer {
    app.ask(Ask::put(of_connection("/settings"), document).header("if-match", etag)).await
}

async fn roll_back(app: &App, etag: &str, version: u64) -> Answer {
    let ask = Ask::post(of_connection("/settings/rollback"), &json!({"version": version}));
    app.ask(ask.header("if-match", etag)).await
}

async fn import(app: &App, query: &str, etag: &str, file: &Value) -> Answer {
    let ask = Ask::post(of_connection(&format!("/settings/import{query}")), file);
    app.ask(ask.header("if-match", etag)).await
}

async fn current(app: &App) -> Answer {
    app.ask(Ask::get(of_connection("/settings"))).await.expect(200)
}

#[tokio::test]
async fn each_version_tells_who_made_it_in_which_role_and_what_it_changed() {
    let app = App::with_connection(S::Ready);
    save(&app, "\"0\"", &json!({"schedule": {"frequency": "hourly"}})).await.expect(200);
    let claims = json!({"role": "admin", "sub": "u-7", "name": "Ben Okafor"});
    let document = json!({"schedule": {"frequency": "hourly"}, "policies": {"create": "off"}});
    let ask = Ask::put(of_connection("/settings"), &document).header("if-match", "\"1\"");
    app.ask(ask.claims(Some(claims))).await.expect(200);

    let history = app.ask(Ask::get(of_connection("/settings/history"))).await.expect(200).json();
    let newest = &history["items"][0];
    assert_eq!(newest["savedBy"], "u-7");
    assert_eq!(newest["savedByName"], "Ben Okafor");
    assert_eq!(newest["savedByRole"], "admin");
    assert_eq!(newest["cause"], json!({"kind": "saved"}));
    let change = json!([{"pointer": "/policies/create", "old": "auto", "new": "off"}]);
    assert_eq!(newest["changes"], change);
    let first = json!([{"pointer": "/schedule/frequency", "old": "daily", "new": "hourly"}]);
    assert_eq!(history["items"][1]["changes"], first, "the first differs from the defaults");

    let one = app.ask(Ask::get(of_connection("/settings/versions/2")).role("viewer")).await;
    assert_eq!(&one.expect(200).json(), newest);
    let defaults = app.ask(Ask::get(of_connection("/settings/versions/0"))).await.expect(200);
    assert_eq!(defaults.json()["savedAt"], json!(null));
    for gone in ["3", "x", "-1"] {
        let path = of_connection(&format!("/settings/versions/{gone}"));
        app.ask(Ask::get(path)).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn an_earlier_version_comes_back_as_a_new_one() {
    let app = App::with_connection(S::Ready);
    save(&app, "\"0\"", &json!({"policies": {"create": "off"}})).await.expect(200);
    save(&app, "\"1\"", &json!({"policies": {"update": "off"}})).await.expect(200);
    roll_back(&app, "\"1\"", 1).await.problem(412, "stale");
    let back = roll_back(&app, "\"2\"", 1).await.expect(200);
    assert_eq!(back.header("etag"), "\"3\"");
    assert_eq!(back.json()["policies"]["create"], "off");
    assert_eq!(back.json()["policies"]["update"], "auto");
    let history = app.ask(Ask::get(of_connection("/settings/history"))).await.json();
    assert_eq!(history["items"][0]["cause"], json!({"kind": "rolledBack", "version": 1}));

    let defaults = roll_back(&app, "\"3\"", 0).await.expect(200);
    assert_eq!(defaults.json(), serde_json::to_value(Settings::default()).unwrap());
    assert_eq!(roll_back(&app, "\"4\"", 9).await.problem(422, "invalid-fields"), ["/version"]);
    let ask = Ask::post(of_connection("/settings/rollback"), &json!({"version": 1}));
    app.ask(ask).await.problem(428, "if-match-missing");
    let ask = Ask::post(of_connection("/settings/rollback"), &json!({"version": 1}));
    app.ask(ask.role("approver")).await.problem(403, "role-too-small");
}

#[tokio::test]
async fn a_version_whose_field_is_gone_does_not_come_back() {
    let app = App::with_connection(S::Ready);
    let email = json!({"target": "email", "source": "[mail]"});
    let size = json!({"target": "custom.size", "source": "[department]"});
    save(&app, "\"0\"", &json!({"mapping": [email, size]})).await.expect(200);
    save(&app, "\"1\"", &json!({"mapping": [email]})).await.expect(200);
    app.outside.store.world().accounts.values_mut().for_each(|account| {
        account.custom_fields.retain(|field| field.key != "size");
    });
    let refused = roll_back(&app, "\"2\"", 1).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["/mapping/1/target"]);
    assert!(refused.text.contains("custom.size"), "{refused:?}");
    assert_eq!(current(&app).await.header("etag"), "\"2\"", "nothing was saved");
}

#[tokio::test]
async fn settings_travel_as_a_file_and_show_first_what_they_change() {
    let app = App::with_connection(S::Ready);
    let email = json!({"target": "email", "source": "[mail]"});
    let size = json!({"target": "custom.size", "source": "[department]"});
    let document = json!({"mapping": [email, size], "policies": {"create": "off"}});
    save(&app, "\"0\"", &document).await.expect(200);
    let export = app.ask(Ask::get(of_connection("/settings/export")).role("viewer")).await;
    let export = export.expect(200);
    assert!(export.header("content-disposition").contains(".json"), "{export:?}");
    let file = export.json();
    assert_eq!(file["tenant"]["id"], TENANT);
    assert_eq!(file["customFields"][0]["key"], "size");
    assert_eq!(file["customFields"].as_array().unwrap().len(), 1, "only what is used");
    assert!(!export.text.contains(connection_id().as_str()));

    save(&app, "\"1\"", &json!({})).await.expect(200);
    let tried = import(&app, "?dryRun=true", "\"2\"", &file).await.expect(200).json();
    assert_eq!((&tried["version"], &tried["dryRun"]), (&json!(null), &json!(true)));
    let changes = tried["changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change["pointer"] == "/policies/create"), "{changes:?}");
    assert_eq!(current(&app).await.header("etag"), "\"2\"", "a try saves nothing");

    let done = import(&app, "", "\"2\"", &file).await.expect(200);
    assert_eq!((done.json()["version"].clone(), done.header("etag")), (json!(3), "\"3\""));
    assert_eq!(current(&app).await.json(), file["settings"]);
    let history = app.ask(Ask::get(of_connection("/settings/history"))).await.json();
    assert_eq!(history["items"][0]["cause"]["kind"], "imported");
    import(&app, "", "\"2\"", &file).await.problem(412, "stale");
    import(&app, "?dryRun=maybe", "\"3\"", &file).await.problem(400, "bad-query");
}

#[tokio::test]
async fn a_file_from_elsewhere_names_what_does_not_exist_here() {
    let app = App::with_connection(S::Ready);
    let unknown = "00000000-0000-0000-0000-00000000beef";
    let known = "00000000-0000-0000-0000-000000000064";
    let person = "00000000-0000-0000-0000-000000000007";
    let file = |tenant: &str| {
        json!({
            "format": "entra-contact-sync/settings", "schemaVersion": 1,
            "tenant": {"id": tenant, "name": "Fabrikam"},
            "customFields": [
                {"key": "age", "label": "AGE", "type": "text"},
                {"key": "size", "label": "SIZE", "type": "singleSelect", "options": ["S", "M", "L"]}
            ],
            "settings": {"scope": {
                "groups": {"any": [known, unknown]}, "ignoredUsers": [person, unknown],
            }},
        })
    };
    let refused = import(&app, "", "\"0\"", &file("other")).await;
    assert_eq!(
        refused.problem(422, "invalid-fields"),
        ["/settings/scope/groups/any/1", "/settings/scope/ignoredUsers/1"]
    );
    // Of the same organisation, what is gone may stand as it may in saved settings.
    let tried = import(&app, "?dryRun=true", "\"0\"", &file(TENANT)).await.expect(200).json();
    let warned: Vec<&str> = tried["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        warned,
        ["/customFields/0", "/settings/scope/groups/any/1", "/settings/scope/ignoredUsers/1"]
    );
}

#[tokio::test]
async fn what_is_no_such_file_is_told_at_its_place() {
    let app = App::with_connection(S::Ready);
    let wrong = import(&app, "", "\"0\"", &json!({"mode": "manual"})).await;
    assert_eq!(
        wrong.problem(422, "invalid-fields"),
        ["/format", "/schemaVersion", "/settings", "/mode"]
    );
    let later =
        json!({"format": "entra-contact-sync/settings", "schemaVersion": 2, "settings": {}});
    let later = import(&app, "", "\"0\"", &later).await;
    assert_eq!(later.problem(422, "invalid-fields"), ["/schemaVersion"]);
    let file = json!({"format": "entra-contact-sync/settings", "schemaVersion": 1,
        "settings": {"mapping": [{"target": "email", "source": "[mial]"}]}});
    let refused = import(&app, "", "\"0\"", &file).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["/settings/mapping/0/source"]);
}
