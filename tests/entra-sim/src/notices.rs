//! Turns changes of a directory into notifications for the subscriptions they concern.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::command::Command;
use crate::delivery::Item;
use crate::directory::commands::Touched;
use crate::directory::members::MemberKind;
use crate::graph::instant_with_fraction;
use crate::subscriptions::Subscription;
use crate::world::World;

/// Queues a notification for each subscription that a change concerns.
pub(crate) fn raise(world: &mut World, tenant: Uuid, touched: &[Touched], now: Timestamp) {
    if !world.settings.notifications.enabled {
        return;
    }
    for change in touched {
        let told: Vec<(Uuid, String, &'static str)> = world
            .subscriptions
            .values()
            .filter(|subscription| subscription.tenant == tenant)
            .filter_map(|subscription| {
                let kind = subscription.tells(change)?;
                Some((subscription.id, subscription.notification_url.clone(), kind))
            })
            .collect();
        for (subscription, url, change_type) in told {
            let content = content(world, tenant, change, change_type, now);
            push(world, Item { subscription, url, content, lifecycle: false }, now);
        }
    }
}

/// Queues a notification that no change caused.
pub(crate) fn raise_for(
    world: &mut World,
    subscription: &Subscription,
    touched: &Touched,
    now: Timestamp,
) {
    let change_type = if touched.purged { "deleted" } else { "updated" };
    let content = content(world, subscription.tenant, touched, change_type, now);
    let url = subscription.notification_url.clone();
    push(world, Item { subscription: subscription.id, url, content, lifecycle: false }, now);
}

/// Queues a lifecycle notification.
pub(crate) fn raise_lifecycle(
    world: &mut World,
    subscription: &Subscription,
    event: &str,
    now: Timestamp,
) {
    let url = subscription
        .lifecycle_notification_url
        .clone()
        .unwrap_or_else(|| subscription.notification_url.clone());
    let content = json!({ "lifecycleEvent": event });
    push(world, Item { subscription: subscription.id, url, content, lifecycle: true }, now);
}

/// Sends `reauthorizationRequired` once for this stretch of a subscription's life.
pub(crate) fn raise_reauthorization(
    world: &mut World,
    mut subscription: Subscription,
    now: Timestamp,
) {
    subscription.reauthorization_sent = true;
    raise_lifecycle(world, &subscription, "reauthorizationRequired", now);
    let subscription = Box::new(subscription);
    let _ = world.execute(now, Command::PutSubscription { subscription });
}

fn push(world: &mut World, item: Item, now: Timestamp) {
    let settings = world.settings.notifications.clone();
    let seed = world.seed;
    world.deliveries.push(item, now, &settings, seed);
}

fn content(
    world: &World,
    tenant: Uuid,
    touched: &Touched,
    change_type: &str,
    now: Timestamp,
) -> Value {
    // Captures show capitalised collection and namespace.
    let (collection, odata_type) = match touched.kind {
        MemberKind::Group => ("Groups", "#Microsoft.Graph.Group"),
        _ => ("Users", "#Microsoft.Graph.User"),
    };
    let path = format!("{collection}/{}", touched.id);
    let mut data = json!({
        "@odata.type": odata_type,
        "@odata.id": path,
        "id": touched.id,
        "organizationId": tenant,
        "eventTime": instant_with_fraction(now),
        "sequenceNumber": sequence_number(now, touched.change),
    });
    if let (true, Some((member, kind, present)), Some(object)) =
        (world.settings.notifications.members_in_group_items, touched.member, data.as_object_mut())
    {
        let mut entry = json!({ "@odata.type": kind.odata_type(), "id": member });
        if let (false, Some(entry)) = (present, entry.as_object_mut()) {
            entry.insert("@removed".to_owned(), json!({ "reason": "deleted" }));
        }
        object.insert("members@delta".to_owned(), json!([entry]));
    }
    json!({ "changeType": change_type, "resource": path, "resourceData": data })
}

/// A number above 2^53, as the real service sends: reading it as a float loses digits.
fn sequence_number(now: Timestamp, change: u64) -> u64 {
    let ticks = u64::try_from(now.as_microsecond()).unwrap_or(0).saturating_mul(10);
    (600_000_000_000_000_000_u64).saturating_add(ticks).saturating_add(change % 10)
}
