//! Drift audits: what differs is told with the side that moved, and mended one by one.

use std::collections::BTreeMap;

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::ContactField;
use contact_sync_domain::drift::Moved;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::plan::{Approved, Plan};
use contact_sync_domain::report::Happened;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::RemovalAction;
use serde_json::json;

use super::plans::{kept, shown};
use super::scene::{Scene, connection_id, contact_id, user, user_with};
use crate::port::{Clock, StoredContact, SyncStateStore};
use crate::segments::load_segment;

/// An audit, during which nothing else changes, and which changes nothing.
pub(super) async fn audited(scene: &mut Scene) -> (Run, Plan) {
    let before = kept(scene);
    let id = scene.queue(RunKind::Drift, Trigger::Manual).await;
    scene.drive_as(RunKind::Drift, None).await.unwrap();
    assert_eq!(kept(scene), before, "an audit changes nothing");
    shown(scene, &id)
}

/// Of everybody about whom the run intends something, which side moved.
async fn movers(scene: &Scene, run: &RunId, pages: u32) -> BTreeMap<u128, Moved> {
    let mut told = BTreeMap::new();
    let (stores, blobs) = (&scene.worker.stores, &scene.worker.blobs);
    for page in 0..pages {
        let segment = load_segment(stores, blobs, &connection_id(), run, page).await.unwrap();
        for item in segment.into_iter().flat_map(|segment| segment.items) {
            let moved = item.trace.as_ref().and_then(|trace| trace.moved);
            told.extend(moved.map(|moved| (item.object_id.as_u128(), moved)));
        }
    }
    told
}

/// Somebody changes a contact in the table, past everything that would notice.
fn tamper(scene: &Scene, number: u128) {
    let mut world = scene.worker.stores.world();
    let Some(StoredContact::Present(contact)) = world.contacts.get_mut(&contact_id(number)) else {
        panic!("it stands")
    };
    contact.fields.insert(ContactField::FirstName, "Mallory".to_owned());
}

fn name(scene: &Scene, number: u128) -> String {
    let contact = scene.contact(&contact_id(number)).unwrap();
    contact.fields.get(&ContactField::FirstName).cloned().unwrap()
}

pub(super) async fn fix(scene: &mut Scene, run: &Run, items: &[u128]) -> Run {
    let items = items.iter().map(|number| ObjectId::from_u128(*number)).collect();
    let at = scene.worker.clock.now();
    let approved = Approved { by: Actor::default(), at, removals: None, items: Some(items) };
    let plan = Plan { approved: Some(approved), ..Plan::clone(run.plan.as_deref().unwrap()) };
    let queued = Run { status: RunStatus::Queued, plan: Some(Box::new(plan)), ..run.clone() };
    assert!(scene.worker.stores.enqueue_planned(&queued).await.unwrap());
    scene.drive().await.unwrap();
    scene.run(&run.id)
}

#[tokio::test]
async fn what_no_run_would_notice_is_found_and_only_what_was_chosen_is_mended() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.full().await;
    tamper(&scene, 2);
    scene.full().await;
    assert_eq!(name(&scene, 2), "Mallory", "a full run believes what the contact says of itself");
    // Nobody was told of this one.
    let renamed = user_with(3, &json!({"givenName": "Ada"}));
    scene.worker.directory.inner.entra().put_user(renamed);
    scene.worker.directory.inner.entra().put_user(user(13));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(4));
    let (run, plan) = audited(&mut scene).await;
    let expected = [(2, Moved::Contact), (3, Moved::Entra), (4, Moved::Entra), (13, Moved::Entra)];
    assert_eq!(movers(&scene, &run.id, run.pages).await, BTreeMap::from(expected));
    assert_eq!(plan.summary.moved, BTreeMap::from([(Moved::Entra, 3), (Moved::Contact, 1)]));
    assert_eq!(plan.summary.by_kind.get(&Happened::Updated), Some(&2));
    assert_eq!(run.counts.unchanged, 9);

    let done = fix(&mut scene, &run, &[2]).await;
    assert_eq!((done.status, done.counts.updated), (RunStatus::Succeeded, 1), "{done:?}");
    assert_eq!((name(&scene, 2), name(&scene, 3)), ("User".to_owned(), "User".to_owned()));
    assert!(scene.contact(&contact_id(13)).is_none(), "nobody chose that");
    let (run, _) = audited(&mut scene).await;
    let left = [(3, Moved::Entra), (4, Moved::Entra), (13, Moved::Entra)];
    assert_eq!(movers(&scene, &run.id, run.pages).await, BTreeMap::from(left));
}

#[tokio::test]
async fn other_settings_are_told_apart_from_what_moved_in_entra() {
    let mut scene = Scene::of((1..=8).map(user));
    let removal = |settings: &mut contact_sync_domain::settings::Settings| {
        settings.policies.removal.out_of_scope = RemovalAction::Unlink;
        settings.policies.removal.hard_deleted = RemovalAction::Unlink;
    };
    scene.set_settings(removal);
    scene.full().await;
    scene.worker.directory.inner.entra().put_user(user_with(3, &json!({"surname": "Eve"})));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(4));
    tamper(&scene, 6);
    scene.set_settings(|settings| {
        removal(settings);
        settings.mapping[1].source = "ToUpper([givenName])".to_owned();
        settings.scope.ignored_users = vec![ObjectId::from_u128(5)];
    });
    let (run, plan) = audited(&mut scene).await;
    let told = movers(&scene, &run.id, run.pages).await;
    assert_eq!((told.get(&3), told.get(&4)), (Some(&Moved::Entra), Some(&Moved::Entra)));
    for number in [1, 2, 5, 7, 8] {
        assert_eq!(told.get(&number), Some(&Moved::Settings), "{number}: {told:?}");
    }
    assert_eq!(plan.summary.guard.count, 2);
}

#[tokio::test]
async fn an_audit_whose_slice_dies_anywhere_tells_the_same() {
    let moved = || async {
        let mut scene = Scene::of((1..=12).map(user));
        scene.full().await;
        tamper(&scene, 2);
        scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(4));
        scene
    };
    let mut undisturbed = moved().await;
    let (_, expected) = audited(&mut undisturbed).await;
    for calls in (1..super::replay::CALLS).step_by(9) {
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
        let (_, plan) = shown(&scene, &id);
        let found = (plan.hash, plan.summary);
        assert_eq!(found, (expected.hash.clone(), expected.summary.clone()), "{calls} calls");
        assert_eq!(kept(&scene), before, "died after {calls} calls");
    }
}
