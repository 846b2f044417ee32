//! Connecting a tenant: a link, an admin's consent, and the sign-in that proves whose tenant it is.
//!
//! The address Microsoft sends a browser back to can be called by anybody with anything in it. So
//! the returned `tenant` is a hint; what binds a connection is an id_token, redeemed and verified
//! by us, of a person who is an administrator in that very tenant. Each way back is bound to one
//! `state` that works once and to the browser that started.

mod bind;
mod callback;
mod decision;
#[cfg(test)]
pub(crate) mod fakes;
mod invitation;
mod refusal;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use callback::{Callback, Outcome};
pub use invitation::{
    Begun, InvitationView, OpenedInvitation, RequestedPermission, describe_invitation,
    open_invitation,
};
pub use refusal::{Refusal, RefusalText};

use crate::port::{AccountStore, ConnectionStore, ConsentStore, StoreError, TenantStore};

/// How long a consent link lives.
pub const INVITATION_LIFETIME: SignedDuration = SignedDuration::from_hours(72);

/// How long one way through Microsoft's pages may take; the second begins anew.
pub const ATTEMPT_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// How often a link may be started.
pub const ATTEMPTS: u32 = 10;

/// What consent reads and writes.
pub trait ConsentStores: AccountStore + ConnectionStore + ConsentStore + TenantStore {}

impl<S: AccountStore + ConnectionStore + ConsentStore + TenantStore> ConsentStores for S {}

/// Why a step of consent did not happen. Nothing was written then but the attempt's end.
#[derive(Debug, Error)]
pub enum ConsentError {
    /// The person must do something else; the refusal says what.
    #[error("consent was refused: {0}")]
    Refused(Refusal),
    /// The store failed; the same step from the start may succeed.
    #[error("the state store failed")]
    Store(#[from] StoreError),
}

impl From<Refusal> for ConsentError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Everything that the steps in the browser need.
#[derive(Debug)]
pub struct ConsentFlow<'a, S, I, D, C, R> {
    /// Accounts, connections, links and attempts.
    pub stores: &'a S,
    /// The sign-in.
    pub identity: &'a I,
    /// The directory, whose cached token a new consent makes stale.
    pub directory: &'a D,
    /// The time.
    pub clock: &'a C,
    /// Chance, for secrets.
    pub chance: &'a R,
    /// Where Microsoft sends the browser back to; registered there to the letter.
    pub redirect_uri: &'a str,
}

/// What is stored of a secret: its SHA-256, hexadecimal.
pub fn secret_hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        for half in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(half), 16));
        }
        hex
    })
}
