//! Runs: Sync Now, what changed, reports; and the events that can be read again.

use std::io::Write;

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::event::{ContactEvent, ContactEventKind};
use contact_sync_domain::id::{AccountId, ContactId, ObjectId, RunId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::{Retention, folders};
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::segment::{Deviation, FieldChange, Outcome, Phase, Segment, SegmentItem};
use contact_sync_engine::port::{Blobs, Clock};
use contact_sync_engine::report::PACKED_LINES;
use contact_sync_engine::segments::store_segment;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::harness::{ACCOUNT, App, Ask, CONNECTION, account_id, connection_id, of_connection};

async fn start(app: &App, kind: &str) -> super::harness::Answer {
    app.ask(Ask::post(of_connection("/runs"), &json!({"kind": kind})).role("operator")).await
}

fn run_id(run: &Value) -> RunId {
    RunId::parse(run["id"].as_str().unwrap()).unwrap()
}

fn of_run(run: &Value, rest: &str) -> String {
    of_connection(&format!("/runs/{}{rest}", run["id"].as_str().unwrap()))
}

fn item(number: u128, outcome: Outcome) -> SegmentItem {
    SegmentItem {
        fields: vec![FieldChange {
            field: Target::Field(ContactField::City),
            old: Value::Null,
            new: json!("Rome"),
            source: "[city]".to_owned(),
            rule: "overwrite".to_owned(),
        }],
        ..blank_item(&ObjectId::from_u128(number), Some(ContactId::from_bits(number)), outcome)
    }
}

async fn write_page(app: &App, run: &RunId, page: u32, items: Vec<SegmentItem>) {
    let segment = Segment::of(page, Phase::List, 1, items);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let run = (run, Retention::default());
    store_segment(store, blobs, &account_id(), &connection_id(), run, segment).await.unwrap();
}

#[tokio::test]
async fn sync_now_is_queued_and_asked_twice_stays_one() {
    let app = App::with_connection(S::Enabled);
    let answer = start(&app, "full").await.expect(202);
    let run = answer.json();
    assert_eq!((&run["status"], &run["trigger"]), (&json!("queued"), &json!("manual")));
    assert_eq!(run["run"], run["id"]);
    assert_eq!(answer.header("location"), of_run(&run, ""));
    assert_eq!(start(&app, "full").await.expect(202).json()["id"], run["id"]);
    assert_ne!(start(&app, "delta").await.expect(202).json()["id"], run["id"]);
    let list = app.ask(Ask::get(of_connection("/runs?limit=1"))).await.expect(200).json();
    assert_eq!(list["items"][0]["kind"], "delta");
    assert!(list["nextCursor"].is_string());
    assert_eq!(app.ask(Ask::get(of_run(&run, ""))).await.expect(200).json()["id"], run["id"]);
}

#[tokio::test]
async fn only_an_enabled_connection_runs_and_only_what_there_is() {
    for status in [S::Ready, S::Paused, S::Disabled, S::Attention, S::Disconnected] {
        let app = App::with_connection(status);
        start(&app, "full").await.problem(409, "wrong-state");
        assert!(app.outside.store.world().runs.is_empty());
    }
    let app = App::with_connection(S::Enabled);
    let answer = start(&app, "preview").await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/kind"]);
    assert!(answer.text.contains("POST …/previews"), "{answer:?}");
}

#[tokio::test]
async fn changes_are_told_as_they_came_out_page_by_page() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let id = run_id(&run);
    write_page(&app, &id, 0, vec![item(1, Outcome::Create), item(2, Outcome::Unchanged)]).await;
    write_page(&app, &id, 1, vec![item(3, Outcome::Update), item(4, Outcome::Delete)]).await;
    let failed = Deviation {
        object_id: ObjectId::from_u128(3),
        outcome: Outcome::Failed,
        reason: Some("the contact moved".to_owned()),
        remedy: Some("sync again".to_owned()),
        item: None,
    };
    {
        let mut world = app.outside.store.world();
        world.deviations.insert((id.clone(), 1), vec![failed]);
        world.runs.get_mut(&id).unwrap().pages = 2;
    }

    let first = app.ask(Ask::get(of_run(&run, "/changes?limit=2"))).await.expect(200).json();
    let kinds: Vec<_> = first["items"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["create", "update"]);
    assert_eq!(first["items"][0]["fields"][0]["new"], "Rome");
    assert_eq!(first["items"][1]["result"], "failed");
    assert_eq!(first["items"][1]["reason"], "the contact moved");
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = app.ask(Ask::get(of_run(&run, &format!("/changes?limit=2&cursor={cursor}")))).await;
    let rest = rest.expect(200).json();
    assert_eq!(rest["items"][0]["kind"], "delete");
    assert!(rest["nextCursor"].is_null());
    app.ask(Ask::get(of_run(&run, "/changes?cursor=x"))).await.problem(400, "bad-cursor");
}

