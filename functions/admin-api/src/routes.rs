//! The table of routes: everything that this API answers. `infra/openapi.yaml` describes the same
//! list, and a test holds the two against each other.

mod accounts;
mod actions;
mod answers;
mod audit;
mod bundle;
mod connections;
mod contacts;
mod directory;
mod erasure;
mod events;
mod explain;
mod explain_team;
mod export;
mod failures;
mod health;
mod import;
mod notifications;
mod plans;
mod presets;
mod reviews;
mod run_control;
mod runs;
mod settings;
mod teams;
mod tenants;
mod welcome;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::Method;
use contact_sync_engine::admin::{Outside, Role};

use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;

/// The largest JSON body, in bytes.
const JSON_LIMIT: usize = 1024 * 1024;

/// The largest file to import, in bytes; a Lambda request holds 6 MB.
const FILE_LIMIT: usize = 5 * 1024 * 1024;

/// What a handler gives.
pub(crate) type Reply = Result<Answer, Problem>;

type Handler<P> =
    Box<dyn Fn(Arc<Api<P>>, Call) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// One method of one path.
pub(crate) struct Endpoint<P> {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
    pub(crate) limit: usize,
    pub(crate) repeat: Repeat,
    pub(crate) body: InAudit,
    /// Whether the audit chain tells of it: of whatever may change something, and of reading
    /// everything that is kept of a person.
    pub(crate) entered: bool,
    pub(crate) handler: Handler<P>,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Anybody, without a token.
    Nothing,
    /// A verified token with at least this role.
    Role(Role),
    /// The same of whoever operates the installation: no token that is bound to an account.
    Operator(Role),
}

/// What a repeated `Idempotency-Key` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The first answer is given again.
    AnswerAgain,
    /// The request is done again, which is harmless: its answer holds a consent link, and those are
    /// stored nowhere.
    DoAgain,
}

/// What the audit chain keeps of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InAudit {
    /// Nothing: it may be about a person, and a hash of little can be guessed.
    Nothing,
    /// Its hash, by which whoever has it can show that it was this one.
    Hash,
}

