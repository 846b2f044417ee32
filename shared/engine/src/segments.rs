//! Storing and reading segments: gzip JSON lines, small ones in the index, large ones as blobs.

use std::io::{Read, Write};

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, RunId};
use contact_sync_domain::proof::id_hash;
use contact_sync_domain::retention::{Retention, folders};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{NextStep, Phase, Segment, SegmentItem};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::port::{Blobs, ErasureStore, SegmentRef, SegmentStore, StoreError};

/// What fits into the index item itself, in bytes; one DynamoDB write unit takes 1,024.
pub const INLINE_LIMIT: usize = 8 * 1024;

/// Whether a run is so old that segments of it may be gone.
pub fn segments_expired(run: &Run, now: Timestamp) -> bool {
    let began = run.started_at.unwrap_or(run.queued_at);
    now.duration_since(began) > SignedDuration::from_hours(24 * i64::from(run.kept.history_days))
}

/// The first line of an encoded segment; the items follow, one a line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    page: u32,
    generation: u32,
    phase: Phase,
    fence: u64,
    link_hash: String,
    next: NextStep,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unclear: Vec<ObjectId>,
    /// How many people the page has; a segment that lost some is none.
    #[serde(default)]
    ids: Option<usize>,
    /// XOR of the hashes of their ids (hexadecimal).
    #[serde(default)]
    id_xor: Option<String>,
}

/// The XOR of the hashes of everybody's ids.
fn id_xor(items: &[SegmentItem]) -> String {
    let xor = items.iter().fold(0, |xor, item| xor ^ id_hash(&item.object_id));
    format!("{xor:032x}")
}

/// The folder of blobs that stand for a connection's present state and never expire.
const STATE: &str = "state";

/// Where the blobs lie that stand for a connection's present state.
pub fn state_prefix(account: &AccountId, connection: &ConnectionId) -> String {
    format!("{STATE}/{account}/{connection}/")
}

/// Every place where blobs of an account lie, or of one connection alone: they are erased by these
/// prefixes.
pub fn blob_prefixes(
    account: &AccountId,
    connection: Option<&ConnectionId>,
) -> impl Iterator<Item = String> {
    let below = match connection {
        Some(connection) => format!("{account}/{connection}/"),
        None => format!("{account}/"),
    };
    let folders = folders().into_iter().map(|(folder, _)| folder);
    folders.chain([STATE.to_owned()]).map(move |folder| format!("{folder}/{below}"))
}

/// Stores a segment unless its page has one; answers the one that stands, which the caller must
/// apply instead of its own.
pub async fn store_segment(
    index: &impl SegmentStore,
    blobs: &impl Blobs,
    account: &AccountId,
    connection: &ConnectionId,
    (run, kept): (&RunId, Retention),
    segment: Segment,
) -> Result<Segment, StoreError> {
    let bytes = encode(&segment)?;
    let place = if bytes.len() <= INLINE_LIMIT {
        SegmentRef::Inline(bytes)
    } else {
        // The fence makes the key this attempt's own: a slice that lost its lease cannot replace
        // the bytes behind an index item that another slice wrote.
        let key = format!(
            "{}/{account}/{connection}/{run}/{:06}-{}.jsonl.gz",
            kept.segment_folder(),
            segment.page,
            segment.fence
        );
        blobs.put(&key, bytes, "application/gzip").await?;
        SegmentRef::Blob(key)
    };
    let standing = index.put_segment(connection, (run, kept), segment.page, place.clone()).await?;
    if standing == place { Ok(segment) } else { read(blobs, standing).await }
}

/// The segment of a page, or `None`.
pub async fn load_segment(
    index: &impl SegmentStore,
    blobs: &impl Blobs,
    connection: &ConnectionId,
    run: &RunId,
    page: u32,
) -> Result<Option<Segment>, StoreError> {
    match index.segment(connection, run, page).await? {
        Some(place) => read(blobs, place).await.map(Some),
        None => Ok(None),
    }
}

/// Has `change` alter the segment of a page in its place; whether it did. The people it names are
/// counted anew.
pub(crate) async fn alter_segment(
    stores: &(impl SegmentStore + ErasureStore),
    blobs: &impl Blobs,
    connection: &ConnectionId,
    run: (&RunId, Retention),
    page: u32,
    change: impl FnOnce(&mut Segment) -> bool + Send,
) -> Result<bool, StoreError> {
    let Some(place) = stores.segment(connection, run.0, page).await? else { return Ok(false) };
    let blob = match &place {
        SegmentRef::Inline(_) => None,
        SegmentRef::Blob(key) => Some(key.clone()),
    };
    let mut segment = match read(blobs, place).await {
        // Its blob has gone by its age, or nobody can read it: it tells of nobody.
        Err(StoreError::Corrupt { .. }) => return Ok(false),
        read => read?,
    };
    if !change(&mut segment) {
        return Ok(false);
    }
    let bytes = encode(&segment)?;
    match blob {
        Some(key) => blobs.put(&key, bytes, "application/gzip").await?,
        None => stores.replace_segment(connection, run, page, bytes).await?,
    }
    Ok(true)
}

