//! Taking a person out of what runs left: their pages, the files of their reports, told events.
//!
//! It is done in slices, each of which goes on where the one before came to, which the receipt
//! knows. A run that was at work when the person was forgotten may store a page with him
//! afterwards, and so may the report of one that just ended: both are gone through again once they
//! are at rest, and only then nothing tells of the person any more.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::erasure::{
    ErasedUser, ErasureReceipt, ErasureState, Erasures, Redaction, RedactionPlace,
};
use contact_sync_domain::id::{AccountId, ErasureId, ObjectId};
use contact_sync_domain::redaction::Forgotten;
use contact_sync_domain::run::{Run, RunStatus};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::photos::delete_photo;
use crate::port::{
    Blobs, Clock, ConnectionStore, ContactStore, ErasureStore, PhotoStore, RunStore, SegmentStore,
    StoreError, WelcomeStore,
};
use crate::report::{has_plan_report, redact_report};
use crate::segments::alter_segment;

/// How many pages are gone through between two looks at the time.
const PAGES: u32 = 64;

/// How many of them at the same time.
const TOGETHER: usize = 16;

/// How many runs are read at once.
const RUNS: u16 = 100;

/// What is at work ends within seconds for the most part: how often it is looked for before that is
/// left to a later slice, and how long after one another.
const LOOKS: u32 = 5;
const BETWEEN: SignedDuration = SignedDuration::from_secs(2);

/// After so long nobody works on a run any more.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// After so long a report that is not there was given up, and so was telling a removal: neither
/// queues nor streams keep anything for longer.
const LONGEST_TELLING: SignedDuration = SignedDuration::from_hours(24);

/// What a slice came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// Nothing tells of the person any more.
    Done,
    /// Time was up; the next slice goes on.
    GoesOn,
    /// What is at work may still tell of the person.
    Waits,
    /// There was nothing to do, or somebody else does it.
    NotOurs,
}

/// Goes on with a receipt until nothing tells of the person any more, or time is up.
pub async fn redact<S>(
    stores: &S,
    blobs: &impl Blobs,
    clock: &impl Clock,
    (account, id): (&AccountId, &ErasureId),
    until: Timestamp,
) -> Result<Redacted, StoreError>
where
    S: ConnectionStore
        + ContactStore
        + ErasureStore
        + PhotoStore
        + RunStore
        + SegmentStore
        + WelcomeStore,
{
    let receipt = stores.receipt(account, id).await?;
    let open = receipt.and_then(|receipt| {
        let redaction = receipt.redaction.clone()?;
        (receipt.state == ErasureState::Redacting).then_some((receipt, redaction))
    });
    let Some((receipt, redaction)) = open else {
        stores.close_erasure(account, id).await?;
        return Ok(Redacted::NotOurs);
    };
    let mut slice = Slice { stores, blobs, clock, until, receipt, redaction, is_clear: false };
    for look in 1.. {
        let in_time = slice.go_on().await?;
        if slice.redaction.is_done() && !slice.looks_at_photos().await? {
            slice.clear().await?;
        }
        if !in_time || slice.is_clear {
            break;
        }
        slice.redaction.waits = true;
        if look == LOOKS || clock.now() + BETWEEN >= until {
            break;
        }
        clock.sleep(BETWEEN).await;
    }
    slice.end().await
}

struct Slice<'a, S, B, C> {
    stores: &'a S,
    blobs: &'a B,
    clock: &'a C,
    until: Timestamp,
    receipt: ErasureReceipt,
    redaction: Redaction,
    /// Whether nothing tells of the person any more.
    is_clear: bool,
}

