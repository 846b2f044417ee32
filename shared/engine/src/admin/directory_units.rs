//! Which administrative units a connected directory has, and how many people are in each: for
//! pickers, which save their ids, so that a rename changes nothing.

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::value_counts::{ValueCount, Values};
use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directory::connected;
use super::directory_values::{DirectoryValues, LIFE, TIME};
use super::{AdminError, Outside};
use crate::port::{
    AdministrativeUnit, AdministrativeUnits, Blobs, Clock, DirectoryError, StoreError,
};
use crate::segments::state_prefix;

/// What pickers ask for.
pub(super) const UNIT: &str = "administrativeUnit";

/// How many units are counted at the same time.
const AT_ONCE: usize = 8;

/// Units that are kept; no picker shows more.
const MOST: usize = 2_000;

/// What was read so far.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    began_at: Timestamp,
    /// Counted.
    known: Vec<ValueCount>,
    /// Not counted yet.
    open: Vec<(ObjectId, Option<String>)>,
}

/// The units whose name contains `query`, the largest first; with `afresh` they are read again.
pub(super) async fn unit_values(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    query: &str,
    afresh: bool,
) -> Result<DirectoryValues, AdminError> {
    let tenant = connected(outside, account, id).await?.id;
    let (directory, now) = (outside.directory(), outside.clock().now());
    let key = format!("{}unit-values.json", state_prefix(account, id));
    let stored = outside.blobs().get(&key).await?;
    // Of another release's form, or damaged: read again.
    let stored = stored.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    let fresh = stored.filter(|kept| !afresh && now.duration_since(kept.began_at) < LIFE);
    let is_new = fresh.is_none();
    let mut kept = match fresh {
        Some(kept) => kept,
        None => Kept { began_at: now, known: Vec::new(), open: listed(directory, &tenant).await? },
    };
    let had = kept.known.len();
    while !kept.open.is_empty() {
        let some = kept.open.split_off(kept.open.len().saturating_sub(AT_ONCE));
        let asked = some.iter().map(|(unit, _)| directory.count_unit(&tenant, unit));
        for ((unit, name), counted) in some.iter().zip(join_all(asked.collect::<Vec<_>>()).await) {
            let count = match counted {
                Ok((count, _)) => count,
                // Deleted since it was listed.
                Err(DirectoryError::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            kept.known.push(ValueCount { value: unit.to_string(), name: name.clone(), count });
        }
        if outside.clock().now().duration_since(now) > TIME {
            break;
        }
    }
    if is_new || kept.known.len() != had {
        let bytes = serde_json::to_vec(&kept).map_err(|source| StoreError::Corrupt {
            item: "a directory's administrative units".to_owned(),
            source: Box::new(source),
        })?;
        outside.blobs().put(&key, bytes, "application/json").await?;
    }
    let people = kept.known.iter().map(|unit| unit.count).sum();
    let query = query.trim().to_lowercase();
    let is_meant = |unit: &ValueCount| {
        unit.name.as_deref().unwrap_or_default().to_lowercase().contains(&query)
    };
    let mut values: Vec<ValueCount> = kept.known.into_iter().filter(is_meant).collect();
    values.sort_by(|one, other| {
        (other.count, &one.name, &one.value).cmp(&(one.count, &other.name, &other.value))
    });
    Ok(DirectoryValues {
        property: UNIT.to_owned(),
        values: Values { values, without: 0, left_out: 0 },
        people,
        complete: kept.open.is_empty(),
        as_of: kept.began_at,
    })
}

/// The directory's units.
async fn listed(
    directory: &impl AdministrativeUnits,
    tenant: &TenantId,
) -> Result<Vec<(ObjectId, Option<String>)>, DirectoryError> {
    let mut units = Vec::new();
    let mut link: Option<String> = None;
    while units.len() < MOST {
        let page = directory.units(tenant, link.as_deref()).await?;
        let listed = page.units.into_iter();
        units.extend(listed.map(|AdministrativeUnit { id, display_name }| (id, display_name)));
        match page.next {
            NextStep::Next(next) if link.as_ref() != Some(&next) => link = Some(next),
            NextStep::Next(_) | NextStep::Delta(_) | NextStep::End => break,
        }
    }
    units.truncate(MOST);
    Ok(units)
}
