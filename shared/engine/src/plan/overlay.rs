//! What a plan wrote: kept in memory for as long as its slice lives. The next slice writes it again
//! from the plan's stored pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, RunId, TeamId, TenantId};
use contact_sync_domain::segment::Prior;
use contact_sync_domain::team::Membership;
use jiff::Timestamp;

use crate::port::{ContactWrite, SettingsVersion, StoredContact};

/// What a plan wrote, shared by its stores and its blobs; nothing where everything syncs.
#[derive(Debug, Clone, Default)]
pub(super) struct Over(Option<Arc<Mutex<Overlay>>>);

impl Over {
    /// Of a plan that is yet to begin.
    pub(super) fn of_plan() -> Self {
        Self(Some(Arc::default()))
    }

    pub(super) fn is_plan(&self) -> bool {
        self.0.is_some()
    }

    /// What was written so far, for a moment.
    pub(super) fn look(&self) -> Option<MutexGuard<'_, Overlay>> {
        self.0.as_ref().map(|over| over.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what the plan before wrote.
    pub(super) fn begin(&self, run: &RunId) {
        if let Some(mut over) = self.look() {
            let draft = over.draft.take();
            *over = Overlay { run: Some(run.clone()), draft, ..Overlay::default() };
        }
    }

    /// What is planned from here on is planned under this draft of a connection's settings.
    pub(super) fn under(&self, draft: Option<(ConnectionId, SettingsVersion)>) {
        if let Some(mut over) = self.look() {
            over.draft = draft;
        }
    }
}

/// What a plan wrote over the stored contacts, claims and adoptions of its account.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    run: Option<RunId>,
    draft: Option<(ConnectionId, SettingsVersion)>,
    contacts: HashMap<ContactId, StoredContact>,
    /// Whose an address is; `None` where it was given up.
    claims: HashMap<String, Option<ContactId>>,
    adoptions: HashMap<(TenantId, ObjectId), Option<ContactId>>,
    memberships: HashMap<(ContactId, TeamId), Membership>,
}

impl Overlay {
    /// Which run plans.
    pub(super) fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// The settings of a connection that are tried, if they are not the saved ones.
    pub(super) fn draft(&self, connection: &ConnectionId) -> Option<&SettingsVersion> {
        let (whose, draft) = self.draft.as_ref()?;
        (whose == connection).then_some(draft)
    }

    /// A contact or its tombstone, if the plan wrote it.
    pub(super) fn contact(&self, id: &ContactId) -> Option<&StoredContact> {
        self.contacts.get(id)
    }

    /// Whose an address is, if the plan changed that.
    pub(super) fn owner(&self, email_key: &str) -> Option<&Option<ContactId>> {
        self.claims.get(email_key)
    }

    /// Which contact a user took over, if the plan changed that.
    pub(super) fn adopted(&self, tenant: &TenantId, user: &ObjectId) -> Option<&Option<ContactId>> {
        self.adoptions.get(&(tenant.clone(), user.clone()))
    }

    /// A membership, if the plan wrote it.
    pub(super) fn membership(&self, contact: &ContactId, team: &TeamId) -> Option<&Membership> {
        self.memberships.get(&(contact.clone(), team.clone()))
    }

    pub(super) fn put_membership(&mut self, membership: &Membership) {
        let place = (membership.contact_id.clone(), membership.team_id.clone());
        self.memberships.insert(place, membership.clone());
    }

    pub(super) fn put(&mut self, contact: Contact) {
        self.contacts.insert(contact.id.clone(), StoredContact::Present(Box::new(contact)));
    }

    /// Puts a tombstone in a contact's place.
    pub(super) fn remove(
        &mut self,
        contact: &Contact,
        fence: Option<u64>,
        expires_at: Timestamp,
        by: Option<&Prior>,
    ) {
        let known = contact.sync.as_ref().map(|mark| mark.source_version);
        let tombstone = StoredContact::Tombstone {
            version: contact.version + 1,
            source_version: fence.or(known).unwrap_or_default(),
            connection_id: contact.link.as_ref().map(|link| link.connection_id.clone()),
            expires_at,
            by: by.cloned(),
            erased: false,
        };
        self.contacts.insert(contact.id.clone(), tombstone);
    }

    pub(super) fn claim(&mut self, email_key: &str, owner: Option<&ContactId>) {
        self.claims.insert(email_key.to_owned(), owner.cloned());
    }

    pub(super) fn adopt(
        &mut self,
        tenant: &TenantId,
        user: &ObjectId,
        contact: Option<&ContactId>,
    ) {
        self.adoptions.insert((tenant.clone(), user.clone()), contact.cloned());
    }
}

/// Whether what stands is as the writer read it, and older than its own observation.
pub(super) fn may_write(standing: Option<&StoredContact>, write: &ContactWrite) -> bool {
    let (version, newest) = match standing {
        None => (0, None),
        Some(StoredContact::Present(contact)) => {
            let link = write.contact.link.as_ref().map(|link| &link.connection_id);
            let theirs = contact.link.as_ref().map(|link| &link.connection_id);
            let mark = contact.sync.as_ref().filter(|_| theirs.is_none() || theirs == link);
            (contact.version, mark.map(|mark| mark.source_version))
        }
        Some(bar @ StoredContact::Tombstone { version, .. }) => {
            let link = write.contact.link.as_ref();
            let newest = link.and_then(|link| {
                bar.source_version_in(&link.connection_id, write.contact.updated_at)
            });
            (*version, newest)
        }
    };
    let is_overtaken =
        write.fence.is_some_and(|fence| newest.is_some_and(|newest| newest >= fence));
    version == write.expected_version && !is_overtaken
}
