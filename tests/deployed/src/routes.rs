//! Routes of the HTTP API. SAM hands them to API Gateway as the API's OpenAPI body, which the
//! stand-in does not read; here the body is imported as API Gateway would.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::aws::{Aws, AwsError, REGION, list, text};
use crate::stack::{Stack, StackError};
use crate::translation::{Started, Translation};

/// The account of everything in the stand-in.
const ACCOUNT_ID: &str = "000000000000";
/// The API's logical id in the template.
pub(crate) const API: &str = "HttpApi";

/// Why the API has no routes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutesError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("the API's body says {0}, which this import does not know")]
    Unknown(String),
}

/// One operation of the API's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// `GET /connect/{token}`; `ANY` for every method.
    pub(crate) key: String,
    pub(crate) starts: Started,
    /// The authorizer's name.
    pub(crate) authorizer: Option<String>,
    payload_version: String,
}

/// The operations of the API in `translation`.
pub(crate) fn operations(translation: &Translation) -> Result<Vec<Operation>, RoutesError> {
    let paths = translation
        .property(API, "/Body/paths")
        .and_then(Value::as_object)
        .ok_or_else(|| RoutesError::Unknown("no paths".to_owned()))?;
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let method = match method.as_str() {
                "x-amazon-apigateway-any-method" => "ANY".to_owned(),
                method => method.to_uppercase(),
            };
            let integration = operation.get("x-amazon-apigateway-integration");
            let integration = integration.cloned().unwrap_or_default();
            if text(&integration, "/type") != "aws_proxy" {
                return Err(RoutesError::Unknown(format!("of {method} {path} {integration}")));
            }
            let authorizer = list(operation, "/security")
                .filter_map(Value::as_object)
                .find_map(|scheme| scheme.keys().next().cloned());
            operations.push(Operation {
                starts: translation.started(started_by(text(&integration, "/uri/Fn::Sub"))?),
                key: format!("{method} {path}"),
                authorizer,
                payload_version: text(&integration, "/payloadFormatVersion").to_owned(),
            });
        }
    }
    Ok(operations)
}

/// The logical id in `arn:…:lambda:path/2015-03-31/functions/${FullSync.Arn}/invocations`, or in
/// the same with `${FullSyncAliaslive}`.
fn started_by(uri: &str) -> Result<&str, RoutesError> {
    uri.split_once("functions/${")
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(started, _)| started.trim_end_matches(".Arn"))
        .ok_or_else(|| RoutesError::Unknown(uri.to_owned()))
}

/// Makes the authorizers, integrations and routes of the deployed API.
pub(crate) async fn import(
    aws: &Aws,
    stack: &Stack,
    translation: &Translation,
    parameters: &[(&str, &str)],
) -> Result<(), RoutesError> {
    let api = format!("/v2/apis/{}", stack.physical_id(API)?);
    let post = async |path: &str, body: Value| {
        let path = format!("{api}/{path}");
        aws.rest("apigateway", Method::POST, &path, Some(&body)).await
    };
    let schemes =
        translation.property(API, "/Body/components/securitySchemes").and_then(Value::as_object);
    let mut authorizers = BTreeMap::new();
    for (name, scheme) in schemes.into_iter().flatten() {
        let authorizer = scheme.get("x-amazon-apigateway-authorizer").cloned().unwrap_or_default();
        let jwt = authorizer.get("jwtConfiguration").cloned().unwrap_or_default();
        let audience: Result<Vec<String>, _> =
            list(&jwt, "/audience").map(|value| resolved(value, parameters)).collect();
        let made = post(
            "authorizers",
            json!({
                "name": name,
                "authorizerType": "JWT",
                "identitySource": [text(&authorizer, "/identitySource")],
                "jwtConfiguration": {
                    "issuer": resolved(jwt.get("issuer").unwrap_or(&Value::Null), parameters)?,
                    "audience": audience?,
                },
            }),
        );
        authorizers.insert(name.clone(), text(&made.await?, "/authorizerId").to_owned());
    }
    for operation in operations(translation)? {
        let function = stack.physical_id(&operation.starts.function)?;
        let alias = operation.starts.alias.as_deref().map(|alias| format!(":{alias}"));
        let started = format!("{function}{}", alias.unwrap_or_default());
        let made = post(
            "integrations",
            json!({
                "integrationType": "AWS_PROXY",
                "integrationMethod": "POST",
                "integrationUri": format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{started}"),
                "payloadFormatVersion": operation.payload_version,
            }),
        );
        let integration = made.await?;
        let target = format!("integrations/{}", text(&integration, "/integrationId"));
        let mut route = json!({"routeKey": operation.key, "target": target});
        if let (Some(name), Some(route)) = (&operation.authorizer, route.as_object_mut()) {
            let id = authorizers
                .get(name)
                .ok_or_else(|| RoutesError::Unknown(format!("authorizer {name}")))?;
            route.insert("authorizationType".to_owned(), json!("JWT"));
            route.insert("authorizerId".to_owned(), json!(id));
        }
        post("routes", route).await?;
    }
    Ok(())
}

/// A literal, or a `Ref` to a parameter.
fn resolved(value: &Value, parameters: &[(&str, &str)]) -> Result<String, RoutesError> {
    if let Some(literal) = value.as_str() {
        return Ok(literal.to_owned());
    }
    let name = text(value, "/Ref");
    parameters
        .iter()
        .find(|(parameter, _)| *parameter == name)
        .map(|(_, value)| (*value).to_owned())
        .ok_or_else(|| RoutesError::Unknown(value.to_string()))
}
