//! Making one contact of several.

use contact_sync_domain::contact::{Contact, ContactField};
use contact_sync_domain::history::HistoryKind;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::reconcile::Claimant;
use contact_sync_domain::review::ReviewItem;
use contact_sync_domain::segment::Outcome;

use super::approval::{Approval, Meant, is_nobody_elses, is_of};
use super::desk::{Done, target};
use super::{Known, ReviewRequest};
use crate::admin::contacts::{contact, take_away, write};
use crate::admin::deeds::Deed;
use crate::admin::teams::take_over_teams;
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, ContactStore, MergeStore, StoredContact, merged_until};

impl<O: Outside> Approval<'_, '_, O> {
    /// Makes one contact of the user's own, the other candidates that nobody owns, and the one that
    /// stays: what that one lacks it takes from them.
    pub(super) async fn merge(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        known: Known<'_>,
    ) -> Result<Done, AdminError> {
        let outside = self.desk.outside;
        let stays = target(item, request.contact.as_ref())?;
        let user = &item.user.object_id;
        // Everything that may refuse is asked before anything is removed, the directory above all:
        // where it did not answer afterwards, the user would be left without any contact.
        let (meant, others) =
            self.mergeable(item, (&stays, request.contact_version), known).await?;
        for other in others {
            // What is still told of it is found by the one that stays.
            let (store, until) = (outside.store(), merged_until(outside.clock().now()));
            store.note_merge(&self.desk.account.id, &stays, &other.id, until).await?;
            self.fill(&stays, &other).await?;
            // The contact itself goes last: who sends the request again finds what is left of it.
            take_over_teams(outside, &stays, &other, user).await?;
            // Its user is not put on the ignore list: he will be linked to the one that stays.
            let what = HistoryKind::Merged { into: stays.clone() };
            let deed = Deed::new(outside, self.desk.caller, self.desk.account.retention, what);
            if !take_away(outside, &other, Some(&deed)).await? {
                return Err(AdminError::Moved);
            }
        }
        let filled = contact(outside.store(), &self.desk.account.id, &stays).await?;
        self.link_to(item, Some(&stays), filled, &meant).await
    }

    /// Gives the contact that stays what it lacks of another one's fields. Its address the other
    /// one keeps until it goes: the mapping says which one is the person's.
    async fn fill(&self, stays: &ContactId, other: &Contact) -> Result<(), AdminError> {
        let what = HistoryKind::Filled { from: other.id.clone() };
        let deed =
            Deed::new(self.desk.outside, self.desk.caller, self.desk.account.retention, what);
        let (store, account) = (self.desk.outside.store(), &self.desk.account.id);
        let kept = contact(store, account, stays).await?;
        let mut filled = Contact {
            version: kept.version + 1,
            updated_at: self.desk.outside.clock().now(),
            ..kept.clone()
        };
        for (field, value) in &other.fields {
            if *field != ContactField::Email {
                filled.fields.entry(*field).or_insert_with(|| value.clone());
            }
        }
        for (key, value) in &other.custom {
            filled.custom.entry(key.clone()).or_insert_with(|| value.clone());
        }
        let gains = filled.fields != kept.fields || filled.custom != kept.custom;
        if gains {
            let entry = deed.writes(Some(&kept), &mut filled);
            let written = write(store, Some(&kept), &filled, &entry).await?;
            return written.ok_or(AdminError::Moved);
        }
        Ok(())
    }

    /// The user as he is linked afterwards, and the contacts that go into `stays`; an error when one
    /// of them may not, or when he could not be linked to it.
    async fn mergeable(
        &self,
        item: &ReviewItem,
        (stays, shown): (&ContactId, Option<u64>),
        known: Known<'_>,
    ) -> Result<(Meant, Vec<Contact>), AdminError> {
        let impossible = |why: &str| AdminError::ReviewImpossible(why.to_owned());
        let (store, account) = (self.desk.outside.store(), &self.desk.account.id);
        let meant = self.user(&item.user.object_id, known).await?;
        let user = &meant.user;
        let mut ids: Vec<ContactId> = item.candidates.clone();
        ids.push(meant.own.clone());
        ids.sort_unstable();
        ids.dedup();
        if !ids.contains(stays) && item.contact_id.as_ref() != Some(stays) {
            return Err(impossible("the contact that shall stay is none of those in question"));
        }
        let kept = contact(store, account, stays).await?;
        is_nobody_elses(&kept, &user.id)?;
        // This very decision may have linked it before it was on record.
        if !is_of(&kept, &user.id) {
            self.desk.check_filled(item, &kept, shown).await?;
        }
        let mut others = Vec::new();
        for id in ids.iter().filter(|id| *id != stays) {
            let Some(StoredContact::Present(other)) = store.get(account, id).await? else {
                continue;
            };
            if other.protected || !(is_of(&other, &user.id) || other.link.is_none()) {
                return Err(impossible(
                    "one of the contacts is protected or linked to somebody else",
                ));
            }
            self.desk.check_shown(item, &other, None).await?;
            others.push(*other);
        }
        let free = Contact { link: None, ..kept };
        let (wanted, owner) = self.claimant(user, &meant.wanted, Some(&free)).await?;
        if owner.is_some_and(|owner| !ids.contains(&owner.id)) {
            return Err(AdminError::EmailTaken);
        }
        let (rules, tie) = (&self.grounds.rules, self.grounds.tie());
        let decided = rules.adopt(user, &wanted, &free, None, Claimant::Nobody, tie);
        if decided.outcome != Outcome::Update {
            let why = decided.reason.as_deref().unwrap_or("the user cannot be linked to it");
            return Err(impossible(why));
        }
        Ok((meant, others))
    }
}
