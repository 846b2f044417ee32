//! What a person approved is done as a run would do it: by the same scope, routing and rules, and by
//! the one conditional write through which runs write, too.

use std::borrow::Cow;

use contact_sync_domain::contact::{Contact, ContactField, Link, LinkState, SyncMark, Target};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId};
use contact_sync_domain::reconcile::{Claimant, Found, GoneCause, View, Wanted};
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::segment::{FieldChange, Outcome, SegmentItem};
use serde_json::Value;

use super::as_shown::check_unedited;
use super::desk::{Desk, Done, moved, target};
use super::{Known, ReviewRequest};
use crate::admin::contacts::contact;
use crate::admin::deeds::Deed;
use crate::admin::grounds::Grounds;
use crate::admin::{AdminError, Outside};
use crate::contact_after::{Stamp, contact_after};
use crate::port::{
    ClaimOutcome, Clock, ContactStore, ContactWrite, HistoryStore, ReviewStore, StoredContact,
    WriteOutcome,
};
use crate::sync::{as_it_was, bearers, contacts_of_users, present};

/// A desk at which users are decided.
pub(super) struct Approval<'d, 'a, O> {
    pub(super) desk: &'d Desk<'a, O>,
    pub(super) grounds: &'d Grounds,
    /// As what it is told.
    pub(super) deed: &'d Deed<'d>,
}

/// A user whom the connection's runs would take.
pub(super) struct Meant {
    pub(super) user: DirectoryUser,
    pub(super) wanted: Wanted,
    /// The contact that is or would be his.
    pub(super) own: ContactId,
    /// What stands there.
    pub(super) standing: Option<StoredContact>,
}

impl<O: Outside> Approval<'_, '_, O> {
    /// The user, read now unless he is known. Whom a run would not take nobody else takes either:
    /// the next run would let him go again.
    pub(super) async fn user(&self, id: &ObjectId, known: Known<'_>) -> Result<Meant, AdminError> {
        let outside = self.desk.outside;
        let user = if let Some(user) = known {
            user.clone()
        } else {
            let read = self.grounds.read_users(outside, std::slice::from_ref(id)).await?;
            read.into_iter().next().ok_or_else(|| {
                AdminError::ReviewMoved("the user is not in the directory any more".to_owned())
            })?
        };
        let account = &self.desk.account.id;
        let ids = std::slice::from_ref(&user.id);
        let own = contacts_of_users(outside.store(), account, &self.grounds.tenant, ids).await?;
        let own = own.into_iter().next();
        let own =
            own.unwrap_or_else(|| ContactId::derived(account, &self.grounds.tenant, &user.id));
        let standing = outside.store().get(account, &own).await?;
        let terms = self.grounds.terms();
        let wanted = match terms.view(&user) {
            View::In(wanted) => wanted,
            View::Out { cause, because } => {
                let helps = if cause == GoneCause::Elsewhere {
                    "ask whoever operates this service to split the organisations' scopes"
                } else {
                    "take the person into the scope first"
                };
                let why = format!("{because}; {helps}");
                return Err(AdminError::ReviewImpossible(why));
            }
            View::Failed { because } => return Err(AdminError::ReviewImpossible(because)),
            View::Unknown { attribute } => {
                let why = format!("Entra did not tell `{attribute}` of this person");
                return Err(AdminError::ReviewImpossible(why));
            }
        };
        if let Some(contested) = terms.contested(&user, present(standing.as_ref())) {
            return Err(impossible(&contested));
        }
        Ok(Meant { user, wanted, own, standing })
    }

    /// Links the user to a contact: the one named, else the one in question.
    pub(super) async fn link(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        known: Known<'_>,
    ) -> Result<Done, AdminError> {
        let named = request.contact.as_ref();
        let id = target(item, named)?;
        let meant = self.user(&item.user.object_id, known).await?;
        has_no_other(&meant, &id)?;
        let standing = contact(self.desk.outside.store(), &self.desk.account.id, &id).await?;
        is_nobody_elses(&standing, &meant.user.id)?;
        // This very decision may have linked it before it was on record.
        if !is_of(&standing, &meant.user.id) {
            self.desk.check_shown(item, &standing, request.contact_version).await?;
        }
        self.link_to(item, named, standing, &meant).await
    }

