//! What the tests of taking back share: asking for a plan, having it applied, dying amid either.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::guard::GuardLimits;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{ContactId, HistoryId, RunId};
use contact_sync_domain::plan::{Approved, Plan};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::SegmentItem;
use contact_sync_domain::settings::{RemovalAction, Settings};
use contact_sync_domain::undo::Undoes;
use contact_sync_domain::written::WriteId;
use serde_json::json;

use super::scene::{Scene, account_id, connection_id, user, user_with};
use crate::port::{Clock, ContactWrite, HistoryStore, StoredContact, SyncStateStore};
use crate::segments::load_segment;

/// What undoing gives back: contacts with all that they hold, who has which address, and whose the
/// contacts are that existed before.
pub(super) fn held(scene: &Scene) -> String {
    let world = scene.worker.stores.world();
    let contacts = world.contacts.values().filter_map(|stored| match stored {
        StoredContact::Present(contact) => Some(format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
            contact.id,
            contact.status,
            contact.source,
            contact.fields,
            contact.custom,
            contact.managed_fields,
            contact.protected,
            contact.link,
            contact.created_at
        )),
        StoredContact::Tombstone { .. } => None,
    });
    let contacts: Vec<String> = contacts.collect();
    format!("{}\n{:?}\n{:?}", contacts.join("\n"), world.claims, world.adoptions)
}

pub(super) fn settings(change: impl FnOnce(&mut Settings)) -> impl FnOnce(&mut Settings) {
    |settings| {
        settings.policies.removal.soft_deleted = RemovalAction::Delete;
        settings.policies.removal.hard_deleted = RemovalAction::Delete;
        settings.policies.guard = GuardLimits { max_count: 50, ..GuardLimits::default() };
        change(settings);
    }
}

/// Twelve people with contacts.
pub(super) async fn synced() -> Scene {
    let mut scene = Scene::of((1..=12).map(user));
    scene.set_settings(settings(|_| ()));
    scene.full().await;
    scene
}

/// A plan that takes these runs back, the newest first.
pub(super) async fn plan(
    scene: &mut Scene,
    runs: &[&RunId],
    contacts: &[ContactId],
) -> (Run, Plan) {
    let run = ask(scene, runs, contacts).await;
    let before = held(scene);
    scene.drive_as(RunKind::Undo, None).await.unwrap();
    assert_eq!(held(scene), before, "a plan changes nothing");
    let run = scene.run(&run.id);
    assert_eq!(run.status, RunStatus::Planned, "{run:?}");
    let plan = Plan::clone(run.plan.as_deref().unwrap());
    (run, plan)
}

pub(super) async fn ask(scene: &mut Scene, runs: &[&RunId], contacts: &[ContactId]) -> Run {
    let bits = u128::MAX - u128::try_from(scene.runs().len()).unwrap();
    let undoes = Undoes {
        runs: runs.iter().copied().cloned().collect(),
        contacts: contacts.to_vec(),
        ..Undoes::default()
    };
    let run = Run {
        undoes: Some(Box::new(undoes)),
        ..Run::queued(
            RunId::from_bits(bits),
            (account_id(), connection_id()),
            (RunKind::Undo, Trigger::Manual),
            1,
            scene.worker.clock.now(),
        )
    };
    scene.worker.stores.enqueue(&run).await.unwrap();
    run
}

/// Has a plan applied while the connection rests, with the number of its removals.
pub(super) async fn apply(scene: &mut Scene, run: &Run) -> Run {
    approve(scene, run).await;
    scene.drive_as(RunKind::Delta, None).await.unwrap();
    scene.run(&run.id)
}

pub(super) async fn approve(scene: &Scene, run: &Run) {
    scene.set_status(ConnectionStatus::Paused);
    let plan = run.plan.as_deref().unwrap();
    let at = scene.worker.clock.now();
    let removals = plan.summary.guard.holds.then_some(plan.summary.guard.count);
    let approved = Approved { by: Actor::default(), at, removals, items: None };
    let plan = Plan { approved: Some(approved), ..plan.clone() };
    let queued =
        Run { status: RunStatus::Queued, plan: Some(Box::new(plan)), ..scene.run(&run.id) };
    assert!(scene.worker.stores.enqueue_planned(&queued).await.unwrap());
}

/// Takes runs back as a person would: looks, and has it done.
pub(super) async fn undo(scene: &mut Scene, runs: &[&RunId]) -> Run {
    let (run, _) = plan(scene, runs, &[]).await;
    let done = apply(scene, &run).await;
    assert!(done.status.is_terminal(), "{done:?}");
    scene.set_status(ConnectionStatus::Enabled);
    done
}

pub(super) async fn items(scene: &Scene, run: &Run) -> Vec<SegmentItem> {
    let mut told = Vec::new();
    for page in run.told_pages() {
        let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
        let segment = load_segment(stores, blobs, &connection_id(), &run.id, page).await.unwrap();
        told.extend(segment.into_iter().flat_map(|segment| segment.items));
    }
    told
}

/// Somebody writes a field by hand.
pub(super) async fn edit(scene: &Scene, id: &ContactId, field: ContactField, value: Option<&str>) {
    let mut contact = scene.contact(id).unwrap();
    let at = scene.worker.clock.now();
    let deed = HistoryId::from_bits(u128::from(contact.version) << 64 | id.to_bits() >> 64);
    let expected_version = contact.version;
    contact.set(&Target::Field(field), value.map(|value| json!(value)));
    contact.wrote(WriteId::from(&deed), [&Target::Field(field)]);
    contact.version += 1;
    let entry = HistoryEntry {
        id: deed,
        contact_id: id.clone(),
        version: contact.version,
        at,
        actor: Actor { name: Some("Ada".to_owned()), ..Actor::default() },
        what: HistoryKind::Edited,
        changes: Vec::new(),
        before: None,
        status: None,
        prior: None,
        reason: None,
        kept_days: None,
    };
    let write = ContactWrite { contact, expected_version, fence: None };
    scene.worker.stores.write_told(&write, &entry).await.unwrap();
}

pub(super) fn put(scene: &Scene, number: u128, own: &serde_json::Value) {
    scene.worker.directory.inner.entra().put_user(user_with(number, own));
}

/// Has a plan made by a slice that dies after so many calls of the store, and by others; whether the
/// first lived.
pub(super) async fn plan_dying(scene: &mut Scene, asked: &Run, calls: usize) -> bool {
    scene.die_after(calls);
    let lived = scene.drive_as(RunKind::Undo, None).await.is_ok();
    scene.revive();
    for _ in 0..5 {
        if scene.run(&asked.id).status == RunStatus::Planned {
            break;
        }
        scene.drive_as(RunKind::Undo, None).await.unwrap();
    }
    lived
}

/// Has the plan applied by a slice that dies after so many calls of the store, and by others;
/// whether the first lived.
pub(super) async fn apply_dying(scene: &mut Scene, asked: &Run, calls: usize) -> bool {
    approve(scene, &scene.run(&asked.id)).await;
    scene.die_after(calls);
    let lived = scene.drive_as(RunKind::Delta, None).await.is_ok();
    scene.revive();
    for _ in 0..5 {
        scene.drive_as(RunKind::Delta, None).await.unwrap();
    }
    lived
}
