//! The deletion guard: how many removals one rolling window allows, of a connection, and where its
//! settings say so of a cause of leaving or of a group.

mod limit;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use limit::{CauseLimits, GroupLimit, Limit, LimitView, Limited};

use crate::id::ObjectId;
use crate::reconcile::GoneCause;
use crate::segment::SegmentItem;

/// The longest window that settings may ask for, in hours.
pub const LONGEST_WINDOW: u32 = 720;

/// The limits an admin sets. A narrower one never lets more go than the connection's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardLimits {
    /// At most this many removals per window, however large the directory.
    pub max_count: u64,
    /// At most this share of the linked contacts, in percent; five are always allowed.
    pub max_percent: f64,
    /// The rolling window, in hours.
    pub window_hours: u32,
    /// Limits of causes.
    #[serde(skip_serializing_if = "CauseLimits::is_none")]
    pub causes: CauseLimits,
    /// Limits of groups, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupLimit>,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            max_count: 500,
            max_percent: 5.0,
            window_hours: 24,
            causes: CauseLimits::default(),
            groups: Vec::new(),
        }
    }
}

/// Removals already done, each batch with its time; kept durably and moved with the action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardWindow {
    /// When and how many.
    #[serde(default)]
    pub done: Vec<GuardEntry>,
}

/// One judged batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardEntry {
    /// When it was judged; of several, the last.
    pub at: Timestamp,
    /// How many removals it allowed.
    pub count: u64,
    /// The run it belongs to: judging the same run again counts once. Empty where it is of several.
    pub run: String,
    /// How many of which cause; earlier releases did not say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<GoneCause, u64>,
    /// How many of which group that has a limit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<ObjectId, u64>,
}

/// Removals, as the limits count them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// All of them.
    pub count: u64,
    /// By cause.
    pub causes: BTreeMap<GoneCause, u64>,
    /// By group that has a limit; one removal may count to several.
    pub groups: BTreeMap<ObjectId, u64>,
}

impl Counted {
    /// Counts a removal.
    pub fn add(&mut self, removal: Removal<'_>) {
        self.count += 1;
        *self.causes.entry(removal.cause).or_default() += 1;
        for group in removal.groups {
            *self.groups.entry(group.clone()).or_default() += 1;
        }
    }

    /// Each number, or the other's where that is higher.
    fn at_least(&mut self, other: &Self) {
        self.count = self.count.max(other.count);
        raise(&mut self.causes, &other.causes, u64::max);
        raise(&mut self.groups, &other.groups, u64::max);
    }
}

impl Extend<GuardEntry> for Counted {
    fn extend<I: IntoIterator<Item = GuardEntry>>(&mut self, entries: I) {
        for entry in entries {
            self.count += entry.count;
            raise(&mut self.causes, &entry.causes, |one, other| one + other);
            raise(&mut self.groups, &entry.groups, |one, other| one + other);
        }
    }
}

fn raise<K: Ord + Clone>(
    numbers: &mut BTreeMap<K, u64>,
    by: &BTreeMap<K, u64>,
    with: fn(u64, u64) -> u64,
) {
    for (key, more) in by {
        let number = numbers.entry(key.clone()).or_default();
        *number = with(*number, *more);
    }
}

/// A removal that a run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal<'r> {
    /// What led to it.
    pub cause: GoneCause,
    /// The groups with a limit that the user is in, or left before the removal.
    pub groups: &'r [ObjectId],
}

impl<'r> Removal<'r> {
    /// What an item that removes is to the guard. Whoever is in scope and becomes inactive does so
    /// because the sign-in is blocked.
    pub fn of(item: &'r SegmentItem) -> Self {
        let groups = item.trace.as_ref().map_or(&[] as &[_], |trace| &trace.limited);
        Self { cause: item.cause().unwrap_or(GoneCause::Disabled), groups }
    }
}

