use contact_sync_domain::id::{AccountId, RunId};
use contact_sync_domain::run::Trigger;
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::SubscriptionState;
use contact_sync_domain::sync_state::{Checkpoint, DeltaCursor, Lease, QueuedRun, Stage};

use super::super::fake::{account, at, connection, connection_id, tenant};
use super::super::fake_graph::Fault;
use super::super::tests::{
    FakeRenewal, START, ensure, record, renewal, set_status, subscribed, types,
};
use super::*;

mod silence;
mod standing;

const DAY: i64 = 86_400;

/// What was done to a state before the sweep.
type Edit = Box<dyn Fn(&mut SyncState)>;

/// Nobody's turn to be compared with its settings: the sweep reads only what its state asks for.
fn off_turn(number: u128) -> i64 {
    (0..i64::from(TURNS))
        .map(|step| START + step * PERIOD.as_secs())
        .find(|second| !is_turn_of(&connection_id(number), at(*second)))
        .unwrap()
}

/// Connection 1 was looked at at this second, and has a place to go on from.
fn looked_at(renewal: &FakeRenewal, second: i64) {
    renewal.stores.edit_state(1, |state| {
        state.work.last_checked_at = Some(at(second));
        state.work.users_delta = Some(DeltaCursor {
            link: "https://graph.example/v1.0/users/delta?$deltatoken=x".into(),
            select_hash: String::new(),
            issued_at: at(second),
        });
    });
}

fn checkpoint(kind: RunKind) -> Checkpoint {
    let begin = (RunId::from_bits(5), kind, Trigger::Manual);
    Checkpoint { recorded: true, ..Checkpoint::begin(begin, 0, Stage::Baseline, (0, 0), at(0)) }
}

async fn sweep(renewal: &FakeRenewal) -> Swept {
    let deadline = renewal.clock.now().checked_add(SignedDuration::from_secs(60)).unwrap();
    let swept = renewal.sweep(deadline).await;
    assert!(!swept.cut_short);
    swept
}

/// The kind of the one request that a sweep made.
async fn requested(renewal: &FakeRenewal) -> Option<RunKind> {
    sweep(renewal).await;
    let events = renewal.bus.drain();
    let kinds: Vec<RunKind> = events
        .iter()
        .filter_map(|event| match event {
            Event::SyncRequested(request) => {
                assert_eq!(request.trigger, RequestTrigger::Sweep);
                Some(request.kind)
            }
            _ => None,
        })
        .collect();
    assert!(kinds.len() <= 1, "{events:?}");
    kinds.first().copied()
}

#[tokio::test]
async fn what_nobody_works_on_is_driven_again() {
    let queued = |kind| QueuedRun { run_id: RunId::from_bits(6), kind, trigger: Trigger::Manual };
    let lease = |second| Some(Lease { holder: "somebody".into(), expires_at: at(second) });
    let cases: Vec<(&str, Edit, Option<RunKind>)> = vec![
        ("nothing to do", Box::new(|_| {}), None),
        ("a hint", Box::new(|state| state.wanted = 1), Some(RunKind::Delta)),
        (
            "a queued run",
            Box::new(move |state| state.queue = vec![queued(RunKind::Full)]),
            Some(RunKind::Full),
        ),
        (
            "an unfinished run before a queued one",
            Box::new(move |state| {
                state.work.checkpoint = Some(checkpoint(RunKind::Delta));
                state.queue = vec![queued(RunKind::Full)];
            }),
            Some(RunKind::Delta),
        ),
        (
            "an unfinished run whose slice died",
            Box::new(move |state| {
                state.work.checkpoint = Some(checkpoint(RunKind::Full));
                state.lease = lease(START - 1);
            }),
            Some(RunKind::Full),
        ),
        (
            "an unfinished run at work",
            Box::new(move |state| {
                state.work.checkpoint = Some(checkpoint(RunKind::Full));
                state.lease = lease(START + DAY);
            }),
            None,
        ),
    ];
    for (case, edit, expected) in cases {
        let renewal = renewal();
        renewal.clock.move_to(at(off_turn(1)));
        renewal.stores.edit_state(1, |state| edit(state));
        assert_eq!(requested(&renewal).await, expected, "{case}");
    }
}

#[tokio::test]
async fn what_a_connection_that_does_not_sync_left_behind_is_left_alone() {
    for status in [
        ConnectionStatus::Paused,
        ConnectionStatus::Attention,
        ConnectionStatus::Disabled,
        ConnectionStatus::Disconnected,
        ConnectionStatus::Ready,
    ] {
        let renewal = renewal();
        renewal.clock.move_to(at(off_turn(1)));
        set_status(&renewal, status);
        renewal.stores.edit_state(1, |state| state.wanted = 1);
        assert_eq!(requested(&renewal).await, None, "{status:?}");
    }
}

