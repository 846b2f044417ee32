//! One request to Graph and everything that is tried for its answer.

use bytes::Bytes;
use contact_sync_domain::id::TenantId;
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::port::{BoxError, Clock, DirectoryError, GraphBudget, Lane};
use http::{HeaderValue, Method, header};
use jiff::SignedDuration;
use url::Url;

use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::patience::{Limits, Patience};
use crate::refusal::{Refusal, Verdict, judge};
use crate::tokens::Token;
use crate::transport::{Answer, TransportError};

/// A request to Graph.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// What it is called in errors and logs; addresses may hold names and cursors.
    pub(crate) what: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Bytes>,
    pub(crate) lane: Lane,
    /// Graph's eventually consistent index, which counts and searches need.
    pub(crate) eventual: bool,
    pub(crate) expects: Expects,
    /// Whether it may be sent again when nobody knows what became of it.
    pub(crate) repeatable: bool,
    pub(crate) limits: Limits,
}

/// What kind of answer a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expects {
    /// A page of changes behind a stored link: a link that is called wrong is dead.
    DeltaPage,
    /// A photo, of which mailboxes tell: their limits are not the directory's.
    Photo,
    /// Anything else.
    Plain,
}

impl Call {
    pub(crate) fn get(what: &'static str, url: Url) -> Self {
        Self {
            what,
            method: Method::GET,
            url,
            body: None,
            lane: Lane::Interactive,
            eventual: false,
            expects: Expects::Plain,
            repeatable: true,
            limits: Limits::GRAPH,
        }
    }

    /// A read that somebody waits for.
    pub(crate) fn glance(what: &'static str, url: Url) -> Self {
        Self { limits: Limits::GLANCE, ..Self::get(what, url) }
    }

    pub(crate) fn send(what: &'static str, method: Method, url: Url, body: Vec<u8>) -> Self {
        Self { method, body: Some(body.into()), ..Self::get(what, url) }
    }
}

/// Why a 2xx answer cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Cut, foreign, or without what every such answer has: asked again.
    Broken(&'static str, Option<BoxError>),
    /// Understood, and no answer to work with.
    Final(DirectoryError),
}

/// How a call failed: the mapped error, and Graph's own words where it said some.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: DirectoryError,
    pub(crate) refusal: Option<Refusal>,
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        Self { error, refusal: None }
    }
}

impl From<Failure> for DirectoryError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// What was seen when nothing usable came, kept for the error at the end.
#[derive(Debug)]
struct Seen {
    error: Failure,
    retry_after: Option<SignedDuration>,
}

impl Seen {
    fn broken(what: String, source: Option<BoxError>) -> Self {
        let error = DirectoryError::Unavailable { what, source }.into();
        Self { error, retry_after: None }
    }
}

/// What one try brought.
enum Step {
    Done,
    /// A new token will be used; that is no try of its own.
    NewToken,
    Again(Seen),
    Failed(Failure),
}

/// What the tries so far have used up.
#[derive(Default)]
struct Used {
    cost: GraphCost,
    renewed: bool,
    denied: bool,
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    /// Sends a request until it is answered, as long as one call may take. `read` turns a success
    /// into its meaning; an answer it cannot use counts as none.
    pub(crate) async fn call<T: Send>(
        &self,
        tenant: &TenantId,
        call: &Call,
        read: impl Fn(&[u8]) -> Result<T, Unusable> + Send,
    ) -> Result<(T, GraphCost), Failure> {
        let mut meaning = None;
        let found = &mut meaning;
        let mut keep = move |body: &[u8]| -> Result<(), Unusable> {
            *found = Some(read(body)?);
            Ok(())
        };
        let cost = self.ask(tenant, call, &mut keep).await?;
        let none = || DirectoryError::Unavailable { what: call.what.to_owned(), source: None };
        Ok((meaning.ok_or_else(none)?, cost))
    }

    /// The same for whatever is asked: there is one such function in a program, not one for each
    /// kind of answer.
    async fn ask(
        &self,
        tenant: &TenantId,
        call: &Call,
        read: &mut (dyn FnMut(&[u8]) -> Result<(), Unusable> + Send),
    ) -> Result<GraphCost, Failure> {
        let mut patience = Patience::new(&self.clock, call.limits);
        let mut used = Used::default();
        loop {
            self.wait_for_lane(tenant, &patience).await?;
            self.wait_for_share(tenant, call, &patience).await?;
            let token = self.token(tenant, patience.again()).await?;
            used.cost.requests += 1;
            let step = match self.exchange(call, token.text(), &patience).await {
                Err(error) => {
                    let what = format!("{}: no complete answer", call.what);
                    Step::Again(Seen::broken(what, Some(error.into())))
                }
                Ok(answer) => {
                    let units = resource_units(&answer);
                    used.cost.resource_units += units;
                    self.spend_rest(tenant, call, units).await;
                    if let Some(used) = pressure(&answer) {
                        log_pressure(call, used);
                        self.hold_at_pressure(tenant, used).await;
                    }
                    if answer.status.is_success() {
                        accept(call, read(&answer.body))
                    } else {
                        self.refused(tenant, call, &token, &answer, &mut used).await
                    }
                }
            };
            match step {
                Step::Done => return Ok(used.cost),
                Step::NewToken => {}
                Step::Failed(failure) => return Err(failure),
                Step::Again(seen) => {
                    let throttled = matches!(seen.error.error, DirectoryError::Throttled { .. });
                    let may_repeat = call.repeatable || throttled;
                    if !may_repeat || !patience.wait(seen.retry_after).await {
                        return Err(seen.error);
                    }
                }
            }
        }
    }

