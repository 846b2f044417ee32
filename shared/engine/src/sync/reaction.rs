//! What a slice does when it cannot simply go on.

use contact_sync_domain::connection::{Attention, ConnectionStatus};
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::sync_state::Stage;
use jiff::SignedDuration;

use super::pass::{Held, Pass};
use super::watched::Watched;
use super::{
    LONGEST_WAIT, MAX_GENERATIONS, MAX_STALLS, REPLICATION, RESERVE, Stop, SyncStores, Worker,
};
use crate::port::{Blobs, Clock, ConnectionStore, Directory, DirectoryError, Randomness};

/// Why a cancelled run ended.
const CANCELLED: &str = "somebody cancelled the run; what it had done until then stays";

/// What to do about a stop.
#[derive(Debug)]
pub(super) enum Reaction {
    /// The pass was put back to where it can go on.
    GoOn,
    /// Another invocation continues at once.
    HandOver,
    /// The sweep continues later.
    Park,
    /// The run ends here.
    End {
        /// How.
        status: RunStatus,
        /// For people.
        reason: String,
        /// What the connection needs, where a person must act.
        attention: Option<Need>,
    },
    /// Everything must be looked at: the run ends and a full one begins.
    BeginFull,
    /// Not ours any more.
    Lost,
}

/// What a connection needs of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) reason: &'static str,
    pub(super) fix: String,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Decides what a stop means. Only a state store that fails makes the invocation fail.
    pub(super) async fn react(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        stop: Stop,
    ) -> Result<Reaction, Stop> {
        match stop {
            Stop::Store(error) => Err(Stop::Store(error)),
            Stop::Lost => Ok(Reaction::Lost),
            Stop::OutOfTime => Ok(Reaction::HandOver),
            Stop::Paused => Ok(Reaction::Park),
            Stop::Cancelled => Ok(end(RunStatus::Cancelled, CANCELLED.to_owned(), None)),
            Stop::NeedsFull => Ok(Reaction::BeginFull),
            Stop::Failed(reason) => Ok(end(RunStatus::Failed, reason, None)),
            Stop::NotAllowed(status) => Ok(end(RunStatus::Cancelled, stopped(status), None)),
            Stop::GroupMissing(group) => Ok(end(
                RunStatus::Failed,
                format!("the group {group} of the scope does not exist; nobody was removed"),
                Some(Need {
                    reason: "group-missing",
                    fix: format!(
                        "the group {group} was deleted in Entra: restore it, or take it out of the \
                         scope in the settings, then resume"
                    ),
                }),
            )),
            Stop::GroupEmptied(group) => Ok(end(
                RunStatus::Failed,
                format!("the group {group} of the scope told no members; nobody was removed"),
                Some(Need {
                    reason: "group-empty",
                    fix: format!(
                        "the group {group} had members and tells none now: put them back in Entra, \
                         let us read its membership if it is hidden, or take it out of the scope in \
                         the settings, then resume"
                    ),
                }),
            )),
            Stop::UnitMissing(unit) => Ok(end(
                RunStatus::Failed,
                format!(
                    "the administrative unit {unit} of the scope does not exist; nobody was removed"
                ),
                Some(Need {
                    reason: "unit-missing",
                    fix: format!(
                        "the administrative unit {unit} was deleted in Entra: take it out of the \
                         scope in the settings, then resume"
                    ),
                }),
            )),
            Stop::UnitEmptied(unit) => Ok(end(
                RunStatus::Failed,
                format!(
                    "the administrative unit {unit} of the scope told no members; nobody was removed"
                ),
                Some(Need {
                    reason: "unit-empty",
                    fix: format!(
                        "the administrative unit {unit} had members and tells none now: put them \
                         back in Entra, let us read its membership if it is hidden, or take it out \
                         of the scope in the settings, then resume"
                    ),
                }),
            )),
            Stop::Directory(error) => Ok(self.react_to_directory(held, pass, error).await),
        }
    }

    async fn react_to_directory(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        error: DirectoryError,
    ) -> Reaction {
        let fresh = pass
            .connection
            .authorized_at
            .is_some_and(|at| self.clock.now().duration_since(at) < REPLICATION);
        match error {
            DirectoryError::Throttled { retry_after: Some(wait) } if self.fits(held, wait) => {
                self.clock.sleep(wait).await;
                Reaction::GoOn
            }
            DirectoryError::Throttled { retry_after } => {
                let wait = retry_after.map(|wait| wait.min(LONGEST_WAIT));
                held.work.not_before =
                    wait.and_then(|wait| self.clock.now().checked_add(wait).ok());
                stall(pass, &error)
            }
            DirectoryError::Unavailable { .. } | DirectoryError::CredentialRefused { .. } => {
                stall(pass, &error)
            }
            DirectoryError::ConsentLost { .. } | DirectoryError::Forbidden { .. } if fresh => {
                stall(pass, &error)
            }
            DirectoryError::ConsentLost { code } => end(
                RunStatus::Failed,
                format!("the tenant no longer lets us in ({code})"),
                Some(Need {
                    reason: "consent-lost",
                    fix: "an Entra admin must consent again: send a new consent link".to_owned(),
                }),
            ),
            DirectoryError::Forbidden { what, code } => end(
                RunStatus::Failed,
                format!("a permission is missing for {what} ({code})"),
                Some(Need {
                    reason: "permission-missing",
                    fix: permissions_to_grant(&pass.watched),
                }),
            ),
            DirectoryError::Blocked { code } => end(
                RunStatus::Failed,
                format!("a policy of the tenant blocks us ({code})"),
                Some(Need {
                    reason: "blocked-by-policy",
                    fix:
                        "exempt our application from the Conditional Access or tenant restriction \
                          policy that blocks it, then resume"
                            .to_owned(),
                }),
            ),
            DirectoryError::Gone { .. } | DirectoryError::PageExpired => {
                restart(held, pass, &error)
            }
            DirectoryError::UnknownAttribute { name } => end(
                RunStatus::Failed,
                format!("this tenant's directory has no attribute `{name}`; nothing was removed"),
                Some(Need {
                    reason: "attribute-unknown",
                    fix: format!(
                        "the settings read `{name}`, which this tenant's directory does not have: \
                         correct its name or take it out of the settings, or register the \
                         extension in Entra again, then resume"
                    ),
                }),
            ),
            DirectoryError::NotFound { .. }
            | DirectoryError::Refused { .. }
            | DirectoryError::ForeignLink => end(RunStatus::Failed, error.to_string(), None),
        }
    }

    fn fits(&self, held: &Held, wait: SignedDuration) -> bool {
        let left = held.deadline.duration_since(self.clock.now());
        wait + RESERVE < left
    }
}

