//! Reading a delivery.

use contact_sync_domain::id::TenantId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The most notifications that one delivery may hold.
pub const MAX_ITEMS: usize = 1_000;

/// Why a body is no delivery.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// Not JSON, or not a collection in `value`.
    #[error("the body is no collection of notifications")]
    Malformed(#[source] serde_json::Error),
    /// More bytes or notifications than one delivery may have.
    #[error("the body is larger than a delivery may be")]
    TooLarge,
}

/// The notifications of one POST.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Those that name all that is needed to check them.
    pub notifications: Vec<Notification>,
    /// How many others there were.
    pub incomplete: usize,
}

/// One change or lifecycle notification. Everything else that it says is Graph's to know: values
/// in it are never used.
#[derive(PartialEq, Eq)]
pub struct Notification {
    /// Graph's id of the subscription.
    pub subscription_id: String,
    /// What claims to be our secret.
    pub client_state: String,
    /// Which tenant it is said to concern.
    pub tenant_id: TenantId,
    /// What happened to the subscription; absent when a resource changed.
    pub lifecycle: Option<LifecycleEvent>,
    /// When the change happened, where that is told and readable; informs only.
    pub event_time: Option<Timestamp>,
}

impl std::fmt::Debug for Notification {
    /// Without the secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Notification")
            .field("subscription_id", &self.subscription_id)
            .field("tenant_id", &self.tenant_id)
            .field("lifecycle", &self.lifecycle)
            .field("event_time", &self.event_time)
            .finish_non_exhaustive()
    }
}

/// What happened to a subscription (Graph: `lifecycleEvent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// It must be renewed or re-authorised, else deliveries stop.
    ReauthorizationRequired,
    /// Graph gave it up.
    SubscriptionRemoved,
    /// Notifications were lost.
    Missed,
    /// Something that was not documented when this was written.
    Unknown,
}

