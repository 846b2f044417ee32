//! Contacts that changed.

use jiff::{SignedDuration, Timestamp};

use super::{Changes, News, Telling, Told, Turn};

/// Changes of contacts are told at most once in so long.
const BETWEEN_CHANGES: SignedDuration = SignedDuration::from_hours(1);

/// When what changed after it was told at this moment is to be told.
pub(super) fn due(told_at: Timestamp) -> Option<Timestamp> {
    told_at.checked_add(BETWEEN_CHANGES).ok()
}

pub(super) fn turn(told: &Told, news: &News) -> Option<Turn> {
    let (changed, has_passed) = match news {
        News::Ended(run) => (Changes::of(&run.counts), false),
        News::Passed { .. } => (Changes::default(), true),
        News::NeedsPerson { .. }
        | News::Silent(_)
        | News::HeardAgain { .. }
        | News::Consented { .. }
        | News::LetGo { .. }
        | News::Planned(_)
        | News::Waits { .. } => return None,
    };
    let (mut all, mut last) = (changed, None);
    if let Told::Changed { told_at, untold } = told {
        (all, last) = (untold.and(changed), Some(*told_at));
    }
    // A run that changed nothing is no reason to tell what others changed before it.
    if all.is_empty() || (changed.is_empty() && !has_passed) {
        return None;
    }
    let at = news.at();
    if let Some(told_at) = last
        && at.duration_since(told_at) < BETWEEN_CHANGES
    {
        let next = Told::Changed { told_at, untold: all };
        return (next != *told).then(|| Turn::quietly(next));
    }
    let told = Told::Changed { told_at: at, untold: Changes::default() };
    Some(Turn::telling(told, Telling::ContactsChanged(all)))
}
