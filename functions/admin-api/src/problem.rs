//! Errors as RFC 9457 problem documents.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderName};
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::settings;
use contact_sync_engine::admin::{AdminError, pointer};
use contact_sync_engine::port::{DirectoryError, ScheduleError};
use contact_sync_lambda_shell::Chain;
use serde::Serialize;

use crate::answer::Answer;

/// An error as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// A stable word; the problem's `type`.
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<settings::Problem>,
    headers: Vec<(HeaderName, String)>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [settings::Problem],
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        Self { status, kind, title, detail, errors: Vec::new(), headers: Vec::new() }
    }

    fn with_errors(mut self, errors: Vec<settings::Problem>) -> Self {
        self.errors = errors;
        self
    }

    fn retry_after(mut self, seconds: i64) -> Self {
        self.headers.push((header::RETRY_AFTER, seconds.max(1).to_string()));
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn bad_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-json", "The body is no JSON document", detail)
    }

    pub(crate) fn bad_query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-query", "A query parameter is wrong", detail)
    }

    pub(crate) fn bad_header(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-header", "A header field is wrong", detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "Send a bearer token that the installation's issuer signed.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "No verified token", detail)
            .with_header(header::WWW_AUTHENTICATE, "Bearer".to_owned())
    }

    pub(crate) fn unusable_claims(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unusable-claims", "The token gives no role", detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what}, or it is not yours.");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("The body may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    pub(crate) fn key_reused() -> Self {
        let detail = "The Idempotency-Key was used for another request within 24 hours; use a new \
                      one.";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The Idempotency-Key was used for something else",
            detail,
        )
    }

    pub(crate) fn request_at_work() -> Self {
        let detail = "The same request is being worked on; repeat it to read its answer.";
        Self::new(StatusCode::CONFLICT, "request-at-work", "The request is at work", detail)
            .retry_after(2)
    }

    pub(crate) fn into_answer(self) -> Answer {
        let document = Document {
            kind: self.kind,
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        // A struct of texts always becomes JSON.
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut answer = Answer::text(self.status, "application/problem+json", body);
        for (name, value) in self.headers {
            answer = answer.with_header(name, value);
        }
        answer
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Invalid(errors) => invalid(errors),
            AdminError::Store(ref cause) => {
                failed(&error);
                if cause.is_transient() { unavailable() } else { internal() }
            }
            AdminError::Directory(ref cause) => of_directory(cause),
            AdminError::Schedule(ref cause) => of_schedule(&error, cause),
            AdminError::NotFound(_)
            | AdminError::RoleTooSmall { .. }
            | AdminError::OperatorsOnly
            | AdminError::BadCursor
            | AdminError::VersionNeeded
            | AdminError::Stale
            | AdminError::ReportNotReady
            | AdminError::TooManyRows { .. } => of_request(error),
            AdminError::ExternalIdTaken
            | AdminError::EmailTaken
            | AdminError::ManagedFields(_)
            | AdminError::CustomFieldInUse { .. }
            | AdminError::WrongState(_)
            | AdminError::NotNow { .. }
            | AdminError::WrongTenant
            | AdminError::RequirementUnmet(_)
            | AdminError::Moved => of_state(error),
        }
    }
}

/// One line where an error ends: what failed, with its causes.
fn failed(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = %Chain(error), "a request failed");
}

fn invalid(errors: Vec<settings::Problem>) -> Problem {
    let detail = match errors.as_slice() {
        [] => "The document is not acceptable.".to_owned(),
        [one] if one.pointer.is_empty() => one.message.clone(),
        [one] => format!("{}: {}", one.pointer, one.message),
        many => format!("{} members are wrong; see errors.", many.len()),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-fields", "Fields are wrong", detail)
        .with_errors(errors)
}

/// What is wrong with the request itself.
fn of_request(error: AdminError) -> Problem {
    match error {
        AdminError::NotFound(what) => Problem::not_found(what),
        AdminError::RoleTooSmall { needed } => Problem::new(
            StatusCode::FORBIDDEN,
            "role-too-small",
            "The role does not suffice",
            format!("This needs the role {needed} or a greater one."),
        ),
        AdminError::OperatorsOnly => Problem::new(
            StatusCode::FORBIDDEN,
            "operators-only",
            "Only for operators",
            "A token that is bound to an account cannot do this.",
        ),
        AdminError::BadCursor => Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-cursor",
            "The cursor is wrong",
            "Use the `nextCursor` of the same list as it was given, or none.",
        ),
        AdminError::VersionNeeded => Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if-match-missing",
            "If-Match is missing",
            "Read the resource and send its ETag as If-Match.",
        ),
        AdminError::Stale => Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "The version moved",
            "It was changed since; read it again, apply your change to it and send its new ETag.",
        ),
        AdminError::ReportNotReady => Problem::new(
            StatusCode::NOT_FOUND,
            "report-not-ready",
            "The report is not ready",
            "The report is written after the run has ended; `reportReady` in the run tells.",
        )
        .retry_after(5),
        AdminError::TooManyRows { limit } => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The file has too many rows",
            format!("One request takes at most {limit} rows; split the file."),
        ),
        other => unexpected(&other),
    }
}

