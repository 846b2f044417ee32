//! Why administration refused, as problems.

use axum::http::StatusCode;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::settings;
use contact_sync_engine::admin::{AdminError, pointer};
use contact_sync_engine::port::{MailError, ScheduleError};

use super::of_directory::of_directory;
use super::of_plan::of_plan;
use super::{Problem, failed};

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
            AdminError::Mail(ref cause) => of_mail(&error, cause),
            AdminError::NotFound(_)
            | AdminError::RoleTooSmall { .. }
            | AdminError::OperatorsOnly
            | AdminError::BadCursor
            | AdminError::VersionNeeded
            | AdminError::Stale
            | AdminError::ReportNotReady
            | AdminError::NoPhoto(_)
            | AdminError::Expired { .. }
            | AdminError::HistoryExpired { .. }
            | AdminError::TooManyRows { .. } => of_request(error),
            AdminError::PlanNotReady
            | AdminError::PlanExpired
            | AdminError::PlanDiffers
            | AdminError::PlanMoved { .. }
            | AdminError::RemovalsUnconfirmed { .. }
            | AdminError::ListUnconfirmed { .. }
            | AdminError::RunNotEnded(_) => of_plan(error),
            AdminError::ExternalIdTaken
            | AdminError::EmailTaken
            | AdminError::ManagedFields(_)
            | AdminError::CustomFieldInUse { .. }
            | AdminError::TeamNameTaken
            | AdminError::TeamMapped(_)
            | AdminError::HeldByGroups(_)
            | AdminError::WrongState(_)
            | AdminError::NotNow { .. }
            | AdminError::WrongTenant
            | AdminError::TenantInUse(_)
            | AdminError::RequirementUnmet(_)
            | AdminError::RunEnded
            | AdminError::ErasureNotDone
            | AdminError::ReviewMoved(_)
            | AdminError::ReviewImpossible(_)
            | AdminError::GroupTooLarge(_)
            | AdminError::IgnoreListFull { .. }
            | AdminError::GroupMissing(_)
            | AdminError::UnitMissing(_)
            | AdminError::Moved => of_state(error),
        }
    }
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

/// Why a mail was not sent.
fn of_mail(error: &AdminError, cause: &MailError) -> Problem {
    let title = "The mail was not sent";
    match cause {
        MailError::Throttled(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "mail-busy",
            title,
            "The mail service asks us to wait; nothing was sent.",
        )
        .retry_after(10),
        MailError::Refused { code, .. } => conflict(
            "mail-refused",
            title,
            format!(
                "The mail service refuses it ({code}): the sender must be verified with it, and \
                 in its sandbox every address too."
            ),
        ),
        MailError::Unavailable(_) => {
            failed(error);
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "mail-uncertain",
                "The mail service did not answer",
                "Nobody knows whether the mail was sent; look into the mailbox first.",
            )
        }
    }
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
        AdminError::NoPhoto(why) => {
            Problem::new(StatusCode::NOT_FOUND, "no-photo", "There is no photo", why)
        }
        AdminError::ReportNotReady => Problem::new(
            StatusCode::NOT_FOUND,
            "report-not-ready",
            "The report is not ready",
            "It is written when the run is planned and when it has ended; `reportReady` tells of the end.",
        )
        .retry_after(5),
        AdminError::Expired { what, days } => Problem::new(
            StatusCode::GONE,
            "report-expired",
            "It is not kept any more",
            format!(
                "A run's {what} can be read for {days} days; its counts stay. Start a full run to \
                 have a report of how things stand now."
            ),
        ),
        AdminError::HistoryExpired { days } => Problem::new(
            StatusCode::GONE,
            "history-expired",
            "Its history is not kept that long",
            format!(
                "What runs changed is kept in detail for {days} days: from before that, or from \
                 before a change that was decided twice, the contact cannot be told as it was."
            ),
        ),
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
        error @ (AdminError::CustomFieldInUse { .. }
        | AdminError::RequirementUnmet(_)
        | AdminError::GroupTooLarge(_)
        | AdminError::IgnoreListFull { .. }
        | AdminError::GroupMissing(_)
        | AdminError::UnitMissing(_)) => of_settings(error),
        error @ (AdminError::TeamNameTaken
        | AdminError::TeamMapped(_)
        | AdminError::HeldByGroups(_)) => of_team(error),
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
        AdminError::TenantInUse(account) => conflict(
            "tenant-in-use",
            "An account uses the tenant",
            format!("Account {account} is connected to the tenant; disconnect it first."),
        )
        .with_errors(at("/accounts", "an account that is connected is left out")),
        AdminError::ReviewMoved(what) => conflict(
            "version-moved",
            "The item changed since it was shown",
            format!("Read it again and decide anew: {what}."),
        ),
        AdminError::ReviewImpossible(why) => {
            conflict("cannot-be-done", "This cannot be done", format!("It was not done: {why}."))
        }
        AdminError::RunEnded => conflict(
            "run-ended",
            "The run has ended",
            "What it did stands in its changes; there is nothing left to stop.".to_owned(),
        ),
        AdminError::ErasureNotDone => conflict(
            "erasure-not-done",
            "The person is still being forgotten",
            "What runs left is still being gone through; read the receipt until it says done."
                .to_owned(),
        ),
        AdminError::Moved => conflict(
            "version-moved",
            "Changed at the same time",
            "Somebody else changed it at the same time; read it again and repeat.".to_owned(),
        ),
        other => unexpected(&other),
    }
}

