//! What holds for every undo since a moment, drawn by a seed that a failure names: what runs did and
//! what people decided between them is as it was before.

use std::collections::BTreeSet;

use contact_sync_domain::contact::{ContactField, ContactStatus};
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::review::{ReviewAction, ReviewList};
use contact_sync_domain::run::{RunKind, RunStatus};
use jiff::SignedDuration;

use super::chance::Chance;
use super::happenings::{PEOPLE, edits, happens, scene};
use super::scene::{Scene, connection_id, contact_id};
use super::undo_decisions::{ask, decide};
use super::undo_law::{Kept, left};
use super::undo_scene::apply;
use crate::port::{Clock, SettingsVersion};

/// The settings go on as they are, but ignore these users, too.
fn ignore(scene: &Scene, users: &BTreeSet<u128>) {
    let mut world = scene.worker.stores.world();
    let versions = world.settings.get_mut(&connection_id()).unwrap();
    let newest = versions.last().unwrap().clone();
    let mut settings = newest.settings;
    settings.scope.ignored_users.extend(users.iter().map(|user| ObjectId::from_u128(*user)));
    settings.scope.ignored_users.sort();
    settings.scope.ignored_users.dedup();
    versions.push(SettingsVersion {
        version: newest.version + 1,
        settings,
        ..SettingsVersion::never_saved()
    });
}

/// Somebody decides about a user who has a contact; whether that let the user go.
async fn decides(scene: &Scene, chance: &mut Chance) -> Option<(u128, bool)> {
    use {ReviewAction as A, ReviewList as L};
    let is_his = |number: &u128| {
        let contact = scene.contact(&contact_id(*number));
        let link = contact.and_then(|contact| contact.link);
        link.is_some_and(|link| link.object_id == ObjectId::from_u128(*number))
    };
    let among: Vec<u128> = (1..=PEOPLE).filter(is_his).collect();
    let number = *among.get(chance.below(among.len().max(1)))?;
    match chance.below(4) {
        0 => {
            ignore(scene, &BTreeSet::from([number]));
            decide(scene, number, (L::Conflicts, A::Delete), |_| false).await;
            Some((number, true))
        }
        1 => {
            ignore(scene, &BTreeSet::from([number]));
            decide(scene, number, (L::Changes, A::Unlink), |contact| {
                contact.link = None;
                contact.managed_fields = Vec::new();
                true
            })
            .await;
            Some((number, true))
        }
        _ => {
            let title = format!("Decided {}", chance.below(100));
            let rests = chance.below(2) == 0;
            decide(scene, number, (L::Changes, A::Accept), |contact| {
                contact.fields.insert(ContactField::JobTitle, title);
                if rests {
                    contact.status = match contact.status {
                        ContactStatus::Active => ContactStatus::Inactive,
                        ContactStatus::Inactive => ContactStatus::Active,
                    };
                }
                true
            })
            .await;
            Some((number, false))
        }
    }
}

#[tokio::test]
async fn what_runs_did_and_people_decided_since_is_taken_back_to_what_was_before() {
    let mut decided = 0;
    for seed in 2_000..2_016 {
        let mut chance = Chance::of(seed);
        let mut scene = scene(&mut chance);
        scene.full().await;
        for _ in 0..3 {
            edits(&scene, &mut chance).await;
        }
        let before = Kept::of(&scene);
        scene.pass(SignedDuration::from_mins(1));
        let since = scene.worker.clock.now();
        let mut runs: Vec<RunId> = Vec::new();
        let mut let_go = BTreeSet::new();
        for _ in 0..=chance.below(3) {
            for _ in 0..=chance.below(3) {
                if let Some((number, goes)) = decides(&scene, &mut chance).await {
                    decided += 1;
                    let_go.extend(goes.then_some(number));
                }
            }
            for _ in 0..=chance.below(4) {
                happens(&scene, &mut chance);
            }
            // Whom people let go stays on the list, whatever else is saved.
            ignore(&scene, &let_go);
            scene.pass(SignedDuration::from_mins(10));
            let run = scene.full().await;
            assert!(run.status.is_terminal(), "seed {seed}: {run:?}");
            runs.insert(0, run.id);
        }
        let asked = ask(&scene, since, runs).await;
        scene.drive_as(RunKind::Undo, None).await.unwrap();
        let planned = scene.run(&asked.id);
        assert_eq!(planned.status, RunStatus::Planned, "seed {seed}: {planned:?}");
        let done = apply(&mut scene, &planned).await;
        let told = left(&scene, &done).await;
        assert!(told.is_empty(), "seed {seed}: nobody changed anything beside: {told:?}");
        let after = Kept::of(&scene);
        let loose: BTreeSet<ContactId> = let_go.iter().map(|number| contact_id(*number)).collect();
        for id in Kept::everybody(&[&before, &after]) {
            assert_eq!(after.told(id), before.told(id), "seed {seed}: {id}");
            // Whose tie people cut is in the teams of his groups again with the next full run.
            if !loose.contains(id) {
                assert_eq!(after.teams_of(id), before.teams_of(id), "seed {seed}: teams of {id}");
            }
        }
    }
    assert!(decided > 40, "{decided} decisions");
}
