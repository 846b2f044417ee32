//! The one change that leads a contact from what it is to what it was before several writes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Author, Inverse, Stands, link_change, targets, value};
use crate::contact::{Contact, Target};
use crate::id::ObjectId;
use crate::reconcile::blank_item;
use crate::segment::{FieldChange, Outcome, SegmentItem, Trace};
use crate::trace::Image;

/// What leads from what stands now to what is to stand again, where a user's contact was written
/// several times.
pub fn between(
    user: &ObjectId,
    author: Author<'_>,
    now: Stands<'_>,
    back: Option<&Contact>,
) -> Inverse {
    let (now, back) = match (now, back) {
        (Stands::Contact(now), Some(back)) => (Some(now), back),
        (Stands::Contact(now), None) => {
            return Inverse::Undo(Box::new(SegmentItem {
                version: now.version,
                trace: Some(Box::new(Trace::replacing(now, Image::whole(now)))),
                ..blank_item(user, Some(now.id.clone()), Outcome::Delete)
            }));
        }
        (Stands::Removed { .. } | Stands::Nothing, Some(back)) => (None, back),
        (Stands::Removed { .. } | Stands::Nothing, None) => return Inverse::Nothing,
    };
    let fields: BTreeSet<Target> = now.into_iter().chain([back]).flat_map(targets).collect();
    let fields = fields.into_iter().filter_map(|field| {
        let old = now.map_or(Value::Null, |now| value(now, &field));
        let new = value(back, &field);
        (old != new).then(|| FieldChange {
            field,
            old,
            new,
            source: author.source(),
            rule: "undo".to_owned(),
        })
    });
    let fields: Vec<FieldChange> = fields.collect();
    let (before, after) = (now.map(Image::of), Image::of(back));
    if fields.is_empty() && before.as_ref() == Some(&after) {
        return Inverse::Nothing;
    }
    let link = now.and_then(|now| now.link.as_ref());
    let status = now.map(|now| now.status).filter(|status| *status == back.status);
    let mut item = SegmentItem {
        version: now.map_or(0, |now| now.version),
        fields,
        status: status.is_none().then_some(back.status),
        link: link_change(link, back.link.as_ref()),
        adopted: link.is_none() && back.link.is_some(),
        trace: now.and_then(Trace::over),
        ..blank_item(user, Some(back.id.clone()), Outcome::Restore)
    };
    if before.as_ref() != Some(&after) {
        let over = now.zip(before).map(|(now, before)| Trace::replacing(now, before));
        let after = Some(Box::new(after));
        item.trace = Some(Box::new(Trace { after, ..over.unwrap_or_default() }));
    }
    Inverse::Undo(Box::new(item))
}
