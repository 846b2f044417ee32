//! What our application proves itself with.

use std::future::Future;

use secrecy::SecretString;
use thiserror::Error;

use super::BoxError;

/// A credential of the app registration. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum ClientCredential {
    /// A client secret.
    Secret(SecretString),
    /// A certificate whose public part the registration knows.
    Certificate {
        /// The certificate, PEM.
        certificate_pem: String,
        /// Its RSA private key, PEM (PKCS #8 or PKCS #1).
        private_key_pem: SecretString,
    },
    /// A short-lived token of somebody whom the registration trusts (a federated credential),
    /// ready to be shown as it is.
    Assertion(SecretString),
}

/// Why there is no credential.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The place where it is kept did not answer; the same call may succeed later.
    #[error("the credential could not be read")]
    Unavailable(#[source] BoxError),
    /// What is kept there is no credential.
    #[error("the stored credential cannot be used")]
    Unusable(#[source] BoxError),
}

/// Where the credential is kept, or who issues it.
pub trait CredentialSource: Send + Sync {
    /// The credential as far as the source knows; it may be cached for some minutes.
    fn current(&self) -> impl Future<Output = Result<ClientCredential, CredentialError>> + Send;

    /// Drops what is cached: the sign-in refused it, so it may have been replaced.
    fn forget(&self) -> impl Future<Output = ()> + Send;
}
