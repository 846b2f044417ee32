//! `docs/deploy.md` is followed word for word. Its blocks fenced as `sh runnable TOOL…` are run here in
//! order, in one shell, in a scratch folder that has the repository's `infra`. Before a block with
//! the word `consented`, a customer's admin opens the consent link. A tool that is missing is an
//! error only where the environment says `CI`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken check may panic, and says what it could not try"
)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use contact_sync_checks::blocks::{self, Block};
use contact_sync_checks::{read, root};
use entra_contact_sync_local::job;
use serde_json::Value;

const DOCUMENT: &str = "docs/deploy.md";
/// Not a tool: the customer's admin must have consented before.
const CONSENTED: &str = "consented";
/// The script asks for the consent by making one file and waits for the other, for a minute.
const AWAITED: &str = ".consent-awaited";
const GIVEN: &str = ".consent-given";
const WAITS: &str = r"touch .consent-awaited
for _ in $(seq 600); do [ -e .consent-given ] && break; sleep 0.1; done
[ -e .consent-given ]
";
/// How long the new connection's permissions may take to be tried.
const UNTIL_READY: Duration = Duration::from_secs(40);
const INTERVAL: Duration = Duration::from_millis(100);

fn runnable() -> Vec<Block> {
    blocks::of(&read(DOCUMENT)).into_iter().filter(|block| block.kind == "runnable").collect()
}

fn is_installed(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    found.is_ok_and(|found| found.status.success())
}

/// The stack on this machine, for commands that ask an API. It is ended with the test.
struct Stack {
    process: Child,
    url: String,
    token: String,
    /// The simulated Entra.
    entra: String,
}

impl Stack {
    fn start() -> Self {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "entra-contact-sync-local"])
            .current_dir(root())
            .status();
        assert!(built.is_ok_and(|built| built.success()), "the stack does not build");
        // A test lies in target/<profile>/deps, programs one folder above.
        let test = std::env::current_exe().expect("a test has a path");
        let programs = test.ancestors().nth(2).expect("a folder of programs");
        let told = tempfile::NamedTempFile::new().expect("a file");
        let mut process = Command::new(programs.join("entra-contact-sync"))
            .args(["--users", "20", "--port", "0"])
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(told.reopen().expect("the same file"))
            .spawn()
            .expect("the stack starts");
        let output = process.stdout.take().expect("it has an output");
        let (mut url, mut token) = (None, None);
        for line in BufReader::new(output).lines() {
            let line = line.expect("its output is text");
            url = url.or_else(|| line.strip_prefix("ready ").map(str::to_owned));
            token = token.or_else(|| line.strip_prefix("token ").map(str::to_owned));
            if url.is_some() && token.is_some() {
                break;
            }
        }
        let (Some(url), Some(token)) = (url, token) else { panic!("the stack never served") };
        let told = std::fs::read_to_string(told.path()).expect("text");
        let entra =
            told.lines().find_map(|line| line.strip_prefix("Simulated Entra and Graph at "));
        let entra =
            entra.and_then(|page| page.strip_suffix("/_sim/")).expect("it says where Entra is");
        Self { process, url, token, entra: entra.to_owned() }
    }

    fn get(&self, url: &str) -> Value {
        let answer = Command::new("curl")
            .args(["--fail", "--silent", "--show-error", url])
            .args(["--header", &format!("Authorization: Bearer {}", self.token)])
            .output()
            .expect("curl runs");
        let told = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.success(), "{url}: {told}");
        serde_json::from_slice(&answer.stdout).expect("JSON")
    }

    /// The customer's admin opens the link of the connection that the script has made; waits
    /// until the connection is ready.
    fn consent(&self, folder: &Path) {
        let connection = json(folder, "connection.json");
        let text = |name: &str| connection[name].as_str().expect("a text").to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let link = text("consentUrl");
        // Nothing but this chooses the process's cryptography.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        // The stack connects the first tenant by itself.
        let tenants = self.get(&format!("{}/_sim/tenants", self.entra));
        let tenant = &tenants["tenants"][2];
        let id = |of: &Value| of["id"].as_str().expect("an id").to_owned();
        let admin = format!("{}/{}", id(tenant), id(&tenant["admin"]));
        let followed = job::follow_consent_link(&link, &admin);
        runtime.expect("a runtime").block_on(followed).expect("the link leads to a consent");
        let [account, id] = [text("accountId"), text("id")];
        let url = format!("{}/v1/accounts/{account}/connections/{id}", self.url);
        let started = Instant::now();
        loop {
            let connection = self.get(&url);
            if connection["status"] == "ready" {
                return;
            }
            assert!(started.elapsed() < UNTIL_READY, "still {}", connection["status"]);
            thread::sleep(INTERVAL);
        }
    }
}

