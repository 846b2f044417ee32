//! Runs about one person or one group decide about these alone, as if nothing were known of them.

use contact_sync_domain::contact::{ContactField, LinkState};
use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use serde_json::json;

use super::scene::{Scene, contact_id, user, user_with};
use crate::port::{Group, StoredContact};

/// Twelve people are synced, and three of them change.
async fn changed() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    for number in [3, 4, 5] {
        let changed = user_with(number, &json!({"jobTitle": "Captain"}));
        scene.worker.directory.inner.entra().put_user(changed);
    }
    scene
}

async fn asked(scene: &mut Scene, trigger: Trigger, about: impl FnOnce(&mut Run)) -> RunId {
    let id = scene.queue(RunKind::User, trigger).await;
    about(scene.worker.stores.world().runs.get_mut(&id).unwrap());
    id
}

async fn drive(scene: &mut Scene) {
    scene.drive_as(RunKind::User, Some(RequestTrigger::Manual)).await.unwrap();
}

fn title(scene: &Scene, number: u128) -> Option<String> {
    scene.contact(&contact_id(number)).unwrap().fields.get(&ContactField::JobTitle).cloned()
}

#[tokio::test]
async fn one_person_is_synced_and_what_else_changed_is_still_to_be_found() {
    let mut scene = changed().await;
    let before = scene.state().work;
    let id = asked(&mut scene, Trigger::Manual, |run| run.user = Some(ObjectId::from_u128(3)));
    let id = id.await;
    drive(&mut scene).await;
    let run = scene.run(&id);
    assert_eq!((run.status, run.kind), (RunStatus::Succeeded, RunKind::User));
    assert_eq!((run.counts.seen, run.counts.updated), (1, 1));
    assert_eq!(title(&scene, 3).as_deref(), Some("Captain"));
    assert_eq!(title(&scene, 4), None);
    let after = scene.state().work;
    assert_eq!(after.users_delta, before.users_delta, "it looked at nothing else");
    assert_eq!(after.last_checked_at, before.last_checked_at);
    scene.look().await;
    assert_eq!(title(&scene, 4).as_deref(), Some("Captain"));
}

#[tokio::test]
async fn each_person_asked_for_has_a_run_of_his_own() {
    let mut scene = changed().await;
    let mut ids = vec![];
    for number in [3, 4] {
        let about = |run: &mut Run| run.user = Some(ObjectId::from_u128(number));
        ids.push(asked(&mut scene, Trigger::Manual, about).await);
    }
    drive(&mut scene).await;
    for (id, number) in ids.iter().zip([3, 4]) {
        assert_eq!(scene.run(id).status, RunStatus::Succeeded);
        assert_eq!(title(&scene, number).as_deref(), Some("Captain"));
    }
}

#[tokio::test]
async fn somebody_who_left_is_dealt_with_as_by_any_run() {
    let mut scene = changed().await;
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(6));
    asked(&mut scene, Trigger::Manual, |run| run.user = Some(ObjectId::from_u128(6))).await;
    drive(&mut scene).await;
    let link = scene.contact(&contact_id(6)).unwrap().link.unwrap();
    assert_eq!(link.state, LinkState::Removed);
}

#[tokio::test]
async fn a_reset_compares_what_every_other_run_takes_for_right() {
    let spoil = |scene: &Scene| {
        for number in [1, 2] {
            let mut world = scene.worker.stores.world();
            let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&contact_id(number))
            else {
                panic!("contact {number}")
            };
            contact.fields.insert(ContactField::LastName, "Spoilt".to_owned());
        }
    };
    let name = |scene: &Scene, number| {
        scene.contact(&contact_id(number)).unwrap().fields[&ContactField::LastName].clone()
    };
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    let link = scene.contact(&contact_id(1)).unwrap().link;
    spoil(&scene);
    scene.full().await;
    assert_eq!(name(&scene, 1), "Spoilt", "he is recognised as unchanged");

    asked(&mut scene, Trigger::Reset, |run| run.user = Some(ObjectId::from_u128(1))).await;
    drive(&mut scene).await;
    assert_eq!((name(&scene, 1).as_str(), name(&scene, 2).as_str()), ("1", "Spoilt"));
    assert_eq!(scene.contact(&contact_id(1)).unwrap().link, link, "the link stays");

    scene.queue(RunKind::Full, Trigger::Reset).await;
    scene.drive().await.unwrap();
    assert_eq!(name(&scene, 2), "2");
}

#[tokio::test]
async fn a_reset_of_a_group_reads_its_members_and_nobody_else() {
    let mut scene = changed().await;
    let group = ObjectId::from_u128(700);
    let made = Group { id: group.clone(), display_name: Some("Crew".to_owned()) };
    let members = [4, 5].map(ObjectId::from_u128).to_vec();
    scene.worker.directory.inner.entra().put_group(made, members, vec![]);
    let id = asked(&mut scene, Trigger::Reset, |run| run.group = Some(group)).await;
    drive(&mut scene).await;
    let run = scene.run(&id);
    assert_eq!((run.status, run.counts.seen), (RunStatus::Succeeded, 2), "{run:?}");
    let titles = [3, 4, 5].map(|number| title(&scene, number).is_some());
    assert_eq!(titles, [false, true, true]);
}

#[tokio::test]
async fn a_group_that_is_gone_fails_its_reset_and_removes_nobody() {
    let mut scene = changed().await;
    let group = Some(ObjectId::from_u128(701));
    let id = asked(&mut scene, Trigger::Reset, |run| run.group = group).await;
    drive(&mut scene).await;
    assert_eq!(scene.run(&id).status, RunStatus::Failed);
    let linked = (1..=12).filter(|number| {
        let link = scene.contact(&contact_id(*number)).unwrap().link.unwrap();
        link.state == LinkState::Linked
    });
    assert_eq!(linked.count(), 12);
}
