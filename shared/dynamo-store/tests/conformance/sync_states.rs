//! Lease, hints, queue and checkpoint.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::id::RunId;
use contact_sync_domain::plan::{Approved, Basis, Plan, Summary};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::sync_state::{
    Checkpoint, DeltaCursor, Handover, Lane, Stage, SyncState, Work,
};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    AccountStore, ConnectionStore, PendingItem, PendingKind, PendingStore, Release, RunStore,
    SHARDS, SyncStateStore, Taken,
};

use crate::samples::{account, account_id, at, connection, connection_id, run};
use crate::tables::Tables;

async fn started() -> Tables {
    let tables = Tables::start().await;
    tables.store.create_connection(&connection(1, 1)).await.unwrap();
    tables
}

async fn state(tables: &Tables) -> SyncState {
    tables.store.sync_state(&account_id(1), &connection_id(1)).await.unwrap().unwrap()
}

async fn take(tables: &Tables, holder: &str, now: i64, until: i64) -> Option<Taken> {
    let (account, connection) = (account_id(1), connection_id(1));
    tables.store.take(&account, &connection, holder, at(now), at(until)).await.unwrap()
}

fn worked(done: u64) -> Work {
    Work {
        done,
        users_delta: Some(DeltaCursor {
            link: "https://graph.example/v1.0/users/delta?$deltatoken=a".into(),
            select_hash: "s".into(),
            issued_at: at(3),
        }),
        last_checked_at: Some(at(4)),
        linked: 7,
        ..Work::default()
    }
}

#[tokio::test]
async fn a_connection_begins_with_an_empty_state_and_others_have_none() {
    let tables = started().await;
    assert_eq!(state(&tables).await, SyncState::new(account_id(1), connection_id(1)));
    let foreign = tables.store.sync_state(&account_id(2), &connection_id(1)).await.unwrap();
    assert_eq!(foreign, None);
}

#[tokio::test]
async fn one_of_two_takes_the_lease_and_an_expired_one_is_overtaken() {
    let tables = started().await;
    let first = take(&tables, "a", 0, 100).await.unwrap();
    assert_eq!((first.state.fence, first.overtaken), (1, None));
    assert_eq!(first.state, state(&tables).await);
    assert_eq!(take(&tables, "b", 99, 200).await, None);
    let second = take(&tables, "b", 100, 200).await.unwrap();
    assert_eq!((second.state.fence, second.overtaken), (2, Some(at(100))));
    assert_eq!(second.state, state(&tables).await);
}

#[tokio::test]
async fn nobody_can_take_what_does_not_exist() {
    let tables = Tables::start().await;
    assert_eq!(take(&tables, "a", 0, 100).await, None);
    let (account, connection) = (account_id(1), connection_id(1));
    assert_eq!(tables.store.hint(&account, &connection, at(0)).await.unwrap(), None);
    assert_eq!(tables.count(crate::tables::STATE).await, 0, "nothing was made on the way");
}

#[tokio::test]
async fn a_taking_whose_answer_got_lost_counts_once_and_is_cautious_about_who_had_it() {
    let tables = started().await;
    tables.lose_next_answer();
    let taken = take(&tables, "a", 0, 100).await.unwrap();
    assert_eq!((taken.state.fence, taken.overtaken), (1, Some(at(0))));
    assert_eq!(taken.state, state(&tables).await);
}

#[tokio::test]
async fn each_checkpoint_raises_the_fence_and_a_stale_one_is_rejected() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    let next = tables.store.checkpoint(&held, &worked(0), at(150), None).await.unwrap().unwrap();
    assert_eq!(next.fence, 2);
    assert_eq!(next.lease.as_ref().unwrap().expires_at, at(150));
    assert_eq!(next.work, worked(0));
    let stale = tables.store.checkpoint(&held, &worked(1), at(160), None).await.unwrap();
    assert_eq!(stale, None, "the fence had moved");
    take(&tables, "b", 150, 300).await.unwrap();
    let lost = tables.store.checkpoint(&next, &worked(1), at(160), None).await.unwrap();
    assert_eq!(lost, None, "the lease had moved");
    assert_eq!(state(&tables).await.work, worked(0));
}

