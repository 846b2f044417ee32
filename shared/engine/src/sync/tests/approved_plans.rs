//! Plans that were approved and wait: for how long they hold, and against what.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{ContactField, ContactStatus};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{
    DisabledAccounts, FieldPolicy, MappingRow, RemovalAction, Settings,
};
use jiff::SignedDuration;
use serde_json::json;

use super::plans::{apply, approve, moved, planned, preview};
use super::scene::{Scene, contact_id, user, user_with};
use super::undo_scene as undo;

/// An approved plan that would delete somebody's contact, and waits.
async fn approved() -> (Scene, Run) {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(deletes);
    scene.full().await;
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(2));
    let (run, plan) = planned(&mut scene).await;
    assert_eq!(plan.summary.guard.count, 1, "{:?}", plan.summary);
    approve(&scene, &run, None).await;
    (scene, run)
}

fn deletes(settings: &mut Settings) {
    settings.policies.removal.soft_deleted = RemovalAction::Delete;
    settings.policies.removal.hard_deleted = RemovalAction::Delete;
}

#[tokio::test]
async fn an_approved_plan_is_not_applied_under_settings_that_were_replaced() {
    let (mut scene, run) = approved().await;
    // Somebody sees the mistake while it waits.
    scene.set_settings(|settings| {
        settings.policies.removal.soft_deleted = RemovalAction::Keep;
        settings.policies.removal.hard_deleted = RemovalAction::Keep;
    });
    scene.drive().await.unwrap();
    let ended = scene.run(&run.id);
    assert_eq!(ended.status, RunStatus::Cancelled, "{ended:?}");
    assert!(ended.reason.as_deref().unwrap().contains("settings"), "{ended:?}");
    assert!(ended.ended_at.is_some());
    assert!(scene.contact(&contact_id(2)).is_some(), "the settings say that he stays");
    assert!(scene.state().queue.is_empty(), "nothing waits behind it for ever");
}

#[tokio::test]
async fn an_approved_plan_that_waited_for_a_day_is_not_applied() {
    for (hours, applied) in [(23, true), (24, false), (24 * 14, false)] {
        let (mut scene, run) = approved().await;
        scene.set_status(ConnectionStatus::Paused);
        scene.drive().await.unwrap();
        assert_eq!(scene.run(&run.id).status, RunStatus::Queued, "it waits while all rests");
        scene.pass(SignedDuration::from_hours(hours));
        scene.set_status(ConnectionStatus::Enabled);
        scene.drive().await.unwrap();
        let ended = scene.run(&run.id);
        let status = if applied { RunStatus::Succeeded } else { RunStatus::Cancelled };
        assert_eq!(ended.status, status, "{hours}: {ended:?}");
        assert_eq!(scene.contact(&contact_id(2)).is_none(), applied, "{hours}");
        if !applied {
            assert!(ended.reason.unwrap().contains("more than a day"), "{hours}");
        }
    }
}

#[tokio::test]
async fn what_waits_behind_a_plan_that_ends_so_is_begun() {
    let (mut scene, run) = approved().await;
    let full = scene.queue(RunKind::Full, Trigger::Settings).await;
    scene.set_settings(|settings| {
        deletes(settings);
        settings.policies.removal.hard_deleted = RemovalAction::Keep;
    });
    scene.drive().await.unwrap();
    assert_eq!(scene.run(&run.id).status, RunStatus::Cancelled);
    assert_eq!(scene.run(&full).status, RunStatus::Succeeded, "{:?}", scene.run(&full));
    assert!(scene.contact(&contact_id(2)).is_some());
}

#[tokio::test]
async fn what_is_to_be_taken_back_is_taken_back_whatever_was_saved_and_however_late() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(deletes);
    let wrong = scene.full().await;
    let (run, shown) = undo::plan(&mut scene, &[&wrong.id], &[]).await;
    scene.set_status(ConnectionStatus::Paused);
    approve(&scene, &run, Some(shown.summary.guard.count)).await;
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Keep;
    });
    scene.pass(SignedDuration::from_hours(25));
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    assert_eq!(scene.run(&run.id).status, RunStatus::Succeeded, "{:?}", scene.run(&run.id));
    assert!((1..=12).all(|number| scene.contact(&contact_id(number)).is_none()));
}

#[tokio::test]
async fn a_plan_that_was_applied_stays_as_it_ended() {
    let mut scene = moved().await;
    let (run, _) = planned(&mut scene).await;
    let done = apply(&mut scene, &run, Some(5)).await;
    scene.pass(SignedDuration::from_hours(25));
    preview(&mut scene).await.unwrap();
    assert_eq!(scene.run(&run.id), done);
}

/// Somebody whose account is blocked, one of whose fields waits for a person.
async fn blocked() -> (Scene, Run) {
    let title = |title: &str, enabled: bool| {
        user_with(1, &json!({"jobTitle": title, "accountEnabled": enabled}))
    };
    let mut scene = Scene::of((2..=12).map(user).chain([title("Clerk", true)]));
    scene.set_settings(|settings| {
        settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
        let is_title = |row: &&mut MappingRow| row.target == "jobTitle";
        settings.mapping.iter_mut().find(is_title).unwrap().policy = Some(FieldPolicy::Review);
    });
    scene.full().await;
    assert_eq!(scene.contact(&contact_id(1)).unwrap().status, ContactStatus::Active);
    scene.worker.directory.inner.entra().put_user(title("Captain", false));
    let (run, plan) = planned(&mut scene).await;
    assert_eq!(plan.summary.guard.count, 1, "he becomes inactive: {:?}", plan.summary);
    (scene, run)
}

#[tokio::test]
async fn who_was_unblocked_since_stays_active_although_a_field_of_his_waits() {
    let (mut scene, run) = blocked().await;
    let again = user_with(1, &json!({"jobTitle": "Captain", "accountEnabled": true}));
    scene.worker.directory.inner.entra().put_user(again);
    let done = apply(&mut scene, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    let contact = scene.contact(&contact_id(1)).unwrap();
    assert_eq!(contact.status, ContactStatus::Active, "he was read, and is unblocked");
}

#[tokio::test]
async fn who_is_as_the_plan_says_is_applied_although_a_field_of_his_waits() {
    let (mut scene, run) = blocked().await;
    let done = apply(&mut scene, &run, None).await;
    let contact = scene.contact(&contact_id(1)).unwrap();
    assert_eq!(contact.status, ContactStatus::Inactive, "{done:?}");
    assert_ne!(
        contact.fields.get(&ContactField::JobTitle).map(String::as_str),
        Some("Captain"),
        "a person decides on that"
    );
}
