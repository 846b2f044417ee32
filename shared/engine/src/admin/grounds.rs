//! The grounds on which a connection's runs would decide people now: for whoever decides about one,
//! or says what a run would do.

use std::pin::pin;

use contact_sync_domain::account::Account;
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::reconcile::{Rules, Tie};
use contact_sync_domain::routing::Rivals;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::settings::{Scope, Settings};
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use super::{AdminError, Outside};
use crate::port::{
    Clock, ConnectionStore, DecisionStore, Directory, SettingsStore, StoreError, SyncStateStore,
};
use crate::split::{self, SplitError, rivals_of};
use crate::sync::{
    GroupsError, MemberSets, Terms, Watched, find_managers, follows_groups, groups_digest,
    read_groups, scope_groups, watched_with_rivals,
};

/// How old the last look at what changed may be for the stored member sets to be as good as a
/// reading: sync looks hourly.
const FRESH: SignedDuration = SignedDuration::from_hours(6);

/// How long groups are read while a person waits: HTTP APIs give up after 30 seconds, the groups of
/// the tenant's other connections may have taken as long, and deciding takes time, too.
const PATIENCE: SignedDuration = SignedDuration::from_secs(6);

/// By what a connection would decide, and what it reads for that.
pub(super) struct Grounds {
    account: AccountId,
    connection: ConnectionId,
    pub(super) tenant: TenantId,
    pub(super) rules: Rules,
    /// What is read of people: also what only the tenant's other connections decide by.
    pub(super) selection: UserSelection,
    /// What the connection's own settings read.
    own: UserSelection,
    pub(super) memberships: Memberships,
    pub(super) rivals: Rivals,
}

/// Whom a tenant's other connections mean.
pub(super) struct Others {
    pub(super) rivals: Rivals,
    /// The attributes by which they decide.
    pub(super) attributes: Vec<String>,
    pub(super) cost: GraphCost,
}

impl Grounds {
    /// What these settings say about people of a tenant, after what was refused.
    pub(super) async fn of(
        outside: &impl Outside,
        account: &Account,
        connection: &ConnectionId,
        tenant: &TenantId,
        settings: &Settings,
    ) -> Result<Self, AdminError> {
        let now = outside.clock().now();
        let rules =
            Rules::compile(settings, &account.custom_fields, now).map_err(AdminError::Invalid)?;
        let refused = outside.store().refused(connection).await?;
        let others = others(outside, tenant, connection, settings).await?;
        let memberships =
            memberships(outside, &account.id, connection, tenant, &settings.scope).await?;
        Ok(Self {
            account: account.id.clone(),
            connection: connection.clone(),
            tenant: tenant.clone(),
            rules: rules.after_refusals(refused),
            selection: UserSelection::of(settings).also(others.attributes),
            own: UserSelection::of(settings),
            memberships,
            rivals: others.rivals,
        })
    }

    /// The same for somebody about whom a person decided.
    #[must_use]
    pub(super) fn approving(self) -> Self {
        Self { rules: self.rules.approving(), ..self }
    }

