//! People whom reads by id do not find, although they are there: replicas lag.

use contact_sync_domain::contact::{ContactStatus, LinkState};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::query_plan::Reading;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{AllOr, GroupScope, RemovalAction};
use jiff::SignedDuration;
use serde_json::json;

use super::replay::CALLS;
use super::scene::{Scene, contact_id, local_id, user, user_with};
use super::takeovers::by_staff_number;
use crate::port::{Group, PendingKind};

fn hide(scene: &Scene, numbers: &[u128]) {
    let hidden = numbers.iter().map(|number| ObjectId::from_u128(*number)).collect();
    *scene.worker.directory.hidden.lock().unwrap() = hidden;
}

/// Two people who take over contacts with staff numbers of theirs, and get the same address.
fn two_with_one_address() -> Scene {
    let scene = Scene::of((1..=8).map(|number| match number {
        2 | 7 => {
            let staff_number = format!("E-{number}");
            user_with(number, &json!({"employeeId": staff_number, "mail": "both@contoso.example"}))
        }
        _ => user(number),
    }));
    scene.set_settings(|settings| {
        by_staff_number(settings);
        settings.matching = vec!["employeeId".into()];
    });
    scene.put_local(2, "two@by.hand", Some("E-2"));
    scene.put_local(7, "seven@by.hand", Some("E-7"));
    scene
}

/// A full run in as many slices as a run may reasonably take.
async fn full_within(scene: &mut Scene, slices: usize) -> Run {
    // An hour of the clock passes, whatever a run does: one that spins runs out of slices.
    scene.worker.clock.set_tick(SignedDuration::from_millis(200));
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    for _ in 0..slices {
        scene.drive().await.unwrap();
        if scene.run(&id).status.is_terminal() {
            break;
        }
    }
    scene.run(&id)
}

#[tokio::test]
async fn whoever_is_not_found_when_addresses_are_sorted_out_fails_and_ends_the_run() {
    let mut scene = two_with_one_address();
    hide(&scene, &[7]);
    let run = full_within(&mut scene, 8).await;
    assert_eq!((run.status, run.counts.failed), (RunStatus::Partial, 1), "{run:?}");
    assert_eq!(run.reason, None, "it is told of with the record");
    let is_kept = |kind: PendingKind| {
        scene.worker.stores.world().pending.keys().filter(|(_, _, of, _)| *of == kind).count()
    };
    assert_eq!((is_kept(PendingKind::Collision), is_kept(PendingKind::Escrow)), (0, 1));
    hide(&scene, &[]);
    let elsewhere = user_with(7, &json!({"employeeId": "E-7"}));
    scene.worker.directory.inner.entra().put_user(elsewhere);
    let run = full_within(&mut scene, 8).await;
    assert_eq!((run.status, run.counts.updated), (RunStatus::Succeeded, 1), "{run:?}");
    let link = scene.contact(&local_id(7)).unwrap().link.unwrap();
    assert_eq!(link.object_id, ObjectId::from_u128(7));
}

#[tokio::test]
async fn whom_a_page_put_off_that_is_gone_are_read_again() {
    for calls in (0..CALLS).step_by(5) {
        let mut scene = two_with_one_address();
        scene.worker.directory.inner.entra().put_user(user_with(7, &json!({"employeeId": "E-7"})));
        scene.worker.stores.world().meanwhile = Some((calls, |world| world.segments.clear()));
        let run = full_within(&mut scene, 8).await;
        assert!(run.status.is_terminal(), "gone at {calls}: {run:?}");
        for number in [2, 7] {
            let link = scene.contact(&local_id(number)).unwrap().link.unwrap();
            assert_eq!(link.object_id, ObjectId::from_u128(number), "gone at {calls}");
        }
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(calls > 30, "{calls} calls");
            return;
        }
    }
    panic!("it needs more calls than this");
}

fn put_group(scene: &Scene, members: impl IntoIterator<Item = u128>) {
    let made = Group { id: ObjectId::from_u128(50_001), display_name: None };
    let members = members.into_iter().map(ObjectId::from_u128).collect();
    scene.worker.directory.inner.entra().put_group(made, members, Vec::new());
}

/// A directory of which a group of twenty is read by id.
async fn of_a_group() -> Scene {
    let mut scene = Scene::of((1..=1_200).map(user));
    scene.set_settings(|settings| {
        let any = vec![ObjectId::from_u128(50_001)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
        settings.policies.removal.disabled = RemovalAction::Deactivate;
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
    });
    put_group(&scene, 1..=20);
    let run = scene.full().await;
    assert_eq!(run.reading, Some(Reading::Members));
    scene
}

fn is_linked(scene: &Scene, number: u128) -> bool {
    let link = scene.contact(&contact_id(number)).and_then(|contact| contact.link);
    link.is_some_and(|link| link.state == LinkState::Linked)
}

#[tokio::test]
async fn a_disabled_account_that_no_read_finds_at_the_judgement_is_not_taken_for_dead() {
    let mut scene = of_a_group().await;
    let blocked = user_with(3, &json!({"accountEnabled": false}));
    scene.worker.directory.inner.entra().put_user(blocked);
    hide(&scene, &[3]);
    scene.look().await;
    let contact = scene.contact(&contact_id(3)).expect("a lagging replica deletes nobody");
    assert_eq!(contact.status, ContactStatus::Active);
    assert_eq!(scene.worker.stores.world().pending.len(), 1, "it waits for the next run");
    hide(&scene, &[]);
    scene.look().await;
    scene.full().await;
    let contact = scene.contact(&contact_id(3)).unwrap();
    assert_eq!(contact.status, ContactStatus::Inactive);
    assert!(scene.worker.stores.world().pending.is_empty());
}

#[tokio::test]
async fn a_member_whom_a_full_run_does_not_find_is_told_of_and_found_minutes_later() {
    let mut scene = of_a_group().await;
    put_group(&scene, 1..=22);
    hide(&scene, &[3, 21]);
    let run = scene.full().await;
    assert_eq!(run.proof.unwrap().unread, 2, "the run does not pass for complete");
    assert!(is_linked(&scene, 3) && is_linked(&scene, 22) && !is_linked(&scene, 21));
    hide(&scene, &[]);
    scene.pass(SignedDuration::from_mins(2));
    scene.look().await;
    assert!(is_linked(&scene, 21));
    assert!(scene.state().work.late.is_empty());
}

#[tokio::test]
async fn a_joiner_whom_no_read_finds_is_looked_for_wherever_the_look_dies() {
    for calls in 0..CALLS {
        let mut scene = of_a_group().await;
        put_group(&scene, 1..=21);
        hide(&scene, &[21]);
        scene.die_after(calls);
        let lived = scene.drive_as(RunKind::Delta, None).await.is_ok();
        scene.revive();
        scene.look().await;
        hide(&scene, &[]);
        scene.pass(SignedDuration::from_mins(10));
        scene.look().await;
        assert!(is_linked(&scene, 21), "died after {calls} calls");
        if lived {
            assert!(calls > 3, "{calls} calls");
            return;
        }
    }
    panic!("it needs more calls than this");
}
