//! Counting each person once, although several pages of a run may mention them.

use std::collections::HashMap;

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::Counts;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::standing::Standing as Kind;

/// Everyone a run dealt with, by the last outcome. Keyed by 64 folded bits of the object id, so
/// that a million people stay far below a function's memory; a clash would miscount one person.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: HashMap<u64, Known>,
    /// What the run did to contacts before its listing began anew.
    earlier: HashMap<u64, Kind>,
    /// People who are known but not `seen`.
    apart: u64,
    /// People about whom nothing is decided yet.
    open: u64,
    /// People in scope who had a contact before the run met them.
    matched: u64,
}

/// What is known of one person.
#[derive(Debug, Clone, Copy)]
struct Known {
    kind: Kind,
    /// Whether he had a contact before the run met him.
    matched: bool,
    /// Whether people are asked something about him.
    asks: bool,
}

impl Tally {
    /// Counts an applied item, taking back what the same person counted as before.
    pub(crate) fn count(&mut self, item: &SegmentItem, outcome: Outcome, counts: &mut Counts) {
        let person = fold(&item.object_id);
        let before = self.kinds.get(&person).copied();
        let known = before.map(|known| known.kind).or_else(|| self.earlier.get(&person).copied());
        let kind = Kind::of(item, outcome).after(known);
        let has_contact = item.contact_id.is_some()
            && (item.version > 0 || item.adopted || outcome == Outcome::Unchanged);
        let matched = match (before, known) {
            (Some(before), _) if before.matched => true,
            (_, Some(Kind::Created)) => false,
            _ => has_contact,
        };
        // Where an earlier page decides what he counts as, what it asked stands, too.
        let asks = item.question.is_some()
            || before.is_some_and(|before| before.asks && before.kind == kind);
        let now = Known { kind, matched, asks };
        self.kinds.insert(person, now);
        if let Some(before) = before {
            self.apply(before, counts, |count| *count = count.saturating_sub(1));
        }
        self.apply(now, counts, |count| *count += 1);
    }

    /// Notes what an item of an abandoned listing did to a contact, without counting the person.
    pub(crate) fn remember(&mut self, item: &SegmentItem, outcome: Outcome) {
        let person = fold(&item.object_id);
        let kind = Kind::of(item, outcome).after(self.earlier.get(&person).copied());
        if kind.leaves_a_trace() {
            self.earlier.insert(person, kind);
        }
    }

    /// Whether the current listing dealt with this person already.
    pub(crate) fn knows(&self, user: &ObjectId) -> bool {
        self.kinds.contains_key(&fold(user))
    }

    /// Whether the run dealt with this person at all: there may be a contact that its index does
    /// not know.
    pub(crate) fn touched(&self, user: &ObjectId) -> bool {
        self.knows(user) || self.earlier.contains_key(&fold(user))
    }

    /// Whether what becomes of this person is left to the end of the run.
    pub(crate) fn is_open(&self, user: &ObjectId) -> bool {
        self.kinds.get(&fold(user)).is_some_and(|known| known.kind == Kind::Open)
    }

    /// Whether it was decided what becomes of this person, and nobody is asked.
    pub(crate) fn settled(&self, user: &ObjectId) -> bool {
        self.kinds.get(&fold(user)).is_some_and(|known| known.kind.is_settled())
    }

    /// Whether the run made or changed this person's contact, or let it go.
    pub(crate) fn wrote(&self, user: &ObjectId) -> bool {
        let person = fold(user);
        let now = self.kinds.get(&person).map(|known| &known.kind);
        let wrote = |kind: Option<&Kind>| kind.is_some_and(|kind| kind.leaves_a_trace());
        wrote(now) || wrote(self.earlier.get(&person))
    }

    /// People who are known but not `seen`.
    pub(crate) fn apart(&self) -> u64 {
        self.apart
    }

    /// People about whom nothing is decided yet.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// People in scope who had a contact before the run met them.
    pub(crate) fn matched(&self) -> u64 {
        self.matched
    }

    /// The listing starts again: nobody counts any more, but what was made stays made.
    pub(crate) fn begin_again(&mut self) {
        for (person, Known { kind, .. }) in self.kinds.drain() {
            if kind.leaves_a_trace() {
                self.earlier.insert(person, kind);
            }
        }
        self.apart = 0;
        self.open = 0;
        self.matched = 0;
    }

