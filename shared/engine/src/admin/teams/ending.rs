//! Memberships that end because something else goes: the contact, the team, the connection.

use std::collections::HashSet;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId};
use contact_sync_domain::team::{Ended, Membership};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::admin::{ATTEMPTS, AdminError, Outside};
use crate::port::{Clock, MembershipKey, SHARDS, TeamStore};

/// How many memberships are changed at the same time.
const WRITERS: usize = 16;

/// Ends a membership, whatever holds it. Answers whether it stood.
pub(super) async fn end(
    store: &impl TeamStore,
    membership: Membership,
    how: &Ended,
    now: Timestamp,
) -> Result<bool, AdminError> {
    change(store, membership, now, |membership| membership.end(how.clone())).await
}

/// Ends all memberships of a contact that goes; answers how many stood.
pub(in crate::admin) async fn end_memberships(
    store: &impl TeamStore,
    account: &AccountId,
    contact: &ContactId,
    now: Timestamp,
) -> Result<u64, AdminError> {
    let mut ended = 0;
    for membership in store.memberships_of(account, contact).await? {
        ended += u64::from(end(store, membership, &Ended::Contact, now).await?);
    }
    Ok(ended)
}

/// Lets a contact that stays take over the teams of another one that goes, since both turned out to
/// be the same person, `user`. May be repeated.
pub(in crate::admin) async fn take_over_teams(
    outside: &impl Outside,
    stays: &ContactId,
    other: &Contact,
    user: &ObjectId,
) -> Result<(), AdminError> {
    let store = outside.store();
    let account = &other.account_id;
    'teams: for taken in store.memberships_of(account, &other.id).await? {
        for _ in 0..ATTEMPTS {
            let standing = store.membership(account, stays, &taken.team_id).await?;
            let before = standing.unwrap_or_else(|| {
                Membership::none(account.clone(), taken.team_id.clone(), stays.clone())
            });
            let after = before.clone().taking_over(&taken, user);
            let now = outside.clock().now();
            let is_there = after == before;
            let after = after.replacing(&before, None, now);
            if is_there || store.put_membership(&after).await? {
                end(store, taken, &Ended::Contact, now).await?;
                continue 'teams;
            }
        }
        return Err(AdminError::Moved);
    }
    Ok(())
}

/// Whose memberships a connection leaves behind.
#[derive(Debug, Clone, Copy)]
pub(in crate::admin) struct Leaver<'l> {
    pub(in crate::admin) account: &'l AccountId,
    pub(in crate::admin) connection: &'l ConnectionId,
    /// Contacts that go with the connection.
    pub(in crate::admin) gone: &'l HashSet<ContactId>,
    /// Whether nothing shall be done.
    pub(in crate::admin) only_try: bool,
    /// When the answer must be on its way.
    pub(in crate::admin) until: Timestamp,
}

/// Takes away what a connection's groups hold in the account's teams, as each mapping says of
/// leaving; what people and other connections hold stays. Answers how many memberships end, or
/// `None` when time ran out: the same call goes on.
pub(in crate::admin) async fn leave_account(
    outside: &impl Outside,
    leaver: Leaver<'_>,
) -> Result<Option<u64>, AdminError> {
    let store = outside.store();
    // Without a team there are no memberships to look through.
    if store.teams(leaver.account).await?.is_empty() {
        return Ok(Some(0));
    }
    let mut ended = 0;
    for shard in 0..SHARDS {
        let mut after: Option<MembershipKey> = None;
        loop {
            if outside.clock().now() > leaver.until {
                return Ok(None);
            }
            let page = store.memberships(leaver.account, shard, after.as_ref()).await?;
            let held = page.memberships.into_iter().filter(Membership::stands);
            let (going, left): (Vec<Membership>, Vec<Membership>) =
                held.partition(|one| leaver.gone.contains(&one.contact_id));
            ended += u64::try_from(going.len()).unwrap_or(u64::MAX);
            let left = left.into_iter().filter(|one| one.is_of(leaver.connection));
            let changed: Vec<bool> = stream::iter(left)
                .map(|membership| leave(outside, &leaver, membership))
                .buffer_unordered(WRITERS)
                .try_collect()
                .await?;
            ended += u64::try_from(changed.into_iter().filter(|ends| *ends).count()).unwrap_or(0);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(Some(ended))
}

/// Answers whether the membership ends by it.
async fn leave(
    outside: &impl Outside,
    leaver: &Leaver<'_>,
    membership: Membership,
) -> Result<bool, AdminError> {
    let without = |membership: Membership| membership.without_connection(leaver.connection);
    if leaver.only_try {
        return Ok(!without(membership).stands());
    }
    change(outside.store(), membership, outside.clock().now(), without).await
}

/// Changes a membership, anew when somebody else was faster. Answers whether it ended by that.
async fn change(
    store: &impl TeamStore,
    read: Membership,
    now: Timestamp,
    change: impl Fn(Membership) -> Membership,
) -> Result<bool, AdminError> {
    let mut standing = Some(read);
    for _ in 0..ATTEMPTS {
        let Some(before) = standing.filter(Membership::stands) else { return Ok(false) };
        let after = change(before.clone());
        if after == before {
            return Ok(false);
        }
        let (contact, team) = (after.contact_id.clone(), after.team_id.clone());
        let (account, ends) = (after.account_id.clone(), !after.stands());
        if store.put_membership(&after.replacing(&before, None, now)).await? {
            return Ok(ends);
        }
        standing = store.membership(&account, &contact, &team).await?;
    }
    Err(AdminError::Moved)
}
