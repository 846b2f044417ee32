//! Taking back what people decided since a moment, beside what runs did since.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{HistoryId, ObjectId, ReviewId, RunId};
use contact_sync_domain::review::{Decision, ReviewAction, ReviewList};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{FieldChange, Outcome};
use contact_sync_domain::settings::{RemovalAction, Settings};
use contact_sync_domain::trace::Image;
use contact_sync_domain::undo::Undoes;
use contact_sync_domain::written::WriteId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::replay::CALLS;
use super::scene::{Scene, account_id, connection_id, contact_id, user};
use super::undo_scene::{apply_dying, approve, edit, held, items, plan_dying, put};
use crate::port::{Clock, ContactWrite, DecisionStore, HistoryStore, SyncStateStore};

/// Somebody decides about a user, which makes this of the contact; nothing where it removes it.
pub(super) async fn decide(
    scene: &Scene,
    number: u128,
    (list, action): (ReviewList, ReviewAction),
    made: impl FnOnce(&mut Contact) -> bool,
) {
    scene.pass(SignedDuration::from_mins(1));
    let at = scene.worker.clock.now();
    let (store, id) = (&scene.worker.stores, contact_id(number));
    let item = ReviewId::of(&ObjectId::from_u128(number));
    let old = scene.contact(&id).unwrap();
    let deed = HistoryId::from_bits(u128::from(old.version) << 64 | number);
    let mut new = Contact { version: old.version + 1, updated_at: at, ..old.clone() };
    let stays = made(&mut new);
    let changed = |field: &ContactField| new.fields.get(field) != old.fields.get(field);
    let text = |contact: &Contact, field: &ContactField| {
        contact.fields.get(field).map_or(Value::Null, |text| json!(text))
    };
    let change = |field: &ContactField| FieldChange {
        field: Target::Field(*field),
        old: text(&old, field),
        new: text(&new, field),
        source: "[jobTitle]".to_owned(),
        rule: "review".to_owned(),
    };
    let changes: Vec<FieldChange> =
        new.fields.keys().filter(|one| changed(one)).map(change).collect();
    let entry = HistoryEntry {
        id: deed.clone(),
        contact_id: id.clone(),
        version: new.version,
        at,
        actor: Actor { name: Some("Ada".to_owned()), ..Actor::default() },
        what: HistoryKind::Decided { review: item.clone(), list, action, run: String::new() },
        before: Some(Box::new(if stays { Image::of(&old) } else { Image::whole(&old) })),
        changes: if stays { changes } else { Vec::new() },
        status: (new.status != old.status).then_some(new.status),
        prior: None,
        reason: None,
        kept_days: None,
    };
    if !stays {
        let until = Timestamp::MAX;
        store.remove_told(&old, until, &entry).await.unwrap();
        scene.worker.stores.world().claims.retain(|_, owner| *owner != id);
    } else if new.fields != old.fields || new.link != old.link || new.status != old.status {
        let fields: Vec<Target> = entry.changes.iter().map(|one| one.field.clone()).collect();
        new.wrote(WriteId::from(&deed), &fields);
        let write = ContactWrite { contact: new, expected_version: old.version, fence: None };
        store.write_told(&write, &entry).await.unwrap();
    }
    let decision = Decision {
        kept_days: None,
        at,
        actor: Some("ada".to_owned()),
        action,
        item,
        list,
        version: 1,
        contact_id: (action != ReviewAction::Ignore).then_some(id),
        refused: Vec::new(),
    };
    store.record_decision(&connection_id(), &decision).await.unwrap();
}

fn titled(title: &str) -> impl FnOnce(&mut Contact) -> bool {
    let title = title.to_owned();
    move |contact| {
        contact.fields.insert(ContactField::JobTitle, title);
        true
    }
}

