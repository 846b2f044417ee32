//! Previews, and what may be done with their plans.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::plan::{Basis, GuardView, PLAN_LIFE, Plan, Summary};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::{RunKind, RunStatus};
use contact_sync_domain::segment::{Outcome, Phase, Segment};
use contact_sync_domain::settings::Settings;
use contact_sync_engine::memory::World;
use contact_sync_engine::port::{Clock, SettingsCause};
use contact_sync_engine::segments::store_segment;
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, account_id, connection_id, of_connection, tenant};

async fn preview(app: &App) -> Answer {
    app.ask(Ask::post(of_connection("/previews"), &json!({})).role("operator")).await
}

/// A draft that could not be saved is not planned either: nobody would be welcomed.
#[tokio::test]
async fn a_draft_that_welcomes_people_without_words_or_a_sender_is_refused_as_by_saving() {
    let app = App::with_connection(S::Ready);
    let draft = json!({"settings": {"welcomeEmail": true}});
    let ask = Ask::post(of_connection("/previews"), &draft).role("admin");
    let refused = app.ask(ask).await.expect(422).json();
    let told = refused["errors"].to_string();
    assert!(told.contains("/settings/welcomeEmail"), "{refused}");
    assert!(told.contains("no template for the mail"), "{refused}");
    assert!(app.outside.store.world().runs.is_empty());
}

/// A run whose plan waits, with as many removals beyond the guard.
async fn planned(app: &App, removals: u64) -> RunId {
    let asked = preview(app).await.expect(202).json();
    shown(app, &asked, removals)
}

/// A run whose plan waits, made under a draft that takes effect at once.
async fn drafted(app: &App) -> RunId {
    let draft = json!({"settings": {"schedule": {"settingsTakeEffect": "now"}}});
    let asked = app.ask(Ask::post(of_connection("/previews"), &draft).role("admin")).await;
    let run = shown(app, &asked.expect(202).json(), 0);
    let mut world = app.outside.store.world();
    world.runs.get_mut(&run).unwrap().plan.as_mut().unwrap().basis.draft = true;
    run
}

fn shown(app: &App, asked: &Value, removals: u64) -> RunId {
    let id = RunId::parse(asked["id"].as_str().unwrap()).unwrap();
    let now = app.outside.clock.now();
    let mut world = app.outside.store.world();
    world.plan_states.get_mut(&connection_id()).unwrap().queue.clear();
    let run = world.runs.get_mut(&id).unwrap();
    run.status = RunStatus::Planned;
    let guard = GuardView {
        count: removals,
        allowed: 5,
        left: 5,
        holds: removals > 5,
        ..GuardView::default()
    };
    run.plan = Some(Box::new(Plan {
        hash: "aa".to_owned(),
        pages: 0,
        basis: Basis { settings_version: run.settings_version, draft: false },
        summary: Summary { guard, ..Summary::default() },
        made_at: now,
        expires_at: now + PLAN_LIFE,
        approved: None,
    }));
    id
}

async fn apply(app: &App, run: &RunId, role: &'static str, body: Value) -> Answer {
    let path = of_connection(&format!("/runs/{run}/apply"));
    app.ask(Ask::post(path, &body).role(role)).await
}

#[tokio::test]
async fn a_preview_is_asked_for_once_and_holds_up_nothing_that_syncs() {
    for status in [S::Ready, S::Enabled, S::Paused, S::Disabled] {
        let app = App::with_connection(status);
        let first = preview(&app).await.expect(202).json();
        assert_eq!(
            (&first["kind"], &first["requestedBy"]["role"]),
            (&json!("preview"), &json!("operator"))
        );
        assert_eq!(preview(&app).await.expect(202).json()["id"], first["id"]);
        let world = app.outside.store.world();
        assert!(world.states[&connection_id()].queue.is_empty());
        assert_eq!(world.plan_states[&connection_id()].queue.len(), 1);
    }
    for status in [S::Invited, S::Authorized, S::Attention, S::Disconnected] {
        preview(&App::with_connection(status)).await.problem(409, "wrong-state");
    }
}

