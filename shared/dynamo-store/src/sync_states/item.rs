//! The item of a sync state, and the state that is read from it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::sync_state::{Lane, Lease, QueuedRun, SyncState};
use contact_sync_engine::port::StoreError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::corrupt;
use crate::item::{
    Item, from_map, instant_of, missing, name, number, number_of, text, text_of, to_map,
};
use crate::keys;

pub(crate) const KIND: &str = "sync";

/// Attributes of the item.
mod attribute {
    pub(super) const FENCE: &str = "fence";
    pub(super) const HOLDER: &str = "holder";
    pub(super) const LEASE_UNTIL: &str = "leaseUntil";
    pub(super) const WANTED: &str = "wanted";
    pub(super) const LAST_HINT_AT: &str = "lastHintAt";
    pub(super) const HINTED_SINCE: &str = "hintedSince";
    /// A map by run id: queueing twice and taking off what is gone are both without effect.
    pub(super) const QUEUE: &str = "queue";
    pub(super) const WORK: &str = "work";
    pub(super) const HANDOVER: &str = "handover";
    /// The run that somebody wants ended.
    pub(super) const CANCEL: &str = "cancel";
}

/// A queued run as it stands in the map.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Waiting {
    pub(super) kind: RunKind,
    pub(super) trigger: Trigger,
    pub(super) queued_at: Timestamp,
}

/// The item of a state that nobody holds yet.
pub(crate) fn item(state: &SyncState) -> Result<Item, StoreError> {
    let mut item =
        keys::sync_state(&state.account_id, &state.connection_id, state.lane).attributes();
    item.insert(name::KIND.into(), text(KIND));
    item.insert(attribute::FENCE.into(), number(state.fence));
    item.insert(attribute::WANTED.into(), number(state.wanted));
    item.insert(attribute::QUEUE.into(), AttributeValue::M(Item::new()));
    item.insert(attribute::WORK.into(), to_map(KIND, &state.work)?);
    Ok(item)
}

/// Reads the item.
pub(crate) fn read(mut item: Item) -> Result<SyncState, StoreError> {
    let key = text_of(&item, name::SK).unwrap_or_default();
    let (account, connection) = key.split_once('#').ok_or_else(|| missing(KIND, name::SK))?;
    let account_id = AccountId::parse(account).map_err(corrupt(KIND))?;
    let (connection, lane) = match connection.strip_suffix(keys::PLAN_LANE) {
        Some(connection) => (connection, Lane::Plan),
        None => (connection, Lane::Main),
    };
    let connection_id = ConnectionId::parse(connection).map_err(corrupt(KIND))?;
    let lease = match (text_of(&item, attribute::HOLDER), instant_of(&item, attribute::LEASE_UNTIL))
    {
        (Some(holder), Some(expires_at)) => Some(Lease { holder: holder.to_owned(), expires_at }),
        (Some(_), None) => return Err(missing(KIND, attribute::LEASE_UNTIL)),
        (None, _) => None,
    };
    let queue = item.remove(attribute::QUEUE).map(queue).transpose()?.unwrap_or_default();
    let work = item.remove(attribute::WORK).map(|work| from_map(KIND, work)).transpose()?;
    let handover =
        item.remove(attribute::HANDOVER).map(|handover| from_map(KIND, handover)).transpose()?;
    Ok(SyncState {
        account_id,
        connection_id,
        lane,
        fence: number_of(&item, attribute::FENCE).ok_or_else(|| missing(KIND, attribute::FENCE))?,
        lease,
        wanted: number_of(&item, attribute::WANTED).unwrap_or_default(),
        last_hint_at: instant_of(&item, attribute::LAST_HINT_AT),
        hinted_since: instant_of(&item, attribute::HINTED_SINCE),
        queue,
        work: work.unwrap_or_default(),
        handover,
        cancel: text_of(&item, attribute::CANCEL)
            .map(RunId::parse)
            .transpose()
            .map_err(corrupt(KIND))?,
    })
}

/// The queue in the order of asking.
fn queue(map: AttributeValue) -> Result<Vec<QueuedRun>, StoreError> {
    let waiting: BTreeMap<String, Waiting> = from_map(KIND, map)?;
    let mut runs = waiting
        .into_iter()
        .map(|(id, it)| {
            let run_id = RunId::parse(&id).map_err(corrupt(KIND))?;
            Ok((it.queued_at, QueuedRun { run_id, kind: it.kind, trigger: it.trigger }))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    runs.sort_by(|one, other| (one.0, &one.1.run_id).cmp(&(other.0, &other.1.run_id)));
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}
