//! The credential that STS issues to the function's role.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sts::Client;
use aws_sdk_sts::error::ProvideErrorMetadata;
use contact_sync_engine::port::{BoxError, ClientCredential, CredentialError};
use secrecy::SecretString;
use thiserror::Error;

/// A token lives so long: long enough for a sign-in that repeats itself, useless soon after.
const LIFE_SECONDS: i32 = 300;

/// And is shown to the sign-in for so much of it, its clock and ours being two.
pub(crate) const FRESH: Duration = Duration::from_mins(3);

/// Entra verifies no other signature of a federated credential.
const ALGORITHM: &str = "RS256";

#[derive(Debug, Error)]
#[error("STS answered without a token")]
struct NoToken;

/// STS, asked for one audience.
#[derive(Debug)]
pub(crate) struct Federated {
    client: Client,
    audience: String,
}

impl Federated {
    /// The SDK's endpoint for STS is the region's, the only kind that has this call.
    pub(crate) fn connect(config: &SdkConfig, audience: &str) -> Self {
        Self { client: Client::new(config), audience: audience.to_owned() }
    }

    pub(crate) async fn fetch(&self) -> Result<ClientCredential, CredentialError> {
        let output = self
            .client
            .get_web_identity_token()
            .audience(&self.audience)
            .signing_algorithm(ALGORITHM)
            .duration_seconds(LIFE_SECONDS)
            .send()
            .await
            .map_err(|error| {
                let is_final = error.code().is_some_and(asks_for_an_operator);
                let cause: BoxError = error.into();
                if is_final {
                    CredentialError::Unusable(cause)
                } else {
                    CredentialError::Unavailable(cause)
                }
            })?;
        output
            .web_identity_token()
            .map(|token| ClientCredential::Assertion(SecretString::from(token)))
            .ok_or_else(|| CredentialError::Unavailable(NoToken.into()))
    }
}

/// What no repetition mends: the account does not issue tokens, or the role may not have one.
fn asks_for_an_operator(code: &str) -> bool {
    ["OutboundWebIdentityFederationDisabled", "AccessDenied", "ValidationError"]
        .iter()
        .any(|known| code.starts_with(known))
}

#[cfg(test)]
mod tests {
    use contact_sync_engine::port::CredentialSource;
    use contact_sync_lambda_shell::canned::{Answer, Canned};
    use secrecy::ExposeSecret;

    use super::*;
    use crate::Credentials;

    const SOURCE: &str = "federated:api://AzureADTokenExchange";

    fn issued(token: &str) -> String {
        format!(
            "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken>\
             <Expiration>2026-11-22T00:05:00Z</Expiration></GetWebIdentityTokenResult>\
             </GetWebIdentityTokenResponse>"
        )
    }

    #[tokio::test]
    async fn a_token_is_asked_for_as_entra_wants_it_and_reused_while_it_lives() {
        let sts = Canned::new(|_| Answer::Status(200, issued("header.claims.signature")));
        let credentials = Credentials::connect(&sts.sdk_config(), SOURCE);
        let credential = credentials.current().await.unwrap();
        assert!(!format!("{credential:?}").contains("claims"));
        let ClientCredential::Assertion(token) = credential else { panic!("not a token") };
        assert_eq!(token.expose_secret(), "header.claims.signature");
        credentials.current().await.unwrap();
        let sent = sts.sent();
        assert_eq!(sent.len(), 1, "one token serves until it is old");
        assert_eq!(sent[0].uri, "https://sts.eu-central-1.amazonaws.com/", "the region's own");
        let body = sent[0].text();
        for part in [
            "Action=GetWebIdentityToken",
            "Audience.member.1=api%3A%2F%2FAzureADTokenExchange",
            "SigningAlgorithm=RS256",
            "DurationSeconds=300",
        ] {
            assert!(body.contains(part), "{body}");
        }
        credentials.forget().await;
        credentials.current().await.unwrap();
        assert_eq!(sts.sent().len(), 2, "a refused token is not shown again");
    }

    #[tokio::test]
    async fn an_account_that_issues_no_tokens_needs_an_operator_and_a_silent_sts_patience() {
        for code in ["OutboundWebIdentityFederationDisabledException", "AccessDenied"] {
            let sts = Canned::new(move |_| {
                let body = format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                     <Message>no</Message></Error></ErrorResponse>"
                );
                Answer::Status(403, body)
            });
            let error = Credentials::connect(&sts.sdk_config(), SOURCE).current().await;
            assert!(matches!(error, Err(CredentialError::Unusable(_))), "{code}: {error:?}");
        }
        let silent = Canned::new(|_| Answer::Lost);
        let error = Credentials::connect(&silent.sdk_config(), SOURCE).current().await;
        assert!(matches!(error, Err(CredentialError::Unavailable(_))));
    }
}