/// Twelve people, and what people decided and runs did since: the moment before, and the runs, the
/// newest first.
pub(super) async fn decided() -> (Scene, String, Timestamp, Vec<RunId>) {
    use {ReviewAction as A, ReviewList as L};
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(|settings: &mut Settings| {
        settings.policies.removal.out_of_scope = RemovalAction::Delete;
        settings.policies.lock_managed = false;
    });
    scene.full().await;
    edit(&scene, &contact_id(1), ContactField::City, Some("by hand")).await;
    let before = held(&scene);
    scene.pass(SignedDuration::from_mins(1));
    let since = scene.worker.clock.now();
    decide(&scene, 1, (L::Conflicts, A::Delete), |_| false).await;
    decide(&scene, 2, (L::Changes, A::Unlink), |contact| {
        contact.link = None;
        contact.managed_fields = Vec::new();
        true
    })
    .await;
    decide(&scene, 3, (L::Changes, A::Accept), titled("One")).await;
    scene.set_settings(|settings: &mut Settings| {
        settings.policies.lock_managed = false;
        settings.scope.ignored_users = [1, 2].map(ObjectId::from_u128).to_vec();
    });
    put(&scene, 3, &json!({"jobTitle": "Two"}));
    put(&scene, 4, &json!({"jobTitle": "Two"}));
    scene.pass(SignedDuration::from_mins(1));
    let run = scene.full().await;
    scene.pass(SignedDuration::from_mins(1));
    decide(&scene, 3, (L::Changes, A::Accept), titled("Three")).await;
    (scene, before, since, vec![run.id])
}

pub(super) async fn ask(scene: &Scene, since: Timestamp, runs: Vec<RunId>) -> Run {
    scene.pass(SignedDuration::from_mins(1));
    let undoes = Undoes { runs, since: Some(since), ..Undoes::default() };
    let bits = u128::MAX - u128::try_from(scene.runs().len()).unwrap();
    let place = (account_id(), connection_id());
    let kind = (RunKind::Undo, Trigger::Manual);
    let now = scene.worker.clock.now();
    let run = Run {
        undoes: Some(Box::new(undoes)),
        ..Run::queued(RunId::from_bits(bits), place, kind, 1, now)
    };
    scene.worker.stores.enqueue(&run).await.unwrap();
    run
}

