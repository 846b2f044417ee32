//! From request to answer: who calls and what that allows, sizes, keys; then the route's handler.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::RequestExt;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, RawPathParams, Request};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::routing::{MethodFilter, on};
use contact_sync_engine::admin::{Caller, Keyed, Outside, Role, begin, finish, key_bits};
use contact_sync_engine::port::{Clock, KeyedRequest};
use contact_sync_lambda_shell::Chain;

use crate::answer::Answer;
use crate::audited;
use crate::call::Call;
use crate::claims;
use crate::problem::Problem;
use crate::routes::{self, Endpoint, Need, Repeat};

/// Tells that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Api<P> {
    pub(crate) outside: P,
    /// Where people reach this installation; `None` = at the API's own address.
    pub(crate) public_base_url: Option<String>,
    /// The installation's stage, as bundles for support tell it.
    pub(crate) stage: String,
}

/// All routes over one outside.
pub(crate) fn router<P: Outside>(api: Api<P>) -> Router {
    let api = Arc::new(api);
    let mut router = Router::new();
    for endpoint in routes::table::<P>() {
        let (api, path, methods) = (Arc::clone(&api), endpoint.path, filter(&endpoint.method));
        let endpoint = Arc::new(endpoint);
        let handler =
            move |request: Request| serve(Arc::clone(&api), Arc::clone(&endpoint), request);
        router = router.route(path, on(methods, handler));
    }
    router
        .fallback(async || Problem::not_found("resource").into_answer().into_response())
        .method_not_allowed_fallback(async || {
            let detail = "The resource has other methods; see the Allow header.";
            let title = "The method is not allowed";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title, detail)
                .into_answer()
                .into_response()
        })
}

fn filter(method: &Method) -> MethodFilter {
    // The table holds no other methods.
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET)
}

async fn serve<P: Outside>(
    api: Arc<Api<P>>,
    endpoint: Arc<Endpoint<P>>,
    request: Request,
) -> Response<Body> {
    let clock = api.outside.clock();
    let began = clock.now();
    let answer = answer(&api, &endpoint, request).await.unwrap_or_else(Problem::into_answer);
    let (method, route) = (&endpoint.method, endpoint.path);
    let duration_ms = u64::try_from(clock.now().duration_since(began).as_millis());
    let status = answer.status.as_u16();
    tracing::info!(
        http.method = %method,
        http.route = route,
        http.status = status,
        http.duration_ms = duration_ms.unwrap_or_default(),
        "answered {method} {route} with {status}"
    );
    answer.into_response()
}

async fn answer<P: Outside>(
    api: &Arc<Api<P>>,
    endpoint: &Endpoint<P>,
    mut request: Request,
) -> Result<Answer, Problem> {
    let params = params(&mut request).await?;
    let caller = match endpoint.need {
        // Nothing behind such a route asks who calls.
        Need::Nothing => Caller::nobody(),
        Need::Role(needed) => permitted(&request, &params, needed)?,
        Need::Operator(needed) => {
            let caller = permitted(&request, &params, needed)?;
            caller.is_operator_of_all()?;
            caller
        }
    };
    let base_url =
        api.public_base_url.clone().or_else(|| claims::own_base_url(request.extensions()));
    let (parts, body) = request.into_parts();
    let Query(query) = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri)
        .or(Err(Problem::bad_query("The query cannot be read.")))?;
    let body = to_bytes(body, endpoint.limit).await.or(Err(Problem::too_large(endpoint.limit)))?;
    let request_id = audited::request_id(&parts.extensions);
    let mut call = Call {
        caller,
        params,
        query,
        headers: parts.headers,
        body,
        base_url: base_url.unwrap_or_default(),
        key_bits: None,
    };
    let keyed = match idempotency_key(&call.headers)? {
        Some(key) if endpoint.method == Method::POST => {
            let account = call.account().ok();
            let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
            let asked = [endpoint.method.as_str().as_bytes(), target.as_bytes(), &call.body];
            match begin(&api.outside, &call.caller, account, &key, &asked).await? {
                Keyed::Do(keyed) => Some(keyed),
                Keyed::AtWork => return Err(Problem::request_at_work()),
                Keyed::Reused => return Err(Problem::key_reused()),
                Keyed::Done(kept) => {
                    let kept = Answer::of_kept(kept).ok_or_else(Problem::key_reused)?;
                    return Ok(kept.with_header(REPLAYED, "true".to_owned()));
                }
            }
        }
        Some(_) | None => None,
    };
    call.key_bits = keyed.as_ref().map(key_bits);
    let reply = carried_out(api, endpoint, call, &request_id).await;
    if let Some(keyed) = keyed {
        remember(api, keyed, &reply, endpoint.repeat).await;
    }
    reply
}

/// Enters what is asked for, and then does it.
async fn carried_out<P: Outside>(
    api: &Arc<Api<P>>,
    endpoint: &Endpoint<P>,
    call: Call,
    request_id: &str,
) -> routes::Reply {
    let entered = audited::entered(api, endpoint, &call, request_id).await?;
    let acting = (endpoint.handler)(Arc::clone(api), call);
    let (reply, ()) = tokio::join!(acting, audited::kept(api, entered));
    reply
}

async fn params(request: &mut Request) -> Result<BTreeMap<String, String>, Problem> {
    let raw = request.extract_parts::<RawPathParams>().await;
    let raw = raw.or(Err(Problem::not_found("resource")))?;
    Ok(raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The caller, if it may do this: a foreign account first, so that nobody learns what exists.
fn permitted(
    request: &Request,
    params: &BTreeMap<String, String>,
    needed: Role,
) -> Result<Caller, Problem> {
    let caller = claims::caller(request.extensions())?;
    match params.get("account") {
        Some(text) => {
            let account = contact_sync_domain::id::AccountId::parse(text)
                .or(Err(Problem::not_found("account")))?;
            caller.may(needed, &account)?;
        }
        None => caller.has(needed)?,
    }
    Ok(caller)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        Ok(_) | Err(_) => {
            Err(Problem::bad_header("`Idempotency-Key` is 1 to 255 printable ASCII characters."))
        }
    }
}

/// Keeps what was answered. A refused request did nothing, so its key is free again.
async fn remember<P: Outside>(
    api: &Arc<Api<P>>,
    keyed: KeyedRequest,
    reply: &Result<Answer, Problem>,
    repeat: Repeat,
) {
    let answer = match (reply, repeat) {
        (Ok(answer), Repeat::AnswerAgain) => answer.kept(),
        (Ok(_), Repeat::DoAgain) | (Err(_), _) => None,
    };
    if let Err(error) = finish(&api.outside, keyed, reply.is_ok(), answer).await {
        // The request itself is done; only its repetition is not covered.
        tracing::warn!(error = %Chain(&error), "an answer was not kept for repetitions");
    }
}
