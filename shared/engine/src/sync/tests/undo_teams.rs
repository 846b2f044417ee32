//! Taking back who joined and left teams: a contact is taken back with its teams, or left with them.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::ContactField;
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::settings::OnLeave;
use serde_json::json;

use super::replay::CALLS;
use super::scene::{Scene, contact_id};
use super::teams::{self, NORTH, join_by_hand, members, put_group};
use super::undo_scene::{
    apply, apply_dying, approve, ask, edit, held, items, plan, plan_dying, put, undo,
};

#[tokio::test]
async fn who_joined_or_left_a_team_is_back_where_he_was_unless_somebody_moved_him_since() {
    let mut scene = teams::scene(6, teams::mapped(&[teams::row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1, 2, 3], &[]);
    let first = scene.full().await;
    put_group(&scene, 1, [3, 4, 5], &[]);
    let run = scene.full().await;
    assert_eq!(members(&scene, NORTH, 6), [3, 4, 5]);
    join_by_hand(&scene, 5, NORTH).await;
    let writes = scene.worker.stores.world().membership_writes;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    assert_eq!(scene.worker.stores.world().membership_writes, writes, "a plan moves nobody");
    let done = apply(&mut scene, &planned).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(members(&scene, NORTH, 6), [1, 2, 3, 5]);
    let told = items(&scene, &scene.run(&done.id)).await;
    let left = told.iter().filter(|item| item.outcome == Outcome::Left);
    assert_eq!(left.count(), 1, "{told:?}");
    // Both together: whom the first put into the team leaves it, and everybody is gone.
    scene.set_status(ConnectionStatus::Enabled);
    undo(&mut scene, &[&done.id]).await;
    assert_eq!(members(&scene, NORTH, 6), [3, 4, 5]);
    let gone = undo(&mut scene, &[&run.id, &first.id]).await;
    assert_eq!(members(&scene, NORTH, 6), [5], "who was put there by hand stays");
    assert_eq!(gone.counts.removed, 5, "{gone:?}");
    assert!(scene.contact(&contact_id(5)).is_some(), "nothing of this contact is taken back");
}

/// A run made everybody, and of one a person took care since, in a team that no run ever touched.
#[tokio::test]
async fn whom_a_person_put_into_a_team_since_does_not_go_with_the_run_that_made_him() {
    let mut scene = teams::scene(3, teams::mapped(&[]));
    let first = scene.full().await;
    join_by_hand(&scene, 2, NORTH).await;
    let gone = undo(&mut scene, &[&first.id]).await;
    assert_eq!(gone.counts.removed, 2, "{gone:?}");
    assert!(scene.contact(&contact_id(2)).is_some());
    assert_eq!(members(&scene, NORTH, 3), [2], "and the team has him");
    let told = items(&scene, &scene.run(&gone.id)).await;
    let left = told.iter().find(|item| item.outcome == Outcome::Left).unwrap();
    assert!(left.reason.as_ref().unwrap().contains("in a team"), "{left:?}");
}

/// Six people, and a run that wrote three of them and moved four between teams.
async fn moved() -> (Scene, Run) {
    let mut scene = teams::scene(6, teams::mapped(&[teams::row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1, 2, 3], &[]);
    scene.full().await;
    for number in [1, 4, 6] {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    put_group(&scene, 1, [3, 4, 5], &[]);
    let run = scene.full().await;
    assert_eq!(members(&scene, NORTH, 6), [3, 4, 5]);
    (scene, run)
}

#[tokio::test]
async fn whose_contact_is_left_stays_in_the_team_too() {
    let (mut scene, run) = moved().await;
    edit(&scene, &contact_id(4), ContactField::JobTitle, Some("Boss")).await;
    let done = undo(&mut scene, &[&run.id]).await;
    assert_eq!(members(&scene, NORTH, 6), [1, 2, 3, 4], "nothing of this contact is taken back");
    assert_eq!(done.counts.updated, 2, "{done:?}");
}

#[tokio::test]
async fn whose_team_was_changed_since_keeps_the_values_too() {
    let (mut scene, run) = moved().await;
    join_by_hand(&scene, 4, NORTH).await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    let told = items(&scene, &planned).await;
    let left: Vec<_> = told.iter().filter(|item| item.outcome == Outcome::Left).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let reason = left[0].reason.as_deref().unwrap();
    assert!(reason.starts_with("who holds the contact in a team was changed since"), "{reason}");
    apply(&mut scene, &planned).await;
    let title = |number| scene.contact(&contact_id(number)).unwrap().fields;
    assert_eq!(title(4)[&ContactField::JobTitle], "Wrong");
    assert_eq!(title(1).get(&ContactField::JobTitle), None);
    assert_eq!(members(&scene, NORTH, 6), [1, 2, 3, 4]);
}

#[tokio::test]
async fn whom_applying_leaves_stays_in_the_team_too() {
    let (mut scene, run) = moved().await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    edit(&scene, &contact_id(4), ContactField::City, Some("Bern")).await;
    apply(&mut scene, &planned).await;
    let contact = scene.contact(&contact_id(4)).unwrap();
    assert_eq!(contact.fields[&ContactField::JobTitle], "Wrong", "it moved since the plan");
    assert_eq!(members(&scene, NORTH, 6), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_leaves_the_same_people_whole() {
    let (mut scene, run) = moved().await;
    edit(&scene, &contact_id(4), ContactField::JobTitle, Some("Boss")).await;
    join_by_hand(&scene, 1, NORTH).await;
    undo(&mut scene, &[&run.id]).await;
    let (expected, teams) = (held(&scene), members(&scene, NORTH, 6));
    assert_eq!(teams, [1, 2, 3, 4]);
    for calls in (0..CALLS).step_by(3) {
        let (mut scene, run) = moved().await;
        edit(&scene, &contact_id(4), ContactField::JobTitle, Some("Boss")).await;
        join_by_hand(&scene, 1, NORTH).await;
        let asked = ask(&mut scene, &[&run.id], &[]).await;
        let planned = plan_dying(&mut scene, &asked, calls).await;
        let asked = scene.run(&asked.id);
        let told = items(&scene, &asked).await;
        let left = told.iter().filter(|item| item.outcome == Outcome::Left).count();
        assert_eq!(left, 2, "planning died after {calls} calls: {told:?}");
        let applied = apply_dying(&mut scene, &asked, calls).await;
        assert_eq!(held(&scene), expected, "died after {calls} calls");
        assert_eq!(members(&scene, NORTH, 6), teams, "died after {calls} calls");
        let told = items(&scene, &scene.run(&asked.id)).await;
        let moves: usize = told.iter().map(|item| item.memberships().len()).sum();
        assert_eq!(moves, 2, "each is told once, died after {calls} calls: {told:?}");
        if planned && applied {
            assert!(calls > 20, "{calls} calls");
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn who_disabled_the_connection_in_panic_can_take_it_back_and_nothing_else_is_begun() {
    let (mut scene, run) = moved().await;
    scene.set_status(ConnectionStatus::Disabled);
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    put(&scene, 2, &json!({"jobTitle": "New"}));
    approve(&scene, &planned).await;
    scene.set_status(ConnectionStatus::Disabled);
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    let done = scene.run(&planned.id);
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(members(&scene, NORTH, 6), [1, 2, 3]);
    let title = |scene: &Scene, number| scene.contact(&contact_id(number)).unwrap().fields;
    assert_eq!(title(&scene, 4).get(&ContactField::JobTitle), None);
    scene.drive_as(RunKind::Full, None).await.unwrap();
    assert_eq!(title(&scene, 2).get(&ContactField::JobTitle), None, "nothing else is begun");
    assert_eq!(scene.state().queue, []);
}
