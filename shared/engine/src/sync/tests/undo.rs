//! Taking back what runs did: everything is as it was, but for what somebody changed since.

use contact_sync_domain::contact::{Contact, ContactField, ContactStatus};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::{LinkMode, RemovalAction};
use jiff::SignedDuration;
use serde_json::json;

use super::replay::CALLS;
use super::scene::{Scene, connection_id, contact_id, local_id};
use super::undo_scene::{
    apply, apply_dying, ask, edit, held, items, plan, plan_dying, put, settings, synced, undo,
};

/// Everything that a run can do: names change, addresses change hands, people leave and come, a
/// contact that people made is taken over.
pub(super) async fn everything_happens(scene: &mut Scene) -> Run {
    scene.set_settings(settings(|settings| {
        settings.policies.link = LinkMode::Auto;
        settings.policies.removal.disabled = RemovalAction::Deactivate;
        settings.policies.removal.out_of_scope = RemovalAction::Unlink;
        settings.scope.ignored_users = vec![ObjectId::from_u128(7)];
    }));
    scene.put_local(1, "new@contoso.example", Some("77"));
    put(scene, 1, &json!({"givenName": "Ada", "jobTitle": "Engineer"}));
    put(scene, 2, &json!({"mail": "user3@contoso.example"}));
    put(scene, 3, &json!({"mail": "user2@contoso.example"}));
    put(scene, 4, &json!({"mail": "other@contoso.example"}));
    put(
        scene,
        5,
        &json!({"mail": "user4@contoso.example", "userPrincipalName": "else@contoso.example"}),
    );
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(6));
    put(scene, 8, &json!({"accountEnabled": false}));
    put(scene, 13, &json!({}));
    put(scene, 14, &json!({"mail": "new@contoso.example"}));
    let run = scene.full().await;
    assert!(run.counts.created >= 1 && run.counts.removed >= 1, "{run:?}");
    run
}

#[tokio::test]
async fn everything_that_a_run_did_is_taken_back_and_can_be_done_again() {
    let mut scene = synced().await;
    scene.put_local(1, "new@contoso.example", Some("77"));
    edit(&scene, &contact_id(6), ContactField::OfficeLocation, Some("by hand")).await;
    let before = held(&scene);
    let run = everything_happens(&mut scene).await;
    let after = held(&scene);
    assert_ne!(after, before);
    assert!(scene.contact(&contact_id(6)).is_none(), "it was deleted");
    assert!(scene.contact(&local_id(1)).unwrap().link.is_some(), "it was taken over");
    let (planned, summary) = plan(&mut scene, &[&run.id], &[]).await;
    assert_eq!(summary.summary.guard.count, 1, "who was new: {:?}", summary.summary);
    assert!(summary.summary.guard.holds, "the number of removals is always asked for");
    let undone = apply(&mut scene, &planned).await;
    assert_eq!(undone.status, RunStatus::Succeeded, "{undone:?}");
    assert_eq!(held(&scene), before);
    let window = scene.state().work.guard;
    // Once more there is nothing to take back.
    let (again, _) = plan(&mut scene, &[&run.id], &[]).await;
    let writes = items(&scene, &again).await;
    assert!(writes.iter().all(|item| item.outcome == Outcome::Left), "{writes:?}");
    // And what was taken back can be had again.
    undo(&mut scene, &[&undone.id]).await;
    assert_eq!(held(&scene), after);
    assert_eq!(scene.state().work.guard, window, "nothing of it counts for the guard");
}

