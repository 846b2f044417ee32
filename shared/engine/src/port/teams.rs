//! Teams, and who is in them.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ContactId, TeamId};
use contact_sync_domain::team::{Membership, Team};

use super::StoreError;

/// What became of a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// It stands.
    Done,
    /// Another team of the account has it.
    NameTaken,
    /// The team is not in the version that was read.
    Moved,
}

/// A page of the memberships in one shard, those that ended included.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipPage {
    /// The memberships.
    pub memberships: Vec<Membership>,
    /// Behind which one the shard goes on.
    pub next: Option<MembershipKey>,
}

/// A contact and a team.
pub type MembershipKey = (ContactId, TeamId);

/// The teams of all accounts.
pub trait TeamStore: Send + Sync {
    /// Makes a team; `false` when another of the account has its name.
    fn create_team(&self, team: &Team) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Finds a team.
    fn team(
        &self,
        account: &AccountId,
        id: &TeamId,
    ) -> impl Future<Output = Result<Option<Team>, StoreError>> + Send;

    /// All teams of an account, by id.
    fn teams(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Vec<Team>, StoreError>> + Send;

    /// Gives a team another name. `old` is the team as it was read; `new.version` is one above.
    fn rename_team(
        &self,
        old: &Team,
        new: &Team,
    ) -> impl Future<Output = Result<Renamed, StoreError>> + Send;

    /// Deletes a team and frees its name; its memberships must have ended before.
    fn delete_team(&self, team: &Team) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// One contact's membership of one team, read strongly; also one that ended.
    fn membership(
        &self,
        account: &AccountId,
        contact: &ContactId,
        team: &TeamId,
    ) -> impl Future<Output = Result<Option<Membership>, StoreError>> + Send;

    /// All memberships of a contact by team, read strongly, those that ended included.
    fn memberships_of(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Vec<Membership>, StoreError>> + Send;

    /// All memberships of each of these contacts, in their order, read strongly, those that ended
    /// included.
    fn memberships_of_all(
        &self,
        account: &AccountId,
        contacts: &[ContactId],
    ) -> impl Future<Output = Result<Vec<Vec<Membership>>, StoreError>> + Send;

    /// A page of a team's memberships in one of the [`super::SHARDS`] by contact, behind `after`: at
    /// most `limit`, perhaps fewer although more follow, some of which may have ended.
    fn team_memberships(
        &self,
        account: &AccountId,
        team: &TeamId,
        shard: u8,
        after: Option<&ContactId>,
        limit: u16,
    ) -> impl Future<Output = Result<MembershipPage, StoreError>> + Send;

    /// A page of all memberships in one of the [`super::SHARDS`] by contact and team, eventually
    /// consistent, behind `after`.
    fn memberships(
        &self,
        account: &AccountId,
        shard: u8,
        after: Option<&MembershipKey>,
    ) -> impl Future<Output = Result<MembershipPage, StoreError>> + Send;

    /// Stores a membership whose version is one above the stored one (1 where nothing stands);
    /// `false` when the stored one is another. One that ended is kept for a while.
    fn put_membership(
        &self,
        membership: &Membership,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
