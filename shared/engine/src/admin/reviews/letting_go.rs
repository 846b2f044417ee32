//! Taking links and contacts away, leaving users alone, and what a refusal is about.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::review::{Rejected, ReviewAction, ReviewItem, ReviewList};

use super::desk::{Desk, Done, target};
use crate::admin::contacts::{contact, remove_contact, write};
use crate::admin::settings::{Ignoring, change_ignored};
use crate::admin::{AdminError, Outside, Precondition};
use crate::port::{Clock, ContactStore, ReviewStore};

impl<O: Outside> Desk<'_, O> {
    /// Cuts the tie; the contact keeps its fields.
    pub(super) async fn unlink(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
    ) -> Result<Done, AdminError> {
        let id = in_question(item, named)?;
        let old = contact(self.outside.store(), &self.account.id, &id).await?;
        let Some(link) = old.link.clone() else { return Ok(Done::wrote(old)) };
        if link.object_id != item.user.object_id {
            return Err(AdminError::ReviewImpossible(
                "the contact is linked to somebody else in the directory".to_owned(),
            ));
        }
        if link.connection_id != self.connection.id {
            return Err(AdminError::ReviewImpossible(
                "the contact is linked through another connection".to_owned(),
            ));
        }
        Ok(Done::wrote(self.unlinked(&old).await?))
    }

    pub(super) async fn delete(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
    ) -> Result<Done, AdminError> {
        let id = in_question(item, named)?;
        match remove_contact(self.outside, self.caller, &self.account.id, &id, &Precondition::None)
            .await
        {
            // Somebody else was faster.
            Ok(()) | Err(AdminError::NotFound(_)) => Ok(Done::about(Some(id))),
            Err(error) => Err(error),
        }
    }

    /// Takes a contact's link away, and the note that led its user to it.
    pub(super) async fn unlinked(&self, old: &Contact) -> Result<Contact, AdminError> {
        let new = Contact {
            version: old.version + 1,
            link: None,
            managed_fields: Vec::new(),
            updated_at: self.outside.clock().now(),
            ..old.clone()
        };
        match write(self.outside.store(), Some(old), &new).await? {
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

    /// Puts the user on the ignore list, under the name by which he was known.
    pub(super) async fn ignore(&self, item: &ReviewItem) -> Result<(), AdminError> {
        let user = &item.user.object_id;
        let users = std::slice::from_ref(user);
        let (caller, account, id) = (self.caller, &self.account.id, &self.connection.id);
        change_ignored(self.outside, caller, account, id, Ignoring::Begin, users).await?;
        let ignored = ReviewItem {
            list: ReviewList::Ignored,
            version: item.version + 1,
            contact_id: None,
            candidates: Vec::new(),
            changes: Vec::new(),
            matched: None,
            suggested: Some(ReviewAction::Unignore),
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
                item.changes.iter().map(|change| Rejected::Value {
                    contact_id: contact.clone(),
                    field: change.field.clone(),
                    value: change.new.clone(),
                })
            })
            .collect(),
        ReviewList::Conflicts => vec![Rejected::Conflict {
            object_id: user.clone(),
            candidates: item.candidates.clone(),
        }],
        ReviewList::Available | ReviewList::Ignored | ReviewList::Removals => Vec::new(),
    }
}