    async fn refused(
        &self,
        tenant: &TenantId,
        call: &Call,
        token: &Token,
        answer: &Answer,
        used: &mut Used,
    ) -> Step {
        let refusal = Refusal::read(answer);
        let now = self.clock.now();
        let verdict = judge(call, answer, &refusal, &self.endpoints, now);
        let failed = |error| {
            log_refusal(call, answer, &refusal);
            Failure { error, refusal: Some(refusal.clone()) }
        };
        match verdict {
            Verdict::TokenRejected(_) if !used.renewed => {
                used.renewed = true;
                self.tokens.drop_rejected(tenant, token).await;
                Step::NewToken
            }
            Verdict::PermissionDenied(_)
                if !used.denied && self.tokens.drop_denied(tenant, token, now).await =>
            {
                used.denied = true;
                Step::NewToken
            }
            Verdict::Final(error)
            | Verdict::TokenRejected(error)
            | Verdict::PermissionDenied(error) => Step::Failed(failed(error)),
            Verdict::Throttled(retry_after) => {
                self.tokens.pause(tenant, retry_after.map(|wait| now + wait)).await;
                if call.expects != Expects::Photo {
                    self.hold_refused(tenant, answer, retry_after).await;
                }
                let error = DirectoryError::Throttled { retry_after };
                Step::Again(Seen { error: Failure { error, refusal: Some(refusal) }, retry_after })
            }
            Verdict::Broken(retry_after) => {
                let what = format!("{}: {}", call.what, refusal.shown_code());
                let error = DirectoryError::Unavailable { what, source: None };
                Step::Again(Seen { error: failed(error), retry_after })
            }
        }
    }

    /// A tenant that was told to wait waits with all its requests: those sent meanwhile count
    /// against it (Graph: throttling).
    async fn wait_for_lane(
        &self,
        tenant: &TenantId,
        patience: &Patience<'_, C>,
    ) -> Result<(), DirectoryError> {
        let Some(until) = self.tokens.paused_until(tenant).await else { return Ok(()) };
        let wait = until.duration_since(patience.now());
        if patience.sleep(wait).await {
            Ok(())
        } else {
            Err(DirectoryError::Throttled { retry_after: Some(wait) })
        }
    }

    async fn exchange(
        &self,
        call: &Call,
        token: &HeaderValue,
        patience: &Patience<'_, C>,
    ) -> Result<Answer, TransportError> {
        let priority = match call.lane {
            Lane::Bulk => "low",
            Lane::Interactive => "normal",
        };
        let mut request = self
            .transport
            .request(call.method.clone(), call.url.clone())
            .header(header::AUTHORIZATION, token)
            .header(header::ACCEPT, accepted(call.expects))
            .header("client-request-id", uuid::Uuid::new_v4().to_string())
            .header("x-ms-throttle-priority", priority);
        if call.eventual {
            request = request.header("ConsistencyLevel", "eventual");
        }
        if let Some(body) = &call.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        self.transport.exchange(request, patience.timeout()).await
    }
}

/// Refusals are JSON whatever was asked for.
fn accepted(expects: Expects) -> &'static str {
    match expects {
        Expects::Photo => "image/*, application/json",
        Expects::DeltaPage | Expects::Plain => "application/json",
    }
}

fn accept(call: &Call, read: Result<(), Unusable>) -> Step {
    match read {
        Ok(()) => Step::Done,
        Err(Unusable::Final(error)) => Step::Failed(error.into()),
        Err(Unusable::Broken(what, source)) => {
            Step::Again(Seen::broken(format!("{}: {what}", call.what), source))
        }
    }
}

/// Graph tells how much of a limit is used once most of it is (Graph:
/// `x-ms-throttle-limit-percentage`, a fraction of one).
fn pressure(answer: &Answer) -> Option<f64> {
    answer.header("x-ms-throttle-limit-percentage")?.trim().parse().ok()
}

fn log_pressure(call: &Call, used: f64) {
    tracing::info!(
        graph.call = call.what,
        graph.throttle_percent = used * 100.0,
        "Graph's limit is nearly used"
    );
}

fn resource_units(answer: &Answer) -> u64 {
    answer.header("x-ms-resource-unit").and_then(|units| units.trim().parse().ok()).unwrap_or(0)
}

/// Microsoft's support asks for these ids.
fn log_refusal(call: &Call, answer: &Answer, refusal: &Refusal) {
    tracing::info!(
        graph.call = call.what,
        graph.status = refusal.status,
        graph.code = refusal.shown_code(),
        graph.request_id = answer.header("request-id").unwrap_or_default(),
        graph.client_request_id = answer.header("client-request-id").unwrap_or_default(),
        "Graph did not serve a request"
    );
}
