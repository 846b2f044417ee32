//! Roles that groups give in teams.

use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{OnLeave, TeamMapping};
use contact_sync_domain::team::Membership;

use super::scene::{Scene, account_id, contact_id};
use super::teams::{self, NORTH, SOUTH, full, look, mapped, members, put_group, row, team};
use super::undo_scene as undo;
use crate::port::TeamStore;

fn with_role(of: u128, to: u128, role: &str) -> TeamMapping {
    TeamMapping { role: Some(role.to_owned()), ..row(of, to, OnLeave::Remove) }
}

/// Leads are 1 and 2, divers 2 to 4, and everybody of the crew (1 to 5) is in the team.
fn crew() -> [TeamMapping; 3] {
    [with_role(1, NORTH, "lead"), with_role(2, NORTH, "diver"), row(3, NORTH, OnLeave::Remove)]
}

fn scene(rows: &[TeamMapping]) -> Scene {
    let scene = teams::scene(6, mapped(rows));
    put_group(&scene, 1, [1, 2], &[]);
    put_group(&scene, 2, [2, 3, 4], &[]);
    put_group(&scene, 3, 1..=5, &[]);
    scene
}

fn membership(scene: &Scene, number: u128) -> Option<Membership> {
    let world = scene.worker.stores.world();
    world.memberships.get(&(contact_id(number), team(NORTH))).cloned()
}

/// What the first six people are in the team; a dash stands for nothing.
fn roles(scene: &Scene) -> String {
    let role = |number| {
        let membership = membership(scene, number).filter(Membership::stands);
        membership.and_then(|one| one.role().map(str::to_owned)).unwrap_or_else(|| "-".to_owned())
    };
    (1..=6).map(role).collect::<Vec<_>>().join(" ")
}

fn writes(scene: &Scene) -> usize {
    scene.worker.stores.world().membership_writes
}

async fn give_by_hand(scene: &Scene, number: u128, role: &str) {
    let store = &scene.worker.stores;
    let before = store.membership(&account_id(), &contact_id(number), &team(NORTH)).await.unwrap();
    let given = before.unwrap().joined_by_hand().with_role(Some(role.to_owned()));
    assert!(store.put_membership(&given.next(super::scene::start())).await.unwrap());
}

#[tokio::test]
async fn the_first_row_that_holds_somebody_gives_the_role_and_again_changes_nothing() {
    let mut scene = scene(&crew());
    full(&mut scene).await;
    assert_eq!(roles(&scene), "lead lead diver diver - -");
    assert_eq!(writes(&scene), 5, "one write each, however many groups hold it");
    let reads = scene.worker.stores.world().contact_reads;
    let requests = scene.worker.directory.requests();
    full(&mut scene).await;
    let of_unchanged = scene.worker.directory.requests() - requests;
    look(&mut scene).await;
    assert_eq!(writes(&scene), 5, "nobody moves, nothing is written");
    assert_eq!(scene.worker.stores.world().contact_reads, reads, "and no contact is read");

    // The same people without any role cost as many requests.
    let mut bare = self::scene(&crew().map(|row| TeamMapping { role: None, ..row }));
    full(&mut bare).await;
    let requests = bare.worker.directory.requests();
    full(&mut bare).await;
    assert_eq!(of_unchanged, bare.worker.directory.requests() - requests);
}

#[tokio::test]
async fn who_leaves_the_group_of_a_role_has_that_of_the_next_row_at_a_look_and_at_a_full_run() {
    for by_look in [true, false] {
        let mut scene = scene(&crew());
        full(&mut scene).await;
        give_by_hand(&scene, 3, "guest").await;
        put_group(&scene, 1, [4, 5], &[]);
        if by_look {
            look(&mut scene).await;
        } else {
            full(&mut scene).await;
        }
        assert_eq!(roles(&scene), "- diver guest lead lead -", "by look: {by_look}");
        put_group(&scene, 2, [], &[]);
        put_group(&scene, 3, [5], &[]);
        look(&mut scene).await;
        assert_eq!(members(&scene, NORTH, 6), [3, 4, 5]);
        assert_eq!(roles(&scene), "- - guest lead lead -", "a role by hand stays with its person");
        let written = writes(&scene);
        look(&mut scene).await;
        assert_eq!(writes(&scene), written);
    }
}