    /// Links a user whom a run would take to this contact; nothing of the directory is read.
    pub(super) async fn link_to(
        &self,
        item: &ReviewItem,
        named: Option<&ContactId>,
        standing: Contact,
        meant: &Meant,
    ) -> Result<Done, AdminError> {
        let user = &meant.user;
        let (store, account) = (self.desk.outside.store(), &self.desk.account.id);
        is_nobody_elses(&standing, &user.id)?;
        // Who is linked to it already was linked by this very decision, before it was on record.
        let is_question = matches!(item.list, ReviewList::Matched | ReviewList::Available);
        if is_question && is_linked(&standing, &self.desk.connection.id, &user.id) {
            return Ok(Done::wrote(standing));
        }
        let free = Contact { link: None, ..standing.clone() };
        let (wanted, owner) = self.claimant(user, &meant.wanted, Some(&free)).await?;
        let (rules, tie) = (&self.grounds.rules, self.grounds.tie());
        let claimant = as_claimant(owner.as_ref());
        let mut decided = rules.adopt(user, &wanted, &free, None, claimant, tie);
        decided.fields.append(&mut decided.pending);
        // What was shown is what is done; a contact that somebody names is another matter.
        if named.is_none() && item.list == ReviewList::Matched && decided.contact_id.is_some() {
            check_unedited(item, &free)?;
            if !is_as_shown(item, &decided) {
                return Err(moved(item, Some(&decided)));
            }
        }
        let former = standing.link.clone().filter(|link| link.object_id != user.id);
        let base = StoredContact::Present(Box::new(standing));
        let written = self.write(item, &decided, Some(&base)).await?;
        if let Some(former) = former {
            store.delete_adoption(account, &former.tenant_id, &former.object_id).await?;
            self.ask_no_more(&former, &written.id).await?;
        }
        Ok(Done::wrote(written))
    }

    /// Takes off the lists what was asked about a contact's former user: it is another one's by now.
    async fn ask_no_more(&self, former: &Link, contact: &ContactId) -> Result<(), AdminError> {
        let store = self.desk.outside.store();
        let places = ReviewList::ALL.map(|list| (list, former.object_id.clone()));
        for item in store.reviews_of(&former.connection_id, &places).await? {
            if item.list == ReviewList::Removals && item.contact_id.as_ref() == Some(contact) {
                store.delete_review(&item).await?;
            }
        }
        Ok(())
    }

    /// Makes a contact for the user.
    pub(super) async fn create(
        &self,
        item: &ReviewItem,
        known: Known<'_>,
    ) -> Result<Done, AdminError> {
        let Meant { user, wanted, own, standing } = self.user(&item.user.object_id, known).await?;
        let (store, account) = (self.desk.outside.store(), &self.desk.account.id);
        if let Some(contact) = present(standing.as_ref())
            && is_linked(contact, &self.desk.connection.id, &user.id)
        {
            // Where the item asked about a user without a contact this very decision made it,
            // before it was on record; or a run did, which is no other.
            return if item.contact_id.as_ref() == Some(&contact.id) {
                Err(AdminError::ReviewMoved("the user has a contact already".to_owned()))
            } else {
                Ok(Done::wrote(contact.clone()))
            };
        }
        // One that a run deleted is made again where it was, also one that had existed before.
        let derived = || ContactId::derived(account, &self.grounds.tenant, &user.id);
        let id = if present(standing.as_ref()).is_none() { own.clone() } else { derived() };
        let standing = if own == id { standing } else { store.get(account, &id).await? };
        if present(standing.as_ref()).is_some() {
            return Err(AdminError::ReviewMoved("the user has a contact by now".to_owned()));
        }
        let (wanted, owner) = self.claimant(&user, &wanted, None).await?;
        if owner.is_some() {
            return Err(AdminError::EmailTaken);
        }
        let (rules, tie) = (&self.grounds.rules, self.grounds.tie());
        let decided = rules.create(&user, &wanted, &id, Claimant::Nobody, tie);
        let made = self.write(item, &decided, standing.as_ref()).await?;
        if own != id {
            // What led elsewhere leads there no more.
            store.delete_adoption(account, self.grounds.tie().tenant, &user.id).await?;
        }
        Ok(Done::wrote(made))
    }

