//! The control API in-process: everything `/_sim/…` does, as functions.

mod directory;
mod tenancy;
mod units;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::SimClock;
use crate::command::Command;
use crate::delivery::DeliveryCounts;
use crate::directory::CommandError;
use crate::directory::commands::Touched;
use crate::directory::members::MemberKind;
use crate::faults::Fault;
use crate::login::sign_in::SignIn;
use crate::notices;
use crate::request_log::{LoggedRequest, RequestCounts};
use crate::settings::Settings;
use crate::signing::{SigningError, draw_key};
use crate::simulation::Sim;
use crate::subscriptions::Subscription;

pub use tenancy::{PersonSummary, TenantSummary};

/// The simulator's levers. Tenants are named by id or domain, people by object id or user
/// principal name, groups by object id or display name.
#[derive(Debug, Clone)]
pub struct Controls {
    pub(crate) sim: Arc<Sim>,
}

/// Why a setting is refused.
#[derive(Debug, thiserror::Error)]
#[error("the settings are not valid: {0}")]
pub struct SettingsError(#[from] serde_json::Error);

/// What the clock shows.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockReading {
    /// Simulated instant.
    pub now: Timestamp,
    /// Milliseconds ahead of the machine's time.
    pub offset_ms: i128,
    /// Whether time stands still.
    pub frozen: bool,
}