    /// The terms of decision.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            account: &self.account,
            tie: self.tie(),
            rules: &self.rules,
            memberships: &self.memberships,
            rivals: &self.rivals,
            afresh: false,
        }
    }

    /// Through what is linked.
    pub(super) fn tie(&self) -> Tie<'_> {
        Tie { connection: &self.connection, tenant: &self.tenant }
    }

    /// Reads users by id, with the contacts of their managers.
    pub(super) async fn read_users(
        &self,
        outside: &impl Outside,
        ids: &[ObjectId],
    ) -> Result<Vec<DirectoryUser>, AdminError> {
        let (directory, all, own) = (outside.directory(), &self.selection, &self.own);
        let read = split::read_people(directory, &self.tenant, (all, own), ids).await?;
        self.with_managers(outside, read.found).await
    }

    /// Finds one user by object id, UPN or e-mail.
    pub(super) async fn find_user(
        &self,
        outside: &impl Outside,
        who: &str,
    ) -> Result<Option<DirectoryUser>, AdminError> {
        // What only others decide by is read by id: whatever they named, it stops nobody here.
        let found = outside.directory().find_user(&self.tenant, &self.own, who).await?;
        if let Some(user) = found.as_ref().filter(|_| self.selection != self.own) {
            return Ok(self.read_users(outside, std::slice::from_ref(&user.id)).await?.pop());
        }
        Ok(self.with_managers(outside, found.into_iter().collect()).await?.pop())
    }

    async fn with_managers(
        &self,
        outside: &impl Outside,
        mut users: Vec<DirectoryUser>,
    ) -> Result<Vec<DirectoryUser>, AdminError> {
        find_managers(outside.store(), &self.account, &self.tenant, &mut users).await?;
        Ok(users)
    }
}

/// The tenant's other connections, as this one's settings deal with them.
pub(super) async fn others(
    outside: &impl Outside,
    tenant: &TenantId,
    connection: &ConnectionId,
    settings: &Settings,
) -> Result<Others, AdminError> {
    let (store, directory, blobs) = (outside.store(), outside.directory(), outside.blobs());
    let mut cost = GraphCost::default();
    let mut rivals = Vec::new();
    let until = outside.clock().now() + PATIENCE;
    for sharer in rivals_of(store, tenant, connection, &settings.routing).await? {
        let reading = split::memberships(directory, blobs, tenant, &sharer, &mut cost);
        let read = by_then(outside.clock(), until, reading).await.transpose()?.flatten();
        let rival = if read.is_some() {
            sharer.into_rival(read)
        } else {
            // As that connection's sync read them last, be it that a group is gone since. Without
            // that, whoever may be the other's is taken by nobody.
            let (account, id) = (&sharer.account_id, &sharer.connection_id);
            let stored = MemberSets::load(blobs, account, id, &sharer.groups()).await?;
            sharer.as_rival(&stored.unwrap_or_default())
        };
        rivals.push(rival);
    }
    let attributes = rivals.iter().flat_map(|rival| rival.scope.needed_attributes()).collect();
    Ok(Others { rivals: Rivals::new(settings.routing, rivals), attributes, cost })
}

/// Reads people again by their ids of whom a listing did not tell what decides: other organisations
/// of the tenant may decide by attributes of their own. `by_id` is what is read then, and what of
/// that the settings themselves ask for. Says whether anybody was read.
pub(super) async fn read_unclear(
    outside: &impl Outside,
    tenant: &TenantId,
    by_id: &(UserSelection, UserSelection),
    users: &mut [DirectoryUser],
    is_unclear: impl Fn(&DirectoryUser) -> bool,
) -> Result<bool, AdminError> {
    let (all, own) = by_id;
    let unclear = users.iter().filter(|user| all != own && is_unclear(user));
    let unclear: Vec<ObjectId> = unclear.map(|user| user.id.clone()).collect();
    if unclear.is_empty() {
        return Ok(false);
    }
    let read = split::read_people(outside.directory(), tenant, (all, own), &unclear).await?;
    for told in read.found {
        if let Some(user) = users.iter_mut().find(|user| user.id == told.id) {
            *user = told;
        }
    }
    Ok(true)
}

/// What comes of a reading; `None` where it does not end by then.
async fn by_then<T>(
    clock: &impl Clock,
    until: Timestamp,
    reading: impl Future<Output = T>,
) -> Option<T> {
    let left = until.duration_since(clock.now()).max(SignedDuration::ZERO);
    match select(pin!(reading), pin!(clock.sleep(left))).await {
        Either::Left((read, _)) => Some(read),
        Either::Right(((), _)) => None,
    }
}

