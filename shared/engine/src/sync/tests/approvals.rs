//! What people approve of is done beside the guard; what they did not is not.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::actor::Actor;
use contact_sync_domain::approval::{APPROVAL_LIFE, Approval};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::RemovalAction;
use jiff::{SignedDuration, Timestamp};

use super::chance::Chance;
use super::scene::{Scene, connection_id, contact_id, user};
use crate::port::{Clock, PendingItem, PendingKind, PendingStore};
use crate::sync::Driven;

const ALLOWED: usize = 5;

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn held(scene: &Scene) -> Vec<ReviewItem> {
    let world = scene.worker.stores.world();
    let removals = world.reviews.values().filter(|item| item.list == ReviewList::Removals);
    let is_held = |item: &&ReviewItem| item.departure.as_ref().is_some_and(|left| left.held);
    removals.filter(is_held).cloned().collect()
}

/// Somebody approves of what an item shows.
pub(super) async fn approve(scene: &Scene, item: &ReviewItem) {
    let left = item.departure.as_deref().unwrap();
    let at = scene.worker.clock.now();
    let approval = Approval {
        contact_id: item.contact_id.clone().unwrap(),
        version: left
            .version
            .unwrap_or_else(|| scene.contact(item.contact_id.as_ref().unwrap()).unwrap().version),
        action: left.action.unwrap(),
        cause: Some(left.cause),
        plan: None,
        by: Actor { subject: Some("ada".into()), ..Actor::default() },
        at,
        expires_at: at + APPROVAL_LIFE,
    };
    let waiting = PendingItem {
        key: item.user.object_id.to_string(),
        expires_at: None,
        body: serde_json::to_value(approval).unwrap(),
    };
    let stores = &scene.worker.stores;
    stores.put_pending(&connection_id(), PendingKind::Approved, &[waiting]).await.unwrap();
}

/// Twelve people of whom eight have left, more than the guard allows.
async fn held_back() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
    });
    scene.full().await;
    for number in 1..=8 {
        scene.worker.directory.inner.entra().remove_user(&id(number));
    }
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Blocked, "{run:?}");
    scene
}

fn there(scene: &Scene) -> BTreeSet<u128> {
    (1..=24).filter(|number| scene.contact(&contact_id(*number)).is_some()).collect()
}

#[tokio::test]
async fn what_is_approved_is_done_and_the_rest_waits() {
    let mut scene = held_back().await;
    let asked = held(&scene);
    assert_eq!(asked.len(), 8);
    let run = scene.full().await;
    assert_eq!((run.status, held(&scene)), (RunStatus::Blocked, asked.clone()), "asked once");
    for item in &asked[..2] {
        approve(&scene, item).await;
    }
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.removed), (RunStatus::Blocked, 2), "{run:?}");
    assert_eq!(there(&scene).len(), 10);
    assert_eq!(held(&scene).len(), 6);
    assert!(scene.state().work.guard.done.is_empty(), "approved ones leave the window alone");
    approve(&scene, &asked[2]).await;
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.removed), (RunStatus::Succeeded, 6), "five are left");
    assert!(held(&scene).is_empty());
}

/// The word that somebody gives anew while a run does what was approved before would be lost.
#[tokio::test]
async fn what_is_approved_anew_while_a_run_does_what_was_approved_outlives_the_run() {
    let mut outlived = 0;
    for calls in (0..500).step_by(7) {
        let mut scene = held_back().await;
        let asked = held(&scene).remove(0);
        approve(&scene, &asked).await;
        // Of the contact in a version that it never had: nothing that this run may do.
        let anew = |world: &mut crate::memory::World| {
            for item in world.pending.values_mut() {
                if item.body.get("expiresAt").is_some() {
                    item.body["version"] = serde_json::json!(99);
                }
            }
        };
        scene.worker.stores.world().meanwhile = Some((calls, anew));
        scene.full().await;
        let is_gone = scene.contact(asked.contact_id.as_ref().unwrap()).is_none();
        let world = scene.worker.stores.world();
        if world.meanwhile.is_some() {
            assert!(outlived > 0, "nobody ever approved anew behind the removal");
            return;
        }
        let counts = world.pending.keys().any(|(_, _, kind, _)| *kind == PendingKind::Approved);
        // Before it is read it is void; behind the run's end there was nothing left to replace.
        if is_gone && counts {
            outlived += 1;
        }
        let last = world.pending.values().filter(|item| item.body["version"] == 99).count();
        assert_eq!(usize::from(counts), last, "after {calls} calls");
    }
    panic!("the run never ends");
}

#[tokio::test]
async fn an_approval_that_expired_or_whose_contact_changed_does_nothing() {
    let mut scene = held_back().await;
    let asked = held(&scene);
    approve(&scene, &asked[0]).await;
    scene.pass(SignedDuration::from_hours(25));
    scene.full().await;
    assert_eq!(there(&scene).len(), 12, "it expired");

    approve(&scene, &held(&scene)[0]).await;
    let mut edited = scene.contact(asked[0].contact_id.as_ref().unwrap()).unwrap();
    edited.version += 1;
    let stored = crate::port::StoredContact::Present(Box::new(edited.clone()));
    scene.worker.stores.world().contacts.insert(edited.id.clone(), stored);
    scene.full().await;
    assert_eq!(there(&scene).len(), 12, "somebody edited the contact since");
    let anew = held(&scene).into_iter().find(|item| item.contact_id == Some(edited.id.clone()));
    let anew = anew.unwrap();
    assert_eq!(anew.departure.as_ref().unwrap().version, Some(edited.version));
    assert!(anew.remedy.as_ref().unwrap().contains("anew"), "{anew:?}");
    approve(&scene, &anew).await;
    scene.full().await;
    assert_eq!(there(&scene).len(), 11);
}

