use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId};
use contact_sync_domain::plan::{Basis, Plan, Summary};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{FieldChange, Outcome, Phase, Segment, SegmentItem};
use contact_sync_engine::memory::{HeldClock, MemoryBlobs, MemoryStore};
use contact_sync_engine::port::SegmentRef;
use contact_sync_engine::report::ReportFile;
use contact_sync_engine::segments::store_segment;
use jiff::Timestamp;
use lambda_runtime::Context;
use serde_json::json;

use super::*;

/// The stores of one run.
#[derive(Default)]
struct World {
    store: MemoryStore,
    blobs: MemoryBlobs,
}

impl World {
    async fn handle(&self, case: &str) -> Result<(), Failure> {
        handle(&self.store, &self.blobs, &HeldClock::at(Timestamp::UNIX_EPOCH), event(case)).await
    }
}

fn ids() -> (AccountId, ConnectionId, RunId) {
    let run = RunId::parse("run_0198c1f0a4c07e1b9d3f6a5b4c3d2e1f").unwrap();
    (AccountId::from_bits(1), ConnectionId::from_bits(2), run)
}

fn event(case: &str) -> LambdaEvent<Envelope> {
    let path = format!("{}/../../events/sync-report/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let envelope = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    LambdaEvent::new(envelope, Context::default())
}

fn item(number: u128, outcome: Outcome, email: &str) -> SegmentItem {
    let change = FieldChange {
        field: Target::Field(ContactField::Email),
        old: json!(null),
        new: json!(email),
        source: "[mail]".into(),
        rule: "overwrite".into(),
    };
    let failed = outcome == Outcome::Failed;
    SegmentItem {
        fields: if failed { vec![] } else { vec![change] },
        reason: failed.then(|| "mobilePhone is required, but empty".into()),
        email: failed.then(|| email.to_owned()),
        ..blank_item(
            &ObjectId::from_u128(number),
            (!failed).then(|| ContactId::from_bits(number)),
            outcome,
        )
    }
}

/// A run of one page with a person made and one that failed.
async fn world(kind: RunKind) -> World {
    let (account_id, connection_id, id) = ids();
    let world = World::default();
    let segment = Segment::of(
        0,
        Phase::List,
        1,
        vec![
            item(1, Outcome::Create, "ada@contoso.example"),
            item(2, Outcome::Failed, "=bob@contoso.example"),
        ],
    );
    let World { store, blobs } = &world;
    let run = (&id, Retention::default());
    store_segment(store, blobs, &account_id, &connection_id, run, segment).await.unwrap();
    let run = Run {
        status: RunStatus::Partial,
        pages: 1,
        ..Run::queued(
            id.clone(),
            (account_id, connection_id),
            (kind, Trigger::Manual),
            0,
            Timestamp::UNIX_EPOCH,
        )
    };
    store.world().runs.insert(id, run);
    world
}

#[tokio::test]
async fn a_finished_run_has_its_report_in_every_form() {
    for (case, kind) in
        [("full-run-finished", RunKind::Full), ("delta-run-finished", RunKind::Delta)]
    {
        let world = world(kind).await;
        world.handle(case).await.unwrap();
        let run = world.store.world().runs[&ids().2].clone();
        let file = |file: ReportFile| world.blobs.all()[&file.key(&run)].clone();
        let table = |form| String::from_utf8(file(form)).unwrap();
        assert_eq!(
            table(ReportFile::Simple),
            "Email,Type,Sync Status,Result\r\n\
             ada@contoso.example,New,Success,\r\n\
             '=bob@contoso.example,New,Failed,\"The field mobilePhone is required, but empty.\"\r\n",
            "{case}"
        );
        let extended = table(ReportFile::Extended);
        assert!(extended.starts_with("Email,Type,Sync Status,Result,What Happened,"), "{case}");
        assert!(file(ReportFile::JsonLines).starts_with(&[0x1f, 0x8b]), "{case}");
        assert!(run.report_ready, "{case}");
    }
}

#[tokio::test]
async fn a_planned_run_has_the_report_of_its_plan_and_is_not_marked() {
    let world = world(RunKind::Preview).await;
    let planned = {
        let plan = Plan {
            hash: "3f".repeat(32),
            pages: 1,
            basis: Basis { settings_version: 1, draft: false },
            summary: Summary::default(),
            made_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            approved: None,
        };
        let plan = Some(Box::new(plan));
        let run = world.store.world().runs[&ids().2].clone();
        Run { status: RunStatus::Planned, plan, ..run }
    };
    world.store.world().runs.insert(ids().2, planned.clone());
    world.handle("run-planned").await.unwrap();
    let names = ReportFile::ALL.map(|file| file.key(&planned));
    let ends = ["-plan.csv", "-plan-extended.csv", "-plan.jsonl.gz"];
    for (name, end) in names.iter().zip(ends) {
        assert!(name.ends_with(end), "{name}");
        assert!(world.blobs.all().contains_key(name), "{name}");
    }
    let simple = String::from_utf8(world.blobs.all()[&names[0]].clone()).unwrap();
    assert!(simple.contains("\r\nada@contoso.example,New,Success,\r\n"), "{simple}");
    assert_eq!(world.store.world().runs[&ids().2], planned);
}

#[tokio::test]
async fn a_run_whose_connection_was_deleted_is_nobodys_trouble() {
    let world = World::default();
    world.handle("full-run-finished").await.unwrap();
    assert!(world.blobs.all().is_empty());
}

#[tokio::test]
async fn a_report_that_cannot_be_compiled_is_tried_again() {
    let world = world(RunKind::Full).await;
    world.store.world().segments.insert((ids().2, 0), SegmentRef::Blob("lost".into()));
    assert!(world.handle("full-run-finished").await.is_err());
}

#[tokio::test]
async fn a_receipt_that_went_with_its_account_is_nobodys_trouble() {
    World::default().handle("erasure-requested").await.unwrap();
}
