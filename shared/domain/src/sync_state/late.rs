//! Joiners whom a group names and a read by id does not find: Graph replicates with a delay.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::ObjectId;

/// How often somebody is looked for, at growing intervals: over about a day. What is not found by
/// then is nobody to sync, or is found by the next full run.
const MOST_LOOKS: u32 = 11;

/// How many are looked for at most: they lie in the sync state's item. More than these are left to
/// the users delta and the next full run.
const MOST: usize = 50;

/// The joiners that are still looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LateJoiners {
    joiners: Vec<LateJoiner>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LateJoiner {
    user: ObjectId,
    /// When he was first not found.
    since: Timestamp,
    /// How often he was looked for in vain.
    looks: u32,
}

impl LateJoiner {
    /// After each look twice as long as after the one before, from one minute on.
    fn is_due(&self, now: Timestamp) -> bool {
        let minutes = 2_i64.saturating_pow(self.looks.min(30)) - 1;
        now.duration_since(self.since) >= SignedDuration::from_mins(minutes)
    }
}

impl LateJoiners {
    /// Whether nobody is looked for.
    pub fn is_empty(&self) -> bool {
        self.joiners.is_empty()
    }

    /// Who is to be looked for now.
    pub fn due(&self, now: Timestamp) -> Vec<ObjectId> {
        let due = self.joiners.iter().filter(|one| one.is_due(now));
        due.map(|one| one.user.clone()).collect()
    }

    /// After a look for `asked`, of whom `missing` were not found. Who was found is looked for no
    /// more, nor who never is.
    #[must_use]
    pub fn after(mut self, asked: &[ObjectId], missing: &[ObjectId], now: Timestamp) -> Self {
        self.joiners.retain_mut(|one| {
            if missing.contains(&one.user) {
                one.looks += 1;
                return one.looks < MOST_LOOKS;
            }
            !asked.contains(&one.user)
        });
        for user in missing {
            let is_known = self.joiners.iter().any(|one| one.user == *user);
            if !is_known && !asked.contains(user) && self.joiners.len() < MOST {
                self.joiners.push(LateJoiner { user: user.clone(), since: now, looks: 1 });
            }
        }
        self
    }

    /// Without those who are nobody's members any more.
    #[must_use]
    pub fn of(mut self, is_member: impl Fn(&ObjectId) -> bool) -> Self {
        self.joiners.retain(|one| is_member(&one.user));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> ObjectId {
        ObjectId::from_u128(number)
    }

    fn minute(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn whoever_is_never_found_is_looked_for_less_and_less_and_then_no_more() {
        let mut late = LateJoiners::default().after(&[], &[id(1)], minute(0));
        let mut looked = Vec::new();
        for now in 0..10_000 {
            let due = late.due(minute(now));
            if !due.is_empty() {
                looked.push(now);
                late = late.after(&due, &due, minute(now));
            }
        }
        assert_eq!(looked, [1, 3, 7, 15, 31, 63, 127, 255, 511, 1_023]);
        assert!(late.is_empty());
    }

    #[test]
    fn whoever_is_found_or_left_is_looked_for_no_more() {
        let late = LateJoiners::default().after(&[], &[id(1), id(2), id(3)], minute(0));
        assert_eq!(late.due(minute(0)), [], "he was just looked for");
        let late = late.after(&[id(1), id(2)], &[id(2)], minute(1));
        let late = late.of(|user| *user != id(3));
        assert_eq!(late.due(minute(60)), [id(2)]);
    }

    #[test]
    fn the_list_stays_short() {
        let many: Vec<ObjectId> = (1..=500).map(id).collect();
        let late = LateJoiners::default().after(&[], &many, minute(0));
        assert_eq!(late.due(minute(5)).len(), MOST);
    }
}
