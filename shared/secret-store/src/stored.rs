//! The credential that an operator put into a secret.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use contact_sync_engine::port::{ClientCredential, CredentialError};
use secrecy::SecretString;
use serde_json::{Map, Value};
use thiserror::Error;

/// One that was replaced is noticed after so long.
pub(crate) const FRESH: Duration = Duration::from_mins(5);

/// What is wrong with the stored text. Says nothing of what it holds.
#[derive(Debug, Error)]
enum Defect {
    #[error("the secret holds no text")]
    Binary,
    #[error("the secret is not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("the secret is not a JSON object")]
    NotAnObject,
    #[error(
        "the secret needs `clientSecret`, or `certificatePem` together with `privateKeyPem`; \
         it has {0}"
    )]
    Neither(&'static str),
}

/// The credential in one secret.
#[derive(Debug)]
pub(crate) struct Stored {
    client: Client,
    secret: String,
}

impl Stored {
    pub(crate) fn connect(config: &SdkConfig, secret: String) -> Self {
        Self { client: Client::new(config), secret }
    }

    pub(crate) async fn fetch(&self) -> Result<ClientCredential, CredentialError> {
        let output = self.client.get_secret_value().secret_id(&self.secret).send().await.map_err(
            |error| {
                // Made but never filled, or deleted: asking again will not help.
                let empty = error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception);
                if empty {
                    CredentialError::Unusable(error.into())
                } else {
                    CredentialError::Unavailable(error.into())
                }
            },
        )?;
        output
            .secret_string()
            .ok_or(Defect::Binary)
            .and_then(read)
            .map_err(|defect| CredentialError::Unusable(defect.into()))
    }
}

/// Reads the stored text. A typed reader's errors would quote what it holds.
fn read(text: &str) -> Result<ClientCredential, Defect> {
    let members = match serde_json::from_str::<Value>(text).map_err(Defect::NotJson)? {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Defect::NotAnObject);
        }
    };
    let certificate = member(&members, "certificatePem");
    let private_key = member(&members, "privateKeyPem");
    match (certificate, private_key, member(&members, "clientSecret")) {
        (Some(certificate), Some(key), _) => Ok(ClientCredential::Certificate {
            certificate_pem: certificate.to_owned(),
            private_key_pem: SecretString::from(key),
        }),
        (_, _, Some(secret)) => Ok(ClientCredential::Secret(SecretString::from(secret))),
        (Some(_), None, None) => Err(Defect::Neither("only `certificatePem`")),
        (None, Some(_), None) => Err(Defect::Neither("only `privateKeyPem`")),
        (None, None, None) => Err(Defect::Neither("none of them")),
    }
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use contact_sync_engine::port::CredentialSource;
    use contact_sync_lambda_shell::canned::{Answer, Canned};
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::Credentials;

    fn holding(text: &str) -> Canned {
        let answer = json!({"ARN": "a", "Name": "n", "SecretString": text}).to_string();
        Canned::new(move |_| Answer::Status(200, answer.clone()))
    }

    async fn current(manager: &Canned) -> Result<ClientCredential, CredentialError> {
        Credentials::connect(&manager.sdk_config(), "app").current().await
    }

    #[tokio::test]
    async fn a_secret_or_a_certificate_is_read_and_never_shown() {
        let secret = current(&holding(r#"{"clientSecret": "hunter2"}"#)).await.unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
        match secret {
            ClientCredential::Secret(secret) => assert_eq!(secret.expose_secret(), "hunter2"),
            ClientCredential::Certificate { .. } | ClientCredential::Assertion(_) => {
                panic!("a secret was stored")
            }
        }
        let both = r#"{"clientSecret": "s", "certificatePem": "C", "privateKeyPem": "hunter2"}"#;
        let certificate = current(&holding(both)).await.unwrap();
        assert!(!format!("{certificate:?}").contains("hunter2"));
        assert!(matches!(certificate, ClientCredential::Certificate { .. }));
    }

    #[tokio::test]
    async fn it_is_asked_for_once_until_it_is_forgotten() {
        let manager = holding(r#"{"clientSecret": "s"}"#);
        let credentials = Credentials::connect(&manager.sdk_config(), "app");
        credentials.current().await.unwrap();
        credentials.current().await.unwrap();
        assert_eq!(manager.sent().len(), 1);
        credentials.forget().await;
        credentials.current().await.unwrap();
        assert_eq!(manager.sent().len(), 2);
    }

    #[tokio::test]
    async fn what_is_no_credential_is_explained_without_quoting_it() {
        for (text, expected) in [
            ("hunter2", "not JSON"),
            ("\"hunter2\"", "not a JSON object"),
            (r#"{"password": "hunter2"}"#, "none of them"),
            (r#"{"privateKeyPem": "hunter2"}"#, "only `privateKeyPem`"),
            (r#"{"clientSecret": " "}"#, "none of them"),
        ] {
            let error = current(&holding(text)).await.unwrap_err();
            assert!(matches!(error, CredentialError::Unusable(_)), "{text}");
            let told = format!("{:?} {}", error, error.source().unwrap());
            assert!(told.contains(expected) && !told.contains("hunter2"), "{told}");
        }
    }

    #[tokio::test]
    async fn an_empty_secret_will_not_help_to_ask_again_but_a_silent_manager_will() {
        let empty = Canned::new(|_| {
            let body = json!({"__type": "ResourceNotFoundException", "Message": "no value"});
            Answer::Status(400, body.to_string())
        });
        assert!(matches!(current(&empty).await, Err(CredentialError::Unusable(_))));
        let silent = Canned::new(|_| Answer::Lost);
        assert!(matches!(current(&silent).await, Err(CredentialError::Unavailable(_))));
    }

    /// A manager whose secret is another one at each reading.
    fn replaced_each_time() -> Canned {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        Canned::new(move |_| {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let text = json!({"clientSecret": format!("number {call}")}).to_string();
            Answer::Status(200, json!({"ARN": "a", "SecretString": text}).to_string())
        })
    }

    async fn shown(credentials: &Credentials) -> String {
        match credentials.current().await.unwrap() {
            ClientCredential::Secret(secret) => secret.expose_secret().to_owned(),
            ClientCredential::Certificate { .. } | ClientCredential::Assertion(_) => String::new(),
        }
    }

    #[tokio::test]
    async fn a_replaced_credential_is_taken_up_as_soon_as_the_former_is_refused() {
        let credentials = Credentials::connect(&replaced_each_time().sdk_config(), "app");
        assert_eq!(shown(&credentials).await, "number 0");
        // Replaced meanwhile; the former one is good until the sign-in says otherwise.
        assert_eq!(shown(&credentials).await, "number 0");
        credentials.forget().await;
        assert_eq!(shown(&credentials).await, "number 1");
    }

    #[tokio::test]
    async fn a_replaced_credential_is_taken_up_within_five_minutes_without_any_refusal() {
        let credentials = Credentials::connect(&replaced_each_time().sdk_config(), "app");
        assert_eq!(shown(&credentials).await, "number 0");
        tokio::time::pause();
        tokio::time::advance(FRESH / 2).await;
        assert_eq!(shown(&credentials).await, "number 0");
        tokio::time::advance(FRESH / 2).await;
        tokio::time::resume();
        assert_eq!(shown(&credentials).await, "number 1");
    }
}
