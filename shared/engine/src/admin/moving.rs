//! Moving a connection to another account: an organisation that was assigned to the wrong customer.
//!
//! The connection goes with its id, its consent and all versions of its settings. What sync made in
//! the old account goes away, what was there before stays and is only unlinked; runs, segments and
//! reports tell of the old account's contacts and are deleted. In the new account nothing is written
//! before somebody enables the connection there: its first full run makes the contacts, and finds
//! those that are there already by the settings' own rules.
//!
//! Every step may be repeated. A request that ran out of time is sent again and goes on.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionAction, ConnectionStatus, Tenant};
use contact_sync_domain::contact::{Contact, ContactSource};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::settings::Problem;
use contact_sync_domain::settings::check::check;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::accounts::account;
use super::connections::{MOST_CONNECTIONS, connection};
use super::contacts::TOMBSTONE_LIFE;
use super::document::Members;
use super::{ATTEMPTS, AdminError, Caller, Outside};
use crate::port::{
    Blobs, Clock, ConnectionStore, ContactStore, ContactWrite, SHARDS, SettingsStore,
    StoredContact, SyncStateStore, TenantClaim, TenantStore, WriteOutcome,
};
use crate::segments::{blob_prefix, state_prefix};

/// After so long no further contacts are begun: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(18);

/// How many contacts are taken away at the same time.
const AT_ONCE: usize = 16;

/// How many contacts are read in one request.
const READ: usize = 100;

/// How many examples are named.
const EXAMPLES: usize = 5;

/// What to move where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The account that the connection shall belong to.
    pub account: AccountId,
    /// What becomes of the contacts that sync made in the old one.
    pub contacts: LeftContacts,
    /// Whether nothing shall be done.
    pub only_try: bool,
}

/// What becomes of contacts that sync made in the account that loses the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeftContacts {
    /// They go: these are another customer's people.
    #[default]
    Remove,
    /// They stay as the account's own, without a link.
    Keep,
}

/// What moving did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Whether all of it is done.
    pub is_done: bool,
    /// Contacts that sync had made, removed from the old account.
    pub removed: u64,
    /// Contacts that stay in the old account and lose their link.
    pub unlinked: u64,
    /// Addresses of theirs that contacts of the new account have already. The settings' `link`
    /// policy says what the first run does about those.
    pub emails_taken: u64,
    /// Some of those contacts of the new account.
    pub taken_examples: Vec<ContactId>,
    /// What the operator should know.
    pub warnings: Vec<Problem>,
}

