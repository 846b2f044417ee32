//! The events that integrators rely on: for each contact numbered from one without a gap.

use std::collections::{BTreeMap, BTreeSet};

use entra_contact_sync_local::job::{Installation as _, Problem, Rest, number, text};
use serde_json::Value;

use crate::installation::Deployed;

/// What was heard of contacts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sequences {
    /// By contact.
    heard: BTreeMap<String, BTreeSet<u64>>,
    events: usize,
    /// Events that came more than once.
    repeated: usize,
}

impl Sequences {
    fn of(events: &[Value]) -> Self {
        let mut sequences = Self::default();
        for event in events {
            if !text(event, "/detail-type").starts_with("Contact") {
                continue;
            }
            sequences.events += 1;
            let heard =
                sequences.heard.entry(text(event, "/detail/contactId").to_owned()).or_default();
            if !heard.insert(number(event, "/detail/sequence")) {
                sequences.repeated += 1;
            }
        }
        sequences
    }

    /// The contacts of `versions` whose events do not run from one to their version.
    fn gaps(&self, versions: &BTreeMap<String, u64>) -> Vec<String> {
        let none = BTreeSet::new();
        versions
            .iter()
            .filter(|(contact, version)| {
                let heard = self.heard.get(*contact).unwrap_or(&none);
                !(1..=**version).eq(heard.iter().copied())
            })
            .map(|(contact, version)| {
                format!("{contact} has version {version}, heard were {:?}", self.heard.get(contact))
            })
            .collect()
    }
}

/// Holds the contacts that there are against the events that were heard.
pub(crate) async fn gapless(deployed: &Deployed, rest: &Rest) -> Result<String, Problem> {
    let accounts = rest.list("/v1/accounts").await?;
    let mut versions = BTreeMap::new();
    for account in &accounts {
        let path = format!("/v1/accounts/{}/contacts", text(account, "/id"));
        for contact in rest.list(&path).await? {
            versions.insert(text(&contact, "/id").to_owned(), number(&contact, "/version"));
        }
    }
    let sequences = Sequences::of(&deployed.events_since(0).await?);
    let gaps = sequences.gaps(&versions);
    if let Some(first) = gaps.first() {
        return Err(Problem::wrong(format!("{} contacts' events have gaps: {first}", gaps.len())));
    }
    let Sequences { events, repeated, .. } = sequences;
    Ok(format!("{events} events of {} contacts, {repeated} of them repeated", versions.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(contact: &str, sequence: u64) -> Value {
        let detail = json!({"contactId": contact, "sequence": sequence});
        json!({"detail-type": "ContactUpdated", "detail": detail})
    }

    #[test]
    fn a_gap_a_missing_end_and_silence_are_noticed() {
        let heard = [("a", 2), ("a", 1), ("a", 1), ("b", 1), ("b", 3), ("c", 1)];
        let events: Vec<Value> = heard.into_iter().map(|(id, number)| event(id, number)).collect();
        let sequences = Sequences::of(&events);
        assert_eq!((sequences.events, sequences.repeated), (6, 1));
        let versions =
            [("a", 2), ("b", 3), ("c", 2), ("d", 1)].map(|(id, number)| (id.to_owned(), number));
        let gaps = sequences.gaps(&versions.into_iter().collect());
        assert_eq!(gaps.len(), 3, "{gaps:?}");
        assert!(gaps.iter().all(|gap| !gap.starts_with('a')), "{gaps:?}");
    }
}
