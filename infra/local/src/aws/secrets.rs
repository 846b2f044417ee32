//! Secrets Manager: GetSecretValue and PutSecretValue.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    AwsRequest, AwsServices, CallCount, CallKey, json_answer, json_error, unknown_operation,
};
use crate::clock::LocalClock;
use crate::files;
use crate::plan::Named;

/// The stack's secrets.
pub(crate) struct SecretStore {
    arns: Vec<String>,
    values: Mutex<BTreeMap<String, Version>>,
    file: PathBuf,
    clock: LocalClock,
}

impl std::fmt::Debug for SecretStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SecretStore").field("arns", &self.arns).finish_non_exhaustive()
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    text: String,
    /// Seconds since the epoch.
    created_at: i64,
}

impl SecretStore {
    pub(crate) fn open(
        secrets: &[Named],
        file: PathBuf,
        clock: LocalClock,
    ) -> std::io::Result<Self> {
        let values = files::read_json(&file)?.unwrap_or_default();
        let arns = secrets.iter().map(|secret| secret.arn.clone()).collect();
        Ok(Self { arns, values: Mutex::new(values), file, clock })
    }

    /// Gives the secret `arn` a new value; answers the version's id.
    pub(crate) fn put(&self, arn: &str, text: String) -> std::io::Result<String> {
        let version =
            Version { id: Uuid::new_v4().to_string(), text, created_at: self.clock.unix_seconds() };
        let id = version.id.clone();
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(arn.to_owned(), version);
        files::write_json(&self.file, &*values)?;
        Ok(id)
    }

    fn current(&self, arn: &str) -> Option<Version> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    /// The full ARN for an id: an ARN, whole or without its suffix, or a name.
    fn resolve(&self, id: &str) -> Option<&str> {
        self.arns
            .iter()
            .find(|arn| {
                let named = arn.rsplit_once('-').map_or(arn.as_str(), |(named, _)| named);
                arn.as_str() == id || named == id || named.ends_with(&format!(":secret:{id}"))
            })
            .map(String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    secret_id: String,
    #[serde(default)]
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutSecretValue {
    secret_id: String,
    secret_string: String,
    #[serde(rename = "ClientRequestToken", default)]
    _client_request_token: serde::de::IgnoredAny,
}

pub(super) fn serve(services: &AwsServices, request: &AwsRequest) -> Response {
    let answer = match request.operation() {
        "GetSecretValue" => get(services, request),
        "PutSecretValue" => put(services, request),
        unknown => return unknown_operation("secretsmanager", unknown),
    };
    services.counters.add(
        CallKey {
            caller: request.caller.name().to_owned(),
            operation: format!("secretsmanager:{}", request.operation()),
            resource: String::new(),
        },
        CallCount { requests: 1, ..CallCount::default() },
    );
    answer.unwrap_or_else(|refusal| refusal)
}

fn get(services: &AwsServices, request: &AwsRequest) -> Result<Response, Response> {
    let get: GetSecretValue = parse(request)?;
    let arn = allowed(services, request, &get.secret_id, "secretsmanager:GetSecretValue")?;
    if get.version_stage.is_some_and(|stage| stage != "AWSCURRENT") {
        return Err(json_error(
            StatusCode::NOT_IMPLEMENTED,
            "InvalidParameterException",
            "the local stack keeps only the version AWSCURRENT",
        ));
    }
    let version = services.secrets.current(&arn).ok_or_else(|| {
        not_found(
            "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
        )
    })?;
    Ok(json_answer(
        StatusCode::OK,
        &json!({
            "ARN": arn,
            "Name": name_of(&arn),
            "VersionId": version.id,
            "VersionStages": ["AWSCURRENT"],
            "SecretString": version.text,
            "CreatedDate": version.created_at,
        }),
    ))
}

fn put(services: &AwsServices, request: &AwsRequest) -> Result<Response, Response> {
    let put: PutSecretValue = parse(request)?;
    let arn = allowed(services, request, &put.secret_id, "secretsmanager:PutSecretValue")?;
    let version = services.secrets.put(&arn, put.secret_string).map_err(|error| {
        json_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", &error.to_string())
    })?;
    Ok(json_answer(
        StatusCode::OK,
        &json!({
            "ARN": arn,
            "Name": name_of(&arn),
            "VersionId": version,
            "VersionStages": ["AWSCURRENT"],
        }),
    ))
}

fn parse<T: serde::de::DeserializeOwned>(request: &AwsRequest) -> Result<T, Response> {
    serde_json::from_slice(&request.body).map_err(|error| {
        json_error(StatusCode::BAD_REQUEST, "InvalidParameterException", &error.to_string())
    })
}

fn allowed(
    services: &AwsServices,
    request: &AwsRequest,
    id: &str,
    action: &str,
) -> Result<String, Response> {
    let arn = services
        .secrets
        .resolve(id)
        .ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))?;
    services.access.check(&request.caller, action, arn).map_err(|denied| denied.answer())?;
    Ok(arn.to_owned())
}

fn not_found(message: &str) -> Response {
    json_error(StatusCode::BAD_REQUEST, "ResourceNotFoundException", message)
}

fn name_of(arn: &str) -> &str {
    let named = arn.rsplit_once('-').map_or(arn, |(named, _)| named);
    named.rsplit_once(":secret:").map_or(named, |(_, name)| name)
}
