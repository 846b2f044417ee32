//! Contacts that one run wrote on two of its pages, taken back whole or left whole.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::ContactField;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use serde_json::json;

use super::replay::CALLS;
use super::scene::{Scene, contact_id, map, user, user_with};
use super::undo_scene::{apply, apply_dying, ask, edit, held, items, plan, plan_dying};

fn led_by(number: u128, manager: u128) -> DirectoryUser {
    let mut user = user_with(number, &json!({"jobTitle": "Wrong"}));
    user.tell_manager(Some(&ObjectId::from_u128(manager)));
    user
}

/// Six people; a run gives two of them a title, and at its end a manager whom it made first. What
/// was held before it, and the run.
async fn led() -> (Scene, String, Run) {
    let mut scene = Scene::of((1..=6).map(user));
    scene.set_settings(|settings| {
        map(settings, "manager");
        settings.policies.lock_managed = false;
    });
    scene.full().await;
    let before = held(&scene);
    for changed in [led_by(1, 13), led_by(2, 13), user(13)] {
        scene.worker.directory.inner.entra().put_user(changed);
    }
    let run = scene.full().await;
    let writes = items(&scene, &run).await;
    let twice = writes.iter().filter(|item| item.contact_id == Some(contact_id(1)));
    let twice = twice.filter(|item| item.outcome == Outcome::Update).count();
    assert_eq!(twice, 2, "one page gives the title, another the manager: {writes:?}");
    (scene, before, run)
}

fn of(told: &[SegmentItem], number: u128) -> Vec<Outcome> {
    let of = told.iter().filter(|item| item.contact_id == Some(contact_id(number)));
    of.map(|item| item.outcome).collect()
}

#[tokio::test]
async fn what_two_pages_wrote_on_a_contact_is_taken_back_by_one_change() {
    let (mut scene, before, run) = led().await;
    let after = held(&scene);
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    assert_eq!(of(&items(&scene, &planned).await, 1), [Outcome::Restore]);
    let done = apply(&mut scene, &planned).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(held(&scene), before);
    // And had again, as any undo.
    scene.set_status(ConnectionStatus::Enabled);
    let (planned, _) = plan(&mut scene, &[&done.id], &[]).await;
    apply(&mut scene, &planned).await;
    assert_eq!(held(&scene), after);
}

#[tokio::test]
async fn who_was_edited_since_in_what_the_older_page_wrote_keeps_the_newer_too() {
    for chosen in [false, true] {
        let (mut scene, _, run) = led().await;
        edit(&scene, &contact_id(1), ContactField::JobTitle, Some("Boss")).await;
        let contacts = if chosen { vec![contact_id(1), contact_id(2)] } else { Vec::new() };
        let (planned, _) = plan(&mut scene, &[&run.id], &contacts).await;
        let told = items(&scene, &planned).await;
        assert_eq!(of(&told, 1), [Outcome::Left], "told once");
        assert_eq!(of(&told, 2), [Outcome::Restore]);
        apply(&mut scene, &planned).await;
        let fields = |number| scene.contact(&contact_id(number)).unwrap().fields;
        assert_eq!(fields(1)[&ContactField::JobTitle], "Boss");
        let manager = contact_id(13).to_string();
        assert_eq!(fields(1).get(&ContactField::Manager), Some(&manager), "left whole");
        assert_eq!(fields(2).get(&ContactField::Manager), None);
        assert_eq!(fields(2).get(&ContactField::JobTitle), None);
    }
}

#[tokio::test]
async fn who_is_edited_before_the_plan_is_applied_is_left_whole() {
    let (mut scene, _, run) = led().await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    edit(&scene, &contact_id(1), ContactField::City, Some("Bern")).await;
    apply(&mut scene, &planned).await;
    let fields = scene.contact(&contact_id(1)).unwrap().fields;
    assert_eq!(fields[&ContactField::JobTitle], "Wrong");
    assert!(fields.contains_key(&ContactField::Manager));
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_leaves_nobody_half_taken_back() {
    for calls in (0..CALLS).step_by(3) {
        let (mut scene, _, run) = led().await;
        edit(&scene, &contact_id(1), ContactField::JobTitle, Some("Boss")).await;
        let asked = ask(&mut scene, &[&run.id], &[]).await;
        let planned = plan_dying(&mut scene, &asked, calls).await;
        let applied = apply_dying(&mut scene, &asked, calls).await;
        let has =
            |number, field| scene.contact(&contact_id(number)).unwrap().fields.contains_key(&field);
        for (number, kept) in [(1, true), (2, false)] {
            assert_eq!(has(number, ContactField::JobTitle), kept, "{number}, {calls} calls");
            assert_eq!(has(number, ContactField::Manager), kept, "{number}, {calls} calls");
        }
        if planned && applied {
            return;
        }
    }
    panic!("it never got through");
}
