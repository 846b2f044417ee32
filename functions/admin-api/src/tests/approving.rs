//! What is approved is done, and what is refused leaves nothing behind that is done later.

use contact_sync_domain::account::Account;
use contact_sync_domain::approval::HeldSet;
use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::{ContactId, RunId};
use contact_sync_domain::plan::{Basis, GuardView, PLAN_LIFE, Plan, Summary};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Departure, ReviewItem, ReviewList};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::RemovalAction;
use contact_sync_engine::admin::{AdminError, Caller, Role, apply_plan, read_approval};
use contact_sync_engine::port::Clock;
use serde_json::json;

use super::harness::{App, Ask, account_id, connection_id, of_connection};
use super::outside::Shared;
use super::questions::{put, question};

/// A removal that the guard holds back.
pub(super) fn held(app: &App, number: u128, version: u64) -> ReviewItem {
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
    let guard = GuardView { count: removals, allowed: 5, left: 5, holds: true };
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
            items.iter().for_each(|item| put(&mut world, item));
            world.runs.insert(run.id.clone(), run);
        }
        app.ask(Ask::post(&path, &body).role("approver")).await.problem(409, "wrong-state");
        let approved = app.outside.store.world().pending.len();
        assert_eq!(approved, 0, "{status:?}: the next full run would delete seven contacts");
        app.outside.store.world().connections.get_mut(&connection_id()).unwrap().status =
            S::Enabled;
        app.ask(Ask::post(&path, &body).role("approver")).await.expect(202);
        assert_eq!(app.outside.store.world().pending.len(), 7);
    }
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
