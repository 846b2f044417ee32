//! Whoever fails is kept and tried again with growing gaps, without anything changing in Entra.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::escrow::{Failure, MOST};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use jiff::SignedDuration;
use serde_json::json;

use super::chance::Chance;
use super::plans::{apply, planned};
use super::scene::{Scene, connection_id, contact_id, start, user, user_with};
use crate::port::{PendingKind, PendingStore};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Twelve people are synced; one of two who change has a contact that cannot be read just now.
async fn failing() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    for number in [3, 4] {
        let changed = user_with(number, &json!({"jobTitle": "Captain"}));
        scene.worker.directory.inner.entra().put_user(changed);
    }
    scene.worker.stores.world().unreadable_contacts.insert(contact_id(3));
    scene.look().await;
    scene
}

async fn kept(scene: &Scene) -> Vec<Failure> {
    let stores = &scene.worker.stores;
    let items = stores.pending(&connection_id(), PendingKind::Escrow).await.unwrap();
    items.into_iter().map(|item| serde_json::from_value(item.body).unwrap()).collect()
}

fn title(scene: &Scene, number: u128) -> Option<String> {
    scene.contact(&contact_id(number)).unwrap().fields.get(&ContactField::JobTitle).cloned()
}

#[tokio::test]
async fn a_record_that_failed_is_tried_again_when_it_is_due_and_not_before() {
    let mut scene = failing().await;
    let failures = kept(&scene).await;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].object_id, ObjectId::from_u128(3));
    assert!(failures[0].remedy.is_some(), "{failures:?}");
    assert_eq!(scene.state().work.next_due, Some(start() + hours(6)));
    assert_eq!(scene.state().work.escrowed, 1);

    scene.worker.stores.world().unreadable_contacts.clear();
    let runs = scene.runs().len();
    scene.pass(hours(5));
    scene.look().await;
    assert_eq!(title(&scene, 3), None, "nothing told of him, and he is not due");
    assert_eq!(scene.runs().len(), runs, "a look that finds nothing leaves no run");

    scene.pass(hours(1));
    scene.look().await;
    assert_eq!(title(&scene, 3).as_deref(), Some("Captain"));
    assert_eq!(kept(&scene).await, []);
    let work = scene.state().work;
    assert_eq!((work.escrowed, work.next_due), (0, None));
}

#[tokio::test]
async fn whoever_goes_on_failing_is_tried_with_growing_gaps_and_then_parked() {
    let mut scene = failing().await;
    let mut tries = vec![];
    for _ in 0..40 {
        let Some(due) = scene.state().work.next_due else { break };
        tries.push(due.duration_since(start()).as_hours());
        let now = crate::port::Clock::now(&*scene.worker.clock);
        scene.pass(due.duration_since(now));
        scene.look().await;
    }
    assert_eq!(tries[..5], [6, 12, 24, 48, 72]);
    assert_eq!(tries.last(), Some(&(28 * 24)));
    let parked = kept(&scene).await;
    assert_eq!((parked.len(), parked[0].next_at), (1, None));
    assert_eq!(scene.state().work.escrowed, 1, "it is shown, and every full run tries it");

    scene.worker.stores.world().unreadable_contacts.clear();
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Succeeded);
    assert_eq!(kept(&scene).await, []);
}

#[tokio::test]
async fn what_changes_in_entra_is_tried_at_once() {
    let mut scene = failing().await;
    scene.worker.stores.world().unreadable_contacts.clear();
    let changed = user_with(3, &json!({"jobTitle": "Major"}));
    scene.worker.directory.inner.entra().put_user(changed);
    scene.look().await;
    assert_eq!(title(&scene, 3).as_deref(), Some("Major"));
    assert_eq!((kept(&scene).await, scene.state().work.escrowed), (vec![], 0));
}

#[tokio::test]
async fn whoever_left_the_directory_is_kept_no_longer() {
    let mut scene = Scene::of((1..=12).map(user));
    let broken = user_with(13, &json!({"mail": null, "userPrincipalName": "no address"}));
    scene.worker.directory.inner.entra().put_user(broken);
    let run = scene.full().await;
    assert_eq!(run.counts.failed, 1, "{:?}", run.counts);
    assert_eq!(kept(&scene).await.len(), 1);
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(13));
    scene.full().await;
    assert_eq!(kept(&scene).await, []);
}

#[tokio::test]
async fn whoever_failed_and_is_left_by_a_plan_is_still_to_be_tried() {
    let mut scene = failing().await;
    scene.worker.stores.world().unreadable_contacts.clear();
    let (plan, _) = planned(&mut scene).await;
    // He changes once more before it is applied: the plan does nothing to him.
    let changed = user_with(3, &json!({"jobTitle": "Major"}));
    scene.worker.directory.inner.entra().put_user(changed);
    let done = apply(&mut scene, &plan, None).await;
    assert_eq!((done.status, title(&scene, 3)), (RunStatus::Succeeded, None), "{done:?}");
    let failures = kept(&scene).await;
    assert_eq!(failures.len(), 1, "he is shown, and tried again");
    assert_eq!(scene.state().work.escrowed, 1);
    assert_eq!(scene.state().work.next_due, Some(start() + hours(6)));
}

#[tokio::test]
async fn a_run_that_dies_anywhere_loses_nobody_who_failed() {
    for calls in (1..200).step_by(9) {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        for number in [3, 8] {
            scene.worker.stores.world().unreadable_contacts.insert(contact_id(number));
            let changed = user_with(number, &json!({"jobTitle": "Captain"}));
            scene.worker.directory.inner.entra().put_user(changed);
        }
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        let died = scene.drive().await.is_err();
        scene.revive();
        scene.pass(SignedDuration::from_mins(5));
        scene.drive().await.unwrap();
        let failures = kept(&scene).await;
        assert_eq!(failures.len(), 2, "after {calls} calls");
        assert!(failures.iter().all(|failure| failure.attempts == 1), "after {calls} calls");
        assert_eq!(scene.state().work.escrowed, 2, "after {calls} calls");
        if !died {
            break;
        }
    }
}

