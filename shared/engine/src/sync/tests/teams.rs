//! Teams that follow groups.

use contact_sync_domain::id::{ObjectId, TeamId};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::settings::{
    AllOr, GroupScope, OnLeave, RemovalAction, Settings, TeamMapping,
};
use contact_sync_domain::team::{HeldBy, Membership, Team};
use serde_json::json;

use super::scene::{Scene, account_id, contact_id, start, user, user_with};
use crate::port::{Group, TeamStore};

pub(super) const NORTH: u128 = 1;
pub(super) const SOUTH: u128 = 2;

pub(super) fn group(number: u128) -> ObjectId {
    ObjectId::from_u128(50_000 + number)
}

pub(super) fn team(number: u128) -> TeamId {
    TeamId::from_bits(number)
}

pub(super) fn row(of: u128, to: u128, on_leave: OnLeave) -> TeamMapping {
    TeamMapping { on_leave, ..TeamMapping::new(group(of), &team(to)) }
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

/// A directory of so many people, two teams, and these settings.
pub(super) fn scene(people: u128, change: impl FnOnce(&mut Settings)) -> Scene {
    let scene = Scene::of((1..=people).map(user));
    for (number, name) in [(NORTH, "North"), (SOUTH, "South")] {
        let made = Team {
            id: team(number),
            account_id: account_id(),
            name: name.into(),
            version: 1,
            created_at: start(),
            updated_at: start(),
        };
        scene.worker.stores.world().teams.insert(made.id.clone(), made);
    }
    scene.set_settings(change);
    scene
}

pub(super) fn mapped(rows: &[TeamMapping]) -> impl FnOnce(&mut Settings) {
    let rows = rows.to_vec();
    move |settings| settings.teams = rows
}

fn held(scene: &Scene, number: u128, of: u128) -> Option<HeldBy> {
    let world = scene.worker.stores.world();
    world.memberships.get(&(contact_id(number), team(of))).and_then(Membership::held_by)
}

/// Who is in a team, of the first so many people.
pub(super) fn members(scene: &Scene, of: u128, people: u128) -> Vec<u128> {
    (1..=people).filter(|number| held(scene, *number, of).is_some()).collect()
}

fn writes(scene: &Scene) -> usize {
    scene.worker.stores.world().membership_writes
}

pub(super) async fn join_by_hand(scene: &Scene, number: u128, of: u128) {
    let none = Membership::none(account_id(), team(of), contact_id(number));
    let store = &scene.worker.stores;
    let before = store.membership(&account_id(), &contact_id(number), &team(of)).await.unwrap();
    let joined = before.unwrap_or(none).joined_by_hand().next(start());
    assert!(store.put_membership(&joined).await.unwrap());
}

pub(super) async fn look(scene: &mut Scene) {
    scene.drive_as(RunKind::Delta, None).await.unwrap();
}

pub(super) async fn full(scene: &mut Scene) -> Run {
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    run
}

#[tokio::test]
async fn members_of_mapped_groups_land_in_the_team_and_a_run_that_finds_nothing_new_writes_nothing()
{
    let rows = [
        row(1, NORTH, OnLeave::Remove),
        row(2, NORTH, OnLeave::Remove),
        row(1, SOUTH, OnLeave::Keep),
    ];
    let mut scene = scene(12, mapped(&rows));
    put_group(&scene, 1, [1, 2], &[3]);
    put_group(&scene, 2, [2, 5], &[]);
    put_group(&scene, 3, [4, 999], &[1]);
    let run = full(&mut scene).await;
    assert_eq!(run.counts.created, 12, "people outside mapped groups are synced too");
    assert_eq!(members(&scene, NORTH, 12), [1, 2, 4, 5]);
    assert_eq!(members(&scene, SOUTH, 12), [1, 2, 4]);
    let written = writes(&scene);
    assert_eq!(written, 7, "one write for each membership, however many groups hold it");

    join_by_hand(&scene, 9, NORTH).await;
    let written = writes(&scene);
    let reads = scene.worker.stores.world().contact_reads;
    full(&mut scene).await;
    assert_eq!(writes(&scene), written);
    assert_eq!(scene.worker.stores.world().contact_reads, reads, "no contact is read for it");
    assert_eq!(held(&scene, 9, NORTH), Some(HeldBy::Manual));
}

#[tokio::test]
async fn who_leaves_the_group_leaves_or_stays_as_the_mapping_says_at_a_look_and_at_a_full_run() {
    for by_look in [true, false] {
        let rows = [row(1, NORTH, OnLeave::Remove), row(1, SOUTH, OnLeave::Keep)];
        let mut scene = scene(6, mapped(&rows));
        put_group(&scene, 1, [1, 2, 3], &[]);
        full(&mut scene).await;
        join_by_hand(&scene, 2, NORTH).await;
        put_group(&scene, 1, [3, 4], &[]);
        if by_look {
            look(&mut scene).await;
        } else {
            full(&mut scene).await;
        }
        assert_eq!(members(&scene, NORTH, 6), [2, 3, 4], "by look: {by_look}");
        assert_eq!(held(&scene, 2, NORTH), Some(HeldBy::Manual), "people's own stays");
        assert_eq!(members(&scene, SOUTH, 6), [1, 2, 3, 4]);
        assert_eq!(held(&scene, 1, SOUTH), Some(HeldBy::Manual));
        let written = writes(&scene);
        full(&mut scene).await;
        look(&mut scene).await;
        assert_eq!(writes(&scene), written, "again changes nothing");
    }
}

#[tokio::test]
async fn a_joiner_of_a_large_group_costs_one_request_for_the_groups_and_none_for_its_members() {
    let mut scene = scene(20, mapped(&[row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, 1..=10, &[]);
    full(&mut scene).await;
    look(&mut scene).await;
    let before = scene.worker.directory.requests();
    put_group(&scene, 1, 1..=11, &[]);
    look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 20), (1..=11).collect::<Vec<_>>());
    // The groups delta and the users delta.
    assert_eq!(scene.worker.directory.requests() - before, 2);
}

#[tokio::test]
async fn a_joiner_of_a_scope_by_group_costs_a_read_by_id_beside_the_deltas() {
    let mut scene = scene(20, |settings| {
        settings.teams = vec![row(1, NORTH, OnLeave::Remove)];
        let any = vec![group(1)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
    });
    put_group(&scene, 1, 1..=10, &[]);
    full(&mut scene).await;
    look(&mut scene).await;
    let before = scene.worker.directory.requests();
    put_group(&scene, 1, 1..=11, &[]);
    look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 20), (1..=11).collect::<Vec<_>>());
    let requests = scene.worker.directory.requests() - before;
    assert!(requests <= 3, "groups delta, getByIds, users delta: {requests}");
}

