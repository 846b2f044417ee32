//! Slices that die at every single store call, where several things depend on each other.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{Run, RunKind, Trigger};
use contact_sync_domain::settings::{AllOr, GroupScope};
use serde_json::json;

use super::replay::{CALLS, seen, settle};
use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::Group;

fn group_id() -> ObjectId {
    ObjectId::from_u128(0xbeef)
}

fn put_group(scene: &Scene, members: impl IntoIterator<Item = u128>) {
    let group = Group { id: group_id(), display_name: None };
    let members = members.into_iter().map(ObjectId::from_u128).collect();
    scene.worker.directory.inner.entra().put_group(group, members, Vec::new());
}

/// Six of ten people are meant by their group; then two join, one leaves, one is promoted.
async fn regrouped() -> Scene {
    let mut scene = Scene::of((1..=10).map(user));
    put_group(&scene, 1..=6);
    scene.set_settings(|settings| {
        settings.scope.groups =
            AllOr::Any(GroupScope { any: vec![group_id()], include_nested: true });
    });
    assert_eq!(scene.full().await.counts.created, 6);
    put_group(&scene, [1, 3, 4, 5, 6, 7, 8]);
    let promoted = user_with(3, &json!({"jobTitle": "Captain"}));
    scene.worker.directory.inner.entra().put_user(promoted);
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    scene
}

fn only_delta(scene: &Scene) -> Run {
    let mut runs = scene.runs();
    runs.retain(|run| run.kind == RunKind::Delta);
    assert_eq!(runs.len(), 1, "one look, one run");
    runs.remove(0)
}

#[tokio::test]
async fn who_joined_and_left_a_group_counts_once() {
    let mut undisturbed = regrouped().await;
    settle(&mut undisturbed, RunKind::Delta).await;
    let run = only_delta(&undisturbed);
    assert_eq!((run.counts.created, run.counts.updated, run.counts.removed), (2, 1, 1));
    let expected = seen(&undisturbed, &run);
    for calls in 0..CALLS {
        let mut scene = regrouped().await;
        scene.die_after(calls);
        if scene.drive_as(RunKind::Delta, None).await.is_ok() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        scene.revive();
        settle(&mut scene, RunKind::Delta).await;
        let run = only_delta(&scene);
        assert_eq!(seen(&scene, &run), expected, "died after {calls} calls");
    }
}

fn with_mail(number: u128, mail: u128) -> contact_sync_domain::directory::DirectoryUser {
    user_with(number, &json!({"mail": format!("user{mail}@contoso.example")}))
}

/// Two people swap their addresses, one moves on to a new one, and a newcomer gets his old one.
async fn readdressed() -> Scene {
    let mut scene = Scene::of((1..=7).map(user));
    assert_eq!(scene.full().await.counts.created, 7);
    let mut entra = scene.worker.directory.inner.entra();
    for (number, mail) in [(1, 2), (2, 1), (6, 60), (8, 6)] {
        entra.put_user(with_mail(number, mail));
    }
    drop(entra);
    scene
}

#[tokio::test]
async fn addresses_change_hands_and_stay_one_contacts_each() {
    for calls in 0..CALLS {
        let mut scene = readdressed().await;
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        let doubled = scene.addresses().into_values().any(|bearers| bearers.len() > 1);
        assert!(!doubled, "died after {calls} calls");
        if !lived {
            scene.revive();
            settle(&mut scene, RunKind::Full).await;
        }
        let run = scene.run(&id);
        assert_eq!(run.counts.failed, 0, "died after {calls} calls: {:?}", run.reason);
        assert_eq!((run.counts.created, run.counts.updated), (1, 3), "{calls}");
        let address = |number| {
            let contact = scene.contact(&contact_id(number)).unwrap();
            contact.email().unwrap().to_owned()
        };
        let addresses = [1, 2, 6, 8].map(address);
        let expected = [2, 1, 60, 6].map(|mail| format!("user{mail}@contoso.example"));
        assert_eq!(addresses, expected, "died after {calls} calls");
        if lived {
            assert!(calls > 40, "{calls} calls");
            return;
        }
    }
}