#[tokio::test]
async fn nothing_is_applied_but_the_plan_that_was_seen_while_it_holds() {
    let app = App::with_connection(S::Enabled);
    let waiting = preview(&app).await.json()["id"].as_str().unwrap().to_owned();
    let waiting = RunId::parse(&waiting).unwrap();
    apply(&app, &waiting, "approver", json!({"planHash": "aa"}))
        .await
        .problem(409, "plan-not-ready");
    let app = App::with_connection(S::Enabled);
    let run = planned(&app, 0).await;
    apply(&app, &run, "operator", json!({"planHash": "aa"})).await.problem(403, "role-too-small");
    let answer = apply(&app, &run, "approver", json!({"planHash": "bb"})).await;
    assert_eq!(answer.problem(409, "plan-differs"), ["/planHash"]);
    app.outside.clock.advance(PLAN_LIFE);
    apply(&app, &run, "approver", json!({"planHash": "aa"})).await.problem(409, "plan-expired");
    assert!(app.outside.store.world().states[&connection_id()].queue.is_empty());
}

#[tokio::test]
async fn an_approved_plan_is_queued_once_with_who_approved_it() {
    let app = App::with_connection(S::Enabled);
    let run = planned(&app, 0).await;
    for _ in 0..2 {
        let answer = apply(&app, &run, "approver", json!({"planHash": "aa"})).await.expect(202);
        assert_eq!(answer.json()["status"], "queued");
    }
    let world = app.outside.store.world();
    assert_eq!(world.states[&connection_id()].queue.len(), 1);
    let approved = world.runs[&run].plan.as_ref().unwrap().approved.clone().unwrap();
    assert_eq!(approved.by.role, "approver");
}

#[tokio::test]
async fn more_removals_than_the_guard_allows_go_only_when_their_number_is_said() {
    let app = App::with_connection(S::Enabled);
    let run = planned(&app, 7).await;
    for body in [json!({"planHash": "aa"}), json!({"planHash": "aa", "removals": 6})] {
        let answer = apply(&app, &run, "approver", body).await;
        assert_eq!(answer.problem(422, "removals-unconfirmed"), ["/removals"]);
    }
    apply(&app, &run, "approver", json!({"planHash": "aa", "removals": 7})).await.expect(202);
}

#[tokio::test]
async fn a_connection_is_enabled_with_a_plan_by_an_admin_who_names_its_tenant() {
    let app = App::with_connection(S::Ready);
    let run = planned(&app, 0).await;
    let right = json!({"planHash": "aa", "tenantId": tenant()});
    apply(&app, &run, "approver", right.clone()).await.problem(403, "role-too-small");
    let wrong = json!({"planHash": "aa"});
    apply(&app, &run, "admin", wrong).await.problem(422, "wrong-tenant");
    apply(&app, &run, "admin", right).await.expect(202);
    let world = app.outside.store.world();
    assert_eq!(world.connections[&connection_id()].status, S::Enabled);
    let queue = &world.states[&connection_id()].queue;
    assert_eq!(queue.len(), 2, "the plan, and a full run behind it");
    assert_eq!(queue[0].run_id, run);
}

#[tokio::test]
async fn a_drift_audit_is_asked_for_as_a_run_and_mended_by_its_plan() {
    let app = App::with_connection(S::Enabled);
    let ask = || app.ask(Ask::post(of_connection("/runs"), &json!({"kind": "drift"})));
    let first = ask().await.expect(202).json();
    assert_eq!((&first["kind"], &first["status"]), (&json!("drift"), &json!("queued")));
    assert_eq!(ask().await.json()["id"], first["id"], "the one that waits sees as much");
    assert!(app.outside.store.world().states[&connection_id()].queue.is_empty());

    let run = planned(&app, 0).await;
    let person = "00000000-0000-0000-0000-000000000001";
    let fix = |role: &'static str, body: Value| {
        let path = of_connection(&format!("/runs/{run}/fix"));
        app.ask(Ask::post(path, &body).role(role))
    };
    let one = json!({"planHash": "aa", "items": [person]});
    fix("operator", one.clone()).await.problem(403, "role-too-small");
    let answer = fix("approver", json!({"planHash": "aa", "items": []})).await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/items"]);
    let answer = fix("approver", json!({"planHash": "bb", "items": [person]})).await;
    assert_eq!(answer.problem(409, "plan-differs"), ["/planHash"]);
    // The plan has no page, so that it says nothing of anybody.
    let answer = fix("approver", one).await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/items"]);
    assert!(app.outside.store.world().states[&connection_id()].queue.is_empty());
}

