//! Runs that wait, are withdrawn, planned, approved and cancelled.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::id::RunId;
use contact_sync_domain::plan::{Approved, Basis, Plan, Summary};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::sync_state::{Checkpoint, Lane, Stage, SyncState, Work};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    PendingItem, PendingKind, PendingStore, RunStore, SHARDS, SyncStateStore,
};

use crate::samples::{account_id, at, connection_id, run};
use crate::sync_states::{started, worked};

#[tokio::test]
async fn a_run_that_waits_can_be_withdrawn_once_and_one_that_began_cannot() {
    let tables = started().await;
    withdraws(&tables.store).await;
    let memory = MemoryStore::default();
    let fresh = SyncState::new(account_id(1), connection_id(1));
    memory.world().states.insert(connection_id(1), fresh);
    withdraws(&memory).await;
}

async fn withdraws(store: &(impl SyncStateStore + RunStore)) {
    let (account, connection) = (account_id(1), connection_id(1));
    for number in [5, 6] {
        store.enqueue(&run(1, 1, number)).await.unwrap();
    }
    let ended = |number| Run {
        status: RunStatus::Cancelled,
        reason: Some("another stands for it".into()),
        ..run(1, 1, number)
    };
    assert!(store.withdraw(&ended(6)).await.unwrap());
    assert!(!store.withdraw(&ended(6)).await.unwrap(), "it does not wait any more");
    let held = store.take(&account, &connection, "a", at(0), at(100)).await.unwrap().unwrap().state;
    assert_eq!(held.queue.len(), 1, "the other one still waits");
    let begun = RunId::from_bits(5);
    store.checkpoint(&held, &worked(0), at(150), Some(&begun)).await.unwrap().unwrap();
    assert!(!store.withdraw(&ended(5)).await.unwrap(), "it began");
    let found = async |number| store.run(&account, &connection, &RunId::from_bits(number)).await;
    assert_eq!(found(6).await.unwrap(), Some(ended(6)));
    assert_eq!(found(5).await.unwrap().unwrap().status, RunStatus::Queued);
}

fn memory() -> MemoryStore {
    let memory = MemoryStore::default();
    let fresh = SyncState::new(account_id(1), connection_id(1));
    memory.world().states.insert(connection_id(1), fresh);
    memory
}

fn preview(number: u128) -> Run {
    Run { kind: RunKind::Preview, ..run(1, 1, number) }
}

#[tokio::test]
async fn what_is_planned_neither_waits_for_what_syncs_nor_holds_it_up() {
    let tables = started().await;
    plans_beside(&tables.store).await;
    plans_beside(&memory()).await;
}

async fn queued(store: &impl SyncStateStore) -> Vec<RunId> {
    let state = store.sync_state(&account_id(1), &connection_id(1)).await.unwrap();
    state.unwrap().queue.into_iter().map(|queued| queued.run_id).collect()
}

async fn plans_beside(store: &(impl SyncStateStore + PendingStore)) {
    let (account, connection) = (account_id(1), connection_id(1));
    let plans = store.of_lane(Lane::Plan);
    assert_eq!(plans.sync_state(&account, &connection).await.unwrap(), None);
    for queued in [preview(3), preview(3), run(1, 1, 4)] {
        store.enqueue(&queued).await.unwrap();
    }
    assert_eq!(queued(&plans).await, [RunId::from_bits(3)]);
    assert_eq!(queued(store).await, [RunId::from_bits(4)]);
    let main = store.take(&account, &connection, "a", at(0), at(100)).await.unwrap();
    let plan = plans.take(&account, &connection, "b", at(0), at(100)).await.unwrap();
    let (main, plan) = (main.unwrap().state, plan.unwrap().state);
    assert_eq!((main.lane, plan.lane), (Lane::Main, Lane::Plan));
    let item = PendingItem { key: "u".into(), expires_at: None, body: serde_json::json!({}) };
    plans.put_pending(&connection, PendingKind::Removal, &[item]).await.unwrap();
    assert_eq!(store.pending(&connection, PendingKind::Removal).await.unwrap(), []);
    let shard = connection.shard(SHARDS);
    let mut lanes = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.sync_states(shard, cursor.as_deref()).await.unwrap();
        lanes.extend(page.items.into_iter().map(|state| state.unwrap().lane));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(lanes, [Lane::Main, Lane::Plan], "the sweep finds both");
    store.reset_sync_state(&account, &connection).await.unwrap();
    for (store, held) in [(store, &main), (&plans, &plan)] {
        let lost = store.checkpoint(held, &worked(0), at(150), None).await.unwrap();
        assert_eq!(lost, None, "whoever worked is rejected");
    }
}

