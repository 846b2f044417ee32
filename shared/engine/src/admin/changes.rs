//! What a run changed: its segments, with what deviated when they were applied.

mod filter;

use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Deviation, Outcome, SegmentItem};

use super::{AdminError, Outside, Page};
use crate::port::{Clock, SegmentStore};
use crate::segments::{load_segment, segments_expired};

pub use filter::ChangeFilter;

/// Segments that one page of changes reads at most: a quiet run has many without any.
const MOST_SEGMENTS: u32 = 25;

/// One thing that a run did, or failed to do.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedChange {
    /// What was decided, and what it concerned.
    pub item: SegmentItem,
    /// What was wanted.
    pub kind: ChangeKind,
    /// What became of it.
    pub result: ChangeResult,
    /// Why, where it did not succeed.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub remedy: Option<String>,
}

/// What was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A contact is made.
    Create,
    /// A contact or its link changes.
    Update,
    /// The tie to the user is cut.
    Unlink,
    /// The contact becomes inactive.
    Deactivate,
    /// The contact is deleted.
    Delete,
    /// A contact that was deleted, or a tie that was cut, comes back.
    Restore,
    /// Nothing: the contact was right already. Told on request only.
    Unchanged,
    /// Nothing: the scope does not mean the user, or policy keeps the contact. Told on request only.
    Skipped,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Update,
        Self::Unlink,
        Self::Deactivate,
        Self::Delete,
        Self::Restore,
        Self::Unchanged,
        Self::Skipped,
    ];

    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unlink => "unlink",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Of a record that failed or waits only its contact tells what was wanted.
    pub(super) fn of(item: &SegmentItem) -> Self {
        match item.outcome {
            Outcome::Create => Self::Create,
            Outcome::Unlink => Self::Unlink,
            Outcome::Deactivate => Self::Deactivate,
            Outcome::Delete => Self::Delete,
            Outcome::Restore => Self::Restore,
            // The contact keeps its fields; its link tells that the user left.
            Outcome::StopUpdating | Outcome::Update => Self::Update,
            Outcome::Unchanged | Outcome::Left if !item.memberships().is_empty() => Self::Update,
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Skipped | Outcome::Keep => Self::Skipped,
            Outcome::Failed | Outcome::AwaitingReview | Outcome::Deferred | Outcome::Left => {
                let had_contact = item.version > 0 || item.adopted;
                if had_contact { Self::Update } else { Self::Create }
            }
        }
    }
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

impl ChangeResult {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Success, Self::Failed, Self::Skipped].into_iter().find(|one| one.name() == name)
    }
}

/// A page of those of a run's changes that the filter lets through, in the order they were made. The
/// cursor is `<page>.<item>` of the next.
pub async fn run_changes(
    outside: &impl Outside,
    run: &Run,
    filter: &ChangeFilter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<AppliedChange>, AdminError> {
    let (first, mut skip) = match cursor {
        None => (0, 0),
        Some(cursor) => place(cursor).ok_or(AdminError::BadCursor)?,
    };
    if run.pages > 0 && segments_expired(run, outside.clock().now()) {
        return Err(AdminError::Expired { what: "changes", days: run.kept.history_days.into() });
    }
    let limit = usize::from(limit);
    let mut items = Vec::new();
    let told = run.told_pages();
    // What a plan applied lies behind its own pages.
    let first = first.max(told.start);
    for page in first..told.end {
        if items.len() >= limit || page - first >= MOST_SEGMENTS {
            return Ok(Page { items, next: Some(format!("{page}.0")) });
        }
        let changes = page_changes(outside, run, filter, page).await?;
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
    filter: &ChangeFilter,
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
            applied(item, deviation, filter.wants_quiet())
        })
        .filter(|change| filter.accepts(change))
        .collect())
}