#[tokio::test]
async fn an_empty_missing_or_forbidden_group_takes_nobody_out_of_the_team() {
    let mut scene =
        scene(6, mapped(&[row(1, NORTH, OnLeave::Remove), row(2, SOUTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1, 2], &[]);
    put_group(&scene, 2, [3], &[]);
    full(&mut scene).await;
    // Nobody told of it, as when a membership is hidden.
    scene.worker.directory.inner.entra().hides_members.push(group(1));
    scene.worker.directory.inner.entra().groups.get_mut(&group(1)).unwrap().1.clear();
    scene.worker.directory.inner.entra().remove_group(&group(2));
    for _ in 0..2 {
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Partial, "{run:?}");
        let reason = run.reason.unwrap();
        assert!(reason.contains(&format!("{} had members", group(1))), "{reason}");
        assert!(reason.contains(&format!("{} does not exist", group(2))), "{reason}");
        assert_eq!((members(&scene, NORTH, 6), members(&scene, SOUTH, 6)), (vec![1, 2], vec![3]));
    }
    put_group(&scene, 1, [2], &[]);
    put_group(&scene, 2, [3, 4], &[]);
    full(&mut scene).await;
    assert_eq!((members(&scene, NORTH, 6), members(&scene, SOUTH, 6)), (vec![2], vec![3, 4]));
}

#[tokio::test]
async fn the_last_member_who_is_seen_to_leave_leaves() {
    let mut scene = scene(3, mapped(&[row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1], &[]);
    full(&mut scene).await;
    put_group(&scene, 1, [], &[]);
    look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 3), []);
    full(&mut scene).await;
}

