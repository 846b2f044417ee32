//! Runs: asking for them and finding them.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::sync_state::QueuedRun;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connections::connection;
use super::document::Members;
use super::lifecycle::check_requirements;
use super::{AdminError, Outside, Page};
use crate::port::{Clock, ConnectionStore, Randomness, RunStore, SettingsStore, SyncStateStore};

/// How often a page of a narrowed list reads on: runs that a filter wants may lie far apart.
const MOST_READS: usize = 20;

/// How many runs that somebody asked for may wait for one connection.
pub(super) const MOST_WAITING: usize = 100;

/// By how much a run's id may tell another time than the run itself: the list is in the order of ids.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// Which runs a list tells of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    kind: Option<RunKind>,
    status: Option<RunStatus>,
    /// The first moment at which they were asked for.
    from: Option<Timestamp>,
    /// The moment before which they were asked for.
    to: Option<Timestamp>,
}

impl RunFilter {
    /// Reads `kind`, `status`, `from` and `to` from what a caller gives for each.
    ///
    /// # Errors
    /// What the first that cannot be read should be, in a sentence.
    pub fn read<'a>(given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let moment = |name: &str| {
            let read = |text: &str| {
                text.parse::<Timestamp>()
                    .ok()
                    .ok_or_else(|| format!("`{name}` is a time like 2026-01-31T08:00:00Z."))
            };
            given(name).map(read).transpose()
        };
        Ok(Self {
            kind: word(given("kind"), "`kind` is a run's kind, like full.")?,
            status: word(given("status"), "`status` is a run's status, like succeeded.")?,
            from: moment("from")?,
            to: moment("to")?,
        })
    }

    /// Before which moment the list begins.
    fn begins(&self) -> Option<Timestamp> {
        self.to.map(|to| to.saturating_add(SLACK).unwrap_or(to))
    }

    /// Whether no run after this one, which are older, can be wanted.
    fn is_past(&self, run: &Run) -> bool {
        self.from.is_some_and(|from| from.duration_since(run.queued_at) > SLACK)
    }

    fn accepts(&self, run: &Run) -> bool {
        self.kind.is_none_or(|kind| kind == run.kind)
            && self.status.is_none_or(|status| status == run.status)
            && self.from.is_none_or(|from| run.queued_at >= from)
            && self.to.is_none_or(|to| run.queued_at < to)
    }
}

/// A word as documents spell it.
fn word<T: DeserializeOwned>(given: Option<&str>, expected: &str) -> Result<Option<T>, String> {
    let read =
        |word: &str| serde_json::from_value(Value::from(word)).ok().ok_or_else(|| expected.into());
    given.map(read).transpose()
}

/// What somebody asks for who starts a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Everybody, or what changed.
    All(RunKind),
    /// One person, by object id, user principal name or e-mail address.
    User(String),
}

/// Reads `{kind, user?}`.
pub fn read_asked(document: &Value) -> Result<Asked, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let kind = members.text("kind", 32).and_then(|word| match word.as_str() {
        "full" => Some(RunKind::Full),
        "delta" => Some(RunKind::Delta),
        "user" => Some(RunKind::User),
        "drift" => Some(RunKind::Drift),
        "preview" => {
            members.problem("kind", "a preview is asked for with POST …/previews");
            None
        }
        "undo" => {
            let routes = "what a run did is taken back with POST …/runs/{runId}/undo, what was \
                          done since a moment with POST …/undo";
            members.problem("kind", routes);
            None
        }
        _ => {
            members.problem("kind", "expected full, delta, user or drift");
            None
        }
    });
    let user = if kind == Some(RunKind::User) {
        members.text("user", 320)
    } else {
        if members.value("user").is_some() {
            members.problem("user", "only a run of kind user is about one person");
        }
        None
    };
    let problems = members.finish();
    match (kind, user) {
        _ if !problems.is_empty() => Err(AdminError::Invalid(problems)),
        (Some(_), Some(user)) => Ok(Asked::User(user)),
        (Some(kind), None) => Ok(Asked::All(kind)),
        (None, _) => Err(AdminError::Invalid(problems)),
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
    check_syncs(outside, account, id).await?;
    if let Some(state) = store.sync_state(account, id).await? {
        let waiting = state.queue.iter().filter(|queued| queued.kind == kind);
        for queued in waiting {
            let run = store.run(account, id, &queued.run_id).await?;
            let stands_for_it =
                |run: &Run| run.status == RunStatus::Queued && run.trigger != Trigger::Reset;
            if let Some(run) = run.filter(stands_for_it) {
                return Ok(run);
            }
        }
    }
    queue_run(outside, account, id, kind, Trigger::Manual).await
}