    fn apply(&mut self, known: Known, counts: &mut Counts, step: impl Fn(&mut u64)) {
        let Known { kind, matched, asks } = known;
        if asks && kind.is_settled() {
            step(&mut counts.asked);
        }
        if matched && kind.is_in_scope() {
            step(&mut self.matched);
        }
        match kind {
            Kind::Open => step(&mut self.open),
            Kind::Staged | Kind::Gone => step(&mut self.apart),
            Kind::Created
            | Kind::Updated
            | Kind::Unchanged
            | Kind::Failed
            | Kind::Waiting
            | Kind::LeftWaiting
            | Kind::Skipped
            | Kind::LeftScope => {}
        }
        apply(kind, counts, step);
    }
}

fn fold(user: &ObjectId) -> u64 {
    let bits = user.as_u128();
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded into one")]
    let folded = (bits >> 64) as u64 ^ bits as u64;
    folded
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
        Kind::Waiting | Kind::LeftWaiting => in_scope(counts, |counts| &mut counts.awaiting_review),
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
    use contact_sync_domain::review::Question;
    use contact_sync_domain::segment::LinkChange;

    use super::*;
    use contact_sync_domain::contact::LinkState;

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

    fn asked_of(outcomes: &[Outcome]) -> u64 {
        let mut tally = Tally::default();
        let mut counts = Counts::default();
        let user = ObjectId::from_u128(1);
        for outcome in outcomes {
            let question: Question = serde_json::from_value(serde_json::json!({
                "list": "changes", "user": {"objectId": user},
            }))
            .unwrap();
            let item = SegmentItem {
                question: Some(Box::new(question)),
                ..blank_item(&user, None, *outcome)
            };
            tally.count(&item, *outcome, &mut counts);
        }
        assert!(adds_up(&counts));
        counts.asked
    }

    #[test]
    fn who_is_synced_or_leaves_and_is_asked_about_counts_as_asked_once() {
        for asks in [Outcome::Update, Outcome::StopUpdating, Outcome::Keep, Outcome::Skipped] {
            assert_eq!(asked_of(&[asks]), 1, "{asks:?}");
            assert_eq!(asked_of(&[asks, asks]), 1, "{asks:?}");
        }
        for counted in [Outcome::AwaitingReview, Outcome::Failed, Outcome::Deferred] {
            assert_eq!(asked_of(&[counted]), 0, "{counted:?} is told otherwise");
        }
        assert_eq!(asked_of(&[Outcome::Update, Outcome::AwaitingReview]), 0);
        let mut counts = Counts::default();
        let item = blank_item(&ObjectId::from_u128(1), None, Outcome::Update);
        Tally::default().count(&item, Outcome::Update, &mut counts);
        assert_eq!(counts.asked, 0, "nothing is asked");
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

    #[test]
    fn who_left_has_left_though_a_later_page_finds_him_gone_already() {
        let link = |new| LinkChange::new(Some(LinkState::Linked), new);
        let item = |outcome, new: Option<LinkState>| SegmentItem {
            link: new.map(link),
            ..blank_item(&ObjectId::from_u128(1), None, outcome)
        };
        let cases = [
            (Outcome::StopUpdating, LinkState::OutOfScope, Outcome::Skipped, (1, 0)),
            (Outcome::StopUpdating, LinkState::Removed, Outcome::Keep, (1, 0)),
            (Outcome::AwaitingReview, LinkState::OutOfScope, Outcome::Skipped, (0, 1)),
            (Outcome::AwaitingReview, LinkState::Removed, Outcome::Keep, (0, 1)),
        ];
        for (first, state, then, expected) in cases {
            for begins_again in [false, true] {
                let mut tally = Tally::default();
                let mut counts = Counts::default();
                tally.count(&item(first, Some(state)), first, &mut counts);
                if begins_again {
                    tally.begin_again();
                    counts = Counts::default();
                }
                tally.count(&item(then, None), then, &mut counts);
                let found = (counts.removed, counts.awaiting_review);
                assert_eq!(found, expected, "{first:?} then {then:?}");
                assert!(adds_up(&counts));
            }
        }
    }

    #[test]
    fn a_contact_made_before_the_listing_began_anew_counts_when_the_new_one_names_him() {
        let mut tally = Tally::default();
        let item = blank_item(&ObjectId::from_u128(1), None, Outcome::Create);
        tally.count(&item, Outcome::Create, &mut Counts::default());
        tally.begin_again();
        assert!(tally.touched(&item.object_id) && !tally.knows(&item.object_id));
        let mut counts = Counts::default();
        tally.count(&item, Outcome::Unchanged, &mut counts);
        assert_eq!((counts.seen, counts.created, counts.unchanged), (1, 1, 0));
    }
}
