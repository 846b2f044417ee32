//! The documents keep their word: commands that can run here are run as they stand there, and what
//! a document names exists.
//!
//! A block fenced as `sh runnable TOOL…` is run if the tools are installed. The blocks of a document
//! are run in order, in one shell, in a scratch folder that has the repository's `infra`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken check may panic, and says what it could not try"
)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use contact_sync_checks::{read, root};

/// A block and the tools that it needs.
struct Block {
    tools: Vec<String>,
    commands: String,
}

fn runnable(document: &str) -> Vec<Block> {
    let text = read(document);
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        if let Some(info) = line.strip_prefix("```sh runnable") {
            let tools = info.split_whitespace().map(str::to_owned).collect();
            open = Some(Block { tools, commands: String::new() });
        } else if line == "```" {
            blocks.extend(open.take());
        } else if let Some(block) = &mut open {
            block.commands.push_str(line);
            block.commands.push('\n');
        }
    }
    blocks
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
        let mut process = Command::new(programs.join("entra-contact-sync"))
            .args(["--users", "20", "--port", "0"])
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
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
        Self { process, url, token }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Ctrl-C, so that it ends its own processes.
        let id = self.process.id().to_string();
        drop(Command::new("kill").args(["-INT", &id]).status());
        drop(self.process.wait());
    }
}

fn run(document: &str, blocks: &[Block], folder: &Path, environment: &[(&str, &str)]) {
    for name in ["infra", "functions", "samconfig.toml"] {
        symlink(root().join(name), folder.join(name)).expect("a link");
    }
    let mut script = "set -eu\n".to_owned();
    for block in blocks {
        let missing: Vec<&String> = block.tools.iter().filter(|tool| !is_installed(tool)).collect();
        if missing.is_empty() {
            script.push_str(&block.commands);
        } else {
            println!("{document}: without {missing:?} this is not tried:\n{}", block.commands);
        }
    }
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(folder).envs(environment.iter().copied());
    let done = shell.output().expect("bash runs");
    assert!(
        done.status.success(),
        "{document}\n{}\n{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_newcomer_can_follow_the_deployment_word_for_word() {
    let document = "docs/deploy.md";
    let blocks = runnable(document);
    assert!(blocks.len() >= 8, "blocks lost their mark");
    let stack = is_installed("curl").then(Stack::start);
    let environment: Vec<(&str, &str)> = stack
        .iter()
        .flat_map(|stack| [("API", stack.url.as_str()), ("TOKEN", stack.token.as_str())])
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    run(document, &blocks, folder.path(), &environment);
    if is_installed("openssl") && is_installed("python3") {
        let text = std::fs::read_to_string(folder.path().join("credential.json"));
        let credential: serde_json::Value =
            serde_json::from_str(&text.expect("the document makes it")).expect("JSON");
        for (member, begins) in
            [("certificatePem", "-----BEGIN CERTIFICATE"), ("privateKeyPem", "-----BEGIN PRIVATE")]
        {
            let text = credential[member].as_str().unwrap_or_default();
            assert!(text.starts_with(begins), "functions read {member}");
        }
    }
}

#[test]
fn what_the_documents_link_to_exists() {
    for document in ["README.md", "docs/deploy.md", "docs/operations.md", "docs/security.md"] {
        let text = read(document);
        let home = root().join(document);
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => home.clone(),
                file => home.parent().expect("a folder").join(file),
            };
            assert!(path.exists(), "{document} leads to {target}");
            if anchor.is_empty() {
                continue;
            }
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            let found = there
                .lines()
                .filter_map(|line| line.strip_prefix('#'))
                .map(|title| title.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-"))
                .any(|title| title == anchor);
            assert!(found, "{document} leads to {target}");
        }
    }
}

#[test]
fn what_is_named_of_the_template_is_there() {
    let template = read("infra/template.yaml");
    for document in ["docs/deploy.md", "docs/operations.md", "docs/security.md"] {
        let text = read(document);
        // `AppCredentialArn`: a word in code, in the template's own way of writing names.
        for word in text.split('`').skip(1).step_by(2) {
            let named = ["Arn", "Alarm", "Logs", "DeadLetters", "Table", "Url", "Id", "Name"]
                .iter()
                .any(|end| word.ends_with(end))
                && word.starts_with(|first: char| first.is_ascii_uppercase())
                && word.chars().all(|letter| letter.is_ascii_alphabetic());
            let elsewhere = ["ApiGatewayDomainName"].contains(&word);
            assert!(!named || elsewhere || template.contains(word), "{document} names {word}");
        }
    }
}