/// Who is in a scope's groups: as sync follows them, where it does, else as the directory tells; and
/// where that takes too long, as sync read them last, however old that is. A group that does not
/// exist is an error, as it is for a run.
pub(super) async fn memberships(
    outside: &impl Outside,
    account: &AccountId,
    connection: &ConnectionId,
    tenant: &TenantId,
    scope: &Scope,
) -> Result<Memberships, AdminError> {
    let groups = scope_groups(scope);
    let (mut sets, unknown) = followed(outside, account, connection, groups).await?;
    let until = outside.clock().now() + PATIENCE;
    for group in unknown {
        let one = std::slice::from_ref(&group);
        let reading = read_groups(outside.directory(), tenant, one);
        if let Some(read) = by_then(outside.clock(), until, reading).await {
            sets.absorb(read?.members);
            continue;
        }
        let stored = MemberSets::load(outside.blobs(), account, connection, one).await?;
        let Some(stored) = stored.filter(|stored| stored.doubts().next().is_none()) else {
            return Err(AdminError::GroupTooLarge(group.group));
        };
        let state = outside.store().sync_state(account, connection).await?;
        tracing::warn!(
            connection.id = %connection,
            group.id = %group.group,
            looked_at = ?state.and_then(|state| state.work.last_checked_at),
            "a group took too long to read: its members stand as sync read them last"
        );
        sets.absorb(stored);
    }
    Ok(sets.memberships(scope))
}

/// The members of those of these groups that sync follows, and the groups that it does not.
pub(super) async fn followed(
    outside: &impl Outside,
    account: &AccountId,
    connection: &ConnectionId,
    groups: Vec<Watched>,
) -> Result<(MemberSets, Vec<Watched>), AdminError> {
    let mut sets = MemberSets::default();
    let mut unknown = groups;
    if unknown.is_empty() {
        return Ok((sets, unknown));
    }
    let kept = kept_up(outside, account, connection).await?;
    let (known, mut others): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|group| {
        kept.iter().any(|kept| kept.group == group.group && kept.as_what == group.as_what)
    });
    for group in known {
        let set = std::slice::from_ref(&group);
        match MemberSets::load(outside.blobs(), account, connection, set).await? {
            Some(set) if set.doubts().next().is_none() => sets.absorb(set),
            Some(_) | None => others.push(group),
        }
    }
    unknown = others;
    Ok((sets, unknown))
}

/// The groups whose stored members sync keeps up with the directory.
async fn kept_up(
    outside: &impl Outside,
    account: &AccountId,
    connection: &ConnectionId,
) -> Result<Vec<Watched>, StoreError> {
    let store = outside.store();
    let Some(state) = store.sync_state(account, connection).await? else { return Ok(Vec::new()) };
    let settings = store.settings(account, connection).await?.settings;
    let found = store.connection(account, connection).await?;
    let rivals = match found.and_then(|found| found.tenant) {
        Some(tenant) => rivals_of(store, &tenant.id, connection, &settings.routing).await?,
        None => Vec::new(),
    };
    let watched = watched_with_rivals(&settings, &rivals);
    let now: Timestamp = outside.clock().now();
    let is_fresh =
        state.work.last_checked_at.is_some_and(|looked| now.duration_since(looked) < FRESH);
    let is_followed = (state.work.groups_delta.is_some() || !follows_groups(&watched))
        && state.work.groups_digest.as_deref() == Some(&groups_digest(&watched));
    Ok(if is_fresh && is_followed { watched } else { Vec::new() })
}

impl From<SplitError> for AdminError {
    fn from(error: SplitError) -> Self {
        match error {
            SplitError::Store(error) => Self::Store(error),
            SplitError::Directory(error) => Self::Directory(error),
        }
    }
}

impl From<GroupsError> for AdminError {
    fn from(error: GroupsError) -> Self {
        match error {
            GroupsError::Missing(group) => Self::GroupMissing(group),
            GroupsError::UnitMissing(unit) => Self::UnitMissing(unit),
            GroupsError::Directory(error) => Self::Directory(error),
        }
    }
}
