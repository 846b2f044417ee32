//! Limits of causes and groups: what one of them holds back waits, and the rest goes.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::guard::{CauseLimits, GroupLimit, GuardLimits, Limit, Limited};
use contact_sync_domain::id::{ObjectId, TeamId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{
    AllOr, GroupScope, OnLeave, RemovalAction, Settings, TeamMapping,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::chance::Chance;
use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::{Clock, Group};

const ALLOWED: usize = 6;
const OF_GROUP: usize = 2;
const OF_CAUSE: usize = 3;

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn group() -> ObjectId {
    id(50_001)
}

fn put_members(scene: &Scene, members: impl IntoIterator<Item = u128>) {
    let members: Vec<ObjectId> = members.into_iter().map(id).collect();
    let group = Group { id: group(), display_name: Some("Sales".to_owned()) };
    scene.worker.directory.inner.entra().put_group(group, members, Vec::new());
}

fn limits() -> GuardLimits {
    let most = |most: usize| Some(u64::try_from(most).unwrap());
    GuardLimits {
        max_count: u64::try_from(ALLOWED).unwrap(),
        max_percent: 100.0,
        causes: CauseLimits {
            hard_deleted: Some(Limit { max_count: most(OF_CAUSE), max_percent: None }),
            ..CauseLimits::default()
        },
        groups: vec![GroupLimit { group: group(), max_count: most(OF_GROUP), max_percent: None }],
        ..GuardLimits::default()
    }
}

/// Everybody in the directory is meant, or only the group's members; who goes is deleted.
fn settings(settings: &mut Settings, by_group: bool) {
    let removal = &mut settings.policies.removal;
    removal.hard_deleted = RemovalAction::Delete;
    removal.disabled = RemovalAction::Delete;
    removal.left_group = RemovalAction::Delete;
    settings.policies.guard = limits();
    if by_group {
        settings.scope.groups =
            AllOr::Any(GroupScope { any: vec![group()], include_nested: false });
    } else {
        settings.teams = vec![TeamMapping {
            group: group(),
            team: TeamId::from_bits(1).to_string(),
            create_team: false,
            team_name: None,
            on_leave: OnLeave::Remove,
            role: None,
        }];
    }
}

fn there(scene: &Scene) -> BTreeSet<u128> {
    (1..=24).filter(|number| scene.contact(&contact_id(*number)).is_some()).collect()
}

fn hint(scene: &Scene) {
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
}

#[tokio::test]
async fn a_group_that_loses_its_members_is_held_by_its_own_limit_and_by_name() {
    for by_hint in [false, true] {
        let mut scene = Scene::of((1..=24).map(user));
        scene.set_settings(|all| settings(all, true));
        put_members(&scene, 1..=20);
        scene.full().await;
        assert_eq!(scene.state().work.members, BTreeMap::from([(group(), 20)]));
        put_members(&scene, 1..=16);
        let run = if by_hint {
            hint(&scene);
            scene.drive_as(RunKind::Delta, None).await.unwrap();
            scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap()
        } else {
            scene.full().await
        };
        assert_eq!(run.status, RunStatus::Blocked, "{by_hint}: {run:?}");
        let reason = run.reason.unwrap();
        let told = "4 removals wait: 4 are of the group \u{201c}Sales\u{201d}";
        assert!(reason.starts_with(told), "{by_hint}: {reason}");
        let shown = &run.plan.unwrap().summary.guard;
        assert_eq!((shown.count, shown.allowed, shown.left, shown.limits.len()), (4, 6, 6, 1));
        let limit = &shown.limits[0];
        assert_eq!(limit.of, Limited::Group(group()));
        assert_eq!((limit.count, limit.allowed, limit.left, limit.holds), (4, 2, 2, true));
        assert_eq!(limit.name.as_deref(), Some("Sales"));
        assert_eq!(there(&scene).len(), 20, "{by_hint}");
        // Two are back: the others are as many as the group may lose.
        put_members(&scene, (1..=16).chain([17, 18]));
        let run = scene.full().await;
        assert_eq!((run.status, run.counts.removed), (RunStatus::Succeeded, 2), "{run:?}");
        assert!(scene.state().work.held_by.is_empty());
        // Whoever leaves next has to wait for the window.
        put_members(&scene, (1..=16).chain([17]));
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Blocked, "{run:?}");
        assert!(run.reason.unwrap().contains("0 are left, more from 2026-01-02"));
    }
}

#[tokio::test]
async fn what_another_limit_does_not_name_goes() {
    let mut scene = Scene::of((1..=24).map(user));
    scene.set_settings(|all| settings(all, false));
    put_members(&scene, 1..=8);
    scene.full().await;
    // Three of the group and one other are gone: too many of the group and of the cause.
    for number in [1, 2, 3, 20] {
        scene.worker.directory.inner.entra().remove_user(&id(number));
    }
    put_members(&scene, 4..=8);
    scene.worker.directory.inner.entra().put_user(user_with(21, &json!({"accountEnabled": false})));
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.removed), (RunStatus::Blocked, 1), "{run:?}");
    assert!(!there(&scene).contains(&21), "who is only blocked goes");
    let held: Vec<Limited> = scene.state().work.held_by.into_iter().map(|limit| limit.of).collect();
    assert_eq!(held, [Limited::Cause(GoneCause::HardDeleted), Limited::Group(group())]);
    let entry = scene.state().work.guard.done[0].clone();
    assert_eq!((entry.count, entry.groups), (1, BTreeMap::new()));
    assert_eq!(entry.causes, BTreeMap::from([(GoneCause::Disabled, 1)]));
}

