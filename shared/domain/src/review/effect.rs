//! What an applied item does to its user's review item.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Question, ReviewItem, ReviewList};
use crate::id::{AccountId, ConnectionId, ContactId};
use crate::segment::{Outcome, SegmentItem};

/// What becomes of a user's review item.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It stays as it is, if there is one.
    Stay,
    /// There is nothing to ask any more.
    Drop,
    /// This is asked.
    Ask(Box<ReviewItem>),
}

/// The page on which an item was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Whose.
    pub account: &'a AccountId,
    /// Of which connection.
    pub connection: &'a ConnectionId,
    /// The run.
    pub run: &'a str,
    /// The fence at which it is asked: what is asked at a later one has a higher version.
    pub fence: u64,
    /// When.
    pub now: Timestamp,
}

impl Effect {
    /// What an item that came out so does to the review item that stands.
    pub fn of(
        item: &SegmentItem,
        outcome: Outcome,
        standing: Option<&ReviewItem>,
        seen: Seen<'_>,
    ) -> Self {
        if let Some(asked) = asked(item, outcome, standing, seen) {
            return if standing.is_some_and(|standing| standing.asks_as(&asked)) {
                Self::Stay
            } else {
                Self::Ask(Box::new(asked))
            };
        }
        match (standing.map(|standing| standing.list), outcome) {
            // Decided at the end of the run, or found otherwise than planned.
            (_, Outcome::Deferred | Outcome::Left) => Self::Stay,
            (None | Some(ReviewList::Ignored), _) => Self::Stay,
            // Who left is told once; the question stays until somebody answers or the user is back.
            (
                Some(ReviewList::Removals),
                Outcome::AwaitingReview | Outcome::Keep | Outcome::Skipped | Outcome::Failed,
            ) => Self::Stay,
            (Some(_), _) => Self::Drop,
        }
    }
}

fn asked(
    item: &SegmentItem,
    outcome: Outcome,
    standing: Option<&ReviewItem>,
    seen: Seen<'_>,
) -> Option<ReviewItem> {
    let question = item.question.as_deref()?;
    match outcome {
        Outcome::AwaitingReview
        | Outcome::Failed
        | Outcome::Keep
        | Outcome::Skipped
        | Outcome::StopUpdating
        | Outcome::Unchanged
        | Outcome::Update => {}
        Outcome::Create
        | Outcome::Deferred
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete
        | Outcome::Restore
        | Outcome::Left => return None,
    }
    // What the page writes by itself is not asked.
    let by_itself = outcome == Outcome::Update;
    let asked = item.fields.iter().filter(|_| !by_itself).chain(&item.pending);
    let same_list = standing.filter(|standing| standing.list == question.list);
    let next = standing.map_or(0, |standing| standing.version + 1);
    Some(ReviewItem {
        account_id: seen.account.clone(),
        connection_id: seen.connection.clone(),
        list: question.list,
        version: seen.fence.max(next),
        user: question.user.clone(),
        contact_id: item.contact_id.clone(),
        candidates: question.candidates.clone(),
        versions: versions(item, question),
        changes: asked.cloned().collect(),
        status: question.status,
        matched: item.matched.as_deref().cloned(),
        suggested: question.suggested,
        departure: question.departure.clone(),
        reason: item.reason.clone(),
        remedy: item.remedy.clone(),
        run: seen.run.to_owned(),
        since: same_list.map_or(seen.now, |standing| standing.since),
    })
}

/// In which versions the contacts stand once the page is applied.
fn versions(item: &SegmentItem, question: &Question) -> BTreeMap<ContactId, u64> {
    let mut versions = question.versions.clone();
    if let (ReviewList::Removals, Some(contact)) = (question.list, &item.contact_id) {
        let marked = item.version + u64::from(item.link.is_some());
        let held = question.departure.as_ref().and_then(|left| left.version);
        versions.insert(contact.clone(), held.unwrap_or(marked));
    }
    versions
}
