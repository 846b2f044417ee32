//! Drift audits of teams: each membership that is not as it should be is told with the side that
//! moved, and mended where somebody chooses so.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::drift::Moved;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::plan::Plan;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{OnLeave, TeamMapping};
use contact_sync_domain::team::{Membership, Origin};

use super::drift::{audited, fix};
use super::plans::{kept, shown};
use super::scene::{Scene, account_id, connection_id, contact_id, user};
use super::teams::{NORTH, SOUTH, full, mapped, members, put_group, row, scene, team};
use crate::segments::load_segment;

const PEOPLE: u128 = 12;

/// The rows that the first full run knew.
fn first_rows() -> Vec<TeamMapping> {
    vec![row(1, NORTH, OnLeave::Remove)]
}

/// Of each person and team that the run intends something for, which side moved.
async fn sides(scene: &Scene, run: &RunId, pages: u32) -> BTreeMap<(u128, u128), Moved> {
    let mut told = BTreeMap::new();
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    for page in 0..pages {
        let segment = load_segment(stores, blobs, &connection_id(), run, page).await.unwrap();
        for item in segment.into_iter().flat_map(|segment| segment.items) {
            let sides = item.memberships().iter().map(|change| {
                let of = (item.object_id.as_u128(), change.team_id.to_bits());
                (of, change.moved.unwrap())
            });
            told.extend(sides);
        }
    }
    told
}

/// Somebody puts a person into a team, as if the group had him, past everything that would notice.
fn slip_in(scene: &Scene, number: u128) {
    let none = Membership::none(account_id(), team(NORTH), contact_id(number));
    let origin = Origin::Group {
        connection_id: connection_id(),
        group_id: first_rows()[0].group.clone(),
        user_id: ObjectId::from_u128(number),
        on_leave: OnLeave::Remove,
        role: None,
    };
    let slipped = Membership { origins: BTreeSet::from([origin]), version: 1, ..none };
    let place = (contact_id(number), team(NORTH));
    scene.worker.stores.world().memberships.insert(place, slipped);
}

/// Everything that may be wrong: people moved in Entra unheard, memberships were changed past the
/// product, and other settings map another group.
async fn moved() -> Scene {
    let mut scene = scene(PEOPLE, mapped(&first_rows()));
    put_group(&scene, 1, [1, 2, 3, 4], &[]);
    put_group(&scene, 2, [6], &[]);
    full(&mut scene).await;
    let place = (contact_id(1), team(NORTH));
    scene.worker.stores.world().memberships.remove(&place).unwrap();
    slip_in(&scene, 7);
    // Nobody was told of these: two leaves, five joins, and thirteen is new.
    put_group(&scene, 1, [1, 3, 4, 5, 13], &[]);
    scene.worker.directory.inner.entra().put_user(user(13));
    let mut rows = first_rows();
    rows.push(row(2, SOUTH, OnLeave::Remove));
    scene.set_settings(mapped(&rows));
    scene
}

#[tokio::test]
async fn of_each_membership_the_side_that_moved_is_told_and_what_is_chosen_is_mended() {
    let mut scene = moved().await;
    let (run, plan) = audited(&mut scene).await;
    let expected = BTreeMap::from([
        ((1, NORTH), Moved::Contact),
        ((2, NORTH), Moved::Entra),
        ((5, NORTH), Moved::Entra),
        ((6, SOUTH), Moved::Settings),
        ((7, NORTH), Moved::Contact),
        ((13, NORTH), Moved::Entra),
    ]);
    assert_eq!(sides(&scene, &run.id, run.pages).await, expected);
    // The contact that thirteen lacks counts beside the membership.
    let counts = [(Moved::Entra, 4), (Moved::Contact, 2), (Moved::Settings, 1)];
    assert_eq!(plan.summary.moved, BTreeMap::from(counts));

    let done = fix(&mut scene, &run, &[1, 2]).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(members(&scene, NORTH, PEOPLE), [1, 3, 4, 7], "one is back, two is out");
    let (run, _) = audited(&mut scene).await;
    let left: Vec<(u128, u128)> = sides(&scene, &run.id, run.pages).await.into_keys().collect();
    assert_eq!(left, [(5, NORTH), (6, SOUTH), (7, NORTH), (13, NORTH)]);
}

#[tokio::test]
async fn a_role_that_moved_is_told_by_its_side() {
    let role = |name: &str| {
        vec![TeamMapping { role: Some(name.to_owned()), ..row(1, NORTH, OnLeave::Remove) }]
    };
    let mut scene = scene(PEOPLE, mapped(&role("member")));
    put_group(&scene, 1, [1, 2], &[]);
    full(&mut scene).await;
    {
        let mut world = scene.worker.stores.world();
        let place = (contact_id(2), team(NORTH));
        let membership = world.memberships.get_mut(&place).unwrap();
        let changed = membership.origins.iter().cloned().map(|origin| match origin {
            Origin::Group { connection_id, group_id, user_id, on_leave, .. } => {
                let role = Some("owner".to_owned());
                Origin::Group { connection_id, group_id, user_id, on_leave, role }
            }
            other => other,
        });
        membership.origins = changed.collect();
    }
    let (run, _) = audited(&mut scene).await;
    let by_hand = BTreeMap::from([((2, NORTH), Moved::Contact)]);
    assert_eq!(sides(&scene, &run.id, run.pages).await, by_hand);
    scene.set_settings(mapped(&role("guest")));
    let (run, _) = audited(&mut scene).await;
    let all = BTreeMap::from([((1, NORTH), Moved::Settings), ((2, NORTH), Moved::Contact)]);
    assert_eq!(sides(&scene, &run.id, run.pages).await, all);
}

#[tokio::test]
async fn an_audit_of_teams_whose_slice_dies_anywhere_tells_the_same() {
    let mut undisturbed = moved().await;
    let (run, expected): (Run, Plan) = audited(&mut undisturbed).await;
    let told = sides(&undisturbed, &run.id, run.pages).await;
    for calls in (1..super::replay::CALLS).step_by(7) {
        let mut scene = moved().await;
        let before = kept(&scene);
        let id = scene.queue(RunKind::Drift, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive_as(RunKind::Drift, None).await.is_ok() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        scene.revive();
        for _ in 0..5 {
            if scene.run(&id).status == RunStatus::Planned {
                break;
            }
            scene.drive_as(RunKind::Drift, None).await.unwrap();
        }
        let (run, plan) = shown(&scene, &id);
        let found = (plan.hash, plan.summary);
        assert_eq!(found, (expected.hash.clone(), expected.summary.clone()), "{calls} calls");
        assert_eq!(sides(&scene, &run.id, run.pages).await, told, "{calls} calls");
        assert_eq!(kept(&scene), before, "died after {calls} calls");
    }
}
