//! Somebody who left, whose contact a run deleted, returns and gets it through the list of those
//! without one.

use contact_sync_domain::contact::{Contact, ContactField, ContactSource, Target};
use contact_sync_domain::id::RunId;
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Outcome, Phase, Prior, Segment, SegmentItem, Trace};
use contact_sync_domain::trace::Image;
use contact_sync_engine::port::StoredContact;
use contact_sync_engine::segments::store_segment;
use jiff::Timestamp;
use serde_json::json;

use super::super::answers::blank_run;
use super::super::harness::{App, account_id, connection_id};
use super::{change, contact, decide, item, own, put, synced, user};

/// The contact of user 1 as people made it, and deleted by a run.
async fn deleted(app: &App) -> Contact {
    let asked = item(app, ReviewList::Available, 1);
    put(app, &asked);
    decide(app, &asked, json!({"action": "create"})).await.expect(202);
    change(app, &own(1), |contact| {
        contact.fields.insert(ContactField::City, "Rome".to_owned());
        contact.custom.insert("seat".to_owned(), json!("12 A"));
        contact.protected = true;
        contact.created_at = Timestamp::UNIX_EPOCH;
    });
    let before = contact(app, &own(1)).unwrap();
    let like = blank_run(app).await;
    let (run, page) = (RunId::from_bits(77), 3);
    let gone = SegmentItem {
        version: before.version,
        trace: Some(Box::new(Trace::replacing(&before, Image::whole(&before)))),
        ..blank_item(&user(1), Some(own(1)), Outcome::Delete)
    };
    let segment = Segment::of(page, Phase::Judgement, 1, vec![gone]);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let like = Run { id: run.clone(), ..like };
    let kept = (&run, Retention::default());
    store_segment(store, blobs, &account_id(), &connection_id(), kept, segment).await.unwrap();
    let mut world = store.world();
    world.runs.insert(run.clone(), like);
    world.claims.clear();
    let tombstone = StoredContact::Tombstone {
        version: before.version + 1,
        source_version: 1,
        connection_id: Some(connection_id()),
        expires_at: Timestamp::MAX,
        by: Some(Prior { run, page }),
        erased: false,
    };
    world.contacts.insert(own(1), tombstone);
    before
}

#[tokio::test]
async fn whoever_is_made_again_by_a_person_has_what_people_had_written() {
    let app = synced(&[json!({"mail": "ana@contoso.example", "jobTitle": "Clerk"})]);
    let before = deleted(&app).await;
    let asked = item(&app, ReviewList::Available, 1);
    put(&app, &asked);
    decide(&app, &asked, json!({"action": "create"})).await.expect(202);
    let now = contact(&app, &own(1)).unwrap();
    assert_eq!((&now.fields, &now.custom), (&before.fields, &before.custom));
    assert_eq!((now.protected, now.created_at), (true, Timestamp::UNIX_EPOCH));
    assert_eq!(now.source, ContactSource::Entra);

    // What is told of it is all that stands there now.
    let world = app.outside.store.world();
    let newest = world.history.values().max_by_key(|entry| entry.version).unwrap();
    let told: Vec<&Target> = newest.changes.iter().map(|change| &change.field).collect();
    assert!(told.contains(&&Target::Field(ContactField::City)), "{told:?}");
    assert!(told.contains(&&Target::Custom("seat".to_owned())), "{told:?}");
    assert_eq!(told.len(), now.fields.len() + now.custom.len());
}
