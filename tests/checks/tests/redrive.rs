//! `infra/redrive` against an `aws` that only writes down what it is asked.
#![expect(clippy::expect_used, reason = "a broken check may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use contact_sync_checks::root;

/// Two dead letters as Lambda and a rule leave them; the second round finds nothing new.
const AWS: &str = r#"#!/usr/bin/env python3
import json, os, sys
here = os.environ["HERE"]
arguments = sys.argv[1:]
with open(here + "/asked", "a") as asked:
    payload = next((a[9:] for a in arguments if a.startswith("fileb://")), None)
    shown = [a for a in arguments if not a.startswith("/") and not a.startswith("fileb://")]
    asked.write(" ".join(shown) + (" " + open("/" + payload.lstrip("/")).read() if payload else "") + "\n")
call = arguments[1]
if call == "describe-stack-resource":
    name = arguments[arguments.index("--logical-resource-id") + 1]
    answer = {"StackResourceDetail": {"PhysicalResourceId": "physical-" + name}}
elif call == "receive-message":
    wrapped = {"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": {"detail": {"n": 1}}}
    bare = {"detail-type": "SyncRequested", "detail": {"n": 2}}
    bodies = [wrapped, bare] if os.environ.get("KIND") != "stream" else [{"DDBStreamBatchInfo": {
        "shardId": "s", "startSequenceNumber": "100", "endSequenceNumber": "101", "batchSize": 2,
        "streamArn": "arn:stream"}}]
    answer = {"Messages": [{"MessageId": str(n), "ReceiptHandle": "r%d" % n, "Body": json.dumps(b)}
                           for n, b in enumerate(bodies)]}
elif call == "get-shard-iterator":
    answer = {"ShardIterator": "i"}
elif call == "get-records":
    answer = {"NextShardIterator": "i", "Records": [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(n),
         "ApproximateCreationDateTime": "2026-11-22T00:00:00+00:00"}} for n in (100, 101, 102)]}
elif call == "invoke":
    with open(arguments[-3], "w") as told:
        told.write(os.environ.get("TOLD", "{}"))
    answer = {"StatusCode": 202}
else:
    answer = {}
print(json.dumps(answer))
"#;

fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output();
    found.is_ok_and(|found| found.status.success())
}

fn redrive(here: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (Output, Vec<String>) {
    let aws = here.join("aws");
    std::fs::write(&aws, AWS).expect("a program");
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).expect("it may run");
    let output = Command::new(root().join("infra/redrive"))
        .args(["--stack", "app"])
        .args(arguments)
        .env("AWS_CLI", aws)
        .env("HERE", here)
        .envs(environment.iter().copied())
        .output()
        .expect("it runs");
    let asked = std::fs::read_to_string(here.join("asked")).unwrap_or_default();
    (output, asked.lines().map(str::to_owned).collect())
}

#[test]
fn what_waits_is_sent_to_its_function_and_then_removed() {
    if !has_python() {
        return;
    }
    let here = tempfile::tempdir().expect("a folder");
    let (output, asked) = redrive(here.path(), &["--function", "full-sync"], &[]);
    assert!(output.status.success(), "{output:?}");
    let invoked: Vec<&String> = asked.iter().filter(|call| call.contains("invoke")).collect();
    assert_eq!(invoked.len(), 2, "{asked:?}");
    assert!(invoked[0].contains("physical-FullSync --qualifier live"), "{asked:?}");
    assert!(invoked[0].ends_with(r#"{"detail": {"n": 1}}"#), "Lambda's wrapping is taken off");
    assert!(invoked[1].contains(r#""detail-type": "SyncRequested""#), "a rule's event stays");
    let removed = asked.iter().filter(|call| call.contains("delete-message")).count();
    assert_eq!(removed, 2, "{asked:?}");
}

#[test]
fn who_only_looks_changes_nothing() {
    if !has_python() {
        return;
    }
    let here = tempfile::tempdir().expect("a folder");
    let (output, asked) = redrive(here.path(), &["--function", "full-sync", "--dry-run"], &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    assert!(!asked.iter().any(|call| call.contains("invoke") || call.contains("delete")));
}

#[test]
fn unpublished_changes_are_read_from_the_stream_and_stay_until_all_are_taken() {
    if !has_python() {
        return;
    }
    for (told, removed) in [("{}", 1), (r#"{"batchItemFailures": [{"itemIdentifier": "101"}]}"#, 0)]
    {
        let here = tempfile::tempdir().expect("a folder");
        let environment = [("KIND", "stream"), ("TOLD", told)];
        let (_, asked) = redrive(here.path(), &["--function", "event-publisher"], &environment);
        let invoked = asked.iter().find(|call| call.contains("invoke")).expect("an invocation");
        assert!(invoked.contains(r#""SequenceNumber": "101""#), "{invoked}");
        assert!(!invoked.contains(r#""SequenceNumber": "102""#), "not what was published");
        assert!(invoked.contains(r#""ApproximateCreationDateTime": 1"#), "as Lambda writes it");
        let gone = asked.iter().filter(|call| call.contains("delete-message")).count();
        assert_eq!(gone, removed, "{asked:?}");
    }
}