#[tokio::test]
async fn changes_are_narrowed_to_what_somebody_looks_for() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let id = run_id(&run);
    let waits = SegmentItem {
        reason: Some("The city is asked about".to_owned()),
        ..item(3, Outcome::AwaitingReview)
    };
    let quiet = vec![item(4, Outcome::Unchanged), item(5, Outcome::Skipped)];
    write_page(&app, &id, 0, vec![item(1, Outcome::Create), waits]).await;
    write_page(&app, &id, 1, quiet).await;
    app.outside.store.world().runs.get_mut(&id).unwrap().pages = 2;
    let user = |number| ObjectId::from_u128(number).to_string();
    let contact = ContactId::from_bits(1);
    for (narrowing, expected) in [
        (String::new(), vec![user(1), user(3)]),
        ("kind=create&result=success".to_owned(), vec![user(1)]),
        ("kind=unchanged".to_owned(), vec![user(4)]),
        ("kind=skipped".to_owned(), vec![user(5)]),
        ("result=skipped".to_owned(), vec![user(3)]),
        ("reason=IS%20ASKED".to_owned(), vec![user(3)]),
        ("field=city&limit=1".to_owned(), vec![user(1)]),
        ("field=country".to_owned(), vec![]),
        (format!("user={}", user(3)), vec![user(3)]),
        (format!("contact={contact}"), vec![user(1)]),
    ] {
        let list = app.ask(Ask::get(of_run(&run, &format!("/changes?{narrowing}")))).await;
        let list = list.expect(200).json();
        let told: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|one| one["objectId"].clone()).collect();
        assert_eq!(told, expected, "{narrowing}");
    }
    for wrong in ["kind=x", "result=x", "field=x", "user=x", "contact=x"] {
        let refused = app.ask(Ask::get(of_run(&run, &format!("/changes?{wrong}")))).await;
        refused.problem(400, "bad-query");
    }
}