#[tokio::test]
async fn a_directory_is_looked_at_hourly_although_nothing_was_notified() {
    let now = off_turn(1);
    for (minutes, expected) in [(54, None), (55, Some(RunKind::Delta)), (600, Some(RunKind::Delta))]
    {
        let renewal = renewal();
        renewal.clock.move_to(at(now));
        looked_at(&renewal, now - minutes * 60);
        assert_eq!(requested(&renewal).await, expected, "{minutes} minutes");
        set_status(&renewal, ConnectionStatus::Paused);
        assert_eq!(requested(&renewal).await, expected, "its cursor is let go of while paused");
        renewal.stores.edit_state(1, |state| state.work.users_delta = None);
        assert_eq!(requested(&renewal).await, None, "nothing is left to do until it resumes");
        set_status(&renewal, ConnectionStatus::Disabled);
        assert_eq!(requested(&renewal).await, None);
    }
}

#[tokio::test]
async fn settings_that_let_only_runs_look_are_kept() {
    for (between_runs, expected) in [
        (BetweenRuns::Apply, Some(RunKind::Delta)),
        (BetweenRuns::List, Some(RunKind::Delta)),
        (BetweenRuns::Ignore, None),
    ] {
        let renewal = renewal();
        let now = off_turn(1);
        renewal.clock.move_to(at(now));
        looked_at(&renewal, now - DAY);
        let mut settings = Settings::default();
        settings.schedule.between_runs = between_runs;
        renewal.stores.save(1, settings);
        assert_eq!(requested(&renewal).await, expected, "{between_runs:?}");
    }
}

#[tokio::test]
async fn every_subscription_that_is_due_is_renewed() {
    let renewal = subscribed().await;
    assert_eq!(sweep(&renewal).await.renewed, 0);
    renewal.clock.move_to(at(START + 14 * DAY));
    assert_eq!(sweep(&renewal).await.renewed, 1);
    assert_eq!(sweep(&renewal).await.renewed, 0);
}

#[tokio::test]
async fn a_subscription_marked_by_graphs_news_is_dealt_with_at_the_next_sweep() {
    let renewal = subscribed().await;
    let key = record(&renewal).key;
    renewal.rewrite(&key, |record| record.renewed_at = Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(sweep(&renewal).await.renewed, 1);
    renewal.rewrite(&key, |record| record.state = SubscriptionState::Failed).await.unwrap();
    renewal.graph.forget_all();
    assert_eq!(sweep(&renewal).await.made, 1);
    assert_eq!(renewal.graph.all().len(), 1);
    assert_eq!(types(&renewal), ["DirectoryChanged"]);
}

#[tokio::test]
async fn a_connection_that_was_stopped_or_deleted_gives_its_subscription_up() {
    let renewal = subscribed().await;
    set_status(&renewal, ConnectionStatus::Disabled);
    assert_eq!(sweep(&renewal).await.released, 1);
    assert_eq!(renewal.graph.all(), []);

    let renewal = subscribed().await;
    renewal.stores.world().connections.clear();
    renewal.stores.world().states.clear();
    assert_eq!(sweep(&renewal).await.released, 1);
    assert_eq!(renewal.stores.records(), []);
}

#[tokio::test]
async fn a_subscription_of_a_tenant_that_its_connection_left_is_given_up() {
    let renewal = subscribed().await;
    renewal.stores.edit_connection(1, |connection| {
        connection.tenant.as_mut().unwrap().id = tenant(9);
    });
    assert_eq!(sweep(&renewal).await.released, 1);
}

#[tokio::test]
async fn a_connection_whose_subscription_was_never_made_gets_it_within_the_hour() {
    let renewal = renewal();
    let mut made = 0;
    for step in 0..i64::from(TURNS) {
        renewal.clock.move_to(at(START + step * PERIOD.as_secs()));
        made += sweep(&renewal).await.made;
    }
    assert_eq!((made, renewal.graph.all().len()), (1, 1));
}

#[tokio::test]
async fn trouble_with_one_connection_never_stops_the_others() {
    let mut renewal = subscribed().await;
    let now = START + 14 * DAY;
    renewal.clock.move_to(at(now));
    let stores = std::mem::take(&mut renewal.stores);
    renewal.stores = stores
        .with_connection(connection(2, ConnectionStatus::Enabled))
        .with_connection(connection(3, ConnectionStatus::Enabled));
    renewal.ensure_connection(&account(3), &connection_id(3)).await.unwrap();
    for number in [1, 2, 3] {
        renewal.stores.edit_state(number, |state| state.wanted = 1);
    }
    renewal.stores.world().unreadable_connections.insert(connection_id(2));
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(3), Fault::Down));
    let swept = sweep(&renewal).await;
    assert_eq!((swept.requested, swept.renewed), (2, 1));
    assert!(
        swept.troubles.iter().all(|trouble| trouble.with == Party::Connection(connection_id(2)))
    );
    assert_eq!(swept.troubles.len(), 1);
    assert!(swept.failure.is_none());
}

