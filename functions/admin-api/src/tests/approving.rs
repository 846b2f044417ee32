//! What is approved is done, and what is refused leaves nothing behind that is done later.

use std::ops::RangeInclusive;

use contact_sync_domain::account::Account;
use contact_sync_domain::approval::HeldSet;
use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::{ContactId, ObjectId, ReviewId, RunId};
use contact_sync_domain::plan::{Approved, Basis, GuardView, PLAN_LIFE, Plan, Summary};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Departure, ReviewItem, ReviewList};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::RemovalAction;
use contact_sync_domain::sync_state::{Lane, QueuedRun};
use contact_sync_engine::admin::{AdminError, Caller, Role, apply_plan, read_approval};
use contact_sync_engine::memory::World;
use contact_sync_engine::port::{Clock, PendingItem, PendingKind};
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, account_id, connection_id, of_connection};
use super::ignoring::linked;
use super::outside::Shared;
use super::questions::{put, question};

/// A removal that the guard holds back.
fn held(app: &App, number: u128, version: u64) -> ReviewItem {
    let departure = Departure {
        action: Some(RemovalAction::Delete),
        held: true,
        version: Some(3),
        ..Departure::of(GoneCause::SoftDeleted)
    };
    ReviewItem {
        version,
        contact_id: Some(ContactId::from_bits(number)),
        departure: Some(Box::new(departure)),
        ..question(app.outside.clock.now(), ReviewList::Removals, number)
    }
}

/// A run of this kind that shows a plan with as many removals.
fn shown(app: &App, kind: RunKind, hash: String, removals: u64) -> Run {
    let now = app.outside.clock.now();
    let ids = (account_id(), connection_id());
    let run = Run::queued(RunId::from_bits(77), ids, (kind, Trigger::Manual), 0, now);
    let guard = GuardView { count: removals, allowed: 5, left: 5, holds: true, limits: Vec::new() };
    Run {
        status: if kind.lane().is_main() { RunStatus::Blocked } else { RunStatus::Planned },
        ended_at: kind.lane().is_main().then_some(now),
        plan: Some(Box::new(Plan {
            hash,
            pages: 0,
            basis: Basis { settings_version: 0, draft: false },
            summary: Summary { guard, ..Summary::default() },
            made_at: now,
            expires_at: now + PLAN_LIFE,
            approved: None,
        })),
        ..run
    }
}

#[tokio::test]
async fn held_removals_whose_approval_is_refused_are_not_done_when_syncing_goes_on() {
    for status in [S::Paused, S::Attention, S::Disabled] {
        let app = App::with_connection(status);
        let items: Vec<ReviewItem> = (1..=7).map(|number| held(&app, number, 1)).collect();
        let run = shown(&app, RunKind::Delta, HeldSet::asked(items.iter()).hash(), 7);
        let body = json!({"planHash": run.plan.as_ref().unwrap().hash, "removals": 7});
        let path = of_connection(&format!("/runs/{}/apply", run.id));
        {
            let mut world = app.outside.store.world();
            for item in &items {
                put(&mut world, item);
            }
            world.runs.insert(run.id.clone(), run);
        }
        app.ask(Ask::post(&path, &body).role("approver")).await.problem(409, "wrong-state");
        let approved = app.outside.store.world().pending.len();
        assert_eq!(approved, 0, "{status:?}: the next full run would delete seven contacts");
        app.outside.store.world().connections.get_mut(&connection_id()).unwrap().status =
            S::Enabled;
        app.ask(Ask::post(&path, &body).role("approver")).await.expect(202);
        assert_eq!(app.outside.store.world().pending.len(), 7);
        let run = of_connection(&format!("/runs/{}", RunId::from_bits(77)));
        let approved = app.ask(Ask::get(run)).await.expect(200).json()["plan"]["approved"].clone();
        assert_eq!(
            (&approved["removals"], &approved["by"]["role"]),
            (&json!(7), &json!("approver"))
        );
    }
}

