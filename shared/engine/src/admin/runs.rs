//! Runs: asking for them, and reading what they did.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{Counts, GraphCost, Progress, Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{Deviation, FieldChange, LinkChange, Outcome, SegmentItem};
use jiff::SignedDuration;
use serde_json::Value;

use super::connections::connection;
use super::document::Members;
use super::lifecycle::check_requirements;
use super::{AdminError, Outside, Page};
use crate::port::{
    Blobs, Clock, ConnectionStore, Randomness, RunStore, SegmentStore, SettingsStore,
    SyncStateStore,
};
use crate::segments::load_segment;

/// How long a signed address of a report works.
const ADDRESS_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Segments that one page of changes reads at most: a quiet run has many without any.
const MOST_SEGMENTS: u32 = 25;

/// Reads `{kind}`.
pub fn read_kind(document: &Value) -> Result<RunKind, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let kind = members.text("kind", 32).and_then(|word| match word.as_str() {
        "full" => Some(RunKind::Full),
        "delta" => Some(RunKind::Delta),
        "user" | "preview" | "drift" | "undo" => {
            members.problem("kind", format!("not available yet: `{word}`; use full or delta"));
            None
        }
        _ => {
            members.problem("kind", "expected full or delta");
            None
        }
    });
    if members.value("user").is_some() {
        members.problem("user", "not available yet: runs of one user");
    }
    let problems = members.finish();
    match kind {
        Some(kind) if problems.is_empty() => Ok(kind),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// Queues a run that somebody asked for. One of the same kind that waits already is answered
/// instead: it will see everything that this one would.
pub async fn request_run(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    kind: RunKind,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let found = connection(store, account, id).await?;
    if found.status != ConnectionStatus::Enabled {
        let fix = match found.status {
            ConnectionStatus::Paused => "resume it first",
            ConnectionStatus::Ready | ConnectionStatus::Disabled => "enable it first",
            ConnectionStatus::Attention => "do what `attention.fix` says first",
            ConnectionStatus::Invited
            | ConnectionStatus::Authorized
            | ConnectionStatus::Disconnected
            | ConnectionStatus::Enabled => "an Entra admin must consent, then enable it",
        };
        return Err(AdminError::NotNow { from: found.status, fix });
    }
    check_requirements(&store.settings(account, id).await?.settings)?;
    if let Some(state) = store.sync_state(account, id).await? {
        let waiting = state.queue.iter().filter(|queued| queued.kind == kind);
        for queued in waiting {
            let run = store.run(account, id, &queued.run_id).await?;
            if let Some(run) = run.filter(|run| run.status == RunStatus::Queued) {
                return Ok(run);
            }
        }
    }
    queue_run(outside, account, id, kind, Trigger::Manual).await
}

/// Records a run and puts it on its connection's queue.
pub(super) async fn queue_run(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    kind: RunKind,
    trigger: Trigger,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let run = Run {
        id: RunId::from_bits(outside.randomness().ordered_bits()),
        account_id: account.clone(),
        connection_id: id.clone(),
        kind,
        trigger,
        status: RunStatus::Queued,
        reason: None,
        counts: Counts::default(),
        progress: Progress::default(),
        settings_version: store.settings(account, id).await?.version,
        graph: GraphCost::default(),
        pages: 0,
        queued_at: outside.clock().now(),
        started_at: None,
        ended_at: None,
        report_ready: false,
        gap_seconds: None,
    };
    store.enqueue(&run).await?;
    Ok(run)
}

/// Finds a run.
pub async fn run(
    store: &impl RunStore,
    account: &AccountId,
    connection: &ConnectionId,
    id: &RunId,
) -> Result<Run, AdminError> {
    store.run(account, connection, id).await?.ok_or(AdminError::NotFound("run"))
}

/// A page of a connection's runs, newest first.
pub async fn runs<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Run>, AdminError>
where
    S: ConnectionStore + RunStore,
{
    connection(store, account, id).await?;
    match store.runs(account, id, cursor, limit).await? {
        Some(page) => Ok(Page { items: page.runs, next: page.cursor }),
        None => Err(AdminError::BadCursor),
    }
}

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

impl AppliedChange {
    /// Field by field, old and new.
    pub fn fields(&self) -> &[FieldChange] {
        &self.item.fields
    }

    /// What happened to the link.
    pub fn link(&self) -> Option<&LinkChange> {
        self.item.link.as_ref()
    }
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
    let limit = usize::from(limit);
    let mut items = Vec::new();
    for page in first..run.pages {
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
    // Segments outlive their run by 30 days; later only the counts remain.
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
        | Outcome::Delete => ChangeResult::Success,
        Outcome::Failed => ChangeResult::Failed,
        Outcome::AwaitingReview => ChangeResult::Skipped,
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
            | Outcome::Deferred => ChangeResult::Skipped,
        },
    };
    let reason = deviation.and_then(|other| other.reason.clone()).or_else(|| item.reason.clone());
    let remedy = deviation.and_then(|other| other.remedy.clone()).or_else(|| item.remedy.clone());
    Some(AppliedChange { item, result, reason, remedy })
}

/// A run's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The file.
    File(Vec<u8>),
    /// Where a file too large for an answer can be downloaded for a few minutes.
    Elsewhere(String),
}

/// The report of a run, in the first or the extended form; larger ones than `limit` bytes by their
/// address.
pub async fn report(
    outside: &impl Outside,
    run: &Run,
    extended: bool,
    limit: usize,
) -> Result<Report, AdminError> {
    if !run.report_ready {
        return Err(AdminError::ReportNotReady);
    }
    let key = report_key(&run.account_id, &run.connection_id, &run.id, extended);
    match outside.blobs().get(&key).await? {
        Some(bytes) if bytes.len() <= limit => Ok(Report::File(bytes)),
        Some(_) => {
            let name = report_file_name(run, extended);
            Ok(Report::Elsewhere(outside.blobs().signed_url(&key, &name, ADDRESS_LIFE).await?))
        }
        // Reports are kept for 90 days.
        None => Err(AdminError::NotFound("report any more")),
    }
}

fn report_key(
    account: &AccountId,
    connection: &ConnectionId,
    run: &RunId,
    extended: bool,
) -> String {
    let form = if extended { "-extended" } else { "" };
    format!("reports/{account}/{connection}/{run}{form}.csv")
}

/// What a downloaded report is called.
pub fn report_file_name(run: &Run, extended: bool) -> String {
    let form = if extended { "-extended" } else { "" };
    format!("sync-report-{}{form}.csv", run.id)
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::id::ObjectId;
    use serde_json::json;

    use super::*;

    fn item(outcome: Outcome) -> SegmentItem {
        SegmentItem {
            object_id: ObjectId::from_u128(1),
            contact_id: None,
            outcome,
            version: 0,
            fields: Vec::new(),
            reason: Some("as decided".to_owned()),
            remedy: None,
            email: None,
            link: None,
            fingerprint: None,
            adopted: false,
            status: None,
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

    #[test]
    fn kinds_that_do_not_exist_yet_are_named_as_such() {
        let AdminError::Invalid(problems) = read_kind(&json!({"kind": "preview"})).unwrap_err()
        else {
            panic!("refused for its kind")
        };
        assert!(problems[0].message.contains("not available yet"), "{problems:?}");
        assert_eq!(read_kind(&json!({"kind": "delta"})).unwrap(), RunKind::Delta);
    }
}
