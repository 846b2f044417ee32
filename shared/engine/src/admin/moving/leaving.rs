//! What a connection leaves behind in the account that loses it: its contacts and their teams.

use std::collections::HashSet;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::contact::{Contact, ContactSource};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use futures::future::try_join_all;
use jiff::Timestamp;

use super::{LeftContacts, Move, Moved};
use crate::admin::contacts::take_away;
use crate::admin::teams::{self, Leaver};
use crate::admin::{ATTEMPTS, AdminError, Outside};
use crate::port::{Clock, ContactStore, ContactWrite, SHARDS, StoredContact, WriteOutcome};

/// How many contacts are taken away at the same time.
const AT_ONCE: usize = 16;

/// How many contacts are read in one request.
const READ: usize = 100;

/// How many examples are named.
const EXAMPLES: usize = 5;

/// Takes the connection's contacts out of its account, and what its groups held in teams; `false`
/// when time ran out.
pub(super) async fn leave_account(
    outside: &impl Outside,
    found: &Connection,
    to: &Account,
    wanted: &Move,
    until: Timestamp,
    moved: &mut Moved,
) -> Result<bool, AdminError> {
    let mut leaving = Leaving { found, to, wanted, until, gone: HashSet::new() };
    for shard in 0..SHARDS {
        if !leaving.shard(outside, shard, moved).await? {
            return Ok(false);
        }
    }
    // What is left are memberships of contacts that had lost their link before.
    let leaver = Leaver {
        account: &found.account_id,
        connection: &found.id,
        gone: &leaving.gone,
        only_try: wanted.only_try,
        until,
    };
    let Some(ended) = teams::leave_account(outside, leaver).await? else { return Ok(false) };
    moved.memberships_ended += ended;
    Ok(true)
}

/// One connection that leaves.
struct Leaving<'l> {
    found: &'l Connection,
    to: &'l Account,
    wanted: &'l Move,
    until: Timestamp,
    /// Whom a mere try would remove: their memberships go with them.
    gone: HashSet<ContactId>,
}

impl Leaving<'_> {
    /// Deals with one shard's contacts; `false` when time ran out.
    async fn shard(
        &mut self,
        outside: &impl Outside,
        shard: u8,
        moved: &mut Moved,
    ) -> Result<bool, AdminError> {
        let store = outside.store();
        let account = &self.found.account_id;
        let mut cursor = None;
        loop {
            let page = store.index(account, shard, cursor.as_deref()).await?;
            let own = page.entries.into_iter().filter(|one| one.connection_id == self.found.id);
            let ids: Vec<ContactId> = own.map(|entry| entry.contact_id).collect();
            for ids in ids.chunks(READ) {
                if outside.clock().now() > self.until {
                    return Ok(false);
                }
                let contacts = contacts(outside, account, ids, &self.found.id).await?;
                self.note_taken(outside, &contacts, moved).await?;
                self.deal_with(outside, &contacts, moved).await?;
            }
            match page.cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(true),
            }
        }
    }

    async fn deal_with(
        &mut self,
        outside: &impl Outside,
        contacts: &[Contact],
        moved: &mut Moved,
    ) -> Result<(), AdminError> {
        let stays = |contact: &Contact| self.is_kept(contact) || contact.protected;
        let staying = contacts.iter().filter(|contact| stays(contact)).count();
        let spared = contacts.iter().filter(|one| one.protected && !self.is_kept(one)).count();
        moved.unlinked += as_count(staying);
        moved.protected += as_count(spared);
        moved.removed += as_count(contacts.len() - staying);
        if self.wanted.only_try {
            let going = contacts.iter().filter(|contact| !stays(contact));
            self.gone.extend(going.map(|contact| contact.id.clone()).collect::<Vec<_>>());
            return Ok(());
        }
        for contacts in contacts.chunks(AT_ONCE) {
            let leaving = contacts.iter().map(|one| leave(outside, one, stays(one)));
            let ended = try_join_all(leaving.collect::<Vec<_>>()).await?;
            moved.memberships_ended += ended.into_iter().sum::<u64>();
        }
        Ok(())
    }

    fn is_kept(&self, contact: &Contact) -> bool {
        contact.source == ContactSource::Local || self.wanted.contacts == LeftContacts::Keep
    }

    /// Counts the contacts' addresses that the new account knows already.
    async fn note_taken(
        &self,
        outside: &impl Outside,
        contacts: &[Contact],
        moved: &mut Moved,
    ) -> Result<(), AdminError> {
        let keys: Vec<String> = contacts.iter().filter_map(Contact::email).map(email_key).collect();
        let owners = outside.store().claims(&self.to.id, &keys).await?;
        for owner in owners.into_iter().flatten() {
            moved.emails_taken += 1;
            if moved.taken_examples.len() < EXAMPLES {
                moved.taken_examples.push(owner);
            }
        }
        Ok(())
    }
}

fn as_count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Those of the contacts that are linked through the connection, read strongly.
async fn contacts(
    outside: &impl Outside,
    account: &AccountId,
    ids: &[ContactId],
    connection: &ConnectionId,
) -> Result<Vec<Contact>, AdminError> {
    let stored = outside.store().get_many(account, ids).await?;
    let present = stored.into_iter().flatten().filter_map(|stored| match stored {
        StoredContact::Present(contact) => Some(*contact),
        StoredContact::Tombstone { .. } => None,
    });
    let is_own = |contact: &Contact| {
        contact.link.as_ref().is_some_and(|link| link.connection_id == *connection)
    };
    Ok(present.filter(is_own).collect())
}

/// Removes a contact, or takes its link away; answers how many memberships ended.
///
/// The contact itself goes last: while it is linked, a request that is sent again finds it, and
/// whatever of it a dead one left.
async fn leave(outside: &impl Outside, read: &Contact, stays: bool) -> Result<u64, AdminError> {
    let store = outside.store();
    let account = &read.account_id;
    let mut contact = read.clone();
    let mut ended = 0;
    for _ in 0..ATTEMPTS {
        let Some(link) = contact.link.clone() else { return Ok(ended) };
        store.delete_adoption(account, &link.tenant_id, &link.object_id).await?;
        let outcome = if stays {
            let unlinked = Contact {
                link: None,
                sync: None,
                managed_fields: Vec::new(),
                version: contact.version + 1,
                updated_at: outside.clock().now(),
                ..contact.clone()
            };
            let write =
                ContactWrite { contact: unlinked, expected_version: contact.version, fence: None };
            store.write(&write).await?
        } else {
            let now = outside.clock().now();
            ended += teams::end_memberships(store, account, &contact.id, now).await?;
            if take_away(outside, &contact, None).await? {
                WriteOutcome::Written
            } else {
                WriteOutcome::Moved(store.get(account, &contact.id).await?)
            }
        };
        match outcome {
            WriteOutcome::Written => return Ok(ended),
            WriteOutcome::Moved(Some(StoredContact::Present(standing))) => contact = *standing,
            WriteOutcome::Moved(Some(StoredContact::Tombstone { .. }) | None) => return Ok(ended),
        }
    }
    Err(AdminError::Moved)
}
