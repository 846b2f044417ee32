//! The order in which objects last changed; what a delta query walks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::object::ChangeNumber;

/// Each changed object once, at its latest change.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeLog {
    latest: BTreeMap<ChangeNumber, (Uuid, Timestamp)>,
}

impl ChangeLog {
    /// Notes that an object whose latest change was `before` changed again.
    pub(crate) fn record(
        &mut self,
        id: Uuid,
        before: ChangeNumber,
        change: ChangeNumber,
        at: Timestamp,
    ) {
        if self.latest.get(&before).is_some_and(|(known, _)| *known == id) {
            self.latest.remove(&before);
        }
        self.latest.insert(change, (id, at));
    }

    /// The objects whose latest change lies in `after+1 ..= upto`, oldest first.
    pub(crate) fn between(
        &self,
        after: ChangeNumber,
        upto: ChangeNumber,
    ) -> impl Iterator<Item = (ChangeNumber, Uuid)> + '_ {
        let start = after.saturating_add(1);
        let range = (start <= upto).then(|| self.latest.range(start..=upto));
        range.into_iter().flatten().map(|(change, (id, _))| (*change, *id))
    }

    /// The newest change made at or before `visible`; `newest` if none is younger.
    pub(crate) fn visible_at(&self, visible: Timestamp, newest: ChangeNumber) -> ChangeNumber {
        let mut upto = newest;
        for (change, (_, at)) in self.latest.iter().rev() {
            if *at <= visible {
                break;
            }
            upto = change.saturating_sub(1);
        }
        upto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_changed_twice_is_told_once_at_its_latest_change() {
        let (ana, bo) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut log = ChangeLog::default();
        log.record(ana, 0, 1, Timestamp::UNIX_EPOCH);
        log.record(bo, 0, 2, Timestamp::UNIX_EPOCH);
        log.record(ana, 1, 3, Timestamp::UNIX_EPOCH);
        assert_eq!(log.between(0, 3).collect::<Vec<_>>(), [(2, bo), (3, ana)]);
        assert_eq!(log.between(2, 2).count(), 0);
    }
}