#[tokio::test]
async fn who_was_edited_since_in_what_the_run_wrote_is_left_and_told_and_nobody_else_is() {
    let mut scene = synced().await;
    let before = held(&scene);
    for number in 1..=4 {
        put(&scene, number, &json!({"jobTitle": "Wrong", "department": "Wrong"}));
    }
    let run = scene.full().await;
    edit(&scene, &contact_id(1), ContactField::JobTitle, Some("Boss")).await;
    edit(&scene, &contact_id(2), ContactField::City, Some("Bern")).await;
    let (planned, plan) = plan(&mut scene, &[&run.id], &[]).await;
    let told = items(&scene, &planned).await;
    let left: Vec<&SegmentItem> =
        told.iter().filter(|item| item.outcome == Outcome::Left).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].contact_id, Some(contact_id(1)));
    let reason = left[0].reason.as_deref().unwrap();
    assert!(reason.contains("jobTitle") && reason.contains("by Ada at 2026-"), "{reason}");
    assert_eq!(plan.summary.by_reason.len(), 1);
    let done = apply(&mut scene, &planned).await;
    assert_eq!((done.counts.updated, done.counts.skipped), (3, 1), "{done:?}");
    let told = items(&scene, &scene.run(&done.id)).await;
    assert!(told.iter().any(|item| item.reason.as_deref() == Some(reason)), "told in the end, too");
    let title = |number| scene.contact(&contact_id(number)).unwrap();
    assert_eq!(title(1).fields[&ContactField::JobTitle], "Boss");
    assert_eq!(title(1).fields[&ContactField::Department], "Wrong", "all of it is left");
    assert_eq!(title(2).fields.get(&ContactField::JobTitle), None);
    assert_eq!(title(2).fields[&ContactField::City], "Bern", "what people wrote stays");
    edit(&scene, &contact_id(2), ContactField::City, None).await;
    edit(&scene, &contact_id(1), ContactField::JobTitle, None).await;
    edit(&scene, &contact_id(1), ContactField::Department, None).await;
    assert_eq!(held(&scene), before);
}

#[tokio::test]
async fn what_was_made_and_then_edited_stays_and_what_was_deleted_and_made_anew_too() {
    let mut scene = synced().await;
    put(&scene, 13, &json!({}));
    put(&scene, 14, &json!({}));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(6));
    let run = scene.full().await;
    edit(&scene, &contact_id(13), ContactField::City, Some("Bern")).await;
    put(&scene, 6, &json!({}));
    scene.full().await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    let done = apply(&mut scene, &planned).await;
    assert_eq!((done.counts.removed, done.counts.created), (1, 0), "{done:?}");
    assert!(scene.contact(&contact_id(13)).is_some() && scene.contact(&contact_id(6)).is_some());
    assert!(scene.contact(&contact_id(14)).is_none());
}

#[tokio::test]
async fn whom_the_settings_ignored_and_a_run_deleted_comes_back() {
    let mut scene = synced().await;
    let before = held(&scene);
    scene.set_settings(settings(|settings| {
        settings.policies.removal.out_of_scope = RemovalAction::Delete;
        settings.scope.ignored_users = vec![ObjectId::from_u128(7)];
    }));
    let run = scene.full().await;
    assert!(scene.contact(&contact_id(7)).is_none());
    undo(&mut scene, &[&run.id]).await;
    assert_eq!(held(&scene), before);
}

