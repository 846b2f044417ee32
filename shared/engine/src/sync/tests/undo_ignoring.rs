//! Whom decisions that are taken back had put on the ignore list comes off it: he, and nobody else.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::plan::Plan;
use contact_sync_domain::review::{ReviewAction, ReviewList};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::settings::Settings;
use jiff::Timestamp;

use super::replay::CALLS;
use super::scene::{Scene, connection_id, contact_id, user};
use super::undo_decisions::{ask, decide};
use super::undo_scene::{approve, edit, held, items};
use crate::port::{Clock, SettingsCause, SettingsVersion};
use contact_sync_domain::contact::ContactField;

/// Settings are saved that ignore these users.
fn ignore(scene: &Scene, users: &[u128], by: &str, cause: SettingsCause) {
    let at = scene.worker.clock.now();
    let mut world = scene.worker.stores.world();
    let versions = world.settings.entry(connection_id()).or_default();
    let mut settings = Settings::default();
    settings.scope.ignored_users = users.iter().map(|user| ObjectId::from_u128(*user)).collect();
    let version = u64::try_from(versions.len()).unwrap() + 1;
    versions.push(SettingsVersion {
        version,
        settings,
        saved_by: Some(by.to_owned()),
        saved_at: Some(at),
        cause,
        ..SettingsVersion::never_saved()
    });
}

/// Twelve people: one was ignored before, one is deleted, two are unlinked, each of whom goes on the
/// ignore list with that; another is put there by hand.
async fn decided() -> (Scene, String, Timestamp) {
    use {ReviewAction as A, ReviewList as L};
    let mut scene = Scene::of((1..=12).map(user));
    ignore(&scene, &[12], "ada", SettingsCause::IgnoreList);
    scene.full().await;
    let before = held(&scene);
    scene.pass(jiff::SignedDuration::from_mins(1));
    let since = scene.worker.clock.now();
    ignore(&scene, &[12, 1], "ada", SettingsCause::IgnoreList);
    decide(&scene, 1, (L::Conflicts, A::Delete), |_| false).await;
    ignore(&scene, &[12, 1, 2], "ada", SettingsCause::IgnoreList);
    let unlinked = |contact: &mut contact_sync_domain::contact::Contact| {
        contact.link = None;
        contact.managed_fields = Vec::new();
        true
    };
    decide(&scene, 2, (L::Changes, A::Unlink), unlinked).await;
    // Somebody else had put this one there before he was unlinked.
    ignore(&scene, &[12, 1, 2, 3, 4], "eve", SettingsCause::Saved);
    decide(&scene, 3, (L::Changes, A::Unlink), unlinked).await;
    (scene, before, since)
}

async fn planned(scene: &mut Scene, since: Timestamp) -> (Run, Plan) {
    let asked = ask(scene, since, Vec::new()).await;
    scene.drive_as(RunKind::Undo, None).await.unwrap();
    let run = scene.run(&asked.id);
    assert_eq!(run.status, RunStatus::Planned, "{run:?}");
    let plan = Plan::clone(run.plan.as_deref().unwrap());
    (run, plan)
}

fn ignored(scene: &Scene) -> Vec<u128> {
    let world = scene.worker.stores.world();
    let newest = world.settings[&connection_id()].last().unwrap();
    newest.settings.scope.ignored_users.iter().map(ObjectId::as_u128).collect()
}

/// How many versions of the settings came of taking back.
fn versions(scene: &Scene, run: &Run) -> usize {
    let world = scene.worker.stores.world();
    let cause = SettingsCause::Undone { run: run.id.clone() };
    world.settings[&connection_id()].iter().filter(|one| one.cause == cause).count()
}

#[tokio::test]
async fn whom_a_decision_had_put_on_the_ignore_list_comes_off_it_and_nobody_else() {
    let (mut scene, before, since) = decided().await;
    let (run, plan) = planned(&mut scene, since).await;
    assert_eq!(plan.summary.unignored, 2, "{:?}", plan.summary);
    assert_eq!(ignored(&scene), [12, 1, 2, 3, 4], "a plan changes nothing");
    let told = items(&scene, &run).await;
    let of = |number: u128| {
        told.iter().find(|item| item.object_id == ObjectId::from_u128(number)).unwrap()
    };
    for number in [1, 2] {
        let reason = of(number).reason.as_deref().unwrap();
        assert!(reason.ends_with("the user comes off the ignore list (scope.ignoredUsers)"));
        assert_eq!(of(number).remedy, None);
    }
    assert!(of(3).remedy.as_deref().unwrap().contains("stays on the ignore list"));
    approve(&scene, &run).await;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    assert_eq!(scene.run(&run.id).status, RunStatus::Succeeded);
    assert_eq!(held(&scene), before);
    assert_eq!(ignored(&scene), [12, 3, 4]);
    assert_eq!(versions(&scene, &run), 1, "in one version of the settings");
}

#[tokio::test]
async fn who_was_taken_off_and_put_on_the_list_again_stays_on_it() {
    let (mut scene, _, since) = decided().await;
    let (run, _) = planned(&mut scene, since).await;
    // Since the plan was made, one was taken off and put on the list again, by hand.
    ignore(&scene, &[12, 2, 3, 4], "eve", SettingsCause::IgnoreList);
    ignore(&scene, &[12, 2, 3, 4, 1], "eve", SettingsCause::IgnoreList);
    approve(&scene, &run).await;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    assert_eq!(ignored(&scene), [12, 3, 4, 1]);
}

#[tokio::test]
async fn whose_decision_is_not_taken_back_after_all_stays_on_the_list() {
    let (mut scene, _, since) = decided().await;
    let (run, _) = planned(&mut scene, since).await;
    edit(&scene, &contact_id(2), ContactField::City, Some("Bern")).await;
    approve(&scene, &run).await;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    assert_eq!(ignored(&scene), [12, 2, 3, 4], "the contact moved since the plan, and is left");
}

#[tokio::test]
async fn the_list_is_the_same_whoever_dies_and_has_one_version_more() {
    for calls in (0..CALLS).step_by(2) {
        let (mut scene, before, since) = decided().await;
        let (run, _) = planned(&mut scene, since).await;
        approve(&scene, &run).await;
        scene.die_after(calls);
        let lived = scene.drive_as(RunKind::Delta, None).await.is_ok();
        scene.revive();
        for _ in 0..3 {
            scene.drive_as(RunKind::Delta, None).await.unwrap();
        }
        assert_eq!(scene.run(&run.id).status, RunStatus::Succeeded, "{calls}");
        assert_eq!(held(&scene), before, "died after {calls} calls");
        assert_eq!(ignored(&scene), [12, 3, 4], "died after {calls} calls");
        assert_eq!(versions(&scene, &run), 1, "died after {calls} calls");
        if lived {
            return;
        }
    }
    panic!("it never got through");
}