impl Controls {
    /// Origin of login and Graph, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.sim.world().base_url.clone()
    }

    /// Origin of Graph; the same unless Graph has a host of its own.
    pub fn graph_url(&self) -> String {
        self.sim.world().graph_url.clone()
    }

    /// The clock; moves made on it directly are not kept in the data directory.
    pub fn clock(&self) -> &SimClock {
        &self.sim.clock
    }

    /// Moves time forward and keeps the offset over restarts.
    pub fn advance_clock(&self, by: Duration) {
        self.sim.clock.advance(by);
        self.keep_clock();
    }

    /// Jumps to an instant and keeps the offset over restarts.
    pub fn set_clock(&self, to: Timestamp) {
        self.sim.clock.set(to);
        self.keep_clock();
    }

    /// What the clock shows.
    pub fn read_clock(&self) -> ClockReading {
        let clock = &self.sim.clock;
        ClockReading {
            now: clock.now(),
            offset_ms: clock.offset().as_millis(),
            frozen: clock.is_frozen(),
        }
    }

    fn keep_clock(&self) {
        let offset_ms = i64::try_from(self.sim.clock.offset().as_millis()).unwrap_or(0);
        let _ = self.sim.execute(Command::MoveClock { offset_ms });
    }

    /// Decides the next sign-in at a consent or authorize page.
    pub fn next_sign_in(&self, sign_in: SignIn) {
        self.sim.world().sign_ins.push(sign_in);
    }

    /// Forgets sign-ins that were decided but did not happen.
    pub fn clear_sign_ins(&self) {
        self.sim.world().sign_ins.clear();
    }

    /// Adds a fault; answers its number.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.sim.faults().add(fault)
    }

    /// Removes a fault; answers whether it was there.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.sim.faults().remove(id)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.sim.faults().clear();
    }

    /// The faults with how often they were met.
    pub fn faults(&self) -> Vec<Fault> {
        self.sim.faults().list().to_vec()
    }

    /// Counters of requests since the start or the last reset.
    pub fn request_counts(&self) -> RequestCounts {
        self.sim.log().counts()
    }

    /// The newest `count` requests, oldest first.
    pub fn requests(&self, count: usize) -> Vec<LoggedRequest> {
        self.sim.log().newest(count)
    }

    /// Sets counters to zero and forgets the requests.
    pub fn reset_requests(&self) {
        self.sim.log().reset();
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.sim.world().settings.clone()
    }

    /// Replaces the settings.
    pub fn change_settings(&self, settings: Settings) {
        let _ = self.sim.execute(Command::ChangeSettings { settings: Box::new(settings) });
    }

    /// Merges a partial settings document, as `{"delta": {"pageSize": 3}}`.
    pub fn merge_settings(&self, changes: &Value) -> Result<Settings, SettingsError> {
        let mut document = serde_json::to_value(self.settings())?;
        merge(&mut document, changes);
        let settings: Settings = serde_json::from_value(document)?;
        self.change_settings(settings.clone());
        Ok(settings)
    }

    /// All subscriptions of all tenants.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.sim.world().subscriptions.values().cloned().collect()
    }

    /// Ends a subscription without telling anybody; answers whether it was there.
    pub fn remove_subscription(&self, id: Uuid) -> bool {
        let known = self.sim.world().subscriptions.contains_key(&id);
        let _ = self.sim.execute(Command::RemoveSubscription { id });
        known
    }

    /// Sends a lifecycle notification; `hold` stops deliveries until it is answered.
    pub fn send_lifecycle(&self, id: Uuid, event: &str, hold: bool) -> bool {
        let now = self.sim.now();
        let mut world = self.sim.world();
        let Some(mut subscription) = world.subscriptions.get(&id).cloned() else { return false };
        notices::raise_lifecycle(&mut world, &subscription, event, now);
        if hold {
            subscription.authorized = false;
            let subscription = Box::new(subscription);
            let _ = world.execute(now, Command::PutSubscription { subscription });
        }
        drop(world);
        self.sim.clock.nudge();
        true
    }

    /// Sends a notification that no change caused, `times` times.
    pub fn send_notification(&self, id: Uuid, object: Uuid, deleted: bool, times: u32) -> bool {
        let now = self.sim.now();
        let mut world = self.sim.world();
        let Some(subscription) = world.subscriptions.get(&id).cloned() else { return false };
        let about_groups = subscription.resource.to_lowercase().starts_with("group");
        let kind = if about_groups { MemberKind::Group } else { MemberKind::User };
        let touched = Touched { kind, id: object, purged: deleted, change: 0, member: None };
        for _ in 0..times {
            notices::raise_for(&mut world, &subscription, &touched, now);
        }
        drop(world);
        self.sim.clock.nudge();
        true
    }

    /// Posts a forged notification to a subscription's URL now; answers the receiver's status, or
    /// `None` if there is no such subscription or no answer. `item` goes over the members of a
    /// true item, `body` replaces everything.
    pub async fn send_forged(
        &self,
        id: Uuid,
        item: &serde_json::Map<String, Value>,
        body: Option<String>,
    ) -> Option<u16> {
        let (url, payload) = {
            let world = self.sim.world();
            let subscription = world.subscriptions.get(&id)?;
            let true_item = serde_json::json!({
                "changeType": "updated",
                "clientState": subscription.client_state,
                "resource": format!("Users/{id}"),
                "resourceData": { "@odata.type": "#Microsoft.Graph.User", "id": id },
                "subscriptionId": id,
                "subscriptionExpirationDateTime": subscription.expires_at.to_string(),
                "tenantId": subscription.tenant,
            });
            let payload = serde_json::json!({ "value": [true_item] });
            (subscription.notification_url.clone(), payload)
        };
        let lie = serde_json::json!({ "value": crate::delivery::forge(&payload, item) });
        let request = self
            .sim
            .client
            .post(url)
            .header("content-type", "application/json; charset=utf-8")
            .timeout(Duration::from_secs(10))
            .body(body.unwrap_or_else(|| lie.to_string()));
        request.send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// What became of notifications so far.
    pub fn deliveries(&self) -> DeliveryCounts {
        self.sim.world().deliveries.counts()
    }

    /// Waits until no notification is pending; `false` if that takes longer than `limit`.
    pub async fn deliveries_settled(&self, limit: Duration) -> bool {
        let settled = async {
            while self.deliveries().pending > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(limit, settled).await.is_ok()
    }

    /// Signs with a new key from now on; `retire_old` also stops publishing the older ones.
    pub fn roll_keys(&self, retire_old: bool) -> Result<(), SigningError> {
        let private_key = draw_key()?;
        let _ = self.sim.execute(Command::RollKeys { private_key, retire_old });
        Ok(())
    }

    fn tenant_id(&self, tenant: impl Display) -> Result<Uuid, CommandError> {
        let name = tenant.to_string();
        self.sim.tenant_id(&name).ok_or(CommandError::NoTenant(name))
    }
}

/// RFC 7396 without the removal of members: `null` sets `null`.
fn merge(document: &mut Value, changes: &Value) {
    match (document, changes) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(members.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
        (document, changes) => document.clone_from(changes),
    }
}
