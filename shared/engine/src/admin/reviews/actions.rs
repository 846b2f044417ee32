//! What each action does.

use contact_sync_domain::contact::{Contact, Link, LinkState};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::Found;
use contact_sync_domain::review::{Rejected, ReviewAction, ReviewItem, ReviewList};
use contact_sync_domain::segment::Outcome;

use super::desk::{Desk, Done};
use super::{Known, ReviewRequest, moved, same_changes};
use crate::admin::contacts::{contact, remove_contact, write};
use crate::admin::settings::{ignore, stop_ignoring};
use crate::admin::{AdminError, Outside, Precondition};
use crate::port::{Clock, ContactStore, ReviewStore, StoredContact};

impl<O: Outside> Desk<'_, O> {
    pub(super) async fn act(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        user: Known<'_>,
    ) -> Result<Done, AdminError> {
        use {ReviewAction as A, ReviewList as L};
        let named = request.contact.as_ref();
        match (request.action, item.list) {
            (A::Accept, L::Matched) => self.link(item, None, user).await,
            (A::Accept, L::Available) | (A::Create, _) => self.create(item, user).await,
            (A::Accept, L::Changes) => self.apply(item, user).await,
            (A::Accept | A::Unlink, L::Removals) => self.unlink(item, named).await,
            (A::Accept, L::Ignored | L::Conflicts) => {
                Err(AdminError::invalid("/action", super::not_of(item.list)))
            }
            (A::Link, _) => self.link(item, named, user).await,
            (A::Merge, _) => self.merge(item, named, user).await,
            (A::Unlink, _) => {
                // He is in the directory still: without this the next run links him again.
                let done = self.unlink(item, named).await?;
                self.ignore(item).await?;
                Ok(done)
            }
            (A::Delete, _) => self.delete(item, named).await,
            (A::Ignore, _) => {
                self.ignore(item).await?;
                Ok(Done::about(item.contact_id.clone()))
            }
            (A::Unignore, _) => {
                let (caller, account) = (self.caller, &self.account.id);
                let user = std::slice::from_ref(&item.user.object_id);
                stop_ignoring(self.outside, caller, account, &self.connection.id, user).await?;
                Ok(Done::default())
            }
            (A::Keep | A::Reject, _) => Ok(Done {
                contact_id: item.contact_id.clone(),
                contact: None,
                refused: refusals(item),
            }),
        }
    }

    /// Links the user to a contact: the one named, else the one in question.
    async fn link(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
        known: Known<'_>,
    ) -> Result<Done, AdminError> {
        let id = Self::target(item, named)?;
        let (user, wanted) = self.user(&item.user.object_id, known).await?;
        self.has_no_other(&user.id, &id).await?;
        let store = self.outside.store();
        let standing = contact(store, &self.account.id, &id).await?;
        is_nobody_elses(&standing, &user.id)?;
        let free = Contact { link: None, ..standing.clone() };
        let owner = self.claimant(&wanted, Some(&free)).await?;
        let claimant = Self::as_claimant(owner.as_ref());
        let decided = self.rules.adopt(&user, &wanted, &free, None, claimant, self.tie()?);
        let mut decided = decided;
        decided.fields.append(&mut decided.pending);
        // What was shown is what is done; a contact that somebody names is another matter.
        if named.is_none()
            && item.list == ReviewList::Matched
            && decided.contact_id.is_some()
            && !same_changes(&item.changes, &decided.fields)
        {
            return Err(moved(item, Some(&decided.fields)));
        }
        let former = standing.link.clone().filter(|link| link.object_id != user.id);
        let base = StoredContact::Present(Box::new(standing));
        let written = self.write(item, &decided, Some(&base)).await?;
        if let Some(former) = former {
            store.delete_adoption(&self.account.id, &former.tenant_id, &former.object_id).await?;
        }
        Ok(Done::wrote(written))
    }

    async fn create(&self, item: &ReviewItem, known: Known<'_>) -> Result<Done, AdminError> {
        let (user, wanted) = self.user(&item.user.object_id, known).await?;
        let (place, standing) = self.place_of(&user.id).await?;
        let id = ContactId::derived(&self.account.id, self.reading()?.0, &user.id);
        let standing = if place == id {
            standing
        } else {
            self.outside.store().get(&self.account.id, &id).await?
        };
        if let Some(StoredContact::Present(_)) = standing {
            return Err(AdminError::ReviewMoved("the user has a contact by now".to_owned()));
        }
        let owner = self.claimant(&wanted, None).await?;
        if owner.is_some() {
            return Err(AdminError::EmailTaken);
        }
        let claimant = Self::as_claimant(None);
        let decided = self.rules.create(&user, &wanted, &id, claimant, self.tie()?);
        Ok(Done::wrote(self.write(item, &decided, standing.as_ref()).await?))
    }

    /// Applies changes that wait.
    async fn apply(&self, item: &ReviewItem, known: Known<'_>) -> Result<Done, AdminError> {
        let (user, wanted) = self.user(&item.user.object_id, known).await?;
        let (id, standing) = self.place_of(&user.id).await?;
        let Some(StoredContact::Present(existing)) = &standing else {
            return Err(AdminError::ReviewMoved("the contact is gone".to_owned()));
        };
        let owner = self.claimant(&wanted, Some(existing)).await?;
        let found = Found {
            contact_id: &id,
            existing: Some(existing),
            claimant: Self::as_claimant(owner.as_ref()),
            candidates: &[],
        };
        let decided = self.rules.approve(&user, &wanted, found, self.tie()?);
        let is_written = decided.outcome == contact_sync_domain::segment::Outcome::Update;
        if is_written && !same_changes(&item.changes, &decided.fields) {
            return Err(moved(item, Some(&decided.fields)));
        }
        Ok(Done::wrote(self.write(item, &decided, standing.as_ref()).await?))
    }

    /// Cuts the tie; the contact keeps its fields.
    async fn unlink(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
    ) -> Result<Done, AdminError> {
        let id = Self::in_question(item, named)?;
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

    async fn delete(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
    ) -> Result<Done, AdminError> {
        let id = Self::in_question(item, named)?;
        match remove_contact(self.outside, self.caller, &self.account.id, &id, &Precondition::None)
            .await
        {
            // Somebody else was faster.
            Ok(()) | Err(AdminError::NotFound(_)) => Ok(Done::about(Some(id))),
            Err(error) => Err(error),
        }
    }

    /// Makes one contact of the user's own, the other candidates that nobody owns, and the one that
    /// stays: what that one lacks it takes from them.
    async fn merge(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
        known: Known<'_>,
    ) -> Result<Done, AdminError> {
        let store = self.outside.store();
        let account = &self.account.id;
        let stays = Self::target(item, named)?;
        let user = &item.user.object_id;
        // Everything that may refuse is asked before anything is removed.
        let others = self.mergeable(item, &stays, known).await?;
        for other in others {
            let is_own = is_of(&other, user);
            let kept = contact(store, account, &stays).await?;
            let mut filled = Contact {
                version: kept.version + 1,
                updated_at: self.outside.clock().now(),
                ..kept.clone()
            };
            for (field, value) in &other.fields {
                if *field != contact_sync_domain::contact::ContactField::Email {
                    filled.fields.entry(*field).or_insert_with(|| value.clone());
                }
            }
            for (key, value) in &other.custom {
                filled.custom.entry(key.clone()).or_insert_with(|| value.clone());
            }
            let gains = filled.fields != kept.fields || filled.custom != kept.custom;
            if gains && write(store, Some(&kept), &filled).await?.is_none() {
                return Err(AdminError::Moved);
            }
            // Without its link nobody is put on the ignore list.
            let bare = if is_own { self.unlinked(&other).await? } else { other };
            let version = Precondition::Versions(vec![bare.version]);
            remove_contact(self.outside, self.caller, account, &bare.id, &version).await?;
        }
        self.link(item, Some(&stays), known).await
    }

    /// The contacts that go into `stays`; an error when one of them may not, or when the user could
    /// not be linked to it afterwards.
    async fn mergeable(
        &self,
        item: &ReviewItem,
        stays: &ContactId,
        known: Known<'_>,
    ) -> Result<Vec<Contact>, AdminError> {
        let impossible = |why: &str| AdminError::ReviewImpossible(why.to_owned());
        let store = self.outside.store();
        let (user, wanted) = self.user(&item.user.object_id, known).await?;
        let (own, _) = self.place_of(&user.id).await?;
        let mut ids: Vec<ContactId> = item.candidates.clone();
        ids.push(own);
        ids.sort_unstable();
        ids.dedup();
        if !ids.contains(stays) && item.contact_id.as_ref() != Some(stays) {
            return Err(impossible("the contact that shall stay is none of those in question"));
        }
        let kept = contact(store, &self.account.id, stays).await?;
        is_nobody_elses(&kept, &user.id)?;
        let mut others = Vec::new();
        for id in ids.iter().filter(|id| *id != stays) {
            let Some(StoredContact::Present(other)) = store.get(&self.account.id, id).await? else {
                continue;
            };
            if other.protected || !(is_of(&other, &user.id) || other.link.is_none()) {
                return Err(impossible(
                    "one of the contacts is protected or linked to somebody else",
                ));
            }
            others.push(*other);
        }
        let free = Contact { link: None, ..kept };
        let owner = self.claimant(&wanted, Some(&free)).await?;
        if owner.is_some_and(|owner| !ids.contains(&owner.id)) {
            return Err(AdminError::EmailTaken);
        }
        let nobody = Self::as_claimant(None);
        let decided = self.rules.adopt(&user, &wanted, &free, None, nobody, self.tie()?);
        if decided.outcome != Outcome::Update {
            let why = decided.reason.as_deref().unwrap_or("the user cannot be linked to it");
            return Err(impossible(why));
        }
        Ok(others)
    }

    /// Takes a contact's link away, and the note that led its user to it.
    async fn unlinked(&self, old: &Contact) -> Result<Contact, AdminError> {
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
    async fn ignore(&self, item: &ReviewItem) -> Result<(), AdminError> {
        let user = &item.user.object_id;
        let users = std::slice::from_ref(user);
        ignore(self.outside, self.caller, &self.account.id, &self.connection.id, users).await?;
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

    /// Nobody has two contacts through one connection.
    async fn has_no_other(&self, user: &ObjectId, wanted: &ContactId) -> Result<(), AdminError> {
        let (id, standing) = self.place_of(user).await?;
        let has_other = id != *wanted
            && matches!(standing, Some(StoredContact::Present(contact)) if contact
                .link
                .as_ref()
                .is_some_and(|link| link.object_id == *user));
        if has_other {
            return Err(AdminError::ReviewImpossible(
                "the user has a contact already; merge the two".to_owned(),
            ));
        }
        Ok(())
    }

    /// The contact that an action is about, which must be one that the item asks about.
    fn in_question(item: &ReviewItem, named: Option<&ContactId>) -> Result<ContactId, AdminError> {
        let id = Self::target(item, named)?;
        if item.contact_id.as_ref() == Some(&id) || item.candidates.contains(&id) {
            Ok(id)
        } else {
            Err(AdminError::invalid("/contact", "this item does not ask about that contact"))
        }
    }

    /// The contact that an action is about.
    fn target(item: &ReviewItem, named: Option<&ContactId>) -> Result<ContactId, AdminError> {
        let in_question = match item.candidates.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        named.or(item.contact_id.as_ref()).or(in_question).cloned().ok_or_else(|| {
            AdminError::invalid("/contact", "name the contact: several or none come into question")
        })
    }
}

/// Refuses a contact whose link leads to another user who is in the directory.
fn is_nobody_elses(contact: &Contact, user: &ObjectId) -> Result<(), AdminError> {
    let leads_elsewhere = |link: &Link| link.object_id != *user && link.state != LinkState::Removed;
    if contact.link.as_ref().is_some_and(leads_elsewhere) {
        let why = "the contact is linked to somebody else in the directory";
        return Err(AdminError::ReviewImpossible(why.to_owned()));
    }
    Ok(())
}

/// Whether a contact is linked to this user.
fn is_of(contact: &Contact, user: &ObjectId) -> bool {
    contact.link.as_ref().is_some_and(|link| link.object_id == *user)
}

/// What a refusal is about.
fn refusals(item: &ReviewItem) -> Vec<Rejected> {
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
