//! The identity port: addresses for the browser, and what its return proves.

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{Clock, GraphBudget, Identity, IdentityError, SignIn};
use url::form_urlencoded::Serializer;

use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::id_token::{self, Expected, IdTokenError};
use crate::login::{Class, Grant, LoginFailure};
use crate::patience::{Limits, Patience};

impl<S: CredentialSource, C: Clock, B: GraphBudget> Identity for GraphClient<S, C, B> {
    fn admin_consent_url(&self, tenant: Option<&str>, state: &str, redirect_uri: &str) -> String {
        // A domain in the path keeps only what a domain consists of.
        let tenant: String = tenant
            .unwrap_or("organizations")
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.'))
            .collect();
        let query = Serializer::new(String::new())
            .append_pair("client_id", &self.app_id)
            .append_pair("scope", &self.endpoints.graph_scope())
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state)
            .finish();
        format!("{}?{query}", self.endpoints.login(&tenant, "/v2.0/adminconsent"))
    }

    fn sign_in_url(
        &self,
        tenant: &TenantId,
        state: &str,
        nonce: &str,
        challenge: &str,
        redirect_uri: &str,
    ) -> String {
        let query = Serializer::new(String::new())
            .append_pair("client_id", &self.app_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", "openid profile")
            .append_pair("state", state)
            .append_pair("nonce", nonce)
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}?{query}", self.endpoints.login(tenant.as_str(), "/oauth2/v2.0/authorize"))
    }

    async fn redeem(
        &self,
        tenant: &TenantId,
        code: &str,
        verifier: &str,
        nonce: &str,
        redirect_uri: &str,
    ) -> Result<SignIn, IdentityError> {
        let mut patience = Patience::new(&self.clock, Limits::SIGN_IN);
        let grant = Grant::Code { code, verifier, redirect_uri };
        let answer = self
            .ask_for_token(tenant, &grant, &mut patience.again())
            .await
            .map_err(identity_error)?;
        let token = answer
            .id_token
            .ok_or_else(|| IdentityError::NotVerified("the sign-in gave no id_token".into()))?;
        let kid = id_token::key_id(&token).map_err(not_verified)?;
        let signing = self
            .signing_key(tenant, &kid, &mut patience)
            .await?
            .ok_or_else(|| IdentityError::NotVerified("signed by an unknown key".into()))?;
        let expected = Expected {
            tenant,
            issuer: &signing.issuer,
            app_id: &self.app_id,
            nonce,
            now: self.clock.now(),
        };
        id_token::verify(&token, &signing.key, &expected).map_err(not_verified)
    }
}

fn not_verified(error: IdTokenError) -> IdentityError {
    IdentityError::NotVerified(error.to_string())
}

fn identity_error(failure: LoginFailure) -> IdentityError {
    match failure {
        LoginFailure::Refused { class, code } => match class {
            Class::Credential | Class::Request => IdentityError::CredentialRefused { code },
            Class::Consent | Class::Policy | Class::Person => IdentityError::NotVerified(code),
            Class::Throttled | Class::Transient => IdentityError::Unavailable(code.into()),
        },
        LoginFailure::Throttled(_) => IdentityError::Unavailable("asked to wait".into()),
        LoginFailure::Unavailable { what, source } => {
            IdentityError::Unavailable(source.unwrap_or_else(|| what.into()))
        }
    }
}
