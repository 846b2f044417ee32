//! What a plan comes to: counted over its pages, each person once.

use std::collections::{BTreeMap, HashMap};

use contact_sync_domain::guard::{Counted, Removal};
use contact_sync_domain::plan::{Basis, Reason, Summary, intention, plan_hash};
use contact_sync_domain::report::Happened;
use contact_sync_domain::segment::{Deviation, SegmentItem};
use contact_sync_domain::standing::Standing;

use crate::sync::is_removal;

/// How many different sentences a summary names.
const MOST_REASONS: usize = 50;

/// How many different sentences are told apart while counting.
const MOST_TOLD_APART: usize = 10_000;

/// What would happen to one person, as the pages so far tell.
#[derive(Debug, Clone, Copy)]
struct Told {
    happened: Happened,
    standing: Standing,
    /// Which sentence says why.
    because: Option<usize>,
    /// What the plan does with them, as its hash takes it.
    intended: u128,
}

/// Sums a plan up, page by page.
#[derive(Debug)]
pub(crate) struct Teller {
    basis: Basis,
    people: HashMap<u128, Told>,
    reasons: Vec<Reason>,
    places: HashMap<(String, Option<String>), usize>,
    summary: Summary,
    removals: Counted,
}

impl Teller {
    /// Of a plan with this basis.
    pub(crate) fn of(basis: &Basis) -> Self {
        Self {
            basis: basis.clone(),
            people: HashMap::new(),
            reasons: Vec::new(),
            places: HashMap::new(),
            summary: Summary::default(),
            removals: Counted::default(),
        }
    }

    /// What the removal guard counts of it.
    pub(crate) fn removals(&self) -> &Counted {
        &self.removals
    }

    /// Takes in an item, and what it came to where that is something else.
    pub(crate) fn tell(
        &mut self,
        item: &SegmentItem,
        deviation: Option<&Deviation>,
    ) -> Result<(), serde_json::Error> {
        let outcome = deviation.map_or(item.outcome, |deviation| deviation.outcome);
        for change in item.memberships() {
            self.summary.teams.add(change);
        }
        let user = item.object_id.as_u128();
        let before = self.people.get(&user).map_or(0, |told| told.intended);
        // What came to something else when it was planned is not applied.
        let intended = match deviation {
            None => intention(before, item, outcome)?,
            Some(_) => before,
        };
        if !item.memberships().is_empty() {
            // What becomes of the contact itself is told elsewhere.
            let happened = Happened::of(item, outcome);
            let standing = Standing::of(item, outcome);
            let told = Told { happened, standing, because: None, intended };
            self.people.entry(user).or_insert(told).intended = intended;
            self.tell_sides(item);
            return Ok(());
        }
        let (reason, remedy) = match deviation {
            Some(deviation) => (&deviation.reason, &deviation.remedy),
            None => (&item.reason, &item.remedy),
        };
        let told = Told {
            happened: Happened::of(item, outcome),
            standing: Standing::of(item, outcome),
            because: reason.as_ref().and_then(|reason| self.place(reason, remedy.as_ref())),
            intended,
        };
        let person = self.people.entry(user).or_insert(told);
        let outlasts = told.standing.after(Some(person.standing));
        if outlasts == told.standing || outlasts != person.standing {
            *person = Told { standing: outlasts, ..told };
        }
        person.intended = intended;
        if deviation.is_none() {
            for change in &item.fields {
                *self.summary.by_field.entry(change.field.to_string()).or_default() += 1;
            }
            let cause = item.trace.as_ref().and_then(|trace| trace.cause);
            if let Some(cause) = cause.filter(|_| item.link.is_some()) {
                *self.summary.leaving.entry(cause).or_default() += 1;
            }
            self.tell_sides(item);
            if is_removal(item) {
                self.summary.guard.count += 1;
                self.removals.add(Removal::of(item));
                if let Some(cause) = cause {
                    *self.summary.removals.entry(cause).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Takes in which sides moved.
    fn tell_sides(&mut self, item: &SegmentItem) {
        for side in item.sides() {
            *self.summary.moved.entry(side).or_default() += 1;
        }
    }

    fn place(&mut self, reason: &str, remedy: Option<&String>) -> Option<usize> {
        let key = (reason.to_owned(), remedy.cloned());
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        if self.reasons.len() >= MOST_TOLD_APART {
            return None;
        }
        let place = self.reasons.len();
        self.reasons.push(Reason { reason: key.0.clone(), remedy: key.1.clone(), count: 0 });
        self.places.insert(key, place);
        Some(place)
    }

    /// The plan's hash, and what it comes to.
    pub(crate) fn end(mut self) -> (String, Summary) {
        let mut by_kind: BTreeMap<Happened, u64> = BTreeMap::new();
        for told in self.people.values() {
            *by_kind.entry(told.happened).or_default() += 1;
            if let Some(reason) = told.because.and_then(|place| self.reasons.get_mut(place)) {
                reason.count += 1;
            }
        }
        self.reasons.retain(|reason| reason.count > 0);
        self.reasons.sort_by(|one, other| {
            other.count.cmp(&one.count).then_with(|| one.reason.cmp(&other.reason))
        });
        self.reasons.truncate(MOST_REASONS);
        self.summary.by_kind = by_kind;
        self.summary.by_reason = self.reasons;
        let people = u64::try_from(self.people.len()).unwrap_or(u64::MAX);
        let intended = self.people.iter().map(|(user, told)| (*user, told.intended));
        let intended = intended.filter(|(_, intended)| *intended != 0).collect();
        (plan_hash(&self.basis, intended, people), self.summary)
    }
}
