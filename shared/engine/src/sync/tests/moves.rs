//! Pages that tell of memberships before they are written.

use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{MembershipChange, Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::Membership;

use super::plans::{apply, planned};
use super::replay::CALLS;
use super::scene::{Scene, connection_id, contact_id, user};
use super::teams::{NORTH, SOUTH, full, look, mapped, members, put_group, row, scene, team};
use crate::port::SegmentStore;
use crate::segments::load_segment;

/// The pages of a run that tell of memberships.
async fn told(scene: &Scene, run: &Run) -> Vec<Segment> {
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    let mut pages = Vec::new();
    for page in run.told_pages() {
        let segment = load_segment(stores, blobs, &connection_id(), &run.id, page).await.unwrap();
        pages.extend(segment.filter(|segment| segment.phase == Phase::Teams));
    }
    pages
}

fn changes(pages: &[Segment]) -> Vec<&MembershipChange> {
    pages.iter().flat_map(|page| &page.items).flat_map(SegmentItem::memberships).collect()
}

/// Twelve people, of whom four are in the group of one team and two in that of another.
fn two_teams() -> Scene {
    let rows = [row(1, NORTH, OnLeave::Remove), row(2, SOUTH, OnLeave::Remove)];
    let scene = scene(12, mapped(&rows));
    put_group(&scene, 1, 1..=4, &[]);
    put_group(&scene, 2, [4, 5], &[]);
    scene
}

#[tokio::test]
async fn who_joins_and_leaves_is_told_by_the_run_that_moves_him_and_by_no_other() {
    let mut scene = two_teams();
    let first = full(&mut scene).await;
    let pages = told(&scene, &first).await;
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].items.len(), 5, "each person once, in however many teams");
    assert_eq!(changes(&pages).len(), 6);
    assert!(changes(&pages).iter().all(|one| one.stands() == (false, true) && one.version == 0));
    assert_eq!((first.counts.created, first.counts.seen), (12, 12), "it counts nobody");
    let pages_before = first.pages;
    let quiet = full(&mut scene).await;
    assert!(told(&scene, &quiet).await.is_empty());
    assert_eq!(quiet.pages, pages_before - 1, "where nobody moves, nothing is stored");

    // Between full runs, too.
    put_group(&scene, 1, 2..=4, &[]);
    look(&mut scene).await;
    assert_eq!(members(&scene, NORTH, 12), [2, 3, 4]);
    let runs: Vec<Run> = scene.worker.stores.world().runs.values().cloned().collect();
    let look = runs.into_iter().find(|run| run.kind == RunKind::Delta).expect("it is recorded");
    let pages = told(&scene, &look).await;
    let left = changes(&pages);
    assert_eq!((left.len(), left[0].stands(), left[0].version), (1, (true, false), 1));
    assert!(left[0].ended.is_some());

    // And who comes back goes on from where he left.
    put_group(&scene, 1, 1..=4, &[]);
    let back = full(&mut scene).await;
    let pages = told(&scene, &back).await;
    assert_eq!(changes(&pages).iter().map(|one| one.version).collect::<Vec<_>>(), [2]);
    for page in &pages {
        let store = &scene.worker.stores;
        assert!(store.deviations(&connection_id(), &back.id, page.page).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn whatever_dies_every_membership_that_changed_is_told_once() {
    for calls in (0..CALLS).step_by(3) {
        let mut scene = two_teams();
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let lived = scene.drive().await.is_ok();
        scene.revive();
        for _ in 0..6 {
            if scene.run(&id).status.is_terminal() {
                break;
            }
            scene.drive().await.unwrap();
        }
        let run = scene.run(&id);
        assert_eq!(run.status, RunStatus::Succeeded, "died after {calls} calls: {run:?}");
        let pages = told(&scene, &run).await;
        let world = scene.worker.stores.world();
        assert_eq!(changes(&pages).len(), 6, "died after {calls} calls");
        for (contact, change) in pages.iter().flat_map(|page| &page.items).flat_map(|item| {
            item.memberships().iter().map(|change| (item.contact_id.clone().unwrap(), change))
        }) {
            let standing: &Membership = &world.memberships[&(contact, change.team_id.clone())];
            assert_eq!((standing.version, &standing.origins), (1, &change.new), "{calls}");
        }
        drop(world);
        if lived {
            assert!(calls > 20, "{calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_contact_that_a_look_makes_follows_its_groups_whatever_dies() {
    for calls in 0..CALLS {
        let mut scene = two_teams();
        full(&mut scene).await;
        scene.worker.directory.inner.entra().put_user(user(13));
        put_group(&scene, 2, [4, 5, 13], &[]);
        scene.die_after(calls);
        let lived = scene.drive_as(RunKind::Delta, None).await.is_ok();
        scene.revive();
        for _ in 0..3 {
            look(&mut scene).await;
        }
        assert_eq!(members(&scene, SOUTH, 13), [4, 5, 13], "died after {calls} calls");
        let runs: Vec<Run> = scene.worker.stores.world().runs.values().cloned().collect();
        let mut joins = 0;
        for run in runs.iter().filter(|run| run.kind == RunKind::Delta) {
            joins += changes(&told(&scene, run).await).len();
        }
        assert_eq!(joins, 1, "died after {calls} calls");
        if lived {
            assert!(calls > 10, "{calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_plan_shows_who_would_join_and_applies_that_alone() {
    let mut scene = two_teams();
    let (run, plan) = planned(&mut scene).await;
    assert_eq!((plan.summary.teams.joins, plan.summary.teams.leaves), (6, 0));
    assert_eq!(changes(&told(&scene, &run).await).len(), 6);
    assert!(scene.worker.stores.world().memberships.is_empty(), "nothing is written");
    let done = apply(&mut scene, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(members(&scene, NORTH, 12), [1, 2, 3, 4]);
    assert_eq!(members(&scene, SOUTH, 12), [4, 5]);

    // One who was to leave comes back before the plan is applied; another was put in by hand.
    full(&mut scene).await;
    put_group(&scene, 1, [3, 4, 6], &[]);
    let (run, plan) = planned(&mut scene).await;
    assert_eq!((plan.summary.teams.joins, plan.summary.teams.leaves), (1, 2));
    {
        let mut world = scene.worker.stores.world();
        let key = (contact_id(1), team(NORTH));
        let kept = world.memberships[&key].clone().joined_by_hand();
        world.memberships.insert(key, kept.next(super::scene::start()));
    }
    let done = apply(&mut scene, &run, None).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(members(&scene, NORTH, 12), [1, 3, 4, 6]);
    let pages = told(&scene, &done).await;
    let left = pages.iter().flat_map(|page| &page.items);
    let left: Vec<_> = left.filter(|item| item.outcome == Outcome::Left).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].contact_id, Some(contact_id(1)));
}
