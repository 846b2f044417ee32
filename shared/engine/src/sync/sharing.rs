//! People whom another connection to the same tenant means too.

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::reconcile::{GoneCause, View, blank_item, user_address};
use contact_sync_domain::routing::{Rivals, Route};
use contact_sync_domain::segment::{Outcome, SegmentItem};

use super::pass::Pass;
use super::terms::Terms;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness};
use crate::split::{Sharer, SplitError, sharers};

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
                cause: GoneCause::OutOfScope,
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

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Learns whom the tenant's other connections mean.
    pub(super) async fn load_rivals(&self, pass: &mut Pass) -> Result<(), Stop> {
        let own = Some(&pass.connection.id);
        let found = sharers(&self.stores, &self.directory, &self.blobs, &pass.tenant, own).await;
        let (others, cost) = match found {
            Ok(found) => found,
            Err(SplitError::Store(error)) => return Err(error.into()),
            Err(SplitError::Directory(error)) => return Err(error.into()),
        };
        pass.point.graph.add(cost);
        // A listing does not select what only others decide by: whoever of our people they may mean
        // is read again by id. The delta token stays bound to our own settings.
        let needed = others.iter().flat_map(|sharer| sharer.scope.needed_attributes());
        pass.by_id = pass.selection.clone().also(needed);
        let others = others.into_iter().map(Sharer::into_rival).collect();
        pass.rivals = Rivals::new(pass.settings.routing, others);
        Ok(())
    }
}
