//! Contacts and claims.

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::segment::Prior;
use jiff::Timestamp;

use super::{MemoryStore, World, page, unreadable};
use crate::port::{
    Bar, CLAIM_STANDS, ClaimChange, ClaimOutcome, ContactPage, ContactQuery, ContactStore,
    ContactWrite, IndexEntry, IndexPage, StoreError, StoredContact, WriteOutcome,
};

fn present<'a>(world: &'a World, account: &AccountId, id: &ContactId) -> Option<&'a Contact> {
    match world.contacts.get(id) {
        Some(StoredContact::Present(contact)) if contact.account_id == *account => Some(contact),
        Some(StoredContact::Present(_) | StoredContact::Tombstone { .. }) | None => None,
    }
}

fn readable(world: &World, id: &ContactId) -> Result<(), StoreError> {
    if world.unreadable_contacts.contains(id) {
        return Err(unreadable(format!("contact {id}")));
    }
    Ok(())
}

fn version(world: &World, id: &ContactId) -> u64 {
    match world.contacts.get(id) {
        Some(StoredContact::Present(contact)) => contact.version,
        Some(StoredContact::Tombstone { version, .. }) => *version,
        None => 0,
    }
}

/// Whether what stands is as old as it was read, and older than a sync's own observation.
pub(super) fn may_write(
    world: &World,
    contact: &Contact,
    expected: u64,
    fence: Option<u64>,
) -> bool {
    if let Some(StoredContact::Tombstone { erased: true, .. }) = world.contacts.get(&contact.id) {
        return false;
    }
    let connection = connection_of(world, contact);
    let source_version = match (world.contacts.get(&contact.id), &connection) {
        (Some(StoredContact::Present(standing)), ours) => {
            let theirs = connection_of(world, standing);
            let mark = standing.sync.as_ref().filter(|_| theirs.is_none() || theirs == *ours);
            mark.map(|mark| mark.source_version)
        }
        (Some(bar @ StoredContact::Tombstone { .. }), Some(ours)) => {
            bar.source_version_in(ours, contact.updated_at)
        }
        (Some(StoredContact::Tombstone { source_version, .. }), None) => Some(*source_version),
        (None, _) => None,
    };
    let is_overtaken = match (fence, source_version) {
        (Some(fence), Some(source_version)) => source_version >= fence,
        (Some(_) | None, _) => false,
    };
    version(world, &contact.id) == expected && !is_overtaken
}

/// The connection in which a contact's source version counts, also after it lost its link.
fn connection_of(world: &World, contact: &Contact) -> Option<ConnectionId> {
    match (&contact.link, &contact.sync) {
        (Some(link), _) => Some(link.connection_id.clone()),
        (None, Some(_)) => world.former_connections.get(&contact.id).cloned(),
        (None, None) => None,
    }
}

pub(super) fn put(world: &mut World, contact: &Contact) {
    if let Some(link) = &contact.link {
        world.former_connections.insert(contact.id.clone(), link.connection_id.clone());
    }
    let stored = StoredContact::Present(Box::new(contact.clone()));
    world.contacts.insert(contact.id.clone(), stored);
}

/// Leaves a tombstone in a contact's place.
pub(super) fn bury(
    world: &mut World,
    contact: &Contact,
    fence: Option<u64>,
    expires_at: Timestamp,
    by: Option<&Prior>,
) {
    let known = contact.sync.as_ref().map(|mark| mark.source_version);
    let tombstone = StoredContact::Tombstone {
        version: contact.version + 1,
        source_version: fence.or(known).unwrap_or_default(),
        connection_id: connection_of(world, contact),
        expires_at,
        by: by.cloned(),
        erased: false,
    };
    world.contacts.insert(contact.id.clone(), tombstone);
}

impl ContactStore for MemoryStore {
    async fn get(
        &self,
        account: &AccountId,
        id: &ContactId,
    ) -> Result<Option<StoredContact>, StoreError> {
        let world = self.up()?;
        readable(&world, id)?;
        let found = world.contacts.get(id).cloned();
        Ok(found.filter(|stored| match stored {
            StoredContact::Present(contact) => contact.account_id == *account,
            StoredContact::Tombstone { .. } => true,
        }))
    }

    async fn get_many(
        &self,
        account: &AccountId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<StoredContact>>, StoreError> {
        self.up()?.contact_reads += ids.len();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push(self.get(account, id).await?);
        }
        Ok(found)
    }

