//! Taking back what a run did to people who were erased since: they are told of without being named,
//! and counted, and everybody else is as before the run.

use contact_sync_domain::contact::ContactField;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::redaction::Forgotten;
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use serde_json::json;

use super::replay::CALLS;
use super::scene::{Scene, account_id, connection_id, contact_id, start, tenant_id};
use super::undo_scene::{apply, approve, ask, items, plan, plan_dying, put, synced};
use crate::port::{ErasureStore, StoredContact};
use crate::segments::alter_segment;

/// A run that gave five people titles, made one contact and deleted one.
async fn titled() -> (Scene, Run) {
    let mut scene = synced().await;
    for number in 1..=5 {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    put(&scene, 13, &json!({}));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(6));
    let run = scene.full().await;
    (scene, run)
}

/// Erases a person; the run's pages too, once the erasure came to them.
async fn erase(scene: &Scene, run: &Run, number: u128, came_to_pages: bool) {
    let (stores, blobs) = (&*scene.worker.stores, &scene.worker.blobs);
    let (user, contact) = (ObjectId::from_u128(number), contact_id(number));
    stores.bury_for_good(&account_id(), &contact).await.unwrap();
    scene.worker.stores.world().claims.retain(|_, owner| *owner != contact);
    if !came_to_pages {
        return;
    }
    let forgotten = Forgotten {
        account: &account_id(),
        tenant: Some(&tenant_id()),
        contact: &contact,
        others: &[],
        barred: &[],
        user: Some(&user),
        stands_for: &ObjectId::from_u128(0xdead << 64 | number),
        requested_at: start(),
    };
    for page in 0..run.pages {
        let change = |segment: &mut _| forgotten.take_from(segment, true);
        let place = (&run.id, run.kept);
        alter_segment(stores, blobs, &connection_id(), place, page, change).await.unwrap();
    }
}

/// Whom an undo leaves because they were erased, with the reasons.
fn erased(told: &[SegmentItem]) -> Vec<&str> {
    let left = told.iter().filter(|item| item.outcome == Outcome::Left);
    left.map(|item| item.reason.as_deref().unwrap()).collect()
}

#[tokio::test]
async fn who_was_erased_since_is_told_of_and_counted_and_not_named() {
    for came_to_pages in [true, false] {
        let (mut scene, run) = titled().await;
        // One who was changed, one who was made, one who was deleted.
        for number in [2, 6, 13] {
            erase(&scene, &run, number, came_to_pages).await;
        }
        let (planned, summary) = plan(&mut scene, &[&run.id], &[]).await;
        let told = items(&scene, &planned).await;
        let reason = if came_to_pages {
            "erased at a person's request on 2026-01-01, which cannot be taken back"
        } else {
            "erased at a person's request, which cannot be taken back"
        };
        assert_eq!(erased(&told), [reason; 3], "each once: {told:?}");
        let counted = &summary.summary.by_reason;
        assert!(counted.iter().any(|one| one.reason == reason && one.count == 3), "{counted:?}");
        let done = apply(&mut scene, &planned).await;
        assert_eq!((done.counts.updated, done.counts.skipped), (4, 3), "{done:?}");
        let run = scene.run(&done.id);
        let text = serde_json::to_string(&items(&scene, &run).await).unwrap();
        for number in [2, 6, 13] {
            let user = ObjectId::from_u128(number);
            for name in [user.as_str(), contact_id(number).as_str()] {
                assert!(!text.contains(name), "{name} is named: {text}");
            }
            let stored = scene.worker.stores.world().contacts[&contact_id(number)].clone();
            let stays = matches!(stored, StoredContact::Tombstone { erased: true, .. });
            assert!(stays, "{number} came back");
        }
        for number in [1, 3, 4, 5] {
            let contact = scene.contact(&contact_id(number)).unwrap();
            assert_eq!(contact.fields.get(&ContactField::JobTitle), None);
        }
    }
}

#[tokio::test]
async fn who_was_erased_is_told_of_once_whoever_dies() {
    for calls in (0..CALLS).step_by(3) {
        let (mut scene, run) = titled().await;
        erase(&scene, &run, 2, true).await;
        erase(&scene, &run, 3, false).await;
        let asked = ask(&mut scene, &[&run.id], &[]).await;
        let lived = plan_dying(&mut scene, &asked, calls).await;
        let asked = scene.run(&asked.id);
        assert_eq!(erased(&items(&scene, &asked).await).len(), 2, "died after {calls} calls");
        approve(&scene, &asked).await;
        scene.drive_as(RunKind::Delta, None).await.unwrap();
        assert_eq!(scene.run(&asked.id).status, RunStatus::Succeeded);
        if lived {
            return;
        }
    }
    panic!("it never got through");
}

/// Whose changes are asked for by name: the pages name an erased person no more, and still the plan
/// says what became of him, as that of the whole run does.
#[tokio::test]
async fn of_chosen_contacts_those_who_were_erased_are_told_of_too() {
    for came_to_pages in [true, false] {
        let (mut scene, run) = titled().await;
        for number in [2, 6] {
            erase(&scene, &run, number, came_to_pages).await;
        }
        let chosen = [contact_id(1), contact_id(2)];
        let (planned, summary) = plan(&mut scene, &[&run.id], &chosen).await;
        let told = items(&scene, &planned).await;
        let reason = "erased at a person's request, which cannot be taken back";
        assert_eq!(erased(&told), [reason], "who was chosen, and nobody else: {told:?}");
        let counted = &summary.summary.by_reason;
        assert!(counted.iter().any(|one| one.reason == reason && one.count == 1), "{counted:?}");
        let done = apply(&mut scene, &planned).await;
        assert_eq!((done.counts.updated, done.counts.skipped), (1, 1), "{done:?}");
        let text = serde_json::to_string(&items(&scene, &scene.run(&done.id)).await).unwrap();
        assert!(!text.contains(contact_id(2).as_str()), "nobody is named: {text}");
    }
}

#[tokio::test]
async fn who_was_erased_of_the_chosen_is_told_of_once_whoever_dies() {
    for calls in (0..CALLS).step_by(3) {
        let (mut scene, run) = titled().await;
        erase(&scene, &run, 2, true).await;
        erase(&scene, &run, 3, false).await;
        let chosen = [contact_id(1), contact_id(2), contact_id(3)];
        let asked = ask(&mut scene, &[&run.id], &chosen).await;
        let lived = plan_dying(&mut scene, &asked, calls).await;
        let asked = scene.run(&asked.id);
        assert_eq!(erased(&items(&scene, &asked).await).len(), 2, "died after {calls} calls");
        if lived {
            return;
        }
    }
    panic!("it never got through");
}