/// What an item means to a reader: `None` where nothing was changed and nothing should have been,
/// unless whoever that is of is wanted, too.
fn applied(
    item: SegmentItem,
    deviation: Option<&Deviation>,
    wants_quiet: bool,
) -> Option<AppliedChange> {
    let (item, deviation) = Deviation::instead(item, deviation);
    let outcome = deviation.map_or(item.outcome, |deviation| deviation.outcome);
    let result = match outcome {
        Outcome::Unchanged if !item.memberships().is_empty() => ChangeResult::Success,
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
            Outcome::Unchanged | Outcome::Skipped | Outcome::Keep if !wants_quiet => return None,
            Outcome::Unchanged => ChangeResult::Success,
            Outcome::Skipped
            | Outcome::Keep
            | Outcome::Create
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
    Some(AppliedChange { kind: ChangeKind::of(&item), item, result, reason, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contact_sync_domain::id::ObjectId;
    use contact_sync_domain::reconcile::blank_item;

    fn item(outcome: Outcome) -> SegmentItem {
        SegmentItem {
            reason: Some("As decided".to_owned()),
            ..blank_item(&ObjectId::from_u128(1), None, outcome)
        }
    }

    fn deviation(outcome: Outcome) -> Deviation {
        Deviation {
            object_id: ObjectId::from_u128(1),
            outcome,
            reason: Some("as it came".to_owned()),
            remedy: Some("do this".to_owned()),
            item: None,
        }
    }

    #[test]
    fn a_change_that_came_to_something_else_says_so() {
        let failed =
            applied(item(Outcome::Create), Some(&deviation(Outcome::Failed)), false).unwrap();
        assert_eq!(failed.result, ChangeResult::Failed);
        assert_eq!(failed.reason.as_deref(), Some("as it came"));
        let left =
            applied(item(Outcome::Update), Some(&deviation(Outcome::Unchanged)), false).unwrap();
        assert_eq!(left.result, ChangeResult::Skipped);
    }

    #[test]
    fn people_to_whom_nothing_happened_are_no_changes() {
        for outcome in [Outcome::Unchanged, Outcome::Skipped, Outcome::Keep, Outcome::Deferred] {
            assert_eq!(applied(item(outcome), None, false), None, "{outcome:?}");
        }
        assert!(applied(item(Outcome::Delete), None, false).is_some());
    }

    #[test]
    fn whom_nothing_happened_to_is_told_on_request() {
        for (outcome, kind) in [
            (Outcome::Unchanged, ChangeKind::Unchanged),
            (Outcome::Skipped, ChangeKind::Skipped),
            (Outcome::Keep, ChangeKind::Skipped),
        ] {
            assert_eq!(applied(item(outcome), None, true).unwrap().kind, kind, "{outcome:?}");
        }
        assert_eq!(applied(item(Outcome::Deferred), None, true), None, "its page is another");
    }

    fn filter(name: &'static str, value: &'static str) -> Result<ChangeFilter, String> {
        ChangeFilter::read(|asked| (asked == name).then_some(value))
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_what_it_should_be() {
        for (name, value) in [
            ("kind", "merge"),
            ("result", "done"),
            ("field", "shoeSize"),
            ("contact", "7"),
            ("user", "ana"),
            ("cause", "left"),
            ("moved", "both"),
        ] {
            let told = filter(name, value).unwrap_err();
            assert!(told.starts_with(&format!("`{name}` is ")), "{told}");
        }
        assert_eq!(ChangeFilter::read(|_| None), Ok(ChangeFilter::default()));
    }

    #[test]
    fn a_filter_lets_through_what_it_names_and_nothing_else() {
        let change = applied(item(Outcome::Create), None, false).unwrap();
        let user = "00000000-0000-0000-0000-000000000001";
        for (name, value, accepted) in [
            ("kind", "create", true),
            ("kind", "update", false),
            ("result", "success", true),
            ("result", "failed", false),
            ("reason", "AS dec", true),
            ("reason", "as asked", false),
            ("field", "city", false),
            ("user", user, true),
            ("user", "00000000-0000-0000-0000-000000000002", false),
            ("contact", "ctc_00000000000000000000000000000001", false),
            ("cause", "softDeleted", false),
            ("moved", "entra", false),
        ] {
            let filter = filter(name, value).unwrap();
            assert_eq!(filter.accepts(&change), accepted, "{name}={value}");
        }
    }
}