#[tokio::test]
async fn an_approval_in_vain_takes_back_its_own_word_and_nobody_elses() {
    let at = |number: u128| (connection_id(), Lane::Main, PendingKind::Approved, key(number));
    for calls in 0..200 {
        let app = App::with_connection(S::Enabled);
        let items: Vec<ReviewItem> = (1..=3).map(|number| held(&app, number, 1)).collect();
        let run = shown(&app, RunKind::Delta, HeldSet::asked(items.iter()).hash(), 3);
        let body = json!({"planHash": run.plan.as_ref().unwrap().hash, "removals": 3});
        let path = of_connection(&format!("/runs/{}/apply", run.id));
        let bobs = PendingItem { key: key(1), expires_at: None, body: json!({"by": "bob"}) };
        {
            let mut world = app.outside.store.world();
            for item in &items {
                put(&mut world, item);
            }
            world.runs.insert(run.id.clone(), run);
            // Bob approved of the first of them before.
            world.pending.insert(at(1), bobs.clone());
            // Somebody pauses the connection while all three are approved.
            let pause = |world: &mut World| {
                world.connections.get_mut(&connection_id()).unwrap().status = S::Paused;
            };
            world.meanwhile = Some((calls, pause));
        }
        let answer = app.ask(Ask::post(&path, &body).role("approver")).await;
        let left = app.outside.store.world().pending.clone();
        if answer.status == 202 {
            assert_eq!(left.len(), 3, "{calls} calls");
            assert!(calls > 3, "{calls}");
            return;
        }
        answer.problem(409, "wrong-state");
        assert_eq!(left.into_iter().collect::<Vec<_>>(), [(at(1), bobs)], "after {calls} calls");
        assert_eq!(noted(&app, 77), None, "after {calls} calls: nobody approved after all");
    }
    panic!("it is always in vain");
}

/// Who is told on a run to have approved of what it held back.
fn noted(app: &App, run: u128) -> Option<Approved> {
    let world = app.outside.store.world();
    world.runs[&RunId::from_bits(run)].plan.as_ref().unwrap().approved.clone()
}

/// The run would do the removals, and the one that held them back would tell that nobody approved.
#[tokio::test]
async fn wherever_an_approver_dies_no_run_begins_before_it_is_noted_who_approved() {
    for calls in 0..200 {
        let app = App::with_connection(S::Enabled);
        let items: Vec<ReviewItem> = (1..=3).map(|number| held(&app, number, 1)).collect();
        let run = shown(&app, RunKind::Delta, HeldSet::asked(items.iter()).hash(), 3);
        let body = json!({"planHash": run.plan.as_ref().unwrap().hash, "removals": 3});
        let path = of_connection(&format!("/runs/{}/apply", run.id));
        {
            let mut world = app.outside.store.world();
            for item in &items {
                put(&mut world, item);
            }
            world.runs.insert(run.id.clone(), run);
            world.calls_left = Some(calls);
        }
        let answer = app.ask(Ask::post(&path, &body).role("approver")).await;
        app.outside.store.world().calls_left = None;
        let begun = app.outside.store.world().runs.len() > 1;
        assert!(!begun || noted(&app, 77).is_some(), "it died after {calls} calls");
        if answer.status == 202 {
            assert!(begun && calls > 3, "{calls}");
            return;
        }
        // Whoever sends it once more finishes it.
        app.ask(Ask::post(&path, &body).role("approver")).await.expect(202);
        assert_eq!(noted(&app, 77).unwrap().removals, Some(3), "{calls}");
    }
    panic!("it always dies");
}

/// Under what somebody's approval lies.
fn key(number: u128) -> String {
    ObjectId::from_u128(number).to_string()
}

#[tokio::test]
async fn an_undo_that_was_cancelled_before_it_was_approved_leaves_the_connection_syncing() {
    let app = App::with_connection(S::Enabled);
    let schedule = ("cron(0 3 * * ? *)".to_owned(), "Europe/Berlin".to_owned(), true);
    app.outside.schedules.0.lock().unwrap().insert(connection_id(), schedule);
    let seen = shown(&app, RunKind::Undo, "aa".to_owned(), 0);
    let now = app.outside.clock.now();
    let cancelled = Run { status: RunStatus::Cancelled, ended_at: Some(now), ..seen.clone() };
    app.outside.store.world().runs.insert(seen.id.clone(), cancelled);
    let account: Account = app.outside.store.world().accounts[&account_id()].clone();
    let caller = Caller { account: None, role: Role::Admin, subject: None, name: None };
    let approve = async || {
        let approval = read_approval(&json!({"planHash": "aa", "removals": 0})).unwrap();
        apply_plan(&Shared(app.outside.clone()), &account, &seen, approval, &caller).await
    };
    assert!(matches!(approve().await, Err(AdminError::Moved)));
    let connection = app.outside.store.world().connections[&connection_id()].clone();
    assert_eq!((connection.status, connection.paused_for), (S::Enabled, None));
    let fires = app.outside.schedules.0.lock().unwrap()[&connection_id()].2;
    assert!(fires, "its schedule goes on");

    // Who approves beside somebody else's approval of the same plan does not wake it.
    let approved = Run { status: RunStatus::Queued, ..seen.clone() };
    app.outside.store.world().runs.insert(seen.id.clone(), approved);
    assert!(matches!(approve().await, Err(AdminError::Moved)));
    assert_eq!(app.outside.store.world().connections[&connection_id()].status, S::Paused);
}

