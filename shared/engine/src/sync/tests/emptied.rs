//! Groups that are empty all at once.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::RunStatus;

use super::scene::{Scene, connection_id, user};
use crate::port::Group;

fn group() -> ObjectId {
    ObjectId::from_u128(500)
}

fn put_group(scene: &Scene, members: impl IntoIterator<Item = u128>) {
    let group = Group { id: group(), display_name: None };
    let members = members.into_iter().map(ObjectId::from_u128).collect();
    scene.worker.directory.inner.entra().put_group(group, members, Vec::new());
}

#[tokio::test]
async fn an_ignored_group_may_be_emptied_and_its_people_are_synced() {
    let mut scene = Scene::of((1..=5).map(user));
    put_group(&scene, [1, 2]);
    scene.set_settings(|settings| settings.scope.ignored_groups = vec![group()]);
    assert_eq!(scene.full().await.counts.created, 3);
    put_group(&scene, []);
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 2), "{run:?}");
    let status = scene.worker.stores.world().connections[&connection_id()].status;
    assert_eq!(status, ConnectionStatus::Enabled);
}
