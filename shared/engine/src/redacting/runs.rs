//! Taking a person out of what runs left: their pages, what they say of themselves, and the files of
//! their reports.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::erasure::{Erasures, RedactionPlace};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::redaction::Forgotten;
use contact_sync_domain::run::{Run, RunStatus};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{LONGEST_TELLING, RedactingStores, Slice};
use crate::port::{Blobs, Clock, StoreError};
use crate::report::{has_plan_report, redact_report};
use crate::segments::alter_segment;

/// How many pages are gone through between two looks at the time.
const PAGES: u32 = 64;

/// How many of them at the same time.
const TOGETHER: usize = 16;

/// How many runs are read at once.
const RUNS: u16 = 100;

/// After so long nobody works on a run any more.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(7 * 24);

impl<S, B, C> Slice<'_, S, B, C>
where
    S: RedactingStores,
    B: Blobs,
    C: Clock,
{
    /// Goes through the runs of all connections once, newest first.
    pub(super) async fn redact_runs(&mut self) -> Result<bool, StoreError> {
        if self.redaction.is_through {
            return Ok(true);
        }
        let account = self.receipt.account_id.clone();
        let mut connections = self.stores.connections(&account).await?;
        connections.sort_by(|one, other| one.id.cmp(&other.id));
        for connection in connections {
            if self.redaction.at.as_ref().is_some_and(|at| connection.id < at.connection) {
                continue;
            }
            let mut cursor: Option<String> = None;
            loop {
                let page =
                    self.stores.runs(&account, &connection.id, cursor.as_deref(), RUNS).await?;
                let Some(page) = page else { break };
                for run in page.runs {
                    if !self.redact_next(&connection, &run).await? {
                        return Ok(false);
                    }
                }
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        self.redaction.is_through = true;
        Ok(true)
    }

    /// Goes through a run of the list unless that was done.
    async fn redact_next(
        &mut self,
        connection: &Connection,
        run: &Run,
    ) -> Result<bool, StoreError> {
        let at = self.redaction.at.as_ref().filter(|at| at.connection == connection.id);
        if at.is_some_and(|at| run.id > at.run) {
            return Ok(true);
        }
        let from = at.filter(|at| at.run == run.id).map_or(0, |at| at.page);
        if from == u32::MAX {
            return Ok(true);
        }
        let rests = self.rests(run).await?;
        // Neither pages nor files are left of such a run.
        let from = if is_bare(run, self.clock.now()) { u32::MAX } else { from };
        let reached = self.redact_run(connection, run, from, rests).await?;
        let place =
            |page| RedactionPlace { connection: connection.id.clone(), run: run.id.clone(), page };
        self.redaction.at = Some(place(reached.unwrap_or(u32::MAX)));
        if reached.is_none() && !rests {
            self.redaction.open.push(place(0));
        }
        Ok(reached.is_none() && !self.is_over())
    }

    /// Goes through the runs again that were at work, as far as they are at rest.
    pub(super) async fn redact_open(&mut self) -> Result<bool, StoreError> {
        if self.redaction.open.is_empty() {
            return Ok(true);
        }
        let account = self.receipt.account_id.clone();
        let connections = self.stores.connections(&account).await?;
        let mut still = Vec::new();
        let mut open = std::mem::take(&mut self.redaction.open).into_iter();
        for place in open.by_ref() {
            if self.is_over() {
                still.push(place);
                break;
            }
            // How a run stands is read before its pages are.
            let run = self.stores.run(&account, &place.connection, &place.run).await?;
            let connection = connections.iter().find(|one| one.id == place.connection);
            let (Some(run), Some(connection)) = (run, connection) else { continue };
            if !self.rests(&run).await? {
                still.push(place);
                continue;
            }
            if let Some(page) = self.redact_run(connection, &run, place.page, true).await? {
                still.push(RedactionPlace { page, ..place });
                break;
            }
        }
        still.extend(open);
        // Beside those that somebody changed in this moment.
        self.redaction.open.extend(still);
        Ok(!self.is_over())
    }

    /// Whether a run and its report store nothing any more that was decided before the person was
    /// forgotten.
    async fn rests(&self, run: &Run) -> Result<bool, StoreError> {
        let since = |at: Timestamp| self.clock.now().duration_since(at);
        match run.status {
            // What begins later meets the tombstone.
            RunStatus::Queued => Ok(true),
            RunStatus::Running => Ok(since(run.started_at.unwrap_or(run.queued_at)) > LONGEST_RUN),
            RunStatus::Planned => {
                let made_at = run.plan.as_ref().map_or(run.queued_at, |plan| plan.made_at);
                Ok(since(made_at) > LONGEST_TELLING || has_plan_report(self.blobs, run).await?)
            }
            RunStatus::Succeeded
            | RunStatus::Partial
            | RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Blocked => {
                Ok(run.report_ready
                    || since(run.ended_at.unwrap_or(run.queued_at)) > LONGEST_TELLING)
            }
        }
    }

    /// Goes through one run from a page on; answers the page it came to when time was up.
    async fn redact_run(
        &mut self,
        connection: &Connection,
        run: &Run,
        from: u32,
        rests: bool,
    ) -> Result<Option<u32>, StoreError> {
        let person = self.receipt.person.clone().unwrap_or_default();
        let account = self.receipt.account_id.clone();
        // A run that goes on calls him the same on the pages that it stores.
        let own = person.user.as_ref().map(|user| user.derived(&account));
        let stands_for = run.id.standing_for(own.as_ref().unwrap_or(&self.receipt.contact_id));
        let user = person.user.map(|user| user.object_id);
        let forgotten = Forgotten {
            account: &account,
            tenant: connection.tenant.as_ref().map(|tenant| &tenant.id),
            contact: &self.receipt.contact_id.clone(),
            others: &self.receipt.other_ids(),
            barred: &self.receipt.barred.clone(),
            user: user.as_ref(),
            stands_for: &stands_for,
            requested_at: self.receipt.requested_at,
        };
        if from == u32::MAX {
            if !self.redact_head(&forgotten, run).await? {
                self.open_again(run);
            }
            return Ok(None);
        }
        let last = run.plan.as_ref().map_or(run.pages, |plan| run.pages.max(plan.pages));
        let mut page = from;
        // A page may have been stored that the run did not come to count.
        while page < last || self.stores.segment(&run.connection_id, &run.id, page).await?.is_some()
        {
            let end = page.saturating_add(PAGES).min(last.max(page + 1));
            let named: Vec<bool> = stream::iter(page..end)
                .map(|page| self.redact_page(&forgotten, run, page))
                .buffer_unordered(TOGETHER)
                .try_collect()
                .await?;
            let pages = named.into_iter().map(u64::from).sum();
            self.add(Erasures { pages, ..Erasures::default() });
            page = end;
            if self.is_over() {
                return Ok(Some(page));
            }
        }
        if rests && !self.redact_head(&forgotten, run).await? {
            self.open_again(run);
        }
        let reports = redact_report(self.blobs, run, |user| forgotten.is(user)).await?;
        self.add(Erasures { reports, ..Erasures::default() });
        Ok(None)
    }

    /// Somebody changed it in this moment.
    fn open_again(&mut self, run: &Run) {
        let (connection, run) = (run.connection_id.clone(), run.id.clone());
        self.redaction.open.push(RedactionPlace { connection, run, page: 0 });
    }

    /// Takes the person out of what a run says of itself: whom it was about, and about whom its
    /// plan was approved.
    async fn redact_head(&self, forgotten: &Forgotten<'_>, run: &Run) -> Result<bool, StoreError> {
        let mut left = run.clone();
        left.user = left.user.filter(|user| !forgotten.is(user));
        let approved = left.plan.as_mut().and_then(|plan| plan.approved.as_mut());
        let items: &mut [ObjectId] =
            approved.and_then(|approved| approved.items.as_deref_mut()).unwrap_or_default();
        for user in items.iter_mut().filter(|user| forgotten.is(user)) {
            *user = forgotten.stands_for.clone();
        }
        if left == *run { Ok(true) } else { self.stores.replace_run(&left).await }
    }

    async fn redact_page(
        &self,
        forgotten: &Forgotten<'_>,
        run: &Run,
        page: u32,
    ) -> Result<bool, StoreError> {
        let (stores, connection) = (self.stores, &run.connection_id);
        let place = (&run.id, run.kept);
        // First what only the page leads to.
        let mut deviations = stores.deviations(connection, &run.id, page).await?;
        let deviated = forgotten.take_from_deviations(&mut deviations);
        if deviated {
            stores.put_deviations(connection, place, page, &deviations).await?;
        }
        let has_ended = run.status.is_terminal();
        let change = |segment: &mut _| forgotten.take_from(segment, has_ended);
        let named = alter_segment(stores, self.blobs, connection, place, page, change).await?;
        Ok(named || deviated)
    }
}

/// Whether all that a run left has gone by its age, a day ago at the least.
fn is_bare(run: &Run, now: Timestamp) -> bool {
    let days = i64::from(run.kept.history_days.max(run.kept.report_days)) + 1;
    let since = run.ended_at.or(run.started_at).unwrap_or(run.queued_at);
    run.status.is_terminal() && now.duration_since(since) > SignedDuration::from_hours(24 * days)
}
