//! Asking for everything since a moment to be taken back: what runs did, and what people decided in
//! reviews.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::sync_state::Lane;
use contact_sync_domain::undo::Undoes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{check_ended, none_wrong, queue};
use crate::admin::connections::connection;
use crate::admin::document::Members;
use crate::admin::{AdminError, Caller, Outside};
use crate::port::{AccountStore, Clock, DecisionStore, RunStore, decided_until};
use crate::segments::segments_expired;
use crate::sync::MOST_DECISIONS;

/// How many runs one request takes back.
const MOST_RUNS: usize = 500;

/// How many runs, or decisions, are read at once.
const PAGE: u16 = 100;

/// By how much longer ago than it wrote a run may have been asked for: a connection may rest for
/// long with what waits for it.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24 * 31);

/// How long a plan may take to be asked for and made: what expires sooner is not named as kept.
const SLACK: SignedDuration = SignedDuration::from_hours(1);

/// From which moment on, and before which, everything is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What began to be written at this moment or later.
    pub since: Timestamp,
    /// And before this one; without it up to now. What came after must have been taken back before,
    /// or it is somebody's later change.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Reads `{since, until?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        const EXPECTED: &str = "expected a time like 2026-01-31T08:00:00Z";
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let since = members.text("since", 64).and_then(|text| text.parse::<Timestamp>().ok());
        if since.is_none() {
            members.problem("since", EXPECTED);
        }
        let until = match members.value("until") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let until = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
                match until {
                    None => members.problem("until", EXPECTED),
                    Some(until) if since.is_some_and(|since| until <= since) => {
                        members.problem("until", "expected a later moment than `since`");
                    }
                    Some(_) => {}
                }
                until
            }
        };
        none_wrong(members.finish())?;
        let since = since.ok_or_else(|| AdminError::Invalid(Vec::new()))?;
        Ok(Self { since, until })
    }

    fn has(&self, moment: Timestamp) -> bool {
        self.since <= moment && self.is_before_end(moment)
    }

    fn is_before_end(&self, moment: Timestamp) -> bool {
        self.until.is_none_or(|until| moment < until)
    }
}

/// What a span holds of one kind.
#[derive(Default)]
struct Found {
    /// When the runs began, or the decisions were made.
    moments: Vec<Timestamp>,
    /// The newest of which something is kept no more.
    gone: Option<Timestamp>,
}

impl Found {
    fn note(&mut self, moment: Timestamp, is_gone: bool) {
        if is_gone {
            self.gone = self.gone.max(Some(moment));
        } else {
            self.moments.push(moment);
        }
    }

    /// Since when it is no more than `most`; `None` where all of it is, or where no moment is.
    fn fits_from(&self, most: usize) -> Option<Timestamp> {
        let mut moments = self.moments.clone();
        moments.sort_unstable_by(|one, other| other.cmp(one));
        let first_over = moments.get(most)?;
        moments.iter().take(most).rev().find(|moment| *moment > first_over).copied()
    }
}

/// Asks for a plan that takes back everything that runs did which began to write in this span, and
/// what people decided in reviews in it.
pub async fn request_undo_since(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    span: Span,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let now = outside.clock().now();
    let found = connection(store, account, id).await?;
    let decided = decisions_in(store, id, span, now).await?;
    let (mut runs, began, portions) = runs_in(store, (account, id), span, now).await?;
    check_bounds(&began, &decided)?;
    let days = store.account(account).await?.ok_or(AdminError::NotFound("account"))?.retention;
    check_kept(&found, (span, now), days.deed_days, began.gone.max(decided.gone))?;
    runs.sort_by(|one, other| other.cmp(one));
    let runs = runs.into_iter().map(|(_, run)| run).collect();
    let Span { since, until } = span;
    let undoes = Undoes { runs, since: Some(since), until, portions, contacts: Vec::new() };
    queue(outside, account, id, undoes, caller).await
}

/// The runs of a span, when they began, and the runs behind its end that took back.
async fn runs_in(
    store: &impl RunStore,
    (account, id): (&AccountId, &ConnectionId),
    span: Span,
    now: Timestamp,
) -> Result<(Vec<(Timestamp, RunId)>, Found, Vec<RunId>), AdminError> {
    let (mut runs, mut found, mut portions) = (Vec::new(), Found::default(), Vec::new());
    let mut cursor = None;
    loop {
        let page = store.runs(account, id, cursor.as_deref(), PAGE).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        let is_past = |run: &Run| span.since.duration_since(run.queued_at) > LONGEST_WAIT;
        let is_over = page.runs.last().is_none_or(is_past);
        for run in page.runs {
            let began = run.wrote_from();
            // What waits, or only shows what it would do, wrote nothing yet.
            if began < span.since || matches!(run.status, RunStatus::Queued | RunStatus::Planned) {
                continue;
            }
            if run.kind.lane() == Lane::Main || run.plan.is_some() {
                check_ended(&run)?;
            }
            if run.told_pages().is_empty() {
                continue;
            }
            if span.has(began) {
                let is_gone = segments_expired(&run, now);
                found.note(began, is_gone);
                runs.push((began, run.id));
            } else if run.kind == RunKind::Undo && portions.len() < MOST_RUNS {
                portions.push(run.id);
            }
        }
        cursor = page.cursor;
        if is_over || cursor.is_none() || found.moments.len() > MOST_RUNS {
            return Ok((runs, found, portions));
        }
    }
}

