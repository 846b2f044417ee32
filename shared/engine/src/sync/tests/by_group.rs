//! Scopes by group: read from the members where that is cheaper, with the same care.

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::query_plan::Reading;
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::settings::{AllOr, GroupScope, RemovalAction};
use jiff::SignedDuration;
use serde_json::json;

use super::scene::{Scene, contact_id, user, user_with};
use crate::port::Group;

pub(super) fn group(number: u128) -> ObjectId {
    ObjectId::from_u128(50_000 + number)
}

pub(super) fn put_group(
    scene: &Scene,
    number: u128,
    users: impl IntoIterator<Item = u128>,
    inner: &[u128],
) {
    let made = Group { id: group(number), display_name: None };
    let users = users.into_iter().map(ObjectId::from_u128).collect();
    let inner = inner.iter().map(|number| group(*number)).collect();
    scene.worker.directory.inner.entra().put_group(made, users, inner);
}

/// A directory of so many people, with a scope of group 1.
fn scene(people: u128) -> Scene {
    let scene = Scene::of((1..=people).map(user));
    scene.set_settings(|settings| {
        let any = vec![group(1)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
        settings.policies.removal.disabled = RemovalAction::Review;
    });
    scene
}

fn link_state(scene: &Scene, number: u128) -> Option<LinkState> {
    scene.contact(&contact_id(number))?.link.map(|link| link.state)
}

#[tokio::test]
async fn a_small_group_of_a_large_directory_is_read_without_listing_it() {
    let mut scene = scene(5_000);
    put_group(&scene, 1, 1..=50, &[]);
    let before = scene.worker.directory.requests();
    let run = scene.full().await;
    assert_eq!((run.status, run.reading), (RunStatus::Succeeded, Some(Reading::Members)));
    assert_eq!((run.counts.seen, run.counts.created), (50, 50));
    // Two tokens, the members, their people, the closing delta.
    assert_eq!(scene.worker.directory.requests() - before, 5);
    assert_eq!(run.progress.total, Some(50));

    let again = scene.full().await;
    assert_eq!((again.counts.unchanged, again.counts.updated), (50, 0));
}

#[tokio::test]
async fn a_group_of_nearly_everybody_is_read_by_listing_the_directory() {
    let mut scene = scene(30);
    put_group(&scene, 1, 1..=28, &[]);
    let run = scene.full().await;
    assert_eq!(run.reading, Some(Reading::Directory));
    assert_eq!((run.counts.created, run.counts.skipped), (28, 2));
}

#[tokio::test]
async fn groups_that_hold_each_other_are_read_to_an_end() {
    let mut scene = scene(1_200);
    put_group(&scene, 1, [1], &[2]);
    put_group(&scene, 2, [2], &[3]);
    put_group(&scene, 3, [3], &[1, 2]);
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 3), "{run:?}");
}

#[tokio::test]
async fn whoever_left_while_nobody_looked_stops_being_updated_and_comes_back_linked() {
    let mut scene = scene(1_200);
    put_group(&scene, 1, 1..=20, &[]);
    scene.full().await;

    put_group(&scene, 1, 2..=20, &[]);
    scene.worker.directory.inner.entra().put_user(user_with(1, &json!({"jobTitle": "Elsewhere"})));
    let run = scene.full().await;
    assert_eq!((run.status, run.reading), (RunStatus::Succeeded, Some(Reading::Members)));
    assert_eq!(link_state(&scene, 1), Some(LinkState::OutOfScope));
    let kept = scene.contact(&contact_id(1)).unwrap();
    assert!(!kept.fields.values().any(|value| value == "Elsewhere"), "{kept:?}");

    put_group(&scene, 1, 1..=20, &[]);
    scene.full().await;
    assert_eq!(link_state(&scene, 1), Some(LinkState::Linked));
    let back = scene.contact(&contact_id(1)).unwrap();
    assert!(back.fields.values().any(|value| value == "Elsewhere"), "{back:?}");
}

#[tokio::test]
async fn a_member_whom_reads_by_id_do_not_find_is_gone_only_when_no_group_names_him() {
    let mut scene = scene(1_200);
    put_group(&scene, 1, 1..=20, &[]);
    scene.full().await;
    // Replicas disagree: one names a member whom another does not know.
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(1));
    let run = scene.full().await;
    assert_eq!(run.counts.awaiting_review, 0, "{run:?}");
    assert_eq!(link_state(&scene, 1), Some(LinkState::Linked));

    put_group(&scene, 1, 2..=20, &[]);
    let run = scene.full().await;
    assert_eq!(run.counts.awaiting_review, 1, "{run:?}");
    assert!(scene.contact(&contact_id(1)).is_some());
    assert_eq!(run.status, RunStatus::Succeeded);
}

#[tokio::test]
async fn a_slice_that_dies_among_the_members_is_taken_up_where_it_was() {
    for calls in (3..60).step_by(7) {
        let mut scene = scene(4_200);
        put_group(&scene, 1, 1..=1_500, &[]);
        let id = scene
            .queue(
                contact_sync_domain::run::RunKind::Full,
                contact_sync_domain::run::Trigger::Manual,
            )
            .await;
        scene.die_after(calls);
        let died = scene.drive().await.is_err();
        scene.revive();
        if died {
            scene.drive().await.unwrap();
        }
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Succeeded, "{calls}: {run:?}");
        assert_eq!((run.counts.seen, run.counts.created), (1_500, 1_500), "{calls}");
    }
}

/// A scene of twenty members whose group a device or a lagging replica's user joined.
async fn with_late_joiner() -> Scene {
    let mut scene = scene(1_200);
    put_group(&scene, 1, 1..=20, &[]);
    scene.full().await;
    *scene.worker.directory.hidden.lock().unwrap() = vec![ObjectId::from_u128(21)];
    put_group(&scene, 1, 1..=21, &[]);
    scene
}

#[tokio::test]
async fn a_joiner_whom_no_read_finds_yet_holds_nothing_up_and_is_found_minutes_later() {
    let mut scene = with_late_joiner().await;
    let before = scene.state().work.groups_delta.unwrap().link;
    scene.look().await;
    assert_ne!(scene.state().work.groups_delta.unwrap().link, before, "the cursor moves on");
    assert!(scene.contact(&contact_id(21)).is_none());
    scene.worker.directory.hidden.lock().unwrap().clear();
    scene.look().await;
    assert!(scene.contact(&contact_id(21)).is_none(), "he is not asked for at every look");
    scene.pass(SignedDuration::from_mins(2));
    scene.look().await;
    assert_eq!(link_state(&scene, 21), Some(LinkState::Linked));
    assert!(scene.state().work.late.is_empty());
}

#[tokio::test]
async fn whoever_is_never_found_is_given_up_within_a_day() {
    let mut scene = with_late_joiner().await;
    for _ in 0..26 {
        scene.look().await;
        scene.pass(SignedDuration::from_hours(1));
    }
    assert!(scene.state().work.late.is_empty());
    let before = scene.worker.directory.requests();
    scene.look().await;
    assert_eq!(scene.worker.directory.requests() - before, 2, "two deltas and nothing else");
}