impl Move {
    /// Reads `{account, contacts?}`.
    pub fn read(document: &Value, only_try: bool) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let account = members.text("account", 64).and_then(|text| {
            let account = AccountId::parse(&text);
            if let Err(error) = &account {
                members.problem("account", error.to_string());
            }
            account.ok()
        });
        let contacts = match members.changed_text("contacts", 16).as_deref() {
            None | Some("remove") => LeftContacts::Remove,
            Some("keep") => LeftContacts::Keep,
            Some(_) => {
                members.problem("contacts", "expected `remove` or `keep`");
                LeftContacts::Keep
            }
        };
        let problems = members.finish();
        match account {
            Some(account) if problems.is_empty() => Ok(Self { account, contacts, only_try }),
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

/// Moves a connection that was stopped to another account. Only for whoever operates the
/// installation: both accounts are touched.
pub async fn move_connection(
    outside: &impl Outside,
    caller: &Caller,
    from: &AccountId,
    id: &ConnectionId,
    wanted: &Move,
) -> Result<Moved, AdminError> {
    caller.is_operator_of_all()?;
    let store = outside.store();
    if wanted.account == *from {
        return Err(AdminError::invalid("/account", "the connection belongs to this account"));
    }
    let Some(to) = crate::port::AccountStore::account(store, &wanted.account).await? else {
        return Err(AdminError::invalid("/account", "there is no such account"));
    };
    account(store, from).await?;
    let Some(found) = store.connection(from, id).await? else {
        // An earlier attempt of the same request got to the end.
        connection(store, &to.id, id).await?;
        return Ok(Moved { is_done: true, ..Moved::default() });
    };
    check_movable(outside, &found).await?;
    let mut moved = Moved { warnings: check_fit(outside, &found, &to).await?, ..Moved::default() };
    let until = outside.clock().now() + TIME;
    for shard in 0..SHARDS {
        if !leave_shard(outside, &found, &to, wanted, (shard, until), &mut moved).await? {
            return Ok(moved);
        }
    }
    if wanted.only_try {
        return Ok(moved);
    }
    outside.blobs().delete_prefix(&blob_prefix(from, id)).await?;
    outside.blobs().delete_prefix(&state_prefix(from, id)).await?;
    outside.blobs().delete_prefix(&format!("reports/{from}/{id}/")).await?;
    pass_tenant(outside, &found, &to.id).await?;
    let arrived = Connection {
        account_id: to.id.clone(),
        last_sync_at: None,
        enabled_once: false,
        ..found.clone()
    };
    if !store.move_connection(&found, &arrived).await? {
        return Err(AdminError::Moved);
    }
    tracing::info!(
        connection.id = %id,
        account.from = %from,
        account.to = %to.id,
        contacts.removed = moved.removed,
        contacts.unlinked = moved.unlinked,
        "connection {id} was moved to another account"
    );
    moved.is_done = true;
    Ok(moved)
}

/// Refuses a connection that somebody may still work for.
async fn check_movable(outside: &impl Outside, found: &Connection) -> Result<(), AdminError> {
    found.status.after(ConnectionAction::Move, None)?;
    let state = outside.store().sync_state(&found.account_id, &found.id).await?;
    let now = outside.clock().now();
    if state.is_some_and(|state| !state.is_free(now)) {
        let fix = "a run is still letting go of it; repeat this in a minute";
        return Err(AdminError::NotNow { from: found.status, fix });
    }
    Ok(())
}

/// Refuses an account that the settings do not hold in, and tells what belongs to the old one.
async fn check_fit(
    outside: &impl Outside,
    found: &Connection,
    to: &Account,
) -> Result<Vec<Problem>, AdminError> {
    let store = outside.store();
    if let Some(held) = held_tenant(found) {
        check_tenant(outside, found, held, &to.id).await?;
    }
    let others = store.connections(&to.id).await?;
    if others.len() >= MOST_CONNECTIONS && others.iter().all(|other| other.id != found.id) {
        let message = format!("this account has {MOST_CONNECTIONS} connections already");
        return Err(AdminError::invalid("/account", message));
    }
    let current = store.settings(&found.account_id, &found.id).await?;
    let document = serde_json::to_value(&current.settings).unwrap_or_default();
    let told = |problem: Problem| Problem {
        pointer: "/account".to_owned(),
        message: format!(
            "the connection's settings do not hold there: {}: {}",
            problem.pointer, problem.message
        ),
    };
    check(&document, &to.custom_fields, &to.time_zone)
        .map_err(|problems| AdminError::Invalid(problems.into_iter().map(told).collect()))?;
    let mut warnings = Vec::new();
    if !current.settings.teams.is_empty() {
        warnings.push(Problem {
            pointer: "/account".to_owned(),
            message:
                "the settings map groups to teams of the old account: name the new one's teams"
                    .to_owned(),
        });
    }
    Ok(warnings)
}

/// Deals with one shard's contacts of the connection; `false` when time ran out.
async fn leave_shard(
    outside: &impl Outside,
    found: &Connection,
    to: &Account,
    wanted: &Move,
    (shard, until): (u8, Timestamp),
    moved: &mut Moved,
) -> Result<bool, AdminError> {
    let store = outside.store();
    let mut cursor = None;
    loop {
        let page = store.index(&found.account_id, shard, cursor.as_deref()).await?;
        let own = page.entries.into_iter().filter(|entry| entry.connection_id == found.id);
        let ids: Vec<ContactId> = own.map(|entry| entry.contact_id).collect();
        for ids in ids.chunks(READ) {
            if outside.clock().now() > until {
                return Ok(false);
            }
            let contacts = contacts(outside, &found.account_id, ids, &found.id).await?;
            note_taken(outside, to, &contacts, moved).await?;
            let stay = |contact: &&Contact| {
                contact.source == ContactSource::Local || wanted.contacts == LeftContacts::Keep
            };
            let staying = contacts.iter().filter(stay).count();
            moved.unlinked += as_count(staying);
            moved.removed += as_count(contacts.len() - staying);
            for contacts in contacts.chunks(AT_ONCE).filter(|_| !wanted.only_try) {
                let leaving = contacts.iter().map(|one| leave(outside, one, stay(&one)));
                try_join_all(leaving.collect::<Vec<_>>()).await?;
            }
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(true),
        }
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

/// Counts the contacts' addresses that the new account knows already.
async fn note_taken(
    outside: &impl Outside,
    to: &Account,
    contacts: &[Contact],
    moved: &mut Moved,
) -> Result<(), AdminError> {
    let keys: Vec<String> = contacts.iter().filter_map(Contact::email).map(email_key).collect();
    let owners = outside.store().claims(&to.id, &keys).await?;
    for owner in owners.into_iter().flatten() {
        moved.emails_taken += 1;
        if moved.taken_examples.len() < EXAMPLES {
            moved.taken_examples.push(owner);
        }
    }
    Ok(())
}

/// Removes a contact, or takes its link away.
async fn leave(outside: &impl Outside, read: &Contact, stays: bool) -> Result<(), AdminError> {
    let store = outside.store();
    let account = &read.account_id;
    let mut contact = read.clone();
    for _ in 0..ATTEMPTS {
        let Some(link) = contact.link.clone() else { return Ok(()) };
        let now = outside.clock().now();
        let outcome = if stays {
            let unlinked = Contact {
                link: None,
                sync: None,
                managed_fields: Vec::new(),
                version: contact.version + 1,
                updated_at: now,
                ..contact.clone()
            };
            let write =
                ContactWrite { contact: unlinked, expected_version: contact.version, fence: None };
            store.write(&write).await?
        } else {
            store.remove(&contact, None, now + TOMBSTONE_LIFE).await?
        };
        match outcome {
            WriteOutcome::Written => {
                if let Some(email) = contact.email().filter(|_| !stays) {
                    ContactStore::release(store, account, &email_key(email), &contact.id).await?;
                }
                store.delete_adoption(account, &link.tenant_id, &link.object_id).await?;
                return Ok(());
            }
            WriteOutcome::Moved(Some(StoredContact::Present(standing))) => contact = *standing,
            WriteOutcome::Moved(Some(StoredContact::Tombstone { .. }) | None) => return Ok(()),
        }
    }
    Err(AdminError::Moved)
}

/// Why an organisation cannot be another account's.
const NOT_THERE: &str =
    "another connection has this organisation, or it is not granted to the account";

/// The tenant that a connection holds.
fn held_tenant(found: &Connection) -> Option<&Tenant> {
    found.tenant.as_ref().filter(|_| found.status != ConnectionStatus::Disconnected)
}

/// Refuses an account that may not have the tenant, before anything is given up for it.
async fn check_tenant(
    outside: &impl Outside,
    found: &Connection,
    held: &Tenant,
    to: &AccountId,
) -> Result<(), AdminError> {
    let store = outside.store();
    let claims = store.tenant_claims(&held.id).await?;
    let grant = store.tenant_grant(&held.id).await?;
    let others = |claim: &&TenantClaim| claim.connection_id != found.id;
    let is_free = match &grant {
        Some(grant) => {
            grant.accounts.contains(to)
                && claims.iter().filter(others).all(|claim| claim.account_id != *to)
        }
        None => !claims.iter().any(|claim| others(&claim)),
    };
    if is_free { Ok(()) } else { Err(AdminError::invalid("/account", NOT_THERE)) }
}

/// Lets the tenant, where the connection holds one, be the new account's.
async fn pass_tenant(
    outside: &impl Outside,
    found: &Connection,
    to: &AccountId,
) -> Result<(), AdminError> {
    let store = outside.store();
    let Some(held) = held_tenant(found) else { return Ok(()) };
    let claim = |account: &AccountId| TenantClaim {
        tenant_id: held.id.clone(),
        account_id: account.clone(),
        connection_id: found.id.clone(),
    };
    store.release_tenant(&claim(&found.account_id)).await?;
    if store.claim_tenant(&claim(to)).await?.is_err() {
        // The account has another connection to it, or was not granted a tenant that is shared.
        drop(store.claim_tenant(&claim(&found.account_id)).await?);
        return Err(AdminError::invalid("/account", NOT_THERE));
    }
    Ok(())
}
