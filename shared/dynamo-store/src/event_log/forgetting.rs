//! Taking contacts' values out of what was told.

use contact_sync_domain::event::{ContactEvent, ContactEventKind};
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_engine::port::{EventsForgotten, StoreError};

use super::{BODY, KIND, NEXT};
use crate::DynamoStore;
use crate::item::{bytes, bytes_of, name, number_of, text_of};
use crate::keys::{self, Log};
use crate::segments::{pack, unpack};
use crate::table::Query;

/// How many entries are gone through at once.
const READ: u16 = 50;

impl DynamoStore {
    /// Goes through the entries that one query reads from a number on. What is rewritten keeps its
    /// number, its place in the entry and when it goes by its age.
    pub(crate) async fn take_from_events(
        &self,
        account: &AccountId,
        (contact, others): (&ContactId, &[ContactId]),
        from: u64,
    ) -> Result<EventsForgotten, StoreError> {
        let log = Log::of(Some(account));
        let head = self.state.get("GetItem events", &log.head()).await?;
        let end: u64 = head.as_ref().and_then(|head| number_of(head, NEXT)).unwrap_or_default();
        let last = keys::bucket(end);
        let from =
            if from == 0 { self.oldest_bucket(&log, 0, last).await? * keys::BUCKET } else { from };
        let mut found =
            EventsForgotten { events: 0, next: from, is_end: from >= end, tells_removal: None };
        if found.is_end {
            return Ok(found);
        }
        let bucket = keys::bucket(from);
        let before = from.checked_sub(1).filter(|before| keys::bucket(*before) == bucket);
        let query = Query {
            partition: log.bucket_partition(bucket),
            after: before.map(|before| log.entry(before).sk),
            limit: Some(READ),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query events", query).await?;
        let mut reached = None;
        for mut item in page.items {
            reached = text_of(&item, name::SK).and_then(|number| number.parse::<u64>().ok());
            let Some(packed) = bytes_of(&item, BODY) else { continue };
            let mut events: Vec<ContactEvent> = unpack(KIND, packed)?;
            let mut shown = 0;
            for event in &mut events {
                let is_his = event.contact_id == *contact;
                if is_his || others.contains(&event.contact_id) {
                    shown += u64::from(event.contact.take().is_some());
                }
                if is_his {
                    found.tells_removal = Some(event.kind == ContactEventKind::Removed);
                }
            }
            if shown > 0 {
                item.insert(BODY.to_owned(), bytes(pack(KIND, &events)?));
                self.state.put("PutItem events", item).await?;
                found.events += shown;
            }
        }
        // Entries that were told after the head was read are of the next query.
        found.next = match (page.next, reached) {
            (Some(_), Some(reached)) => reached + 1,
            _ => ((bucket + 1) * keys::BUCKET).min(end),
        };
        found.is_end = found.next >= end;
        Ok(found)
    }
}
