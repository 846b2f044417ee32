//! A connection's settings.

use std::sync::Arc;

use axum::http::header::{CONTENT_DISPOSITION, HeaderName};
use contact_sync_domain::id::ContactId;
use contact_sync_domain::mapping::ExplainedRow;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::ClauseVerdict;
use contact_sync_domain::settings::{Difference, Problem, Settings};
use contact_sync_engine::admin::{
    AttributeCoverage, ClauseCount, Counted, Example, GuardForecast, HistoryEntry, Import,
    ImportedSettings, LeavingCount, NeededPermission, Outside, ReasonCount, Saved, SharedEmail,
    Stopped, Surveyed, TeamCount, TeamToMake, Trial, Validation, account, coverage,
    export_settings, import_settings, roll_back, save_settings, settings, settings_history,
    settings_version, try_settings, validate,
};
use contact_sync_engine::port::SettingsCause;
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

/// Names the run that new settings started.
const SYNC_RUN: HeaderName = HeaderName::from_static("sync-run");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    valid: bool,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    permissions: Vec<NeededPermission>,
    people: Option<PeopleShape>,
    uniqueness: Option<UniquenessShape>,
    scope_change: Option<ScopeChangeShape>,
    removals: Option<RemovalsShape>,
    teams: Vec<TeamCount>,
    teams_to_make: Vec<TeamToMake>,
    #[serde(flatten)]
    reading: ReadingShape,
}

