//! Settings: versions, checks, and what saving them sets in motion.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::run::Trigger;
use serde_json::{Value, json};

use super::harness::{App, Ask, connection_id, event, of_connection};

async fn save(app: &App, etag: &str, document: &Value) -> super::harness::Answer {
    app.ask(Ask::put(of_connection("/settings"), document).header("if-match", etag)).await
}

#[tokio::test]
async fn settings_never_saved_are_the_defaults_with_an_etag() {
    let app = App::with_connection(S::Ready);
    let answer = app.ask(Ask::get(of_connection("/settings"))).await.expect(200);
    assert_eq!(answer.header("etag"), "\"0\"");
    assert_eq!(answer.json()["scope"]["userTypes"], json!({"any": ["Member"]}));
    // What was read can be saved as it is.
    let saved = save(&app, "\"0\"", &answer.json()).await.expect(200);
    assert_eq!(saved.header("etag"), "\"1\"");
    assert_eq!(saved.json(), answer.json());
}

#[tokio::test]
async fn whoever_was_slower_is_told_and_nothing_is_lost() {
    let app = App::with_connection(S::Ready);
    let document = json!({"schedule": {"frequency": "hourly"}});
    app.ask(Ask::put(of_connection("/settings"), &document)).await.problem(428, "if-match-missing");
    save(&app, "\"0\"", &document).await.expect(200);
    save(&app, "\"0\"", &json!({})).await.problem(412, "stale");
    let now = app.ask(Ask::get(of_connection("/settings"))).await.json();
    assert_eq!(now["schedule"]["frequency"], "hourly");
}

#[tokio::test]
async fn three_mistakes_are_told_at_once_with_their_places() {
    let app = App::with_connection(S::Ready);
    let answer = app.deliver(&event("save-settings-with-three-mistakes")).await;
    let mut pointers = answer.problem(422, "invalid-fields");
    pointers.sort();
    assert_eq!(pointers, ["/mapping/0/source", "/mode", "/schedule/dayOfWeek"]);
    assert!(answer.text.contains("mail"), "the fix is named: {answer:?}");
    assert!(app.outside.store.world().settings.is_empty());

    let document: Value =
        serde_json::from_str(event("save-settings-with-three-mistakes")["body"].as_str().unwrap())
            .unwrap();
    let verdict = app.ask(Ask::post(of_connection("/settings/validate"), &document)).await;
    let verdict = verdict.expect(200).json();
    assert_eq!(verdict["valid"], false);
    assert_eq!(verdict["errors"].as_array().unwrap().len(), 3);
    let good = app.ask(Ask::post(of_connection("/settings/validate"), &json!({}))).await;
    let good = good.expect(200).json();
    assert_eq!((&good["valid"], &good["errors"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn the_schedule_follows_the_settings_of_a_running_connection() {
    let app = App::with_connection(S::Enabled);
    let weekly = json!({"schedule":
        {"frequency": "weekly", "dayOfWeek": "monday", "timeOfDay": "06:30", "timeZone": "Asia/Tokyo"}});
    save(&app, "\"0\"", &weekly).await.expect(200);
    let schedule = || app.outside.schedules.0.lock().unwrap().get(&connection_id()).cloned();
    let expected = ("cron(30 6 ? * MON *)".to_owned(), "Asia/Tokyo".to_owned(), true);
    assert_eq!(schedule(), Some(expected));
    let manual_mode = json!({"mode": "manual"});
    save(&app, "\"1\"", &manual_mode).await.expect(200);
    assert!(!schedule().unwrap().2, "the schedule is kept, but does not fire");
    save(&app, "\"2\"", &json!({"schedule": {"frequency": "manual"}})).await.expect(200);
    assert_eq!(schedule(), None);
}

#[tokio::test]
async fn settings_of_a_connection_that_does_not_run_make_no_schedule() {
    let app = App::with_connection(S::Ready);
    save(&app, "\"0\"", &json!({"schedule": {"frequency": "hourly"}})).await.expect(200);
    assert!(app.outside.schedules.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn settings_that_take_effect_now_start_a_run_and_others_do_not() {
    let app = App::with_connection(S::Enabled);
    save(&app, "\"0\"", &json!({})).await.expect(200);
    assert!(app.outside.store.world().runs.is_empty());
    let now = json!({"schedule": {"settingsTakeEffect": "now"}});
    let saved = save(&app, "\"1\"", &now).await.expect(200);
    let world = app.outside.store.world();
    let run = world.runs.values().next().unwrap();
    assert_eq!(run.trigger, Trigger::Settings);
    assert_eq!(run.settings_version, 2);
    assert_eq!(saved.header("sync-run"), run.id.as_str());
}

#[tokio::test]
async fn the_history_tells_who_saved_what_newest_first() {
    let app = App::with_connection(S::Ready);
    for (version, frequency) in ["hourly", "daily", "hourly"].into_iter().enumerate() {
        let document = json!({"schedule": {"frequency": frequency}});
        save(&app, &format!("\"{version}\""), &document).await.expect(200);
    }
    let page = |query: &str| Ask::get(of_connection(&format!("/settings/history{query}")));
    let first = app.ask(page("?limit=2")).await.expect(200).json();
    let versions = |page: &Value| -> Vec<u64> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["version"].as_u64().unwrap()).collect()
    };
    assert_eq!(versions(&first), [3, 2]);
    assert_eq!(first["items"][0]["savedBy"], "ada");
    let cursor = first["nextCursor"].as_str().unwrap();
    let last = app.ask(page(&format!("?limit=2&cursor={cursor}"))).await.expect(200).json();
    assert_eq!((versions(&last), &last["nextCursor"]), (vec![1], &json!(null)));
    app.ask(page("?cursor=99")).await.problem(400, "bad-cursor");
}

#[tokio::test]
async fn a_preset_can_be_saved_as_it_is() {
    let app = App::with_connection(S::Ready);
    let presets = app.ask(Ask::get("/v1/presets").role("viewer")).await.expect(200).json();
    for (version, preset) in presets["items"].as_array().unwrap().iter().enumerate() {
        save(&app, &format!("\"{version}\""), &preset["settings"]).await.expect(200);
        let history = app.ask(Ask::get(of_connection("/settings/history"))).await.expect(200);
        let told = json!({"kind": "preset", "id": preset["id"]});
        assert_eq!(history.json()["items"][0]["cause"], told, "the history says which");
    }
    let own = json!({"policies": {"create": "off"}});
    save(&app, "*", &own).await.expect(200);
    let history = app.ask(Ask::get(of_connection("/settings/history"))).await.expect(200);
    assert_eq!(history.json()["items"][0]["cause"], json!({"kind": "saved"}));
}
