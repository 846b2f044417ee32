//! What a try means for the connection.

use contact_sync_domain::connection::{
    Attention, Connection, ConnectionAction, ConnectionStatus, PermissionOutcome, PermissionState,
};
use jiff::{SignedDuration, Timestamp};

use super::probe::Seen;
use super::{REPLICATION, UNITS_PERMISSION};
use crate::port::DirectoryError;

/// While consent spreads it is asked again after so long.
const SOON: SignedDuration = SignedDuration::from_secs(20);

/// When Graph has trouble of its own.
const LATER: SignedDuration = SignedDuration::from_mins(1);

const CONSENT_LOST: &str = "consent-lost";
const PERMISSION_MISSING: &str = "permission-missing";
const TENANT_MISMATCH: &str = "tenant-mismatch";
const BLOCKED: &str = "blocked-by-policy";

/// Reasons that trying the connection can raise, and so can settle.
const OURS: [&str; 4] = [CONSENT_LOST, PERMISSION_MISSING, TENANT_MISMATCH, BLOCKED];

/// What to do.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Everything needed works.
    Works(Box<Connection>),
    /// A person must act.
    Needs { next: Box<Connection>, reason: &'static str },
    /// Nothing is certain yet.
    Retry { after: SignedDuration, because: String },
    /// No admin of the tenant can mend it.
    Ours,
}

/// Judges what was seen; answers the connection as it should stand, version and times untouched.
pub(super) fn judge(
    connection: &Connection,
    seen: &Result<Seen, DirectoryError>,
    now: Timestamp,
) -> Verdict {
    let replicating =
        connection.authorized_at.is_some_and(|at| now.duration_since(at) < REPLICATION);
    match seen {
        Err(error) => judge_error(connection, error, replicating, now),
        Ok(seen) => judge_seen(connection, seen, replicating, now),
    }
}

fn judge_error(
    connection: &Connection,
    error: &DirectoryError,
    replicating: bool,
    now: Timestamp,
) -> Verdict {
    let needs = |reason, fix: &str| Verdict::Needs {
        next: Box::new(with_attention(connection.clone(), reason, fix, now)),
        reason,
    };
    match error {
        DirectoryError::Throttled { retry_after } => {
            Verdict::Retry { after: retry_after.unwrap_or(LATER), because: error.to_string() }
        }
        DirectoryError::Unavailable { .. } => {
            Verdict::Retry { after: LATER, because: error.to_string() }
        }
        DirectoryError::ConsentLost { .. } if replicating => {
            Verdict::Retry { after: SOON, because: error.to_string() }
        }
        DirectoryError::ConsentLost { code } if code == "AADSTS90002" => needs(
            CONSENT_LOST,
            "Microsoft does not know this organisation any more: disconnect it, and connect the \
             organisation that took its place",
        ),
        DirectoryError::ConsentLost { .. } => {
            needs(CONSENT_LOST, "an Entra admin must consent again: send a new consent link")
        }
        DirectoryError::Blocked { code } => needs(
            BLOCKED,
            &format!(
                "a policy of the organisation blocks our application ({code}): an Entra admin must \
                 exempt it in Conditional Access or the tenant restrictions"
            ),
        ),
        DirectoryError::CredentialRefused { .. }
        | DirectoryError::Forbidden { .. }
        | DirectoryError::Gone { .. }
        | DirectoryError::PageExpired
        | DirectoryError::NotFound { .. }
        | DirectoryError::Refused { .. }
        | DirectoryError::UnknownAttribute { .. }
        | DirectoryError::ForeignLink => Verdict::Ours,
    }
}

fn judge_seen(connection: &Connection, seen: &Seen, replicating: bool, now: Timestamp) -> Verdict {
    let mut next = connection.clone();
    if let Some(organization) = &seen.organization {
        let proven = connection.tenant.as_ref().map(|tenant| &tenant.id);
        if proven != Some(&organization.id) {
            let fix = "Microsoft answered for another organisation than the one that consented: \
                       disconnect, and connect again";
            let next = Box::new(with_attention(next, TENANT_MISMATCH, fix, now));
            return Verdict::Needs { next, reason: TENANT_MISMATCH };
        }
    }
    let mut permissions =
        vec![("User.Read.All", seen.users), ("GroupMember.Read.All", seen.groups)];
    permissions.extend(seen.units.map(|state| (UNITS_PERMISSION, state)));
    let missing: Vec<&str> = permissions
        .iter()
        .filter(|(_, state)| *state == PermissionOutcome::Missing)
        .map(|(name, _)| *name)
        .collect();
    if !missing.is_empty() && replicating {
        return Verdict::Retry {
            after: SOON,
            because: format!("still without {}", missing.join(", ")),
        };
    }
    next.permissions = permissions
        .into_iter()
        .map(|(name, state)| PermissionState { name: name.to_owned(), state })
        .collect();
    if let (Some(tenant), Some(organization)) = (&mut next.tenant, &seen.organization) {
        tenant.name.clone_from(&organization.name);
        tenant.verified_domains.clone_from(&organization.verified_domains);
    }
    if let Some(tenant) = &mut next.tenant {
        tenant.user_count = seen.user_count.or(tenant.user_count);
        tenant.group_count = seen.group_count.or(tenant.group_count);
    }
    if missing.is_empty() {
        return Verdict::Works(Box::new(settled(next)));
    }
    let fix = format!(
        "an Entra admin must grant {} to our application: send a new consent link",
        listed(&missing)
    );
    let next = Box::new(with_attention(next, PERMISSION_MISSING, &fix, now));
    Verdict::Needs { next, reason: PERMISSION_MISSING }
}

/// Names as a sentence lists them.
fn listed(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The connection once everything works: ready where it waited for that, back to where it was where
/// it lacked only that.
fn settled(mut connection: Connection) -> Connection {
    if let Some(attention) = connection.attention.take_if(|it| OURS.contains(&it.reason.as_str())) {
        let restored = connection.status.after(ConnectionAction::Authorize, Some(attention.before));
        connection.status = restored.unwrap_or(connection.status);
    }
    if connection.status == ConnectionStatus::Authorized {
        let ready = connection.status.after(ConnectionAction::BecomeReady, None);
        connection.status = ready.unwrap_or(connection.status);
    }
    connection
}

/// The connection with its need; what it was before, and since when, stays from the first need.
fn with_attention(
    mut connection: Connection,
    reason: &str,
    fix: &str,
    now: Timestamp,
) -> Connection {
    let (before, since) = match &connection.attention {
        Some(standing) => (standing.before, standing.since),
        None => (connection.status, now),
    };
    connection.status = ConnectionStatus::Attention;
    connection.attention =
        Some(Attention { reason: reason.to_owned(), fix: fix.to_owned(), before, since });
    connection
}