#[tokio::test]
async fn a_plan_is_queued_for_applying_once_and_only_as_it_was_approved() {
    let tables = started().await;
    approves(&tables.store).await;
    approves(&memory()).await;
}

async fn approves(store: &(impl SyncStateStore + RunStore)) {
    let (account, connection) = (account_id(1), connection_id(1));
    let plan = |hash: &str, approved| Plan {
        hash: hash.into(),
        pages: 1,
        basis: Basis { settings_version: 0, draft: false },
        summary: Summary::default(),
        made_at: at(1),
        expires_at: at(2),
        approved,
    };
    let planned =
        Run { status: RunStatus::Planned, plan: Some(Box::new(plan("aa", None))), ..preview(3) };
    store.enqueue(&preview(3)).await.unwrap();
    let approved = |hash: &str| {
        let by = Actor { subject: Some("ada".into()), ..Actor::default() };
        let approved = Approved { by, at: at(5), removals: None, items: None };
        Run { plan: Some(Box::new(plan(hash, Some(approved)))), ..preview(3) }
    };
    assert!(!store.enqueue_planned(&approved("aa")).await.unwrap(), "it is not planned yet");
    assert!(store.put_run(&planned).await.unwrap());
    assert!(!store.enqueue_planned(&approved("bb")).await.unwrap(), "another plan");
    assert!(store.enqueue_planned(&approved("aa")).await.unwrap());
    assert!(store.enqueue_planned(&approved("aa")).await.unwrap(), "its answer got lost");
    let other = Run { requested_by: Some(Actor::default()), ..approved("aa") };
    assert!(!store.enqueue_planned(&other).await.unwrap(), "somebody else was faster");
    let state = store.sync_state(&account, &connection).await.unwrap().unwrap();
    assert_eq!(state.queue.len(), 1);
    let found = store.run(&account, &connection, &RunId::from_bits(3)).await.unwrap();
    assert_eq!(found, Some(approved("aa")));
}

#[tokio::test]
async fn who_works_learns_that_the_run_is_to_end_and_the_wish_ends_with_it() {
    let tables = started().await;
    cancels(&tables.store).await;
    cancels(&memory()).await;
}

async fn cancels(store: &impl SyncStateStore) {
    let (account, connection) = (account_id(1), connection_id(1));
    let asked = run(1, 1, 3);
    assert!(!store.ask_to_cancel(&asked).await.unwrap(), "it neither waits nor works");
    store.enqueue(&asked).await.unwrap();
    assert!(store.ask_to_cancel(&asked).await.unwrap(), "it waits");
    let held = store.take(&account, &connection, "a", at(0), at(100)).await.unwrap().unwrap().state;
    assert_eq!(held.cancel.as_ref(), Some(&asked.id));
    let how = (asked.id.clone(), RunKind::Full, asked.trigger);
    let point = Checkpoint::begin(how, 0, Stage::Baseline, (0, 0), at(0));
    let working = Work { checkpoint: Some(point), ..worked(0) };
    let held = store.checkpoint(&held, &working, at(150), Some(&asked.id)).await.unwrap().unwrap();
    assert!(store.ask_to_cancel(&asked).await.unwrap(), "it works");
    assert!(!store.ask_to_cancel(&run(1, 1, 9)).await.unwrap(), "another one");
    let held = store.checkpoint(&held, &working, at(160), None).await.unwrap().unwrap();
    assert_eq!(held.cancel.as_ref(), Some(&asked.id), "until the run ends");
    let held = store.checkpoint(&held, &worked(0), at(170), None).await.unwrap().unwrap();
    assert_eq!(held.cancel, None);
}
