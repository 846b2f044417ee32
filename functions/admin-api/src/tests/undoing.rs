//! Taking back everything since a moment: what fits into one plan, and of which time all is kept.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::{ContactId, ObjectId, ReviewId, RunId};
use contact_sync_domain::plan::{Approved, Basis, PLAN_LIFE, Plan, Summary};
use contact_sync_domain::review::{Decision, ReviewAction, ReviewList};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_engine::port::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, account_id, connection_id, of_connection};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// A run that began then and wrote something.
fn ran(app: &App, number: u128, kind: RunKind, began: Timestamp) -> Run {
    let ids = (account_id(), connection_id());
    let queued = Run::queued(RunId::from_bits(number), ids, (kind, Trigger::Sweep), 0, began);
    let run = Run {
        status: RunStatus::Succeeded,
        started_at: Some(began),
        ended_at: Some(began),
        pages: 1,
        ..queued
    };
    app.outside.store.world().runs.insert(run.id.clone(), run.clone());
    run
}

/// So many runs, one a minute, the last a minute ago; the first of them.
fn ran_often(app: &App, runs: u32) -> Vec<Run> {
    let now = app.outside.clock.now();
    let began = |number: u32| now - SignedDuration::from_mins(i64::from(runs - number));
    let each = |number: u32| ran(app, u128::from(number) + 1_000, RunKind::Delta, began(number));
    (0..runs).map(each).collect()
}

/// An undo that was applied just now.
fn applied(app: &App, number: u128) -> Run {
    let now = app.outside.clock.now();
    let approved = Approved { by: Actor::default(), at: now, removals: None, items: None };
    let plan = Plan {
        hash: "aa".to_owned(),
        pages: 0,
        basis: Basis { settings_version: 0, draft: false },
        summary: Summary::default(),
        made_at: now,
        expires_at: now + PLAN_LIFE,
        approved: Some(approved),
    };
    let run = Run { plan: Some(Box::new(plan)), ..ran(app, number, RunKind::Undo, now) };
    app.outside.store.world().runs.insert(run.id.clone(), run.clone());
    run
}

fn decided(app: &App, decisions: usize) {
    let now = app.outside.clock.now();
    let made = (0..decisions).map(|number| Decision {
        at: now - SignedDuration::from_secs(i64::try_from(number).unwrap()),
        actor: None,
        action: ReviewAction::Accept,
        item: ReviewId::of(&ObjectId::from_u128(7)),
        list: ReviewList::Changes,
        version: 1,
        contact_id: Some(ContactId::from_bits(7)),
        refused: Vec::new(),
        kept_days: None,
    });
    // As they were made: the memory's list is told from its end.
    let mut made: Vec<Decision> = made.collect();
    made.reverse();
    app.outside.store.world().decisions.insert(connection_id(), made);
}

async fn ask(app: &App, body: &Value) -> Answer {
    app.ask(Ask::post(of_connection("/undo"), body).role("approver")).await
}

/// What a refusal of `/since` says.
fn refused(answer: &Answer) -> String {
    assert_eq!(answer.problem(422, "invalid-fields"), ["/since"], "{answer:?}");
    answer.json()["errors"][0]["message"].as_str().unwrap().to_owned()
}

/// More runs than one plan takes back: the refusal names the moment, and both portions are planned.
#[tokio::test]
async fn what_does_not_fit_into_one_plan_is_taken_back_in_portions() {
    let app = App::with_connection(S::Enabled);
    let runs = ran_often(&app, 510);
    let since = runs[0].queued_at;
    let told = refused(&ask(&app, &json!({"since": since})).await);
    let fits = runs[10].queued_at;
    assert!(told.starts_with("more than 500 runs began since"), "{told}");
    assert!(told.contains(&format!("name {fits}")), "{told}");
    let newest = ask(&app, &json!({"since": fits})).await.expect(202).json();
    assert_eq!(newest["undoes"]["runs"].as_array().unwrap().len(), 500);
    // It is applied; what it removed is nobody's later deed for the rest.
    let undone = applied(&app, 9_999);
    let body = json!({"since": since, "until": fits});
    let rest = ask(&app, &body).await.expect(202).json();
    let undoes = &rest["undoes"];
    let ids: Vec<&str> =
        undoes["runs"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let expected: Vec<&str> = runs[..10].iter().rev().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, expected, "the newest first, and none of the first portion");
    assert_eq!(undoes["until"], json!(fits));
    assert_eq!(undoes["portions"], json!([undone.id]));
}

#[tokio::test]
async fn decisions_have_their_bound_and_their_portions_too() {
    let app = App::with_connection(S::Enabled);
    decided(&app, 1_005);
    let now = app.outside.clock.now();
    let since = now - hours(1);
    let told = refused(&ask(&app, &json!({"since": since})).await);
    let fits = now - SignedDuration::from_secs(999);
    assert!(told.contains("1000 decisions") && told.contains(&format!("name {fits}")), "{told}");
    ask(&app, &json!({"since": fits})).await.expect(202);
    ask(&app, &json!({"since": since, "until": fits})).await.expect(202);
}

#[tokio::test]
async fn a_span_has_an_end_behind_its_beginning() {
    let app = App::with_connection(S::Enabled);
    for until in
        [json!("2026-01-31T08:00:00Z"), json!("2025-01-31T08:00:00Z"), json!("soon"), json!(7)]
    {
        let body = json!({"since": "2026-01-31T08:00:00Z", "until": until});
        assert_eq!(ask(&app, &body).await.problem(422, "invalid-fields"), ["/until"], "{until}");
    }
}

/// A run whose pages are gone is not found out hours later by a plan that fails: the request says
/// so, and from when on all is kept.
#[tokio::test]
async fn what_is_kept_no_more_is_refused_at_once() {
    let app = App::with_connection(S::Enabled);
    let now = app.outside.clock.now();
    let gone = ran(&app, 1, RunKind::Full, now - hours(24 * 31));
    let kept = ran(&app, 2, RunKind::Delta, now - hours(24 * 20));
    let told = refused(&ask(&app, &json!({"since": gone.queued_at - hours(1)})).await);
    let earliest = gone.queued_at + SignedDuration::from_secs(1);
    assert!(
        told.ends_with(&format!("the earliest moment that can be named is {earliest}")),
        "{told}"
    );
    let planned = ask(&app, &json!({"since": earliest})).await.expect(202).json();
    assert_eq!(planned["undoes"]["runs"], json!([kept.id]));
}

/// Decisions go after the days that the account keeps them, and nothing tells that they were made.
#[tokio::test]
async fn when_decisions_may_have_expired_the_request_says_so() {
    let app = App::with_connection(S::Enabled);
    let now = app.outside.clock.now();
    let body = json!({"since": now - hours(24 * 400)});
    ask(&app, &body).await.expect(202);
    // A connection of today had none; an old one may have.
    app.outside.store.world().connections.get_mut(&connection_id()).unwrap().created_at =
        now - hours(24 * 500);
    let told = refused(&ask(&app, &body).await);
    let earliest = now - hours(24 * 365) + hours(1);
    assert!(
        told.ends_with(&format!("the earliest moment that can be named is {earliest}")),
        "{told}"
    );
    ask(&app, &json!({"since": earliest})).await.expect(202);
}
