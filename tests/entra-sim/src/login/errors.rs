//! The AADSTS error envelope with the status and `error` of each number.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::exchange::{Incoming, Reply};

/// A refusal of the login service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginError {
    pub(crate) code: u32,
    pub(crate) status: StatusCode,
    /// The OAuth `error`.
    pub(crate) error: &'static str,
    pub(crate) message: String,
    pub(crate) has_error_uri: bool,
}

type Row = (u32, u16, &'static str, &'static str);

/// Number, status, `error` and text of what the service says. Statuses of 7000215, 7000222,
/// 500011, 700038 and 70003 are captured; the rest follows the class.
const TABLE: &[Row] = &[
    (
        16000,
        400,
        "interaction_required",
        "Either multiple user identities are available for the current request or selected account is not supported for the scenario.",
    ),
    (
        28000,
        400,
        "invalid_request",
        "Provided value for the input parameter scope is not valid because it contains more than one resource.",
    ),
    (
        50002,
        400,
        "invalid_request",
        "Sign-in failed because of restricted proxy access on the tenant.",
    ),
    (
        50011,
        400,
        "invalid_request",
        "The redirect URI specified in the request does not match the redirect URIs configured for the application.",
    ),
    (50012, 401, "invalid_client", "Authentication failed."),
    (50013, 400, "invalid_grant", "Assertion failed signature validation."),
    (
        50020,
        400,
        "interaction_required",
        "User account does not exist in tenant and cannot access the application in that tenant.",
    ),
    (50027, 401, "invalid_client", "JWT token is invalid or malformed."),
    (50033, 503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    (50034, 400, "interaction_required", "The user account does not exist in the directory."),
    (
        50076,
        400,
        "interaction_required",
        "Due to a configuration change made by your administrator, you must use multi-factor authentication to access the resource.",
    ),
    (
        50079,
        400,
        "interaction_required",
        "Due to a configuration change made by your administrator, you must enroll in multi-factor authentication.",
    ),
    (
        50105,
        400,
        "interaction_required",
        "The signed in user is not assigned to a role for the application.",
    ),
    (
        50126,
        400,
        "invalid_grant",
        "Error validating credentials due to invalid username or password.",
    ),
    (50194, 400, "invalid_request", "Application is not configured as a multi-tenant application."),
    (
        50196,
        400,
        "invalid_grant",
        "The server terminated an operation because it encountered a client request loop.",
    ),
    (
        53003,
        400,
        "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    (
        54005,
        400,
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    ),
    (
        65001,
        400,
        "invalid_grant",
        "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
    ),
    (65004, 400, "consent_required", "User declined to consent to access the app."),
    (70000, 400, "invalid_grant", "Provided grant is invalid or malformed."),
    (70001, 400, "unauthorized_client", "The application is disabled."),
    (70002, 401, "invalid_client", "Error validating credentials."),
    (70003, 400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    (
        70008,
        400,
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    ),
    (
        70011,
        400,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.",
    ),
    (
        70021,
        401,
        "invalid_client",
        "No matching federated identity record found for presented assertion.",
    ),
    (81000, 400, "invalid_request", "Seamless sign-in failed."),
    (
        90002,
        400,
        "invalid_request",
        "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
    ),
    (
        90006,
        503,
        "temporarily_unavailable",
        "External server is retryable: the service is temporarily unavailable.",
    ),
    (90012, 503, "temporarily_unavailable", "The request timed out."),
    (90014, 400, "invalid_request", "A required field is missing from the request."),
    (90024, 503, "temporarily_unavailable", "A transient budget error has occurred."),
    (90033, 503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    (
        90038,
        400,
        "invalid_request",
        "The tenant name could not be found in this cloud; request redirected to another cloud instance.",
    ),
    (
        90055,
        429,
        "temporarily_unavailable",
        "Tenant request is throttled because of too many incoming requests.",
    ),
    (90090, 503, "temporarily_unavailable", "The tenant is temporarily unavailable."),
    (90091, 503, "temporarily_unavailable", "The tenant is temporarily unavailable."),
    (
        90094,
        403,
        "access_denied",
        "Admin consent is required for the permissions requested by this application.",
    ),
    (
        90095,
        403,
        "access_denied",
        "Admin consent is required for the permissions requested by this application.",
    ),
    (500011, 400, "invalid_resource", "The resource principal was not found in the tenant."),
    (500021, 400, "invalid_request", "Access to the tenant is denied."),
    (500022, 400, "invalid_request", "Access to the tenant is denied."),
    (
        501481,
        400,
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    (
        530032,
        400,
        "invalid_grant",
        "Your administrator has configured a security policy that blocks this request.",
    ),
    (530035, 400, "invalid_grant", "Access has been blocked by security defaults."),
    (
        650052,
        400,
        "invalid_client",
        "The app is trying to access a service that your organization lacks a service principal for.",
    ),
    (
        650054,
        400,
        "invalid_client",
        "The application asked for permissions to access a resource that has been removed or is no longer available.",
    ),
    (650056, 400, "invalid_client", "Misconfigured application."),
    (
        650057,
        400,
        "invalid_resource",
        "The client has requested access to a resource which is not listed in the requested permissions in the client's application registration.",
    ),
    (
        700005,
        400,
        "invalid_grant",
        "Provided authorization code is intended to use against other tenant, thus rejected.",
    ),
    (
        700011,
        400,
        "unauthorized_client",
        "Application with the identifier was not found in the directory.",
    ),
    (
        700016,
        400,
        "unauthorized_client",
        "Application with the identifier was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
    ),
    (
        700021,
        401,
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    ),
    (
        700022,
        400,
        "invalid_request",
        "The provided value for the input parameter scope is not valid because it contains more than one resource.",
    ),
    (700023, 401, "invalid_client", "Client assertion audience claim does not match Realm issuer."),
    (700024, 401, "invalid_client", "Client assertion is not within its valid time range."),
    (
        700027,
        401,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on application, or the signature is not valid.",
    ),
    (
        700038,
        400,
        "unauthorized_client",
        "The specified value is not a valid application identifier.",
    ),
    (900144, 400, "invalid_request", "The request body must contain the following parameter."),
    (900971, 400, "invalid_request", "No reply address provided."),
    (7000112, 401, "unauthorized_client", "Application is disabled."),
    (
        7000215,
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app.",
    ),
    (
        7000218,
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    (7000222, 401, "invalid_client", "The provided client secret keys for app are expired."),
    (
        7000229,
        401,
        "invalid_client",
        "The client application is missing service principal in the tenant.",
    ),
    (9002313, 400, "invalid_request", "Invalid request. Request is malformed or invalid."),
    (
        9001023,
        400,
        "invalid_request",
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
    ),
];

impl LoginError {
    /// The refusal with this number.
    pub(crate) fn numbered(code: u32) -> Self {
        let row = TABLE.iter().find(|row| row.0 == code);
        let (_, status, error, message) =
            row.copied().unwrap_or((code, 400, "invalid_request", "The request was refused."));
        Self {
            code,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            error,
            message: message.to_owned(),
            // Captured without.
            has_error_uri: code != 700_038,
        }
    }

    /// The same refusal with what it is about.
    #[must_use]
    pub(crate) fn about(mut self, detail: &str) -> Self {
        self.message = format!("{} {detail}", self.message);
        self
    }

    /// The text with number, trace and time, as in `error_description`.
    pub(crate) fn description(&self, trace: Uuid, now: Timestamp) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {} Timestamp: {}",
            self.code,
            self.message,
            Uuid::new_v4(),
            written(now)
        )
    }

    pub(crate) fn reply(&self, incoming: &Incoming, now: Timestamp) -> Reply {
        let trace = incoming.request_id;
        let correlation = Uuid::new_v4();
        let text = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {}",
            self.code,
            self.message,
            written(now)
        );
        let mut body = json!({
            "error": self.error,
            "error_description": text,
            "error_codes": [self.code],
            "timestamp": written(now),
            "trace_id": trace,
            "correlation_id": correlation,
        });
        if let (true, Some(members)) = (self.has_error_uri, body.as_object_mut()) {
            let uri = format!("https://login.microsoftonline.com/error?code={}", self.code);
            members.insert("error_uri".to_owned(), Value::String(uri));
        }
        Reply::json(self.status, &body).with_header("cache-control", "no-store".to_owned())
    }
}

fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
