//! What deciding works with: the connection's rules for whatever a person approved, and the one
//! conditional write through which runs write, too.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, ReviewId, TenantId};
use contact_sync_domain::reconcile::{Claimant, Rules, Tie, Wanted};
use contact_sync_domain::review::{Decision, Rejected, ReviewItem, ReviewList};
use contact_sync_domain::segment::{Outcome, SegmentItem};

use super::{Decided, Known, ReviewRequest, moved};
use crate::admin::{AdminError, Caller, Outside};
use crate::contact_after::{Stamp, contact_after};
use crate::port::{
    ClaimOutcome, Clock, ContactStore, ContactWrite, DecisionStore, Directory, ReviewStore,
    SettingsStore, SettingsVersion, StoredContact, SyncStateStore, WriteOutcome,
};

/// One caller at one connection.
pub(super) struct Desk<'a, O> {
    pub(super) outside: &'a O,
    pub(super) caller: &'a Caller,
    pub(super) account: &'a Account,
    pub(super) connection: Connection,
    pub(super) settings: SettingsVersion,
    pub(super) rules: Rules,
    selection: UserSelection,
    /// One below the sync state's fence: whatever page was asked for since is newer.
    fence: u64,
}

impl<'a, O: Outside> Desk<'a, O> {
    pub(super) async fn open(
        outside: &'a O,
        caller: &'a Caller,
        account: &'a Account,
        id: &ConnectionId,
    ) -> Result<Self, AdminError> {
        let store = outside.store();
        let connection = crate::admin::connection(store, &account.id, id).await?;
        let settings = store.settings(&account.id, id).await?;
        let now = outside.clock().now();
        let rules = Rules::compile(&settings.settings, &account.custom_fields, now)
            .map_err(AdminError::Invalid)?
            .approving();
        let state = store.sync_state(&account.id, id).await?;
        let fence = state.map_or(0, |state| state.fence.saturating_sub(1));
        let selection = UserSelection::of(&settings.settings);
        Ok(Self { outside, caller, account, connection, settings, rules, selection, fence })
    }

    /// Whom to ask, and for what.
    pub(super) fn reading(&self) -> Result<(&TenantId, &UserSelection), AdminError> {
        let tenant = self.connection.tenant.as_ref().ok_or(AdminError::NotNow {
            from: self.connection.status,
            fix: "an Entra admin must consent first",
        })?;
        Ok((&tenant.id, &self.selection))
    }

    /// The item that stands about a user, whatever list it is in.
    pub(super) async fn standing(&self, id: &ReviewId) -> Result<Option<ReviewItem>, AdminError> {
        let user = id.user();
        let places = ReviewList::ALL.map(|list| (list, user.clone()));
        let found = self.outside.store().reviews_of(&self.connection.id, &places).await?;
        let ignored = self.settings.settings.scope.ignored_users.contains(&user);
        let known = found.into_iter().max_by_key(|item| item.version);
        Ok(match known {
            None if ignored => Some(ReviewItem {
                user: contact_sync_domain::review::ReviewUser {
                    object_id: user,
                    display_name: None,
                    user_principal_name: None,
                },
                ..super::blank(
                    &self.account.id,
                    &self.connection.id,
                    self.settings.version,
                    self.settings.saved_at.unwrap_or_default(),
                )
            }),
            known => known,
        })
    }

    /// Decides an item if it is still the one that was shown.
    pub(super) async fn decide(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        user: Known<'_>,
    ) -> Result<Decided, AdminError> {
        // Versions of the ignored list are the settings', which anything may raise.
        if item.version != request.version && item.list != ReviewList::Ignored {
            return Err(moved(item, None));
        }
        if !item.list.actions().contains(&request.action) {
            return Err(AdminError::invalid("/action", super::not_of(item.list)));
        }
        let done = self.act(item, request, user).await?;
        // The decision is on record before the question is gone.
        let decision = Decision {
            at: self.outside.clock().now(),
            actor: self.caller.subject.clone(),
            action: request.action,
            item: item.id(),
            list: item.list,
            version: request.version,
            contact_id: done.contact_id.clone(),
            refused: done.refused,
        };
        let store = self.outside.store();
        store.record_decision(&self.connection.id, &decision).await?;
        store.delete_review(item).await?;
        tracing::info!(
            account.id = %self.account.id,
            connection.id = %self.connection.id,
            review.id = %decision.item,
            review.list = decision.list.name(),
            review.action = decision.action.name(),
            "a review item was decided"
        );
        Ok(Decided { item: item.id(), action: request.action, contact: done.contact })
    }

