//! The task that POSTs notifications.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::health::Pace;
use super::queue::{Attempt, Batch};
use crate::faults::Effect;
use crate::faults::answers::merge_patch;
use crate::graph::instant_with_fraction;
use crate::simulation::Sim;
use crate::world::World;

/// An HTTP client that follows no redirects: a redirect is not a 2xx.
pub(crate) fn notification_client() -> Result<reqwest::Client, reqwest::Error> {
    // Another provider may be installed already; any will do.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()
}

/// Delivers what falls due until the task is aborted.
pub(crate) async fn deliver_forever(sim: Arc<Sim>) {
    loop {
        let now = sim.clock.now();
        let (batches, next_due) = {
            let mut world = sim.world();
            world.maintain(now);
            let settings = world.settings.notifications.clone();
            let seed = world.seed;
            let batches = world.deliveries.take_due(now, &settings, seed);
            (batches, world.next_event())
        };
        if batches.is_empty() {
            sim.clock.wait_until(next_due).await;
            continue;
        }
        for batch in batches {
            let sim = Arc::clone(&sim);
            tokio::spawn(async move { deliver(&sim, batch).await });
        }
    }
}

async fn deliver(sim: &Sim, mut batch: Batch) {
    let (payload, limit, slow_after) = {
        let mut world = sim.world();
        let before = batch.items.len();
        batch.items.retain(|item| world.subscriptions.contains_key(&item.subscription));
        let gone = before - batch.items.len();
        world.deliveries.forget(gone);
        let held = batch.split_off(|item| !item.lifecycle && is_held(&world, item.subscription));
        if !held.items.is_empty() {
            finish(sim, &mut world, held, None);
        }
        if batch.items.is_empty() {
            return;
        }
        let settings = &world.settings.notifications;
        let first = settings.first_timeout_ms;
        let limit = if batch.attempts == 0 { first } else { settings.retry_timeout_ms };
        (payload(&world, &batch), Duration::from_millis(limit), Duration::from_millis(first))
    };
    let Some(bodies) = spoiled(sim, &batch, payload).await else {
        sim.world().deliveries.lose(&batch);
        return;
    };
    let started = Instant::now();
    let mut answer = post(sim, &batch.url, bodies.own, limit).await;
    for body in bodies.more {
        answer = post(sim, &batch.url, body, limit).await;
    }
    for body in bodies.forged {
        // Whatever the answer: nobody else sees it.
        let _ = post(sim, &batch.url, body, limit).await;
    }
    let took = started.elapsed();
    let timed_out = answer.as_ref().is_err_and(reqwest::Error::is_timeout);
    let pace = match (timed_out, batch.attempts) {
        (true, 1..) => Pace::TooSlow,
        (true, 0) => Pace::Slow,
        (false, _) if took > slow_after => Pace::Slow,
        (false, _) => Pace::InTime,
    };
    let accepted = answer.is_ok_and(|response| response.status().is_success());
    let mut world = sim.world();
    finish(sim, &mut world, batch, Some(Attempt { accepted, pace }));
}

async fn post(
    sim: &Sim,
    url: &str,
    body: String,
    limit: Duration,
) -> Result<reqwest::Response, reqwest::Error> {
    sim.client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .timeout(limit)
        .body(body)
        .send()
        .await
}

/// What is posted instead of the plain payload.
struct Bodies {
    own: String,
    /// The same once more, for each duplicate.
    more: Vec<String>,
    forged: Vec<String>,
}

/// Applies the faults that strike this POST; `None` loses it.
async fn spoiled(sim: &Sim, batch: &Batch, mut payload: Value) -> Option<Bodies> {
    let tenants: Vec<uuid::Uuid> = {
        let world = sim.world();
        let subscriptions = batch.items.iter().map(|item| item.subscription);
        subscriptions.filter_map(|id| Some(world.subscriptions.get(&id)?.tenant)).collect()
    };
    let (mut duplicates, mut forged) = (0, Vec::new());
    for effect in sim.delivery_effects(&batch.url, &tenants) {
        match effect {
            Effect::Drop => return None,
            Effect::Delay { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Effect::Duplicate { times } => duplicates += times,
            Effect::Reorder => {
                if let Some(items) = payload.get_mut("value").and_then(Value::as_array_mut) {
                    items.reverse();
                }
            }
            Effect::Edit { merge } => merge_patch(&mut payload, &merge),
            Effect::Forge { body: Some(body), .. } => forged.push(body),
            Effect::Forge { item, body: None, within } => {
                let lies = forge(&payload, &item);
                match (within, payload.get_mut("value").and_then(Value::as_array_mut)) {
                    (true, Some(items)) => items.extend(lies),
                    _ => forged.push(json!({ "value": lies }).to_string()),
                }
            }
            other => tracing::warn!(?other, "this effect has no meaning for a delivery"),
        }
    }
    let own = payload.to_string();
    let more = (0..duplicates).map(|_| own.clone()).collect();
    Some(Bodies { own, more, forged })
}

/// Copies of the items of a payload with members put over theirs.
pub(crate) fn forge(payload: &Value, item: &serde_json::Map<String, Value>) -> Vec<Value> {
    let items = payload.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
    let change = Value::Object(item.clone());
    items
        .into_iter()
        .map(|mut lie| {
            merge_patch(&mut lie, &change);
            lie
        })
        .collect()
}

fn finish(sim: &Sim, world: &mut World, batch: Batch, attempt: Option<Attempt>) {
    let settings = world.settings.notifications.clone();
    world.deliveries.finish(batch, attempt, sim.clock.now(), &settings);
    sim.clock.nudge();
}

/// Deliveries wait while consent is gone or reauthorisation is due.
fn is_held(world: &World, subscription: uuid::Uuid) -> bool {
    world.subscriptions.get(&subscription).is_some_and(|subscription| {
        let granted = world.tenant(subscription.tenant).is_some_and(|tenant| {
            tenant.grants.get(&subscription.app).is_some_and(|grant| grant.enabled)
        });
        !subscription.authorized || !granted
    })
}

/// The body of a POST: every item with what its subscription says now.
fn payload(world: &World, batch: &Batch) -> Value {
    let items: Vec<Value> = batch
        .items
        .iter()
        .filter_map(|item| {
            let subscription = world.subscriptions.get(&item.subscription)?;
            let mut content = item.content.clone();
            let members = content.as_object_mut()?;
            members.insert("subscriptionId".to_owned(), json!(subscription.id));
            members.insert(
                "subscriptionExpirationDateTime".to_owned(),
                json!(instant_with_fraction(subscription.expires_at)),
            );
            members.insert("tenantId".to_owned(), json!(subscription.tenant));
            members.insert("clientState".to_owned(), json!(subscription.client_state));
            Some(content)
        })
        .collect();
    json!({ "value": items })
}
