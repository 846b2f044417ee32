//! The schedules there are, and what may be entered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{DEFAULT_GROUP, Expression, ExpressionError, Schedule, State, WindowMode};
use crate::bus::EventBuses;
use crate::clock::LocalClock;
use crate::dead_letters::DeadLetters;
use crate::files;
use crate::invoke::AsyncInvoker;
use crate::plan::{Context, Plan, Role};

/// Why the API refuses, in Scheduler's words.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ScheduleError {
    #[error("{0}")]
    Validation(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    NotFound(String),
}

/// A schedule with its clockwork.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entered {
    pub(super) schedule: Schedule,
    created_at: Timestamp,
    modified_at: Timestamp,
    #[serde(skip)]
    pub(super) next: Option<Timestamp>,
    /// The template's own are made anew at each start.
    #[serde(skip)]
    from_template: bool,
}

/// All schedules and their clockwork.
#[derive(Debug)]
pub struct ScheduleBook {
    entries: Mutex<BTreeMap<(String, String), Entered>>,
    groups: Vec<String>,
    pub(super) functions: BTreeMap<String, String>,
    queues: Vec<String>,
    roles: BTreeMap<String, Role>,
    pub(super) invoker: Arc<AsyncInvoker>,
    pub(super) buses: Arc<EventBuses>,
    pub(super) dead_letters: Arc<DeadLetters>,
    pub(super) clock: LocalClock,
    /// Where API-made schedules survive a restart.
    file: PathBuf,
    pub(super) changed: Notify,
}

impl ScheduleBook {
    /// Opens the book with the template's schedules and those kept in `file`.
    pub(crate) fn open(
        plan: &Plan,
        invoker: Arc<AsyncInvoker>,
        buses: Arc<EventBuses>,
        dead_letters: Arc<DeadLetters>,
        clock: LocalClock,
        file: PathBuf,
    ) -> Result<Self, OpenError> {
        let book = Self {
            entries: Mutex::default(),
            groups: plan
                .schedule_groups
                .iter()
                .map(|group| group.name.clone())
                .chain([DEFAULT_GROUP.to_owned()])
                .collect(),
            functions: plan
                .functions
                .iter()
                .map(|function| (function.arn.clone(), function.name.clone()))
                .collect(),
            queues: plan.queues.iter().map(|queue| queue.arn.clone()).collect(),
            roles: plan.roles.iter().map(|role| (role.arn.clone(), role.clone())).collect(),
            invoker,
            buses,
            dead_letters,
            clock,
            file,
            changed: Notify::new(),
        };
        let kept: Vec<Entered> = files::read_json(&book.file)?.unwrap_or_default();
        let now = book.clock.now();
        for mut entered in kept {
            entered.next = next_due(&entered.schedule, |expression| expression.next_after(now));
            book.lock().insert(key(&entered.schedule), entered);
        }
        for function in &plan.functions {
            for schedule in &function.schedules {
                let schedule = Schedule::of_template(function, schedule);
                let name = schedule.name.clone();
                book.enter(schedule, true)
                    .map_err(|error| OpenError::Refused { name, source: error.into() })?;
            }
        }
        Ok(book)
    }

