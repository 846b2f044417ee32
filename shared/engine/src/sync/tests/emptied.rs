//! Groups that are empty all at once.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::settings::{AllOr, GroupScope, OnLeave};

use super::scene::{Scene, connection_id, user};
use super::teams::{self, NORTH, SOUTH, mapped, members, row};
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

/// Takes everybody out of a group of teams, and no delta tells of it.
fn empty(scene: &Scene, number: u128) {
    let mut entra = scene.worker.directory.inner.entra();
    entra.groups.get_mut(&teams::group(number)).unwrap().1.clear();
}

/// Whoever lost a group would keep the rights of its team for good.
#[tokio::test]
async fn a_mapped_group_that_two_full_readings_tell_empty_empties_its_team() {
    let rows = [row(1, NORTH, OnLeave::Remove), row(2, SOUTH, OnLeave::Keep)];
    let mut scene = teams::scene(4, mapped(&rows));
    teams::put_group(&scene, 1, [1, 2], &[]);
    teams::put_group(&scene, 2, [3], &[]);
    teams::full(&mut scene).await;
    let before = scene.worker.directory.requests();
    teams::full(&mut scene).await;
    let unchanged = scene.worker.directory.requests() - before;
    empty(&scene, 1);
    empty(&scene, 2);
    let before = scene.worker.directory.requests();
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Partial, "one reading may be wrong: {run:?}");
    assert_eq!((members(&scene, NORTH, 4), members(&scene, SOUTH, 4)), (vec![1, 2], vec![3]));
    assert_eq!(scene.worker.directory.requests() - before, unchanged, "it costs nothing to doubt");
    // Looks in between confirm nothing.
    teams::look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 4), [1, 2]);
    let before = scene.worker.directory.requests();
    teams::full(&mut scene).await;
    assert_eq!((members(&scene, NORTH, 4), members(&scene, SOUTH, 4)), (vec![], vec![3]));
    let asked = scene.worker.directory.requests() - before;
    assert_eq!(asked, unchanged + 2, "each group is asked once whether it shows its members");
    let before = scene.worker.directory.requests();
    teams::full(&mut scene).await;
    assert_eq!(scene.worker.directory.requests() - before, unchanged, "and never again");
}

#[tokio::test]
async fn an_emptied_group_stays_doubted_while_it_or_one_inside_it_may_hide_its_members() {
    for hiding in [1, 3] {
        let mut scene = teams::scene(4, mapped(&[row(1, NORTH, OnLeave::Remove)]));
        teams::put_group(&scene, 3, [2], &[]);
        teams::put_group(&scene, 1, [1], &[3]);
        teams::full(&mut scene).await;
        assert_eq!(members(&scene, NORTH, 4), [1, 2]);
        scene.worker.directory.inner.entra().hides_members.push(teams::group(hiding));
        empty(&scene, 1);
        empty(&scene, 3);
        for _ in 0..3 {
            let run = scene.full().await;
            assert_eq!(run.status, RunStatus::Partial, "{run:?}");
            assert_eq!(members(&scene, NORTH, 4), [1, 2]);
        }
        scene.worker.directory.inner.entra().hides_members.clear();
        teams::full(&mut scene).await;
        assert_eq!(members(&scene, NORTH, 4), [], "{hiding}");
    }
}

/// Of a group that the scope means as well nobody is let go by a reading alone.
#[tokio::test]
async fn an_emptied_group_of_the_scope_is_never_confirmed_by_itself() {
    let mut scene = teams::scene(4, |settings| {
        settings.teams = vec![row(1, NORTH, OnLeave::Remove)];
        let any = vec![teams::group(1)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
    });
    teams::put_group(&scene, 1, [1, 2], &[]);
    teams::full(&mut scene).await;
    empty(&scene, 1);
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Failed, "{run:?}");
    assert_eq!(members(&scene, NORTH, 4), [1, 2]);
}