async fn shown_list(app: &App, list: &str) -> Value {
    app.ask(Ask::get(of_connection(&format!("/reviews?list={list}")))).await.expect(200).json()
}

async fn decide_all(app: &App, body: &Value) -> Answer {
    app.ask(Ask::post(of_connection("/reviews"), body).role("approver")).await
}

/// Who is approved of.
fn approved(app: &App) -> Vec<String> {
    let world = app.outside.store.world();
    world.pending.values().map(|item| item.key.clone()).collect()
}

/// A connection that syncs, stands at this fence, and holds these removals back.
fn holding(app: &App, fence: u64, numbers: RangeInclusive<u128>) {
    for number in numbers {
        linked(app, number);
        put(&mut app.outside.store.world(), &held(app, number, fence - 1));
    }
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().fence = fence;
}

#[tokio::test]
async fn accepting_all_removals_approves_those_that_were_shown_and_nobody_else() {
    let app = App::with_connection(S::Enabled);
    holding(&app, 5, 1..=3);
    let shown = shown_list(&app, "removals").await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 3);
    // A run blocks four more before the answer comes.
    holding(&app, 9, 4..=7);
    let accept = |as_of: Value, count: Value| json!({"list": "removals", "action": "accept", "asOf": as_of, "count": count});
    for body in
        [accept(shown["asOf"].clone(), json!(7)), accept(shown["asOf"].clone(), json!(null))]
    {
        let refused = decide_all(&app, &body).await;
        assert_eq!(refused.problem(422, "removals-unconfirmed"), ["/count"]);
    }
    let never_shown = decide_all(&app, &accept(json!(99), json!(7))).await;
    assert_eq!(never_shown.problem(422, "invalid-fields"), ["/asOf"]);
    let unbound = decide_all(&app, &json!({"list": "removals", "action": "accept"})).await;
    assert_eq!(unbound.problem(422, "invalid-fields"), ["/asOf"]);
    assert_eq!(approved(&app), Vec::<String>::new(), "nothing was approved so far");

    let done = decide_all(&app, &accept(shown["asOf"].clone(), json!(3))).await.expect(202).json();
    assert_eq!((&done["done"], done["failed"].as_array().unwrap().len()), (&json!(3), 4), "{done}");
    assert!(done["failed"][0]["reason"].as_str().unwrap().contains("shown"), "{done}");
    let three: Vec<String> = (1..=3).map(|one| ObjectId::from_u128(one).to_string()).collect();
    assert_eq!(approved(&app), three, "four contacts would be deleted unseen");
}

/// Whoever looks at the run would see that nobody approved, although the next one does it.
#[tokio::test]
async fn removals_that_are_approved_one_by_one_are_summed_on_the_runs_that_held_them_back() {
    let app = App::with_connection(S::Enabled);
    holding(&app, 5, 1..=5);
    let asked = shown(&app, RunKind::Delta, "aa".to_owned(), 5);
    let newest = Run { id: RunId::from_bits(78), ..asked.clone() };
    {
        let mut world = app.outside.store.world();
        for item in world.reviews.values_mut() {
            item.run = asked.id.to_string();
        }
        for run in [asked, newest] {
            world.runs.insert(run.id.clone(), run);
        }
    }
    let one = async |number: u128, calls: Option<usize>| {
        let id = ReviewId::of(&ObjectId::from_u128(number));
        let path = of_connection(&format!("/reviews/{id}"));
        let body = json!({"action": "accept", "version": 4});
        app.outside.store.world().calls_left = calls;
        let answer = app.ask(Ask::post(path, &body).role("approver")).await;
        app.outside.store.world().calls_left = None;
        answer.status.as_u16()
    };
    // It dies at every place, and is asked for once more.
    let mut calls = 0;
    let mut last = 503;
    while last >= 500 {
        last = one(1, Some(calls)).await;
        calls += 1;
        assert!(calls < 200);
    }
    assert!((200..300).contains(&last), "{last} after {calls} calls");
    let of = |users: &[u128]| users.iter().map(|user| ObjectId::from_u128(*user)).collect();
    let sum = noted(&app, 77).unwrap();
    assert_eq!((sum.removals, sum.items), (Some(1), Some(of(&[1]))));
    assert_eq!(sum.by.role, "approver");
    app.outside.store.world().races = 1;
    assert!((200..300).contains(&one(2, None).await));
    app.outside.store.world().races = 0;
    // The others at once, eight side by side.
    let list = shown_list(&app, "removals").await;
    let body = json!({"list": "removals", "action": "accept", "asOf": list["asOf"], "count": 3});
    decide_all(&app, &body).await.expect(202);
    for run in [77, 78] {
        let sum = noted(&app, run).unwrap();
        assert_eq!((sum.removals, sum.items), (Some(5), Some(of(&[1, 2, 3, 4, 5]))), "{run}");
    }
}

