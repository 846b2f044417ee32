//! What bulk reads of all processes may still ask of Graph.
//!
//! A bucket is one item and taking from it one update, with no read before: an idle bucket is asked
//! as such first, since most are. Only one that is being drawn from is asked a second time.

use aws_sdk_dynamodb::types::ReturnValue;
use contact_sync_domain::graph_budget::{ACTIVE, Allowance};
use contact_sync_domain::id::{TenantId, shard_of};
use contact_sync_engine::port::{Grant, GraphBudget, LimitOf, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::failure::{Answer, Defect, unavailable};
use crate::item::{Item, expiry, instant, instant_of, number, text};
use crate::table::{Condition, Values};
use crate::{DynamoStore, keys};

const KIND: &str = "budget";

/// When the bucket will be full.
const FULL_AT: &str = "fullAt";

/// Until when nothing is given.
const HELD_UNTIL: &str = "heldUntil";

/// Who reads at once is counted by so many marks; tenants that share one count as one.
const MARKS: u8 = 64;

/// A bucket that nobody draws from is full, and need not be kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How often a bucket that others draw from meanwhile is asked.
const ATTEMPTS: usize = 4;

const OPEN: &str = "(attribute_not_exists(#heldUntil) OR #heldUntil <= :now)";

/// What drawing from a bucket came to.
enum Drawn {
    /// Taken; the item as it is now.
    Yes(Item),
    /// Nothing is left before this instant.
    No(Timestamp),
}

impl DynamoStore {
    /// Draws from one bucket; `mark` remembers who did.
    async fn draw(
        &self,
        limit: LimitOf<'_>,
        (allowance, units): (Allowance, u32),
        now: Timestamp,
        mark: Option<u8>,
    ) -> Result<Drawn, StoreError> {
        let operation = "UpdateItem budget";
        let key = keys::graph_budget(limit);
        let worth = allowance.worth(units);
        let full_at = now.saturating_add(worth).unwrap_or(now);
        let common = || -> Values {
            vec![(":now", instant(now)), (":kind", text(KIND)), (":end", expires(now))]
        };
        let marked = mark.map(|mark| format!(", #mark{mark} = :now")).unwrap_or_default();
        let kept = format!("#kind = :kind, #expiresAt = :end{marked}");
        for attempt in 0..ATTEMPTS {
            let (update, condition) = if attempt % 2 == 0 {
                let mut values = common();
                values.push((":full", instant(full_at)));
                let full = format!("(attribute_not_exists(#fullAt) OR #fullAt <= :now) AND {OPEN}");
                (format!("SET #fullAt = :full, {kept}"), Condition::new(full, values))
            } else {
                let mut values = common();
                let most = now.saturating_add(allowance.fills_in - worth).unwrap_or(now);
                values.push((":worth", number(worth.as_nanos())));
                values.push((":most", instant(most)));
                let left = format!("#fullAt > :now AND #fullAt <= :most AND {OPEN}");
                (format!("SET #fullAt = #fullAt + :worth, {kept}"), Condition::new(left, values))
            };
            let returned = ReturnValue::AllNew;
            let answer = self.state.update_if(operation, &key, &update, condition, returned);
            let standing = match answer.await? {
                Answer::Done(item) => return Ok(Drawn::Yes(item)),
                Answer::Refused(standing) => standing.unwrap_or_default(),
            };
            let held = instant_of(&standing, HELD_UNTIL).filter(|until| *until > now);
            let filling = instant_of(&standing, FULL_AT)
                .map(|full_at| allowance.has_again(units, full_at))
                .filter(|again| *again > now);
            if let Some(until) = held.max(filling) {
                return Ok(Drawn::No(until));
            }
        }
        Err(unavailable(operation)(Defect::Contended))
    }
}

/// How many took from the application's bucket of late, by their marks.
fn readers(item: &Item, now: Timestamp) -> usize {
    let since = now.saturating_sub(ACTIVE).unwrap_or(now);
    let is_recent = |mark: &u8| {
        instant_of(item, &format!("mark{mark}")).is_some_and(|taken_at| taken_at >= since)
    };
    (0..MARKS).filter(is_recent).count()
}

fn expires(now: Timestamp) -> aws_sdk_dynamodb::types::AttributeValue {
    expiry(now.saturating_add(KEPT).unwrap_or(now))
}

impl GraphBudget for DynamoStore {
    async fn take(
        &self,
        tenant: &TenantId,
        units: u32,
        now: Timestamp,
    ) -> Result<Grant, StoreError> {
        let mark = shard_of(tenant.as_str(), MARKS);
        let app = match self.draw(LimitOf::App, (Allowance::APP, units), now, Some(mark)).await? {
            Drawn::Yes(item) => item,
            Drawn::No(until) => return Ok(Grant::Wait(until)),
        };
        let own = Allowance::of_tenant(readers(&app, now));
        Ok(match self.draw(LimitOf::Tenant(tenant), (own, units), now, None).await? {
            Drawn::Yes(_) => Grant::Granted,
            Drawn::No(until) => Grant::Wait(until),
        })
    }

    async fn hold(
        &self,
        limit: LimitOf<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let later = Condition::new(
            "attribute_not_exists(#heldUntil) OR #heldUntil < :until",
            vec![
                (":until", instant(until)),
                (":kind", text(KIND)),
                (":end", expires(now.max(until))),
            ],
        );
        let update = "SET #heldUntil = :until, #kind = :kind, #expiresAt = :end";
        let key = keys::graph_budget(limit);
        self.state
            .update_if("UpdateItem budget", &key, update, later, ReturnValue::None)
            .await
            .map(|_| ())
    }
}