/// What the state of things does not allow.
fn of_state(error: AdminError) -> Problem {
    let conflict =
        |kind, title, detail: String| Problem::new(StatusCode::CONFLICT, kind, title, detail);
    match error {
        AdminError::ExternalIdTaken => conflict(
            "external-id-taken",
            "The external id is taken",
            "An account with this externalId exists already.".to_owned(),
        )
        .with_errors(at("/externalId", "an account with this id exists already")),
        AdminError::EmailTaken => conflict(
            "email-taken",
            "The e-mail is taken",
            "Another contact of the account has this e-mail.".to_owned(),
        )
        .with_errors(at("/fields/email", "another contact has this e-mail")),
        AdminError::ManagedFields(targets) => {
            let names = targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let detail = format!(
                "Sync manages {names}: change the value in Entra, or set policies.lockManaged to \
                 false in the connection's settings."
            );
            let errors = targets
                .iter()
                .map(|target| settings::Problem {
                    pointer: pointer(target),
                    message: format!("`{target}` is managed by sync"),
                })
                .collect();
            conflict("managed-field", "Sync manages the field", detail).with_errors(errors)
        }
        AdminError::CustomFieldInUse { key } => conflict(
            "custom-field-in-use",
            "The custom field is mapped",
            format!(
                "A connection's mapping writes `custom.{key}`; take that row out of its settings \
                 first."
            ),
        ),
        AdminError::WrongState(refused) => conflict(
            "wrong-state",
            "The connection's state does not allow this",
            format!("The connection is {}: {}.", state(refused.from), refused.fix),
        ),
        AdminError::NotNow { from, fix } => conflict(
            "wrong-state",
            "The connection's state does not allow this",
            format!("The connection is {}: {fix}.", state(from)),
        ),
        AdminError::WrongTenant => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong-tenant",
            "Not the connected tenant",
            "The tenantId is not that of the tenant whose admin consented. Look at the \
             connection's tenant; if it is the wrong organisation, disconnect and consent again.",
        )
        .with_errors(at("/tenantId", "not the tenant whose admin consented")),
        AdminError::RequirementUnmet(what) => {
            conflict("requirement-unmet", "Something required is missing", format!("{what}."))
        }
        AdminError::Moved => conflict(
            "version-moved",
            "Changed at the same time",
            "Somebody else changed it at the same time; read it again and repeat.".to_owned(),
        ),
        other => unexpected(&other),
    }
}

fn of_directory(error: &DirectoryError) -> Problem {
    let conflict = |kind, detail: String| {
        Problem::new(StatusCode::CONFLICT, kind, "The directory lets nobody in", detail)
    };
    match error {
        DirectoryError::Throttled { retry_after } => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "directory-busy",
            "The directory asks us to wait",
            "Microsoft Graph limits requests for this tenant right now.",
        )
        .retry_after(retry_after.map_or(10, |wait| wait.as_secs())),
        DirectoryError::Unavailable { .. } => {
            tracing::warn!(error = %Chain(error), "the directory did not answer");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "directory-unavailable",
                "The directory did not answer",
                "Microsoft Graph gave no usable answer.",
            )
            .retry_after(10)
        }
        DirectoryError::ConsentLost { code } => conflict(
            "consent-lost",
            format!(
                "The tenant does not let this application in ({code}). Just after consent this \
                 passes within minutes; otherwise an Entra admin must consent again."
            ),
        ),
        DirectoryError::Blocked { code } => conflict(
            "blocked-by-policy",
            format!("A policy of the tenant blocks this application ({code})."),
        ),
        DirectoryError::Forbidden { what, code } => conflict(
            "permission-missing",
            format!(
                "A permission is missing for {what} ({code}). An Entra admin must consent again."
            ),
        ),
        DirectoryError::CredentialRefused { .. } => {
            failed(error);
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "app-credential-refused",
                "This installation's credential was refused",
                "Microsoft refuses the credential of this installation; its operator must renew \
                 it.",
            )
        }
        DirectoryError::Gone { .. }
        | DirectoryError::PageExpired
        | DirectoryError::NotFound { .. }
        | DirectoryError::Refused { .. }
        | DirectoryError::ForeignLink => {
            failed(error);
            Problem::new(
                StatusCode::BAD_GATEWAY,
                "directory-refused",
                "The directory refused the request",
                "Microsoft Graph did not take the request.",
            )
        }
    }
}

fn of_schedule(error: &AdminError, cause: &ScheduleError) -> Problem {
    failed(error);
    match cause {
        ScheduleError::Refused(_) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "schedule-refused",
            "The schedule was refused",
            "EventBridge Scheduler does not take this schedule; change it in the settings.",
        )
        .with_errors(at("/schedule", "EventBridge Scheduler does not take it")),
        ScheduleError::Unavailable(_) => unavailable(),
    }
}

fn at(pointer: &str, message: &str) -> Vec<settings::Problem> {
    vec![settings::Problem { pointer: pointer.to_owned(), message: message.to_owned() }]
}

fn unavailable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Not available right now",
        "A part of this installation did not answer; the same request may succeed later.",
    )
    .retry_after(5)
}

fn internal() -> Problem {
    let detail = "This installation's logs tell more under the request's id.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong", detail)
}

fn unexpected(error: &AdminError) -> Problem {
    failed(error);
    internal()
}

/// The state as the connection's JSON spells it.
fn state(status: ConnectionStatus) -> &'static str {
    match status {
        ConnectionStatus::Invited => "invited",
        ConnectionStatus::Authorized => "authorized",
        ConnectionStatus::Ready => "ready",
        ConnectionStatus::Enabled => "enabled",
        ConnectionStatus::Paused => "paused",
        ConnectionStatus::Attention => "in attention",
        ConnectionStatus::Disabled => "disabled",
        ConnectionStatus::Disconnected => "disconnected",
    }
}
