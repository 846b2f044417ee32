//! Endpoint validation: a token is posted and must come back decoded.

use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

use super::errors::GraphError;

/// Asks an endpoint to prove that it wants notifications.
pub(super) async fn validate(
    client: &reqwest::Client,
    url: &str,
    limit: Duration,
) -> Result<(), GraphError> {
    let request_id = Uuid::new_v4();
    let token = format!(
        "Validation: Testing client application reachability for subscription Request-Id: \
         {request_id}"
    );
    // Form encoding as the service writes it: `+` for spaces, lower-case `%3a`.
    let encoded = token.replace(':', "%3a").replace(' ', "+");
    let join = if url.contains('?') { '&' } else { '?' };
    let answer = client
        .post(format!("{url}{join}validationToken={encoded}"))
        .header("content-type", "text/plain; charset=utf-8")
        .header("content-length", "0")
        .timeout(limit)
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_timeout() => return Err(timed_out()),
        Err(_unreachable) => {
            return Err(refused(
                "Subscription validation request failed. Notification endpoint is not reachable.",
            ));
        }
    };
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(refused(&format!(
            "Subscription validation request failed. HTTP status code is '{}'. Notification \
             endpoint must respond with 200 OK to validation request.",
            status.canonical_reason().unwrap_or("unknown").replace(' ', "")
        )));
    }
    let content_type = answer
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_lowercase();
    let body = match answer.text().await {
        Ok(body) => body,
        Err(error) if error.is_timeout() => return Err(timed_out()),
        Err(_broken) => return Err(refused("Subscription validation request failed.")),
    };
    if !content_type.starts_with("text/plain") || body != token {
        return Err(refused(
            "Subscription validation request failed. Response must exactly match validationToken \
             query parameter.",
        ));
    }
    Ok(())
}

fn refused(message: &str) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "ValidationError", message)
}

fn timed_out() -> GraphError {
    GraphError::new(
        StatusCode::BAD_REQUEST,
        "ValidationError",
        "Subscription validation request timed out.",
    )
}