#[tokio::test]
async fn what_a_large_plan_did_is_told_from_the_first_page_on() {
    let app = App::with_connection(S::Enabled);
    let id = planned(&app, 0).await;
    let item = blank_item(&ObjectId::from_u128(1), Some(ContactId::from_bits(1)), Outcome::Create);
    let segment = Segment::of(30, Phase::Apply, 1, vec![item]);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let kept = (&id, Retention::default());
    store_segment(store, blobs, &account_id(), &connection_id(), kept, segment).await.unwrap();
    {
        let mut world = app.outside.store.world();
        let run = world.runs.get_mut(&id).unwrap();
        // Thirty pages that showed, and one that tells what was done.
        (run.status, run.pages) = (RunStatus::Succeeded, 31);
        run.plan.as_mut().unwrap().pages = 30;
    }
    let changes = app.ask(Ask::get(of_connection(&format!("/runs/{id}/changes")))).await;
    let changes = changes.expect(200).json();
    assert_eq!(changes["items"][0]["kind"], "create", "{changes}");
    assert_eq!(changes["nextCursor"], Value::Null);
}

/// The settings would say that they take effect at once, and nothing would look at everybody until
/// the next scheduled run.
#[tokio::test]
async fn wherever_an_approver_of_a_draft_dies_the_same_request_does_the_rest() {
    for calls in 0..200 {
        let app = App::with_connection(S::Enabled);
        let run = drafted(&app).await;
        app.outside.store.world().calls_left = Some(calls);
        let first = apply(&app, &run, "admin", json!({"planHash": "aa"})).await;
        app.outside.store.world().calls_left = None;
        apply(&app, &run, "admin", json!({"planHash": "aa"})).await.expect(202);
        {
            let world = app.outside.store.world();
            let queue = &world.states[&connection_id()].queue;
            let kinds: Vec<RunKind> = queue.iter().map(|run| run.kind).collect();
            assert_eq!(kinds, [RunKind::Preview, RunKind::Full], "it died after {calls} calls");
            assert_eq!(world.settings[&connection_id()].len(), 1, "{calls}");
        }
        if first.status == 202 {
            assert!(calls > 5, "{calls}");
            return;
        }
    }
    panic!("it always dies");
}

/// Nobody would have asked for the settings alone.
#[tokio::test]
async fn settings_of_a_draft_whose_plan_is_cancelled_in_that_moment_do_not_stay() {
    let mut taken_back = 0;
    for calls in 0..200 {
        let app = App::with_connection(S::Enabled);
        let run = drafted(&app).await;
        let cancel = |world: &mut World| {
            for run in world.runs.values_mut().filter(|run| run.status == RunStatus::Planned) {
                (run.status, run.ended_at) = (RunStatus::Cancelled, Some(run.queued_at));
            }
        };
        app.outside.store.world().meanwhile = Some((calls, cancel));
        let answer = apply(&app, &run, "admin", json!({"planHash": "aa"})).await;
        let world = app.outside.store.world();
        let saved = world.settings.get(&connection_id()).cloned().unwrap_or_default();
        if answer.status == 202 {
            assert_eq!(saved.len(), 1);
            assert!(taken_back > 0, "it was never cancelled behind the saving");
            return;
        }
        assert_eq!(answer.status, 409, "after {calls} calls");
        let Some(last) = saved.last() else { continue };
        taken_back += 1;
        assert_eq!((saved.len(), last.version), (2, 2), "after {calls} calls");
        assert_eq!(last.settings, Settings::default(), "after {calls} calls");
        assert_eq!(last.cause, SettingsCause::RolledBack { version: 0 });
        assert!(world.states[&connection_id()].queue.is_empty());
    }
    panic!("it is always cancelled");
}
