//! The sign-in's token endpoint and what its refusals mean (AADSTS numbers).

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{BoxError, Clock, DirectoryError, GraphBudget};
use http::{Method, header};
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::assertion;
use crate::client::GraphClient;
use crate::credential::{ClientCredential, CredentialError, CredentialSource};
use crate::expiry;
use crate::patience::{Patience, retry_after};
use crate::transport::Answer;

/// What a token is asked for with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Grant<'a> {
    /// As the application itself.
    Application { scope: &'a str },
    /// With the code that a person's sign-in brought.
    Code { code: &'a str, verifier: &'a str, redirect_uri: &'a str },
}

/// A token answer; which token is in it depends on the grant.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: Option<String>,
    pub(crate) id_token: Option<String>,
    pub(crate) expires_in: Option<i64>,
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum LoginFailure {
    /// The sign-in said so; the code is an AADSTS number where it gave one.
    Refused { class: Class, code: String },
    /// Asked to wait longer than the call may take.
    Throttled(Option<SignedDuration>),
    /// No usable answer.
    Unavailable { what: &'static str, source: Option<BoxError> },
}

/// Whose fault a refusal is, and so what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Our application is not let in there.
    Consent,
    /// A policy of the tenant, or the wrong cloud.
    Policy,
    /// Our secret, certificate or clock.
    Credential,
    /// Our request is wrong.
    Request,
    /// The person's sign-in, code or account.
    Person,
    /// The tenant is being throttled.
    Throttled,
    /// It passes.
    Transient,
}

impl LoginFailure {
    /// In the directory's words.
    pub(crate) fn into_directory_error(self) -> DirectoryError {
        match self {
            Self::Refused { class, code } => match class {
                Class::Consent => DirectoryError::ConsentLost { code },
                Class::Policy | Class::Person => DirectoryError::Blocked { code },
                Class::Credential => DirectoryError::CredentialRefused { code },
                Class::Request => DirectoryError::Refused { what: "the token request", code },
                Class::Throttled => DirectoryError::Throttled { retry_after: None },
                Class::Transient => DirectoryError::Unavailable {
                    what: format!("token request: {code}"),
                    source: None,
                },
            },
            Self::Throttled(retry_after) => DirectoryError::Throttled { retry_after },
            Self::Unavailable { what, source } => {
                DirectoryError::Unavailable { what: what.into(), source }
            }
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    /// Asks for a token. A refused credential is read anew once: it may have been replaced.
    pub(crate) async fn ask_for_token(
        &self,
        tenant: &TenantId,
        grant: &Grant<'_>,
        patience: &mut Patience<'_, C>,
    ) -> Result<TokenAnswer, LoginFailure> {
        let mut reread = false;
        loop {
            let body = self.token_request(tenant, grant).await?;
            let (failure, wait) = match self.post_token(tenant, body, patience).await {
                Ok(answer) => return Ok(answer),
                Err(told) => told,
            };
            match &failure {
                LoginFailure::Refused { class: Class::Credential, .. } if !reread => {
                    reread = true;
                    self.credentials.forget().await;
                    continue;
                }
                LoginFailure::Throttled(_)
                | LoginFailure::Unavailable { .. }
                | LoginFailure::Refused { class: Class::Throttled | Class::Transient, .. } => {}
                LoginFailure::Refused { class, code } => {
                    if *class == Class::Credential {
                        // An operator must look: until then no tenant can be read.
                        tracing::error!(
                            credential.refused = code.as_str(),
                            "the sign-in refused our credential"
                        );
                    }
                    return Err(failure);
                }
            }
            if !patience.wait(wait).await {
                return Err(failure);
            }
        }
    }

    async fn post_token(
        &self,
        tenant: &TenantId,
        body: String,
        patience: &Patience<'_, C>,
    ) -> Result<TokenAnswer, (LoginFailure, Option<SignedDuration>)> {
        let unavailable = |what, source| (LoginFailure::Unavailable { what, source }, None);
        let url = Url::parse(&self.endpoints.token(tenant))
            .map_err(|error| unavailable("token request: no address", Some(error.into())))?;
        let request = self
            .transport
            .request(Method::POST, url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header("client-request-id", uuid::Uuid::new_v4().to_string())
            .body(body);
        let answer =
            self.transport.exchange(request, patience.timeout()).await.map_err(|error| {
                unavailable("token request: no complete answer", Some(error.into()))
            })?;
        if answer.status.is_success() {
            // The cause would quote the token.
            return serde_json::from_slice(&answer.body).map_err(|_holds_tokens| {
                unavailable("token request: the answer is no token", None)
            });
        }
        let wait = retry_after(&answer.headers, patience.now());
        Err((refused(&answer, wait), wait))
    }

    async fn token_request(
        &self,
        tenant: &TenantId,
        grant: &Grant<'_>,
    ) -> Result<String, LoginFailure> {
        let credential = self.credentials.current().await.map_err(unreadable)?;
        let mut form = Serializer::new(String::new());
        form.append_pair("client_id", &self.app_id);
        match grant {
            Grant::Application { scope } => {
                form.append_pair("grant_type", "client_credentials").append_pair("scope", scope)
            }
            Grant::Code { code, verifier, redirect_uri } => form
                .append_pair("grant_type", "authorization_code")
                .append_pair("scope", "openid profile")
                .append_pair("code", code)
                .append_pair("code_verifier", verifier)
                .append_pair("redirect_uri", redirect_uri),
        };
        match credential {
            ClientCredential::Secret(secret) => {
                form.append_pair("client_secret", secret.expose_secret());
            }
            ClientCredential::Certificate { certificate_pem, private_key_pem } => {
                let assertion = assertion::sign(
                    &certificate_pem,
                    private_key_pem.expose_secret(),
                    &self.app_id,
                    &self.endpoints.token(tenant),
                    self.clock.now(),
                )
                .map_err(|error| {
                    tracing::error!(error = %error, "the stored certificate or its key cannot be used");
                    credential_refused("certificate-unusable")
                })?;
                if let Some(days_left) = expiry::days_left(&certificate_pem, self.clock.now()) {
                    tracing::info!(credential.days_left = days_left, "signed with the certificate");
                }
                append_assertion(&mut form, &assertion);
            }
            ClientCredential::Assertion(token) => {
                append_assertion(&mut form, token.expose_secret());
            }
        }
        Ok(form.finish())
    }
}

fn append_assertion(form: &mut Serializer<'_, String>, token: &str) {
    form.append_pair(
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )
    .append_pair("client_assertion", token);
}

fn unreadable(error: CredentialError) -> LoginFailure {
    match error {
        CredentialError::Unavailable(source) => LoginFailure::Unavailable {
            what: "our credential could not be read",
            source: Some(source),
        },
        CredentialError::Unusable(error) => {
            tracing::error!(error = %error, "the stored credential cannot be used");
            credential_refused("credential-unusable")
        }
    }
}

fn credential_refused(code: &str) -> LoginFailure {
    LoginFailure::Refused { class: Class::Credential, code: code.into() }
}

fn refused(answer: &Answer, wait: Option<SignedDuration>) -> LoginFailure {
    if answer.status.as_u16() == 429 {
        return LoginFailure::Throttled(wait);
    }
    let Ok(body) = serde_json::from_slice::<ErrorBody>(&answer.body) else {
        return LoginFailure::Unavailable {
            what: "token request: an answer that is not the sign-in's",
            source: None,
        };
    };
    let number = body.error_codes.first().copied();
    let known = body.error_codes.iter().find_map(|number| Some((classify(*number)?, *number)));
    let spelled = || aadsts_number(body.error_description.as_deref().unwrap_or_default());
    let known = known.or_else(|| spelled().and_then(|number| Some((classify(number)?, number))));
    match known {
        Some((class, number)) => LoginFailure::Refused { class, code: format!("AADSTS{number}") },
        None if answer.status.is_server_error() => LoginFailure::Unavailable {
            what: "token request: the sign-in has a problem",
            source: None,
        },
        None => LoginFailure::Refused {
            class: classify_error(&body.error),
            code: number.or_else(spelled).map_or_else(
                || body.error.chars().filter(char::is_ascii_graphic).take(60).collect(),
                |number| format!("AADSTS{number}"),
            ),
        },
    }
}

/// The number that a description begins with: `AADSTS7000215: …`.
fn aadsts_number(description: &str) -> Option<u32> {
    let rest = description.trim_start().strip_prefix("AADSTS")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest.get(..digits)?.parse().ok()
}

/// Microsoft's numbers that say whose fault it is; `None` for those without a certain meaning.
pub(crate) fn classify(number: u32) -> Option<Class> {
    Some(match number {
        // The app is absent or disabled there, its consent incomplete, or the tenant gone.
        700_016 | 700_011 | 7_000_229 | 7_000_112 | 70_001 | 65_001 | 650_051 | 650_052
        | 650_054 | 650_056 | 650_057 | 90_094 | 90_095 | 90_002 => Class::Consent,
        // Conditional Access, security defaults, tenant restrictions, another cloud.
        53_000..=53_011 | 530_001..=530_039 | 500_021 | 500_022 | 50_002 | 90_038 => Class::Policy,
        7_000_215 | 70_002 | 7_000_222 | 700_027 | 50_012 | 50_013 | 700_024 | 70_021 => {
            Class::Credential
        }
        7_000_218 | 900_144 | 90_014 | 9_002_313 | 70_011 | 700_022 | 700_023 | 70_003
        | 700_038 | 500_011 | 50_196 | 50_194 | 9_001_023 => Class::Request,
        50_034 | 50_020 | 50_126 | 50_076 | 50_079 | 50_105 | 54_005 | 70_008 | 70_000
        | 501_481 | 700_005 | 50_011 => Class::Person,
        90_055 => Class::Throttled,
        50_033 | 90_006 | 90_012 | 90_024 | 90_033 | 90_090 | 90_091 => Class::Transient,
        _ => return None,
    })
}

/// The safe reading of a refusal whose number is unknown: nothing that would retry for ever.
fn classify_error(error: &str) -> Class {
    match error {
        "invalid_client" => Class::Credential,
        "unauthorized_client" | "consent_required" | "access_denied" => Class::Consent,
        "interaction_required" | "invalid_grant" => Class::Policy,
        "temporarily_unavailable" | "server_error" => Class::Transient,
        _ => Class::Request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> DirectoryError {
        let answer = Answer {
            status: status.try_into().unwrap(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        refused(&answer, None).into_directory_error()
    }

    #[test]
    fn each_number_blames_who_can_mend_it() {
        use DirectoryError as E;
        type Test = fn(&DirectoryError) -> bool;
        let consent: Test = |error| matches!(error, E::ConsentLost { .. });
        let policy: Test = |error| matches!(error, E::Blocked { .. });
        let credential: Test = |error| matches!(error, E::CredentialRefused { .. });
        let request: Test = |error| matches!(error, E::Refused { .. });
        let passing: Test = |error| error.is_transient();
        let rows: [(&[u32], Test); 5] = [
            (&[700_016, 700_011, 7_000_229, 7_000_112, 70_001, 65_001, 650_052], consent),
            (&[53_003, 530_032, 530_035, 500_021, 500_022, 50_002, 90_038], policy),
            (&[7_000_215, 70_002, 7_000_222, 700_027, 50_012, 50_013, 70_021], credential),
            (&[7_000_218, 900_144, 70_011, 700_022, 700_038, 500_011, 50_196], request),
            (&[90_055, 50_033, 90_006, 90_012, 90_024, 90_033, 90_090, 90_091], passing),
        ];
        for (numbers, expected) in rows {
            for number in numbers {
                let body = format!(r#"{{"error":"other","error_codes":[{number}]}}"#);
                let error = failure(400, &body);
                assert!(expected(&error), "{number}: {error:?}");
            }
        }
    }

    #[test]
    fn a_captured_refusal_keeps_its_number_and_drops_its_text() {
        let body = r#"{"error":"invalid_client",
            "error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: x",
            "error_codes":[7000215],"timestamp":"2026-08-13 21:24:29Z",
            "error_uri":"https://login.microsoftonline.com/error?code=7000215"}"#;
        let error = failure(401, body);
        assert_eq!(error.to_string(), "our own credential was refused (AADSTS7000215)");
    }

    #[test]
    fn a_number_that_stands_in_the_text_alone_is_found() {
        let body = r#"{"error":"x","error_description":"AADSTS700016: Application with…"}"#;
        assert!(
            matches!(failure(400, body), DirectoryError::ConsentLost { code } if code == "AADSTS700016")
        );
    }

    #[test]
    fn an_unknown_refusal_is_never_retried_for_ever_and_a_broken_answer_blames_nobody() {
        let unknown = r#"{"error":"invalid_client","error_codes":[1234567]}"#;
        assert!(matches!(failure(401, unknown), DirectoryError::CredentialRefused { .. }));
        let odd = r#"{"error":"something_new"}"#;
        assert!(matches!(failure(400, odd), DirectoryError::Refused { .. }));
        for (status, body) in [(400, "<html>"), (502, ""), (500, r#"{"error":"server_error"}"#)] {
            assert!(failure(status, body).is_transient(), "{status} {body}");
        }
    }
}
