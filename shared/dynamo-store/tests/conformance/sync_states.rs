//! Lease, hints, queue and checkpoint.

use contact_sync_domain::id::RunId;
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::sync_state::{DeltaCursor, Handover, SyncState, Work};
use contact_sync_engine::port::{
    AccountStore, ConnectionStore, Release, RunStore, SHARDS, SyncStateStore, Taken,
};

use crate::samples::{account, account_id, at, connection, connection_id, run};
use crate::tables::Tables;

pub(crate) async fn started() -> Tables {
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

pub(crate) fn worked(done: u64) -> Work {
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
    let late = Run { queued_at: at(50), ..run(1, 1, 2) };
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
