//! What a person does by hand, with AWS's own CLI: the commands of the documents that need a deployed
//! stack, and `infra/redrive`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use contact_sync_checks::{blocks, read, root};
use entra_contact_sync_local::job::{Answer, Installation as _, Problem, Rest, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::aws::{ACCESS_KEY, Aws, AwsError, REGION};
use crate::fires::until;
use crate::installation::Deployed;
use crate::stack::Stack;

const DOCUMENTS: [&str; 2] = ["docs/deploy.md", "docs/operations.md"];
/// What the document's commands hand over, and what they leave nothing of.
const CREDENTIAL: &str = "credential.json";
const PRIVATE_KEY: &str = "private-key.pem";
/// What a sweep by hand answered.
const SWEPT: &str = "swept.json";
/// A function that waits behind a dead letter, and its queue in the template.
const FUNCTION: &str = "sync-report";
const QUEUE: &str = "SyncReportDeadLetters";

/// The first version of the CLI, which alone is a package of Python, asks AWS's own queues whatever
/// its environment names.
const QUEUES_TOO: &str = "#!/bin/sh\nexec aws --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"\n";

/// The shell of a person in front of one stand-in. `aws` lies on the path of programs.
#[derive(Debug)]
pub(crate) struct ByHand {
    pub(crate) endpoint: String,
}

fn outside(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Outside(Box::new(error))
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::wrong(problem())) }
}

/// Makes the CLI that asks queues too.
fn cli_of_queues(folder: &Path) -> std::io::Result<PathBuf> {
    let aws = folder.join("aws");
    std::fs::write(&aws, QUEUES_TOO)?;
    std::fs::set_permissions(&aws, Permissions::from_mode(0o755))?;
    Ok(aws)
}

impl ByHand {
    /// Runs the documents' blocks for a deployed stack as they stand there. They put `credential`
    /// into the stack's secret and leave no copy of it.
    pub(crate) async fn follow_documents(
        &self,
        aws: &Aws,
        stack: &Stack,
        credential: &str,
    ) -> Result<String, Problem> {
        let mut blocks = Vec::new();
        for document in DOCUMENTS {
            let all = blocks::of(&read(document)).into_iter();
            let before = blocks.len();
            let deployed = all.filter(|block| block.kind == "deployed");
            blocks.extend(deployed.map(|block| block.commands));
            ensure(blocks.len() > before, || {
                format!("{document} has no block for a deployed stack")
            })?;
        }
        let folder = tempfile::tempdir()?;
        std::os::unix::fs::symlink(root().join("infra"), folder.path().join("infra"))?;
        let aws_of_queues = cli_of_queues(folder.path())?;
        std::fs::write(folder.path().join(CREDENTIAL), credential)?;
        std::fs::write(folder.path().join(PRIVATE_KEY), "no key")?;
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("set -eu\n{}", blocks.concat())])
            .current_dir(folder.path())
            .env("AWS_CLI", aws_of_queues)
            .env("STACK", &stack.name);
        let (told, _) = self.run(bash).await?;
        for output in ["ApiUrl", "ConsentRedirectUri", "EventBusName", "DashboardUrl"] {
            ensure(told.contains(output), || format!("{output} is not among the outputs: {told}"))?;
        }
        for file in [CREDENTIAL, PRIVATE_KEY] {
            ensure(!folder.path().join(file).exists(), || format!("{file} is left behind"))?;
        }
        let secret = json!({"SecretId": stack.physical_id("AppCredential").map_err(outside)?});
        let kept = aws.json("secretsmanager", "secretsmanager.GetSecretValue", &secret).await;
        ensure(text(&kept.map_err(outside)?, "/SecretString") == credential, || {
            "the secret is not what was handed over".to_owned()
        })?;
        let swept = std::fs::read_to_string(folder.path().join(SWEPT)).unwrap_or_default();
        ensure(!swept.is_empty() && !swept.contains("errorMessage"), || {
            format!("the sweep by hand answered {swept:?}")
        })?;
        Ok(format!("{} of {} run", counted(blocks.len()), DOCUMENTS.join(" and ")))
    }

    /// Two reports were never written, one because the function failed for good and one because
    /// its rule could not start it; `infra/redrive` brings both about.
    pub(crate) async fn redrive(
        &self,
        deployed: &Deployed,
        rest: &Rest,
    ) -> Result<String, Problem> {
        let ends = full_runs(&deployed.events_since(0).await?);
        let [first, second] = ends.as_slice() else {
            return Err(Problem::wrong(format!("{} ends of full runs were heard", ends.len())));
        };
        let mut lines = Vec::new();
        for event in [first, second] {
            let before = report(rest, event).await?;
            ensure(before.status == StatusCode::OK, || {
                format!("the report answered {}", before.status)
            })?;
            lines.push(before.body.lines().count());
            forget_report(deployed, event).await?;
            let gone = report(rest, event).await?.status;
            ensure(gone == StatusCode::NOT_FOUND, || {
                format!("a report that was not written answered {gone}")
            })?;
        }
        let queue = deployed.stack.physical_id(QUEUE).map_err(outside)?;
        for letter in [failed(queue, first), undelivered(queue, second)] {
            deployed.aws.json("sqs", "AmazonSQS.SendMessage", &letter).await.map_err(outside)?;
        }
        let folder = tempfile::tempdir()?;
        let aws = cli_of_queues(folder.path())?;
        let mut redrive = Command::new(root().join("infra/redrive"));
        redrive.args(["--stack", &deployed.stack.name, "--function", FUNCTION]).env("AWS_CLI", aws);
        let (_, told) = self.run(redrive).await?;
        ensure(told.contains("2 sent, 0 left"), || format!("it said {told}"))?;
        let left = waiting(&deployed.aws, queue).await.map_err(outside)?;
        ensure(left.is_empty(), || format!("in the queue are still {}", left.join(", ")))?;
        for (event, lines) in [first, second].into_iter().zip(lines) {
            let again = until("a report after its dead letter was sent again", || async {
                let answer = report(rest, event).await?;
                Ok((answer.status == StatusCode::OK).then_some(answer))
            })
            .await?;
            ensure(again.body.lines().count() == lines, || {
                "the report written again has another length".to_owned()
            })?;
        }
        Ok("2 reports written by what lay in the dead-letter queue".to_owned())
    }

    /// Both outputs of a command that must succeed.
    async fn run(&self, mut command: Command) -> Result<(String, String), Problem> {
        let output = command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure(output.status.success(), || format!("a command failed:\n{told}\n{errors}"))?;
        Ok((told, errors))
    }
}

