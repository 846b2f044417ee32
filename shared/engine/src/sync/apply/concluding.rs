//! What an attempt made of an item, as it is told.

use contact_sync_domain::id::ContactId;
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::segment::{Deviation, Outcome, SegmentItem};

use super::Applied;
use crate::port::StoreError;
use crate::sync::Stop;
use crate::sync::applying::{CHANGED_SINCE, left};
use crate::sync::write::Attempt;

pub(super) fn as_intended(item: &SegmentItem) -> Applied {
    Applied { item: item.clone(), outcome: item.outcome, deviation: None }
}

/// What an attempt made of an item; `None` when it must be asked first whether a person removed the
/// contact. `ends` says that nothing can wait for an address any more.
pub(super) fn conclude(
    item: SegmentItem,
    intended: Outcome,
    attempt: &Attempt,
    ends: bool,
) -> Option<Applied> {
    Some(match attempt {
        Attempt::Removed => return None,
        Attempt::Ignored => deviating(
            SegmentItem {
                reason: Some(
                    "a person deleted the contact and put the user on the ignore list \
                     (scope.ignoredUsers)"
                        .to_owned(),
                ),
                email: item.email,
                ..blank_item(&item.object_id, None, Outcome::Skipped)
            },
            Outcome::Skipped,
        ),
        Attempt::Done => {
            let outcome = item.outcome;
            Applied { item, outcome, deviation: None }
        }
        Attempt::Taken => deviating(
            SegmentItem {
                reason: Some("another person in the directory has this e-mail".to_owned()),
                remedy: Some("give one of the two another e-mail in Entra".to_owned()),
                ..item
            },
            if ends { Outcome::Failed } else { Outcome::Deferred },
        ),
        // A newer observation of the same person was written meanwhile: nothing is left to do.
        Attempt::Superseded => {
            let outcome =
                if intended == Outcome::Create { Outcome::Create } else { Outcome::Unchanged };
            deviating(item, outcome)
        }
        // Nobody was created, whoever was to be.
        Attempt::RemovedSince if matches!(item.outcome, Outcome::Create | Outcome::Update) => {
            let reason = "a newer reading of the directory removed the contact meanwhile";
            deviating(
                SegmentItem {
                    reason: Some(reason.to_owned()),
                    email: item.email,
                    ..blank_item(&item.object_id, None, Outcome::Skipped)
                },
                Outcome::Skipped,
            )
        }
        Attempt::RemovedSince => deviating(item, Outcome::Unchanged),
        Attempt::Moved(_) => moved_away(&item),
    })
}

/// What an attempt made of an item of a plan: what was planned, or nothing. `None` as in
/// [`conclude`].
pub(super) fn exactly(item: &SegmentItem, attempt: &Attempt) -> Option<Applied> {
    let because = match attempt {
        Attempt::Done => return Some(as_intended(item)),
        Attempt::Removed => return None,
        Attempt::Ignored => "a person deleted the contact since the plan was made",
        Attempt::Taken => "another contact has this e-mail since the plan was made",
        Attempt::Superseded | Attempt::RemovedSince | Attempt::Moved(_) => CHANGED_SINCE,
    };
    Some(deviating(left(item, because), Outcome::Left))
}

/// The failed record of a contact whose item cannot be read.
pub(crate) fn unreadable_item(item: &SegmentItem) -> SegmentItem {
    let which = item.contact_id.as_ref().map_or("a contact", ContactId::as_str);
    SegmentItem {
        reason: Some(format!("{which} is stored in a form that cannot be read")),
        remedy: Some("ask support to repair or delete it; the next run writes it anew".to_owned()),
        ..item.clone()
    }
}

/// A removal that somebody approved of too long ago, or of a contact that is another by now.
pub(super) fn not_approved(item: &SegmentItem) -> Applied {
    let item = SegmentItem {
        reason: Some("what was approved is not what would be done by now".to_owned()),
        remedy: Some("look at it in the list `removals`, and approve it anew".to_owned()),
        ..item.clone()
    };
    deviating(item, Outcome::Failed)
}

pub(super) fn moved_away(item: &SegmentItem) -> Applied {
    let item = SegmentItem {
        reason: Some("the contact changed again and again while it was synced".to_owned()),
        remedy: Some("nothing to do: the next run tries again".to_owned()),
        ..item.clone()
    };
    deviating(item, Outcome::Failed)
}

/// What was decided anew and done: kept whole, since nothing else tells what was written.
pub(super) fn instead(applied: Applied) -> Applied {
    if applied.deviation.is_none() {
        return written_instead(applied.item);
    }
    applied
}

/// That an item is written in another's place.
pub(super) fn written_instead(item: SegmentItem) -> Applied {
    let outcome = item.outcome;
    let told = Deviation::of(&item, outcome);
    let deviation = Deviation { item: Some(Box::new(item.clone())), ..told };
    Applied { item, outcome, deviation: Some(deviation) }
}

/// What was found out about an item; trouble with one record stops no run and is that record's
/// failure.
pub(super) fn or_unreadable<T>(
    item: &SegmentItem,
    found: Result<T, Stop>,
) -> Result<Result<T, Applied>, Stop> {
    match found {
        Err(Stop::Store(StoreError::Corrupt { .. })) => {
            Ok(Err(deviating(unreadable_item(item), Outcome::Failed)))
        }
        Err(stop) => Err(stop),
        Ok(found) => Ok(Ok(found)),
    }
}

pub(super) fn deviating(item: SegmentItem, outcome: Outcome) -> Applied {
    let deviation = Deviation::of(&item, outcome);
    Applied { item, outcome, deviation: Some(deviation) }
}
