//! Scopes by administrative unit: followed with the care that groups get.

use contact_sync_domain::connection::{Attention, ConnectionStatus};
use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::query_plan::Reading;
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::settings::{AllOr, GroupScope, Settings};
use jiff::SignedDuration;
use serde_json::json;

use super::by_group::{group, put_group};
use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::{AdministrativeUnit, DirectoryError};

fn unit(number: u128) -> ObjectId {
    ObjectId::from_u128(70_000 + number)
}

fn put_unit(scene: &Scene, number: u128, users: impl IntoIterator<Item = u128>) {
    let name = Some(format!("Region {number}"));
    let made = AdministrativeUnit { id: unit(number), display_name: name };
    let users = users.into_iter().map(ObjectId::from_u128).collect();
    scene.worker.directory.inner.entra().units.insert(unit(number), (made, users));
}

fn by_units(settings: &mut Settings) {
    settings.scope.administrative_units = AllOr::Any(vec![unit(1), unit(2)]);
}

/// A directory of 1,200 whose first twenty are in the two units of the scope.
fn scene() -> Scene {
    let scene = Scene::of((1..=1_200).map(user));
    scene.set_settings(by_units);
    put_unit(&scene, 1, 1..=15);
    put_unit(&scene, 2, 14..=20);
    scene
}

fn link_state(scene: &Scene, number: u128) -> Option<LinkState> {
    scene.contact(&contact_id(number))?.link.map(|link| link.state)
}

fn linked(scene: &Scene) -> usize {
    (1..=1_200).filter(|number| link_state(scene, *number) == Some(LinkState::Linked)).count()
}

fn attention(scene: &Scene) -> Attention {
    let connection = scene.worker.stores.world().connections[&connection_id()].clone();
    assert_eq!(connection.status, ConnectionStatus::Attention);
    connection.attention.unwrap()
}

#[tokio::test]
async fn members_of_any_unit_are_read_without_listing_the_directory_or_asking_about_groups() {
    let mut scene = scene();
    let before = scene.worker.directory.requests();
    let run = scene.full().await;
    assert_eq!((run.status, run.reading), (RunStatus::Succeeded, Some(Reading::Members)));
    assert_eq!((run.counts.seen, run.counts.created), (20, 20));
    // A token, two pages of the first unit and one of the second, their people, the closing delta.
    assert_eq!(scene.worker.directory.requests() - before, 6);
    assert_eq!(scene.state().work.groups_delta, None);
    let again = scene.full().await;
    assert_eq!((again.counts.unchanged, again.counts.updated), (20, 0));
}

#[tokio::test]
async fn beside_groups_both_must_name_a_person() {
    let mut scene = Scene::of((1..=1_200).map(user));
    scene.set_settings(|settings| {
        by_units(settings);
        let any = vec![group(1)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
    });
    put_unit(&scene, 1, 1..=15);
    put_unit(&scene, 2, []);
    put_group(&scene, 1, 10..=30, &[]);
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 6), "{run:?}");
    // Who joins the group alone does not come; who is in a unit besides does.
    put_group(&scene, 1, (9..=30).chain([400]), &[]);
    scene.look().await;
    assert_eq!((linked(&scene), link_state(&scene, 9)), (7, Some(LinkState::Linked)));
}

#[tokio::test]
async fn whoever_left_a_unit_is_not_written_any_more_and_comes_back_linked() {
    let mut scene = scene();
    scene.full().await;
    put_unit(&scene, 1, 2..=15);
    scene.worker.directory.inner.entra().put_user(user_with(1, &json!({"jobTitle": "Elsewhere"})));
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    assert_eq!(link_state(&scene, 1), Some(LinkState::OutOfScope));
    let kept = scene.contact(&contact_id(1)).unwrap();
    assert!(!kept.fields.values().any(|value| value == "Elsewhere"), "{kept:?}");
    assert_eq!(linked(&scene), 19);

    put_unit(&scene, 1, 1..=15);
    scene.full().await;
    let back = scene.contact(&contact_id(1)).unwrap();
    assert!(back.fields.values().any(|value| value == "Elsewhere"), "{back:?}");
    assert_eq!(linked(&scene), 20);
}

