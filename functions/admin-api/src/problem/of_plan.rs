//! Why a plan was not applied, as problems.

use axum::http::StatusCode;
use contact_sync_engine::admin::AdminError;

use super::Problem;
use super::of_admin::{at, conflict, unexpected};

/// Why a plan is not applied.
pub(super) fn of_plan(error: AdminError) -> Problem {
    match error {
        AdminError::PlanNotReady => conflict(
            "plan-not-ready",
            "No plan waits to be applied",
            "The run is not `planned`: it is still planning, shows no plan, or its plan was \
             applied."
                .to_owned(),
        ),
        AdminError::PlanExpired => conflict(
            "plan-expired",
            "The plan is too old",
            "Its `expiresAt` has passed; preview again.".to_owned(),
        ),
        AdminError::PlanDiffers => conflict(
            "plan-differs",
            "Not the plan that was shown",
            "The planHash is not this run's; look at the run again.".to_owned(),
        )
        .with_errors(at("/planHash", "not this run's")),
        AdminError::PlanMoved { version } => conflict(
            "plan-moved",
            "The settings changed since",
            format!("The settings are in version {version} by now; preview again."),
        ),
        AdminError::RunNotEnded(run) => conflict(
            "run-not-ended",
            "The run has not ended",
            format!("Run {run} is still to be done; wait for its end, then undo it."),
        ),
        AdminError::RemovalsUnconfirmed { count } => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "removals-unconfirmed",
            "More removals than the guard allows",
            format!(
                "The plan removes {count} contacts, more than the guard allows. If they are to go, \
                 send `removals`: {count}."
            ),
        )
        .with_errors(at("/removals", "not the number of the plan's removals")),
        AdminError::ListUnconfirmed { count } => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "removals-unconfirmed",
            "Not the number that was shown",
            format!(
                "{count} items of the list stand as they were shown. If the contacts of all of \
                 them are to go, send `count`: {count}."
            ),
        )
        .with_errors(at("/count", "not the number of the items that were shown")),
        other => unexpected(&other),
    }
}
