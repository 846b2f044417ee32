//! What holds for every plan, drawn by a seed that a failure names: what is applied is what was
//! shown, and what a full run would have done; who moved in between is left as he is.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use serde_json::json;

use super::chance::Chance;
use super::happenings::{PEOPLE, contacts, edits, happens, scene, with};
use super::plans::{apply, planned};
use super::scene::Scene;
use super::undo_scene::items;
use crate::sync::applying::intends;

/// A state in which a run has something to do; drawn alike for the same seed.
async fn state(seed: u64) -> (Scene, Chance) {
    let mut chance = Chance::of(seed);
    let mut scene = scene(&mut chance);
    scene.full().await;
    for _ in 0..3 {
        edits(&scene, &mut chance).await;
    }
    for _ in 0..=chance.below(8) {
        happens(&scene, &mut chance);
    }
    (scene, chance)
}

/// What every contact holds, whoever wrote it and when.
fn values(scene: &Scene) -> BTreeMap<ContactId, String> {
    let told = |contact: Contact| {
        let told = format!(
            "{:?} {:?} {:?} {} {:?}",
            contact.status, contact.fields, contact.custom, contact.protected, contact.link
        );
        (contact.id, told)
    };
    contacts(scene).into_iter().map(told).collect()
}

/// Who is in which team.
fn teams(scene: &Scene) -> Vec<String> {
    let world = scene.worker.stores.world();
    let held = world.memberships.iter().filter(|(_, one)| !one.origins.is_empty());
    held.map(|(place, one)| format!("{place:?} {:?}", one.origins)).collect()
}

#[tokio::test]
async fn what_is_planned_and_applied_is_what_a_full_run_would_have_done() {
    for seed in 0..24 {
        let (mut by_run, _) = state(seed).await;
        by_run.full().await;
        let (mut by_plan, _) = state(seed).await;
        let (run, plan) = planned(&mut by_plan).await;
        let guard = &plan.summary.guard;
        let done = apply(&mut by_plan, &run, guard.holds.then_some(guard.count)).await;
        assert!(
            matches!(done.status, RunStatus::Succeeded | RunStatus::Partial),
            "{seed}: {done:?}"
        );
        let (found, expected) = (values(&by_plan), values(&by_run));
        let everybody: BTreeSet<&ContactId> = found.keys().chain(expected.keys()).collect();
        for id in everybody {
            assert_eq!(found.get(id), expected.get(id), "seed {seed}: {id}");
        }
        assert_eq!(teams(&by_plan), teams(&by_run), "seed {seed}");
    }
}

#[tokio::test]
async fn who_moved_between_plan_and_applying_is_left_and_all_others_are_as_planned() {
    for seed in 1_000..1_024 {
        let (mut by_run, _) = state(seed).await;
        by_run.full().await;
        let expected = values(&by_run);
        let (mut scene, mut chance) = state(seed).await;
        let (run, plan) = planned(&mut scene).await;
        let shown: Vec<SegmentItem> = items(&scene, &run).await;
        let mut moved_contacts = BTreeSet::new();
        for _ in 0..3 {
            moved_contacts.extend(edits(&scene, &mut chance).await);
        }
        let mut moved_people = BTreeSet::new();
        for turn in 0..3 {
            let who = 1 + u128::from(chance.next()) % PEOPLE;
            let is_there =
                scene.worker.directory.inner.entra().users.contains_key(&ObjectId::from_u128(who));
            if is_there {
                moved_people.insert(ObjectId::from_u128(who));
                with(&scene, who, &json!({"surname": format!("Else {turn}")}));
            }
        }
        let before = values(&scene);
        let guard = &plan.summary.guard;
        let done = apply(&mut scene, &run, guard.holds.then_some(guard.count)).await;
        assert!(
            matches!(done.status, RunStatus::Succeeded | RunStatus::Partial),
            "{seed}: {done:?}"
        );
        let found = values(&scene);
        for item in shown.iter().filter(|item| intends(item)) {
            let Some(id) = &item.contact_id else { continue };
            let of_him: Vec<&SegmentItem> = shown
                .iter()
                .filter(|one| one.contact_id.as_ref() == Some(id) && intends(one))
                .collect();
            let context = format!("seed {seed}: {of_him:?}");
            let changes =
                of_him.iter().any(|one| one.memberships().is_empty() && one.question.is_none());
            if !changes {
                continue;
            }
            let is_gone = |one: &&SegmentItem| {
                matches!(
                    one.outcome,
                    Outcome::Delete | Outcome::Unlink | Outcome::Deactivate | Outcome::StopUpdating
                )
            };
            let moved = moved_contacts.contains(id)
                || moved_people.contains(&item.object_id) && !of_him.iter().any(is_gone);
            if moved {
                assert_eq!(found.get(id), before.get(id), "left as he is, {context}");
                continue;
            }
            if found.get(id) != expected.get(id) {
                // Only whose address is held by somebody who was left is left, too.
                assert_eq!(found.get(id), before.get(id), "as planned or as he was, {context}");
                let address = of_him.iter().flat_map(|one| &one.fields).find_map(|change| {
                    let is_email = change.field == Target::Field(ContactField::Email);
                    is_email.then(|| change.new.as_str()).flatten()
                });
                let holder = address.and_then(|address| scene.addresses().remove(address));
                let holder = holder.and_then(|owners| owners.into_iter().next());
                let stands = |holder: &ContactId| found.get(holder) == before.get(holder);
                assert!(holder.as_ref().is_some_and(stands), "no address in the way, {context}");
            }
        }
        // Whom the plan did not mean is as people left him.
        for (id, was) in &before {
            let is_meant =
                shown.iter().any(|one| one.contact_id.as_ref() == Some(id) && intends(one));
            if !is_meant {
                assert_eq!(found.get(id), Some(was), "seed {seed}: {id} was not in the plan");
            }
        }
    }
}