#[tokio::test]
async fn a_look_reads_units_once_an_hour_and_follows_who_joined_and_left() {
    let mut scene = scene();
    scene.full().await;
    put_unit(&scene, 1, (2..=15).chain([100]));
    let before = scene.worker.directory.requests();
    scene.look().await;
    assert_eq!(scene.worker.directory.requests() - before, 1, "the users delta and nothing else");
    assert_eq!(link_state(&scene, 100), None);

    scene.pass(SignedDuration::from_hours(1));
    let before = scene.worker.directory.requests();
    scene.look().await;
    // Three pages of members, who joined or left by id, the users delta.
    assert_eq!(scene.worker.directory.requests() - before, 5);
    assert_eq!(link_state(&scene, 100), Some(LinkState::Linked));
    assert_eq!(link_state(&scene, 1), Some(LinkState::OutOfScope));
    let before = scene.worker.directory.requests();
    scene.look().await;
    assert_eq!(scene.worker.directory.requests() - before, 1);
}

#[tokio::test]
async fn a_unit_that_may_not_be_read_any_more_removes_nobody_and_says_what_to_grant() {
    let mut scene = scene();
    scene.full().await;
    scene.worker.directory.inner.entra().hides_units = true;
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Failed, "{run:?}");
    assert_eq!(linked(&scene), 20);
    let attention = attention(&scene);
    assert_eq!(attention.reason, "permission-missing");
    assert!(attention.fix.contains("AdministrativeUnit.Read.All"), "{attention:?}");
}

#[tokio::test]
async fn a_unit_that_is_deleted_or_empty_all_at_once_removes_nobody_and_asks() {
    for (is_deleted, reason) in [(true, "unit-missing"), (false, "unit-empty")] {
        let mut scene = scene();
        scene.full().await;
        if is_deleted {
            scene.worker.directory.inner.entra().units.remove(&unit(1));
        } else {
            put_unit(&scene, 1, []);
        }
        let run = scene.full().await;
        assert_eq!((run.status, linked(&scene)), (RunStatus::Failed, 20), "{run:?}");
        let attention = attention(&scene);
        assert_eq!(attention.reason, reason);
        assert!(attention.fix.contains(unit(1).as_str()), "{attention:?}");
    }
}

#[tokio::test]
async fn a_unit_whose_second_page_does_not_come_is_no_smaller_unit() {
    for error in [
        DirectoryError::Unavailable { what: "503".into(), source: None },
        DirectoryError::Throttled { retry_after: None },
        DirectoryError::Forbidden { what: "members", code: "Authorization_RequestDenied".into() },
    ] {
        let mut scene = scene();
        scene.full().await;
        // Somebody who stands on the second page left; it cannot be told yet.
        put_unit(&scene, 1, 1..=14);
        let what = error.to_string();
        scene.worker.directory.unit_faults.lock().unwrap().push_back((1, error));
        let run = scene.full().await;
        assert_ne!(run.status, RunStatus::Succeeded, "{what}: {run:?}");
        assert_eq!(linked(&scene), 20, "{what}");
    }
}

#[tokio::test]
async fn a_rename_changes_nothing() {
    let mut scene = scene();
    scene.full().await;
    for (unit, _) in scene.worker.directory.inner.entra().units.values_mut() {
        unit.display_name = Some("Another name".to_owned());
    }
    let run = scene.full().await;
    assert_eq!((run.counts.unchanged, run.counts.updated), (20, 0), "{run:?}");
}

#[tokio::test]
async fn settings_that_come_to_name_a_unit_are_followed_by_a_full_run() {
    let mut scene = Scene::of((1..=1_200).map(user));
    scene.set_settings(|settings| settings.scope.administrative_units = AllOr::Any(vec![unit(1)]));
    put_unit(&scene, 1, 1..=15);
    put_unit(&scene, 2, 14..=20);
    scene.full().await;
    scene.set_settings(by_units);
    scene.look().await;
    assert_eq!(linked(&scene), 20, "what is known of other units tells nothing of these");
}