/// The removals that a run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'r> {
    /// Which run.
    pub run: &'r str,
    /// What it has done already.
    pub done: &'r Counted,
    /// What more it would do.
    pub removals: &'r [Removal<'r>],
}

/// What the shares are taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base<'b> {
    /// How many contacts are linked.
    pub linked: u64,
    /// How many members of each group with a limit are linked, where that was counted: of a group
    /// that nobody counted yet a share is nothing.
    pub members: &'b BTreeMap<ObjectId, u64>,
}

/// The guard's answer to a batch of removals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The window to store: what goes counts, and what the run did before.
    pub window: GuardWindow,
    /// The limits that the removals exceed: whatever one of them names waits.
    pub exceeded: Vec<LimitView>,
}

impl Verdict {
    /// Whether a removal waits.
    pub fn holds(&self, removal: Removal<'_>) -> bool {
        self.exceeded.iter().any(|limit| limit.of.names(removal))
    }
}

/// How far a window is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The window's whole allowance.
    pub allowed: u64,
    /// How many were done in it.
    pub used: u64,
    /// How many may still go.
    pub left: u64,
    /// When the oldest of those that were done leaves the window.
    pub next_release: Option<Timestamp>,
}

impl GuardLimits {
    /// Removals that one window allows when `linked` contacts are tied to the directory:
    /// min(`max_count`, max(5, ceil(`max_percent` % of linked))).
    pub fn allowance(&self, linked: u64) -> u64 {
        self.max_count.min(limit::share(self.max_percent, linked).max(5))
    }

    /// Whether anything beside the connection has a limit.
    pub fn has_narrower(&self) -> bool {
        !self.groups.is_empty() || self.causes != CauseLimits::default()
    }

    /// What has a limit, the connection itself first.
    fn limited(&self) -> impl Iterator<Item = Limited> {
        let causes = GoneCause::ALL.into_iter().filter(|cause| self.causes.of(*cause).is_some());
        let groups = self.groups.iter().map(|limit| Limited::Group(limit.group.clone()));
        std::iter::once(Limited::Connection).chain(causes.map(Limited::Cause)).chain(groups)
    }

    /// How many one window allows of this.
    fn allowed(&self, of: &Limited, base: Base<'_>) -> u64 {
        match of {
            Limited::Connection => self.allowance(base.linked),
            Limited::Cause(cause) => {
                self.causes.of(*cause).map_or(u64::MAX, |limit| limit.allowance(base.linked))
            }
            Limited::Group(group) => {
                let members = base.members.get(group).copied().unwrap_or(0);
                let limits = self.groups.iter().filter(|limit| limit.group == *group);
                limits.map(|limit| limit.limit().allowance(members)).min().unwrap_or(u64::MAX)
            }
        }
    }

    /// Judges the removals that a run asks for, all at once and by every limit: of what a limit
    /// names all goes, or nothing. What the run removed before counts with them, so that a run that
    /// is judged again after a crash, of other people by then, gets no more than it would have got
    /// at once.
    pub fn judge(
        &self,
        window: &GuardWindow,
        asked: Asked<'_>,
        base: Base<'_>,
        now: Timestamp,
    ) -> Verdict {
        let (own, others): (Vec<GuardEntry>, Vec<GuardEntry>) =
            standing(window, self.window_hours, now)
                .cloned()
                .partition(|entry| entry.run == asked.run);
        // It stands as it was granted: what is removed of it is removed rightly.
        let mut stands = Counted::default();
        stands.extend(own);
        stands.at_least(asked.done);
        let mut kept = self.outside(window, asked.run, now);
        kept.extend(others.iter().cloned());
        let others = GuardWindow { done: others };
        let mut exceeded = Vec::new();
        for of in self.limited() {
            let named = asked.removals.iter().filter(|removal| of.names(**removal));
            let count = u64::try_from(named.count()).unwrap_or(u64::MAX);
            let granted = of.counted(&stands);
            let wanted = of.counted(asked.done) + count;
            let room = self.room_of(&of, &others, base, now);
            if wanted > granted && wanted + room.used > room.allowed {
                let left = room.allowed.saturating_sub(room.used + granted);
                let used = room.used + granted;
                let next_release = room.next_release;
                let room = Room { used, left, next_release, ..room };
                exceeded.push(LimitView::new(of, count, room, true));
            }
        }
        let verdict = Verdict { window: GuardWindow::default(), exceeded };
        let mut counted = asked.done.clone();
        for removal in asked.removals.iter().filter(|removal| !verdict.holds(**removal)) {
            counted.add(*removal);
        }
        counted.at_least(&stands);
        if counted.count > 0 {
            // What was granted before is done from now on, or was just now: its window begins anew.
            let Counted { count, causes, groups } = counted;
            kept.push(GuardEntry { at: now, count, run: asked.run.to_owned(), causes, groups });
        }
        Verdict { window: GuardWindow { done: kept }, ..verdict }
    }

