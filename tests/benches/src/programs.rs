//! Each program as it is deployed: its zipped size, and how long it takes to its first poll.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken measurement may panic"
)]
#![expect(clippy::cast_precision_loss, reason = "bytes and microseconds are far below 2^52")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::table::Row;

/// A program that has not polled by then is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures every program below `artefacts`.
pub(crate) async fn measure(artefacts: &Path, starts: u32) -> Vec<Row> {
    let artefacts = artefacts.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut rows = Vec::new();
        for (name, program) in programs(&artefacts) {
            let (must, aim) = match name.as_str() {
                "graph-webhook" => (Some(4.0), Some(1.5)),
                "full-sync" => (Some(6.0), Some(3.0)),
                _ => (None, None),
            };
            let size = zipped(&program) as f64 / 1e6;
            rows.push(Row {
                what: format!("{name}: zipped"),
                counted: size,
                unit: "MB",
                must,
                aim,
            });
            let taken = median((0..starts).map(|_| to_first_poll(&program)).collect());
            rows.push(Row {
                what: format!("{name}: start to first poll"),
                counted: taken,
                unit: "ms",
                must: Some(60.0),
                aim: Some(10.0),
            });
        }
        assert!(!rows.is_empty(), "no artefacts below {}: run sam build", artefacts.display());
        rows
    })
    .await
    .expect("measuring does not panic")
}

/// The functions' names and programs, as `sam build` leaves them: `<LogicalId>/bootstrap`.
pub(crate) fn programs(artefacts: &Path) -> Vec<(String, PathBuf)> {
    let mut programs: Vec<(String, PathBuf)> = std::fs::read_dir(artefacts)
        .unwrap_or_else(|error| panic!("{}: {error}", artefacts.display()))
        .filter_map(|entry| {
            let folder = entry.expect("a readable folder").path();
            let program = folder.join("bootstrap");
            let name = kebab(folder.file_name()?.to_str()?);
            program.exists().then_some((name, program))
        })
        .collect();
    programs.sort();
    programs
}

/// `GraphWebhook` to `graph-webhook`.
fn kebab(logical_id: &str) -> String {
    let mut name = String::new();
    for letter in logical_id.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Bytes of the program as the archive that Lambda unpacks holds it.
fn zipped(program: &Path) -> usize {
    let content = std::fs::read(program).expect("a readable program");
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&content).expect("memory takes everything");
    packed.finish().expect("memory takes everything").len()
}

/// Milliseconds from the start of a process to its first `GET …/invocation/next`.
fn to_first_poll(program: &Path) -> f64 {
    let runtime = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = runtime.local_addr().expect("a bound port").to_string();
    let begun = Instant::now();
    let mut process = Command::new(program)
        .env_clear()
        .envs(environment(&address))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    runtime.set_nonblocking(true).expect("a listener may be non-blocking");
    let taken = loop {
        match runtime.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a stream may block");
                let mut line = String::new();
                let read = BufReader::new(stream).read_line(&mut line);
                read.expect("the program asks");
                assert!(line.starts_with("GET /2018-06-01/runtime/invocation/next"), "{line}");
                break begun.elapsed();
            }
            Err(_) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_micros(100));
            }
            Err(error) => panic!("{} never polled: {error}", program.display()),
        }
    };
    process.kill().expect("the process is ours");
    process.wait().expect("the process is ours");
    taken.as_secs_f64() * 1e3
}

/// What Lambda and the template give: places where nobody serves, since starting asks nobody.
fn environment(runtime_api: &str) -> Vec<(&'static str, String)> {
    let mut environment = vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned()),
        ("PUBLIC_BASE_URL", "https://sync.example".to_owned()),
        ("WEBHOOK_BASE_URL", "https://sync.example".to_owned()),
        ("GRAPH_ENDPOINT", "https://graph.microsoft.com".to_owned()),
        ("LOGIN_ENDPOINT", "https://login.microsoftonline.com".to_owned()),
        ("APP_ID", "00000000-0000-0000-0000-000000000000".to_owned()),
    ];
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "measured"),
        ("AWS_SECRET_ACCESS_KEY", "measured"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("STAGE", "dev"),
        ("STATE_TABLE", "state"),
        ("CONTACTS_TABLE", "contacts"),
        ("EVENT_BUS", "bus"),
        ("DATA_BUCKET", "data"),
        ("APP_CREDENTIAL_SECRET", "arn:aws:secretsmanager:us-east-1:000000000000:secret:app"),
        ("SCHEDULE_GROUP", "connections"),
        ("SCHEDULE_ROLE_ARN", "arn:aws:iam::000000000000:role/schedules"),
        ("SCHEDULE_DLQ_ARN", "arn:aws:sqs:us-east-1:000000000000:dead-letters"),
        ("EVENT_BUS_ARN", "arn:aws:events:us-east-1:000000000000:event-bus/bus"),
    ] {
        environment.push((name, value.to_owned()));
    }
    environment
}

/// The middle of the figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