impl<P> Endpoint<P> {
    fn new<F, Fut>(method: Method, path: &'static str, need: Need, handler: F) -> Self
    where
        F: Fn(Arc<Api<P>>, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        Self {
            entered: method != Method::GET,
            method,
            path,
            need,
            limit: JSON_LIMIT,
            repeat: Repeat::AnswerAgain,
            body: InAudit::Nothing,
            handler: Box::new(move |api, call| Box::pin(handler(api, call))),
        }
    }

    fn done_again(self) -> Self {
        Self { repeat: Repeat::DoAgain, ..self }
    }

    /// For what is read of a person as a whole.
    fn entered(self) -> Self {
        Self { entered: true, ..self }
    }

    /// For bodies that are about no person.
    fn hashed(self) -> Self {
        Self { body: InAudit::Hash, ..self }
    }

    fn takes_file(self) -> Self {
        Self { limit: FILE_LIMIT, ..self }
    }
}

macro_rules! account {
    ($rest:literal) => {
        concat!("/v1/accounts/{account}", $rest)
    };
}

macro_rules! connection {
    ($rest:literal) => {
        concat!("/v1/accounts/{account}/connections/{connection}", $rest)
    };
}

const VIEWER: Need = Need::Role(Role::Viewer);
const OPERATOR: Need = Need::Role(Role::Operator);
const APPROVER: Need = Need::Role(Role::Approver);
const ADMIN: Need = Need::Role(Role::Admin);
const READING_OPERATOR: Need = Need::Operator(Role::Viewer);
const CHANGING_OPERATOR: Need = Need::Operator(Role::Admin);

/// Every route.
pub(crate) fn table<P: Outside>() -> Vec<Endpoint<P>> {
    let mut table = vec![
        get("/health", Need::Nothing, health::show),
        get("/v1/presets", VIEWER, presets::list),
        get("/v1/events", VIEWER, events::list),
        get("/v1/tenants/{tenant}/accounts", READING_OPERATOR, tenants::accounts),
        put("/v1/tenants/{tenant}/accounts", CHANGING_OPERATOR, tenants::grant).hashed(),
        get("/v1/tenants/{tenant}/overlap", READING_OPERATOR, tenants::overlap),
        get("/v1/audit", CHANGING_OPERATOR, audit::list),
        get("/v1/audit/verify", CHANGING_OPERATOR, audit::verify),
    ];
    table.extend(of_accounts());
    table.extend(of_teams());
    table.extend(of_connections());
    table.extend(of_settings_and_runs());
    table.extend(of_plans());
    table.extend(run_control::endpoints());
    table.extend(welcome::endpoints());
    table
}

fn of_accounts<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        get("/v1/accounts", VIEWER, accounts::list),
        post("/v1/accounts", CHANGING_OPERATOR, accounts::create).hashed(),
        get(account!(""), VIEWER, accounts::show),
        patch(account!(""), ADMIN, accounts::change).hashed(),
        delete(account!(""), ADMIN, accounts::erase),
        put(account!("/custom-fields"), ADMIN, accounts::custom_fields).hashed(),
        get(account!("/audit"), ADMIN, audit::list),
        get(account!("/audit/verify"), ADMIN, audit::verify),
        get(account!("/contacts"), VIEWER, contacts::list),
        post(account!("/contacts"), OPERATOR, contacts::create),
        post(account!("/contacts/import"), OPERATOR, import::import).takes_file(),
        get(account!("/contacts/{contact}"), VIEWER, contacts::show),
        patch(account!("/contacts/{contact}"), OPERATOR, contacts::change),
        delete(account!("/contacts/{contact}"), OPERATOR, contacts::delete),
        post(account!("/contacts/{contact}/protect"), OPERATOR, contacts::protect),
        post(account!("/contacts/{contact}/unprotect"), OPERATOR, contacts::unprotect),
        post(account!("/contacts/{contact}/unlink"), APPROVER, contacts::unlink),
        get(account!("/contacts/{contact}/photo"), VIEWER, contacts::photo),
        get(account!("/contacts/{contact}/provenance"), VIEWER, answers::provenance),
        get(account!("/contacts/{contact}/timeline"), VIEWER, answers::timeline),
        get(account!("/contacts/{contact}/export"), ADMIN, export::export).entered(),
        get(account!("/contacts/{contact}/bundle"), OPERATOR, bundle::of_contact).entered(),
        post(account!("/contacts/{contact}/erase"), ADMIN, erasure::erase),
        get(account!("/erasures/{erasure}"), ADMIN, erasure::show),
        post(account!("/erasures/{erasure}/lift"), ADMIN, erasure::lift),
        get(account!("/notifications"), VIEWER, notifications::list),
        post(account!("/notifications/{notification}/read"), VIEWER, notifications::mark_read),
    ]
}

fn of_teams<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        get(account!("/teams"), VIEWER, teams::list),
        post(account!("/teams"), OPERATOR, teams::create).hashed(),
        get(account!("/teams/{team}"), VIEWER, teams::show),
        patch(account!("/teams/{team}"), OPERATOR, teams::change).hashed(),
        delete(account!("/teams/{team}"), OPERATOR, teams::delete),
        get(account!("/teams/{team}/explain"), VIEWER, explain_team::show),
        get(account!("/teams/{team}/members"), VIEWER, teams::members),
        put(account!("/teams/{team}/members/{contact}"), OPERATOR, teams::add),
        delete(account!("/teams/{team}/members/{contact}"), OPERATOR, teams::remove),
    ]
}

