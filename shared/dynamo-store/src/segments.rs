//! The index of segments, and what deviated when they were applied.

use std::io::{Read, Write};

use contact_sync_domain::id::{ConnectionId, RunId};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::segment::Deviation;
use contact_sync_engine::port::{SegmentRef, SegmentStore, StoreError};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};

use crate::failure::{Answer, Defect, corrupt};
use crate::item::{Item, bytes, bytes_of, expiry, missing, name, text, text_of};
use crate::table::Condition;
use crate::{DynamoStore, keys};

const KIND: &str = "segment";
const DEVIATIONS: &str = "deviations";

/// The segment itself.
const INLINE: &str = "inline";
/// Where the segment lies among the blobs.
const BLOB: &str = "blob";
/// No run is older: 2020 (UTC).
const FIRST_RUN: Timestamp = Timestamp::constant(1_577_836_800, 0);

/// Gzip JSON.
const BODY: &str = "body";

/// Lets an item of a run go when the bucket lets go of the run's blobs: after so many days, at the
/// next midnight. A run's id tells when it was asked for; one that does not keeps its items.
fn expire(item: &mut Item, run: &RunId, kept: Retention) {
    let millis = run.as_str().rsplit('_').next().and_then(|bits| bits.get(..12));
    let asked = millis
        .and_then(|millis| i64::from_str_radix(millis, 16).ok())
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .filter(|asked| *asked > FIRST_RUN);
    let life = SignedDuration::from_hours(24 * (i64::from(kept.history_days) + 1));
    if let Some(until) = asked.and_then(|asked| asked.checked_add(life).ok()) {
        item.insert(name::EXPIRES_AT.into(), expiry(until));
    }
}

/// A page as it stands in the index itself.
pub(crate) fn inline_segment(
    connection: &ConnectionId,
    (run, kept): (&RunId, Retention),
    page: u32,
    inline: Vec<u8>,
) -> Item {
    let mut item = keys::segment(connection, run, page).attributes();
    item.insert(name::KIND.into(), text(KIND));
    expire(&mut item, run, kept);
    item.insert(INLINE.into(), bytes(inline));
    item
}

fn read(item: &Item) -> Result<SegmentRef, StoreError> {
    match (bytes_of(item, INLINE), text_of(item, BLOB)) {
        (Some(bytes), _) => Ok(SegmentRef::Inline(bytes.to_vec())),
        (None, Some(key)) => Ok(SegmentRef::Blob(key.to_owned())),
        (None, None) => Err(missing(KIND, INLINE)),
    }
}

/// Compact JSON of anything.
pub(crate) fn pack<T: serde::Serialize>(
    kind: &'static str,
    value: &T,
) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(value).map_err(corrupt(kind))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&json).map_err(corrupt(kind))?;
    packed.finish().map_err(corrupt(kind))
}

/// Reads what [`pack`] wrote.
pub(crate) fn unpack<T: serde::de::DeserializeOwned>(
    kind: &'static str,
    packed: &[u8],
) -> Result<T, StoreError> {
    let mut json = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut json).map_err(corrupt(kind))?;
    serde_json::from_slice(&json).map_err(corrupt(kind))
}

impl SegmentStore for DynamoStore {
    async fn put_segment(
        &self,
        connection: &ConnectionId,
        (run, kept): (&RunId, Retention),
        page: u32,
        segment: SegmentRef,
    ) -> Result<SegmentRef, StoreError> {
        let mut item = keys::segment(connection, run, page).attributes();
        item.insert(name::KIND.into(), text(KIND));
        expire(&mut item, run, kept);
        match &segment {
            SegmentRef::Inline(inline) => item.insert(INLINE.into(), bytes(inline.as_slice())),
            SegmentRef::Blob(key) => item.insert(BLOB.into(), text(key)),
        };
        match self.state.put_if("PutItem segment", item, Condition::absent()).await? {
            Answer::Done(()) => Ok(segment),
            Answer::Refused(Some(standing)) => read(&standing),
            Answer::Refused(None) => Err(corrupt(KIND)(Defect::Missing)),
        }
    }

    async fn segment(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Option<SegmentRef>, StoreError> {
        let found =
            self.state.get("GetItem segment", &keys::segment(connection, run, page)).await?;
        found.as_ref().map(read).transpose()
    }

    async fn put_deviations(
        &self,
        connection: &ConnectionId,
        (run, kept): (&RunId, Retention),
        page: u32,
        deviations: &[Deviation],
    ) -> Result<(), StoreError> {
        let mut item = keys::deviations(connection, run, page).attributes();
        item.insert(name::KIND.into(), text(DEVIATIONS));
        expire(&mut item, run, kept);
        item.insert(BODY.into(), bytes(pack(DEVIATIONS, &deviations)?));
        self.state.put("PutItem deviations", item).await
    }

    async fn deviations(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Vec<Deviation>, StoreError> {
        let key = keys::deviations(connection, run, page);
        match self.state.get("GetItem deviations", &key).await? {
            None => Ok(Vec::new()),
            Some(item) => {
                unpack(DEVIATIONS, bytes_of(&item, BODY).ok_or_else(|| missing(DEVIATIONS, BODY))?)
            }
        }
    }
}