/// What a connection's settings do not allow, or name in vain.
fn of_settings(error: AdminError) -> Problem {
    match error {
        AdminError::CustomFieldInUse { key } => conflict(
            "custom-field-in-use",
            "The custom field is in use",
            format!(
                "A connection's mapping or matching uses `custom.{key}` as it is; change its \
                 settings first."
            ),
        ),
        AdminError::RequirementUnmet(what) => {
            conflict("requirement-unmet", "Something required is missing", format!("{what}."))
        }
        AdminError::GroupTooLarge(group) => conflict(
            "group-too-large",
            "A group is too large to read at once",
            format!(
                "The members of the group {group} could not be read while you waited: save the \
                 settings that name it and run Sync Now; once that run has read them, repeat this."
            ),
        ),
        AdminError::IgnoreListFull { limit } => conflict(
            "ignore-list-full",
            "The ignore list is full",
            format!(
                "A connection ignores at most {limit} users one by one, and nothing was done: \
                 leave people out by a group (scope.ignoredGroups) or a condition \
                 (scope.expression), and take those whom it covers off scope.ignoredUsers."
            ),
        )
        .with_errors(at("/scope/ignoredUsers", "it would name more users than it may")),
        AdminError::GroupMissing(group) => conflict(
            "group-missing",
            "A group does not exist",
            format!(
                "The settings name the group {group}, which the connected organisation does not \
                 have: restore it in Entra, or take it out of the settings."
            ),
        ),
        AdminError::UnitMissing(unit) => conflict(
            "unit-missing",
            "An administrative unit does not exist",
            format!(
                "The settings name the administrative unit {unit}, which the connected \
                 organisation does not have: take it out of the settings."
            ),
        ),
        other => unexpected(&other),
    }
}

/// What teams and their members do not allow.
fn of_team(error: AdminError) -> Problem {
    match error {
        AdminError::TeamNameTaken => conflict(
            "team-name-taken",
            "The team's name is taken",
            "Another team of the account has this name.".to_owned(),
        )
        .with_errors(at("/name", "another team has this name")),
        AdminError::TeamMapped(connections) => conflict(
            "team-mapped",
            "Groups are mapped to the team",
            format!(
                "The settings of {} map groups to this team; take the mappings out first.",
                listed(&connections)
            ),
        ),
        AdminError::HeldByGroups(groups) => conflict(
            "held-by-group",
            "A group holds the contact in the team",
            format!(
                "Sync holds this membership because the user is in {}: take the user out of the \
                 group in Entra, or take the group's mapping out of the connection's settings.",
                listed(&groups)
            ),
        ),
        other => unexpected(&other),
    }
}

pub(super) fn conflict(kind: &'static str, title: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, kind, title, detail)
}

fn listed(ids: &[impl ToString]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
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

pub(super) fn at(pointer: &str, message: &str) -> Vec<settings::Problem> {
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

pub(super) fn unexpected(error: &AdminError) -> Problem {
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