#[tokio::test]
async fn a_checkpoint_whose_answer_got_lost_stands() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    tables.lose_next_answer();
    let next = tables.store.checkpoint(&held, &worked(0), at(150), None).await.unwrap();
    assert_eq!(next, Some(state(&tables).await));
    assert_eq!(state(&tables).await.fence, 2);
}

#[tokio::test]
async fn letting_go_is_refused_while_more_is_wanted() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    tables.store.hint(&account_id(1), &connection_id(1), at(5)).await.unwrap();
    let Release::More(now) = tables.store.release(&held, &worked(0), None, at(6)).await.unwrap()
    else {
        panic!("a hint had come in")
    };
    assert_eq!((now.wanted, now.last_hint_at, now.fence), (1, Some(at(5)), held.fence));
    assert!(now.lease.is_some());
    let released = tables.store.release(&held, &worked(1), None, at(7)).await.unwrap();
    assert_eq!(released, Release::Released);
    let after = state(&tables).await;
    assert_eq!((after.lease, after.fence, after.work), (None, 2, worked(1)));
}

#[tokio::test]
async fn letting_go_is_refused_while_a_run_waits() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    tables.store.enqueue(&run(1, 1, 5)).await.unwrap();
    let refused = tables.store.release(&held, &worked(0), None, at(6)).await.unwrap();
    assert!(matches!(refused, Release::More(state) if state.queue.len() == 1));
    let kept = tables
        .store
        .checkpoint(&held, &worked(0), at(150), Some(&RunId::from_bits(5)))
        .await
        .unwrap()
        .unwrap();
    assert!(kept.queue.is_empty());
    assert_eq!(
        tables.store.release(&kept, &worked(0), None, at(7)).await.unwrap(),
        Release::Released
    );
}

#[tokio::test]
async fn a_lost_lease_cannot_be_let_go_and_a_lost_answer_is_not_a_lost_lease() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    take(&tables, "b", 100, 200).await.unwrap();
    assert_eq!(
        tables.store.release(&held, &worked(0), None, at(101)).await.unwrap(),
        Release::Lost
    );
    assert_eq!(state(&tables).await.work, Work::default());
    let held = take(&tables, "c", 200, 300).await.unwrap().state;
    tables.lose_next_answer();
    let released = tables.store.release(&held, &worked(0), None, at(201)).await.unwrap();
    assert_eq!(released, Release::Released);
}

#[tokio::test]
async fn a_handover_names_the_fence_at_the_letting_go_and_goes_with_the_next_taking() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    tables.store.hint(&account_id(1), &connection_id(1), at(5)).await.unwrap();
    let handover = Handover { run_id: RunId::from_bits(9), kind: RunKind::Full, checkpoint: 0 };
    let released = tables.store.release(&held, &worked(0), Some(&handover), at(6)).await.unwrap();
    assert_eq!(released, Release::Released, "a handover needs no empty queue");
    let after = state(&tables).await;
    assert_eq!(after.handover, Some(Handover { checkpoint: after.fence, ..handover }));
    assert_eq!(after.lease, None);
    let taken = take(&tables, "b", 7, 100).await.unwrap();
    assert_eq!((taken.state.handover, taken.overtaken), (None, None));
    assert_eq!(state(&tables).await.handover, None);
}

#[tokio::test]
async fn every_hint_counts_and_answers_what_was_before_it() {
    let tables = started().await;
    let (account, connection) = (account_id(1), connection_id(1));
    let before = tables.store.hint(&account, &connection, at(5)).await.unwrap().unwrap();
    assert_eq!((before.wanted, before.last_hint_at), (0, None));
    let before = tables.store.hint(&account, &connection, at(6)).await.unwrap().unwrap();
    assert_eq!((before.wanted, before.last_hint_at), (1, Some(at(5))));
    assert_eq!(state(&tables).await.wanted, 2);
}

#[tokio::test]
async fn the_first_hint_of_a_burst_says_since_when_a_change_waits() {
    let tables = started().await;
    let (account, connection) = (account_id(1), connection_id(1));
    for second in [5, 6] {
        tables.store.hint(&account, &connection, at(second)).await.unwrap();
    }
    assert_eq!(state(&tables).await.hinted_since, Some(at(5)));
    let held = take(&tables, "a", 7, 100).await.unwrap().state;
    let held = tables.store.checkpoint(&held, &worked(0), at(150), None).await.unwrap().unwrap();
    assert_eq!(held.hinted_since, Some(at(5)), "nothing was dealt with yet");
    tables.store.hint(&account, &connection, at(8)).await.unwrap();
    let known = state(&tables).await;
    let held = tables.store.checkpoint(&known, &worked(2), at(150), None).await.unwrap().unwrap();
    assert_eq!(held.hinted_since, Some(at(8)), "the third waits since then");
    let released = tables.store.release(&held, &worked(3), None, at(9)).await.unwrap();
    assert_eq!((released, state(&tables).await.hinted_since), (Release::Released, None));
}

