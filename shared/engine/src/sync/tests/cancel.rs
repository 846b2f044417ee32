//! A run that somebody cancels ends once, keeps what it did, and spoils nothing for the next.

use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{RemovalAction, Settings};
use contact_sync_domain::sync_state::Lane;
use jiff::SignedDuration;

use super::happenings::contacts;
use super::scene::{Scene, connection_id, user};
use crate::memory::World;
use crate::port::{DirectoryError, RunStore, SyncStateStore};
use crate::sync::Driven;

/// Somebody cancels whatever is at work.
fn cancel(world: &mut World) {
    let state = world.states.get_mut(&connection_id()).unwrap();
    state.cancel = state.work.checkpoint.as_ref().map(|point| point.run_id.clone());
}

#[tokio::test]
async fn a_run_cancelled_at_any_moment_ends_once_and_the_next_one_converges() {
    let mut cancelled = 0;
    for calls in (0..400).step_by(7) {
        let mut scene = Scene::of((1..=30).map(user));
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, cancel));
        assert_eq!(scene.drive().await.unwrap(), Driven::LetGo, "after {calls} calls");
        let run = scene.run(&id);
        assert!(run.status.is_terminal() && run.ended_at.is_some(), "after {calls} calls");
        let state = scene.state();
        assert_eq!((state.work.checkpoint, state.cancel), (None, None), "after {calls} calls");
        if run.status == RunStatus::Cancelled {
            cancelled += 1;
            assert!(run.counts.created < 31);
        }
        scene.worker.stores.world().meanwhile = None;
        let next = scene.queue(RunKind::Full, Trigger::Manual).await;
        assert_eq!(scene.drive().await.unwrap(), Driven::LetGo);
        let next = scene.run(&next);
        assert_eq!(next.status, RunStatus::Succeeded, "after {calls} calls");
        let made = run.counts.created + next.counts.created;
        assert_eq!(made, 30, "nobody twice and nobody left out, after {calls} calls");
    }
    assert!(cancelled > 5, "only {cancelled} were cancelled at work");
}

#[tokio::test]
async fn a_run_that_nobody_works_on_is_ended_without_asking_graph() {
    let mut scene = Scene::of((1..=12).map(user));
    let wait = Some(SignedDuration::from_mins(50));
    scene.worker.directory.fail_page(1, DirectoryError::Throttled { retry_after: wait });
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    assert_eq!(scene.drive().await.unwrap(), Driven::Parked);
    let run = scene.run(&id);
    assert!(scene.worker.stores.ask_to_cancel(&run).await.unwrap());
    scene.pass(SignedDuration::from_mins(5));
    scene.drive().await.unwrap();
    assert_eq!(scene.run(&id).status, RunStatus::Cancelled);
    assert_eq!(scene.state().cancel, None);
}

/// Whoever sees contacts vanish and cancels keeps those that are still there.
#[tokio::test]
async fn a_cancel_amid_the_removals_keeps_who_is_not_gone_yet() {
    const GONE: u128 = 600;
    let mut stopped = Vec::new();
    for calls in (600..7_800).step_by(400) {
        let mut scene = Scene::of((1..=GONE + 10).map(user));
        scene.pages_of(999);
        scene.set_settings(|settings| removing(settings, 5_000));
        scene.full().await;
        for number in 1..=GONE {
            scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(number));
        }
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, cancel));
        scene.drive().await.unwrap();
        let run = scene.run(&id);
        let there = contacts(&scene).len() as u128;
        if run.status != RunStatus::Cancelled {
            assert_eq!(there, 10, "after {calls} calls: {run:?}");
            continue;
        }
        if there < GONE + 10 {
            stopped.push(there);
        }
        scene.worker.stores.world().meanwhile = None;
        // What went counts against the guard for a day.
        scene.pass(SignedDuration::from_hours(25));
        assert_eq!(scene.full().await.status, RunStatus::Succeeded);
        assert_eq!(contacts(&scene).len(), 10, "the next run does the rest, after {calls} calls");
    }
    assert!(stopped.iter().any(|there| *there > 100), "{stopped:?}");
}

