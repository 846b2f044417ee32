//! Runs that wait: each is done, or ended with the reason.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::pause::Pause;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::sync_state::Lease;
use jiff::SignedDuration;

use super::scene::{Scene, connection_id, start, user};
use crate::memory::World;
use crate::port::{DirectoryError, PauseStore};
use crate::sync::Driven;

fn reason(run: &Run) -> &str {
    run.reason.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn a_run_that_waits_while_its_connection_stops_ends_with_the_reason() {
    for (status, word) in [
        (ConnectionStatus::Attention, "attention"),
        (ConnectionStatus::Disabled, "disabled"),
        (ConnectionStatus::Disconnected, "disconnected"),
    ] {
        let mut scene = Scene::of([user(1)]);
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.set_status(status);
        assert_eq!(scene.drive().await.unwrap(), Driven::Idle);
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Cancelled);
        assert!(reason(&run).contains(word), "{:?}", run.reason);
        assert!(run.ended_at.is_some());
        assert!(scene.state().queue.is_empty());
    }
}

#[tokio::test]
async fn a_run_begun_before_its_connection_stopped_ends_too() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.worker.directory.fail_page(1, DirectoryError::Throttled { retry_after: None });
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    assert_eq!(scene.drive().await.unwrap(), Driven::Parked);
    assert_eq!(scene.run(&id).status, RunStatus::Running);
    scene.set_status(ConnectionStatus::Attention);
    scene.pass(SignedDuration::from_mins(5));
    assert_eq!(scene.drive().await.unwrap(), Driven::Idle);
    assert_eq!(scene.run(&id).status, RunStatus::Cancelled);
    let state = scene.state();
    assert_eq!(state.work.checkpoint, None);
    assert!(!state.is_stranded(start() + SignedDuration::from_hours(1)));
}

#[tokio::test]
async fn whoever_waits_behind_a_run_that_needs_a_person_ends_with_it() {
    let mut scene = Scene::of([user(1)]);
    scene.worker.directory.fail_page(0, DirectoryError::Blocked { code: "53003".into() });
    let first = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.pass(SignedDuration::from_secs(1));
    let second = scene.queue(RunKind::Full, Trigger::Enable).await;
    assert_eq!(scene.drive().await.unwrap(), Driven::Parked);
    assert_eq!(scene.run(&first).status, RunStatus::Failed);
    let run = scene.run(&second);
    assert_eq!(run.status, RunStatus::Cancelled);
    assert!(reason(&run).contains("attention"), "{:?}", run.reason);
    assert!(scene.state().queue.is_empty());
}

#[tokio::test]
async fn slots_that_come_while_somebody_works_become_one_run() {
    let mut scene = Scene::of([user(1)]);
    let until = start() + SignedDuration::from_hours(9);
    let lease = Lease { holder: "somebody".into(), expires_at: until };
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().lease = Some(lease);
    for _ in 0..5 {
        let trigger = Some(RequestTrigger::Schedule);
        assert_eq!(scene.drive_as(RunKind::Full, trigger).await.unwrap(), Driven::Busy);
        scene.pass(SignedDuration::from_hours(1));
    }
    let queue = scene.state().queue;
    assert_eq!(queue.len(), 1);
    let first = &queue[0].run_id;
    let superseded: Vec<Run> = scene.runs().into_iter().filter(|run| run.id != *first).collect();
    assert_eq!(superseded.len(), 4);
    for run in superseded {
        assert_eq!(run.status, RunStatus::Cancelled);
        assert!(reason(&run).contains(first.as_str()), "{:?}", run.reason);
    }
    assert_eq!(scene.run(first).status, RunStatus::Queued);
}

#[tokio::test]
async fn requests_of_different_kinds_each_keep_their_run() {
    let mut scene = Scene::of([user(1)]);
    let manual = scene.queue(RunKind::Full, Trigger::Manual).await;
    let resume = scene.queue(RunKind::Full, Trigger::Resume).await;
    let again = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.drive().await.unwrap();
    assert_eq!(scene.run(&manual).status, RunStatus::Succeeded);
    assert_eq!(scene.run(&resume).status, RunStatus::Succeeded);
    assert_eq!(scene.run(&again).status, RunStatus::Cancelled);
}

#[tokio::test]
async fn what_is_asked_for_while_everything_is_paused_waits_and_is_done_after_it() {
    let mut scene = Scene::of([user(1)]);
    let pause = Pause { since: start(), by: None };
    scene.worker.stores.begin_pause(&pause).await.unwrap();
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    let before = scene.state();
    for _ in 0..20 {
        assert_eq!(scene.drive().await.unwrap(), Driven::Paused);
        scene.pass(SignedDuration::from_mins(5));
    }
    assert_eq!(scene.state(), before, "nobody took the lease");
    assert_eq!(scene.run(&id).status, RunStatus::Queued);
    scene.worker.stores.end_pause(start()).await.unwrap();
    assert_eq!(scene.drive().await.unwrap(), Driven::LetGo);
    assert_eq!(scene.run(&id).status, RunStatus::Succeeded);
}

#[tokio::test]
async fn a_run_that_began_before_everything_was_paused_waits_and_goes_on() {
    let mut scene = Scene::of((1..=30).map(user));
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    let paused = |world: &mut World| world.pause = Some(Pause { since: start(), by: None });
    // After the slice began, and before its first page.
    scene.worker.stores.world().meanwhile = Some((6, paused));
    assert_eq!(scene.drive().await.unwrap(), Driven::Parked);
    let run = scene.run(&id);
    assert_eq!(run.status, RunStatus::Running);
    assert_eq!(run.counts.created, 0, "nothing was written: {:?}", run.counts);
    scene.worker.stores.end_pause(start()).await.unwrap();
    scene.pass(SignedDuration::from_mins(5));
    assert_eq!(scene.drive().await.unwrap(), Driven::LetGo);
    let run = scene.run(&id);
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 30));
}