    async fn write(&self, write: &ContactWrite) -> Result<WriteOutcome, StoreError> {
        let mut world = self.up()?;
        let contact = &write.contact;
        readable(&world, &contact.id)?;
        if world.loses_race() || !may_write(&world, contact, write.expected_version, write.fence) {
            return Ok(WriteOutcome::Moved(world.contacts.get(&contact.id).cloned()));
        }
        put(&mut world, contact);
        Ok(WriteOutcome::Written)
    }

    async fn write_together(
        &self,
        account: &AccountId,
        writes: &[ContactWrite],
        claims: &[ClaimChange],
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let place = |change: &ClaimChange| (account.clone(), change.email_key.clone());
        let may_all = writes
            .iter()
            .all(|write| may_write(&world, &write.contact, write.expected_version, write.fence))
            && claims.iter().all(|change| world.claims.get(&place(change)) == Some(&change.from));
        if world.loses_race() || !may_all {
            return Ok(false);
        }
        for write in writes {
            put(&mut world, &write.contact);
        }
        for change in claims {
            world.claimed_at.remove(&place(change));
            world.claims.insert(place(change), change.to.clone());
        }
        Ok(true)
    }

    async fn remove(
        &self,
        contact: &Contact,
        fence: Option<u64>,
        expires_at: Timestamp,
        by: Option<&Prior>,
    ) -> Result<WriteOutcome, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() || !may_write(&world, contact, contact.version, fence) {
            return Ok(WriteOutcome::Moved(world.contacts.get(&contact.id).cloned()));
        }
        bury(&mut world, contact, fence, expires_at, by);
        Ok(WriteOutcome::Written)
    }

    async fn bar(&self, _: &AccountId, id: &ContactId, bar: &Bar) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let barring = |version, until| StoredContact::Tombstone {
            version,
            source_version: bar.fence,
            connection_id: Some(bar.connection_id.clone()),
            expires_at: until,
            by: None,
            erased: false,
        };
        match world.contacts.get_mut(id) {
            None => {
                world.contacts.insert(id.clone(), barring(0, bar.until));
            }
            Some(StoredContact::Present(_) | StoredContact::Tombstone { erased: true, .. }) => {}
            Some(standing) => {
                if let StoredContact::Tombstone {
                    version,
                    source_version,
                    connection_id,
                    expires_at,
                    by: _,
                    erased: _,
                } = &*standing
                {
                    let counts = connection_id.as_ref().is_none_or(|of| *of == bar.connection_id);
                    if !counts || *source_version < bar.fence || *expires_at < bar.until {
                        *standing = barring(*version, bar.until.max(*expires_at));
                    }
                }
            }
        }
        Ok(())
    }

    async fn claims(
        &self,
        account: &AccountId,
        email_keys: &[String],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let world = self.up()?;
        let claim = |key: &String| world.claims.get(&(account.clone(), key.clone())).cloned();
        Ok(email_keys.iter().map(claim).collect())
    }

    async fn claim(
        &self,
        account: &AccountId,
        key: &str,
        contact: &ContactId,
        now: Timestamp,
    ) -> Result<ClaimOutcome, StoreError> {
        let mut world = self.up()?;
        let place = (account.clone(), key.to_owned());
        let is_young =
            world.claimed_at.get(&place).is_some_and(|at| now.duration_since(*at) < CLAIM_STANDS);
        if let Some(owner) = world.claims.get(&place).filter(|owner| *owner != contact) {
            let bears = present(&world, account, owner)
                .and_then(Contact::email)
                .is_some_and(|email| email_key(email) == key);
            if is_young || bears || readable(&world, owner).is_err() {
                return Ok(ClaimOutcome::TakenBy(owner.clone()));
            }
        }
        world.claimed_at.insert(place.clone(), now);
        world.claims.insert(place, contact.clone());
        Ok(ClaimOutcome::Claimed)
    }

    async fn release(
        &self,
        account: &AccountId,
        key: &str,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let place = (account.clone(), key.to_owned());
        if world.claims.get(&place) == Some(contact) {
            world.claimed_at.remove(&place);
            world.claims.remove(&place);
        }
        Ok(())
    }

    async fn adopted(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        users: &[ObjectId],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let world = self.up()?;
        let place = |user: &ObjectId| (account.clone(), tenant.clone(), user.clone());
        Ok(users.iter().map(|user| world.adoptions.get(&place(user)).cloned()).collect())
    }

    async fn put_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        let place = (account.clone(), tenant.clone(), user.clone());
        self.up()?.adoptions.insert(place, contact.clone());
        Ok(())
    }

    async fn retire_adoption(
        &self,
        account: &AccountId,
        (tenant, user): (&TenantId, &ObjectId),
        contact: &ContactId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.put_adoption(account, tenant, user, contact).await
    }

    async fn delete_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
    ) -> Result<(), StoreError> {
        self.up()?.adoptions.remove(&(account.clone(), tenant.clone(), user.clone()));
        Ok(())
    }

    async fn index(
        &self,
        account: &AccountId,
        shard: u8,
        _: Option<&str>,
    ) -> Result<IndexPage, StoreError> {
        let world = self.up()?;
        let entry = |id: &ContactId| {
            let contact = present(&world, account, id)?;
            let link = contact.link.as_ref()?;
            let mark = contact.sync.as_ref();
            let digest = mark.and_then(|mark| mark.fingerprint.as_deref());
            Some(IndexEntry {
                contact_id: contact.id.clone(),
                connection_id: link.connection_id.clone(),
                tenant_id: link.tenant_id.clone(),
                object_id: link.object_id.clone(),
                link_state: link.state,
                cause: link.cause,
                fingerprint: digest.and_then(|digest| u128::from_str_radix(digest, 16).ok()),
                source_version: mark.map_or(0, |mark| mark.source_version),
            })
        };
        let own = world.contacts.iter().filter(|(id, _)| id.shard(crate::port::SHARDS) == shard);
        let is_erased = |stored: &StoredContact| {
            matches!(stored, StoredContact::Tombstone { erased: true, .. })
        };
        let erased = own.clone().filter(|(_, stored)| is_erased(stored));
        Ok(IndexPage {
            erased: erased.map(|(id, _)| id.clone()).collect(),
            entries: own.filter_map(|(id, _)| entry(id)).collect(),
            cursor: None,
        })
    }

    async fn unlinked(
        &self,
        account: &AccountId,
        shard: u8,
        _: Option<&str>,
    ) -> Result<ContactPage, StoreError> {
        let world = self.up()?;
        let is_free = |contact: &&Contact| {
            contact.link.as_ref().is_none_or(|link| link.state == LinkState::Removed)
        };
        let own = world.contacts.keys().filter(|id| id.shard(crate::port::SHARDS) == shard);
        let free = own.filter_map(|id| present(&world, account, id)).filter(is_free);
        Ok(ContactPage { contacts: free.cloned().collect(), cursor: None })
    }

    async fn list(
        &self,
        account: &AccountId,
        query: &ContactQuery,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ContactPage>, StoreError> {
        let world = self.up()?;
        let prefix = query.prefix.as_ref().map(|prefix| prefix.to_lowercase());
        let is_meant = |contact: &&Contact| {
            let bears = query.email.as_ref().is_none_or(|email| {
                contact.email().is_some_and(|own| email_key(own) == email_key(email))
            });
            let begins = prefix.as_ref().is_none_or(|prefix| {
                contact.fields.values().any(|value| value.to_lowercase().starts_with(prefix))
            });
            bears && begins && query.source.is_none_or(|source| contact.source == source)
        };
        let all = world.contacts.keys().filter_map(|id| present(&world, account, id));
        let matching = all.filter(is_meant).cloned().collect();
        Ok(page(matching, cursor, limit).map(|(contacts, cursor)| ContactPage { contacts, cursor }))
    }

    async fn erase_account(&self, account: &AccountId) -> Result<(), StoreError> {
        let mut world = self.up()?;
        world.contacts.retain(
            |_, stored| !matches!(stored, StoredContact::Present(one) if one.account_id == *account),
        );
        world.memberships.retain(|_, membership| membership.account_id != *account);
        world.photos.retain(|_, photo| photo.account_id != *account);
        world.history.retain(|(owner, ..), _| owner != account);
        world.merges.retain(|(owner, ..), _| owner != account);
        world.claims.retain(|(owner, _), _| owner != account);
        world.adoptions.retain(|(owner, _, _), _| owner != account);
        Ok(())
    }
}
