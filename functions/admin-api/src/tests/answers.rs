//! What is told of a contact: its past, where its values come from, how it was.

use std::collections::BTreeMap;

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactField, SyncMark, Target};
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{FieldChange, Outcome, Phase, Segment, SegmentItem, Trace};
use contact_sync_domain::written::WriteId;
use contact_sync_engine::port::{Clock, StoredContact};
use contact_sync_engine::segments::store_segment;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::harness::{App, Ask, account_id, connection_id, of_account, of_connection};

/// Who wrote a field, as provenance tells it.
type Writers = BTreeMap<String, (&'static str, Option<String>)>;

fn standing(app: &App, id: &ContactId) -> Contact {
    match &app.outside.store.world().contacts[id] {
        StoredContact::Present(contact) => (**contact).clone(),
        StoredContact::Tombstone { .. } => panic!("the contact is gone"),
    }
}

pub(super) async fn blank_run(app: &App) -> Run {
    let path = of_connection("/runs");
    let started = app.ask(Ask::post(path, &json!({"kind": "full"})).role("operator")).await;
    let id = RunId::parse(started.expect(202).json()["id"].as_str().unwrap()).unwrap();
    app.outside.store.world().runs[&id].clone()
}

/// A run's page writes a field, as the engine does: the segment first, then the contact.
async fn sync(app: &App, like: &Run, id: &ContactId, field: ContactField, value: &str) -> RunId {
    let before = standing(app, id);
    let now = app.outside.clock.now();
    let bits = (u128::try_from(now.as_millisecond()).unwrap() << 80) | 7;
    let (run, page, target) = (RunId::from_bits(bits), 3, Target::Field(field));
    let change = FieldChange {
        field: target.clone(),
        old: before.value(&target).unwrap_or(Value::Null),
        new: json!(value),
        source: "[jobTitle]".to_owned(),
        rule: "overwrite".to_owned(),
    };
    let item = SegmentItem {
        version: before.version,
        fields: vec![change],
        trace: Trace::over(&before),
        ..blank_item(&ObjectId::from_u128(7), Some(id.clone()), Outcome::Update)
    };
    let segment = Segment::of(page, Phase::List, 1, vec![item]);
    let (store, blobs) = (&app.outside.store, &app.outside.blobs);
    let kept = (&run, Retention::default());
    store_segment(store, blobs, &account_id(), &connection_id(), kept, segment).await.unwrap();
    let mut after = Contact { version: before.version + 1, updated_at: now, ..before };
    after.set(&target, Some(json!(value)));
    after.wrote(WriteId::from(&run), [&target]);
    after.sync = Some(SyncMark {
        welcome: false,
        untied_by_hand: false,
        replaced: std::collections::BTreeMap::new(),
        source_version: 1,
        settings_version: 0,
        fingerprint: None,
        run: run.to_string(),
        page,
    });
    let mut world = store.world();
    world.contacts.insert(id.clone(), StoredContact::Present(Box::new(after)));
    let of_now = Run { id: run.clone(), started_at: Some(now), ..like.clone() };
    world.runs.insert(run.clone(), of_now);
    run
}

async fn timeline(app: &App, id: &ContactId) -> Vec<Value> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = of_account(&format!("/contacts/{id}/timeline?limit=1{cursor}"));
        let page = app.ask(Ask::get(path)).await.expect(200).json();
        entries.extend(page["items"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={}", next.replace('#', "%23")),
            None => return entries,
        }
    }
}

async fn as_of(app: &App, id: &ContactId, at: Timestamp) -> super::harness::Answer {
    app.ask(Ask::get(of_account(&format!("/contacts/{id}?at={at}")))).await
}

/// Some chance that comes out the same each time.
struct Dice(u64);

