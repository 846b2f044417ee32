//! A handler that does nothing, behind the same Runtime API and gateway: the webhook's yardstick.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// Set in the environment of the bare handler alone.
const MARK: &str = "BARE_HANDLER";

/// Whether this process was started to be the bare handler.
pub(crate) fn is_meant() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Answers 202 to everything until the Runtime API ends.
pub(crate) async fn serve() -> ExitCode {
    let answer = service_fn(|_: LambdaEvent<Value>| async {
        Ok::<Value, Error>(json!({"statusCode": 202, "headers": {}, "body": ""}))
    });
    match lambda_runtime::run(answer).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