#[tokio::test]
async fn what_changed_in_any_list_since_it_was_shown_is_left() {
    let app = App::with_connection(S::Enabled);
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().fence = 5;
    let now = app.outside.clock.now();
    let changed = |number, version| ReviewItem {
        version,
        contact_id: Some(ContactId::from_bits(number)),
        ..question(now, ReviewList::Changes, number)
    };
    (1..=2).for_each(|number| put(&mut app.outside.store.world(), &changed(number, 4)));
    let shown = shown_list(&app, "changes").await;
    // The page at work asks about one of them anew.
    put(&mut app.outside.store.world(), &changed(2, 5));
    let body = json!({"list": "changes", "action": "reject", "asOf": shown["asOf"]});
    let done = decide_all(&app, &body).await.expect(202).json();
    assert_eq!(done["done"], 1, "{done}");
    assert_eq!(done["failed"][0]["id"], ReviewId::of(&ObjectId::from_u128(2)).as_str(), "{done}");
    assert_eq!(shown_list(&app, "changes").await["items"][0]["version"], 5, "it waits still");
}

#[tokio::test]
async fn whoever_was_ignored_after_the_list_was_shown_stays_ignored() {
    let app = App::with_connection(S::Enabled);
    let ignore = async |users: RangeInclusive<u128>| {
        let users: Vec<String> = users.map(|one| ObjectId::from_u128(one).to_string()).collect();
        let settings = json!({"scope": {"ignoredUsers": users}});
        let ask = Ask::put(of_connection("/settings"), &settings).header("if-match", "*");
        app.ask(ask).await.expect(200);
    };
    ignore(1..=2).await;
    let shown = shown_list(&app, "ignored").await;
    ignore(1..=3).await;
    let body = json!({"list": "ignored", "action": "unignore", "asOf": shown["asOf"]});
    let done = decide_all(&app, &body).await.expect(202).json();
    assert_eq!((&done["done"], done["failed"].as_array().unwrap().len()), (&json!(2), 1), "{done}");
    let left = shown_list(&app, "ignored").await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["items"][0]["user"]["objectId"], ObjectId::from_u128(3).as_str());
}

#[tokio::test]
async fn runs_that_somebody_asks_for_never_fill_the_state_that_syncing_needs() {
    let app = App::with_connection(S::Enabled);
    let waiting = |number: u128| QueuedRun {
        run_id: RunId::from_bits(number),
        kind: RunKind::User,
        trigger: Trigger::Manual,
    };
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().queue =
        (1..=99).map(waiting).collect();
    let of = |number: u128| json!({"kind": "user", "user": ObjectId::from_u128(number)});
    let ask = async |body: Value| app.ask(Ask::post(of_connection("/runs"), &body)).await;
    let last = ask(of(1)).await.expect(202).json();
    for body in [of(2), of(3)] {
        let refused = ask(body).await;
        refused.problem(409, "wrong-state");
        assert!(refused.text.contains("wait for this connection"), "{refused:?}");
    }
    assert_eq!(ask(of(1)).await.expect(202).json()["id"], last["id"], "the one that waits");
    let everybody = Ask::post(of_connection("/reset"), &json!({"all": true}));
    app.ask(everybody).await.problem(409, "wrong-state");
    // What covers all of them is never refused.
    ask(json!({"kind": "full"})).await.expect(202);
    assert_eq!(app.outside.store.world().states[&connection_id()].queue.len(), 101);
}

#[tokio::test]
async fn undo_plans_have_their_bound_too() {
    let app = App::with_connection(S::Enabled);
    let now = app.outside.clock.now();
    let ids = (account_id(), connection_id());
    let done = Run::queued(RunId::from_bits(5_000), ids, (RunKind::Full, Trigger::Manual), 0, now);
    let done = Run { status: RunStatus::Succeeded, ended_at: Some(now), ..done };
    app.outside.store.world().runs.insert(done.id.clone(), done.clone());
    let path = of_connection(&format!("/runs/{}/undo", done.id));
    let of = |number: u128| json!({"changes": [ContactId::from_bits(number)]});
    for number in 1..=100 {
        app.ask(Ask::post(&path, &of(number))).await.expect(202);
    }
    app.ask(Ask::post(&path, &of(101))).await.problem(409, "wrong-state");
    app.ask(Ask::post(&path, &of(7))).await.expect(202);
}