#[tokio::test]
async fn runs_are_narrowed_by_kind_status_and_time() {
    let app = App::with_connection(S::Enabled);
    let hour = jiff::SignedDuration::from_hours(1);
    let mut runs = Vec::new();
    for number in 0..6 {
        let run = start(&app, if number % 2 == 0 { "full" } else { "delta" }).await.json();
        let mut world = app.outside.store.world();
        let stored = world.runs.get_mut(&run_id(&run)).unwrap();
        stored.status = if number < 3 { RunStatus::Succeeded } else { RunStatus::Partial };
        drop(world);
        app.outside.clock.advance(hour);
        runs.push(run);
    }
    let asked = |number: usize| runs[number]["queuedAt"].as_str().unwrap().to_owned();
    for (narrowing, expected) in [
        ("kind=full".to_owned(), vec![4, 2, 0]),
        ("kind=delta&status=partial".to_owned(), vec![5, 3]),
        (format!("from={}", asked(4)), vec![5, 4]),
        (format!("to={}", asked(2)), vec![1, 0]),
        (format!("from={}&to={}&kind=full", asked(1), asked(5)), vec![4, 2]),
    ] {
        let mut told = Vec::new();
        let mut cursor = String::new();
        for _ in 0..9 {
            let path = format!("/runs?limit=1&{narrowing}{cursor}");
            let list = app.ask(Ask::get(of_connection(&path))).await.expect(200).json();
            told.extend(list["items"].as_array().unwrap().iter().map(|run| run["id"].clone()));
            match list["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let expected: Vec<_> =
            expected.into_iter().map(|at: usize| runs[at]["id"].clone()).collect();
        assert_eq!(told, expected, "{narrowing}");
    }
    for wrong in ["kind=x", "status=x", "from=x", "to=2026"] {
        app.ask(Ask::get(of_connection(&format!("/runs?{wrong}")))).await.problem(400, "bad-query");
    }
}

#[tokio::test]
async fn a_report_is_told_to_be_late_then_sent_and_when_large_pointed_to() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let early = app.ask(Ask::get(of_run(&run, "/report"))).await;
    early.problem(404, "report-not-ready");
    assert_eq!(early.header("retry-after"), "5");

    let id = run_id(&run);
    app.outside.store.world().runs.get_mut(&id).unwrap().report_ready = true;
    let key = |form: &str| format!("reports/{ACCOUNT}/{CONNECTION}/{id}{form}.csv");
    let small = b"Email,Type,Sync Status,Result\r\n".to_vec();
    app.outside.blobs.put(&key(""), small, "text/csv").await.unwrap();
    let large = vec![b'x'; 4 * 1024 * 1024 + 1];
    app.outside.blobs.put(&key("-extended"), large, "text/csv").await.unwrap();

    let report = app.ask(Ask::get(of_run(&run, "/report"))).await.expect(200);
    assert_eq!(report.text, "Email,Type,Sync Status,Result\r\n");
    assert_eq!(report.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        report.header("content-disposition").starts_with("attachment; filename=\"sync-report-")
    );
    let elsewhere = app.ask(Ask::get(of_run(&run, "/report?form=extended"))).await.expect(307);
    assert!(elsewhere.header("location").contains("-extended.csv?signature="));
    app.ask(Ask::get(of_run(&run, "/report?form=pdf"))).await.problem(400, "bad-query");
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn machines_get_lines_and_of_a_large_report_the_packed_file() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let id = run_id(&run);
    app.outside.store.world().runs.get_mut(&id).unwrap().report_ready = true;
    let key = format!("reports/{ACCOUNT}/{CONNECTION}/{id}.jsonl.gz");
    let lines = b"{\"email\":\"=ana@contoso.example\"}\n{\"run\":{}}\n";
    app.outside.blobs.put(&key, packed(lines), PACKED_LINES).await.unwrap();
    let ask = || Ask::get(of_run(&run, "/report?form=jsonl"));
    let report = app.ask(ask()).await.expect(200);
    assert_eq!(report.text.as_bytes(), lines);
    assert_eq!(report.header("content-type"), "application/x-ndjson");
    let named = format!("attachment; filename=\"sync-report-{id}.jsonl\"");
    assert_eq!(report.header("content-disposition"), named);

    // A few kilobytes that unpack to more than an answer holds.
    let large = packed(&vec![b' '; 4 * 1024 * 1024 + 1]);
    app.outside.blobs.put(&key, large, PACKED_LINES).await.unwrap();
    let elsewhere = app.ask(ask()).await.expect(307);
    assert!(elsewhere.header("location").contains(".jsonl.gz?signature="));
}

#[tokio::test]
async fn while_a_run_is_planned_its_report_is_that_of_its_plan() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let id = run_id(&run);
    let set = |status| app.outside.store.world().runs.get_mut(&id).unwrap().status = status;
    set(RunStatus::Planned);
    let ask = || Ask::get(of_run(&run, "/report"));
    app.ask(ask()).await.problem(404, "report-not-ready");
    let table = |email: &str| format!("Email,Type,Sync Status,Result\r\n{email},New,Success,\r\n");
    let (planned, done) = (table("planned@contoso.example"), table("done@contoso.example"));
    for (key, text) in [("-plan", &planned), ("", &done)] {
        let key = format!("reports/{ACCOUNT}/{CONNECTION}/{id}{key}.csv");
        app.outside.blobs.put(&key, text.clone().into_bytes(), "text/csv").await.unwrap();
    }
    let shown = app.ask(ask()).await.expect(200);
    assert_eq!(shown.text, planned);
    let named = format!("attachment; filename=\"sync-report-{id}-plan.csv\"");
    assert_eq!(shown.header("content-disposition"), named);

    // Approved it tells nothing until it is done.
    set(RunStatus::Running);
    app.ask(ask()).await.problem(404, "report-not-ready");
    set(RunStatus::Succeeded);
    app.outside.store.world().runs.get_mut(&id).unwrap().report_ready = true;
    assert_eq!(app.ask(ask()).await.expect(200).text, done);
}

#[tokio::test]
async fn what_is_too_old_to_be_kept_is_said_to_be_so() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let id = run_id(&run);
    write_page(&app, &id, 0, vec![item(1, Outcome::Create)]).await;
    app.outside.store.world().runs.get_mut(&id).unwrap().pages = 1;
    let day = jiff::SignedDuration::from_hours(24);
    app.outside.clock.advance(day * 30);
    app.ask(Ask::get(of_run(&run, "/changes"))).await.expect(200);
    app.outside.clock.advance(day);
    // The bucket and the table let go of them by themselves.
    app.outside.blobs.all().clear();
    let gone = app.ask(Ask::get(of_run(&run, "/changes"))).await;
    gone.problem(410, "report-expired");
    assert!(gone.text.contains("changes can be read for 30 days"), "{gone:?}");
    app.ask(Ask::get(of_run(&run, "/report"))).await.problem(410, "report-expired");
    app.outside.store.world().runs.get_mut(&id).unwrap().report_ready = true;
    let gone = app.ask(Ask::get(of_run(&run, "/report"))).await;
    gone.problem(410, "report-expired");
    assert!(gone.text.contains("report can be read for 90 days"), "{gone:?}");
    app.ask(Ask::get(of_run(&run, ""))).await.expect(200);
}

