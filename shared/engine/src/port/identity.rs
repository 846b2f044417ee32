//! Microsoft's sign-in: where to send a browser, and what its return proves.

use std::future::Future;

use contact_sync_domain::id::{ObjectId, TenantId};
use thiserror::Error;

use super::BoxError;

/// What a verified id_token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// `tid`
    pub tenant_id: TenantId,
    /// `oid`
    pub object_id: ObjectId,
    /// `wids`: role template ids; `None` when the claim is absent, which proves nothing.
    pub roles: Option<Vec<String>>,
}

/// Why a sign-in proves nothing.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The sign-in service did not answer usefully.
    #[error("the sign-in service did not answer")]
    Unavailable(#[source] BoxError),
    /// Our own credential was refused.
    #[error("our own credential was refused ({code})")]
    CredentialRefused {
        /// The AADSTS number.
        code: String,
    },
    /// The code or the token does not hold: expired, used, foreign, badly signed, wrong nonce.
    #[error("the sign-in could not be verified: {0}")]
    NotVerified(String),
}

/// Microsoft's identity platform.
pub trait Identity: Send + Sync {
    /// Where an admin consents. `tenant` is a GUID or domain, or `None` for any organisation.
    fn admin_consent_url(&self, tenant: Option<&str>, state: &str, redirect_uri: &str) -> String;

    /// Where the same browser then signs in to that tenant. `challenge` is the S256 PKCE challenge.
    fn sign_in_url(
        &self,
        tenant: &TenantId,
        state: &str,
        nonce: &str,
        challenge: &str,
        redirect_uri: &str,
    ) -> String;

    /// Redeems a code at the tenant and verifies the id_token in full: signature, issuer, audience,
    /// times, nonce, tenant.
    fn redeem(
        &self,
        tenant: &TenantId,
        code: &str,
        verifier: &str,
        nonce: &str,
        redirect_uri: &str,
    ) -> impl Future<Output = Result<SignIn, IdentityError>> + Send;
}
