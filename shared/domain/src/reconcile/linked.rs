//! Users whose contact is linked: what the contact takes over from the directory.

use super::asking;
use super::item::{failed, item_of};
use super::{Claimant, Rules, Tie, Wanted, sign, status_of, user_address};
use crate::contact::{Contact, ContactStatus, LinkState};
use crate::directory::DirectoryUser;
use crate::review::{Question, ReviewAction, ReviewList};
use crate::segment::{FieldChange, LinkChange, Outcome, SegmentItem, Trace};
use crate::settings::ChangeMode;
use crate::trace::Image;

impl Rules {
    pub(super) fn decide_linked(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        contact: &Contact,
        claimant: Claimant<'_>,
        tie: Tie<'_>,
    ) -> SegmentItem {
        let mut item = item_of(user, Some(contact.id.clone()), Outcome::Unchanged);
        item.version = contact.version;
        let mut changes = match self.mapping.changes(&wanted.mapped, Some(contact)) {
            Ok(changes) => changes,
            Err(failures) => return failed(item, user, &failures),
        };
        let mut pending = self.mapping.pending(&wanted.mapped, contact);
        let all = changes.len() + pending.len();
        let is_open =
            |one: &FieldChange| !self.rejected.has_value(&contact.id, &one.field, &one.new);
        changes.retain(is_open);
        pending.retain(is_open);
        let mut refused = all - changes.len() - pending.len();
        if self.approved {
            changes.append(&mut pending);
        }
        let (mut status, link) = status_and_link(user, wanted, contact, tie);
        // Somebody said that it stays active, or inactive.
        if status.is_some_and(|status| self.rejected.has_status(&contact.id, status)) {
            status = None;
            refused += 1;
        }
        // Other rules may manage other fields, although no value differs.
        let managed = self.mapping.managed_targets(contact.source) == contact.managed_fields;
        let settled = changes.is_empty() && status.is_none() && link.is_none() && managed;
        if settled && pending.is_empty() {
            return item;
        }
        let mode = self.mode(self.policies.update);
        let is_shown = !changes.is_empty() || !pending.is_empty() || status.is_some();
        let ask = |status| {
            let asked = asking::about(ReviewList::Changes, user, []);
            Question { status, ..asked }.suggesting(Some(ReviewAction::Accept))
        };
        match mode {
            // What only sync itself sees (where the user stands and his UPN on the link, which
            // fields it manages) asks nobody.
            ChangeMode::Review if !is_shown => {}
            ChangeMode::Off if !is_shown && link.is_some() => {}
            ChangeMode::Off => {
                item.reason = Some("updating contacts is switched off".to_owned());
                return linking(item, wanted, contact, link);
            }
            ChangeMode::Review => {
                item.reason = Some(self.waits("changes wait"));
                item.email = user_address(user);
                item.question = ask(status);
                changes.extend(pending);
                if link.is_some() {
                    item.pending = changes;
                    return linking(item, wanted, contact, link);
                }
                item.outcome = Outcome::AwaitingReview;
                item.fields = changes;
                return item;
            }
            ChangeMode::Auto => {}
        }
        if settled {
            item.outcome = Outcome::AwaitingReview;
            item.question = ask(None);
            item.pending = pending;
            item.reason = Some("changes wait for review".to_owned());
            item.email = user_address(user);
            return item;
        }
        item.fields = changes;
        if let Some(taken) = self.refused(&item, user, wanted, claimant, tie) {
            return SegmentItem { email: user_address(user), ..taken };
        }
        item.question = if pending.is_empty() { None } else { ask(None) };
        item.pending = pending;
        item.outcome = Outcome::Update;
        item.trace = if status.is_some() || link.is_some() || !managed {
            Some(Box::new(Trace::replacing(contact, Image::of(contact))))
        } else {
            Trace::over(contact)
        };
        item.status = status;
        item.link = link;
        // A contact that lacks what was refused is not decided for good.
        sign(&mut item, wanted, refused);
        item
    }
}

/// Writes where a user stands, whatever else is held back: who returns could not leave again.
fn linking(
    mut item: SegmentItem,
    wanted: &Wanted,
    contact: &Contact,
    link: Option<LinkChange>,
) -> SegmentItem {
    if link.is_some() {
        item.outcome = Outcome::Update;
        item.trace = Some(Box::new(Trace::replacing(contact, Image::of(contact))));
        item.link = link;
        sign(&mut item, wanted, 1);
    }
    item
}

fn status_and_link(
    user: &DirectoryUser,
    wanted: &Wanted,
    contact: &Contact,
    tie: Tie<'_>,
) -> (Option<ContactStatus>, Option<LinkChange>) {
    let status = status_of(wanted);
    let upn = user.text("userPrincipalName");
    let link = contact.link.as_ref();
    let moved = link.is_none_or(|link| {
        link.state != LinkState::Linked
            || link.connection_id != *tie.connection
            || (upn.is_some() && link.user_principal_name.as_deref() != upn)
    });
    let change = moved.then(|| LinkChange {
        user_principal_name: upn.map(str::to_owned),
        ..LinkChange::new(link.map(|link| link.state), LinkState::Linked)
    });
    ((contact.status != status).then_some(status), change)
}
