use contact_sync_domain::account::Account;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::silence::Missed;

use super::*;

/// Connection 1, whose turn it is, synced and looked at so many hours ago.
fn heard_last(run_hours: i64, look_hours: i64) -> FakeRenewal {
    let renewal = renewal();
    let turn = (0..i64::from(TURNS))
        .map(|step| START + step * PERIOD.as_secs())
        .find(|second| is_turn_of(&connection_id(1), at(*second)))
        .unwrap();
    renewal.clock.move_to(at(turn));
    let account = Account {
        id: account(1),
        external_id: "acme".to_owned(),
        name: "Acme".to_owned(),
        time_zone: "UTC".to_owned(),
        allowed_origins: Vec::new(),
        custom_fields: Vec::new(),
        retention: Retention::default(),
        version: 1,
        created_at: at(0),
    };
    renewal.stores.world().accounts.insert(account.id.clone(), account);
    looked_at(&renewal, turn - look_hours * 3_600);
    renewal.stores.edit_state(1, |state| {
        state.work.last_full_at = Some(at(turn - run_hours * 3_600));
    });
    renewal
}

fn missed(renewal: &FakeRenewal) -> Option<Missed> {
    renewal.stores.connection_of(1).silence.map(|silence| silence.what)
}

#[tokio::test]
async fn a_schedule_that_is_gone_is_noted_once_and_cleared_when_a_run_comes() {
    let renewal = heard_last(60, 0);
    assert_eq!(sweep(&renewal).await.silent, 1);
    assert_eq!(missed(&renewal), Some(Missed::Run));
    let version = renewal.stores.connection_of(1).version;
    assert_eq!(sweep(&renewal).await.silent, 1);
    assert_eq!(renewal.stores.connection_of(1).version, version, "it is written once");
    let now = renewal.clock.now();
    renewal.stores.edit_state(1, |state| state.work.last_full_at = Some(now));
    assert_eq!(sweep(&renewal).await.silent, 0);
    assert_eq!(missed(&renewal), None);
}

#[tokio::test]
async fn looks_and_notifications_that_do_not_come_are_noted() {
    let renewal = heard_last(2, 4);
    sweep(&renewal).await;
    assert_eq!(missed(&renewal), Some(Missed::Look));
    let renewal = heard_last(2, 0);
    renewal.stores.edit_state(1, |state| state.work.unheard = 3);
    sweep(&renewal).await;
    assert_eq!(missed(&renewal), Some(Missed::Notification));
}

#[tokio::test]
async fn of_a_connection_that_people_stopped_nothing_is_expected() {
    let renewal = heard_last(60, 4);
    sweep(&renewal).await;
    assert!(missed(&renewal).is_some());
    set_status(&renewal, ConnectionStatus::Paused);
    assert_eq!(sweep(&renewal).await.silent, 0);
    assert_eq!(missed(&renewal), None);
}

/// Whoever resumes after a holiday would be told at once that nothing comes, before anything could.
#[tokio::test]
async fn a_connection_resumed_after_a_long_rest_is_not_silent_at_once() {
    let renewal = heard_last(30 * 24, 30 * 24);
    let hours =
        |hours: i64| renewal.clock.now().checked_sub(SignedDuration::from_hours(hours)).unwrap();
    renewal.stores.edit_connection(1, |connection| connection.updated_at = hours(0));
    assert_eq!(sweep(&renewal).await.silent, 0);
    assert_eq!(missed(&renewal), None);
    // Three hours without a look are no chance, two days without a run neither.
    for (resumed, what) in [(4, Missed::Look), (60, Missed::Run)] {
        renewal.stores.edit_connection(1, |connection| {
            connection.silence = None;
            connection.updated_at = hours(resumed);
        });
        assert_eq!(sweep(&renewal).await.silent, 1);
        let silence = renewal.stores.connection_of(1).silence.unwrap();
        assert_eq!((silence.what, silence.since), (what, hours(resumed)));
        // What is noted stays noted: the note itself is no sign of life.
        assert_eq!(sweep(&renewal).await.silent, 1);
        assert_eq!(renewal.stores.connection_of(1).silence, Some(silence));
    }
}

#[tokio::test]
async fn what_did_not_come_while_everything_was_paused_is_caught_up_with_and_not_missed() {
    let hours = |renewal: &FakeRenewal, hours: i64| {
        renewal.clock.now().checked_sub(SignedDuration::from_hours(hours)).unwrap()
    };
    for (run, look, what) in [(60, 0, Missed::Run), (2, 4, Missed::Look)] {
        let renewal = heard_last(run, look);
        renewal.stores.world().resumed_at = Some(hours(&renewal, 1));
        assert_eq!(sweep(&renewal).await.silent, 0);
        assert_eq!(missed(&renewal), None);
        // Long enough ago that somebody should have come.
        renewal.stores.world().resumed_at = Some(hours(&renewal, 3));
        sweep(&renewal).await;
        assert_eq!(missed(&renewal), Some(what));
        // What was missed before is missed still.
        renewal.stores.world().resumed_at = Some(hours(&renewal, 0));
        sweep(&renewal).await;
        assert_eq!(missed(&renewal), Some(what));
    }
}

#[tokio::test]
async fn a_first_run_that_never_ends_is_noted_once_and_cleared_when_it_ends() {
    let renewal = heard_last(0, 0);
    let now = renewal.clock.now();
    let enabled = |hours: i64| now.checked_sub(SignedDuration::from_hours(hours)).unwrap();
    renewal.stores.edit_state(1, |state| state.work.last_full_at = None);
    renewal.stores.edit_connection(1, |connection| connection.updated_at = enabled(24));
    sweep(&renewal).await;
    assert_eq!(missed(&renewal), None, "it may take a day");
    renewal.stores.edit_connection(1, |connection| connection.updated_at = enabled(26));
    for _ in 0..2 {
        assert_eq!(sweep(&renewal).await.silent, 1);
        let silence = renewal.stores.connection_of(1).silence.unwrap();
        assert_eq!((silence.what, silence.since), (Missed::Run, enabled(26)));
    }
    renewal.stores.edit_state(1, |state| state.work.last_full_at = Some(now));
    assert_eq!(sweep(&renewal).await.silent, 0);
    assert_eq!(missed(&renewal), None);
}