impl Dice {
    fn of(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// A contact that runs and people change in a random order, with a copy after each change.
struct Life {
    app: App,
    id: ContactId,
    copies: Vec<(Timestamp, Contact)>,
    writers: Writers,
    runs: Vec<RunId>,
}

async fn life(seed: u64) -> Life {
    let app = App::with_connection(S::Enabled);
    let like = blank_run(&app).await;
    let id = app.add_linked_contact();
    let mut dice = Dice(seed);
    let mut copies = vec![(app.outside.clock.now(), standing(&app, &id))];
    let (mut writers, mut runs) = (Writers::new(), Vec::new());
    for step in 0..12 {
        app.outside.clock.advance(SignedDuration::from_secs(60));
        let before = standing(&app, &id).version;
        match dice.of(3) {
            0 => {
                let field = [ContactField::JobTitle, ContactField::Email];
                let field = field[usize::try_from(dice.of(2)).unwrap()];
                let run = sync(&app, &like, &id, field, &format!("value{step}@x.example")).await;
                writers.insert(field.name().to_owned(), ("run", Some(run.to_string())));
                runs.push(run);
            }
            1 => {
                let field = ["city", "country"][usize::try_from(dice.of(2)).unwrap()];
                let value = if dice.of(3) == 0 { Value::Null } else { json!(format!("C{step}")) };
                let edit = json!({"fields": {field: value}});
                let path = of_account(&format!("/contacts/{id}"));
                app.ask(Ask::patch(path, &edit).role("operator")).await.expect(200);
                if standing(&app, &id).version > before {
                    writers.insert(field.to_owned(), ("person", None));
                }
            }
            _ => {
                let what = if standing(&app, &id).protected { "unprotect" } else { "protect" };
                let path = of_account(&format!("/contacts/{id}/{what}"));
                app.ask(Ask::post(path, &json!({})).role("operator")).await.expect(202);
            }
        }
        let now = standing(&app, &id);
        if now.version > before {
            copies.push((app.outside.clock.now(), now));
        }
    }
    Life { app, id, copies, writers, runs }
}

#[tokio::test]
async fn each_change_is_told_once_each_value_names_its_writer_and_every_past_comes_back() {
    for seed in 0..25 {
        let Life { app, id, copies, writers, .. } = life(seed).await;
        let told = timeline(&app, &id).await;
        let sequences: Vec<u64> =
            told.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
        let versions: Vec<u64> =
            copies.iter().skip(1).rev().map(|(_, contact)| contact.version).collect();
        assert_eq!(sequences, versions, "seed {seed}: {told:#?}");

        let path = of_account(&format!("/contacts/{id}/provenance"));
        let fields = app.ask(Ask::get(path)).await.expect(200).json()["fields"].clone();
        for (field, (by, run)) in &writers {
            let Some(found) = fields.get(field) else {
                let target = Target::parse(field).unwrap();
                assert_eq!(standing(&app, &id).value(&target), None, "seed {seed}: {field}");
                continue;
            };
            assert_eq!(found["by"], *by, "seed {seed}: {field}");
            assert_eq!(found["run"].as_str(), run.as_deref(), "seed {seed}: {field}");
        }
        let untouched =
            ["email", "jobTitle"].into_iter().filter(|name| !writers.contains_key(*name));
        for field in untouched {
            assert_eq!(fields[field]["by"], "unknown", "seed {seed}: from before this was kept");
        }

        for (at, copy) in &copies {
            let was = as_of(&app, &id, *at).await.expect(200).json();
            assert_eq!(was["version"], copy.version, "seed {seed} at {at}");
            assert_eq!(was["fields"], json!(copy.fields), "seed {seed} at {at}");
            assert_eq!(was["protected"], copy.protected, "seed {seed} at {at}");
        }
        let before = copies[0].0 - SignedDuration::from_secs(1);
        as_of(&app, &id, before).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_said_and_nothing_is_made_up() {
    for seed in 0..25 {
        let Life { app, id, copies, runs, .. } = life(seed).await;
        let Some(oldest) = runs.first().filter(|_| runs.len() > 1) else { continue };
        app.outside.store.world().segments.remove(&(oldest.clone(), 3)).unwrap();
        let told = timeline(&app, &id).await;
        assert_eq!(told.last().unwrap()["kind"], "older", "seed {seed}: {told:#?}");
        assert!(told.iter().all(|entry| entry["run"] != oldest.as_str()), "seed {seed}");
        as_of(&app, &id, copies[0].0).await.problem(410, "history-expired");
        let (at, copy) = copies.last().unwrap();
        assert_eq!(as_of(&app, &id, *at).await.expect(200).json()["version"], copy.version);
    }
}

#[tokio::test]
async fn a_contact_that_is_no_ones_has_no_past_and_a_made_up_cursor_is_refused() {
    let Life { app, id, .. } = life(1).await;
    for rest in ["/timeline", "/provenance", "?at=2026-01-01T00:00:00Z"] {
        let path = of_account(&format!("/contacts/{}{rest}", ContactId::from_bits(99)));
        app.ask(Ask::get(path)).await.problem(404, "not-found");
    }
    let path = of_account(&format!("/contacts/{id}/timeline?cursor=x"));
    app.ask(Ask::get(path)).await.problem(400, "bad-cursor");
    app.ask(Ask::get(of_account(&format!("/contacts/{id}?at=x")))).await.problem(400, "bad-query");
}