/// A token or page is no longer valid: the round starts again where that proves something.
fn restart(held: &Held, pass: &mut Pass, error: &DirectoryError) -> Reaction {
    let used_up = pass.point.generation + 1 >= MAX_GENERATIONS;
    let gone = matches!(error, DirectoryError::Gone { .. });
    // A delta link that does not answer never will, and groups are not to be skipped.
    let in_groups = pass.point.stage == Stage::Groups;
    pass.point.anew |= gone;
    if !pass.point.reads_everybody() && (gone || used_up || in_groups) {
        return Reaction::BeginFull;
    }
    if used_up {
        let reason = format!("{error}, time after time; nothing was removed");
        return end(RunStatus::Failed, reason, None);
    }
    pass.point.generation += 1;
    pass.point.unclear.clear();
    match (pass.point.reads_everybody(), &pass.point.stage) {
        (false, _) => match &held.work.users_delta {
            Some(cursor) => {
                pass.point.stage = Stage::Delta { link: cursor.link.clone() };
                Reaction::GoOn
            }
            None => Reaction::BeginFull,
        },
        (true, Stage::Drain { .. }) if !gone => {
            let link = pass.point.baseline.clone().unwrap_or_default();
            pass.point.stage = Stage::Drain { link };
            Reaction::GoOn
        }
        // A listing proves absence only when it is whole, and a dead baseline cannot close it.
        (true, Stage::List { .. }) if !gone => {
            pass.begin_listing(held.fence());
            pass.point.stage = Stage::List { link: None };
            Reaction::GoOn
        }
        (true, _) => {
            pass.point.stage = Stage::Baseline;
            Reaction::GoOn
        }
    }
}

fn stall(pass: &mut Pass, error: &DirectoryError) -> Reaction {
    pass.point.stalls += 1;
    pass.point.note = Some(error.to_string());
    if pass.point.stalls > MAX_STALLS {
        return end(RunStatus::Failed, error.to_string(), None);
    }
    Reaction::Park
}

fn end(status: RunStatus, reason: String, attention: Option<Need>) -> Reaction {
    Reaction::End { status, reason, attention }
}

/// What an admin grants where a permission is missing: that for administrative units only where the
/// settings name some.
fn permissions_to_grant(watched: &[Watched]) -> String {
    let names = if watched.iter().any(Watched::is_unit) {
        "User.Read.All, GroupMember.Read.All and AdministrativeUnit.Read.All"
    } else {
        "User.Read.All and GroupMember.Read.All"
    };
    format!("an Entra admin must grant {names} to our application: send a new consent link")
}

/// Why a run ends when its connection may not write, in a sentence for people.
pub(super) fn stopped(status: ConnectionStatus) -> String {
    let state = match status {
        ConnectionStatus::Paused => "paused",
        ConnectionStatus::Disabled => "disabled",
        ConnectionStatus::Disconnected => "disconnected",
        ConnectionStatus::Attention => "set aside because it needs attention",
        ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Ready
        | ConnectionStatus::Enabled => "changed",
    };
    format!("the connection was {state} while the run went on")
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Puts the connection into `attention`, remembering where it was.
    pub(super) async fn raise_attention(&self, pass: &Pass, need: &Need) -> Result<(), Stop> {
        for _ in 0..5 {
            let stored = self.stores.connection(&pass.account.id, &pass.connection.id).await?;
            let Some(mut connection) = stored else { return Ok(()) };
            if !connection.status.keeps_cursors() {
                return Ok(());
            }
            let now = self.clock.now();
            connection.attention = Some(Attention {
                reason: need.reason.to_owned(),
                fix: need.fix.clone(),
                before: connection.status,
                since: now,
            });
            connection.status = ConnectionStatus::Attention;
            connection.version += 1;
            connection.updated_at = now;
            if self.stores.update_connection(&connection).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}
