//! A stack over `tests/fixtures/template.yaml`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use entra_contact_sync_local::{LocalStack, StackOptions};
use tempfile::TempDir;

/// A running stack and the folder that holds its functions' programs.
pub(crate) struct TestStack {
    pub(crate) stack: LocalStack,
    pub(crate) binaries: TempDir,
}

impl std::ops::Deref for TestStack {
    type Target = LocalStack;

    fn deref(&self) -> &LocalStack {
        &self.stack
    }
}

pub(crate) fn fixture_template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/template.yaml")
}

/// The example `probe-function`, which cargo builds beside the tests.
pub(crate) fn probe_program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/probe-function");
    assert!(program.exists(), "{} is built by `cargo build --examples`", program.display());
    program
}

pub(crate) fn binaries() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["probe", "stream-probe"] {
        std::os::unix::fs::symlink(probe_program(), folder.path().join(name)).unwrap();
    }
    folder
}

pub(crate) async fn start() -> TestStack {
    start_with(|_| {}).await
}

pub(crate) async fn start_with(adjust: impl FnOnce(&mut StackOptions)) -> TestStack {
    let binaries = binaries();
    let mut options = StackOptions::new(fixture_template(), binaries.path().to_owned());
    // A test that advances the clock for something else must not meet the template's schedule.
    options.runs_schedules = false;
    adjust(&mut options);
    let stack = LocalStack::start(options).await.unwrap();
    TestStack { stack, binaries }
}

/// Waits up to half a minute until `done` answers something.
pub(crate) async fn eventually<T>(mut done: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "it did not happen in half a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client that keeps redirects and proxies out of the way.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
