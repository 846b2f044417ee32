mod plans;

use std::collections::BTreeMap;
use std::io::Read;

use contact_sync_domain::contact::{
    Contact, ContactField, ContactSource, ContactStatus, LinkState, Target,
};
use contact_sync_domain::id::{ContactId, ObjectId, TenantId};
use contact_sync_domain::reconcile::{GoneCause, blank_item};
use contact_sync_domain::report::defused;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::review::{Departure, ReviewItem, ReviewList, ReviewUser};
use contact_sync_domain::run::{Counts, Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{
    Deviation, FieldChange, LinkChange, Outcome, Phase, Segment, SegmentItem,
};
use contact_sync_domain::settings::RemovalAction;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::memory::{MemoryBlobs, MemoryStore};
use crate::port::{PendingItem, PendingKind, SegmentRef, StoredContact};
use crate::segments::store_segment;

fn ids() -> (AccountId, ConnectionId, RunId) {
    (AccountId::from_bits(1), ConnectionId::from_bits(2), RunId::from_bits(3))
}

fn user(number: u32) -> ObjectId {
    ObjectId::from_u128(number.into())
}

fn contact_id(number: u32) -> ContactId {
    ContactId::derived(&AccountId::from_bits(1), &TenantId::from_u128(9), &user(number))
}

fn item(number: u32, outcome: Outcome) -> SegmentItem {
    SegmentItem { version: 1, ..blank_item(&user(number), Some(contact_id(number)), outcome) }
}

fn created(number: u32, email: &str) -> SegmentItem {
    let change = FieldChange {
        field: Target::Field(ContactField::Email),
        old: json!(null),
        new: json!(email),
        source: "[mail]".into(),
        rule: "overwrite".into(),
    };
    SegmentItem { version: 0, fields: vec![change], ..item(number, Outcome::Create) }
}

fn failed(number: u32, email: &str) -> SegmentItem {
    SegmentItem {
        contact_id: None,
        reason: Some("mobilePhone is required but empty".into()),
        remedy: Some("Fill it in Entra".into()),
        email: Some(email.into()),
        ..item(number, Outcome::Failed)
    }
}

/// The stores of one run.
#[derive(Default)]
struct World {
    store: MemoryStore,
    blobs: MemoryBlobs,
}

impl World {
    fn of(kind: RunKind) -> Self {
        let (account_id, connection_id, id) = ids();
        let run = Run {
            status: RunStatus::Succeeded,
            ..Run::queued(
                id,
                (account_id, connection_id),
                (kind, Trigger::Manual),
                0,
                Timestamp::UNIX_EPOCH,
            )
        };
        let world = Self::default();
        world.store.world().runs.insert(run.id.clone(), run);
        world
    }

    fn run(&self) -> Run {
        self.store.world().runs[&ids().2].clone()
    }

    fn put(&self, run: Run) {
        self.store.world().runs.insert(run.id.clone(), run);
    }

    async fn page(&self, phase: Phase, items: Vec<SegmentItem>) {
        let (account, connection, run) = ids();
        let page = {
            let mut run = self.run();
            run.pages += 1;
            let page = run.pages - 1;
            self.put(run);
            page
        };
        let segment = Segment::of(page, phase, 1, items);
        let run = (&run, Retention::default());
        store_segment(&self.store, &self.blobs, &account, &connection, run, segment).await.unwrap();
    }

    fn contact(&self, number: u32, email: &str) {
        let contact = Contact {
            id: contact_id(number),
            account_id: AccountId::from_bits(1),
            version: 1,
            status: ContactStatus::Active,
            source: ContactSource::Entra,
            fields: BTreeMap::from([(ContactField::Email, email.to_owned())]),
            custom: BTreeMap::new(),
            written: Vec::new(),
            managed_fields: Vec::new(),
            protected: false,
            link: None,
            sync: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let stored = StoredContact::Present(Box::new(contact));
        self.store.world().contacts.insert(contact_id(number), stored);
    }

    async fn compile(&self) -> Result<Compiled, ReportError> {
        let (account, connection, run) = ids();
        let run = (&account, &connection, &run);
        compile_report(&self.store, &self.blobs, run, "text/csv", Lines::default).await
    }

    /// The lines of a compiled form, cells separated by bars.
    fn lines(&self, extended: bool) -> Vec<String> {
        let file = if extended { ReportFile::Extended } else { ReportFile::Simple };
        let text = String::from_utf8(self.file(file)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn file(&self, file: ReportFile) -> Vec<u8> {
        self.blobs.all()[&file.key(&self.run())].clone()
    }

    /// The JSON lines of a compiled report.
    fn objects(&self) -> Vec<Value> {
        let mut text = String::new();
        let packed = self.file(ReportFile::JsonLines);
        GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn simple(&self) -> Vec<String> {
        self.compile().await.unwrap();
        let lines = self.lines(false);
        assert_eq!(lines[0], "Email|Type|Sync Status|Result");
        lines[1..].to_vec()
    }
}

/// A sheet in the plainest format.
#[derive(Default)]
struct Lines(String);

impl Sheet for Lines {
    fn add(&mut self, cells: &[String]) -> Result<(), BoxError> {
        self.0.push_str(&cells.join("|"));
        self.0.push('\n');
        Ok(())
    }
    fn finish(self) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.into_bytes())
    }
}

#[tokio::test]
async fn a_full_report_tells_of_everyone_who_was_processed() {
    let world = World::of(RunKind::Full);
    world.contact(2, "two@contoso.example");
    world.contact(3, "three@contoso.example");
    let skipped = SegmentItem {
        contact_id: None,
        reason: Some("userType is Guest".into()),
        ..item(5, Outcome::Skipped)
    };
    let first = vec![created(1, "one@contoso.example"), item(2, Outcome::Unchanged)];
    world.page(Phase::List, first).await;
    let second = vec![item(3, Outcome::Update), failed(4, "four@contoso.example"), skipped];
    world.page(Phase::List, second).await;
    assert_eq!(
        world.simple().await,
        [
            "one@contoso.example|New|Success|",
            "two@contoso.example|Existing|Success|",
            "three@contoso.example|Existing|Success|",
            "four@contoso.example|New|Failed|The field mobilePhone is required but empty. Fill it in Entra.",
        ]
    );
    let extended = world.lines(true);
    assert_eq!(extended.len(), 6);
    assert!(extended[5].contains("skipped") && extended[5].contains("userType is Guest"));
    assert!(world.run().report_ready);
}

#[tokio::test]
async fn a_delta_report_tells_of_what_changed_or_failed_and_reads_nobody_else() {
    let world = World::of(RunKind::Delta);
    world.contact(1, "one@contoso.example");
    world.contact(2, "two@contoso.example");
    let items = vec![item(1, Outcome::Unchanged), item(2, Outcome::Update)];
    world.page(Phase::Delta, items).await;
    assert_eq!(world.simple().await, ["two@contoso.example|Existing|Success|"]);
    assert_eq!(world.store.world().contact_reads, 1);
}

#[tokio::test]
async fn a_person_of_several_pages_is_told_once_as_things_ended() {
    let world = World::of(RunKind::Full);
    for number in 1..=3 {
        world.contact(number, &format!("new{number}@contoso.example"));
    }
    let listed = vec![
        created(1, "old1@contoso.example"),
        item(2, Outcome::Update),
        item(3, Outcome::Unchanged),
        created(4, "four@contoso.example"),
    ];
    world.page(Phase::List, listed).await;
    let drained =
        vec![item(3, Outcome::Update), item(1, Outcome::Update), failed(2, "two@contoso.example")];
    world.page(Phase::Drain, drained).await;
    assert_eq!(
        world.simple().await,
        [
            "four@contoso.example|New|Success|",
            "new3@contoso.example|Existing|Success|",
            "new1@contoso.example|New|Success|",
            "two@contoso.example|New|Failed|The field mobilePhone is required but empty. Fill it in Entra.",
        ]
    );
}

#[tokio::test]
async fn what_went_otherwise_than_intended_is_told_as_it_went() {
    let world = World::of(RunKind::Full);
    world.page(Phase::List, vec![created(1, "one@contoso.example")]).await;
    let deviation = Deviation {
        object_id: user(1),
        outcome: Outcome::Failed,
        reason: Some("the e-mail belongs to another contact".into()),
        remedy: None,
        item: None,
    };
    world.store.world().deviations.insert((ids().2, 0), vec![deviation]);
    assert_eq!(world.simple().await, ["|New|Failed|The e-mail belongs to another contact."]);
}

#[tokio::test]
async fn people_who_left_are_told_in_the_extended_form() {
    let world = World::of(RunKind::Full);
    world.contact(1, "one@contoso.example");
    let left = SegmentItem {
        link: Some(LinkChange::new(Some(LinkState::Linked), LinkState::Removed)),
        ..item(1, Outcome::StopUpdating)
    };
    world.page(Phase::Judgement, vec![left]).await;
    assert_eq!(world.simple().await, Vec::<String>::new());
    assert!(world.lines(true)[1].starts_with("one@contoso.example|Existing|Success||removed|"));
}

#[tokio::test]
async fn removals_that_the_guard_held_back_wait_and_those_that_policy_spares_are_kept() {
    let world = World::of(RunKind::Full);
    world.put(Run { status: RunStatus::Blocked, ..world.run() });
    world.contact(1, "one@contoso.example");
    world.contact(2, "two@contoso.example");
    let left = |number| SegmentItem {
        reason: Some("deleted in Entra for good".into()),
        ..item(number, Outcome::Keep)
    };
    world.page(Phase::List, vec![left(1), left(2)]).await;
    let staged =
        PendingItem { key: user(1).as_str().to_owned(), expires_at: None, body: json!({}) };
    let (_, connection, _) = ids();
    world.store.put_pending(&connection, PendingKind::Removal, &[staged]).await.unwrap();
    world.compile().await.unwrap();
    let lines = world.lines(true);
    assert!(lines[1].starts_with("one@contoso.example|Existing|Success||waiting for review|"));
    assert!(lines[1].contains("approve or refuse it"), "{lines:?}");
    assert!(lines[2].starts_with("two@contoso.example|Existing|Success||kept|"), "{lines:?}");
}

#[tokio::test]
async fn whoever_is_in_days_of_grace_is_not_told_as_held_back_by_the_guard() {
    let world = World::of(RunKind::Full);
    world.put(Run { status: RunStatus::Blocked, ..world.run() });
    let (account_id, connection_id, _) = ids();
    for number in 1..=2 {
        world.contact(number, &format!("user{number}@contoso.example"));
        let staged =
            PendingItem { key: user(number).to_string(), expires_at: None, body: json!({}) };
        let kind = PendingKind::Removal;
        world.store.put_pending(&connection_id, kind, &[staged]).await.unwrap();
    }
    let left = |number| SegmentItem {
        reason: Some("deleted in Entra for good".into()),
        ..item(number, Outcome::Keep)
    };
    world.page(Phase::List, vec![left(1), left(2)]).await;
    // The guard holds the first one back; the second one's date has not come.
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    for (number, acts_at) in [(1, None), (2, Some(at))] {
        let departure = Departure {
            action: Some(RemovalAction::Delete),
            acts_at,
            held: acts_at.is_none(),
            ..Departure::of(GoneCause::HardDeleted)
        };
        let asked = ReviewItem {
            account_id: account_id.clone(),
            connection_id: connection_id.clone(),
            list: ReviewList::Removals,
            user: ReviewUser {
                object_id: user(number),
                display_name: None,
                user_principal_name: None,
            },
            version: 1,
            contact_id: Some(contact_id(number)),
            candidates: Vec::new(),
            changes: Vec::new(),
            matched: None,
            suggested: None,
            departure: Some(Box::new(departure)),
            status: None,
            versions: std::collections::BTreeMap::new(),
            reason: None,
            remedy: None,
            run: "run_3".to_owned(),
            since: at,
        };
        assert!(world.store.put_review(&asked, None).await.unwrap());
    }
    world.compile().await.unwrap();
    let lines = world.lines(true);
    assert!(lines[1].starts_with("user1@contoso.example|Existing|Success||waiting for review|"));
    assert!(lines[2].starts_with("user2@contoso.example|Existing|Success||kept|"), "{lines:?}");
    assert!(!lines[2].contains("approve or refuse"), "{lines:?}");
}

#[tokio::test]
async fn a_run_that_never_read_a_page_has_a_report_with_headings_only() {
    let world = World::of(RunKind::Full);
    world.put(Run { status: RunStatus::Failed, ..world.run() });
    assert_eq!(world.compile().await.unwrap(), Compiled::Stored { simple: 0, extended: 0 });
    assert_eq!(world.lines(false), ["Email|Type|Sync Status|Result"]);
    assert_eq!(world.lines(true).len(), 1);
}

#[tokio::test]
async fn a_repeated_event_makes_nothing_new() {
    let world = World::of(RunKind::Full);
    world.page(Phase::List, vec![created(1, "one@contoso.example")]).await;
    assert_eq!(world.compile().await.unwrap(), Compiled::Stored { simple: 1, extended: 1 });
    let before = world.blobs.all().clone();
    assert_eq!(world.compile().await.unwrap(), Compiled::Known);
    world.put(Run { report_ready: false, ..world.run() });
    assert_eq!(world.compile().await.unwrap(), Compiled::Stored { simple: 1, extended: 1 });
    assert_eq!(*world.blobs.all(), before);
}

#[tokio::test]
async fn a_run_that_is_gone_or_goes_on_has_no_report() {
    let world = World::of(RunKind::Full);
    world.put(Run { status: RunStatus::Running, ..world.run() });
    assert_eq!(world.compile().await.unwrap(), Compiled::NoSuchRun);
    world.store.world().runs.clear();
    assert_eq!(world.compile().await.unwrap(), Compiled::NoSuchRun);
    assert!(world.blobs.all().is_empty());
}

#[tokio::test]
async fn a_segment_that_cannot_be_read_leaves_no_report_that_lies() {
    let world = World::of(RunKind::Full);
    world.page(Phase::List, vec![created(1, "one@contoso.example")]).await;
    world.store.world().segments.insert((ids().2, 0), SegmentRef::Blob("gone".into()));
    assert!(matches!(world.compile().await, Err(ReportError::Store(_))));
    assert!(!world.run().report_ready);
}

#[tokio::test]
async fn a_large_directory_keeps_its_order() {
    let world = World::of(RunKind::Full);
    for page in 0..20 {
        let items = (0..500).map(|index| page * 500 + index);
        let items = items.map(|number| created(number, &format!("p{number:05}@contoso.example")));
        world.page(Phase::List, items.collect()).await;
    }
    let lines = world.simple().await;
    assert_eq!(lines.len(), 10_000);
    assert!(lines.is_sorted());
}

#[tokio::test]
async fn machines_read_the_same_people_as_the_extended_table_and_then_the_run() {
    let world = World::of(RunKind::Full);
    world.contact(2, "two@contoso.example");
    let counts =
        Counts { seen: 3, in_scope: 3, created: 1, updated: 1, failed: 1, ..Counts::default() };
    world.put(Run { counts, status: RunStatus::Partial, ..world.run() });
    let people = vec![
        created(1, "=one@contoso.example"),
        item(2, Outcome::Update),
        failed(3, "three@contoso.example"),
    ];
    world.page(Phase::List, people).await;
    world.compile().await.unwrap();
    let mut objects = world.objects();
    let end = objects.pop().unwrap()["run"].take();
    assert_eq!((&end["id"], &end["people"]), (&json!(ids().2), &json!(3)));
    assert_eq!((&end["status"], &end["counts"]["failed"]), (&json!("partial"), &json!(1)));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let projected: Vec<String> = objects
        .iter()
        .map(|line| ["email", "type", "status", "result", "happened"].map(|name| text(line, name)))
        .map(|[email, cells @ ..]| format!("{}|{}", defused(&email), cells.join("|")))
        .collect();
    let table = world.lines(true);
    assert_eq!(projected.len(), table.len() - 1);
    for (line, row) in projected.iter().zip(&table[1..]) {
        assert!(row.starts_with(line.as_str()), "{row} is told to machines as {line}");
    }
    assert_eq!(objects[0]["fields"][0]["new"], "=one@contoso.example");
}

#[tokio::test]
async fn a_report_lies_with_those_that_are_kept_as_long() {
    let world = World::of(RunKind::Full);
    let kept = Retention { report_days: 365, ..Retention::default() };
    world.put(Run { kept, ..world.run() });
    world.compile().await.unwrap();
    let blobs = world.blobs.all();
    assert_eq!(blobs.len(), 3);
    assert!(blobs.keys().all(|key| key.starts_with("reports-365d/")), "{:?}", blobs.keys());
}

#[tokio::test]
async fn machines_are_told_of_a_run_that_never_read_a_page() {
    let world = World::of(RunKind::Full);
    world.put(Run { status: RunStatus::Failed, reason: Some("no".into()), ..world.run() });
    world.compile().await.unwrap();
    let objects = world.objects();
    assert_eq!((objects.len(), &objects[0]["run"]["reason"]), (1, &json!("no")));
}