#[tokio::test]
async fn a_run_is_kept_for_as_long_as_the_account_wanted_when_it_began() {
    let app = App::with_connection(S::Enabled);
    let run = start(&app, "full").await.json();
    let id = run_id(&run);
    write_page(&app, &id, 0, vec![item(1, Outcome::Create)]).await;
    {
        let mut world = app.outside.store.world();
        let stored = world.runs.get_mut(&id).unwrap();
        (stored.pages, stored.report_ready) = (1, true);
        stored.kept = Retention { history_days: 90, report_days: 30, ..Retention::default() };
    }
    let day = jiff::SignedDuration::from_hours(24);
    app.outside.clock.advance(day * 90);
    app.ask(Ask::get(of_run(&run, "/changes"))).await.expect(200);
    let gone = app.ask(Ask::get(of_run(&run, "/report"))).await;
    gone.problem(410, "report-expired");
    assert!(gone.text.contains("report can be read for 30 days"), "{gone:?}");
    app.outside.clock.advance(day);
    let gone = app.ask(Ask::get(of_run(&run, "/changes"))).await;
    gone.problem(410, "report-expired");
    assert!(gone.text.contains("changes can be read for 90 days"), "{gone:?}");
}

#[tokio::test]
async fn an_account_says_for_how_long_and_what_it_leaves_out_stays() {
    let app = App::with_connection(S::Enabled);
    let path = format!("/v1/accounts/{ACCOUNT}");
    let shown = app.ask(Ask::get(path.clone())).await.expect(200).json();
    assert_eq!(shown["retention"], json!({"historyDays": 30, "reportDays": 90, "deedDays": 365}));
    let longer = json!({"retention": {"historyDays": 365, "deedDays": 30}});
    let changed = app.ask(Ask::patch(path.clone(), &longer).role("admin")).await.expect(200).json();
    assert_eq!(changed["retention"], json!({"historyDays": 365, "reportDays": 90, "deedDays": 30}));
    let odd = json!({"retention": {"reportDays": 7}});
    let refused = app.ask(Ask::patch(path, &odd).role("admin")).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["/retention/reportDays"]);
}

#[test]
fn the_bucket_keeps_what_the_api_promises_for_as_long() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    for (folder, days) in folders() {
        let rule = format!("Prefix: {folder}/, ExpirationInDays: {days}}}");
        assert!(template.contains(&rule), "{rule}");
    }
}

#[tokio::test]
async fn events_are_read_again_from_any_point_and_only_ones_own() {
    let app = App::with_connection(S::Enabled);
    let event = |account: &AccountId, sequence| ContactEvent {
        schema_version: 1,
        event_id: format!("e{sequence}"),
        sequence,
        kind: ContactEventKind::Removed,
        account_id: account.clone(),
        connection_id: None,
        contact_id: ContactId::from_bits(1),
        contact: None,
        welcome: false,
        occurred_at: app.outside.clock.now(),
    };
    let other = AccountId::from_bits(2);
    let events = vec![event(&account_id(), 1), event(&other, 2), event(&account_id(), 3)];
    app.outside.store.world().events = events;
    let own = json!({"role": "viewer", "account": ACCOUNT});
    let read = |query: &str| Ask::get(format!("/v1/events{query}")).claims(Some(own.clone()));
    let page = app.ask(read("")).await.expect(200).json();
    let sequences: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|one| one["sequence"].clone()).collect();
    assert_eq!(sequences, [1, 3]);
    assert_eq!(page["items"][0]["type"], "ContactRemoved");
    let end = page["nextCursor"].as_str().unwrap();
    let nothing = app.ask(read(&format!("?cursor={end}"))).await.expect(200).json();
    assert_eq!((&nothing["items"], nothing["nextCursor"].as_str()), (&json!([]), Some(end)));
    assert_eq!(app.ask(Ask::get("/v1/events")).await.json()["items"].as_array().unwrap().len(), 3);
    app.ask(read("?cursor=zzz")).await.problem(400, "bad-cursor");
}