/// Whether a run that somebody asks for can be begun: the connection is enabled, and its settings
/// need nothing that is missing.
pub(super) async fn check_syncs(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<Connection, AdminError> {
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
    Ok(found)
}

/// Refuses another run where very many wait: they lie in one item of the store, beside the work that
/// goes on.
pub(super) fn check_room(found: &Connection, waiting: &[QueuedRun]) -> Result<(), AdminError> {
    if waiting.len() < MOST_WAITING {
        return Ok(());
    }
    let fix = "very many runs wait for this connection already; ask again when some have ended, or \
               for one run of all";
    Err(AdminError::NotNow { from: found.status, fix })
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
    let run = Run::queued(
        RunId::from_bits(outside.randomness().ordered_bits()),
        (account.clone(), id.clone()),
        (kind, trigger),
        store.settings(account, id).await?.version,
        outside.clock().now(),
    );
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

/// A page of those of a connection's runs that the filter lets through, newest first.
pub async fn runs<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    filter: &RunFilter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Run>, AdminError>
where
    S: ConnectionStore + RunStore,
{
    connection(store, account, id).await?;
    let begins = || filter.begins().map(|moment| store.runs_before(account, id, moment));
    let mut items = Vec::new();
    let mut next = cursor.map(str::to_owned).or_else(begins);
    for _ in 0..MOST_READS {
        let room = limit.saturating_sub(u16::try_from(items.len()).unwrap_or(limit));
        let page = store.runs(account, id, next.as_deref(), room).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        let is_past = page.runs.last().is_some_and(|run| filter.is_past(run));
        items.extend(page.runs.into_iter().filter(|run| filter.accepts(run)));
        next = page.cursor.filter(|_| !is_past);
        if next.is_none() || items.len() >= usize::from(limit) {
            break;
        }
    }
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_of_runs_takes_the_words_of_a_run_and_times() {
        let read = |name: &'static str, value: &'static str| {
            RunFilter::read(|asked| (asked == name).then_some(value))
        };
        assert_eq!(read("kind", "delta").unwrap().kind, Some(RunKind::Delta));
        assert_eq!(read("status", "blocked").unwrap().status, Some(RunStatus::Blocked));
        assert!(read("from", "2026-01-31T08:00:00+02:00").unwrap().from.is_some());
        for (name, value) in [("kind", "Full"), ("status", "done"), ("to", "yesterday")] {
            let told = read(name, value).unwrap_err();
            assert!(told.starts_with(&format!("`{name}` is ")), "{told}");
        }
    }

    #[test]
    fn a_run_is_of_everybody_or_what_changed_or_one_person() {
        let asked = |document| read_asked(&document).unwrap();
        assert_eq!(asked(json!({"kind": "delta"})), Asked::All(RunKind::Delta));
        let user = "ada@contoso.example";
        assert_eq!(asked(json!({"kind": "user", "user": user})), Asked::User(user.to_owned()));
        for (document, pointer) in [
            (json!({"kind": "preview"}), "/kind"),
            (json!({"kind": "everything"}), "/kind"),
            (json!({"kind": "user"}), "/user"),
            (json!({"kind": "full", "user": user}), "/user"),
        ] {
            let AdminError::Invalid(problems) = read_asked(&document).unwrap_err() else {
                panic!("{document} is refused by name")
            };
            assert_eq!(problems[0].pointer, pointer, "{document}");
        }
    }
}