#[tokio::test]
async fn other_roles_in_the_settings_are_other_roles_after_the_next_full_run() {
    let mut scene = scene(&crew());
    full(&mut scene).await;
    let written = writes(&scene);
    let [lead, diver, all] = crew();
    let turned = [diver.clone(), lead.clone(), all.clone()];
    for (rows, expected, moved) in [
        (turned.to_vec(), "lead diver diver diver - -", 1),
        (
            vec![with_role(1, NORTH, "head"), diver.clone(), all.clone()],
            "head head diver diver - -",
            2,
        ),
        // A mapping of another team in between moves nobody.
        (
            vec![row(1, SOUTH, OnLeave::Remove), with_role(1, NORTH, "head"), diver, all.clone()],
            "head head diver diver - -",
            2,
        ),
        // Four lose their role, two leave the other team.
        (vec![row(1, NORTH, OnLeave::Remove), all], "- - - - - -", 6),
    ] {
        let before = writes(&scene);
        scene.set_settings(mapped(&rows));
        full(&mut scene).await;
        assert_eq!((roles(&scene).as_str(), writes(&scene) - before), (expected, moved));
    }
    assert_eq!(members(&scene, NORTH, 6), [1, 2, 3, 4, 5]);
    assert!(writes(&scene) > written);
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_leaves_every_role_right_and_none_written_twice() {
    for calls in (1..400).step_by(5) {
        let mut scene = scene(&crew());
        full(&mut scene).await;
        let before = writes(&scene);
        let [lead, diver, all] = crew();
        scene.set_settings(mapped(&[diver, lead, all]));
        put_group(&scene, 1, [1, 2, 5], &[]);
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let survived = scene.drive().await.is_ok();
        scene.revive();
        scene.drive().await.unwrap();
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Succeeded, "after {calls} calls: {run:?}");
        assert_eq!(roles(&scene), "lead diver diver diver lead -", "after {calls} calls");
        assert_eq!(writes(&scene) - before, 2, "after {calls} calls");
        if survived {
            return;
        }
    }
    panic!("a run of six people needs more calls than that");
}

#[tokio::test]
async fn a_plan_tells_of_roles_and_undoing_a_run_takes_them_back() {
    let mut scene = scene(&crew());
    full(&mut scene).await;
    let [lead, diver, all] = crew();
    let rows = [diver, lead, all];
    scene.set_settings(mapped(&rows));
    let (run, plan) = super::plans::planned(&mut scene).await;
    let counted = plan.summary.teams;
    assert_eq!((counted.joins, counted.leaves, counted.roles), (0, 0, 1));
    assert_eq!(roles(&scene), "lead lead diver diver - -", "a plan gives nobody a role");
    let done = super::plans::apply(&mut scene, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(roles(&scene), "lead diver diver diver - -");

    give_by_hand(&scene, 1, "guest").await;
    let (planned, undone) = undo::plan(&mut scene, &[&done.id], &[]).await;
    assert_eq!(undone.summary.teams.roles, 1, "{undone:?}");
    let done = undo::apply(&mut scene, &planned).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(roles(&scene), "guest lead diver diver - -");
}

#[tokio::test]
async fn the_order_of_groups_and_people_in_the_directory_never_matters() {
    let told = |turned: bool| async move {
        let mut scene = teams::scene(6, mapped(&crew()));
        let people = |numbers: &[u128]| -> Vec<u128> {
            let mut numbers = numbers.to_vec();
            if turned {
                numbers.reverse();
            }
            numbers
        };
        let mut groups = vec![(1, people(&[1, 2])), (2, people(&[2, 3, 4])), (3, people(&[1, 5]))];
        if turned {
            groups.reverse();
        }
        for (number, users) in groups {
            put_group(&scene, number, users, &[]);
        }
        full(&mut scene).await;
        roles(&scene)
    };
    assert_eq!(told(false).await, told(true).await);
}
