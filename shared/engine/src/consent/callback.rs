//! The way back from Microsoft, after consent and after the sign-in.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use sha2::{Digest, Sha256};

use super::decision::{aadsts_number, consented_tenant, may_connect, prove_admin};
use super::{ATTEMPT_LIFETIME, ConsentError, ConsentFlow, ConsentStores, Refusal, secret_hash};
use crate::port::{
    Clock, ConsentAttempt, ConsentLeg, Directory, Identity, IdentityError, Randomness, SignIn,
};

/// Codes are some hundred characters to two thousand; a longer one is not looked at.
const CODE_LIMIT: usize = 8_192;

/// What a browser brought back: query parameters, decoded once, and our cookie.
#[derive(Clone, Copy, Default)]
pub struct Callback<'a> {
    /// `state`
    pub state: Option<&'a str>,
    /// The cookie that was set at the start.
    pub cookie: Option<&'a str>,
    /// `error`: counts first, since Microsoft sends `admin_consent=True` with errors too.
    pub error: Option<&'a str>,
    /// `error_description`: only its AADSTS number is used.
    pub error_description: Option<&'a str>,
    /// `admin_consent`
    pub admin_consent: Option<&'a str>,
    /// `tenant`: a hint.
    pub tenant: Option<&'a str>,
    /// `code`
    pub code: Option<&'a str>,
}

impl fmt::Debug for Callback<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Callback").finish_non_exhaustive()
    }
}

/// What a return leads to.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// On to the sign-in that proves the tenant, in the same browser.
    SignIn {
        /// Where.
        url: String,
    },
    /// The tenant is proven and bound.
    Connected {
        /// Whose.
        account_id: AccountId,
        /// Which connection.
        connection_id: ConnectionId,
        /// Which tenant.
        tenant_id: TenantId,
    },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn { .. } => formatter.write_str("SignIn"),
            Self::Connected { tenant_id, .. } => write!(formatter, "Connected({tenant_id})"),
        }
    }
}

impl<S, I, D, C, R> ConsentFlow<'_, S, I, D, C, R>
where
    S: ConsentStores,
    I: Identity,
    D: Directory,
    C: Clock,
    R: Randomness,
{
    /// Judges a return and takes the next step.
    pub async fn complete(&self, callback: &Callback<'_>) -> Result<Outcome, ConsentError> {
        if callback.error.is_some() {
            // Its state shall not work any more either.
            drop(self.attempt(callback).await);
            let code = aadsts_number(callback.error_description);
            return Err(Refusal::NotConsented { code }.into());
        }
        let attempt = self.attempt(callback).await?;
        let now = self.clock.now();
        // A link that has served, or was replaced, ends every way that began at it.
        if self.stores.invitation(&attempt.token_hash, now).await?.is_none() {
            return Err(Refusal::DeadLink.into());
        }
        match &attempt.leg {
            ConsentLeg::Consent => {
                let tenant = consented_tenant(callback)?;
                self.ask_to_sign_in(&attempt, tenant).await
            }
            ConsentLeg::SignIn { tenant_id, nonce, verifier } => {
                let code = callback.code.filter(|code| !code.is_empty() && code.len() < CODE_LIMIT);
                let code = code.ok_or(Refusal::MalformedReturn)?;
                let sign_in = self
                    .identity
                    .redeem(tenant_id, code, verifier, nonce, self.redirect_uri)
                    .await
                    .map_err(refusal_of)?;
                self.connect(&attempt, tenant_id, &sign_in).await
            }
        }
    }

    /// The attempt that a return belongs to. Taken away with the first look, whoever looks: a state
    /// works once. A browser without any cookie takes nothing.
    async fn attempt(&self, callback: &Callback<'_>) -> Result<ConsentAttempt, ConsentError> {
        let given = |text: Option<&'_ str>| text.is_some_and(|text| !text.is_empty());
        if !given(callback.cookie) {
            return Err(Refusal::OtherBrowser.into());
        }
        let state = callback.state.filter(|state| !state.is_empty());
        let state = state.ok_or(Refusal::MalformedReturn)?;
        let attempt = self
            .stores
            .consume_attempt(&secret_hash(state), self.clock.now())
            .await?
            .ok_or(Refusal::UnknownState)?;
        let brought = secret_hash(callback.cookie.unwrap_or_default());
        if same(&brought, &attempt.cookie_hash) {
            Ok(attempt)
        } else {
            Err(Refusal::OtherBrowser.into())
        }
    }

    async fn ask_to_sign_in(
        &self,
        attempt: &ConsentAttempt,
        tenant_id: TenantId,
    ) -> Result<Outcome, ConsentError> {
        let connection = self
            .stores
            .connection(&attempt.account_id, &attempt.connection_id)
            .await?
            .ok_or(Refusal::DeadLink)?;
        may_connect(&connection, &tenant_id)?;
        let (state, nonce, verifier) =
            (self.chance.secret(), self.chance.secret(), self.chance.secret());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let url =
            self.identity.sign_in_url(&tenant_id, &state, &nonce, &challenge, self.redirect_uri);
        self.stores
            .put_attempt(&ConsentAttempt {
                state_hash: secret_hash(&state),
                leg: ConsentLeg::SignIn { tenant_id, nonce, verifier },
                expires_at: self.clock.now() + ATTEMPT_LIFETIME,
                ..attempt.clone()
            })
            .await?;
        Ok(Outcome::SignIn { url })
    }

    async fn connect(
        &self,
        attempt: &ConsentAttempt,
        hinted: &TenantId,
        sign_in: &SignIn,
    ) -> Result<Outcome, ConsentError> {
        if sign_in.tenant_id != *hinted {
            let detail = "the sign-in was to another tenant than the consent".into();
            return Err(Refusal::NotVerified { detail }.into());
        }
        prove_admin(sign_in.roles.as_deref())?;
        self.bind(attempt, hinted).await?;
        self.directory.forget_token(hinted).await;
        self.stores.delete_invitation(&attempt.token_hash).await?;
        Ok(Outcome::Connected {
            account_id: attempt.account_id.clone(),
            connection_id: attempt.connection_id.clone(),
            tenant_id: hinted.clone(),
        })
    }
}

fn refusal_of(error: IdentityError) -> Refusal {
    match error {
        IdentityError::NotVerified(detail) => Refusal::NotVerified { detail },
        IdentityError::Unavailable(error) => {
            Refusal::SignInUnavailable { detail: error.to_string() }
        }
        IdentityError::CredentialRefused { code } => Refusal::CredentialRefused { code },
    }
}

/// Compares two digests in a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    let differences =
        one.bytes().zip(other.bytes()).fold(0, |differences, (a, b)| differences | (a ^ b));
    one.len() == other.len() && differences == 0
}
