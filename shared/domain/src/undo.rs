//! Taking back what a run did: for each of its writes the one that undoes it, or why there is none.
//!
//! What somebody changed since is theirs: it is judged field by field, and one such field keeps the
//! whole contact as it is.

mod between;
mod decided;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contact::{Contact, ContactStatus, Link, LinkState, Target};
use crate::history::HistoryEntry;
use crate::id::{ContactId, RunId};
use crate::reconcile::blank_item;
use crate::segment::{FieldChange, LinkChange, Outcome, Prior, SegmentItem, Trace};
use crate::trace::Image;
use crate::written::WriteId;

pub use between::between;
pub use decided::{who, written_by};

/// Who made a write that is taken back.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// A page of a run.
    Page(&'a Prior),
    /// A person, as this entry tells.
    Person(&'a HistoryEntry),
}

/// What a run of that kind takes back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Undoes {
    /// The runs, the newest first.
    pub runs: Vec<RunId>,
    /// The moment since which everything was asked to be taken back, also what people decided in
    /// reviews; absent where one run was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The moment before which everything is meant; absent where it is everything up to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The runs that took back what came after `until`: what they removed nobody else did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub portions: Vec<RunId>,
    /// Of these contacts only; of all where nobody is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<ContactId>,
}

impl Undoes {
    /// Whether what was done to a contact is to be taken back.
    pub fn means(&self, contact: &ContactId) -> bool {
        self.contacts.is_empty() || self.contacts.contains(contact)
    }
}

/// What stands where a write was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stands<'c> {
    /// A contact.
    Contact(&'c Contact),
    /// It was removed.
    Removed {
        /// By which page; absent where a person did it.
        by: Option<&'c Prior>,
        /// In which version.
        version: u64,
        /// Because the person behind it was erased on request.
        erased: bool,
    },
    /// Nothing that is known of.
    Nothing,
}

impl Stands<'_> {
    /// Whether the person behind it was erased on request.
    pub fn is_erased(self) -> bool {
        matches!(self, Self::Removed { erased: true, .. })
    }
}

/// What undoes a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Inverse {
    /// This change.
    Undo(Box<SegmentItem>),
    /// Nothing may: somebody did something since.
    Refused(Refusal),
    /// There is nothing to undo.
    Nothing,
}

/// Why a write cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A field has another value by now.
    Field {
        /// Which.
        field: Target,
        /// Who wrote it; nobody is known where it has no value.
        by: Option<WriteId>,
    },
    /// The contact is tied to somebody else, or to nobody any more.
    Link,
    /// Somebody put the contact into a team or took it out.
    Team,
    /// Somebody made one contact of this one and another.
    Merged,
    /// Somebody protected the contact against being taken away.
    Protected,
    /// The contact was removed.
    Removed,
    /// It was made anew after it was removed.
    MadeAnew,
    /// The person behind it was erased on request.
    Erased,
    /// What stood before is not kept.
    NotKept,
}

/// What undoes an item that was written as it says, by this author. `own` are the undoing run, and
/// those that took back what came after.
pub fn inverse(
    done: &SegmentItem,
    author: Author<'_>,
    own: &[RunId],
    stands: Stands<'_>,
) -> Inverse {
    match done.outcome {
        Outcome::Create => unmade(done, stands),
        Outcome::Restore if done.version == 0 => unmade(done, stands),
        Outcome::Update
        | Outcome::Restore
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate => put_back(done, author, stands),
        Outcome::AwaitingReview if done.link.is_some() => put_back(done, author, stands),
        Outcome::Delete => brought_back(done, author, own, stands),
        Outcome::AwaitingReview
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep
        | Outcome::Left => Inverse::Nothing,
    }
}