#[tokio::test]
async fn only_the_named_changes_are_taken_back() {
    let mut scene = synced().await;
    for number in 1..=10 {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    let run = scene.full().await;
    let two = [contact_id(3), contact_id(7)];
    let (planned, _) = plan(&mut scene, &[&run.id], &two).await;
    let done = apply(&mut scene, &planned).await;
    assert_eq!(done.counts.updated, 2, "{done:?}");
    let wrong = (1..=10).filter(|number| {
        let contact = scene.contact(&contact_id(*number)).unwrap();
        contact.fields.contains_key(&ContactField::JobTitle)
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [1, 2, 4, 5, 6, 8, 9, 10]);
}

#[tokio::test]
async fn several_runs_are_taken_back_the_newest_first() {
    let mut scene = synced().await;
    let before = held(&scene);
    put(&scene, 1, &json!({"jobTitle": "One", "mail": "fresh@contoso.example"}));
    put(&scene, 13, &json!({"mail": "user1@contoso.example"}));
    let first = scene.full().await;
    put(&scene, 1, &json!({"jobTitle": "Two", "mail": "fresher@contoso.example"}));
    put(&scene, 14, &json!({"mail": "fresh@contoso.example"}));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(13));
    let second = scene.full().await;
    let after = held(&scene);
    // The older one alone is not to be had: the newer wrote the same field.
    let (alone, _) = plan(&mut scene, &[&first.id], &[contact_id(1)]).await;
    let told = items(&scene, &alone).await;
    let reason = told[0].reason.as_deref().unwrap();
    assert!(reason.contains(&second.id.to_string()), "{reason}");
    let done = undo(&mut scene, &[&second.id, &first.id]).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(held(&scene), before);
    undo(&mut scene, &[&done.id]).await;
    assert_eq!(held(&scene), after);
}

#[tokio::test]
async fn a_slice_that_dies_anywhere_takes_back_the_same() {
    let mut scene = synced().await;
    let before = held(&scene);
    everything_happens(&mut scene).await;
    drop(scene);
    for calls in (0..CALLS).step_by(5) {
        let mut scene = synced().await;
        let run = everything_happens(&mut scene).await;
        let asked = ask(&mut scene, &[&run.id], &[]).await;
        let planned = plan_dying(&mut scene, &asked, calls).await;
        let asked = scene.run(&asked.id);
        let applied = apply_dying(&mut scene, &asked, calls).await;
        let local = scene.contact(&local_id(1)).unwrap();
        assert!(local.link.is_none(), "died after {calls} calls");
        let undone = held(&scene);
        let without_local = |held: &str| {
            let lines: Vec<String> = held
                .lines()
                .filter(|line| line.starts_with("ctc_") && !line.contains(local_id(1).as_str()))
                .map(str::to_owned)
                .collect();
            lines
        };
        assert_eq!(without_local(&undone), without_local(&before), "died after {calls} calls");
        assert!(scene.addresses().values().all(|owners| owners.len() == 1));
        if planned && applied {
            assert!(calls > 20, "{calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_rests_does_nothing_else_meanwhile() {
    let mut scene = synced().await;
    put(&scene, 1, &json!({"jobTitle": "Wrong"}));
    let run = scene.full().await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    put(&scene, 2, &json!({"jobTitle": "New"}));
    let waiting = scene.queue(RunKind::Full, Trigger::Schedule).await;
    scene.worker.stores.world().states.get_mut(&connection_id()).unwrap().wanted += 1;
    let done = apply(&mut scene, &planned).await;
    assert_eq!(done.status, RunStatus::Succeeded, "{done:?}");
    assert_eq!(scene.run(&waiting).status, RunStatus::Queued);
    let contact = scene.contact(&contact_id(2)).unwrap();
    assert_eq!(contact.fields.get(&ContactField::JobTitle), None);
    assert_eq!(contact.status, ContactStatus::Active);
    let _: Contact = contact;
}

#[tokio::test]
async fn who_returns_after_a_run_deleted_the_contact_finds_what_people_wrote_on_it() {
    let mut scene = synced().await;
    edit(&scene, &contact_id(6), ContactField::City, Some("by hand")).await;
    let before = scene.contact(&contact_id(6)).unwrap();
    scene.pass(SignedDuration::from_hours(1));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(6));
    scene.full().await;
    assert!(scene.contact(&contact_id(6)).is_none());
    put(&scene, 6, &json!({"jobTitle": "Back again"}));
    let back = scene.full().await;
    let contact = scene.contact(&contact_id(6)).unwrap();
    assert_eq!(contact.fields[&ContactField::City], "by hand");
    assert_eq!(contact.fields[&ContactField::JobTitle], "Back again");
    assert_eq!(contact.created_at, before.created_at);
    assert!(contact.version > before.version);
    // Taking that back would take what people wrote: it is left.
    let (planned, _) = plan(&mut scene, &[&back.id], &[]).await;
    let told = items(&scene, &planned).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].outcome, Outcome::Left);
}