impl LifecycleEvent {
    fn of(word: &str) -> Self {
        match word {
            "reauthorizationRequired" => Self::ReauthorizationRequired,
            "subscriptionRemoved" => Self::SubscriptionRemoved,
            "missed" => Self::Missed,
            _ => Self::Unknown,
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireNotification {
    subscription_id: String,
    client_state: String,
    tenant_id: TenantId,
    #[serde(default)]
    lifecycle_event: Option<String>,
    #[serde(default)]
    resource_data: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResource {
    event_time: Timestamp,
}

impl Delivery {
    /// Reads a body. Unknown members are ignored, and a notification that cannot be read is
    /// counted and loses none of the others.
    pub fn parse(body: &[u8]) -> Result<Self, DeliveryError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(DeliveryError::TooLarge);
        }
        let envelope: Envelope<'_> =
            serde_json::from_slice(body).map_err(DeliveryError::Malformed)?;
        if envelope.value.len() > MAX_ITEMS {
            return Err(DeliveryError::TooLarge);
        }
        let mut delivery = Self::default();
        for item in envelope.value {
            match serde_json::from_str::<WireNotification>(item.get()) {
                Ok(wire) => delivery.notifications.push(wire.into()),
                Err(_) => delivery.incomplete += 1,
            }
        }
        Ok(delivery)
    }
}

impl From<WireNotification> for Notification {
    fn from(wire: WireNotification) -> Self {
        let event_time = wire
            .resource_data
            .and_then(|data| serde_json::from_str::<WireResource>(data.get()).ok())
            .map(|resource| resource.event_time);
        Self {
            subscription_id: wire.subscription_id,
            client_state: wire.client_state,
            tenant_id: wire.tenant_id,
            lifecycle: wire.lifecycle_event.as_deref().map(LifecycleEvent::of),
            event_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item() -> Value {
        json!({
            "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
            "clientState": "secret",
            "tenantId": "84BD8158-6d4d-4958-8b9f-9d6445542f95",
        })
    }

    fn parse(value: &Value) -> Delivery {
        Delivery::parse(json!({ "value": value }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn one_bad_notification_never_loses_the_others() {
        let mut no_secret = item();
        no_secret.as_object_mut().unwrap().remove("clientState");
        let mut no_tenant = item();
        no_tenant["tenantId"] = json!("contoso.com");
        let delivery =
            parse(&json!([no_secret, item(), null, "text", 7, no_tenant, item(), [], {}]));
        assert_eq!(delivery.notifications.len(), 2);
        assert_eq!(delivery.incomplete, 7);
    }

    #[test]
    fn unknown_members_and_odd_values_beside_the_needed_ones_do_no_harm() {
        let cases = [
            json!({"eventTime": "2026-11-22T01:47:00.2455823Z", "sequenceNumber": 636_784_480_202_455_808_u64}),
            json!({"eventTime": "2026-11-22T01:47:00Z", "sequenceNumber": u64::MAX}),
            json!({"eventTime": "yesterday", "sequenceNumber": -1.5e300}),
            json!({"members@delta": [{"id": "x"}]}),
            json!("no object"),
            Value::Null,
        ];
        for resource_data in cases {
            let mut odd = item();
            odd["resourceData"] = resource_data.clone();
            odd["changeType"] = json!(["updated"]);
            odd["somethingNew"] = json!({"deep": [[[[]]]]});
            let delivery = parse(&json!([odd]));
            assert_eq!(delivery.incomplete, 0, "{resource_data}");
            let told = delivery.notifications[0].event_time.is_some();
            let readable = resource_data["eventTime"].as_str().is_some_and(|at| at.ends_with('Z'));
            assert_eq!(told, readable, "{resource_data}");
        }
    }

    #[test]
    fn what_happened_to_the_subscription_is_told_apart() {
        let cases = [
            ("reauthorizationRequired", LifecycleEvent::ReauthorizationRequired),
            ("subscriptionRemoved", LifecycleEvent::SubscriptionRemoved),
            ("missed", LifecycleEvent::Missed),
            ("somethingNew", LifecycleEvent::Unknown),
        ];
        for (word, expected) in cases {
            let mut lifecycle = item();
            lifecycle["lifecycleEvent"] = json!(word);
            assert_eq!(parse(&json!([lifecycle])).notifications[0].lifecycle, Some(expected));
        }
        assert_eq!(parse(&json!([item()])).notifications[0].lifecycle, None);
    }

    #[test]
    fn what_is_no_delivery_is_refused() {
        for body in ["", "no json", "[]", "{}", r#"{"value":{}}"#, r#"{"value":[}"#, "\u{0}"] {
            let refused = Delivery::parse(body.as_bytes());
            assert!(matches!(refused, Err(DeliveryError::Malformed(_))), "{body}");
        }
        assert!(matches!(Delivery::parse(b"\xff\xfe"), Err(DeliveryError::Malformed(_))));
        assert_eq!(parse(&json!([])), Delivery::default());
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_before_it_is_read() {
        let many: Vec<Value> = (0..=MAX_ITEMS).map(|_| json!(0)).collect();
        let body = json!({ "value": many }).to_string();
        assert!(matches!(Delivery::parse(body.as_bytes()), Err(DeliveryError::TooLarge)));
        let long = vec![b' '; MAX_BODY_BYTES + 1];
        assert!(matches!(Delivery::parse(&long), Err(DeliveryError::TooLarge)));
    }

    #[test]
    fn deep_nesting_neither_crashes_nor_counts() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"value":[{deep}]}}"#);
        let delivery = Delivery::parse(body.as_bytes());
        assert!(delivery.is_err() || delivery.is_ok_and(|read| read.notifications.is_empty()));
    }

    #[test]
    fn the_secret_is_not_printed() {
        let delivery = parse(&json!([item()]));
        assert!(!format!("{delivery:?}").contains("secret"));
    }
}