fn json(folder: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name));
    serde_json::from_str(&text.unwrap_or_else(|error| panic!("{name}: {error}"))).expect("JSON")
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Ctrl-C, so that it ends its own processes.
        let id = self.process.id().to_string();
        drop(Command::new("kill").args(["-INT", &id]).status());
        drop(self.process.wait());
    }
}

/// The blocks whose tools are there as one script.
fn script(blocks: &[Block]) -> String {
    let mut script = "set -eu\n".to_owned();
    for block in blocks {
        let missing: Vec<&String> =
            block.words.iter().filter(|word| *word != CONSENTED && !is_installed(word)).collect();
        if missing.is_empty() {
            if block.words.iter().any(|word| word == CONSENTED) {
                script.push_str(WAITS);
            }
            script.push_str(&block.commands);
        } else {
            assert!(std::env::var_os("CI").is_none(), "{missing:?} must be installed");
            println!("{DOCUMENT}: without {missing:?} this is not tried:\n{}", block.commands);
        }
    }
    script
}

/// Runs a script in `folder`, and consents when it asks for that.
fn run(script: &str, folder: &Path, stack: Option<&Stack>) -> Output {
    for name in ["infra", "functions", "samconfig.toml"] {
        symlink(root().join(name), folder.join(name)).expect("a link");
    }
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).current_dir(folder);
    if let Some(stack) = stack {
        shell.env("API", &stack.url).env("TOKEN", &stack.token);
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if let (Some(stack), true) = (stack, folder.join(AWAITED).exists()) {
                    stack.consent(folder);
                    std::fs::write(folder.join(GIVEN), "").expect("a file");
                    return;
                }
                thread::sleep(INTERVAL);
            }
        });
        let done = shell.output().expect("bash runs");
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn a_newcomer_can_follow_the_deployment_word_for_word() {
    let blocks = runnable();
    assert!(blocks.len() >= 11, "blocks lost their mark");
    let stack = is_installed("curl").then(Stack::start);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let done = run(&script(&blocks), folder, stack.as_ref());
    assert!(
        done.status.success(),
        "{DOCUMENT}\n{}\n{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    if is_installed("openssl") && is_installed("python3") {
        let credential = json(folder, "credential.json");
        for (member, begins) in
            [("certificatePem", "-----BEGIN CERTIFICATE"), ("privateKeyPem", "-----BEGIN PRIVATE")]
        {
            let text = credential[member].as_str().unwrap_or_default();
            assert!(text.starts_with(begins), "functions read {member}");
        }
    }
    if is_installed("curl") && is_installed("python3") {
        assert_synced(folder);
    }
}

/// The customer that the document connects is synced.
fn assert_synced(folder: &Path) {
    let run = json(folder, "run.json");
    // Partial: in each simulated directory two people share an e-mail.
    let status = run["status"].as_str().expect("a status");
    assert!(["succeeded", "partial"].contains(&status), "the run ended {status}");
    assert_eq!(run["reportReady"], true, "the document waits for the report");
    let contacts = json(folder, "contacts.json");
    let contacts = contacts["items"].as_array().expect("a page of contacts");
    assert!(!contacts.is_empty(), "nobody became a contact");
    let report = std::fs::read_to_string(folder.join("report.csv")).expect("a report");
    let succeeded = report.lines().filter(|line| line.ends_with(",New,Success,")).count();
    assert_eq!(run["counts"]["created"], succeeded, "{report}");
    for contact in contacts {
        let email = contact["fields"]["email"].as_str().expect("an address");
        let line = format!("{email},New,Success,");
        assert!(report.lines().any(|told| told.eq_ignore_ascii_case(&line)), "{line}\n{report}");
    }
}

#[test]
fn every_command_of_the_documents_says_who_runs_it() {
    // A query is no command.
    let known = ["runnable", "deployed", "elsewhere", "logs-insights"];
    for document in [DOCUMENT, "docs/operations.md"] {
        for block in blocks::of(&read(document)) {
            let is_said = known.contains(&block.kind.as_str());
            assert!(is_said, "{document}: a block of {:?}:\n{}", block.kind, block.commands);
        }
    }
}
