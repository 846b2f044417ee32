//! Which questions that wait are news.
//!
//! Each list is looked at by itself: what stays open in one mutes none of the others, and in its
//! own it only puts off what came later.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{News, Telling, Told, Turn, Waiting};
use crate::review::ReviewList;

/// While questions of a list stay open that were told, those that came later are told at most once
/// in so long: whoever decides by and by is not mailed for each.
const BETWEEN_QUESTIONS: SignedDuration = SignedDuration::from_hours(24);

/// A list in which something waits, as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenList {
    /// Which.
    pub list: ReviewList,
    /// How many questions were counted.
    pub count: u64,
    /// Whether there are more than were looked at.
    pub more: bool,
    /// Since when the oldest that was looked at waits.
    pub oldest: Timestamp,
    /// Since when the newest does.
    pub newest: Timestamp,
    /// Whether people leave questions of this list open as long as they like: that it fills is
    /// told, and nothing more of it until it was settled.
    pub stands: bool,
}

/// What people believe of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Since when the newest question waits that was told.
    pub told: Timestamp,
    /// Since when the newest question waits that was seen.
    pub seen: Timestamp,
    /// When that was told.
    pub told_at: Timestamp,
}

impl Seen {
    /// When what was seen and not told is to be told.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let is_untold = self.seen > self.told;
        is_untold.then(|| self.told_at.checked_add(BETWEEN_QUESTIONS).ok()).flatten()
    }

    /// What an earlier release saw of every list when it looked last.
    fn at(seen_at: Timestamp) -> Self {
        Self { told: seen_at, seen: seen_at, told_at: seen_at }
    }

    /// Whether a list has something to tell at `now`.
    fn makes_news(&self, open: &OpenList, now: Timestamp) -> bool {
        // All that was seen is settled: what waits now is another wave.
        let is_fresh = open.oldest > self.seen && !open.more;
        let is_put_off = now.duration_since(self.told_at) < BETWEEN_QUESTIONS;
        is_fresh || (open.newest > self.told && !open.stands && !is_put_off)
    }
}

pub(super) fn turn(told: &Told, news: &News) -> Option<Turn> {
    let News::Waits { at, lists } = news else { return None };
    if lists.is_empty() {
        return matches!(told, Told::Waiting { .. }).then(|| Turn::quietly(Told::Quiet));
    }
    let known = |list: &ReviewList| match told {
        Told::Waiting { lists, seen_at } => {
            lists.get(list).cloned().or_else(|| seen_at.map(Seen::at))
        }
        _ => None,
    };
    let makes_news =
        |open: &OpenList| known(&open.list).is_none_or(|known| known.makes_news(open, *at));
    let tells = lists.iter().any(makes_news);
    let mut next = BTreeMap::new();
    for open in lists {
        let seen = open.newest;
        let all = Seen { told: seen, seen, told_at: *at };
        // Whoever is told of one list is told of all.
        let after = match known(&open.list).filter(|_| !tells) {
            None => all,
            Some(known) if open.stands => Seen { told: seen.max(known.told), seen, ..known },
            Some(known) => Seen { seen: seen.max(known.told), ..known },
        };
        next.insert(open.list, after);
    }
    let next = Told::Waiting { lists: next, seen_at: None };
    if tells {
        // What people leave open is no decision that anybody waits for, unless it is the news.
        let counts = |open: &&OpenList| !open.stands || makes_news(open);
        let waiting = Waiting::in_all(lists.iter().filter(counts));
        return Some(Turn::telling(next, Telling::DecisionsWait(waiting)));
    }
    (next != *told).then(|| Turn::quietly(next))
}
