//! How fast the webhook answers while Graph posts at a steady rate, beside a handler that does
//! nothing behind the same gateway and Runtime API. What others do with a hint is not measured.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken measurement may panic")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions in a list of some thousand figures"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use contact_sync_flows::{Scene, SceneOptions};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::held_table::HeldTable;
use crate::programs::{median, programs};
use crate::table::Row;

/// Appended to the template of this measurement alone.
const BARE_HANDLER: &str = "
  BareHandler:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {Binary: bare-handler}
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: ../functions/bare-handler
      Timeout: 3
      MemorySize: 256
      Role: !GetAtt GraphWebhookRole.Arn
      Environment:
        # The mark by which `bare::is_meant` knows its process.
        Variables: {BARE_HANDLER: \"1\"}
      Events:
        Bare:
          Type: HttpApi
          Properties: {ApiId: !Ref HttpApi, Method: POST, Path: \"/bare\"}
";

/// Answer times of one round, in milliseconds, sorted.
struct Round(Vec<f64>);

impl Round {
    fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len() - 1;
        self.0[(last as f64 * part).round() as usize]
    }
}

/// Measures `rounds` rounds of `seconds` at `rate` requests a second, one handler after the other.
pub(crate) async fn measure(
    rate: u32,
    seconds: u32,
    rounds: u32,
    artefacts: Option<PathBuf>,
) -> Vec<Row> {
    assert!(rate > 0 && seconds > 0 && rounds > 0, "give a rate, seconds and rounds above zero");
    let mut options = SceneOptions::with_users(20);
    options.settings.notifications.enabled = false;
    options.log_level = "WARN";
    let table = HeldTable::start().await;
    options.environment.push(("graph-webhook", "AWS_ENDPOINT_URL_DYNAMODB", table.url()));
    options.further_resources = BARE_HANDLER;
    options.runs_schedules = false;
    options.further_programs = artefacts.map(|folder| deployed(&folder)).unwrap_or_default();
    options.further_programs.push(("bare-handler".to_owned(), this_program()));
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    let record = scene.subscription_record("users").await;
    table.hold(&record, &scene.sync_state(&customer.connection).await);
    let text = |name: &str| record["doc"]["M"][name]["S"].as_str().expect("a text").to_owned();
    let path = format!("/webhooks/graph?s={}", text("key"));
    let person = customer.people_in_scope()[0].id().to_owned();
    let body = notification(&scene, &text("graphId"), &text("clientState"), &person).to_string();

    // Processes start and caches fill outside the measurement.
    for path in [path.as_str(), "/bare"] {
        round(&scene, path, &body, rate / 4, 1).await;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        // Who goes first alternates.
        for turn in 0..2 {
            if (number + turn) % 2 == 0 {
                ours.push(round(&scene, &path, &body, rate, seconds).await);
            } else {
                theirs.push(round(&scene, "/bare", &body, rate, seconds).await);
            }
        }
    }
    let mut rows = Vec::new();
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let webhook = median(ours.iter().map(|round| round.quantile(part)).collect());
        let bare = median(theirs.iter().map(|round| round.quantile(part)).collect());
        rows.push(told(format!("graph-webhook: {name} at {rate}/s"), webhook));
        rows.push(told(format!("bare handler: {name} at {rate}/s"), bare));
        let (must, aim) = if part > 0.9 { (Some(5.0), Some(1.5)) } else { (None, None) };
        rows.push(Row {
            what: format!("{name}: webhook over bare, medians of rounds"),
            counted: webhook / bare,
            unit: "times",
            must,
            aim,
        });
    }
    rows
}

/// Posts at a steady rate whether or not answers come (an open loop), and notes how long each took
/// from when it was due.
async fn round(scene: &Scene, path: &str, body: &str, rate: u32, seconds: u32) -> Round {
    let url = format!("{}{path}", scene.stack.url());
    let pause = Duration::from_secs(1) / rate.max(1);
    let begun = Instant::now();
    let mut posts = JoinSet::new();
    for number in 0..rate * seconds {
        let due = begun + pause * number;
        tokio::time::sleep_until(due).await;
        let post = scene
            .http()
            .post(&url)
            .header("content-type", "application/json; charset=utf-8")
            .body(body.to_owned())
            .send();
        posts.spawn(async move {
            let answer = post.await.expect("the gateway answers");
            assert_eq!(answer.status(), 202, "a notification was refused");
            due.elapsed().as_secs_f64() * 1e3
        });
    }
    let mut taken = posts.join_all().await;
    taken.sort_by(f64::total_cmp);
    scene.stack.until_quiet(Duration::from_mins(1)).await;
    Round(taken)
}

fn notification(scene: &Scene, subscription: &str, client_state: &str, user: &str) -> Value {
    json!({"value": [{
        "changeType": "updated",
        "clientState": client_state,
        "resource": format!("Users/{user}"),
        "subscriptionId": subscription,
        "subscriptionExpirationDateTime": "2026-12-18T10:00:00.0000000Z",
        "tenantId": scene.tenant,
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.User",
            "@odata.id": format!("Users/{user}"),
            "id": user,
            "organizationId": scene.tenant,
            "eventTime": "2026-11-22T01:47:00.2455823Z",
            "sequenceNumber": 636_784_480_202_455_808_u64,
        },
    }]})
}

/// The programs of the artefacts; of functions that are not among them, cargo builds one.
fn deployed(artefacts: &Path) -> Vec<(String, PathBuf)> {
    let programs = programs(artefacts).into_iter();
    programs.map(|(name, program)| (name, program.canonicalize().expect("a program"))).collect()
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("a program knows its file")
}

fn told(what: String, counted: f64) -> Row {
    Row { what, counted, unit: "ms", must: None, aim: None }
}
