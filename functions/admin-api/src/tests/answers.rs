//! What is told of a contact: its past, where its values come from, how it was.

use std::collections::BTreeMap;

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactField, SyncMark, Target};
use contact_sync_domain::id::{ContactId, ObjectId, RunId, TeamId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{FieldChange, Outcome, Phase, Segment, SegmentItem, Trace};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::{Ended, Membership, Origin};
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

/// A run that begins now.
fn begun(app: &App, like: &Run) -> Run {
    let now = app.outside.clock.now();
    let bits = (u128::try_from(now.as_millisecond()).unwrap() << 80) | 7;
    Run { id: RunId::from_bits(bits), started_at: Some(now), ..like.clone() }
}

/// A run of one page writes a field.
async fn sync(app: &App, like: &Run, id: &ContactId, field: ContactField, value: &str) -> RunId {
    write_in(app, begun(app, like), id, field, value).await
}

/// A run's page writes a field, as the engine does: the segment first, then the contact.
async fn write_in(
    app: &App,
    of_now: Run,
    id: &ContactId,
    field: ContactField,
    value: &str,
) -> RunId {
    let before = standing(app, id);
    let now = app.outside.clock.now();
    let (run, page, target) = (of_now.id.clone(), 3, Target::Field(field));
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

/// "Since when is he in that team, and was he there before?" would be answered with the last change
/// alone.
#[tokio::test]
async fn whoever_joined_a_team_left_and_joined_again_has_all_of_it_in_his_timeline() {
    let Life { app, id, .. } = life(3).await;
    let clock = &app.outside.clock;
    let before: Vec<Value> = timeline(&app, &id).await;
    let team = TeamId::from_bits(1);
    let group = Origin::Group {
        connection_id: connection_id(),
        group_id: ObjectId::from_u128(50),
        user_id: ObjectId::from_u128(7),
        on_leave: OnLeave::Remove,
        role: None,
    };
    let mut membership = Membership::none(account_id(), team.clone(), id.clone());
    let mut expected = Vec::new();
    for (run, change) in (1..).zip(["joined", "left", "joined"]) {
        clock.advance(SignedDuration::from_hours(24));
        let mut after = membership.clone();
        let ended =
            Ended::Mapping { connection_id: connection_id(), group_id: ObjectId::from_u128(50) };
        if change == "joined" {
            after.origins.insert(group.clone());
            after.ended = None;
        } else {
            after = after.end(ended);
        }
        let run = RunId::from_bits(run);
        let told = (membership.version > 0).then(|| run.clone());
        membership = after.replacing(&membership, Some(&run), clock.now());
        expected.insert(0, json!([change, team, clock.now(), told]));
    }
    app.outside.store.world().memberships.insert((id.clone(), team), membership);
    let told = timeline(&app, &id).await;
    let of_team = |told: &[Value]| -> Vec<Value> {
        let told = told.iter().filter(|entry| entry["kind"] == "membership");
        told.map(|one| json!([one["change"], one["team"], one["at"], one["run"]])).collect()
    };
    assert_eq!(of_team(&told), expected, "newest first, each once, page by page");
    assert_eq!(told[3..], before, "and nothing else is told otherwise");
    // What runs did is kept for thirty days, and how it is now for ever.
    clock.advance(SignedDuration::from_hours(24 * 29));
    assert_eq!(of_team(&timeline(&app, &id).await), expected[..2]);
    clock.advance(SignedDuration::from_hours(24 * 29));
    assert_eq!(of_team(&timeline(&app, &id).await), expected[..1]);
}

/// A full run begins and goes on for ten minutes; in its middle another writes, then it does itself.
async fn interleaved(other_is_a_person: bool) -> (App, ContactId, Vec<(Timestamp, Contact)>) {
    let app = App::with_connection(S::Enabled);
    let like = blank_run(&app).await;
    let id = app.add_linked_contact();
    let clock = &app.outside.clock;
    let minute = SignedDuration::from_mins(1);
    let mut copies = vec![(clock.now(), standing(&app, &id))];
    clock.advance(minute);
    let mut full = begun(&app, &like);
    full.ended_at = Some(clock.now() + SignedDuration::from_mins(10));
    clock.advance(minute);
    // While the full run goes on, and before anybody wrote.
    copies.push((clock.now(), standing(&app, &id)));
    clock.advance(minute);
    if other_is_a_person {
        let path = of_account(&format!("/contacts/{id}"));
        let edit = json!({"fields": {"city": "Ghent"}});
        app.ask(Ask::patch(path, &edit).role("operator")).await.expect(200);
    } else {
        let mut delta = begun(&app, &like);
        delta.ended_at = Some(clock.now());
        write_in(&app, delta, &id, ContactField::Email, "of.delta@x.example").await;
    }
    clock.advance(minute);
    write_in(&app, full, &id, ContactField::JobTitle, "Of the full run").await;
    clock.advance(minute * 10);
    copies.push((clock.now(), standing(&app, &id)));
    (app, id, copies)
}

/// The delta run's address, or the person's town, would be shown to have stood before anybody wrote
/// it.
#[tokio::test]
async fn what_another_wrote_before_a_runs_page_is_not_shown_as_having_stood_at_its_start() {
    for other_is_a_person in [false, true] {
        let (app, id, copies) = interleaved(other_is_a_person).await;
        for (at, copy) in &copies {
            let was = as_of(&app, &id, *at).await.expect(200).json();
            assert_eq!(was["version"], copy.version, "{other_is_a_person} at {at}");
            assert_eq!(was["fields"], json!(copy.fields), "{other_is_a_person} at {at}");
        }
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