#[tokio::test]
async fn what_people_decided_since_is_taken_back_with_what_runs_did_between() {
    let (mut scene, before, since, runs) = decided().await;
    assert_ne!(held(&scene), before);
    let asked = ask(&scene, since, runs).await;
    scene.drive_as(RunKind::Undo, None).await.unwrap();
    let planned = scene.run(&asked.id);
    assert_eq!(planned.status, RunStatus::Planned, "{planned:?}");
    let told = items(&scene, &planned).await;
    assert!(told.iter().all(|item| item.outcome != Outcome::Left), "{told:?}");
    let of = |number: u128| {
        told.iter().find(|item| item.object_id == ObjectId::from_u128(number)).unwrap()
    };
    let reason = of(1).reason.as_deref().unwrap();
    assert!(reason.starts_with("takes back `delete` in `conflicts`, decided by Ada"), "{reason}");
    assert!(of(2).remedy.as_deref().unwrap().contains("scope.ignoredUsers"));
    assert_eq!(of(4).reason, None, "a run did that");
    approve(&scene, &planned).await;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    assert_eq!(scene.run(&asked.id).status, RunStatus::Succeeded);
    assert_eq!(held(&scene), before);
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_takes_back_the_same_decisions() {
    for calls in (0..CALLS).step_by(4) {
        let (mut scene, before, since, runs) = decided().await;
        let asked = ask(&scene, since, runs).await;
        let planned = plan_dying(&mut scene, &asked, calls).await;
        let applied = apply_dying(&mut scene, &asked, calls).await;
        assert_eq!(held(&scene), before, "died after {calls} calls");
        if planned && applied {
            assert!(calls > 20, "{calls} calls");
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn what_was_edited_since_and_what_cannot_be_taken_back_is_left_and_says_who_decided() {
    use {ReviewAction as A, ReviewList as L};
    let (mut scene, _, since, runs) = decided().await;
    decide(&scene, 5, (L::Changes, A::Accept), titled("Wrong")).await;
    edit(&scene, &contact_id(5), ContactField::JobTitle, Some("Boss")).await;
    decide(&scene, 6, (L::Conflicts, A::Merge), titled("Merged")).await;
    decide(&scene, 7, (L::Changes, A::Ignore), |_| true).await;
    decide(&scene, 8, (L::Removals, A::Accept), |_| true).await;
    let asked = ask(&scene, since, runs).await;
    // What is decided from here on was not meant.
    decide(&scene, 9, (L::Changes, A::Accept), titled("Later")).await;
    scene.drive_as(RunKind::Undo, None).await.unwrap();
    let told = items(&scene, &scene.run(&asked.id)).await;
    let left = |number: u128| {
        let mut of = told.iter().filter(|item| item.object_id == ObjectId::from_u128(number));
        let item = of.find(|item| item.outcome == Outcome::Left).unwrap();
        item.reason.clone().unwrap()
    };
    assert!(left(5).starts_with("jobTitle was changed since, by Ada"), "{}", left(5));
    assert!(left(6).contains("`merge` in `conflicts`, decided by ada at"), "{}", left(6));
    assert!(left(7).contains("which are not taken back"), "{}", left(7));
    assert!(left(8).contains("it approved of what a run does"), "{}", left(8));
    assert!(told.iter().all(|item| item.object_id != ObjectId::from_u128(9)), "{told:?}");
}

#[tokio::test]
async fn a_run_whose_pages_are_gone_is_not_half_taken_back() {
    let (mut scene, before, since, runs) = decided().await;
    let after = held(&scene);
    assert_ne!(after, before);
    scene.worker.stores.world().segments.retain(|(run, page), _| *run != runs[0] || *page != 1);
    let asked = ask(&scene, since, runs).await;
    scene.drive_as(RunKind::Undo, None).await.unwrap();
    let failed = scene.run(&asked.id);
    assert_eq!(failed.status, RunStatus::Failed, "{failed:?}");
    assert!(failed.reason.unwrap().contains("is not kept any more"));
    assert_eq!(held(&scene), after);
}

#[tokio::test]
async fn a_decision_that_is_erased_amid_the_undo_shifts_no_other() {
    use {ReviewAction as A, ReviewList as L};
    let mut reached = 0;
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        scene.pass(SignedDuration::from_mins(1));
        let since = scene.worker.clock.now();
        decide(&scene, 9, (L::Changes, A::Accept), titled("Nine")).await;
        decide(&scene, 10, (L::Changes, A::Accept), titled("Ten")).await;
        // What deletes a contact frees an address: a page ends behind it.
        decide(&scene, 11, (L::Conflicts, A::Delete), |_| false).await;
        let asked = ask(&scene, since, Vec::new()).await;
        scene.die_after(calls);
        let lived = scene.drive_as(RunKind::Undo, None).await.is_ok();
        scene.revive();
        if lived {
            assert!(reached > 0, "nobody was ever erased between two pages");
            return;
        }
        // The newest is erased before the plan goes on.
        let is_planned = scene.run(&asked.id).pages > 0;
        reached += usize::from(is_planned);
        {
            let mut world = scene.worker.stores.world();
            world.decisions.get_mut(&connection_id()).unwrap().pop();
        }
        for _ in 0..5 {
            if scene.run(&asked.id).status == RunStatus::Planned {
                break;
            }
            scene.drive_as(RunKind::Undo, None).await.unwrap();
        }
        let told = items(&scene, &scene.run(&asked.id)).await;
        for number in [9, 10] {
            let of = told.iter().filter(|item| item.object_id == ObjectId::from_u128(number));
            let outcomes: Vec<Outcome> = of.map(|item| item.outcome).collect();
            assert_eq!(outcomes, [Outcome::Restore], "{number}, died after {calls} calls");
        }
    }
    panic!("it never got through");
}