#[tokio::test]
async fn an_item_that_cannot_be_read_keeps_nobody_else_from_the_sweep() {
    let mut renewal = subscribed().await;
    renewal.clock.move_to(at(START + 14 * DAY));
    let stores = std::mem::take(&mut renewal.stores);
    renewal.stores = stores.with_connection(connection(2, ConnectionStatus::Enabled));
    renewal.ensure_connection(&account(2), &connection_id(2)).await.unwrap();
    for number in [1, 2] {
        renewal.stores.edit_state(number, |state| state.wanted = 1);
    }
    let of_tenant_2 = |record: &Subscription| record.tenant_id == tenant(2);
    let key = renewal.stores.records().into_iter().find(of_tenant_2).unwrap().key;
    renewal.stores.world().unreadable_states.insert(connection_id(2));
    renewal.stores.world().unreadable_subscriptions.insert(key);
    let swept = sweep(&renewal).await;
    assert_eq!((swept.requested, swept.renewed), (1, 1), "connection 1 is served");
    assert_eq!(swept.troubles.len(), 2);
    assert!(swept.troubles.iter().all(|trouble| trouble.with == Party::Item));
    assert!(swept.failure.is_none(), "what is one customer's is no failure of the sweep");
}

#[tokio::test]
async fn a_refused_credential_is_asked_with_no_further_and_told_as_everybodys_trouble() {
    let renewal = subscribed().await;
    renewal.clock.move_to(at(START + 14 * DAY));
    renewal.stores.edit_state(1, |state| state.wanted = 1);
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::Credential));
    let deadline = at(START + 15 * DAY);
    let swept = renewal.sweep(deadline).await;
    assert_eq!(swept.requested, 1, "what needs no credential was done");
    assert!(matches!(swept.failure, Some(RenewalError::Credential(_))));
}

#[tokio::test]
async fn a_store_that_is_down_is_told() {
    let renewal = renewal();
    renewal.stores.world().is_down = true;
    let swept = renewal.sweep(at(START + 60)).await;
    assert!(matches!(swept.failure, Some(RenewalError::Store(_))));
}

#[tokio::test]
async fn time_that_is_up_ends_a_sweep_and_the_next_begins_elsewhere() {
    let renewal = renewal();
    renewal.stores.edit_state(1, |state| state.wanted = 1);
    let swept = renewal.sweep(at(START)).await;
    assert!(swept.cut_short);
    assert_eq!(swept.requested, 0);
    let first = |second| shards_from(at(second), PERIOD).next().unwrap();
    assert_ne!(first(START), first(START + PERIOD.as_secs()));
    let mut all: Vec<u8> = shards_from(at(START), PERIOD).collect();
    all.sort_unstable();
    assert_eq!(all, (0..16).collect::<Vec<u8>>());
}

#[tokio::test]
async fn every_connection_of_a_shard_is_reached() {
    let mut renewal = renewal();
    for number in 2..40 {
        let stores = std::mem::take(&mut renewal.stores);
        renewal.stores = stores.with_connection(connection(number, ConnectionStatus::Enabled));
        renewal.stores.edit_state(number, |state| state.wanted = 1);
    }
    assert_eq!(sweep(&renewal).await.requested, 38);
    let accounts: std::collections::BTreeSet<AccountId> = renewal
        .bus
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::SyncRequested(request) => Some(request.account_id),
            _ => None,
        })
        .collect();
    assert_eq!(accounts.len(), 38);
}

#[tokio::test]
async fn a_bus_that_is_down_is_told_and_what_waits_is_found_again() {
    let renewal = renewal();
    renewal.clock.move_to(at(off_turn(1)));
    renewal.stores.edit_state(1, |state| state.wanted = 1);
    renewal.bus.set_down(true);
    let swept = sweep(&renewal).await;
    assert_eq!(swept.requested, 0);
    assert!(matches!(swept.failure, Some(RenewalError::Announcement(_))));
    renewal.bus.set_down(false);
    assert_eq!(requested(&renewal).await, Some(RunKind::Delta));
    ensure(&renewal).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_waits_for_its_permissions_becomes_ready() {
    let renewal = renewal();
    renewal.clock.move_to(at(off_turn(1)));
    set_status(&renewal, ConnectionStatus::Authorized);
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::Down));
    assert_eq!(sweep(&renewal).await.tried, 1);
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Authorized);
    *renewal.graph.tenant_fault.lock().unwrap() = None;
    assert_eq!(sweep(&renewal).await.tried, 1);
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Ready);
    assert_eq!(sweep(&renewal).await.tried, 0);
    assert_eq!(renewal.graph.all(), [], "nobody subscribes before it is enabled");
}

#[tokio::test]
async fn attention_that_an_admin_settled_alone_ends_within_the_hour() {
    let renewal = subscribed().await;
    renewal.clock.move_to(at(START + 14 * DAY));
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::ConsentLost));
    ensure(&renewal).await.unwrap();
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Attention);
    *renewal.graph.tenant_fault.lock().unwrap() = None;
    for step in 0..i64::from(TURNS) {
        renewal.clock.move_to(at(START + 14 * DAY + step * PERIOD.as_secs()));
        sweep(&renewal).await;
    }
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Enabled);
    assert!(!record(&renewal).is_due(renewal.clock.now()));
}
