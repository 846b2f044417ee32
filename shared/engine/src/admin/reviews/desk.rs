//! One caller at one connection: which item stands, whether it may be decided so, and the record of
//! what was decided.

use std::sync::OnceLock;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::contact::{Contact, ContactStatus};
use contact_sync_domain::history::HistoryKind;
use contact_sync_domain::id::{ConnectionId, ContactId, ReviewId};
use contact_sync_domain::retention::LONGEST;
use contact_sync_domain::review::{Decision, Rejected, ReviewAction, ReviewItem, ReviewList};
use contact_sync_domain::segment::{FieldChange, SegmentItem};

use super::approval::Approval;
use super::list::ignored_by_settings;
use super::noting::Holding;
use super::request::not_of;
use super::{Decided, Known, ReviewRequest};
use crate::admin::deeds::Deed;
use crate::admin::grounds::Grounds;
use crate::admin::settings::{Ignoring, change_ignored};
use crate::admin::{AdminError, Caller, Outside};
use crate::port::{
    Clock, ContactStore, DecisionStore, HistoryStore, ReviewStore, SettingsStore, SettingsVersion,
    StoreError, StoredContact, SyncStateStore,
};
use crate::sync::{Follower, MemberSets, watched_with_rivals};

/// One caller at one connection.
pub(super) struct Desk<'a, O> {
    pub(super) outside: &'a O,
    pub(super) caller: &'a Caller,
    pub(super) account: &'a Account,
    pub(super) connection: Connection,
    pub(super) settings: SettingsVersion,
    /// One below the sync state's fence: whatever page was asked for since is newer.
    pub(super) fence: u64,
    /// The members of the groups that are mapped to teams, read when first needed.
    members: OnceLock<Option<MemberSets>>,
    /// On which runs approvals are summed up.
    pub(super) holding: Holding,
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
        let state = store.sync_state(&account.id, id).await?;
        let fence = state.map_or(0, |state| state.fence.saturating_sub(1));
        let members = OnceLock::new();
        let holding = Holding::default();
        Ok(Self { outside, caller, account, connection, settings, fence, members, holding })
    }

    /// By what the connection's runs would decide whomever a person approves.
    pub(super) async fn grounds(&self) -> Result<Grounds, AdminError> {
        let tenant = self.connection.tenant.as_ref().ok_or_else(|| self.unconnected())?;
        let settings = &self.settings.settings;
        let (account, id) = (self.account, &self.connection.id);
        let grounds = Grounds::of(self.outside, account, id, &tenant.id, settings).await?;
        Ok(grounds.approving())
    }

    fn unconnected(&self) -> AdminError {
        let fix = "an Entra admin must consent first";
        AdminError::NotNow { from: self.connection.status, fix }
    }

    /// The item that stands about a user, whatever list it is in.
    pub(super) async fn standing(&self, id: &ReviewId) -> Result<Option<ReviewItem>, AdminError> {
        let user = id.user();
        let places = ReviewList::ALL.map(|list| (list, user.clone()));
        let found = self.outside.store().reviews_of(&self.connection.id, &places).await?;
        let ignored = self.settings.settings.scope.ignored_users.contains(&user);
        let known = found.into_iter().max_by_key(|item| item.version);
        Ok(known.or_else(|| {
            let (account, id) = (&self.account.id, &self.connection.id);
            ignored.then(|| ignored_by_settings(account, id, &self.settings, user))
        }))
    }

    /// Whether the connection's state lets a person do this. Contacts are written only where runs
    /// may write, too; what one decides about questions and ignore lists waits for nothing.
    pub(super) fn may(&self, action: ReviewAction) -> Result<(), AdminError> {
        use ConnectionStatus as S;
        let from = self.connection.status;
        if !writes_contacts(action) || from.may_write() {
            return Ok(());
        }
        let fix = match from {
            S::Paused => "nothing is written meanwhile; resume it first",
            S::Disabled | S::Ready => "enable it first",
            S::Attention => "nothing is written meanwhile; mend what it asks for first",
            S::Invited | S::Authorized => "an Entra admin must consent, and it must be enabled",
            S::Disconnected => "connect and enable it again first",
            S::Enabled => return Ok(()),
        };
        Err(AdminError::NotNow { from, fix })
    }

    /// Whether an item may be decided so, before anything is read for it.
    pub(super) fn check(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
    ) -> Result<(), AdminError> {
        // Versions of the ignored list are the settings', which anything may raise.
        if item.version != request.version && item.list != ReviewList::Ignored {
            return Err(moved(item, None));
        }
        if !item.list.actions().contains(&request.action) {
            return Err(AdminError::invalid("/action", not_of(item.list)));
        }
        self.may(request.action)
    }

    /// Decides an item if it is still the one that was shown.
    pub(super) async fn decide(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        grounds: Option<&Grounds>,
        user: Known<'_>,
    ) -> Result<Decided, AdminError> {
        self.check(item, request)?;
        let done = self.act(item, request, grounds, user).await?;
        // The decision is on record before the question is gone.
        let decision = Decision {
            kept_days: Some(self.account.retention.deed_days).filter(|days| *days != LONGEST),
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
        if !writes_contacts(request.action) {
            self.tell(item, request.action).await?;
        }
        store.delete_review(item).await?;
        if let Some(contact) = &done.contact {
            self.follow_teams(&contact.id).await;
        }
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

    /// Lets the contact join or leave the teams that groups are mapped to, by the members that sync
    /// read last. The decision stands whatever becomes of this: the next full run compares all.
    async fn follow_teams(&self, contact: &ContactId) {
        let settings = &self.settings.settings;
        let (account, connection) = (&self.account.id, &self.connection.id);
        let mut groups = watched_with_rivals(settings, &[]);
        groups.retain(|group| group.by.teams);
        if groups.is_empty() {
            return;
        }
        let stores = self.outside.store();
        let settled = async {
            let members = if let Some(members) = self.members.get() {
                members
            } else {
                let blobs = self.outside.blobs();
                let read = MemberSets::load(blobs, account, connection, &groups).await?;
                self.members.get_or_init(|| read)
            };
            // Before the first full run there is nothing to go by.
            let Some(members) = members else { return Ok(()) };
            let now = self.outside.clock().now();
            let run = None;
            let follower = Follower { stores, account, connection, settings, members, run, now };
            follower.settle_contacts(std::slice::from_ref(contact)).await
        };
        let settled: Result<(), StoreError> = settled.await;
        if let Err(error) = settled {
            tracing::warn!(
                connection.id = %connection,
                contact.id = %contact,
                %error,
                "the teams of contact {contact} wait for the next full run"
            );
        }
    }

    /// A decision, as the contact's history tells it.
    fn deed(&self, item: &ReviewItem, action: ReviewAction) -> Deed<'_> {
        let what = HistoryKind::Decided {
            review: item.id(),
            list: item.list,
            action,
            run: item.run.clone(),
        };
        Deed::new(self.outside, self.caller, self.account.retention, what)
    }

    /// Tells a decision that left its contact as it was, beside the contact.
    async fn tell(&self, item: &ReviewItem, action: ReviewAction) -> Result<(), AdminError> {
        let store = self.outside.store();
        let Some(contact) = &item.contact_id else { return Ok(()) };
        if let Some(StoredContact::Present(contact)) = store.get(&self.account.id, contact).await? {
            let deed = self.deed(item, action);
            let entry = deed.passes(&contact, self.outside.clock().now());
            store.tell(&self.account.id, &entry).await?;
        }
        Ok(())
    }

    async fn act(
        &self,
        item: &ReviewItem,
        request: &ReviewRequest,
        grounds: Option<&Grounds>,
        user: Known<'_>,
    ) -> Result<Done, AdminError> {
        use {ReviewAction as A, ReviewList as L};
        let named = request.contact.as_ref();
        let deed = self.deed(item, request.action);
        let approval = || match grounds {
            Some(grounds) => Ok(Approval { desk: self, grounds, deed: &deed }),
            None => Err(self.unconnected()),
        };
        match (request.action, item.list) {
            (A::Accept, L::Matched) => approval()?.link(item, &request.of_proposed(), user).await,
            (A::Accept, L::Available) | (A::Create, _) => approval()?.create(item, user).await,
            (A::Accept, L::Changes) => approval()?.apply(item, request, user).await,
            (A::Accept, L::Removals) if is_planned(item) => self.approve(item, request).await,
            (A::Keep | A::Reject, L::Removals) if is_planned(item) => {
                self.spare(item, named, &deed).await
            }
            (A::Accept | A::Unlink, L::Removals) => {
                self.unlink(self.as_shown(item, request).await?, &deed).await
            }
            (A::Accept, L::Ignored | L::Conflicts) => {
                Err(AdminError::invalid("/action", not_of(item.list)))
            }
            (A::Link, _) => approval()?.link(item, request, user).await,
            (A::Merge, _) => approval()?.merge(item, request, user).await,
            (A::Unlink, _) => {
                // He is in the directory still: without this the next run links him again.
                let stands = self.as_shown(item, request).await?;
                self.leave_alone(item).await?;
                let done = self.unlink(stands, &deed).await?;
                self.ignore(item).await?;
                Ok(done)
            }
            (A::Delete, _) => self.delete(item, request, &deed).await,
            (A::Ignore, _) => {
                self.ignore(item).await?;
                Ok(Done::about(item.contact_id.clone()))
            }
            (A::Unignore, _) => {
                let (caller, account) = (self.caller, &self.account.id);
                let (id, users) = (&self.connection.id, std::slice::from_ref(&item.user.object_id));
                change_ignored(self.outside, caller, account, id, Ignoring::End, users).await?;
                Ok(Done::default())
            }
            (A::Keep | A::Reject, _) => Ok(Done {
                contact_id: item.contact_id.clone(),
                contact: None,
                refused: super::letting_go::refusals(item),
            }),
        }
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

/// Whether an action looks at the user as the directory tells of him now.
pub(super) fn needs_user(list: ReviewList, action: ReviewAction) -> bool {
    match action {
        ReviewAction::Accept => list != ReviewList::Removals,
        ReviewAction::Link | ReviewAction::Create | ReviewAction::Merge => true,
        ReviewAction::Ignore
        | ReviewAction::Unignore
        | ReviewAction::Unlink
        | ReviewAction::Delete
        | ReviewAction::Keep
        | ReviewAction::Reject => false,
    }
}

/// Whether an action changes or removes contacts, at once or with the next run.
pub(super) fn writes_contacts(action: ReviewAction) -> bool {
    match action {
        ReviewAction::Accept
        | ReviewAction::Link
        | ReviewAction::Create
        | ReviewAction::Merge
        | ReviewAction::Unlink
        | ReviewAction::Delete => true,
        ReviewAction::Ignore
        | ReviewAction::Unignore
        | ReviewAction::Keep
        | ReviewAction::Reject => false,
    }
}

/// Whether a run would take the contact away by itself: it asks because the guard holds it back, or
/// because its days of grace go on.
pub(super) fn is_planned(item: &ReviewItem) -> bool {
    item.departure.as_ref().is_some_and(|departure| departure.action.is_some())
}

/// The contact that an action is about.
pub(super) fn target(
    item: &ReviewItem,
    named: Option<&ContactId>,
) -> Result<ContactId, AdminError> {
    let in_question = match item.candidates.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    named.or(item.contact_id.as_ref()).or(in_question).cloned().ok_or_else(|| {
        AdminError::invalid("/contact", "name the contact: several or none come into question")
    })
}

/// What a person reads whose item is not the one that was shown.
pub(super) fn moved(item: &ReviewItem, now: Option<&SegmentItem>) -> AdminError {
    let told = |changes: &[FieldChange], status: Option<ContactStatus>| {
        let fields = changes.iter().map(|one| one.field.to_string());
        let names: Vec<String> = fields.chain(status.map(|_| "status".to_owned())).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    AdminError::ReviewMoved(match now {
        Some(now) => format!(
            "the person changed in Entra since, or the contact or the settings did: {} would change by \
             now, and {} was shown; the item is renewed when the next run looks, or at once by Sync Now",
            told(&now.fields, now.status),
            told(&item.changes, item.status)
        ),
        None => format!(
            "the item is in the list `{}` in version {} by now, about {}",
            item.list.name(),
            item.version,
            told(&item.changes, item.status)
        ),
    })
}