#[tokio::test]
async fn without_limits_of_their_own_nobody_is_remembered_who_left_a_group() {
    let mut scene = Scene::of((1..=24).map(user));
    scene.set_settings(|all| {
        settings(all, true);
        all.policies.guard = GuardLimits::default();
    });
    put_members(&scene, 1..=20);
    scene.full().await;
    put_members(&scene, 1..=19);
    scene.full().await;
    assert!(scene.state().work.members.is_empty());
    assert_eq!(there(&scene).len(), 19);
    let requests = scene.worker.directory.requests();
    scene.full().await;
    let unlimited = scene.worker.directory.requests() - requests;
    scene.set_settings(|all| settings(all, true));
    scene.full().await;
    let requests = scene.worker.directory.requests();
    scene.full().await;
    assert_eq!(scene.worker.directory.requests() - requests, unlimited, "a limit reads nothing");
}

/// Who went, of what and when.
#[derive(Default)]
struct Losses(Vec<(Timestamp, u128, bool, bool)>);

impl Losses {
    fn in_window(&self, now: Timestamp, counts: impl Fn(bool, bool) -> bool) -> usize {
        let day = SignedDuration::from_hours(24);
        let recent = self.0.iter().filter(|(at, ..)| now.duration_since(*at) < day);
        recent.filter(|(_, _, of_group, of_cause)| counts(*of_group, *of_cause)).count()
    }
}

#[tokio::test]
async fn whatever_happens_no_day_loses_more_than_any_limit_allows() {
    const PEOPLE: u128 = 24;
    let (mut lost, mut beyond) = (0, 0);
    for seed in 0..24 {
        let mut chance = Chance::of(seed ^ 0x11417);
        let mut scene = Scene::of((1..=PEOPLE).map(user));
        let by_group = chance.once_in(2);
        scene.set_settings(|all| settings(all, by_group));
        let mut members: BTreeSet<u128> = (1..=12).collect();
        put_members(&scene, members.iter().copied());
        scene.full().await;
        // Who was in the group when somebody last saw that he had a contact.
        let mut of_group: BTreeSet<u128> = members.clone();
        let mut losses = Losses::default();
        for step in 0..24 {
            for _ in 0..chance.below(7) {
                let number = u128::try_from(chance.below(24)).unwrap() + 1;
                let mut entra = scene.worker.directory.inner.entra();
                match chance.below(4) {
                    0 if entra.users.contains_key(&id(number)) => {
                        entra.remove_user(&id(number));
                        members.remove(&number);
                    }
                    1 => entra.put_user(user_with(number, &json!({"accountEnabled": false}))),
                    2 if by_group && members.len() > 2 => {
                        members.remove(&number);
                    }
                    _ => {
                        entra.put_user(user(number));
                        if number <= 12 || by_group {
                            members.insert(number);
                        }
                    }
                }
            }
            put_members(&scene, members.iter().copied());
            let before = there(&scene);
            let kind = if chance.once_in(2) { RunKind::Full } else { RunKind::Delta };
            if kind == RunKind::Full {
                scene.queue(kind, Trigger::Manual).await;
            } else {
                hint(&scene);
            }
            if chance.once_in(2) {
                scene.die_after(chance.below(90));
            }
            let _ = scene.drive_as(kind, None).await;
            scene.worker.stores.world().calls_left = None;
            let now = scene.worker.clock.now();
            let after = there(&scene);
            for number in before.difference(&after) {
                let entra = scene.worker.directory.inner.entra();
                // By groups everybody who has a contact was a member.
                let counts = by_group || of_group.contains(number);
                let is_gone = !entra.users.contains_key(&id(*number));
                losses.0.push((now, *number, counts, is_gone));
            }
            of_group.retain(|number| after.contains(number));
            of_group.extend(members.iter().filter(|number| after.contains(number)));
            let told = format!("seed {seed}, step {step}, by group {by_group}");
            let all = losses.in_window(now, |_, _| true);
            assert!(all <= ALLOWED, "{told}: {all} in all");
            let grouped = losses.in_window(now, |of_group, _| of_group);
            assert!(grouped <= OF_GROUP, "{told}: {grouped} of the group: {:?}", losses.0);
            let gone = losses.in_window(now, |_, is_gone| is_gone);
            assert!(gone <= OF_CAUSE, "{told}: {gone} are deleted: {:?}", losses.0);
            beyond += usize::from(all > OF_GROUP);
            scene.pass(SignedDuration::from_mins(chance.pick(&[4, 5, 60, 400, 800, 1_500])));
        }
        lost += losses.0.len();
    }
    assert!(lost > 60, "those go whom every limit allows: {lost}");
    assert!(beyond > 5, "and one limit does not hold what only another names: {beyond}");
}
