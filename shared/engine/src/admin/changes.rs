//! What a run changed: its segments, with what deviated when they were applied.

use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Deviation, Outcome, SegmentItem};

use super::{AdminError, Outside, Page};
use crate::port::{Clock, SegmentStore};
use crate::segments::{SEGMENT_DAYS, load_segment, segments_expired};

/// Segments that one page of changes reads at most: a quiet run has many without any.
const MOST_SEGMENTS: u32 = 25;

/// One thing that a run did, or failed to do.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedChange {
    /// What was decided, and what it concerned.
    pub item: SegmentItem,
    /// What became of it.
    pub result: ChangeResult,
    /// Why, where it did not succeed.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub remedy: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeResult {
    /// It was applied.
    Success,
    /// It could not be.
    Failed,
    /// It was left alone: it waits for a person, or something else came first.
    Skipped,
}

/// A page of a run's changes in the order they were made. The cursor is `<page>.<item>` of the next.
pub async fn run_changes(
    outside: &impl Outside,
    run: &Run,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<AppliedChange>, AdminError> {
    let (first, mut skip) = match cursor {
        None => (0, 0),
        Some(cursor) => place(cursor).ok_or(AdminError::BadCursor)?,
    };
    if run.pages > 0 && segments_expired(run, outside.clock().now()) {
        return Err(AdminError::Expired { what: "changes", days: SEGMENT_DAYS });
    }
    let limit = usize::from(limit);
    let mut items = Vec::new();
    let told = run.told_pages();
    for page in first.max(told.start)..told.end {
        if items.len() >= limit || page - first >= MOST_SEGMENTS {
            return Ok(Page { items, next: Some(format!("{page}.0")) });
        }
        let changes = page_changes(outside, run, page).await?;
        let total = changes.len();
        let room = limit - items.len();
        items.extend(changes.into_iter().skip(skip).take(room));
        if total > skip + room {
            return Ok(Page { items, next: Some(format!("{page}.{}", skip + room)) });
        }
        skip = 0;
    }
    Ok(Page { items, next: None })
}

fn place(cursor: &str) -> Option<(u32, usize)> {
    let (page, item) = cursor.split_once('.')?;
    Some((page.parse().ok()?, item.parse().ok()?))
}

async fn page_changes(
    outside: &impl Outside,
    run: &Run,
    page: u32,
) -> Result<Vec<AppliedChange>, AdminError> {
    let (store, connection) = (outside.store(), &run.connection_id);
    let segment = load_segment(store, outside.blobs(), connection, &run.id, page).await?;
    // A number may stand for no segment: a page without anybody on it leaves none.
    let Some(segment) = segment else { return Ok(Vec::new()) };
    let deviations = store.deviations(connection, &run.id, page).await?;
    let deviation_of =
        |item: &SegmentItem| deviations.iter().find(|other| other.object_id == item.object_id);
    Ok(segment
        .items
        .into_iter()
        .filter_map(|item| {
            let deviation = deviation_of(&item);
            applied(item, deviation)
        })
        .collect())
}

/// What an item means to a reader: `None` where nothing was changed and nothing should have been.
fn applied(item: SegmentItem, deviation: Option<&Deviation>) -> Option<AppliedChange> {
    let outcome = deviation.map_or(item.outcome, |deviation| deviation.outcome);
    let result = match outcome {
        Outcome::Create
        | Outcome::Update
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete
        | Outcome::Restore => ChangeResult::Success,
        Outcome::Failed => ChangeResult::Failed,
        Outcome::AwaitingReview | Outcome::Left => ChangeResult::Skipped,
        // Decided at the run's end, where it has a page of its own.
        Outcome::Deferred => return None,
        Outcome::Unchanged | Outcome::Skipped | Outcome::Keep => match item.outcome {
            Outcome::Unchanged | Outcome::Skipped | Outcome::Keep => return None,
            Outcome::Create
            | Outcome::Update
            | Outcome::StopUpdating
            | Outcome::Unlink
            | Outcome::Deactivate
            | Outcome::Delete
            | Outcome::Failed
            | Outcome::AwaitingReview
            | Outcome::Deferred
            | Outcome::Restore
            | Outcome::Left => ChangeResult::Skipped,
        },
    };
    let reason = deviation.and_then(|other| other.reason.clone()).or_else(|| item.reason.clone());
    let remedy = deviation.and_then(|other| other.remedy.clone()).or_else(|| item.remedy.clone());
    Some(AppliedChange { item, result, reason, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contact_sync_domain::id::ObjectId;
    use contact_sync_domain::reconcile::blank_item;

    fn item(outcome: Outcome) -> SegmentItem {
        SegmentItem {
            reason: Some("as decided".to_owned()),
            ..blank_item(&ObjectId::from_u128(1), None, outcome)
        }
    }

    fn deviation(outcome: Outcome) -> Deviation {
        Deviation {
            object_id: ObjectId::from_u128(1),
            outcome,
            reason: Some("as it came".to_owned()),
            remedy: Some("do this".to_owned()),
        }
    }

    #[test]
    fn a_change_that_came_to_something_else_says_so() {
        let failed = applied(item(Outcome::Create), Some(&deviation(Outcome::Failed))).unwrap();
        assert_eq!(failed.result, ChangeResult::Failed);
        assert_eq!(failed.reason.as_deref(), Some("as it came"));
        let left = applied(item(Outcome::Update), Some(&deviation(Outcome::Unchanged))).unwrap();
        assert_eq!(left.result, ChangeResult::Skipped);
    }

    #[test]
    fn people_to_whom_nothing_happened_are_no_changes() {
        for outcome in [Outcome::Unchanged, Outcome::Skipped, Outcome::Keep, Outcome::Deferred] {
            assert_eq!(applied(item(outcome), None), None, "{outcome:?}");
        }
        assert!(applied(item(Outcome::Delete), None).is_some());
    }
}