    /// Whether a schedule's role allows what it is about to do.
    pub(super) fn may(&self, schedule: &Schedule, action: &str, resource: &str) -> bool {
        let role = self.roles.get(&schedule.target.role_arn);
        role.is_some_and(|role| role.allows(action, resource, &Context::new()))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Entered>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn groups(&self) -> &[String] {
        &self.groups
    }

    /// All schedules, the template's included.
    pub fn all(&self) -> Vec<Schedule> {
        self.lock().values().map(|entered| entered.schedule.clone()).collect()
    }

    /// When a schedule is due next.
    pub fn next_due_at(&self, group: &str, name: &str) -> Option<Timestamp> {
        self.lock().get(&(group.to_owned(), name.to_owned()))?.next
    }

    /// Deletes a schedule behind its maker's back; whether it was there.
    pub fn remove(&self, group: &str, name: &str) -> bool {
        self.delete(group, name).is_ok()
    }

    pub(crate) fn create(&self, schedule: Schedule) -> Result<(), ScheduleError> {
        self.enter(schedule, false)
    }

    fn enter(&self, schedule: Schedule, from_template: bool) -> Result<(), ScheduleError> {
        self.check(&schedule)?;
        let now = self.clock.now();
        let next = next_due(&schedule, |expression| expression.first(now));
        let mut entries = self.lock();
        if let Some(existing) = entries.get(&key(&schedule)) {
            // The SDK repeats a request whose answer was lost, with the same token.
            if schedule.client_token.is_some() && existing.schedule == schedule {
                return Ok(());
            }
            return Err(ScheduleError::Conflict(format!(
                "Schedule {} already exists.",
                schedule.name
            )));
        }
        entries.insert(
            key(&schedule),
            Entered { schedule, created_at: now, modified_at: now, next, from_template },
        );
        self.entered(&entries);
        Ok(())
    }

    pub(crate) fn update(&self, schedule: Schedule) -> Result<(), ScheduleError> {
        self.check(&schedule)?;
        let now = self.clock.now();
        let next = next_due(&schedule, |expression| expression.first(now));
        let mut entries = self.lock();
        let entered = entries.get_mut(&key(&schedule)).ok_or_else(|| not_found(&schedule.name))?;
        entered.schedule = schedule;
        entered.modified_at = now;
        entered.next = next;
        self.entered(&entries);
        Ok(())
    }

    pub(crate) fn get(&self, group: &str, name: &str) -> Result<Value, ScheduleError> {
        let entries = self.lock();
        let entered =
            entries.get(&(group.to_owned(), name.to_owned())).ok_or_else(|| not_found(name))?;
        Ok(described(entered))
    }

    pub(crate) fn list(&self, group: Option<&str>, prefix: &str) -> Vec<Value> {
        self.lock()
            .values()
            .filter(|entered| group.is_none_or(|group| entered.schedule.group_name == group))
            .filter(|entered| entered.schedule.name.starts_with(prefix))
            .map(|entered| {
                json!({
                    "Arn": entered.schedule.arn(),
                    "Name": entered.schedule.name,
                    "GroupName": entered.schedule.group_name,
                    "State": entered.schedule.state,
                    "CreationDate": entered.created_at.as_second(),
                    "LastModificationDate": entered.modified_at.as_second(),
                    "Target": {"Arn": entered.schedule.target.arn},
                })
            })
            .collect()
    }

    pub(crate) fn delete(&self, group: &str, name: &str) -> Result<(), ScheduleError> {
        let mut entries = self.lock();
        entries.remove(&(group.to_owned(), name.to_owned())).ok_or_else(|| not_found(name))?;
        self.entered(&entries);
        Ok(())
    }

    /// Saves the API-made schedules and wakes the clockwork.
    pub(super) fn entered(&self, entries: &BTreeMap<(String, String), Entered>) {
        let kept: Vec<&Entered> =
            entries.values().filter(|entered| !entered.from_template).collect();
        if let Err(error) = files::write_json(&self.file, &kept) {
            tracing::error!(%error, "Schedules could not be saved.");
        }
        self.changed.notify_one();
    }

    fn check(&self, schedule: &Schedule) -> Result<(), ScheduleError> {
        let refuse = |problem: String| Err(ScheduleError::Validation(problem));
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !is_name(&schedule.name) {
            return refuse(format!("Name {} must match [0-9a-zA-Z-_.]+, up to 64.", schedule.name));
        }
        if !self.groups.contains(&schedule.group_name) {
            return Err(ScheduleError::NotFound(format!(
                "Schedule group {} does not exist.",
                schedule.group_name
            )));
        }
        parse(schedule).map_err(|error| ScheduleError::Validation(error.to_string()))?;
        let window = &schedule.flexible_time_window;
        if (window.mode == WindowMode::Flexible) != window.maximum_window_in_minutes.is_some() {
            return refuse(
                "MaximumWindowInMinutes goes with FlexibleTimeWindow mode FLEXIBLE.".to_owned(),
            );
        }
        let target = &schedule.target;
        if !self.roles.contains_key(&target.role_arn) {
            return refuse(format!("The stack has no role {}.", target.role_arn));
        }
        if let Some(input) = &target.input
            && serde_json::from_str::<Value>(input).is_err()
        {
            return refuse("Input is not valid JSON.".to_owned());
        }
        if let Some(letters) = &target.dead_letter_config
            && !self.queues.contains(&letters.arn)
        {
            return refuse(format!("The stack has no queue {}.", letters.arn));
        }
        match (&target.event_bridge_parameters, self.buses.knows(&target.arn)) {
            (Some(_), true) => Ok(()),
            (None, true) => refuse("A bus as target needs EventBridgeParameters.".to_owned()),
            (None, false) if self.functions.contains_key(&target.arn) => Ok(()),
            (Some(_), false) => refuse("EventBridgeParameters go with a bus as target.".to_owned()),
            (None, false) => refuse(format!("The stack has no target {}.", target.arn)),
        }
    }
}

/// Why the book cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the schedule {name} of the template is refused: {source}")]
    Refused {
        name: String,
        #[source]
        source: ScheduleRefusal,
    },
    #[error("the kept schedules cannot be read")]
    Kept(#[from] std::io::Error),
}

/// A refusal, for whoever started the stack.
pub type ScheduleRefusal = Box<dyn std::error::Error + Send + Sync>;

fn key(schedule: &Schedule) -> (String, String) {
    (schedule.group_name.clone(), schedule.name.clone())
}

fn not_found(name: &str) -> ScheduleError {
    ScheduleError::NotFound(format!("Schedule {name} does not exist."))
}

fn parse(schedule: &Schedule) -> Result<Expression, ExpressionError> {
    Expression::parse(
        &schedule.schedule_expression,
        schedule.schedule_expression_timezone.as_deref(),
    )
}

#[expect(clippy::cast_possible_truncation, reason = "Scheduler's dates are whole seconds")]
fn seconds(date: f64) -> Option<Timestamp> {
    Timestamp::from_second(date as i64).ok()
}

fn described(entered: &Entered) -> Value {
    let mut value = serde_json::to_value(&entered.schedule).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.remove("ClientToken");
        members.insert("Arn".to_owned(), entered.schedule.arn().into());
        members.insert("CreationDate".to_owned(), entered.created_at.as_second().into());
        members.insert("LastModificationDate".to_owned(), entered.modified_at.as_second().into());
    }
    value
}

/// When a schedule is due next, within its dates, by what `next` asks of its expression.
pub(super) fn next_due(
    schedule: &Schedule,
    next: impl Fn(&Expression) -> Option<Timestamp>,
) -> Option<Timestamp> {
    if schedule.state == State::Disabled {
        return None;
    }
    let expression = parse(schedule).ok()?;
    let mut due = next(&expression)?;
    if let Some(start) = schedule.start_date.and_then(seconds) {
        while due < start {
            due = expression.next_after(due)?;
        }
    }
    match schedule.end_date.and_then(seconds) {
        Some(end) if due > end => None,
        Some(_) | None => Some(due),
    }
}
