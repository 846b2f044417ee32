//! Taking links and contacts away, leaving users alone, and what a refusal is about.

use std::collections::BTreeMap;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Rejected, ReviewAction, ReviewItem, ReviewList};
use contact_sync_domain::settings::DisabledAccounts;

use super::ReviewRequest;
use super::desk::{Desk, Done, target};
use super::list::ReviewEntry;
use crate::admin::contacts::{contact, remove_contact, write};
use crate::admin::deeds::Deed;
use crate::admin::removals;
use crate::admin::settings::{Ignoring, change_ignored};
use crate::admin::teams::end_memberships;
use crate::admin::{AdminError, Outside, Precondition};
use crate::port::{Clock, ContactStore, ReviewStore};

impl<O: Outside> Desk<'_, O> {
    /// The contact whose tie an item lets people cut.
    pub(super) async fn to_unlink(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
    ) -> Result<Contact, AdminError> {
        let id = in_question(item, named)?;
        let old = contact(self.outside.store(), &self.account.id, &id).await?;
        match self.bars_unlinking(item, &old) {
            Some(why) => Err(AdminError::ReviewImpossible(why.to_owned())),
            None => Ok(old),
        }
    }

    /// The same, where it is as it was shown. One without a tie may have lost it by this very decision,
    /// before that was on record.
    pub(super) async fn as_shown(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
    ) -> Result<Contact, AdminError> {
        let old = self.to_unlink(item, request.contact.as_ref()).await?;
        if old.link.is_some() {
            self.check_shown(item, &old, request.contact_version).await?;
        }
        Ok(old)
    }

    fn bars_unlinking(&self, item: &ReviewItem, contact: &Contact) -> Option<&'static str> {
        let link = contact.link.as_ref()?;
        if link.object_id != item.user.object_id {
            Some("the contact is linked to somebody else in the directory")
        } else if link.connection_id != self.connection.id {
            Some("the contact is linked through another connection")
        } else {
            None
        }
    }

    /// Whether a contact may be deleted for an item: of somebody who left only his own, and any only
    /// as it was shown.
    async fn check_deletion(
        &self,
        item: &ReviewItem,
        contact: &Contact,
        shown: Option<u64>,
    ) -> Result<(), AdminError> {
        let of_leaver = item.list == ReviewList::Removals;
        match self.bars_unlinking(item, contact).filter(|_| of_leaver) {
            Some(why) => Err(AdminError::ReviewImpossible(why.to_owned())),
            None => self.check_shown(item, contact, shown).await,
        }
    }

    /// Approves of what a run would do to the contact of somebody who left.
    pub(super) async fn approve(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
    ) -> Result<Done, AdminError> {
        let contact = self.as_shown(item, request).await?;
        removals::approve(self.outside, self.caller, &self.connection.id, item, &contact).await?;
        // From here on the next run does it, be it that the decision never comes on record.
        self.note_approved(item).await?;
        Ok(Done::about(Some(contact.id)))
    }

    /// Lets the contact of somebody who left be.
    pub(super) async fn spare(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
        deed: &Deed<'_>,
    ) -> Result<Done, AdminError> {
        let contact = self.to_unlink(item, named).await?;
        let cause = item.departure.as_ref().map_or(GoneCause::OutOfScope, |left| left.cause);
        let stays_in_scope =
            self.settings.settings.scope.disabled_accounts == DisabledAccounts::IncludeAsInactive;
        if cause == GoneCause::Disabled && stays_in_scope {
            // He is synced as before; only his contact stays active.
            let user = &item.user.object_id;
            removals::forget_approval(self.outside, &self.connection.id, user).await?;
            let refused = Rejected::Removal { contact_id: contact.id.clone(), cause };
            return Ok(Done {
                contact_id: Some(contact.id),
                contact: None,
                refused: vec![refused],
            });
        }
        Ok(Done::wrote(removals::spare(self.outside, item, cause, &contact, deed).await?))
    }

    /// Cuts the tie; the contact keeps its fields.
    pub(super) async fn unlink(&self, old: Contact, deed: &Deed<'_>) -> Result<Done, AdminError> {
        if old.link.is_none() {
            return Ok(Done::wrote(old));
        }
        Ok(Done::wrote(self.unlinked(&old, deed).await?))
    }

    /// Puts all users on the ignore list whom an action on these items puts there, in one version of
    /// the settings: one by one they would outrun each other.
    pub(super) async fn ignore_whom_it_takes(
        &self,
        action: ReviewAction,
        entries: &[ReviewEntry],
    ) -> Result<(), AdminError> {
        let mut leaving: BTreeMap<ConnectionId, Vec<ObjectId>> = BTreeMap::new();
        for ReviewEntry { item, contact, candidates } in entries {
            let Ok(id) = in_question(item, None) else { continue };
            let mut told = contact.iter().chain(candidates);
            let Some(contact) = told.find(|contact| contact.id == id) else { continue };
            let (whom, may) = match (action, item.list) {
                (ReviewAction::Delete, _) => (
                    contact
                        .link
                        .as_ref()
                        .map(|link| (link.connection_id.clone(), link.object_id.clone())),
                    self.check_deletion(item, contact, None).await,
                ),
                (ReviewAction::Unlink, list) if list != ReviewList::Removals => (
                    Some((self.connection.id.clone(), item.user.object_id.clone()))
                        .filter(|_| self.bars_unlinking(item, contact).is_none()),
                    self.check_shown(item, contact, None).await,
                ),
                _ => continue,
            };
            // Whose contact stays is not ignored for it; why it stays the decision itself says.
            if let (Some((connection, user)), Ok(())) = (whom, may) {
                leaving.entry(connection).or_default().push(user);
            }
        }
        for (id, users) in leaving {
            let (caller, account) = (self.caller, &self.account.id);
            change_ignored(self.outside, caller, account, &id, Ignoring::Begin, &users).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        deed: &Deed<'_>,
    ) -> Result<Done, AdminError> {
        let id = in_question(item, request.contact.as_ref())?;
        let account = &self.account.id;
        let by = (self.caller, deed);
        let removed = match contact(self.outside.store(), account, &id).await {
            Ok(old) => {
                self.check_deletion(item, &old, request.contact_version).await?;
                let as_read = Precondition::Versions(vec![old.version]);
                remove_contact(self.outside, by, account, &id, &as_read).await
            }
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => {}
            Err(AdminError::Stale) => return Err(AdminError::Moved),
            // Somebody else was faster, or this very decision, which died before the contact was
            // out of its teams.
            Err(AdminError::NotFound(_)) => {
                let now = self.outside.clock().now();
                end_memberships(self.outside.store(), account, &id, now).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Done::about(Some(id)))
    }

    /// Takes a contact's link away, and the note that led its user to it.
    async fn unlinked(&self, old: &Contact, deed: &Deed<'_>) -> Result<Contact, AdminError> {
        let mut new = Contact {
            version: old.version + 1,
            link: None,
            managed_fields: Vec::new(),
            updated_at: self.outside.clock().now(),
            ..old.clone()
        };
        if let Some(mark) = &mut new.sync {
            mark.untied_by_hand = true;
        }
        let entry = deed.writes(Some(old), &mut new);
        match write(self.outside.store(), Some(old), &new, &entry).await? {
            Some(()) => {
                if let Some(link) = &old.link {
                    let store = self.outside.store();
                    store
                        .delete_adoption(&self.account.id, &link.tenant_id, &link.object_id)
                        .await?;
                }
                Ok(new)
            }
            None => Err(AdminError::Moved),
        }
    }

    /// Lets the settings ignore the user.
    pub(super) async fn leave_alone(&self, item: &ReviewItem) -> Result<(), AdminError> {
        let users = std::slice::from_ref(&item.user.object_id);
        let (caller, account, id) = (self.caller, &self.account.id, &self.connection.id);
        change_ignored(self.outside, caller, account, id, Ignoring::Begin, users).await
    }

    /// Puts the user on the ignore list, under the name by which he was known.
    pub(super) async fn ignore(&self, item: &ReviewItem) -> Result<(), AdminError> {
        self.leave_alone(item).await?;
        let user = &item.user.object_id;
        let ignored = ReviewItem {
            list: ReviewList::Ignored,
            version: item.version + 1,
            contact_id: None,
            candidates: Vec::new(),
            versions: BTreeMap::new(),
            changes: Vec::new(),
            status: None,
            matched: None,
            suggested: Some(ReviewAction::Unignore),
            departure: None,
            reason: Some("ignored by a person".to_owned()),
            remedy: None,
            since: self.outside.clock().now(),
            ..item.clone()
        };
        let store = self.outside.store();
        let place = (ReviewList::Ignored, user.clone());
        let standing = store.reviews_of(&self.connection.id, &[place]).await?;
        store.put_review(&ignored, standing.first().map(|one| one.version)).await?;
        Ok(())
    }
}

/// The contact that an action is about, which must be one that the item asks about.
fn in_question(item: &ReviewItem, named: Option<&ContactId>) -> Result<ContactId, AdminError> {
    let id = target(item, named)?;
    if item.contact_id.as_ref() == Some(&id) || item.candidates.contains(&id) {
        Ok(id)
    } else {
        Err(AdminError::invalid("/contact", "this item does not ask about that contact"))
    }
}

/// What a refusal is about.
pub(super) fn refusals(item: &ReviewItem) -> Vec<Rejected> {
    let user = &item.user.object_id;
    match item.list {
        ReviewList::Matched => item
            .contact_id
            .iter()
            .map(|contact| Rejected::Match { object_id: user.clone(), contact_id: contact.clone() })
            .collect(),
        ReviewList::Changes => item
            .contact_id
            .iter()
            .flat_map(|contact| {
                let values = item.changes.iter().map(|change| Rejected::Value {
                    contact_id: contact.clone(),
                    field: change.field.clone(),
                    value: change.new.clone(),
                });
                values.chain(item.status.map(|status| Rejected::status(contact, status)))
            })
            .collect(),
        ReviewList::Conflicts => vec![Rejected::Conflict {
            object_id: user.clone(),
            candidates: item.candidates.clone(),
        }],
        ReviewList::Available | ReviewList::Ignored | ReviewList::Removals => Vec::new(),
    }
}
