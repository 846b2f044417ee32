//! Teams in the state table, and who is in them beside the contacts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contact_sync_domain::id::{AccountId, ContactId, TeamId};
use contact_sync_domain::team::{Membership, Team, name_key};
use contact_sync_engine::port::{
    MembershipKey, MembershipPage, Renamed, SHARDS, StoreError, TeamStore,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::item::{Item, document, expiry, name, number, read_document, text};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const TEAM: &str = "team";

/// The kind of a membership's item.
pub(crate) const MEMBERSHIP: &str = "membership";

/// How long a membership that ended keeps its number, so that who returns goes on counting.
const ENDED_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many teams a listed contact is expected to be in.
const TEAMS_OF_ONE: u16 = 8;

/// How many memberships of others between listed contacts are read along.
const SPARE: u16 = 50;

/// How many shards are asked at once.
const CALLS: usize = 8;

const UNMOVED: &str = "#doc.#version = :before";

fn team_item(team: &Team) -> Result<Item, StoreError> {
    document(&keys::team(&team.account_id, &team.id), TEAM, team)
}

fn name_item(team: &Team) -> Item {
    let mut item = keys::team_name(&team.account_id, &name_key(&team.name)).attributes();
    item.insert(name::KIND.to_owned(), text("teamName"));
    item.insert("teamId".to_owned(), text(team.id.as_str()));
    item
}

fn membership_item(membership: &Membership) -> Result<Item, StoreError> {
    let Membership { account_id, contact_id, team_id, .. } = membership;
    let key = keys::membership(account_id, contact_id, team_id);
    let mut item = document(&key, MEMBERSHIP, membership)?;
    if !membership.stands() {
        let until = membership.updated_at.checked_add(ENDED_LIFE).unwrap_or(Timestamp::MAX);
        item.insert(name::EXPIRES_AT.to_owned(), expiry(until));
    }
    Ok(item)
}

fn unmoved(version: u64) -> Condition {
    match version {
        0 => Condition::absent(),
        version => Condition::new(UNMOVED, vec![(":before", number(version))]),
    }
}

fn read_all(items: Vec<Item>) -> Result<Vec<Membership>, StoreError> {
    items.into_iter().map(|item| read_document(MEMBERSHIP, item)).collect()
}

impl TeamStore for DynamoStore {
    async fn create_team(&self, team: &Team) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems team";
        let transacted = Transaction::new()
            .put(operation, &self.state, name_item(team), Some(Condition::absent()))?
            .put(operation, &self.state, team_item(team)?, Some(Condition::absent()))?
            .commit(operation, &self.state)
            .await?;
        match (&transacted, transacted.standing(1)) {
            (Transacted::Done, _) => Ok(true),
            // The very same team: an earlier call did it and its answer got lost.
            (Transacted::Refused(_), Some(standing)) => {
                Ok(read_document::<Team>(TEAM, standing.clone())? == *team)
            }
            (Transacted::Refused(_), None) => Ok(false),
        }
    }

    async fn team(&self, account: &AccountId, id: &TeamId) -> Result<Option<Team>, StoreError> {
        let found = self.state.get("GetItem team", &keys::team(account, id)).await?;
        found.map(|item| read_document(TEAM, item)).transpose()
    }

    async fn teams(&self, account: &AccountId) -> Result<Vec<Team>, StoreError> {
        let query = Query {
            partition: keys::account_partition(account),
            prefix: keys::TEAM_PREFIX,
            strongly: true,
            ..Query::default()
        };
        let items = self.state.query_all("Query teams", query).await?;
        items.into_iter().map(|item| read_document(TEAM, item)).collect()
    }

    async fn rename_team(&self, old: &Team, new: &Team) -> Result<Renamed, StoreError> {
        let operation = "TransactWriteItems team";
        let transaction = Transaction::new().put(
            operation,
            &self.state,
            team_item(new)?,
            Some(unmoved(old.version)),
        )?;
        let (before, after) = (name_key(&old.name), name_key(&new.name));
        let transaction = if before == after {
            transaction
        } else {
            transaction
                .put(operation, &self.state, name_item(new), Some(Condition::absent()))?
                .delete(operation, &self.state, &keys::team_name(&old.account_id, &before))?
        };
        let transacted = transaction.commit(operation, &self.state).await?;
        match (&transacted, transacted.standing(0), transacted.standing(1)) {
            (Transacted::Done, ..) => Ok(Renamed::Done),
            (Transacted::Refused(_), Some(standing), _) => {
                let is_ours = read_document::<Team>(TEAM, standing.clone())? == *new;
                Ok(if is_ours { Renamed::Done } else { Renamed::Moved })
            }
            (Transacted::Refused(_), None, Some(_)) => Ok(Renamed::NameTaken),
            (Transacted::Refused(_), None, None) => Ok(Renamed::Moved),
        }
    }

    async fn delete_team(&self, team: &Team) -> Result<(), StoreError> {
        let operation = "TransactWriteItems team";
        Transaction::new()
            .delete(operation, &self.state, &keys::team(&team.account_id, &team.id))?
            .delete(
                operation,
                &self.state,
                &keys::team_name(&team.account_id, &name_key(&team.name)),
            )?
            .commit(operation, &self.state)
            .await?;
        Ok(())
    }

    async fn membership(
        &self,
        account: &AccountId,
        contact: &ContactId,
        team: &TeamId,
    ) -> Result<Option<Membership>, StoreError> {
        let key = keys::membership(account, contact, team);
        let found = self.contacts.get("GetItem membership", &key).await?;
        found.map(|item| read_document(MEMBERSHIP, item)).transpose()
    }

    async fn memberships_of(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Vec<Membership>, StoreError> {
        let query = Query {
            partition: keys::contacts_partition(account, contact.shard(SHARDS)),
            prefix: &keys::memberships_prefix(contact),
            strongly: true,
            ..Query::default()
        };
        read_all(self.contacts.query_all("Query memberships", query).await?)
    }

    async fn memberships(
        &self,
        account: &AccountId,
        shard: u8,
        after: Option<&MembershipKey>,
    ) -> Result<MembershipPage, StoreError> {
        let query = Query {
            partition: keys::contacts_partition(account, shard),
            prefix: keys::MEMBERSHIP_PREFIX,
            after: after.map(|(contact, team)| keys::membership(account, contact, team).sk),
            ..Query::default()
        };
        let page = self.contacts.query("Query memberships", query).await?;
        let next = page.next.as_deref().and_then(keys::membership_of);
        Ok(MembershipPage { memberships: read_all(page.items)?, next })
    }

    async fn memberships_of_all(
        &self,
        account: &AccountId,
        contacts: &[ContactId],
    ) -> Result<Vec<Vec<Membership>>, StoreError> {
        let mut shards: BTreeMap<u8, BTreeSet<ContactId>> = BTreeMap::new();
        for contact in contacts {
            shards.entry(contact.shard(SHARDS)).or_default().insert(contact.clone());
        }
        let found: Vec<Vec<Membership>> = stream::iter(shards)
            .map(|(shard, contacts)| self.memberships_among(account, shard, contacts))
            .buffer_unordered(CALLS)
            .try_collect()
            .await?;
        let mut by_contact: HashMap<ContactId, Vec<Membership>> = HashMap::new();
        for membership in found.into_iter().flatten() {
            by_contact.entry(membership.contact_id.clone()).or_default().push(membership);
        }
        let of = |contact| by_contact.get(contact).cloned().unwrap_or_default();
        Ok(contacts.iter().map(of).collect())
    }

    async fn team_memberships(
        &self,
        account: &AccountId,
        team: &TeamId,
        shard: u8,
        after: Option<&ContactId>,
        limit: u16,
    ) -> Result<MembershipPage, StoreError> {
        let query = Query {
            partition: keys::contacts_partition(account, shard),
            prefix: &keys::team_members_prefix(team),
            after: after.map(|contact| keys::team_member(account, contact, team).sk),
            limit: Some(limit.max(1)),
            ..Query::default()
        };
        let page = self.contacts.query("Query team members", query).await?;
        let contacts = page
            .items
            .iter()
            .filter_map(|item| keys::team_member_of(item.get(name::SK)?.as_s().ok()?));
        let places: Vec<keys::Key> =
            contacts.map(|contact| keys::membership(account, &contact, team)).collect();
        let mut found =
            self.contacts.get_all("BatchGetItem memberships", places.iter().cloned()).await?;
        let memberships =
            read_all(places.iter().filter_map(|place| found.remove(place)).collect())?;
        let next = page.next.as_deref().and_then(keys::team_member_of);
        Ok(MembershipPage { memberships, next: next.map(|contact| (contact, team.clone())) })
    }

    /// A membership that stands is found by its team, too: what leads there is written before it
    /// and taken away after it ended, each by itself (two units, where one transaction costs four).
    /// So it may lead to nobody, never miss anybody; whose version is older never takes away what a
    /// newer membership needs.
    async fn put_membership(&self, membership: &Membership) -> Result<bool, StoreError> {
        let Membership { account_id, contact_id, team_id, version, .. } = membership;
        let leading = keys::team_member(account_id, contact_id, team_id);
        let own = || vec![(":version", number(*version))];
        if membership.stands() {
            let mut item = leading.attributes();
            item.insert(name::KIND.to_owned(), text("teamMember"));
            item.insert("version".to_owned(), number(*version));
            let older = "attribute_not_exists(#pk) OR #version < :version";
            let older = Condition::new(older, own());
            // One that is newer leads there just as well.
            self.contacts.put_if("PutItem team member", item, older).await?;
        }
        let item = membership_item(membership)?;
        let condition = unmoved(version.saturating_sub(1));
        let answer = self.contacts.put_if("PutItem membership", item, condition).await?;
        let stands = crate::stands(MEMBERSHIP, answer, membership)?;
        if stands && !membership.stands() {
            let no_newer = Condition::new("#version <= :version", own());
            self.contacts.delete_if("DeleteItem team member", &leading, no_newer).await?;
        }
        Ok(stands)
    }
}

impl DynamoStore {
    /// The memberships of some contacts of one shard. Lists show neighbours, whose memberships lie
    /// side by side: one query finds them. Who lies far from the others is asked for alone.
    async fn memberships_among(
        &self,
        account: &AccountId,
        shard: u8,
        contacts: BTreeSet<ContactId>,
    ) -> Result<Vec<Membership>, StoreError> {
        let (Some(first), Some(last)) = (contacts.first(), contacts.last()) else {
            return Ok(Vec::new());
        };
        let from = keys::memberships_prefix(first);
        let until = format!("{}~", keys::memberships_prefix(last));
        let each = u16::try_from(contacts.len()).unwrap_or(u16::MAX);
        let query = Query {
            partition: keys::contacts_partition(account, shard),
            prefix: &from,
            until: Some(&until),
            limit: Some(each.saturating_mul(TEAMS_OF_ONE).saturating_add(SPARE)),
            strongly: true,
            ..Query::default()
        };
        let page = self.contacts.query("Query memberships", query).await?;
        let reached = page.next.as_deref().and_then(keys::membership_of);
        let is_whole =
            |contact: &ContactId| reached.as_ref().is_none_or(|(reached, _)| contact < reached);
        let mut found = read_all(page.items)?;
        found.retain(|one| contacts.contains(&one.contact_id) && is_whole(&one.contact_id));
        for contact in contacts.iter().filter(|contact| !is_whole(contact)) {
            found.extend(self.memberships_of(account, contact).await?);
        }
        Ok(found)
    }
}