fn counted(blocks: usize) -> String {
    if blocks == 1 { "the block".to_owned() } else { format!("{blocks} blocks") }
}

/// The first two events of different full runs that ended.
fn full_runs(events: &[Value]) -> Vec<Value> {
    let mut ends: Vec<Value> = Vec::new();
    for event in events {
        let is_new = || {
            let run = text(event, "/detail/runId");
            ends.iter().all(|end| text(end, "/detail/runId") != run)
        };
        let is_full = text(event, "/detail-type") == "SyncRunFinished"
            && text(event, "/detail/kind") == "full";
        if is_full && ends.len() < 2 && is_new() {
            ends.push(event.clone());
        }
    }
    ends
}

/// The report of the run that an event tells of.
async fn report(rest: &Rest, event: &Value) -> Result<Answer, Problem> {
    let of = |name: &str| text(event, &format!("/detail/{name}"));
    let path = format!(
        "/v1/accounts/{}/connections/{}/runs/{}/report",
        of("accountId"),
        of("connectionId"),
        of("runId")
    );
    rest.send(Method::GET, &path, None, &[]).await
}

/// As if the run's report had never been written.
async fn forget_report(deployed: &Deployed, event: &Value) -> Result<(), Problem> {
    let partition = format!("RUNS#{}", text(event, "/detail/connectionId"));
    let request = json!({
        "Key": {"pk": {"S": partition}, "sk": {"S": text(event, "/detail/runId")}},
        "UpdateExpression": "SET #doc.#ready = :no",
        "ConditionExpression": "#doc.#ready = :yes",
        "ExpressionAttributeNames": {"#doc": "doc", "#ready": "reportReady"},
        "ExpressionAttributeValues": {":no": {"BOOL": false}, ":yes": {"BOOL": true}},
    });
    deployed.table("StateTable", "UpdateItem", request).await?;
    Ok(())
}

/// What Lambda leaves of an event that a function failed on for the last time.
fn failed(queue: &str, event: &Value) -> Value {
    let letter = json!({
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "requestContext": {
            "requestId": "00000000-0000-4000-8000-000000000001",
            "functionArn": format!("arn:aws:lambda:{REGION}:000000000000:function:{FUNCTION}:live"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200, "executedVersion": "1", "functionError": "Unhandled",
        },
        "responsePayload": {"errorType": "Report", "errorMessage": "a report could not be compiled"},
    });
    json!({"QueueUrl": queue, "MessageBody": letter.to_string()})
}

/// What a rule leaves of an event that it could not start the function with.
fn undelivered(queue: &str, event: &Value) -> Value {
    let attribute = |text: &str| json!({"DataType": "String", "StringValue": text});
    json!({
        "QueueUrl": queue,
        "MessageBody": event.to_string(),
        "MessageAttributes": {
            "ERROR_CODE": attribute("THROTTLING"),
            "ERROR_MESSAGE": attribute("Rate exceeded"),
            "EXHAUSTED_RETRY_CONDITION": attribute("MaximumRetryAttempts"),
        },
    })
}

/// What a queue holds, in sight or handed out.
async fn waiting(aws: &Aws, queue: &str) -> Result<Vec<String>, AwsError> {
    const COUNTS: [&str; 2] =
        ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let request = json!({"QueueUrl": queue, "AttributeNames": COUNTS});
    let answer = aws.json("sqs", "AmazonSQS.GetQueueAttributes", &request).await?;
    Ok(COUNTS
        .iter()
        .map(|count| (count, text(&answer, &format!("/Attributes/{count}"))))
        .filter(|(_, number)| *number != "0")
        .map(|(count, number)| format!("{count} {number}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_full_runs_are_taken() {
        let events: Vec<Value> = [("a", "delta"), ("b", "full"), ("b", "full"), ("c", "full")]
            .into_iter()
            .map(|(run, kind)| {
                let detail = json!({"runId": run, "kind": kind});
                json!({"detail-type": "SyncRunFinished", "detail": detail})
            })
            .collect();
        let runs = full_runs(&events);
        let runs: Vec<&str> = runs.iter().map(|run| text(run, "/detail/runId")).collect();
        assert_eq!(runs, ["b", "c"]);
    }
}
