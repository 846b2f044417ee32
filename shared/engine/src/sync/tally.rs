//! Counting each person once, although several pages of a run may mention them.

use std::collections::HashMap;

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::Counts;
use contact_sync_domain::segment::{Outcome, SegmentItem};

/// What a person counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Created,
    Updated,
    Unchanged,
    Failed,
    Waiting,
    /// In scope, decided at the end of the run.
    Open,
    Skipped,
    /// In the directory, but left the scope just now.
    LeftScope,
    /// Left the directory.
    Gone,
    /// Left; what happens to the contact is judged at the end of the run.
    Staged,
}

/// Everyone a run dealt with, by the last outcome. Keyed by 64 folded bits of the object id, so
/// that a million people stay far below a function's memory; a clash would miscount one person.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: HashMap<u64, Kind>,
}

impl Tally {
    /// Counts an applied item, taking back what the same person counted as before.
    pub(crate) fn count(&mut self, item: &SegmentItem, outcome: Outcome, counts: &mut Counts) {
        let kind = kind_of(item, outcome);
        let person = fold(&item.object_id);
        let before = self.kinds.insert(person, kind);
        // A created contact that a later page touches again stays a created one, and an updated
        // one that is right by then stays updated.
        let kept = match (before, kind) {
            (Some(Kind::Created), Kind::Updated | Kind::Unchanged) => Some(Kind::Created),
            (Some(Kind::Updated), Kind::Unchanged) => Some(Kind::Updated),
            _ => None,
        };
        if let Some(kept) = kept {
            self.kinds.insert(person, kept);
            return;
        }
        if let Some(before) = before {
            apply(before, counts, |count| *count = count.saturating_sub(1));
        }
        apply(kind, counts, |count| *count += 1);
    }

    /// Whether the run dealt with this person already.
    pub(crate) fn knows(&self, user: &ObjectId) -> bool {
        self.kinds.contains_key(&fold(user))
    }

    /// Forgets everyone: the listing starts again.
    pub(crate) fn clear(&mut self) {
        self.kinds.clear();
    }
}

fn fold(user: &ObjectId) -> u64 {
    let bits = user.as_u128();
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded into one")]
    let folded = (bits >> 64) as u64 ^ bits as u64;
    folded
}

fn kind_of(item: &SegmentItem, outcome: Outcome) -> Kind {
    let removed = item.link.as_ref().is_some_and(|link| link.new == LinkState::Removed);
    match outcome {
        Outcome::Create => Kind::Created,
        Outcome::Update => Kind::Updated,
        Outcome::Unchanged => Kind::Unchanged,
        Outcome::Failed => Kind::Failed,
        Outcome::AwaitingReview => Kind::Waiting,
        Outcome::Deferred => Kind::Open,
        Outcome::Skipped => Kind::Skipped,
        Outcome::StopUpdating if removed => Kind::Gone,
        Outcome::StopUpdating => Kind::LeftScope,
        Outcome::Unlink | Outcome::Deactivate | Outcome::Delete if removed => Kind::Gone,
        Outcome::Unlink | Outcome::Deactivate | Outcome::Delete => Kind::LeftScope,
        Outcome::Keep => Kind::Staged,
    }
}

fn apply(kind: Kind, counts: &mut Counts, step: impl Fn(&mut u64)) {
    let in_scope = |counts: &mut Counts, count: fn(&mut Counts) -> &mut u64| {
        step(&mut counts.seen);
        step(&mut counts.in_scope);
        step(count(counts));
    };
    match kind {
        Kind::Created => in_scope(counts, |counts| &mut counts.created),
        Kind::Updated => in_scope(counts, |counts| &mut counts.updated),
        Kind::Unchanged => in_scope(counts, |counts| &mut counts.unchanged),
        Kind::Failed => in_scope(counts, |counts| &mut counts.failed),
        Kind::Waiting => in_scope(counts, |counts| &mut counts.awaiting_review),
        // Counted when the end of the run decides.
        Kind::Open | Kind::Staged => {}
        Kind::Skipped => {
            step(&mut counts.seen);
            step(&mut counts.skipped);
        }
        Kind::LeftScope => {
            step(&mut counts.seen);
            step(&mut counts.skipped);
            step(&mut counts.removed);
        }
        Kind::Gone => step(&mut counts.removed),
    }
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::reconcile::blank_item;

    use super::*;

    fn adds_up(counts: &Counts) -> bool {
        counts.seen == counts.in_scope + counts.skipped
            && counts.in_scope
                == counts.created
                    + counts.updated
                    + counts.unchanged
                    + counts.failed
                    + counts.awaiting_review
    }

    #[test]
    fn a_person_on_several_pages_counts_once_and_the_numbers_add_up() {
        let outcomes = [
            Outcome::Create,
            Outcome::Update,
            Outcome::Unchanged,
            Outcome::Failed,
            Outcome::AwaitingReview,
            Outcome::Deferred,
            Outcome::Skipped,
            Outcome::StopUpdating,
            Outcome::Keep,
        ];
        for first in outcomes {
            for second in outcomes {
                let mut tally = Tally::default();
                let mut counts = Counts::default();
                let item = blank_item(&ObjectId::from_u128(1), None, first);
                tally.count(&item, first, &mut counts);
                tally.count(&item, second, &mut counts);
                assert!(counts.seen <= 1, "{first:?} then {second:?}: {counts:?}");
                assert!(adds_up(&counts), "{first:?} then {second:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn a_contact_made_in_this_run_stays_new_when_a_later_page_changes_it() {
        let mut tally = Tally::default();
        let mut counts = Counts::default();
        let item = blank_item(&ObjectId::from_u128(1), None, Outcome::Create);
        tally.count(&item, Outcome::Create, &mut counts);
        tally.count(&item, Outcome::Update, &mut counts);
        assert_eq!((counts.created, counts.updated), (1, 0));
    }
}