/// What was decided in a span.
async fn decisions_in(
    store: &impl DecisionStore,
    id: &ConnectionId,
    span: Span,
    now: Timestamp,
) -> Result<Found, AdminError> {
    let mut found = Found::default();
    let mut cursor = None;
    loop {
        let page = store.decisions(id, cursor.as_deref(), PAGE).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        let is_over = page.decisions.last().is_none_or(|oldest| oldest.at < span.since);
        for decision in page.decisions.iter().filter(|decision| span.has(decision.at)) {
            found.note(decision.at, decided_until(decision) <= now);
        }
        cursor = page.cursor;
        if is_over || cursor.is_none() || found.moments.len() > MOST_DECISIONS {
            return Ok(found);
        }
    }
}

/// Refuses a span that holds more than one plan takes back, and names the moment since which it
/// would not.
fn check_bounds(runs: &Found, decisions: &Found) -> Result<(), AdminError> {
    let (most_runs, most_decisions) = (MOST_RUNS, MOST_DECISIONS);
    let runs = (runs, most_runs, format!("more than {most_runs} runs began since"));
    let decided = format!("more than {most_decisions} decisions were made since");
    let over = [runs, (decisions, most_decisions, decided)];
    let over = over.into_iter().filter(|(found, most, _)| found.moments.len() > *most);
    let over = over.map(|(found, most, what)| (found.fits_from(most), what));
    let Some((fits, what)) = over.max() else { return Ok(()) };
    let fix = fits.map_or_else(
        || "name a later moment".to_owned(),
        |fits| {
            format!(
                "name {fits}; once that is applied, take back the rest with this moment and \
                 `until` {fits}"
            )
        },
    );
    Err(AdminError::invalid("/since", format!("{what}, and one plan takes back no more: {fix}")))
}

/// Refuses a span of which something is kept no more, and names the earliest moment of which all is.
/// `gone` is the newest of what was found that is not, and decisions are kept for `days`.
fn check_kept(
    connection: &Connection,
    (span, now): (Span, Timestamp),
    days: u16,
    gone: Option<Timestamp>,
) -> Result<(), AdminError> {
    let life = SignedDuration::from_hours(24 * i64::from(days));
    let kept_from = now.saturating_sub(life).unwrap_or(Timestamp::MIN);
    // Of decisions that expired nothing tells that they were made.
    let unknown = connection.created_at < kept_from && span.since < kept_from;
    let earliest = [
        unknown.then(|| kept_from.saturating_add(SLACK).unwrap_or(Timestamp::MAX)),
        gone.map(|gone| gone.saturating_add(SignedDuration::from_secs(1)).unwrap_or(gone)),
    ];
    match earliest.into_iter().flatten().max() {
        None => Ok(()),
        Some(earliest) => Err(AdminError::invalid(
            "/since",
            format!(
                "what was done then is kept no more, and is not half taken back: the earliest \
                 moment that can be named is {earliest}"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn found(moments: impl IntoIterator<Item = i64>) -> Found {
        Found { moments: moments.into_iter().map(at).collect(), gone: None }
    }

    #[test]
    fn the_moment_that_is_named_leaves_no_more_than_the_bound() {
        for (moments, most, expected) in [
            (vec![1, 2, 3], 3, None),
            (vec![3, 1, 2], 2, Some(2)),
            (vec![5, 4, 4, 3], 2, Some(5)),
            (vec![4, 4, 4], 2, None),
        ] {
            let told = format!("{moments:?}, at most {most}");
            assert_eq!(found(moments).fits_from(most), expected.map(at), "{told}");
        }
    }

    /// Who names the moment that a refusal names is not refused again for the other bound.
    #[test]
    fn of_two_bounds_the_later_moment_is_named() {
        let runs = found(0..600);
        let decisions = found(1_000..2_100);
        assert!(check_bounds(&found(0..500), &found(0..1_000)).is_ok());
        let told = |refused: Result<(), AdminError>| match refused {
            Err(AdminError::Invalid(problems)) => problems[0].message.clone(),
            other => panic!("{other:?}"),
        };
        let of_runs = told(check_bounds(&runs, &found([])));
        assert!(of_runs.starts_with("more than 500 runs"), "{of_runs}");
        assert!(of_runs.contains(&at(100).to_string()), "{of_runs}");
        let of_both = told(check_bounds(&runs, &decisions));
        assert!(of_both.starts_with("more than 1000 decisions"), "{of_both}");
        assert!(of_both.contains(&at(1_100).to_string()), "{of_both}");
    }
}