    /// The user, read now unless he is known.
    pub(super) async fn user(
        &self,
        id: &ObjectId,
        known: Known<'_>,
    ) -> Result<(DirectoryUser, Wanted), AdminError> {
        let user = if let Some(user) = known {
            user.clone()
        } else {
            let (tenant, select) = self.reading()?;
            let ids = std::slice::from_ref(id);
            let read = self.outside.directory().users_by_id(tenant, select, ids).await?;
            read.found.into_iter().next().ok_or_else(|| {
                AdminError::ReviewMoved("the user is not in the directory any more".to_owned())
            })?
        };
        let wanted = self.rules.wanted(&user).ok_or_else(|| {
            AdminError::ReviewImpossible("Entra did not tell a mapped attribute".to_owned())
        })?;
        Ok((user, wanted))
    }

    pub(super) fn tie(&self) -> Result<Tie<'_>, AdminError> {
        Ok(Tie { connection: &self.connection.id, tenant: self.reading()?.0 })
    }

    /// The contact that is or would be the user's, and what stands there.
    pub(super) async fn place_of(
        &self,
        user: &ObjectId,
    ) -> Result<(ContactId, Option<StoredContact>), AdminError> {
        let (account, tenant) = (&self.account.id, self.reading()?.0);
        let store = self.outside.store();
        let adopted = store.adopted(account, tenant, std::slice::from_ref(user)).await?;
        let id = adopted
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_else(|| ContactId::derived(account, tenant, user));
        let stored = store.get(account, &id).await?;
        Ok((id, stored))
    }

    /// Who has the address that the user wants, other than this contact.
    pub(super) async fn claimant(
        &self,
        wanted: &Wanted,
        existing: Option<&Contact>,
    ) -> Result<Option<Contact>, AdminError> {
        let Some(key) = self.rules.wanted_email_key(wanted, existing) else { return Ok(None) };
        let store = self.outside.store();
        let owners = store.claims(&self.account.id, std::slice::from_ref(&key)).await?;
        let Some(owner) = owners.into_iter().flatten().next() else { return Ok(None) };
        Ok(match store.get(&self.account.id, &owner).await? {
            Some(StoredContact::Present(owner))
                if owner.email().map(email_key).as_ref() == Some(&key) =>
            {
                Some(*owner)
            }
            Some(StoredContact::Present(_) | StoredContact::Tombstone { .. }) | None => None,
        })
    }

    /// Writes what was decided, as a run would: on condition that the contact is as it was read and
    /// was not written from a newer reading of the directory.
    pub(super) async fn write(
        &self,
        review: &ReviewItem,
        item: &SegmentItem,
        base: Option<&StoredContact>,
    ) -> Result<Contact, AdminError> {
        if !matches!(item.outcome, Outcome::Create | Outcome::Update) {
            let reason = item.reason.clone().unwrap_or_else(|| "nothing would change".to_owned());
            let remedy = item.remedy.as_ref().map_or_else(String::new, |fix| format!("; {fix}"));
            return Err(AdminError::ReviewImpossible(format!("{reason}{remedy}")));
        }
        let store = self.outside.store();
        let account = &self.account.id;
        let tie = self.tie()?;
        let (before, version) = match base {
            Some(StoredContact::Present(contact)) => (Some(contact.as_ref()), contact.version),
            Some(StoredContact::Tombstone { version, .. }) => (None, *version),
            None => (None, 0),
        };
        let now = self.outside.clock().now();
        let stamp = Stamp {
            account,
            tie,
            fence: self.fence,
            settings_version: self.settings.version,
            run: &review.run,
            now,
        };
        let contact = contact_after(stamp, &self.rules, item, before, version);
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
        let write = ContactWrite { contact, expected_version: version, fence: Some(self.fence) };
        match store.write(&write).await? {
            WriteOutcome::Written => {
                if let (Some(old), Some(_)) = (old_key, new_key) {
                    ContactStore::release(store, account, &old, &write.contact.id).await?;
                }
                Ok(write.contact)
            }
            WriteOutcome::Moved(_) => Err(AdminError::Moved),
        }
    }

    /// The claimant as rules see him.
    pub(super) fn as_claimant(owner: Option<&Contact>) -> Claimant<'_> {
        owner.map_or(Claimant::Nobody, Claimant::Contact)
    }
}

/// What an action did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) contact_id: Option<ContactId>,
    pub(super) contact: Option<Contact>,
    pub(super) refused: Vec<Rejected>,
}

impl Done {
    /// It made or changed this contact.
    pub(super) fn wrote(contact: Contact) -> Self {
        Self { contact_id: Some(contact.id.clone()), contact: Some(contact), refused: Vec::new() }
    }

    /// It concerned this contact.
    pub(super) fn about(contact_id: Option<ContactId>) -> Self {
        Self { contact_id, ..Self::default() }
    }
}
