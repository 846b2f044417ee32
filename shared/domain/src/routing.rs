//! Routing: who takes a person whom several connections to one tenant mean.
//!
//! A tenant may be granted to several accounts, each with its own connection and scope. Each
//! connection decides by its own settings; what it learns of the others is only that they mean the
//! person, and who goes first.

use jiff::Timestamp;

use crate::directory::DirectoryUser;
use crate::scope::{Memberships, ScopeDecision, ScopeRule};
use crate::settings::{Overlap, Routing};

/// Another connection to the same tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Whom it means.
    pub scope: ScopeRule,
    /// Who belongs to its groups; `None` while that was not read.
    pub memberships: Option<Memberships>,
    /// Lower goes first.
    pub priority: u32,
}

/// The other connections to a tenant, as one of them sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rivals {
    routing: Routing,
    others: Vec<Rival>,
}

/// Who takes a person whom this connection's scope means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// This connection.
    Ours,
    /// Another, which goes first.
    Theirs,
    /// Nobody who has not got the person yet.
    Contested,
    /// Unknown until the user is read again.
    Unknown {
        /// The attribute that Graph's answer did not mention.
        absent: String,
    },
}

impl Route {
    /// Why this connection does not take the person; names nothing of the other account.
    pub fn because(&self) -> Option<&'static str> {
        match self {
            Self::Ours | Self::Unknown { .. } => None,
            Self::Theirs => Some(
                "another organisation of the same Microsoft tenant takes this person first \
                 (routing.priority)",
            ),
            Self::Contested => Some(
                "another organisation of the same Microsoft tenant means this person too \
                 (routing.overlap)",
            ),
        }
    }
}

impl Rivals {
    /// The other connections, and how this one is to deal with them.
    pub fn new(routing: Routing, others: Vec<Rival>) -> Self {
        Self { routing, others }
    }

    /// Whether there is anybody to share the tenant with.
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() || !self.routing.heeds_anybody()
    }

    /// Who takes a person whom this connection's scope means, in a run that began `now`. Among those
    /// with the same priority nobody goes first.
    pub fn route(&self, user: &DirectoryUser, now: Timestamp) -> Route {
        if self.is_empty() {
            return Route::Ours;
        }
        let mut contested = false;
        let mut unknown: Option<String> = None;
        for rival in &self.others {
            let goes_first = self.routing.overlap == Overlap::First;
            if !self.routing.heeds(rival.priority) {
                continue;
            }
            // Who may be the other's is taken by nobody meanwhile.
            let Some(memberships) = &rival.memberships else {
                contested = true;
                continue;
            };
            match rival.scope.decide(user, memberships, now) {
                ScopeDecision::Out { .. } => {}
                ScopeDecision::In { .. }
                    if goes_first && rival.priority < self.routing.priority =>
                {
                    return Route::Theirs;
                }
                // Whom the other cannot decide may be the other's: nobody takes him meanwhile.
                ScopeDecision::In { .. } | ScopeDecision::Failed { .. } => contested = true,
                // The first in the order of names, whatever the order of the others.
                ScopeDecision::Unknown { absent } => {
                    unknown = Some(match unknown {
                        Some(known) => known.min(absent),
                        None => absent,
                    });
                }
            }
        }
        match unknown {
            Some(absent) if self.routing.overlap == Overlap::First || !contested => {
                Route::Unknown { absent }
            }
            Some(_) | None if contested => Route::Contested,
            Some(_) | None => Route::Ours,
        }
    }
}

#[cfg(test)]
mod tests;