#[tokio::test]
async fn runs_wait_in_the_order_of_asking_and_queueing_again_changes_nothing() {
    let tables = started().await;
    let late = contact_sync_domain::run::Run { queued_at: at(50), ..run(1, 1, 2) };
    for queued in [&run(1, 1, 3), &late, &run(1, 1, 3)] {
        tables.store.enqueue(queued).await.unwrap();
    }
    let queue: Vec<RunId> = state(&tables).await.queue.into_iter().map(|it| it.run_id).collect();
    assert_eq!(queue, [RunId::from_bits(3), RunId::from_bits(2)]);
    let found = tables.store.run(&account_id(1), &connection_id(1), &RunId::from_bits(3)).await;
    assert_eq!(found.unwrap().unwrap().status, RunStatus::Queued);
    // A run that was taken off and is announced again does not come back.
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    let id = RunId::from_bits(3);
    tables.store.checkpoint(&held, &worked(0), at(150), Some(&id)).await.unwrap().unwrap();
    tables.store.enqueue(&run(1, 1, 3)).await.unwrap();
    assert_eq!(state(&tables).await.queue.len(), 1);
}

#[tokio::test]
async fn a_run_of_a_connection_that_is_gone_is_not_recorded() {
    let tables = Tables::start().await;
    let error = tables.store.enqueue(&run(1, 1, 3)).await.unwrap_err();
    assert!(!error.is_transient(), "asking again will not help");
    assert_eq!(tables.count(crate::tables::STATE).await, 0);
}

#[tokio::test]
async fn a_reset_rejects_whoever_worked_and_forgets_where_it_stood() {
    let tables = started().await;
    let held = take(&tables, "a", 0, 100).await.unwrap().state;
    let held = tables.store.checkpoint(&held, &worked(0), at(150), None).await.unwrap().unwrap();
    tables.store.enqueue(&run(1, 1, 5)).await.unwrap();
    tables.store.reset_sync_state(&account_id(1), &connection_id(1)).await.unwrap();
    assert_eq!(tables.store.checkpoint(&held, &worked(1), at(160), None).await.unwrap(), None);
    let after = state(&tables).await;
    assert_eq!((after.fence, after.lease, after.handover), (held.fence + 1, None, None));
    assert!(after.queue.is_empty());
    assert_eq!((after.work.users_delta, after.work.checkpoint), (None, None));
    assert_eq!(after.work.linked, 7, "what counts people stays");
    tables.store.enqueue(&run(1, 1, 6)).await.unwrap();
    assert_eq!(state(&tables).await.queue.len(), 1, "the queue can be used again");
}

#[tokio::test]
async fn sixteen_queries_find_every_state() {
    let tables = Tables::start().await;
    tables.store.create_account(&account(1)).await.unwrap();
    for number in 1..=40 {
        tables.store.create_connection(&connection(1, number)).await.unwrap();
    }
    let mut found = 0;
    for shard in 0..16 {
        let page = tables.store.sync_states(shard, None).await.unwrap();
        found += page.items.len();
        assert_eq!(page.cursor, None);
    }
    assert_eq!(found, 40);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_keeps_nobody_else_from_the_sweep() {
    let tables = Tables::start().await;
    for number in 1..=40 {
        tables.store.create_connection(&connection(1, number)).await.unwrap();
    }
    let shard = connection_id(7).shard(SHARDS);
    let before = tables.store.sync_states(shard, None).await.unwrap().items.len();
    let sk = format!("{}#{}", account_id(1), connection_id(7));
    tables.remove_attribute(&format!("SYNC#{shard}"), &sk, "fence").await;
    let page = tables.store.sync_states(shard, None).await.unwrap();
    assert_eq!(page.items.len(), before);
    let errors: Vec<String> =
        page.items.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains(connection_id(7).as_str()), "{errors:?}");
}

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
