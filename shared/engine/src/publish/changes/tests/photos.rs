//! What a change of a contact's photo, or of looking at photos, tells.

use contact_sync_domain::event::Event;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::photo::{ContactPhoto, Finding, PhotoLane, PhotoWalk};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::publish::{ChangedItem, StreamChange, events_of};

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0";

fn at() -> Timestamp {
    "2026-11-22T14:30:00Z".parse().unwrap()
}

fn connection() -> ConnectionId {
    ConnectionId::from_bits(2)
}

fn first(finding: &Finding) -> ContactPhoto {
    let account = AccountId::from_bits(1);
    ContactPhoto::first((&account, &connection()), &ContactId::from_bits(3), finding, at())
}

fn told(item: ChangedItem) -> Vec<(&'static str, Value)> {
    let events = events_of(&StreamChange { at: at(), item });
    let told = |event: &Event| (event.detail_type(), serde_json::to_value(event).unwrap());
    events.iter().map(told).collect()
}

fn of_photo(old: Option<&ContactPhoto>, new: Option<&ContactPhoto>) -> Option<Value> {
    let boxed = |photo: Option<&ContactPhoto>| photo.cloned().map(Box::new);
    let mut told = told(ChangedItem::Photo { old: boxed(old), new: boxed(new) });
    assert!(told.len() <= 1);
    let (kind, event) = told.pop()?;
    assert_eq!(kind, "ContactPhotoChanged");
    Some(event)
}

/// Readers fetch what they are told of: a look that changed nothing must be no event.
#[test]
fn what_changed_is_told_and_a_look_that_changed_nothing_is_not() {
    let image = Finding::of(Some(JPEG));
    let expected = first(&image);
    let present = expected.clone().changed(&connection(), &image, at());
    let none = present.clone().changed(&connection(), &Finding::None, at());
    let unfit = none.clone().changed(&connection(), &Finding::of(Some(b"<html>")), at());
    let stamped = ContactPhoto { checked_at: Timestamp::UNIX_EPOCH, ..present.clone() };
    assert_eq!(of_photo(None, Some(&expected)), None, "it is not there yet");
    assert_eq!(of_photo(None, Some(&first(&Finding::None))), None);
    assert_eq!(of_photo(Some(&present), Some(&stamped)), None);
    assert_eq!(of_photo(Some(&present), None), None, "the contact tells that it is gone");
    let event = of_photo(Some(&expected), Some(&present)).unwrap();
    assert_eq!(event["state"], "present");
    assert_eq!(event["photo"]["contentType"], "image/jpeg");
    assert_eq!(event["sequence"], json!(present.version));
    assert_eq!(of_photo(Some(&present), Some(&none)).unwrap()["state"], "none");
    assert_eq!(of_photo(Some(&none), Some(&unfit)).unwrap()["state"], "unavailable");
}

#[test]
fn the_event_has_the_members_of_its_schema_and_is_read_as_itself() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/schemas/ContactPhotoChanged.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let image = Finding::of(Some(JPEG));
    let present = first(&image).changed(&connection(), &image, at());
    let event = of_photo(None, Some(&present)).unwrap();
    let mut needed: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    needed.sort_unstable();
    let members: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(members, needed);
    let photo = &schema["properties"]["photo"]["required"];
    for member in event["photo"].as_object().unwrap().keys() {
        assert!(photo.as_array().unwrap().contains(&json!(member)), "{member}");
    }
    let read: Event = serde_json::from_value(event).unwrap();
    assert_eq!(read.detail_type(), "ContactPhotoChanged");
}

#[test]
fn a_slice_that_ended_asks_for_the_next_and_one_that_waits_or_works_does_not() {
    let (account, connection) = (AccountId::from_bits(1), connection());
    let lane = |version, walk: Option<PhotoWalk>, lease_until| {
        let lane =
            PhotoLane { version, walk, lease_until, ..PhotoLane::new(&account, &connection) };
        Some(Box::new(lane))
    };
    let kinds =
        |old, new| -> Vec<(&'static str, Value)> { told(ChangedItem::PhotoLane { old, new }) };
    let walk = || Some(PhotoWalk::begun(at()));
    let held = lane(1, walk(), Some(at()));
    let asked = kinds(held.clone(), lane(2, walk(), None));
    assert_eq!(asked.len(), 1);
    let (kind, event) = &asked[0];
    assert_eq!((*kind, &event["step"]), ("PhotosRequested", &json!(2)));
    let read: Event = serde_json::from_value(event.clone()).unwrap();
    assert_eq!(read.detail_type(), "PhotosRequested");
    assert!(kinds(None, held.clone()).is_empty());
    assert!(kinds(held.clone(), lane(2, None, None)).is_empty());
    let waiting = PhotoWalk { waits_until: Some(at()), ..PhotoWalk::begun(at()) };
    assert!(kinds(held, lane(2, Some(waiting), None)).is_empty());
}
