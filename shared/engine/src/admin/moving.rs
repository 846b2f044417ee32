//! Moving a connection to another account: an organisation that was assigned to the wrong customer.
//!
//! The connection goes with its id, its consent and the rules of all versions of its settings; who
//! saved them, whom to notify and the teams of the old account stay behind. What sync made in the
//! old account goes away, what was there before and what is protected stays and is only unlinked;
//! what the connection's groups held in teams ends; runs, segments, reports, questions and decisions
//! tell of the old account's contacts and are deleted. In the new account nothing is written before
//! somebody enables the connection there: its first full run makes the contacts, and finds those
//! that are there already by the settings' own rules.
//!
//! The tenant is the new account's before anything is given up. Every step may be repeated: a
//! request that ran out of time, or died, is sent again and goes on.

mod leaving;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionAction, ConnectionStatus, Tenant};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::settings::Problem;
use contact_sync_domain::settings::check::check;
use jiff::SignedDuration;
use serde_json::Value;

use super::accounts::account;
use super::connections::{MOST_CONNECTIONS, connection};
use super::document::Members;
use super::{AdminError, Caller, Outside};
use crate::port::{
    Blobs, Clock, ConnectionStore, ReviewStore, SettingsStore, SettingsVersion, SyncStateStore,
    TenantClaim, TenantStore,
};
use crate::segments::blob_prefixes;

use leaving::leave_account;

/// After so long no further contacts are begun: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(18);

/// How many questions are counted at most.
const MOST_COUNTED: u64 = 10_000;

/// How many of them are read in one request.
const PAGE: u16 = 1_000;

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
    /// Those of them that would have been removed, were they not protected.
    pub protected: u64,
    /// Memberships of teams of the old account that end.
    pub memberships_ended: u64,
    /// Questions that wait for people in the old account, at most 10,000: nobody will decide them.
    pub reviews: u64,
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
    if !wanted.only_try {
        pass_tenant(outside, &found, from, &to.id).await?;
        // Whoever enabled it meanwhile looked at the tenant before it was passed, or gives way.
        match store.connection(from, id).await? {
            Some(standing) if standing == found => {}
            Some(_) => {
                pass_tenant(outside, &found, &to.id, from).await?;
                return Err(AdminError::Moved);
            }
            // The same request, sent twice, was faster.
            None => return Err(AdminError::Moved),
        }
    }
    moved.reviews = waiting(outside, id).await?;
    let is_whole = leave_account(outside, &found, &to, wanted, until, &mut moved).await?;
    if wanted.only_try && !is_whole {
        let message = "time ran out: these are the numbers of a part of the contacts";
        moved.warnings.push(warning(message));
    }
    if wanted.only_try || !is_whole {
        return Ok(moved);
    }
    for prefix in blob_prefixes(from, Some(id)) {
        outside.blobs().delete_prefix(&prefix).await?;
    }
    let arrived = Connection {
        account_id: to.id.clone(),
        last_sync_at: None,
        paused_for: None,
        silence: None,
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
    let carried = current.clone().carried();
    let document = serde_json::to_value(&carried.settings).unwrap_or_default();
    let told = |problem: Problem| Problem {
        pointer: "/account".to_owned(),
        message: format!(
            "the connection's settings do not hold there: {}: {}",
            problem.pointer, problem.message
        ),
    };
    check(&document, &to.custom_fields, &to.time_zone)
        .map_err(|problems| AdminError::Invalid(problems.into_iter().map(told).collect()))?;
    Ok(left_behind(&current))
}

/// What of the settings does not go along.
fn left_behind(current: &SettingsVersion) -> Vec<Problem> {
    let settings = &current.settings;
    let mut warnings = Vec::new();
    if !settings.teams.is_empty() {
        let count = settings.teams.len();
        warnings.push(warning(format!(
            "{count} mappings of groups to teams of the old account do not go along: map the groups \
             to teams of the new one"
        )));
    }
    let recipients = settings.notifications.users.len() + settings.notifications.emails.len();
    if recipients > 0 {
        warnings.push(warning(format!(
            "{recipients} people of the old account who are notified do not go along"
        )));
    }
    if current.version > 0 {
        warnings.push(warning(format!(
            "{} versions of the settings go along without the names of who saved them",
            current.version
        )));
    }
    warnings
}

fn warning(message: impl Into<String>) -> Problem {
    Problem { pointer: "/account".to_owned(), message: message.into() }
}

/// How many questions wait for people, as far as they are counted.
async fn waiting(outside: &impl Outside, id: &ConnectionId) -> Result<u64, AdminError> {
    let mut count = 0;
    for list in ReviewList::ALL {
        let mut cursor: Option<String> = None;
        while count < MOST_COUNTED {
            let page = outside.store().reviews(id, list, cursor.as_deref(), PAGE).await?;
            let Some(page) = page else { break };
            count += u64::try_from(page.items.len()).unwrap_or(u64::MAX);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(count.min(MOST_COUNTED))
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

/// Lets the tenant, where the connection holds one for `from`, be another account's.
async fn pass_tenant(
    outside: &impl Outside,
    found: &Connection,
    from: &AccountId,
    to: &AccountId,
) -> Result<(), AdminError> {
    let Some(held) = held_tenant(found) else { return Ok(()) };
    let claim = TenantClaim {
        tenant_id: held.id.clone(),
        account_id: from.clone(),
        connection_id: found.id.clone(),
    };
    let passed = outside.store().pass_tenant(&claim, to).await?;
    passed.or(Err(AdminError::invalid("/account", NOT_THERE)))
}
