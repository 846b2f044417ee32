//! Taking a person out of the events that the account was told.

use contact_sync_domain::erasure::Erasures;

use super::{LONGEST_TELLING, RedactingStores, Slice};
use crate::port::{Blobs, Clock, StoreError};

impl<S, B, C> Slice<'_, S, B, C>
where
    S: RedactingStores,
    B: Blobs,
    C: Clock,
{
    /// Goes through what was told, as far as time is.
    pub(super) async fn redact_events(&mut self) -> Result<bool, StoreError> {
        while let Some(from) = self.redaction.events {
            let (account, others) = (&self.receipt.account_id, self.receipt.other_ids());
            let contact = (&self.receipt.contact_id, others.as_slice());
            let found = self.stores.forget_events(account, contact, from).await?;
            self.add(Erasures { events: found.events, ..Erasures::default() });
            // A contact that came back was removed before: the last that was told counts.
            if let Some(removed) = found.tells_removal {
                self.redaction.is_untold = !removed;
            }
            self.redaction.events = Some(found.next);
            if found.is_end {
                let asked_for = self.clock.now().duration_since(self.receipt.requested_at);
                if !self.redaction.is_untold || asked_for > LONGEST_TELLING {
                    self.redaction.events = None;
                }
                return Ok(true);
            }
            if self.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