async fn read(blobs: &impl Blobs, place: SegmentRef) -> Result<Segment, StoreError> {
    match place {
        SegmentRef::Inline(bytes) => decode(&bytes),
        SegmentRef::Blob(key) => match blobs.get(&key).await? {
            Some(bytes) => decode(&bytes),
            None => Err(corrupt(std::io::Error::other("its blob is missing"))),
        },
    }
}

fn corrupt(source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt { item: "a segment".to_owned(), source: Box::new(source) }
}

/// A page of so many people at most is packed as small as can be.
const SMALL: usize = 100;

fn encode(segment: &Segment) -> Result<Vec<u8>, StoreError> {
    let header = Header {
        page: segment.page,
        generation: segment.generation,
        phase: segment.phase,
        fence: segment.fence,
        link_hash: segment.link_hash.clone(),
        next: segment.next.clone(),
        unclear: segment.unclear.clone(),
        ids: Some(segment.items.len()),
        id_xor: Some(id_xor(&segment.items)),
    };
    // A page of few lies in the table, where each KB is paid for, and takes no time to pack well.
    let is_small = segment.items.len() <= SMALL;
    let level = if is_small { Compression::best() } else { Compression::fast() };
    let mut lines = GzEncoder::new(Vec::new(), level);
    serde_json::to_writer(&mut lines, &header).map_err(corrupt)?;
    for item in &segment.items {
        lines.write_all(b"\n").map_err(corrupt)?;
        serde_json::to_writer(&mut lines, item).map_err(corrupt)?;
    }
    lines.finish().map_err(corrupt)
}

fn decode(bytes: &[u8]) -> Result<Segment, StoreError> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).map_err(corrupt)?;
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap_or_default()).map_err(corrupt)?;
    let items = lines
        .map(serde_json::from_str::<SegmentItem>)
        .collect::<Result<Vec<_>, _>>()
        .map_err(corrupt)?;
    let whole = header.ids.is_none_or(|ids| ids == items.len())
        && header.id_xor.is_none_or(|xor| xor == id_xor(&items));
    if !whole {
        return Err(corrupt(std::io::Error::other(
            "it does not name the people it was stored with",
        )));
    }
    Ok(Segment {
        page: header.page,
        generation: header.generation,
        phase: header.phase,
        fence: header.fence,
        link_hash: header.link_hash,
        next: header.next,
        items,
        unclear: header.unclear,
    })
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::reconcile::blank_item;
    use contact_sync_domain::segment::Outcome;

    use super::*;

    #[test]
    fn what_was_intended_is_read_back_as_it_was() {
        let segment = Segment {
            page: 3,
            generation: 1,
            phase: Phase::List,
            fence: 9,
            link_hash: "ab".into(),
            next: NextStep::Next("https://graph.example/v1.0/users?$skiptoken=x".into()),
            items: vec![SegmentItem {
                reason: Some("userType is Guest".into()),
                email: Some("líne\nbreak@contoso.example".into()),
                ..blank_item(&ObjectId::from_u128(5), None, Outcome::Skipped)
            }],
            unclear: vec![ObjectId::from_u128(6)],
        };
        assert_eq!(decode(&encode(&segment).unwrap()).unwrap(), segment);
    }

    #[test]
    fn a_segment_that_lost_somebody_is_not_taken_for_whole() {
        let item = |number| blank_item(&ObjectId::from_u128(number), None, Outcome::Skipped);
        let segment = Segment::of(0, Phase::List, 1, vec![item(1), item(2)]);
        let mut text = String::new();
        let stored = encode(&segment).unwrap();
        GzDecoder::new(stored.as_slice()).read_to_string(&mut text).unwrap();
        let kept: Vec<&str> = text.lines().take(2).collect();
        let mut cut = GzEncoder::new(Vec::new(), Compression::fast());
        cut.write_all(kept.join("\n").as_bytes()).unwrap();
        assert!(decode(&stored).is_ok());
        assert!(matches!(decode(&cut.finish().unwrap()), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn bytes_that_are_no_segment_are_named_as_such() {
        assert!(matches!(decode(b"not gzip"), Err(StoreError::Corrupt { .. })));
    }
}
