//! Teams and memberships.

use contact_sync_domain::id::{AccountId, ContactId, TeamId};
use contact_sync_domain::team::{Membership, Team, name_key};

use super::MemoryStore;
use crate::port::{MembershipKey, MembershipPage, Renamed, SHARDS, StoreError, TeamStore};

impl TeamStore for MemoryStore {
    async fn create_team(&self, team: &Team) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let is_taken = world.teams.values().any(|other| is_same_name(other, team));
        if !is_taken {
            world.teams.insert(team.id.clone(), team.clone());
        }
        Ok(!is_taken)
    }

    async fn team(&self, account: &AccountId, id: &TeamId) -> Result<Option<Team>, StoreError> {
        let found = self.up()?.teams.get(id).cloned();
        Ok(found.filter(|team| team.account_id == *account))
    }

    async fn teams(&self, account: &AccountId) -> Result<Vec<Team>, StoreError> {
        let world = self.up()?;
        let own = world.teams.values().filter(|team| team.account_id == *account);
        Ok(own.cloned().collect())
    }

    async fn rename_team(&self, old: &Team, new: &Team) -> Result<Renamed, StoreError> {
        let mut world = self.up()?;
        let others = world.teams.values().filter(|team| team.id != new.id);
        if others.into_iter().any(|other| is_same_name(other, new)) {
            return Ok(Renamed::NameTaken);
        }
        let is_moved = world.teams.get(&new.id).is_none_or(|team| team.version != old.version);
        if is_moved || world.loses_race() {
            return Ok(Renamed::Moved);
        }
        world.teams.insert(new.id.clone(), new.clone());
        Ok(Renamed::Done)
    }

    async fn delete_team(&self, team: &Team) -> Result<(), StoreError> {
        self.up()?.teams.remove(&team.id);
        Ok(())
    }

    async fn membership(
        &self,
        _: &AccountId,
        contact: &ContactId,
        team: &TeamId,
    ) -> Result<Option<Membership>, StoreError> {
        Ok(self.up()?.memberships.get(&(contact.clone(), team.clone())).cloned())
    }

    async fn memberships_of(
        &self,
        _: &AccountId,
        contact: &ContactId,
    ) -> Result<Vec<Membership>, StoreError> {
        let world = self.up()?;
        let own = world.memberships.iter().filter(|((of, _), _)| of == contact);
        Ok(own.map(|(_, membership)| membership.clone()).collect())
    }

    async fn memberships_of_all(
        &self,
        account: &AccountId,
        contacts: &[ContactId],
    ) -> Result<Vec<Vec<Membership>>, StoreError> {
        let mut all = Vec::new();
        for contact in contacts {
            all.push(self.memberships_of(account, contact).await?);
        }
        Ok(all)
    }

    async fn team_memberships(
        &self,
        account: &AccountId,
        team: &TeamId,
        shard: u8,
        after: Option<&ContactId>,
        limit: u16,
    ) -> Result<MembershipPage, StoreError> {
        let world = self.up()?;
        let all = world.memberships.values().filter(|one| {
            one.account_id == *account
                && one.team_id == *team
                && one.contact_id.shard(SHARDS) == shard
                && after.is_none_or(|after| one.contact_id > *after)
        });
        let mut found: Vec<Membership> = all.cloned().collect();
        let more = found.len() > usize::from(limit);
        found.truncate(usize::from(limit));
        let last = found.last().filter(|_| more);
        let next = last.map(|last| (last.contact_id.clone(), last.team_id.clone()));
        Ok(MembershipPage { memberships: found, next })
    }

    async fn memberships(
        &self,
        account: &AccountId,
        shard: u8,
        after: Option<&MembershipKey>,
    ) -> Result<MembershipPage, StoreError> {
        let world = self.up()?;
        let behind =
            world.memberships.iter().filter(|(key, _)| after.is_none_or(|after| *key > after));
        let all = behind.map(|(_, one)| one).filter(|one| one.account_id == *account);
        let own = all.filter(|one| one.contact_id.shard(SHARDS) == shard);
        Ok(MembershipPage { memberships: own.cloned().collect(), next: None })
    }

    async fn put_membership(&self, membership: &Membership) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let place = (membership.contact_id.clone(), membership.team_id.clone());
        let stored = world.memberships.get(&place).map_or(0, |stored| stored.version);
        if world.loses_race() || stored + 1 != membership.version {
            return Ok(false);
        }
        world.membership_writes += 1;
        world.memberships.insert(place, membership.clone());
        Ok(true)
    }
}

fn is_same_name(one: &Team, other: &Team) -> bool {
    one.account_id == other.account_id && name_key(&one.name) == name_key(&other.name)
}