/// The removal of a contact that was made, unless there is anything on it that others made.
fn unmade(done: &SegmentItem, stands: Stands<'_>) -> Inverse {
    let contact = match stands {
        Stands::Contact(contact) => contact,
        Stands::Removed { erased: true, .. } => return Inverse::Refused(Refusal::Erased),
        Stands::Removed { .. } | Stands::Nothing => return Inverse::Nothing,
    };
    for change in &done.fields {
        if value(contact, &change.field) != change.new {
            return refused(contact, &change.field);
        }
    }
    let was_made = |target: &Target| done.fields.iter().any(|change| change.field == *target);
    if let Some(added) = targets(contact).find(|target| !was_made(target)) {
        return refused(contact, &added);
    }
    let after = done.trace.as_ref().and_then(|trace| trace.after.as_deref());
    if contact.protected && !after.is_some_and(|image| image.protected) {
        return Inverse::Refused(Refusal::Protected);
    }
    if contact.link.as_ref().is_none_or(|link| link.object_id != done.object_id) {
        return Inverse::Refused(Refusal::Link);
    }
    Inverse::Undo(Box::new(SegmentItem {
        version: contact.version,
        trace: Some(Box::new(Trace::replacing(contact, Image::whole(contact)))),
        ..blank_item(&done.object_id, Some(contact.id.clone()), Outcome::Delete)
    }))
}

/// The change that gives a contact back what it had.
fn put_back(done: &SegmentItem, author: Author<'_>, stands: Stands<'_>) -> Inverse {
    let contact = match stands {
        Stands::Contact(contact) => contact,
        Stands::Removed { erased: true, .. } => return Inverse::Refused(Refusal::Erased),
        Stands::Removed { .. } | Stands::Nothing => return Inverse::Refused(Refusal::Removed),
    };
    let mut fields = Vec::new();
    for change in &done.fields {
        let now = value(contact, &change.field);
        if now == change.new && now != change.old {
            fields.push(FieldChange {
                field: change.field.clone(),
                old: now,
                new: change.old.clone(),
                source: author.source(),
                rule: "undo".to_owned(),
            });
        } else if now != change.old {
            return refused(contact, &change.field);
        }
    }
    let now = Image::of(contact);
    let after = match image_before(done, &now) {
        Ok(after) => after,
        Err(refusal) => return Inverse::Refused(refusal),
    };
    if fields.is_empty() && after == now {
        return Inverse::Nothing;
    }
    let is_cut = now.link.is_some() && after.link.is_none();
    let rests = now.status != after.status && after.status == ContactStatus::Inactive;
    let protected_since = contact.protected && !was_protected(done);
    if protected_since && (is_cut || rests) {
        return Inverse::Refused(Refusal::Protected);
    }
    let mut item = SegmentItem {
        version: contact.version,
        fields,
        status: (now.status != after.status).then_some(after.status),
        link: link_change(now.link.as_ref(), after.link.as_ref()),
        // Whose the contact is again stands beside it, too.
        adopted: now.link.is_none() && after.link.is_some(),
        trace: Trace::over(contact),
        ..blank_item(&done.object_id, Some(contact.id.clone()), Outcome::Restore)
    };
    if after != now {
        let over = Trace::replacing(contact, now);
        item.trace = Some(Box::new(Trace { after: Some(Box::new(after)), ..over }));
    }
    Inverse::Undo(Box::new(item))
}

/// The contact that was deleted, in its tombstone's place.
fn brought_back(
    done: &SegmentItem,
    author: Author<'_>,
    own: &[RunId],
    stands: Stands<'_>,
) -> Inverse {
    match stands {
        Stands::Contact(_) => return Inverse::Refused(Refusal::MadeAnew),
        Stands::Removed { erased: true, .. } => return Inverse::Refused(Refusal::Erased),
        Stands::Removed { by, version, .. } if !is_by(author, own, by, version) => {
            return Inverse::Refused(Refusal::Removed);
        }
        Stands::Removed { .. } | Stands::Nothing => {}
    }
    let before = done.trace.as_ref().and_then(|trace| trace.before.as_deref());
    let Some((image, values)) = before.and_then(|image| Some((image, image.whole.as_deref()?)))
    else {
        return Inverse::Refused(Refusal::NotKept);
    };
    let standard = values.fields.iter();
    let standard =
        standard.map(|(field, text)| (Target::Field(*field), Value::String(text.clone())));
    let custom = values.custom.iter();
    let custom = custom.map(|(key, value)| (Target::Custom(key.clone()), value.clone()));
    let fields = standard.chain(custom).map(|(field, new)| FieldChange {
        field,
        old: Value::Null,
        new,
        source: author.source(),
        rule: "undo".to_owned(),
    });
    let after = Image { whole: None, ..image.clone() };
    Inverse::Undo(Box::new(SegmentItem {
        fields: fields.collect(),
        status: Some(image.status),
        link: link_change(None, image.link.as_ref()),
        adopted: image.link.is_some(),
        trace: Some(Box::new(Trace {
            after: Some(Box::new(after)),
            deed: match author {
                Author::Page(_) => None,
                Author::Person(entry) => Some(entry.id.clone()),
            },
            ..Trace::default()
        })),
        ..blank_item(&done.object_id, done.contact_id.clone(), Outcome::Restore)
    }))
}