    /// Applies changes that wait, to the contact as it was shown.
    pub(super) async fn apply(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        known: Known<'_>,
    ) -> Result<Done, AdminError> {
        let Meant { user, wanted, own, standing } = self.user(&item.user.object_id, known).await?;
        let Some(existing) = present(standing.as_ref()) else {
            return Err(AdminError::ReviewMoved("the contact is gone".to_owned()));
        };
        let (wanted, owner) = self.claimant(&user, &wanted, Some(existing)).await?;
        let claimant = as_claimant(owner.as_ref());
        let found = Found { contact_id: &own, existing: Some(existing), claimant, candidates: &[] };
        let decided = self.grounds.rules.approve(&user, &wanted, found, self.grounds.tie());
        // Applied already, before it was on record.
        if decided.outcome == Outcome::Unchanged && has_all(existing, item) {
            return Ok(Done::wrote(existing.clone()));
        }
        self.desk.check_shown(item, existing, request.contact_version).await?;
        check_unedited(item, existing)?;
        match decided.outcome {
            Outcome::Update if !is_as_shown(item, &decided) => Err(moved(item, Some(&decided))),
            Outcome::Unchanged => Err(moved(item, Some(&decided))),
            _ => Ok(Done::wrote(self.write(item, &decided, standing.as_ref()).await?)),
        }
    }

    /// What the directory asks of the user's contact, its address chosen where the mapping leaves a
    /// choice, and who has that address, other than this contact.
    pub(super) async fn claimant<'w>(
        &self,
        user: &DirectoryUser,
        wanted: &'w Wanted,
        existing: Option<&Contact>,
    ) -> Result<(Cow<'w, Wanted>, Option<Contact>), AdminError> {
        let rules = &self.grounds.rules;
        let keys = rules.wanted_email_keys(wanted, existing);
        let (store, account) = (self.desk.outside.store(), &self.desk.account.id);
        let mut owners = bearers(store, account, keys).await?;
        let is_taken = |key: &str| owners.contains_key(key);
        let chosen = rules.choosing(user, wanted, (existing, &[]), is_taken);
        let key = rules.wanted_email_key(&chosen, existing);
        let owner = key.and_then(|key| owners.remove(&key));
        Ok((chosen, owner))
    }

    /// Writes what was decided, as a run would: on condition that the contact is as it was read and
    /// was not written from a newer reading of the directory.
    async fn write(
        &self,
        review: &ReviewItem,
        item: &SegmentItem,
        base: Option<&StoredContact>,
    ) -> Result<Contact, AdminError> {
        if !matches!(item.outcome, Outcome::Create | Outcome::Update) {
            return Err(impossible(item));
        }
        let store = self.desk.outside.store();
        let account = &self.desk.account.id;
        let tie = self.grounds.tie();
        let before = present(base);
        let version = match base {
            Some(StoredContact::Present(contact)) => contact.version,
            Some(StoredContact::Tombstone { version, .. }) => *version,
            None => 0,
        };
        let now = self.desk.outside.clock().now();
        // Whoever wrote at this fence had ended before the user was read just now (another decision,
        // or a page that is applied); there the version alone guards, and the number stays.
        let written = match before {
            // It lost its link, and with it the connection in which the number counts. Of this one
            // no number is greater than its fence: a greater one is another connection's, and as
            // ours it would outlast every page of many runs. Where it is ours the store tells.
            Some(contact) if contact.link.is_none() => contact
                .sync
                .as_ref()
                .map(|mark| mark.source_version)
                .filter(|version| *version <= self.desk.fence.saturating_add(1)),
            _ => base.and_then(|base| base.source_version_in(tie.connection, now)),
        };
        let at_fence = written.filter(|written| *written >= self.desk.fence);
        let stamp = Stamp {
            account,
            tie,
            fence: at_fence.unwrap_or(self.desk.fence),
            settings_version: self.desk.settings.version,
            run: &review.run,
            page: SyncMark::NO_PAGE,
            // Who decided about the person tells them, too.
            welcomes: false,
            by: self.deed.by(),
            now,
        };
        let contact = contact_after(stamp, &self.grounds.rules, item, before, version);
        let past = (store, self.desk.outside.blobs(), tie.connection);
        let contact = as_it_was(past, &self.grounds.rules, item, base, contact).await?;
        let old_key = before.and_then(Contact::email).map(email_key);
        let email = Target::Field(ContactField::Email);
        let changes_email = item.fields.iter().any(|change| change.field == email);
        let new_key = contact
            .email()
            .map(email_key)
            .filter(|key| changes_email && old_key.as_ref() != Some(key));
        if let Some(key) = &new_key
            && let ClaimOutcome::TakenBy(_) = store.claim(account, key, &contact.id, now).await?
        {
            return Err(AdminError::EmailTaken);
        }
        if contact.id != ContactId::derived(account, tie.tenant, &item.object_id) {
            store.put_adoption(account, tie.tenant, &item.object_id, &contact.id).await?;
        }
        let fence = Some(self.desk.fence).filter(|_| at_fence.is_none());
        let write = ContactWrite { contact, expected_version: version, fence };
        let reason = item.reason.as_deref();
        let entry = self.deed.approves(before, &write.contact, &item.fields, reason);
        match store.write_told(&write, &entry).await? {
            WriteOutcome::Written => {
                if let (Some(old), Some(_)) = (old_key, new_key) {
                    ContactStore::release(store, account, &old, &write.contact.id).await?;
                }
                Ok(write.contact)
            }
            WriteOutcome::Moved(_) => Err(AdminError::Moved),
        }
    }
}

