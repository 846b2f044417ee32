//! Directories that ask us to wait, and looks that get nowhere.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use jiff::SignedDuration;

use super::scene::{Scene, connection_id, user};
use crate::port::{Clock, DirectoryError};
use crate::sync::{Driven, LONGEST_WAIT, MAX_LOOK_HOPS};

async fn synced() -> Scene {
    let mut scene = Scene::of((1..=3).map(user));
    scene.full().await;
    scene
}

async fn hint(scene: &mut Scene) -> Driven {
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene.drive_as(RunKind::Delta, None).await.unwrap()
}

#[tokio::test]
async fn a_directory_that_asked_us_to_wait_is_not_asked_before() {
    let mut scene = synced().await;
    let retry_after = Some(SignedDuration::from_mins(10));
    // The look asks ahead once, and is told so again when it asks in earnest.
    for _ in 0..2 {
        scene.worker.directory.fail_page(0, DirectoryError::Throttled { retry_after });
    }
    assert_eq!(hint(&mut scene).await, Driven::Parked);
    let asked = scene.worker.directory.requests();
    scene.pass(SignedDuration::from_mins(9));
    assert_eq!(hint(&mut scene).await, Driven::Parked);
    assert_eq!(scene.drive().await.unwrap(), Driven::Parked, "nor for a sweep");
    assert_eq!(scene.worker.directory.requests(), asked);
    scene.pass(SignedDuration::from_mins(1));
    assert_eq!(hint(&mut scene).await, Driven::LetGo);
    assert!(scene.worker.directory.requests() > asked);
    assert_eq!(scene.state().work.not_before, None);
}

#[tokio::test]
async fn an_answer_beyond_reason_silences_no_connection() {
    let mut scene = synced().await;
    let retry_after = Some(SignedDuration::from_hours(1_000));
    for _ in 0..2 {
        scene.worker.directory.fail_page(0, DirectoryError::Throttled { retry_after });
    }
    assert_eq!(hint(&mut scene).await, Driven::Parked);
    scene.pass(LONGEST_WAIT);
    assert_eq!(hint(&mut scene).await, Driven::LetGo);
}

#[tokio::test]
async fn a_look_that_gets_nowhere_time_after_time_is_told_of_once_and_ends() {
    let mut scene = synced().await;
    let before = scene.runs().len();
    for _ in 0..=2 * MAX_LOOK_HOPS + 2 {
        let what = "503".to_owned();
        let error = DirectoryError::Unavailable { what, source: None };
        scene.worker.directory.fail_page(0, error);
    }
    for hop in 0..MAX_LOOK_HOPS {
        assert_eq!(hint(&mut scene).await, Driven::Parked, "{hop}");
        scene.pass(SignedDuration::from_mins(5));
    }
    assert_eq!(scene.runs().len(), before);
    hint(&mut scene).await;
    let failed: Vec<_> =
        scene.runs().into_iter().filter(|run| run.status == RunStatus::Failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].reason.as_deref().unwrap().contains("got nowhere"));
    assert_eq!(scene.state().work.look_hops, 0);
    assert!(!scene.state().is_stranded(scene.state().work.last_checked_at.unwrap()));
}

#[tokio::test]
async fn a_look_whose_time_is_always_used_up_ends_too() {
    let mut scene = synced().await;
    scene.worker.directory.inner.entra().put_user(user(4));
    // Each look at the clock takes longer than an invocation has.
    scene.worker.clock.set_tick(SignedDuration::from_secs(110));
    for _ in 0..MAX_LOOK_HOPS {
        assert_eq!(hint(&mut scene).await, Driven::HandedOver);
    }
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    let failed: Vec<_> =
        scene.runs().into_iter().filter(|run| run.status == RunStatus::Failed).collect();
    assert_eq!(failed.len(), 1);
}

#[tokio::test]
async fn more_hints_than_time_starve_no_full_run() {
    let mut scene = synced().await;
    for number in (1..=3).cycle().take(400) {
        scene.worker.directory.inner.entra().put_user(user(number));
    }
    scene.pages_of(1);
    // A look takes longer than an invocation has.
    scene.worker.clock.set_tick(SignedDuration::from_secs(1));
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    for slice in 0..6 {
        scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
        let before = scene.state().work.done;
        scene.drive().await.unwrap();
        if scene.run(&id).status.is_terminal() {
            break;
        }
        assert_eq!(scene.state().work.done, before, "{slice}: a look that was cut settles nothing");
    }
    assert_eq!(scene.run(&id).status, RunStatus::Succeeded, "{:?}", scene.state().work.checkpoint);
}

#[tokio::test]
async fn a_paused_connection_is_not_told_to_have_been_looked_at() {
    let mut scene = synced().await;
    let before = scene.state().work.last_checked_at;
    scene.set_status(ConnectionStatus::Paused);
    scene.pass(SignedDuration::from_hours(1));
    let asked = scene.worker.directory.requests();
    assert_eq!(hint(&mut scene).await, Driven::LetGo);
    assert_eq!(scene.worker.directory.requests(), asked);
    assert_eq!(scene.state().work.last_checked_at, before);
    assert!(!scene.state().is_stranded(scene.worker.clock.now()));
}