    /// How much of the window is used and left at `now`.
    pub fn room(&self, window: &GuardWindow, base: Base<'_>, now: Timestamp) -> Room {
        self.room_of(&Limited::Connection, window, base, now)
    }

    /// What the limits beside the connection's say to so many removals.
    pub fn narrower(
        &self,
        window: &GuardWindow,
        asked: &Counted,
        base: Base<'_>,
        now: Timestamp,
    ) -> Vec<LimitView> {
        let narrower = self.limited().filter(|of| *of != Limited::Connection);
        let views = narrower.map(|of| {
            let room = self.room_of(&of, window, base, now);
            let count = of.counted(asked);
            LimitView::new(of, count, room, count > room.left)
        });
        views.collect()
    }

    fn room_of(&self, of: &Limited, window: &GuardWindow, base: Base<'_>, now: Timestamp) -> Room {
        let span = hours(self.window_hours);
        let counting = || {
            let standing = standing(window, self.window_hours, now);
            standing.filter(|entry| of.counted_in(entry) > 0)
        };
        let used = counting().map(|entry| of.counted_in(entry)).sum();
        let first = counting().map(|entry| entry.at).min();
        let allowed = self.allowed(of, base);
        Room {
            allowed,
            used,
            left: allowed.saturating_sub(used),
            next_release: first.and_then(|at| at.checked_add(span).ok()),
        }
    }

    /// What other runs did before today's window: it stands again where the window becomes longer.
    /// Each day's is one entry, at the time of its last, so that there are few.
    fn outside(&self, window: &GuardWindow, run: &str, now: Timestamp) -> Vec<GuardEntry> {
        let inside = now.checked_sub(hours(self.window_hours)).unwrap_or(Timestamp::MIN);
        let mut days: BTreeMap<i64, GuardEntry> = BTreeMap::new();
        let older = standing(window, LONGEST_WINDOW, now).filter(|entry| entry.at <= inside);
        for entry in older.filter(|entry| entry.run != run).cloned() {
            match days.entry(entry.at.as_second().div_euclid(86_400)) {
                Entry::Vacant(place) => {
                    place.insert(entry);
                }
                Entry::Occupied(mut place) => place.get_mut().join(entry),
            }
        }
        days.into_values().collect()
    }
}

impl GuardEntry {
    /// Counts another entry to this one, from the later one's time on.
    fn join(&mut self, other: Self) {
        let at = self.at.max(other.at);
        let mut both = Counted::default();
        both.extend([std::mem::take(self), other]);
        let Counted { count, causes, groups } = both;
        *self = Self { at, count, run: String::new(), causes, groups };
    }
}

/// The entries that a window of so many hours holds at `now`.
fn standing(
    window: &GuardWindow,
    window_hours: u32,
    now: Timestamp,
) -> impl Iterator<Item = &GuardEntry> {
    let start = now.checked_sub(hours(window_hours)).unwrap_or(Timestamp::MIN);
    window.done.iter().filter(move |entry| entry.at > start)
}

fn hours(hours: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(hours))
}

#[cfg(test)]
mod tests;