impl<S, B, C> Slice<'_, S, B, C>
where
    S: ConnectionStore
        + ContactStore
        + ErasureStore
        + PhotoStore
        + RunStore
        + SegmentStore
        + WelcomeStore,
    B: Blobs,
    C: Clock,
{
    fn is_over(&self) -> bool {
        self.clock.now() >= self.until
    }

    fn add(&mut self, found: Erasures) {
        self.receipt.found = self.receipt.found.and(found);
    }

    /// Stores how far it came.
    async fn end(self) -> Result<Redacted, StoreError> {
        let (now, is_done) = (self.clock.now(), self.is_clear);
        let outcome = match (is_done, self.redaction.waits) {
            (true, _) => Redacted::Done,
            (false, true) => Redacted::Waits,
            (false, false) => Redacted::GoesOn,
        };
        let mut kept = ErasureReceipt {
            version: self.receipt.version + 1,
            written_at: Some(now),
            redaction: Some(self.redaction),
            ..self.receipt
        };
        if is_done {
            kept.state = ErasureState::Done;
            kept.redaction = None;
            kept.person = None;
            kept.history_until = now;
        }
        Ok(if self.stores.put_receipt(&kept).await? { outcome } else { Redacted::NotOurs })
    }

    /// Does whatever can be done now; `false` when time is up before that.
    async fn go_on(&mut self) -> Result<bool, StoreError> {
        self.redaction.waits = false;
        Ok(self.redact_events().await? && self.redact_runs().await? && self.redact_open().await?)
    }

    /// Takes away what runs at work, and people and mails that were on their way, asked, staged,
    /// claimed and put beside the contact since the person was forgotten.
    async fn clear(&mut self) -> Result<(), StoreError> {
        let ErasureReceipt { account_id, contact_id, barred, others, .. } = self.receipt.clone();
        let person = self.receipt.person.clone().unwrap_or_default();
        for contact in barred.iter().chain([&contact_id]) {
            let found = self.stores.erase_beside(&account_id, contact).await?;
            self.add(found);
            self.stores.forget_welcome(&account_id, contact).await?;
        }
        if let Some(ErasedUser { tenant_id, object_id, .. }) = &person.user {
            // Whose own id is another contact's is barred by a note.
            if !others.noted.iter().any(|one| one.object_id == *object_id) {
                self.stores.delete_adoption(&account_id, tenant_id, object_id).await?;
            }
        }
        let user = person.user.map(|user| user.object_id);
        for connection in self.stores.connections(&account_id).await? {
            let found = self.stores.erase_asked(&connection.id, &contact_id, user.as_ref()).await?;
            self.add(found);
        }
        if let Some(key) = &person.email_key {
            ContactStore::release(self.stores, &account_id, key, &contact_id).await?;
        }
        delete_photo(self.stores, self.blobs, &account_id, &contact_id).await?;
        self.is_clear = true;
        Ok(())
    }

    /// Whether somebody may still store a photo that he asked for before the person was forgotten.
    async fn looks_at_photos(&self) -> Result<bool, StoreError> {
        let account = &self.receipt.account_id;
        for connection in self.stores.connections(account).await? {
            let lane = self.stores.photo_lane(account, &connection.id).await?;
            if lane.is_some_and(|lane| lane.is_held(self.clock.now())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn redact_events(&mut self) -> Result<bool, StoreError> {
        while let Some(from) = self.redaction.events {
            let (account, contact) = (&self.receipt.account_id, &self.receipt.contact_id);
            let found = self.stores.forget_events(account, contact, from).await?;
            self.add(Erasures { events: found.events, ..Erasures::default() });
            // A contact that came back was removed before: the last that was told counts.
            if let Some(removed) = found.tells_removal {
                self.redaction.is_untold = !removed;
            }
            self.redaction.events = Some(found.next);
            if found.is_end {
                let asked_for = self.clock.now().duration_since(self.receipt.requested_at);
                if !self.redaction.is_untold || asked_for > LONGEST_TELLING {
                    self.redaction.events = None;
                }
                return Ok(true);
            }
            if self.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes through the runs of all connections once, newest first.
    async fn redact_runs(&mut self) -> Result<bool, StoreError> {
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
    async fn redact_open(&mut self) -> Result<bool, StoreError> {
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
        let user = person.user.map(|user| user.object_id);
        let forgotten = Forgotten {
            account: &self.receipt.account_id.clone(),
            tenant: connection.tenant.as_ref().map(|tenant| &tenant.id),
            contact: &self.receipt.contact_id.clone(),
            user: user.as_ref(),
            stands_for: &self.redaction.stands_for.clone(),
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