/// How far the directory was read, and what that cost.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadingShape {
    complete: bool,
    sampled: u64,
    stopped_because: Option<&'static str>,
    graph: GraphCost,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeopleShape {
    seen: u64,
    in_scope: u64,
    would_create: u64,
    would_update: u64,
    would_link: Counted,
    unchanged: u64,
    would_await_review: u64,
    left_alone: u64,
    would_fail: u64,
    would_skip: u64,
    of_others: Counted,
    contested: Counted,
    by_reason: Vec<ReasonCount>,
    skipped_by: Vec<ClauseCount>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UniquenessShape {
    shared_emails: u64,
    examples: Vec<SharedEmail>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeChangeShape {
    newly_in: Vec<ClauseCount>,
    newly_out: Vec<ClauseCount>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemovalsShape {
    leaving: Vec<LeavingCount>,
    guard: Option<GuardForecast>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrialShape {
    user: Example,
    in_scope: bool,
    because: Option<String>,
    scope: Vec<ClauseVerdict>,
    contact: Option<ContactId>,
    would_fail: bool,
    failures: Vec<FailureShape>,
    fields: Vec<ExplainedRow>,
}

#[derive(Serialize)]
struct FailureShape {
    target: String,
    code: &'static str,
    reason: String,
    remedy: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CoverageShape {
    seen: u64,
    in_scope: u64,
    attributes: Vec<AttributeCoverage>,
    #[serde(flatten)]
    reading: ReadingShape,
}

impl ReadingShape {
    fn new(seen: Option<u64>, stopped: Option<Stopped>, cost: GraphCost) -> Self {
        Self {
            complete: seen.is_some() && stopped.is_none(),
            sampled: seen.unwrap_or_default(),
            stopped_because: stopped.map(|stopped| match stopped {
                Stopped::TimeUp => "time-up",
                Stopped::DirectoryBusy => "directory-busy",
            }),
            graph: cost,
        }
    }
}

impl From<Validation> for Verdict {
    fn from(validation: Validation) -> Self {
        let Validation { errors, warnings, permissions, people, stopped, teams_to_make, cost } =
            validation;
        let seen = people.as_ref().map(|people| people.seen);
        let verdict = Self {
            valid: errors.is_empty(),
            errors,
            warnings,
            permissions,
            people: None,
            uniqueness: None,
            scope_change: None,
            removals: None,
            teams: Vec::new(),
            teams_to_make,
            reading: ReadingShape::new(seen, stopped, cost),
        };
        match people {
            Some(people) => verdict.with_people(people),
            None => verdict,
        }
    }
}

impl Verdict {
    fn with_people(self, found: Surveyed) -> Self {
        Self {
            people: Some(PeopleShape {
                seen: found.seen,
                in_scope: found.in_scope,
                would_create: found.would_create,
                would_update: found.would_update,
                would_link: found.would_link,
                unchanged: found.unchanged,
                would_await_review: found.would_await,
                left_alone: found.left_alone,
                would_fail: found.would_fail,
                would_skip: found.would_skip,
                of_others: found.of_others,
                contested: found.contested,
                by_reason: found.by_reason,
                skipped_by: found.skipped_by,
            }),
            uniqueness: Some(UniquenessShape {
                shared_emails: found.shared_emails,
                examples: found.shared,
            }),
            scope_change: (!found.sampled).then_some(ScopeChangeShape {
                newly_in: found.newly_in,
                newly_out: found.newly_out,
            }),
            removals: (!found.sampled)
                .then_some(RemovalsShape { leaving: found.leaving, guard: found.guard }),
            teams: found.teams,
            ..self
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionShape {
    version: u64,
    saved_by: Option<String>,
    saved_by_name: Option<String>,
    saved_by_role: Option<String>,
    saved_at: Option<Timestamp>,
    cause: SettingsCause,
    changes: Vec<Difference>,
    settings: Settings,
}

impl From<HistoryEntry> for VersionShape {
    fn from(HistoryEntry { version, changes }: HistoryEntry) -> Self {
        Self {
            version: version.version,
            saved_by: version.saved_by,
            saved_by_name: version.saved_by_name,
            saved_by_role: version.saved_by_role,
            saved_at: version.saved_at,
            cause: version.cause,
            changes,
            settings: version.settings,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportShape {
    dry_run: bool,
    /// The version that the import made.
    version: Option<u64>,
    run: Option<String>,
    changes: Vec<Difference>,
    warnings: Vec<Problem>,
    teams_to_make: Vec<TeamToMake>,
    settings: Settings,
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let current = settings(api.outside.store(), &call.account()?, &call.connection()?).await?;
    Ok(Answer::ok(&current.settings).with_version(current.version))
}

pub(super) async fn save<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.connection()?;
    let precondition = call.precondition()?;
    let document = call.document()?;
    let saved =
        save_settings(&api.outside, &call.caller, &account, &id, &precondition, &document).await?;
    Ok(answer(saved))
}

/// The document that is current now, and the run that it started.
fn answer(saved: Saved) -> Answer {
    let answer = Answer::ok(&saved.version.settings).with_version(saved.version.version);
    match saved.run {
        Some(run) => answer.with_header(SYNC_RUN, run.to_string()),
        None => answer,
    }
}

pub(super) async fn history<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.connection()?);
    let store = api.outside.store();
    let page = settings_history(store, &account, &id, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, VersionShape::from))
}

pub(super) async fn version<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, id) = (call.account()?, call.connection()?);
    let number = call.settings_version()?;
    let found = settings_version(api.outside.store(), &account, &id, number).await?;
    Ok(Answer::ok(&VersionShape::from(found)))
}

pub(super) async fn rollback<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.connection()?;
    let precondition = call.precondition()?;
    let document = call.document()?;
    let saved =
        roll_back(&api.outside, &call.caller, &account, &id, &precondition, &document).await?;
    Ok(answer(saved))
}

pub(super) async fn export<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let file = export_settings(&api.outside, &account, &call.connection()?).await?;
    let name = format!("attachment; filename=\"directory-sync-settings-v{}.json\"", file.version);
    let version = file.version;
    Ok(Answer::ok(&file).with_version(version).with_header(CONTENT_DISPOSITION, name))
}

pub(super) async fn import<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.connection()?;
    let dry_run = call.flag("dryRun")?;
    let create_teams = call.flag("createTeams")?;
    let import = Import { document: &call.document()?, only_try: dry_run, create_teams };
    let precondition = call.precondition()?;
    let imported =
        import_settings(&api.outside, &call.caller, &account, &id, &precondition, import).await?;
    let ImportedSettings { settings, changes, warnings, teams_to_make, saved } = imported;
    let version = saved.as_ref().map(|saved| saved.version.version);
    let run = saved.and_then(|saved| saved.run).map(|run| run.to_string());
    let shape = ImportShape {
        dry_run,
        version,
        run: run.clone(),
        changes,
        warnings,
        teams_to_make,
        settings,
    };
    let mut answer = Answer::ok(&shape);
    if let Some(version) = version {
        answer = answer.with_version(version);
    }
    Ok(match run {
        Some(run) => answer.with_header(SYNC_RUN, run),
        None => answer,
    })
}

pub(super) async fn check<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.connection()?;
    let people = call.query("people") != Some("false");
    let validation = validate(&api.outside, &account, &id, &call.document()?, people).await?;
    Ok(Answer::ok(&Verdict::from(validation)))
}

pub(super) async fn test<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let trial = Trial::read(&call.document()?)?;
    let tried = try_settings(&api.outside, &account, &call.connection()?, &trial).await?;
    let would_fail = !tried.failures.is_empty();
    let failures = tried.failures.into_iter().map(|failure| FailureShape {
        target: failure.target.to_string(),
        code: failure.rule.name(),
        reason: failure.reason,
        remedy: failure.remedy,
    });
    Ok(Answer::ok(&TrialShape {
        user: tried.user,
        in_scope: tried.in_scope,
        because: tried.because,
        scope: tried.scope,
        contact: tried.contact,
        would_fail,
        failures: failures.collect(),
        fields: tried.rows,
    }))
}

pub(super) async fn profile<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let with_examples = call.flag("examples")?;
    let found = coverage(&api.outside, &account, &call.connection()?, with_examples).await?;
    Ok(Answer::ok(&CoverageShape {
        seen: found.seen,
        in_scope: found.in_scope,
        attributes: found.attributes,
        reading: ReadingShape::new(Some(found.seen), found.stopped, found.cost),
    }))
}
