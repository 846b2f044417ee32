//! What the removal guard counts besides removals: contacts that become inactive.

use std::collections::BTreeSet;

use contact_sync_domain::contact::ContactStatus;
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::{DisabledAccounts, RemovalAction, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::chance::Chance;
use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::{Clock, StoredContact};

fn settings(guard: u64) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
        settings.policies.guard = GuardLimits { max_count: guard, ..GuardLimits::default() };
    }
}

fn inactive(scene: &Scene) -> usize {
    (1..=12)
        .filter_map(|number| scene.contact(&contact_id(number)))
        .filter(|contact| contact.status == ContactStatus::Inactive)
        .count()
}

fn block(scene: &Scene, numbers: impl IntoIterator<Item = u128>) {
    for number in numbers {
        let blocked = json!({"accountEnabled": false, "jobTitle": "Left"});
        scene.worker.directory.inner.entra().put_user(user_with(number, &blocked));
    }
}

#[tokio::test]
async fn contacts_that_become_inactive_are_held_back_beyond_the_guard_and_keep_their_changes() {
    for by_hint in [false, true] {
        let mut scene = Scene::of((1..=12).map(user));
        scene.set_settings(settings(5));
        scene.full().await;
        block(&scene, 1..=8);
        let run = if by_hint {
            scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
            scene.drive_as(RunKind::Delta, None).await.unwrap();
            scene.runs().into_iter().find(|run| run.kind == RunKind::Delta).unwrap()
        } else {
            scene.full().await
        };
        assert_eq!(run.status, RunStatus::Blocked, "{by_hint}: {run:?}");
        assert_eq!((run.counts.awaiting_review, run.counts.updated), (8, 0), "{by_hint}");
        assert_eq!(inactive(&scene), 0, "an outage of one attribute silences nobody");
        // Three of them are back; what the guard allows goes through with the other changes.
        for number in 1..=3 {
            scene.worker.directory.inner.entra().put_user(user(number));
        }
        let run = scene.full().await;
        assert_eq!(run.status, RunStatus::Succeeded, "{by_hint}: {run:?}");
        assert_eq!((run.counts.updated, run.counts.awaiting_review), (5, 0), "{by_hint}");
        assert_eq!(inactive(&scene), 5);
        let titles = (1..=12)
            .filter_map(|number| scene.contact(&contact_id(number)))
            .filter(|contact| contact.fields.values().any(|value| value == "Left"));
        assert_eq!(titles.count(), 5);
        let run = scene.full().await;
        assert_eq!((run.status, run.counts.unchanged), (RunStatus::Succeeded, 12));
    }
}

/// Whose contacts sync keeps: there, linked and active.
fn kept(scene: &Scene) -> BTreeSet<ContactId> {
    let world = scene.worker.stores.world();
    let kept = world.contacts.values().filter_map(|stored| match stored {
        StoredContact::Present(contact)
            if contact.link.is_some() && contact.status == ContactStatus::Active =>
        {
            Some(contact.id.clone())
        }
        StoredContact::Present(_) | StoredContact::Tombstone { .. } => None,
    });
    kept.collect()
}

/// How many contacts were let go of, and when.
#[derive(Default)]
struct Losses(Vec<(Timestamp, usize)>);

impl Losses {
    /// What a step lost; the sum over the last day is what a person would count.
    fn note(&mut self, before: &BTreeSet<ContactId>, scene: &Scene) -> usize {
        let now = scene.worker.clock.now();
        self.0.push((now, before.difference(&kept(scene)).count()));
        let day = SignedDuration::from_hours(24);
        let in_window = self.0.iter().filter(|(at, _)| now.duration_since(*at) < day);
        in_window.map(|(_, count)| count).sum()
    }
}

/// Some leave, some come back, some are blocked or let in again.
fn come_and_go(scene: &Scene, chance: &mut Chance, people: u128) {
    let mut entra = scene.worker.directory.inner.entra();
    for _ in 0..chance.below(7) {
        let number = u128::try_from(chance.below(usize::try_from(people).unwrap())).unwrap() + 1;
        let id = ObjectId::from_u128(number);
        match chance.below(3) {
            0 if entra.users.contains_key(&id) => entra.remove_user(&id),
            1 => entra.put_user(user_with(number, &json!({"accountEnabled": false}))),
            _ => entra.put_user(user(number)),
        }
    }
}

#[tokio::test]
async fn whoever_leaves_returns_or_crashes_no_day_loses_more_than_the_guard_allows() {
    const PEOPLE: u128 = 24;
    const ALLOWED: usize = 5;
    let mut lost = 0;
    for seed in 0..24 {
        let mut chance = Chance::of(seed ^ 0x6a4d);
        let mut scene = Scene::of((1..=PEOPLE).map(user));
        let action =
            chance.pick(&[RemovalAction::Unlink, RemovalAction::Deactivate, RemovalAction::Delete]);
        scene.set_settings(|settings| {
            settings.scope.disabled_accounts =
                chance.pick(&[DisabledAccounts::Exclude, DisabledAccounts::IncludeAsInactive]);
            settings.policies.removal.hard_deleted = action;
            settings.policies.removal.disabled = action;
            settings.policies.guard.max_count = u64::try_from(ALLOWED).unwrap();
        });
        scene.full().await;
        let mut losses = Losses::default();
        for step in 0..24 {
            come_and_go(&scene, &mut chance, PEOPLE);
            let before = kept(&scene);
            let kind = if chance.once_in(2) { RunKind::Full } else { RunKind::Delta };
            if kind == RunKind::Full {
                scene.queue(kind, Trigger::Manual).await;
            } else {
                scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
            }
            if chance.once_in(2) {
                scene.die_after(chance.below(90));
            }
            let _ = scene.drive_as(kind, None).await;
            let in_window = losses.note(&before, &scene);
            assert!(in_window <= ALLOWED, "seed {seed}, step {step}: {in_window} lost");
            scene.worker.stores.world().calls_left = None;
            // The sweep comes in minutes, or after an outage of hours.
            let minutes = chance.pick(&[4, 5, 60, 400, 800, 1_500]);
            scene.pass(SignedDuration::from_mins(minutes));
        }
        lost += losses.0.iter().map(|(_, count)| count).sum::<usize>();
    }
    assert!(lost > 120, "the guard lets go of those it allows: {lost}");
}
