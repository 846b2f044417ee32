//! The event buses: rules match events and start functions.

mod pattern;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

pub use pattern::{EventPattern, PatternError};

use crate::clock::LocalClock;
use crate::dead_letters::DeadLetters;
use crate::invoke::AsyncInvoker;
use crate::plan::{Plan, RelayTarget};
use crate::template::{ACCOUNT_ID, REGION};

/// Published events that are remembered, for tests and for the job's checks.
const REMEMBERED_EVENTS: usize = 20_000;
/// EventBridge takes entries up to one megabyte.
const MAX_DETAIL_BYTES: usize = 1024 * 1024;

/// The buses of the stack with their rules.
#[derive(Debug)]
pub struct EventBuses {
    /// Bus names by name and by ARN.
    names: BTreeMap<String, String>,
    rules: Vec<BusRule>,
    invoker: Arc<AsyncInvoker>,
    queues: Arc<DeadLetters>,
    clock: LocalClock,
    published: Mutex<Published>,
}

#[derive(Debug)]
struct BusRule {
    name: String,
    bus: String,
    target: Target,
    pattern: EventPattern,
}

#[derive(Debug)]
enum Target {
    /// By name.
    Function(String),
    Relay(RelayTarget),
}

/// The newest events.
#[derive(Debug, Default)]
struct Published {
    events: VecDeque<PublishedEvent>,
    /// How many older ones were forgotten.
    forgotten: usize,
}

/// An event that a bus accepted.
#[derive(Debug, Clone)]
pub struct PublishedEvent {
    pub bus: String,
    /// The envelope that targets receive.
    pub envelope: Value,
    /// The rules that matched it.
    pub matched: Vec<String>,
}

/// What a publisher hands in.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) bus: String,
    pub(crate) source: String,
    pub(crate) detail_type: String,
    /// JSON text, an object.
    pub(crate) detail: String,
    pub(crate) resources: Vec<String>,
    pub(crate) time: Option<Timestamp>,
}

/// Why an entry was not accepted, in EventBridge's words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct EntryError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl EventBuses {
    pub(crate) fn new(
        plan: &Plan,
        (invoker, queues): (Arc<AsyncInvoker>, Arc<DeadLetters>),
        clock: LocalClock,
    ) -> Result<Self, PatternError> {
        let mut names = BTreeMap::new();
        for bus in &plan.buses {
            names.insert(bus.name.clone(), bus.name.clone());
            names.insert(bus.arn.clone(), bus.name.clone());
        }
        let mut rules = Vec::new();
        for function in &plan.functions {
            for rule in &function.rules {
                rules.push(BusRule {
                    name: rule.name.clone(),
                    bus: rule.bus.clone(),
                    target: Target::Function(function.name.clone()),
                    pattern: EventPattern::new(&rule.pattern)
                        .map_err(|error| error.in_rule(&function.name, &rule.name))?,
                });
            }
        }
        for relay in &plan.relays {
            rules.push(BusRule {
                name: relay.name.clone(),
                bus: relay.bus.clone(),
                target: Target::Relay(relay.target.clone()),
                pattern: EventPattern::new(&relay.pattern)
                    .map_err(|error| error.in_rule("the bus", &relay.name))?,
            });
        }
        Ok(Self { names, rules, invoker, queues, clock, published: Mutex::default() })
    }

    /// Whether `bus` is a bus of the stack, by name or ARN.
    pub(crate) fn knows(&self, bus: &str) -> bool {
        self.names.contains_key(bus)
    }

    /// Accepts an event, starts what its rules name, and answers its id.
    pub(crate) fn publish(&self, entry: &Entry) -> Result<String, EntryError> {
        let refuse = |code, message: &str| EntryError { code, message: message.to_owned() };
        let bus = self.names.get(&entry.bus).ok_or_else(|| EntryError {
            code: "ResourceNotFoundException",
            message: format!("the stack has no event bus {}", entry.bus),
        })?;
        if entry.source.is_empty() || entry.detail_type.is_empty() {
            return Err(refuse("InvalidArgument", "Source and DetailType must not be empty."));
        }
        if entry.source.starts_with("aws.") {
            return Err(refuse("NotAuthorizedForSource", "Sources of AWS are reserved."));
        }
        if entry.detail.len() > MAX_DETAIL_BYTES {
            return Err(refuse("InvalidArgument", "The entry is larger than 1 MB."));
        }
        let detail = match serde_json::from_str::<Value>(&entry.detail) {
            Ok(detail) if detail.is_object() => detail,
            Ok(_) | Err(_) => return Err(refuse("MalformedDetail", "Detail is malformed.")),
        };
        let id = Uuid::new_v4().to_string();
        let time = entry.time.unwrap_or_else(|| self.clock.now());
        let envelope = json!({
            "version": "0",
            "id": id,
            "detail-type": entry.detail_type,
            "source": entry.source,
            "account": ACCOUNT_ID,
            "time": time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": entry.resources,
            "detail": detail,
        });
        self.deliver(bus, envelope, true);
        Ok(id)
    }

    /// Gives an event to whom the rules of its bus name. An event that came from another bus is
    /// sent on no further, as EventBridge has it.
    fn deliver(&self, bus: &str, envelope: Value, is_first: bool) {
        let text = envelope.to_string();
        let mut matched = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.bus == bus) {
            if !rule.pattern.matches(text.as_bytes()) {
                continue;
            }
            match &rule.target {
                Target::Function(function) => {
                    self.invoker.submit(function, envelope.clone());
                }
                Target::Relay(RelayTarget::Queue(queue)) => {
                    self.queues.deliver(queue, envelope.clone());
                }
                Target::Relay(RelayTarget::Bus(other)) if is_first => {
                    self.deliver(other, envelope.clone(), false);
                }
                Target::Relay(RelayTarget::Bus(_)) => continue,
            }
            matched.push(rule.name.clone());
        }
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        if published.events.len() == REMEMBERED_EVENTS {
            published.events.pop_front();
            published.forgotten += 1;
        }
        published.events.push_back(PublishedEvent { bus: bus.to_owned(), envelope, matched });
    }

    /// How many events were accepted so far.
    pub fn count(&self) -> usize {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.forgotten + published.events.len()
    }

    /// The events after the first `count`, oldest first, as far as they are remembered.
    pub fn published_since(&self, count: usize) -> Vec<PublishedEvent> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = count.saturating_sub(published.forgotten);
        published.events.iter().skip(skipped).cloned().collect()
    }
}
