//! A function that does what its event says, for the tests of the local stack.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    if let Some(records) = payload.get("Records").and_then(Value::as_array) {
        return stream_answer(records);
    }
    let detail = payload.get("detail").unwrap_or(&payload);
    match detail.get("do").and_then(Value::as_str) {
        Some("fail") => Err("told to fail".into()),
        #[expect(clippy::panic, reason = "a panic is what the test asks for")]
        Some("panic") => panic!("told to panic"),
        Some("exit") => std::process::exit(3),
        Some("sleep") => {
            let seconds = detail.get("seconds").and_then(Value::as_f64).unwrap_or(1.0);
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            Ok(json!({"slept": seconds}))
        }
        Some("allocate") => {
            let megabytes = detail.get("megabytes").and_then(Value::as_u64).unwrap_or(1);
            let bytes = usize::try_from(megabytes * 1024 * 1024)?;
            let memory = vec![1_u8; bytes];
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok(json!({"allocated": memory.iter().map(|byte| u64::from(*byte)).sum::<u64>()}))
        }
        _ if payload.get("requestContext").is_some() => Ok(http_answer(&payload)),
        _ => Ok(json!({
            "event": payload,
            "requestId": context.request_id,
            "arn": context.invoked_function_arn,
            "deadline": context.deadline,
            "xrayTraceId": context.xray_trace_id,
            "environment": std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect::<std::collections::BTreeMap<_, _>>(),
        })),
    }
}

/// Fails the records whose sort key is `poison`, and the whole batch for `panic`.
fn stream_answer(records: &[Value]) -> Result<Value, Error> {
    let sort_key = |record: &Value| {
        record.pointer("/dynamodb/Keys/sk/S").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if records.iter().any(|record| sort_key(record) == "panic") {
        return Err("told to fail the batch".into());
    }
    // One line per delivery, which the test reads from the log.
    let keys: Vec<String> = records.iter().map(sort_key).collect();
    let mut line = std::io::stdout().lock();
    std::io::Write::write_all(&mut line, format!("delivered {}\n", keys.join(",")).as_bytes())?;
    let failures: Vec<Value> = records
        .iter()
        .filter(|record| sort_key(record) == "poison")
        .map(|record| json!({"itemIdentifier": record.pointer("/dynamodb/SequenceNumber")}))
        .collect();
    Ok(json!({"batchItemFailures": failures}))
}

fn http_answer(request: &Value) -> Value {
    json!({
        "statusCode": 201,
        "headers": {"x-probe": "yes", "content-type": "application/json"},
        "cookies": ["a=1; Path=/", "b=2; Path=/"],
        "body": request.to_string(),
        "isBase64Encoded": false,
    })
}