/// Why an item cannot be done, and what helps.
fn impossible(item: &SegmentItem) -> AdminError {
    let reason = item.reason.clone().unwrap_or_else(|| "nothing would change".to_owned());
    let remedy = item.remedy.as_ref().map_or_else(String::new, |fix| format!("; {fix}"));
    AdminError::ReviewImpossible(format!("{reason}{remedy}"))
}

/// The claimant as rules see him.
fn as_claimant(owner: Option<&Contact>) -> Claimant<'_> {
    owner.map_or(Claimant::Nobody, Claimant::Contact)
}

/// Nobody has two contacts through one connection.
fn has_no_other(meant: &Meant, wanted: &ContactId) -> Result<(), AdminError> {
    let other = present(meant.standing.as_ref()).filter(|_| meant.own != *wanted);
    if other.is_some_and(|contact| is_of(contact, &meant.user.id)) {
        let why = "the user has a contact already; merge the two";
        return Err(AdminError::ReviewImpossible(why.to_owned()));
    }
    Ok(())
}

/// Refuses a contact whose link leads to another user who is in the directory.
pub(super) fn is_nobody_elses(contact: &Contact, user: &ObjectId) -> Result<(), AdminError> {
    let leads_elsewhere = |link: &Link| link.object_id != *user && link.state != LinkState::Removed;
    if contact.link.as_ref().is_some_and(leads_elsewhere) {
        let why = "the contact is linked to somebody else in the directory";
        return Err(AdminError::ReviewImpossible(why.to_owned()));
    }
    Ok(())
}

/// Whether a contact is linked to this user.
pub(super) fn is_of(contact: &Contact, user: &ObjectId) -> bool {
    contact.link.as_ref().is_some_and(|link| link.object_id == *user)
}

/// Whether a contact is linked to this user through this connection, and the user in scope.
fn is_linked(contact: &Contact, connection: &ConnectionId, user: &ObjectId) -> bool {
    contact.is_linked_to(connection, user)
        && contact.link.as_ref().is_some_and(|link| link.state == LinkState::Linked)
}

/// Whether an item does what was shown: the same changes, and the status of which people were told.
fn is_as_shown(shown: &ReviewItem, decided: &SegmentItem) -> bool {
    same_changes(&shown.changes, &decided.fields) && shown.status == decided.status
}

/// Whether two lists of changes do the same.
fn same_changes(shown: &[FieldChange], now: &[FieldChange]) -> bool {
    let bare = |changes: &[FieldChange]| {
        let mut bare: Vec<(String, Value)> =
            changes.iter().map(|one| (one.field.to_string(), one.new.clone())).collect();
        bare.sort_by(|one, other| one.0.cmp(&other.0));
        bare
    };
    bare(shown) == bare(now)
}

/// Whether a contact bears what was shown to come.
fn has_all(contact: &Contact, shown: &ReviewItem) -> bool {
    let value = |target: &Target| contact.value(target).unwrap_or(Value::Null);
    shown.changes.iter().all(|change| value(&change.field) == change.new)
        && shown.status.is_none_or(|status| contact.status == status)
}
