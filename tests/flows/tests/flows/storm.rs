//! Everything at once: edits, deaths, lost notifications and broken answers, by seed. In the end
//! contacts and directory agree, and whoever reads the events agrees with both.

use std::collections::BTreeMap;
use std::time::Duration;

use contact_sync_flows::{Customer, Scene, SceneOptions, wanted_fields, within};
use entra_contact_sync_local::runtime::FunctionErrorKind;
use entra_sim::{Effect, Fault};
use serde_json::{Value, json};

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

async fn strike(
    scene: &Scene,
    customer: &Customer<'_>,
    users: &[String],
    dice: &mut Dice,
    round: usize,
) {
    for _ in 0..3 {
        let user = &users[dice.below(users.len())];
        match dice.below(5) {
            0 => customer.edit(user, json!({"jobTitle": format!("Title {round}")})),
            1 => customer.edit(
                user,
                json!({"mail": format!("moved{round}.{}@contoso.example", &user[..8])}),
            ),
            2 => customer.edit(user, json!({"accountEnabled": false})),
            3 => customer.edit(user, json!({"accountEnabled": true})),
            _ => customer.edit(user, json!({"displayName": format!("Name {round}")})),
        }
    }
    match dice.below(6) {
        0 => {
            let effects = [
                Effect::status(503),
                Effect::Truncate,
                Effect::throttled("1"),
                Effect::Reset { after_bytes: None },
            ];
            let effect = effects[dice.below(effects.len())].clone();
            scene.sim.add_fault(Fault::once("/v1.0/*", effect));
        }
        1..=3 => {
            scene.rest().post(&customer.path("/runs"), &json!({"kind": "full"})).await.expect(202);
        }
        _ => {}
    }
    let victims = ["full-sync", "delta-sync", "event-publisher", "graph-webhook", "sync-report"];
    hunt(scene, victims[dice.below(victims.len())], dice).await;
    if dice.below(3) > 0 {
        scene.let_lease_run_out(&customer.connection).await;
        scene.pass_time(Duration::from_mins(3));
    }
}

/// Kills the function at work, should it come to work within a moment.
async fn hunt(scene: &Scene, function: &str, dice: &mut Dice) {
    let patience = Duration::from_millis(700);
    within(patience, async || (scene.stack.function(function)?.running() > 0).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(dice.below(120) as u64)).await;
    within(patience, async || (scene.stack.kill_running(function) > 0).then_some(())).await;
}

fn deaths(scene: &Scene) -> usize {
    let records = scene.stack.functions().flat_map(|pool| pool.records());
    records.filter(|record| record.error == Some(FunctionErrorKind::Exited)).count()
}

/// The contacts as a reader of the events knows them, each by its highest sequence.
fn as_told(events: &[Value]) -> BTreeMap<String, Value> {
    let mut told: BTreeMap<String, (u64, Value)> = BTreeMap::new();
    for event in events {
        let sequence = event["sequence"].as_u64().unwrap();
        let contact = event["contactId"].as_str().unwrap().to_owned();
        let entry = told.entry(contact).or_insert((0, Value::Null));
        if sequence >= entry.0 {
            *entry = (sequence, event["contact"].clone());
        }
    }
    told.into_iter().map(|(id, (_, contact))| (id, contact)).collect()
}

async fn weather(seed: u64) {
    let mut options = SceneOptions::with_users(40);
    options.settings.graph.max_page_size = 8;
    options.settings.delta.page_size = 3;
    options.settings.notifications.drop_percent = 20.0;
    options.settings.notifications.duplicate_percent = 20.0;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    let users: Vec<String> = customer.contacts_by_user().await.into_keys().collect();
    let mut dice = Dice(seed);
    scene.sim.add_fault(Fault::once("/v1.0/*", Effect::Delay { ms: 60 }).times(0));
    for round in 0..12 {
        strike(&scene, &customer, &users, &mut dice, round).await;
    }
    assert!(deaths(&scene) > 1, "seed {seed}: no storm\n{}", scene.story());
    // The weather clears.
    scene.sim.clear_faults();
    for _ in 0..4 {
        scene.let_lease_run_out(&customer.connection).await;
        scene.pass_time(Duration::from_mins(5));
        scene.settle().await;
    }
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;

    let contacts = customer.contacts_by_user().await;
    for user in &users {
        let person = customer.person(user);
        let contact = &contacts[user];
        let blocked = person.attribute("accountEnabled") == false;
        let state = if blocked { "outOfScope" } else { "linked" };
        assert_eq!(contact["link"]["state"], state, "seed {seed}: {contact}\n{}", scene.story());
        if !blocked {
            assert_eq!(contact["fields"], json!(wanted_fields(&person)), "seed {seed}: {user}");
        }
    }
    let told = as_told(&customer.events().await);
    for contact in contacts.values() {
        // Who joins a team is told by events of its own.
        let mut told = told[contact["id"].as_str().unwrap()].clone();
        told["teams"] = contact["teams"].clone();
        assert_eq!(&told, contact, "seed {seed}: as it was told");
    }
    let run = customer.sync_now().await;
    let counts = &run["counts"];
    assert_eq!(
        (&counts["created"], &counts["updated"]),
        (&json!(0), &json!(0)),
        "seed {seed}: {run}"
    );
    for run in customer.runs().await {
        assert_ne!(run["status"], "queued", "seed {seed}: {run}");
        assert_ne!(run["status"], "running", "seed {seed}: {run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_storm_everybody_is_where_the_directory_says_seed_7() {
    weather(7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_storm_everybody_is_where_the_directory_says_seed_11() {
    weather(11).await;
}
