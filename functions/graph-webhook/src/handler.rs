//! One request in, one answer out.

use std::convert::Infallible;

use contact_sync_domain::id::SubscriptionKey;
use contact_sync_engine::intake::{
    Acceptance, Delivery, DeliveryError, RecentSubscriptions, accept_delivery,
};
use contact_sync_engine::port::{Clock, EventPublisher, SubscriptionStore, SyncStateStore};
use contact_sync_lambda_shell::Chain;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use lambda_http::{Body, Request};

use crate::handshake::{self, Handshake};

/// Answers Graph, which waits three seconds: a handshake from its query alone, a delivery once its
/// hints are stored and announced. What is not believed is answered like what is: another answer
/// would teach a forger, and have Graph repeat the whole delivery.
#[tracing::instrument(name = "graph_webhook", skip_all)]
pub(crate) async fn handle(
    store: &(impl SubscriptionStore + SyncStateStore),
    recent: &RecentSubscriptions,
    bus: &impl EventPublisher,
    clock: &impl Clock,
    request: Request,
) -> Result<Response<Body>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    match handshake::read(query) {
        Handshake::Token(token) => {
            tracing::info!("answered a validation handshake");
            return Ok(answer(StatusCode::OK, &token));
        }
        Handshake::Malformed => {
            tracing::warn!("refused a validation handshake whose token Graph would not send");
            return Ok(answer(StatusCode::BAD_REQUEST, "validationToken cannot be echoed"));
        }
        Handshake::None => {}
    }
    let delivery = match Delivery::parse(request.body()) {
        Ok(delivery) => delivery,
        Err(error @ DeliveryError::Malformed(_)) => {
            tracing::warn!(error = %error, "refused a delivery");
            return Ok(answer(StatusCode::BAD_REQUEST, "expected {\"value\": [notification, …]}"));
        }
        Err(error @ DeliveryError::TooLarge) => {
            tracing::warn!(error = %error, "refused a delivery");
            return Ok(answer(StatusCode::PAYLOAD_TOO_LARGE, "at most 256 KiB and 1,000 items"));
        }
    };
    let key = subscription_key(query);
    match accept_delivery(store, recent, bus, clock, key.as_ref(), &delivery).await {
        Ok(acceptance) => {
            report(&acceptance);
            Ok(answer(StatusCode::ACCEPTED, ""))
        }
        Err(error) => {
            // Graph repeats it for four hours.
            tracing::error!(error = %Chain(&error), "could not pass a delivery on");
            Ok(answer(StatusCode::SERVICE_UNAVAILABLE, ""))
        }
    }
}

/// `?s=…`, as we wrote it into the subscription's address.
fn subscription_key(query: &str) -> Option<SubscriptionKey> {
    let key = query.split('&').find_map(|pair| pair.strip_prefix("s="))?;
    SubscriptionKey::parse(key).ok()
}

fn report(acceptance: &Acceptance) {
    let Acceptance { accepted, hinted, announced, rejected, lag } = acceptance;
    if rejected.total() > 0 {
        // Counts only: what a stranger sent does not belong into the logs.
        tracing::warn!(
            security.event = "notification-refused",
            refused.incomplete = rejected.incomplete,
            refused.unknown = rejected.unknown,
            refused.client_state = rejected.client_state,
            refused.tenant = rejected.tenant,
            refused.subscription_id = rejected.subscription_id,
            "refused {} notifications",
            rejected.total()
        );
    }
    if *accepted > 0 {
        tracing::info!(
            notifications.accepted = accepted,
            connections.hinted = hinted,
            events.announced = announced,
            notifications.lag_ms =
                lag.map(|lag| i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)),
            "accepted {accepted} notifications"
        );
    }
}

/// A plain text that no browser takes for anything else.
fn answer(status: StatusCode, text: &str) -> Response<Body> {
    let body = if text.is_empty() { Body::Empty } else { Body::Text(text.to_owned()) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