/// A directory of people of whom some cannot be written, for reasons that come and go.
struct Poisoned {
    scene: Scene,
    chance: Chance,
    titles: BTreeMap<u128, String>,
    /// Whose contact the store cannot read.
    unreadable: BTreeSet<u128>,
    /// Who has no address in the directory.
    nameless: BTreeSet<u128>,
}

impl Poisoned {
    async fn of(seed: u64) -> Self {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        let (unreadable, nameless) = (BTreeSet::new(), BTreeSet::new());
        Self { scene, chance: Chance::of(seed), titles: BTreeMap::new(), unreadable, nameless }
    }

    fn anybody(&mut self) -> u128 {
        1 + self.chance.below(12) as u128
    }

    /// What the directory says of somebody now.
    fn tell(&self, number: u128) {
        let title = self.titles.get(&number);
        let told = if self.nameless.contains(&number) {
            json!({"jobTitle": title, "mail": null, "userPrincipalName": "no address"})
        } else {
            json!({ "jobTitle": title })
        };
        self.scene.worker.directory.inner.entra().put_user(user_with(number, &told));
    }

    fn something_happens(&mut self) {
        let number = self.anybody();
        match self.chance.below(4) {
            0 => {
                if !self.unreadable.remove(&number) {
                    self.unreadable.insert(number);
                }
                let mut world = self.scene.worker.stores.world();
                world.unreadable_contacts =
                    self.unreadable.iter().copied().map(contact_id).collect();
            }
            1 => {
                if !self.nameless.remove(&number) {
                    self.nameless.insert(number);
                }
                self.tell(number);
            }
            _ => {
                let title = format!("Title {}", self.chance.next());
                self.titles.insert(number, title);
                self.tell(number);
            }
        }
    }

    /// Whoever can be written is as the directory says, and whoever cannot is shown.
    async fn check(&self, told: &str) {
        let failures = kept(&self.scene).await;
        let shown: BTreeSet<u128> =
            failures.iter().map(|failure| failure.object_id.as_u128()).collect();
        for number in 1..=12 {
            let expected = self.titles.get(&number).cloned();
            if title(&self.scene, number) != expected {
                assert!(shown.contains(&number), "{told}: {number} is lost; shown are {shown:?}");
            }
            if !self.unreadable.contains(&number) && !self.nameless.contains(&number) {
                assert_eq!(title(&self.scene, number), expected, "{told}: {number} is well");
                assert!(!shown.contains(&number), "{told}: {number} is well and still shown");
            }
        }
        for failure in &failures {
            if let Some(next_at) = failure.next_at {
                // The gaps are counted from the first failure, whatever tries him in between.
                let since_first = next_at.duration_since(failure.first_at);
                assert!(
                    next_at > failure.last_at && since_first >= hours(6),
                    "{told}: {failure:?}"
                );
            }
        }
        assert_eq!(self.scene.state().work.escrowed as usize, shown.len(), "{told}");
    }
}

#[tokio::test]
async fn whoever_fails_by_chance_keeps_nobody_else_back_and_is_never_lost() {
    for seed in 0..12 {
        let mut people = Poisoned::of(seed).await;
        for step in 0..15 {
            for _ in 0..=people.chance.below(3) {
                people.something_happens();
            }
            let told = format!("seed {seed}, step {step}");
            let time = 1 + people.chance.below(30);
            people.scene.pass(hours(i64::try_from(time).unwrap()));
            if people.chance.once_in(3) {
                people.scene.look().await;
            }
            // Tries all, whether or not their time has come.
            let run = people.scene.full().await;
            assert!(run.status.is_terminal() && run.status != RunStatus::Failed, "{told}: {run:?}");
            assert_eq!(run.counts.seen, 12, "{told}");
            people.check(&told).await;
        }
        people.scene.worker.stores.world().unreadable_contacts.clear();
        people.unreadable.clear();
        for number in std::mem::take(&mut people.nameless) {
            people.tell(number);
        }
        assert_eq!(people.scene.full().await.status, RunStatus::Succeeded, "seed {seed}");
        people.check(&format!("seed {seed}, mended")).await;
        assert_eq!(kept(&people.scene).await, [], "seed {seed}");
    }
}

#[tokio::test]
async fn more_than_are_kept_are_said_to_be_more_and_all_are_tried_by_the_next_full_run() {
    let beyond = 10;
    let all = u128::try_from(MOST).unwrap() + beyond;
    let nameless = json!({"mail": null, "userPrincipalName": "no address"});
    let mut scene = Scene::of((1..=all).map(|number| user_with(number, &nameless)));
    scene.pages_of(999);
    let run = scene.full().await;
    assert_eq!(u128::from(run.counts.failed), all, "{:?}", run.counts);
    let reason = run.reason.unwrap();
    assert!(reason.contains("10 people more failed than are kept"), "{reason}");
    assert_eq!(kept(&scene).await.len(), MOST);
    for number in 1..=all {
        scene.worker.directory.inner.entra().put_user(user(number));
    }
    let run = scene.full().await;
    assert_eq!((run.status, u128::from(run.counts.created)), (RunStatus::Succeeded, all));
    assert_eq!((kept(&scene).await, scene.state().work.escrowed), (vec![], 0));
}