#[tokio::test]
async fn thousands_that_are_held_back_wait_at_the_cost_of_looking_and_go_when_they_are_approved() {
    const GONE: u128 = 5_000;
    let mut scene = Scene::of((1..=GONE + 100).map(user));
    scene.pages_of(999);
    scene.set_settings(|settings| {
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
    });
    scene.full().await;
    for number in 1..=GONE {
        scene.worker.directory.inner.entra().remove_user(&id(number));
    }
    assert_eq!(scene.full().await.status, RunStatus::Blocked);
    let asked = held(&scene);
    assert_eq!(asked.len(), 5_000);
    // The store in memory counts each item of a batch.
    let requests = async |scene: &mut Scene| {
        const MANY: usize = 10_000_000;
        scene.worker.stores.world().calls_left = Some(MANY);
        let run = scene.full().await;
        (run, MANY - scene.worker.stores.world().calls_left.take().unwrap())
    };
    let (run, waiting) = requests(&mut scene).await;
    assert_eq!((run.status, held(&scene).len()), (RunStatus::Blocked, 5_000));
    assert!(waiting < 4 * 5_000, "{waiting} items while nobody decides");
    for item in &asked {
        approve(&scene, item).await;
    }
    let (run, doing) = requests(&mut scene).await;
    assert_eq!((run.status, run.counts.removed), (RunStatus::Succeeded, 5_000), "{:?}", run.reason);
    assert!(doing < 20 * 5_000, "{doing} items to remove 5,000");
    assert!(held(&scene).is_empty());
}

/// What a person who counts along knows.
#[derive(Default)]
struct Known {
    /// Since when each of those who are gone is gone.
    gone: BTreeMap<u128, Timestamp>,
    /// Whose removal was approved, and when.
    approved: BTreeMap<u128, Timestamp>,
    /// When contacts went that nobody had approved of.
    losses: Vec<Timestamp>,
}

impl Known {
    fn check(&mut self, before: &BTreeSet<u128>, scene: &Scene, grace: SignedDuration, told: &str) {
        let now = scene.worker.clock.now();
        for number in before.difference(&there(scene)) {
            let approved = self.approved.remove(number);
            if approved.is_some_and(|at| now.duration_since(at) < APPROVAL_LIFE) {
                continue;
            }
            let is_there = scene.worker.directory.inner.entra().users.contains_key(&id(*number));
            assert!(!is_there, "{told}: {number} is in the directory");
            let gone = self.gone.get(number);
            let gone = gone.unwrap_or_else(|| panic!("{told}: {number} never left"));
            assert!(now.duration_since(*gone) >= grace, "{told}: {number} had days of grace");
            self.losses.push(now);
        }
        let day = SignedDuration::from_hours(24);
        let lost = self.losses.iter().filter(|at| now.duration_since(**at) < day).count();
        assert!(lost <= ALLOWED, "{told}: {lost} went in a day");
    }
}

#[tokio::test]
async fn whatever_happens_only_those_go_who_were_approved_or_allowed_and_none_before_his_time() {
    const PEOPLE: usize = 24;
    let (mut gone, mut by_approval) = (0, 0);
    for seed in 0..24 {
        let mut chance = Chance::of(seed ^ 0xa990);
        let mut scene = Scene::of((1..=24).map(user));
        let days = chance.pick(&[0, 0, 1, 3]);
        let grace = SignedDuration::from_hours(i64::from(days) * 24);
        scene.set_settings(|settings| {
            settings.policies.removal.hard_deleted = RemovalAction::Delete;
            settings.policies.removal.grace_days = days;
        });
        scene.full().await;
        let mut known = Known::default();
        for step in 0..24 {
            let now = scene.worker.clock.now();
            for _ in 0..chance.below(12) {
                let number = u128::try_from(chance.below(PEOPLE)).unwrap() + 1;
                let mut entra = scene.worker.directory.inner.entra();
                if entra.users.contains_key(&id(number)) && chance.once_in(2) {
                    entra.remove_user(&id(number));
                    // A return that no run saw gives nobody his days again.
                    known.gone.entry(number).or_insert(now);
                } else if !entra.users.contains_key(&id(number)) {
                    entra.put_user(user(number));
                }
            }
            if let Some(item) = held(&scene).first().filter(|_| chance.once_in(2)) {
                approve(&scene, item).await;
                known.approved.insert(item.user.object_id.as_u128(), now);
            }
            let before = there(&scene);
            let kind = if chance.once_in(2) { RunKind::Full } else { RunKind::Delta };
            scene.queue(kind, Trigger::Manual).await;
            if chance.once_in(3) {
                scene.die_after(chance.below(90));
            }
            let driven = scene.drive_as(kind, None).await;
            scene.worker.stores.world().calls_left = None;
            let approved = known.approved.len();
            known.check(&before, &scene, grace, &format!("seed {seed}, step {step}"));
            by_approval += approved - known.approved.len();
            if driven.is_ok_and(|driven| driven == Driven::LetGo) {
                let entra = scene.worker.directory.inner.entra();
                known.gone.retain(|number, _| !entra.users.contains_key(&id(*number)));
            }
            scene.pass(SignedDuration::from_mins(chance.pick(&[5, 60, 400, 800, 1_500])));
        }
        gone += known.losses.len();
    }
    assert!(gone > 30, "the guard lets those go whom it allows: {gone}");
    assert!(by_approval > 5, "and the approved ones: {by_approval}");
}
