//! The stores of a run, by lane: as they are where everything syncs, under an overlay for plans.

mod about;
mod contacts;
mod people;
mod work;

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, RunId, TeamId};
use contact_sync_domain::segment::MembershipChange;
use contact_sync_domain::sync_state::Lane;
use contact_sync_domain::team::Membership;

use super::overlay::Over;
use crate::port::{SettingsVersion, StoredContact, SyncStateStore};

/// The stores of a lane. One type serves both lanes, so that the worker is compiled once.
#[derive(Debug)]
pub struct LaneStores<S> {
    store: S,
    /// What a plan wrote; where everything syncs, every call passes through.
    pub(super) over: Over,
}

impl<S> LaneStores<S> {
    /// The stores where everything syncs.
    pub fn main(store: S) -> Self {
        Self { store, over: Over::default() }
    }

    /// What is planned from here on is planned under this draft of a connection's settings; under
    /// the saved ones where there is none.
    pub(crate) fn under(&self, draft: Option<(ConnectionId, SettingsVersion)>) {
        self.over.under(draft);
    }

    /// Whether a connection's plan is made under a draft.
    pub(crate) fn is_draft(&self, connection: &ConnectionId) -> bool {
        self.over.look().is_some_and(|over| over.draft(connection).is_some())
    }

    /// Whether a contact that the plan made is to be welcomed.
    pub(crate) fn is_to_be_welcomed(&self, id: &ContactId) -> bool {
        self.over.look().is_some_and(|over| match over.contact(id) {
            Some(StoredContact::Present(contact)) => {
                contact.sync.as_ref().is_some_and(|mark| mark.welcome)
            }
            Some(StoredContact::Tombstone { .. }) | None => false,
        })
    }

    /// Whether the plan tells already what becomes of a contact in a team.
    pub(crate) fn is_moved(&self, contact: &ContactId, team: &TeamId) -> bool {
        self.over.look().is_some_and(|over| over.membership(contact, team).is_some())
    }

    /// A stored page of the plan tells this of a contact.
    pub(crate) fn note_move(
        &self,
        account: &AccountId,
        contact: &ContactId,
        change: &MembershipChange,
    ) {
        if let Some(mut over) = self.over.look() {
            let none = Membership::none(account.clone(), change.team_id.clone(), contact.clone());
            let (version, origins) = (change.version + 1, change.new.clone());
            over.put_membership(&Membership { version, origins, ..none });
        }
    }

    /// A run begins or goes on.
    pub(crate) fn begin(&self, run: &RunId) {
        self.over.begin(run);
    }
}

impl<S: SyncStateStore> LaneStores<S> {
    /// The stores of plans.
    pub(crate) fn planning(&self) -> Self {
        Self { store: self.store.of_lane(Lane::Plan), over: Over::of_plan() }
    }

    /// The store where everything syncs.
    pub(crate) fn syncing(&self) -> S {
        self.store.of_lane(Lane::Main)
    }
}

/// For tests only: elsewhere it would be a way around the overlay.
#[cfg(test)]
impl<S> std::ops::Deref for LaneStores<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}