/// Whether a contact was removed by whoever's write is undone, or by undoing, which had been made
/// after that.
fn is_by(author: Author<'_>, own: &[RunId], by: Option<&Prior>, version: u64) -> bool {
    match (author, by) {
        (_, Some(by)) if own.contains(&by.run) => true,
        (Author::Page(place), Some(by)) => by == place,
        (Author::Person(entry), None) => entry.version == version,
        (Author::Page(_), None) | (Author::Person(_), Some(_)) => false,
    }
}

/// What a contact was beyond its fields, where it still is what the item made of it.
fn image_before(done: &SegmentItem, now: &Image) -> Result<Image, Refusal> {
    let trace = done.trace.as_deref();
    let made = trace.and_then(|trace| trace.after.as_deref());
    let says_whose = made.is_some() || done.link.is_some() || done.outcome == Outcome::Unlink;
    if !says_whose && now.link.as_ref().is_some_and(|link| link.object_id != done.object_id) {
        return Err(Refusal::Link);
    }
    let Some(before) = trace.and_then(|trace| trace.before.as_deref()) else {
        let changed = done.link.is_some() || done.status.is_some();
        return if changed { Err(Refusal::NotKept) } else { Ok(now.clone()) };
    };
    let mut image =
        Image { managed_fields: before.managed_fields.clone(), whole: None, ..now.clone() };
    let status = match done.outcome {
        Outcome::Deactivate => Some(ContactStatus::Inactive),
        _ => done.status,
    };
    if status.is_some_and(|status| status == now.status) {
        image.status = before.status;
    }
    let tied = match (made, done.outcome, &done.link) {
        (Some(made), _, _) => Some(made.link.as_ref().map(tie)),
        (None, Outcome::Unlink, _) => Some(None),
        (None, _, Some(change)) => Some(Some((&done.object_id, change.new))),
        (None, _, None) => None,
    };
    let link = now.link.as_ref().map(tie);
    if tied.is_some_and(|made| made == link) {
        image.link.clone_from(&before.link);
    } else if tied.is_some() && link != before.link.as_ref().map(tie) {
        return Err(Refusal::Link);
    }
    Ok(image)
}

/// To whom a link leads, and where that user stands.
fn tie(link: &Link) -> (&crate::id::ObjectId, LinkState) {
    (&link.object_id, link.state)
}

fn was_protected(done: &SegmentItem) -> bool {
    let before = done.trace.as_ref().and_then(|trace| trace.before.as_deref());
    before.is_some_and(|image| image.protected)
}

/// What the change tells of the link; nothing of one that is cut.
fn link_change(now: Option<&Link>, after: Option<&Link>) -> Option<LinkChange> {
    let after = after.filter(|after| now != Some(*after))?;
    let told = LinkChange::new(now.map(|link| link.state), after.state);
    Some(LinkChange { user_principal_name: after.user_principal_name.clone(), ..told })
}

fn refused(contact: &Contact, field: &Target) -> Inverse {
    Inverse::Refused(Refusal::Field { field: field.clone(), by: contact.writer_of(field) })
}

fn value(contact: &Contact, field: &Target) -> Value {
    contact.value(field).unwrap_or(Value::Null)
}

/// The fields of a contact that have a value.
fn targets(contact: &Contact) -> impl Iterator<Item = Target> {
    let standard = contact.fields.keys().map(|field| Target::Field(*field));
    standard.chain(contact.custom.keys().cloned().map(Target::Custom))
}

#[cfg(test)]
mod tests;
