//! Why the directory refused, as problems.

use axum::http::StatusCode;
use contact_sync_engine::port::DirectoryError;
use contact_sync_lambda_shell::Chain;

use super::{Problem, failed};

pub(super) fn of_directory(error: &DirectoryError) -> Problem {
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
        DirectoryError::UnknownAttribute { name } => conflict(
            "attribute-unknown",
            format!(
                "This organisation's directory has no attribute `{name}`: correct the setting that \
                 reads it."
            ),
        ),
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