fn of_connections<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        get(account!("/connections"), VIEWER, connections::list),
        post(account!("/connections"), OPERATOR, connections::create).done_again().hashed(),
        get(connection!(""), VIEWER, connections::show),
        delete(connection!(""), ADMIN, connections::delete),
        post(connection!("/consent-links"), OPERATOR, connections::consent_link).done_again(),
        post(connection!("/reauthorize"), OPERATOR, connections::reauthorize).done_again(),
        post(connection!("/enable"), ADMIN, actions::enable).hashed(),
        post(connection!("/pause"), OPERATOR, actions::pause),
        post(connection!("/resume"), OPERATOR, actions::resume),
        post(connection!("/disable"), ADMIN, actions::disable),
        post(connection!("/disconnect"), ADMIN, actions::disconnect),
        // An unfinished move is sent again, with the same key too.
        post(connection!("/move"), CHANGING_OPERATOR, connections::relocate).done_again().hashed(),
        get(connection!("/tenant"), VIEWER, directory::tenant),
        get(connection!("/directory/users"), VIEWER, directory::users),
        get(connection!("/directory/groups"), VIEWER, directory::groups),
        get(connection!("/directory/values"), VIEWER, directory::values),
        get(connection!("/query-plan"), VIEWER, directory::plan),
        get(connection!("/explain"), VIEWER, explain::show),
    ]
}

fn of_settings_and_runs<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        get(connection!("/settings"), VIEWER, settings::show),
        put(connection!("/settings"), ADMIN, settings::save).hashed(),
        get(connection!("/settings/history"), VIEWER, settings::history),
        get(connection!("/settings/versions/{version}"), VIEWER, settings::version),
        post(connection!("/settings/rollback"), ADMIN, settings::rollback).hashed(),
        get(connection!("/settings/export"), VIEWER, settings::export),
        post(connection!("/settings/import"), ADMIN, settings::import).hashed(),
        post(connection!("/settings/validate"), OPERATOR, settings::check),
        get(connection!("/settings/coverage"), OPERATOR, settings::profile),
        get(connection!("/reviews"), VIEWER, reviews::list),
        post(connection!("/reviews"), APPROVER, reviews::decide_all).hashed(),
        get(connection!("/reviews/decisions"), VIEWER, reviews::decisions),
        post(connection!("/reviews/{item}"), APPROVER, reviews::decide).hashed(),
        post(connection!("/settings/test"), OPERATOR, settings::test),
        get(connection!("/runs"), VIEWER, runs::list),
        post(connection!("/runs"), OPERATOR, runs::start),
        get(connection!("/runs/{run}"), VIEWER, runs::show),
        post(connection!("/runs/{run}/cancel"), OPERATOR, run_control::cancel),
        post(connection!("/reset"), APPROVER, run_control::reset_some),
        get(connection!("/failures"), VIEWER, failures::list),
        post(connection!("/failures/{user}/retry"), OPERATOR, failures::retry),
        get(connection!("/runs/{run}/changes"), VIEWER, runs::changes),
        get(connection!("/runs/{run}/report"), VIEWER, runs::file),
        get(connection!("/runs/{run}/bundle"), OPERATOR, bundle::of_run).entered(),
    ]
}

fn of_plans<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        post(connection!("/previews"), OPERATOR, plans::preview),
        post(connection!("/runs/{run}/apply"), APPROVER, plans::apply).hashed(),
        post(connection!("/runs/{run}/undo"), APPROVER, plans::undo).hashed(),
        post(connection!("/undo"), APPROVER, plans::undo_since).hashed(),
        post(connection!("/runs/{run}/fix"), APPROVER, plans::fix).hashed(),
    ]
}

macro_rules! methods {
    ($($name:ident => $method:ident),+) => {
        $(
            fn $name<P, F, Fut>(path: &'static str, need: Need, handler: F) -> Endpoint<P>
            where
                F: Fn(Arc<Api<P>>, Call) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Reply> + Send + 'static,
            {
                Endpoint::new(Method::$method, path, need, handler)
            }
        )+
    };
}

methods! {
    get => GET,
    post => POST,
    put => PUT,
    patch => PATCH,
    delete => DELETE
}