/// What a cancelled run had decided to remove and left is no promise: whoever returned meanwhile
/// keeps his contact, and whom the guard would hold back by now is held back.
#[tokio::test]
async fn what_a_cancelled_run_left_undone_is_judged_anew_before_anybody_goes() {
    const GONE: u128 = 600;
    let mut stopped = 0;
    let cases = [(true, false), (true, true), (false, false)];
    for calls in (1_500..6_000).step_by(900) {
        for (returns, by_look) in cases {
            let mut scene = Scene::of((1..=GONE + 10).map(user));
            scene.pages_of(999);
            scene.set_settings(|settings| removing(settings, 5_000));
            scene.full().await;
            for number in 1..=GONE {
                scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(number));
            }
            let id = scene.queue(RunKind::Full, Trigger::Manual).await;
            scene.worker.stores.world().meanwhile = Some((calls, cancel));
            scene.drive().await.unwrap();
            scene.worker.stores.world().meanwhile = None;
            let spared: Vec<_> = contacts(&scene).into_iter().map(|contact| contact.id).collect();
            if scene.run(&id).status != RunStatus::Cancelled || spared.len() == 10 {
                continue;
            }
            stopped += 1;
            if returns {
                let back = (1..=GONE).map(user);
                back.for_each(|one| scene.worker.directory.inner.entra().put_user(one));
            } else {
                scene.set_settings(|settings| removing(settings, 5));
            }
            let next = if by_look {
                scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
                scene.drive_as(RunKind::Delta, None).await.unwrap();
                scene.runs().pop().unwrap()
            } else {
                scene.full().await
            };
            let case = format!("after {calls} calls, {by_look}, {returns}: {next:?}");
            let left = contacts(&scene);
            let is_there = |id: &ContactId| left.iter().any(|contact| contact.id == *id);
            assert!(spared.iter().all(is_there), "{case}");
            if !returns {
                assert_eq!(next.status, RunStatus::Blocked, "{case}");
            }
        }
    }
    assert!(stopped > 2, "only {stopped} were cancelled amid the removals");
}

fn removing(settings: &mut Settings, at_most: u64) {
    settings.policies.removal.hard_deleted = RemovalAction::Delete;
    settings.policies.guard.max_count = at_most;
    settings.policies.guard.max_percent = 100.0;
}

#[tokio::test]
async fn what_graph_told_while_a_cancelled_run_worked_is_looked_at() {
    let mut scene = Scene::of((1..=12).map(user));
    let first = scene.queue(RunKind::Full, Trigger::Manual).await;
    assert_eq!(scene.drive().await.unwrap(), Driven::LetGo);
    assert_eq!(scene.run(&first).status, RunStatus::Succeeded);
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    let hinted = |world: &mut World| {
        cancel(world);
        world.states.get_mut(&connection_id()).unwrap().wanted += 1;
    };
    scene.worker.stores.world().meanwhile = Some((25, hinted));
    let before = scene.state().work.last_checked_at;
    scene.pass(SignedDuration::from_mins(1));
    assert_eq!(scene.drive().await.unwrap(), Driven::LetGo);
    let run = scene.worker.stores.run(&scene.run(&id).account_id, &connection_id(), &id).await;
    assert_eq!(run.unwrap().unwrap().status, RunStatus::Cancelled);
    assert!(scene.state().work.last_checked_at > before, "a look followed");
}

#[tokio::test]
async fn a_preview_cancelled_at_any_moment_ends_once_and_shows_no_plan() {
    let cancel_plan = |world: &mut World| {
        let state = world.states_of(Lane::Plan).get_mut(&connection_id()).unwrap();
        state.cancel = state.work.checkpoint.as_ref().map(|point| point.run_id.clone());
    };
    let mut cancelled = 0;
    for calls in (0..300).step_by(11) {
        let mut scene = Scene::of((1..=30).map(user));
        let id = scene.queue(RunKind::Preview, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, cancel_plan));
        scene.drive_as(RunKind::Preview, None).await.unwrap();
        scene.worker.stores.world().meanwhile = None;
        let run = scene.run(&id);
        match run.status {
            RunStatus::Cancelled => {
                cancelled += 1;
                assert!(run.plan.is_none() && run.ended_at.is_some(), "after {calls} calls");
            }
            status => assert_eq!(status, RunStatus::Planned, "after {calls} calls"),
        }
        let next = scene.queue(RunKind::Preview, Trigger::Manual).await;
        scene.drive_as(RunKind::Preview, None).await.unwrap();
        assert_eq!(scene.run(&next).status, RunStatus::Planned, "after {calls} calls");
    }
    assert!(cancelled > 3, "only {cancelled} were cancelled at work");
}