#[tokio::test]
async fn who_gets_a_contact_later_joins_later_and_who_returns_has_the_teams_again() {
    let mut scene = scene(4, |settings| {
        settings.teams = vec![row(1, NORTH, OnLeave::Remove)];
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
    });
    put_group(&scene, 1, [2, 3, 50], &[]);
    full(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 60), [2, 3]);
    join_by_hand(&scene, 3, SOUTH).await;

    let entra = |scene: &Scene, act: fn(&mut crate::memory::Entra)| {
        act(&mut scene.worker.directory.inner.entra());
    };
    entra(&scene, |entra| entra.put_user(user(50)));
    look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 60), [2, 3, 50], "a new contact joins at once");

    entra(&scene, |entra| entra.remove_user(&ObjectId::from_u128(3)));
    look(&mut scene).await;
    assert!(scene.contact(&contact_id(3)).is_none());
    assert_eq!(members(&scene, NORTH, 60), [2, 50], "with the contact its groups' memberships go");
    entra(&scene, |entra| entra.put_user(user(3)));
    look(&mut scene).await;
    assert!(scene.contact(&contact_id(3)).is_some());
    assert_eq!(members(&scene, NORTH, 60), [2, 3, 50]);
    assert_eq!(held(&scene, 3, SOUTH), Some(HeldBy::Manual), "people's own comes back too");
}

#[tokio::test]
async fn who_is_no_longer_updated_stays_in_the_teams_until_leaving_the_group() {
    let mut scene = scene(4, mapped(&[row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1, 2], &[]);
    full(&mut scene).await;
    let disabled = user_with(1, &json!({"accountEnabled": false}));
    scene.worker.directory.inner.entra().put_user(disabled);
    full(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 4), [1, 2]);
    put_group(&scene, 1, [2], &[]);
    full(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 4), [2]);
}

#[tokio::test]
async fn a_mapping_that_is_taken_out_lets_its_members_go_at_the_next_run() {
    let mut scene =
        scene(4, mapped(&[row(1, NORTH, OnLeave::Remove), row(1, SOUTH, OnLeave::Keep)]));
    put_group(&scene, 1, [1, 2], &[]);
    full(&mut scene).await;
    join_by_hand(&scene, 1, NORTH).await;
    scene.set_settings(|_| {});
    full(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 4), [1]);
    assert_eq!(members(&scene, SOUTH, 4), [1, 2], "those who stay after leaving");
    let written = writes(&scene);
    full(&mut scene).await;
    assert_eq!(writes(&scene), written);
    assert!(!scene.state().work.holds_teams);
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_leaves_nothing_undone_and_nothing_twice() {
    for calls in (1..400).step_by(7) {
        let mut scene =
            scene(12, mapped(&[row(1, NORTH, OnLeave::Remove), row(2, SOUTH, OnLeave::Remove)]));
        put_group(&scene, 1, 1..=7, &[]);
        put_group(&scene, 2, 5..=9, &[]);
        let id = scene.queue(RunKind::Full, contact_sync_domain::run::Trigger::Manual).await;
        scene.die_after(calls);
        let survived = scene.drive().await.is_ok();
        scene.revive();
        scene.drive().await.unwrap();
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Succeeded, "after {calls} calls: {run:?}");
        assert_eq!(members(&scene, NORTH, 12), (1..=7).collect::<Vec<_>>(), "after {calls} calls");
        assert_eq!(members(&scene, SOUTH, 12), (5..=9).collect::<Vec<_>>(), "after {calls} calls");
        assert_eq!(writes(&scene), 12, "after {calls} calls");
        if survived {
            return;
        }
    }
    panic!("a run of twelve people needs more calls than that");
}

#[tokio::test]
async fn whoever_was_faster_is_not_overwritten() {
    let mut scene = scene(3, mapped(&[row(1, NORTH, OnLeave::Remove)]));
    put_group(&scene, 1, [1], &[]);
    full(&mut scene).await;
    put_group(&scene, 1, [2], &[]);
    join_by_hand(&scene, 1, NORTH).await;
    scene.worker.stores.world().races = 0;
    look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 3), [1, 2]);
    assert_eq!(held(&scene, 1, NORTH), Some(HeldBy::Manual));
}
