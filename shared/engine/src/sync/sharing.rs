//! People whom another connection to the same tenant means too.

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ConnectionId, ObjectId, TenantId};
use contact_sync_domain::reconcile::{GoneCause, View, blank_item, user_address};
use contact_sync_domain::routing::{Rivals, Route};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::settings::Settings;

use super::pass::{Held, Pass};
use super::terms::Terms;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness};
use crate::split::{Sharer, rivals_of};

impl Pass {
    /// What the rules see in a user, once it is settled whose the user is.
    pub(super) fn view(&self, user: &DirectoryUser) -> View {
        self.terms().view(user)
    }
}

impl Terms<'_> {
    /// What the rules see in a user, once it is settled whose the user is.
    pub(crate) fn view(&self, user: &DirectoryUser) -> View {
        let view = self.rules.view(user, self.memberships);
        let View::In(_) = &view else { return view };
        match self.rivals.route(user, self.rules.now()) {
            Route::Ours | Route::Contested => view,
            Route::Unknown { absent } => View::Unknown { attribute: absent },
            route @ Route::Theirs => View::Out {
                cause: GoneCause::Elsewhere,
                because: route.because().unwrap_or_default().to_owned(),
            },
        }
    }

    /// The item of somebody whom nobody takes before people agree; who is linked already stays, and
    /// goes on being updated.
    pub(crate) fn contested(
        &self,
        user: &DirectoryUser,
        existing: Option<&Contact>,
    ) -> Option<SegmentItem> {
        let because = match self.rivals.route(user, self.rules.now()) {
            route @ Route::Contested => route.because()?,
            Route::Ours | Route::Theirs | Route::Unknown { .. } => return None,
        };
        if existing.is_some_and(|contact| self.is_linked(contact, &user.id)) {
            return None;
        }
        Some(SegmentItem {
            reason: Some(because.to_owned()),
            remedy: Some(
                "ask whoever operates this service to split the organisations' scopes".to_owned(),
            ),
            email: user_address(user),
            ..blank_item(&user.id, None, Outcome::Skipped)
        })
    }

    fn is_linked(&self, contact: &Contact, user: &ObjectId) -> bool {
        contact.is_linked_to(self.tie.connection, user)
            && contact.link.as_ref().is_some_and(|link| link.state == LinkState::Linked)
    }
}

impl Pass {
    /// Takes over whom the tenant's other connections mean, as far as the member sets tell.
    pub(super) fn know_rivals(&mut self) {
        let others = self.sharers.iter().map(|sharer| sharer.as_rival(&self.members)).collect();
        self.rivals = Rivals::new(self.settings.routing, others);
    }
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// The tenant's other connections, where they count. A look at what changed does without them
    /// where the last full run found none: whoever begins to share a tenant asks the others for a
    /// full run.
    pub(super) async fn rivals(
        &self,
        held: &Held,
        connection: &ConnectionId,
        tenant: &TenantId,
        settings: &Settings,
        is_look: bool,
    ) -> Result<Vec<Sharer>, Stop> {
        let is_alone = held.work.rivals.as_deref() == Some("");
        if is_look && is_alone && held.work.checkpoint.is_none() {
            return Ok(Vec::new());
        }
        Ok(rivals_of(&self.stores, tenant, connection, &settings.routing).await?)
    }
}
