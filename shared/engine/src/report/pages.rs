//! Reading the pages of a run, a few ahead.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::report::{ContactKind, Happened, ReportRow, rows};
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_domain::segment::{Deviation, Outcome, Phase, Segment, SegmentItem};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::port::{
    Blobs, ContactStore, PendingKind, PendingStore, ReviewStore, SegmentStore, StoreError,
    StoredContact,
};
use crate::segments::load_segment;

/// How many pages are on their way at once.
const AHEAD: usize = 4;

/// How many removals are asked for at once.
const TOGETHER: usize = 16;

/// How many contacts, or questions to people, are asked for at once.
const CONTACTS: usize = 1_000;

/// The pages of one run.
pub(super) struct Pages<'a, S, B> {
    pub(super) stores: &'a S,
    pub(super) blobs: &'a B,
    pub(super) run: &'a Run,
}

impl<S, B> Pages<'_, S, B>
where
    S: SegmentStore + ContactStore + PendingStore + ReviewStore,
    B: Blobs,
{
    /// Page by page, whom it mentions.
    pub(super) fn people(
        &self,
    ) -> impl Stream<Item = Result<(u32, Vec<u128>), StoreError>> + Unpin {
        let people = move |page| async move {
            let segment = self.segment(page).await?;
            let items = segment.iter().flat_map(|segment| &segment.items);
            Ok((page, items.map(|item| item.object_id.as_u128()).collect()))
        };
        Box::pin(stream::iter(self.run.told_pages()).map(people).buffered(AHEAD))
    }

    /// Page by page, what became of everyone it mentions.
    pub(super) fn rows(
        &self,
    ) -> impl Stream<Item = Result<(u32, Vec<ReportRow>), StoreError>> + Unpin {
        let rows_of = move |page| async move {
            let Some(segment) = self.segment(page).await? else { return Ok((page, Vec::new())) };
            let (connection, run) = (&self.run.connection_id, &self.run.id);
            let deviations = self.stores.deviations(connection, run, page).await?;
            let emails = self.emails(&segment, &deviations).await?;
            let rows = rows(segment, &deviations, |contact| emails.get(contact).cloned());
            Ok((page, self.with_held_back(rows).await?))
        };
        Box::pin(stream::iter(self.run.told_pages()).map(rows_of).buffered(AHEAD))
    }

    /// The rows, those of people whose removal the guard held back among them told as such: they
    /// wait for the next run to judge them again.
    async fn with_held_back(&self, rows: Vec<ReportRow>) -> Result<Vec<ReportRow>, StoreError> {
        if self.run.status != RunStatus::Blocked {
            return Ok(rows);
        }
        let connection = &self.run.connection_id;
        let may_wait = |row: &ReportRow| {
            row.kind == ContactKind::Existing
                && matches!(row.what, Happened::Kept | Happened::Skipped | Happened::AwaitingReview)
        };
        let in_grace = self.in_grace(rows.iter().filter(|row| may_wait(row))).await?;
        let in_grace = &in_grace;
        let judged = |row: ReportRow| async move {
            let (user, may_wait) = (row.object_id.as_str(), may_wait(&row));
            let waits = may_wait
                && !in_grace.contains(&row.object_id)
                && self.stores.is_pending(connection, PendingKind::Removal, user).await?;
            Ok(if waits { row.held_back() } else { row })
        };
        stream::iter(rows).map(judged).buffered(TOGETHER).try_collect().await
    }

    /// Whose removal waits for a date: their days of grace go on, and the guard has no say yet.
    async fn in_grace(
        &self,
        rows: impl Iterator<Item = &ReportRow>,
    ) -> Result<HashSet<ObjectId>, StoreError> {
        let places: Vec<_> =
            rows.map(|row| (ReviewList::Removals, row.object_id.clone())).collect();
        let mut found = HashSet::new();
        for places in places.chunks(CONTACTS) {
            let asked = self.stores.reviews_of(&self.run.connection_id, places).await?;
            let dated = asked.into_iter().filter(|item| {
                item.departure.as_ref().is_some_and(|departure| departure.acts_at.is_some())
            });
            found.extend(dated.map(|item| item.user.object_id));
        }
        Ok(found)
    }

    /// A number may stand for no segment: a page without anybody on it leaves none.
    async fn segment(&self, page: u32) -> Result<Option<Segment>, StoreError> {
        let (connection, run) = (&self.run.connection_id, &self.run.id);
        let segment = load_segment(self.stores, self.blobs, connection, run, page).await?;
        Ok(segment.map(|mut segment| {
            if segment.phase == Phase::Teams {
                // What was left as it was is told where the run decided about the contact.
                segment.items.retain(joins_or_leaves);
            }
            segment
        }))
    }

    /// The present e-mails of those contacts whose segment does not hold them.
    async fn emails(
        &self,
        segment: &Segment,
        deviations: &[Deviation],
    ) -> Result<HashMap<ContactId, String>, StoreError> {
        let deviating: HashSet<&ObjectId> =
            deviations.iter().map(|found| &found.object_id).collect();
        let wanted: Vec<ContactId> = segment
            .items
            .iter()
            .filter(|item| self.is_wanted(item, &deviating))
            .filter_map(|item| item.contact_id.clone())
            .collect();
        let mut emails = HashMap::with_capacity(wanted.len());
        for ids in wanted.chunks(CONTACTS) {
            for found in self.stores.get_many(&self.run.account_id, ids).await? {
                if let Some(StoredContact::Present(contact)) = found
                    && let Some(email) = contact.email()
                {
                    emails.insert(contact.id.clone(), email.to_owned());
                }
            }
        }
        Ok(emails)
    }

    /// Whether a person's e-mail must be read from the contact.
    fn is_wanted(&self, item: &SegmentItem, deviating: &HashSet<&ObjectId>) -> bool {
        let went_as_intended = !deviating.contains(&item.object_id);
        let is_listed_nowhere = went_as_intended
            && item.outcome == Outcome::Unchanged
            && item.memberships().is_empty()
            && !self.run.kind.reads_everybody();
        let email = Target::Field(ContactField::Email);
        let is_told = item.email.is_some()
            || (went_as_intended && item.fields.iter().any(|change| change.field == email));
        !(is_listed_nowhere || is_told)
    }
}

fn joins_or_leaves(item: &SegmentItem) -> bool {
    item.outcome == Outcome::Unchanged && !item.memberships().is_empty()
}
