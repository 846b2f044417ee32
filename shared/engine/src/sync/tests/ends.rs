//! How runs end when whoever records it dies, and when the directory's links no longer answer.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{AllOr, GroupScope};
use contact_sync_domain::sync_state::Stage;
use jiff::SignedDuration;

use super::replay::{CALLS, settle};
use super::scene::{Scene, connection_id, contact_id, user};
use crate::memory::World;
use crate::port::{DirectoryError, Group};

/// A run whose third page the directory refuses.
async fn refused() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    let (what, code) = ("users", "Request_BadRequest".to_owned());
    scene.worker.directory.fail_page(2, DirectoryError::Refused { what, code });
    scene
}

#[tokio::test]
async fn a_failed_run_stays_failed_wherever_its_end_is_recorded_anew() {
    let mut undisturbed = refused().await;
    let expected = undisturbed.full().await;
    assert_eq!(expected.status, RunStatus::Failed);
    for calls in 0..CALLS {
        let mut scene = refused().await;
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            assert!(calls > 10, "{calls} calls");
            return;
        }
        let refused = scene.worker.directory.faults.lock().unwrap().is_empty();
        let finishing =
            scene.state().work.checkpoint.is_some_and(|point| point.stage == Stage::Finish);
        let known = refused && finishing;
        scene.revive();
        settle(&mut scene, RunKind::Full).await;
        let run = scene.run(&id);
        // Refused, but not kept yet: the next slice asks again, and is answered.
        let asked_again = refused && !known && run.status == RunStatus::Succeeded;
        assert!(asked_again || ends_alike(&run, &expected), "died after {calls} calls: {run:?}");
        if known {
            assert!(ends_alike(&run, &expected), "died after {calls} calls: {run:?}");
        }
    }
}

fn ends_alike(run: &Run, expected: &Run) -> bool {
    (run.status, &run.reason, run.ended_at.is_some())
        == (expected.status, &expected.reason, expected.ended_at.is_some())
}

fn pause(world: &mut World) {
    set_status(world, ConnectionStatus::Paused);
}

fn set_status(world: &mut World, status: ConnectionStatus) {
    let connection: &mut Connection = world.connections.get_mut(&connection_id()).unwrap();
    connection.status = status;
}

#[tokio::test]
async fn a_cancelled_run_stays_cancelled_wherever_its_end_is_recorded_anew() {
    let mut ended = 0;
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        // Each look at the clock takes so long that every page asks whether it may be written.
        scene.worker.clock.set_tick(SignedDuration::from_millis(500));
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((20, pause));
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        let ending = scene.state().work.checkpoint.and_then(|point| point.ending);
        scene.revive();
        set_status(&mut scene.worker.stores.world(), ConnectionStatus::Enabled);
        settle(&mut scene, RunKind::Full).await;
        let run = scene.run(&id);
        if let Some(ending) = &ending {
            ended += 1;
            assert_eq!(ending.status, RunStatus::Cancelled, "died after {calls} calls");
        }
        if lived || ending.is_some() {
            assert_eq!(run.status, RunStatus::Cancelled, "died after {calls} calls");
            assert_eq!(
                run.reason.as_deref(),
                Some("the connection was paused while the run went on")
            );
        }
        if lived {
            assert!(ended > 0, "nobody died while the end was recorded");
            return;
        }
    }
}

#[tokio::test]
async fn a_run_that_ended_for_want_of_a_person_says_so_after_a_death() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        for _ in 0..3 {
            let code = "AADSTS65001".to_owned();
            scene.worker.directory.fail_page(0, DirectoryError::ConsentLost { code });
        }
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            assert_eq!(scene.run(&id).status, RunStatus::Failed);
            return;
        }
        scene.revive();
        for _ in 0..6 {
            scene.drive().await.unwrap();
        }
        assert_eq!(scene.run(&id).status, RunStatus::Failed, "died after {calls} calls");
    }
}

#[tokio::test]
async fn a_delta_link_that_never_answers_gives_way_to_a_full_run() {
    let mut scene = Scene::of((1..=3).map(user));
    scene.full().await;
    scene.worker.directory.inner.entra().put_user(user(4));
    for _ in 0..5 {
        scene.worker.directory.fail_page(0, DirectoryError::PageExpired);
    }
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    settle(&mut scene, RunKind::Full).await;
    assert!(scene.contact(&contact_id(4)).is_some());
    let failed = scene.runs().into_iter().filter(|run| run.status == RunStatus::Failed).count();
    assert_eq!(failed, 0, "a dead link is no failure that anybody could mend");
    let full = scene.runs().into_iter().filter(|run| run.kind == RunKind::Full).count();
    assert_eq!(full, 2);
}

#[tokio::test]
async fn who_joined_a_group_is_not_missed_when_its_link_expired() {
    let group = ObjectId::from_u128(0xbeef);
    let mut scene = Scene::of((1..=4).map(user));
    let put = |scene: &Scene, members: &[u128]| {
        let members = members.iter().copied().map(ObjectId::from_u128).collect();
        let group = Group { id: group.clone(), display_name: None };
        scene.worker.directory.inner.entra().put_group(group, members, Vec::new());
    };
    put(&scene, &[1, 2]);
    scene.set_settings(|settings| {
        settings.scope.groups =
            AllOr::Any(GroupScope { any: vec![group.clone()], include_nested: true });
    });
    assert_eq!(scene.full().await.counts.created, 2);
    put(&scene, &[1, 2, 3]);
    scene.worker.directory.fail_page(0, DirectoryError::PageExpired);
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    settle(&mut scene, RunKind::Full).await;
    assert!(scene.contact(&contact_id(3)).is_some(), "whoever joined is missing");
}
