//! Contact events, as a reader of the log gets them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The events of one contact, in the order of their sequence, as (type, sequence).
pub fn of_contact(events: &[Value], contact: &str) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = events
        .iter()
        .filter(|event| event["contactId"] == contact)
        .map(|event| {
            let kind = event["type"].as_str().expect("an event has a type").to_owned();
            (kind, event["sequence"].as_u64().expect("an event has a sequence"))
        })
        .collect();
    found.sort_by_key(|(_, sequence)| *sequence);
    found
}

/// Every contact's sequences begin at 1 and have no hole, and no event is there twice.
#[track_caller]
pub fn assert_gapless(events: &[Value]) {
    let mut ids = BTreeSet::new();
    let mut sequences: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for event in events {
        let id = event["eventId"].as_str().expect("an event has an id");
        assert!(ids.insert(id), "the event {id} is there twice");
        let contact = event["contactId"].as_str().expect("an event has a contact");
        let sequence = event["sequence"].as_u64().expect("an event has a sequence");
        sequences.entry(contact).or_default().insert(sequence);
    }
    for (contact, found) in sequences {
        let last = found.iter().max().copied().unwrap_or_default();
        let whole: BTreeSet<u64> = (1..=last).collect();
        assert_eq!(found, whole, "the sequences of {contact} have a hole");
    }
}
