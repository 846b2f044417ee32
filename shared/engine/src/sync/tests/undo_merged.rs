//! Contacts that people made one of several since a run, or tied to somebody else, which nothing in
//! their values shows.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::ContactField;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{HistoryId, ObjectId};
use contact_sync_domain::review::{ReviewAction, ReviewList};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use jiff::Timestamp;
use serde_json::json;

use super::scene::{Scene, contact_id, user};
use super::undo_decisions::decide;
use super::undo_scene::{items, plan, put, synced, undo};
use crate::port::{Clock, HistoryStore};

/// Ada makes a contact part of another one: it is gone.
async fn merge_away(scene: &Scene, number: u128, into: u128) {
    let old = scene.contact(&contact_id(number)).unwrap();
    let entry = HistoryEntry {
        id: HistoryId::from_bits(number),
        contact_id: old.id.clone(),
        version: old.version + 1,
        at: scene.worker.clock.now(),
        actor: Actor { name: Some("Ada".to_owned()), ..Actor::default() },
        what: HistoryKind::Merged { into: contact_id(into) },
        changes: Vec::new(),
        before: None,
        status: None,
        prior: None,
        reason: None,
        kept_days: None,
    };
    scene.worker.stores.remove_told(&old, Timestamp::MAX, &entry).await.unwrap();
    scene.worker.stores.world().claims.retain(|_, owner| *owner != old.id);
}

/// Ada makes a contact of another one's person, too: the other had no values and no teams.
async fn merge_into(scene: &Scene, number: u128) {
    decide(scene, number, (ReviewList::Conflicts, ReviewAction::Merge), |contact| {
        contact.link.as_mut().unwrap().user_principal_name = Some("ada@contoso.example".into());
        true
    })
    .await;
}

fn reason(told: &[SegmentItem], number: u128) -> &str {
    let mut left = told.iter().filter(|item| item.contact_id == Some(contact_id(number)));
    let item = left.next().unwrap_or_else(|| panic!("{number} is not told of: {told:?}"));
    assert_eq!((item.outcome, left.next()), (Outcome::Left, None), "{number}, once");
    item.reason.as_deref().unwrap()
}

#[tokio::test]
async fn a_contact_that_others_were_merged_into_does_not_go_with_the_run_that_made_it() {
    let mut scene = Scene::of((1..=4).map(user));
    let run = scene.full().await;
    merge_into(&scene, 2).await;
    merge_away(&scene, 3, 4).await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    let told = items(&scene, &planned).await;
    for number in [2, 3] {
        let why = reason(&told, number);
        assert!(why.starts_with("the contact was made one with another since, by Ada at"), "{why}");
    }
    let gone = undo(&mut scene, &[&run.id]).await;
    assert_eq!((gone.counts.removed, gone.counts.skipped), (2, 4), "{gone:?}");
    assert!(scene.contact(&contact_id(2)).is_some(), "two people's contact would be lost with it");
}

/// What was merged before a run is no reason to leave what the run did.
#[tokio::test]
async fn what_was_merged_before_the_run_keeps_nothing_from_being_taken_back() {
    let mut scene = synced().await;
    merge_into(&scene, 2).await;
    for number in [1, 2] {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    scene.pass(jiff::SignedDuration::from_mins(1));
    let run = scene.full().await;
    let done = undo(&mut scene, &[&run.id]).await;
    assert_eq!((done.counts.updated, done.counts.skipped), (2, 0), "{done:?}");
}

/// A run gave somebody a title; since then people tied his contact to another person.
#[tokio::test]
async fn whose_contact_is_another_persons_by_now_is_left() {
    let mut scene = synced().await;
    for number in [1, 2] {
        put(&scene, number, &json!({"jobTitle": "Wrong"}));
    }
    let run = scene.full().await;
    decide(&scene, 2, (ReviewList::Available, ReviewAction::Link), |contact| {
        contact.link.as_mut().unwrap().object_id = ObjectId::from_u128(77);
        true
    })
    .await;
    let (planned, _) = plan(&mut scene, &[&run.id], &[]).await;
    let told = items(&scene, &planned).await;
    let why = reason(&told, 2);
    assert!(why.starts_with("the link to the directory was changed since, by Ada at"), "{why}");
    undo(&mut scene, &[&run.id]).await;
    let title = |number| scene.contact(&contact_id(number)).unwrap().fields;
    assert_eq!(title(1).get(&ContactField::JobTitle), None);
    assert_eq!(title(2)[&ContactField::JobTitle], "Wrong", "it is another person's by now");
}
