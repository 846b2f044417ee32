//! A contact in a bundle.

use std::collections::BTreeSet;

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::{Contact, Target};
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{ConnectionId, ContactId};
use contact_sync_domain::team::{Membership, Origin, Turn};
use serde_json::{Value, json};

use super::TIME;
use super::run::link_told;
use super::veil::Veil;
use crate::admin::{
    AdminError, BySync, Outside, Provenance, TimelineEntry, Writer, provenance, timeline,
};
use crate::port::{Clock, ContactStore, StoredContact, TeamStore};

/// How many entries of the timeline are told.
const MOST_ENTRIES: usize = 300;

/// How many are read at once.
const ENTRIES: u16 = 100;

/// The contact, and which version of whose settings decided about it last.
pub(super) async fn told(
    outside: &impl Outside,
    veil: &mut Veil,
    account: &Account,
    id: &ContactId,
) -> Result<(Value, Option<(ConnectionId, Option<u64>)>), AdminError> {
    let store = outside.store();
    let until = outside.clock().now() + TIME;
    let stored = store.get(&account.id, id).await?;
    let contact = match stored {
        Some(StoredContact::Present(contact)) => Some(contact),
        Some(StoredContact::Tombstone { .. }) | None => None,
    };
    let (mut standing, mut fields) = (Value::Null, Vec::new());
    if let Some(contact) = &contact {
        // First what is hidden, then the sentences that may name it.
        standing = standing_told(veil, contact);
        for (target, one) in provenance(outside, account, id).await? {
            fields.push(field(veil, &target, &one));
        }
    }
    let (mut entries, mut next) = (Vec::new(), None);
    loop {
        let page = timeline(outside, &account.id, id, next.as_deref(), ENTRIES).await?;
        entries.extend(page.items);
        next = page.next;
        if next.is_none() || entries.len() >= MOST_ENTRIES || outside.clock().now() >= until {
            break;
        }
    }
    let linked = contact.as_ref().and_then(|contact| contact.link.as_ref());
    let mut linked = linked.map(|link| link.connection_id.clone());
    if linked.is_none() {
        // One that was removed is told with the connection that wrote it last.
        linked = entries.iter().find_map(|entry| match entry {
            TimelineEntry::Sync(change) => Some(change.connection_id.clone()),
            TimelineEntry::Person(_)
            | TimelineEntry::Membership(_)
            | TimelineEntry::Waiting(_)
            | TimelineEntry::Older { .. } => None,
        });
    }
    let version = contact.as_ref().and_then(|contact| contact.sync.as_ref());
    let version = version.map(|mark| mark.settings_version);
    let told: Vec<Value> = entries.iter().map(|one| entry(veil, one)).collect();
    let memberships = store.memberships_of(&account.id, id).await?;
    let memberships: Vec<Value> = memberships.iter().map(|one| membership(veil, one)).collect();
    let document = json!({
        "id": veil.id("contact", id.as_str()),
        "removed": contact.is_none(),
        "stands": standing,
        "fields": fields,
        "timeline": told,
        "timelineComplete": next.is_none(),
        "memberships": memberships,
    });
    Ok((document, linked.map(|linked| (linked, version))))
}

fn standing_told(veil: &mut Veil, contact: &Contact) -> Value {
    let link = contact.link.as_ref().map(|link| {
        json!({
            "connection": link.connection_id,
            "tenant": veil.id("tenant", link.tenant_id.as_str()),
            "user": veil.id("user", link.object_id.as_str()),
            "userPrincipalName": veil.text_value(link.user_principal_name.as_deref()),
            "state": link.state,
            "actsAt": link.acts_at,
            "planned": link.planned,
        })
    });
    let mark = contact.sync.as_ref().map(|mark| {
        json!({
            "run": mark.run,
            "page": mark.page,
            "sourceVersion": mark.source_version,
            "settingsVersion": mark.settings_version,
            "fingerprint": mark.fingerprint.as_deref().map(|print| veil.rehashed(print)),
        })
    });
    json!({
        "version": contact.version,
        "status": contact.status,
        "source": contact.source,
        "protected": contact.protected,
        "managedFields": contact.managed_fields,
        "link": link,
        "sync": mark,
        "createdAt": contact.created_at,
        "updatedAt": contact.updated_at,
    })
}

fn field(veil: &mut Veil, target: &Target, told: &Provenance) -> Value {
    let (by, run, settings_version, actor) = match &told.writer {
        Writer::Run { run, settings_version } => ("run", Some(run), Some(*settings_version), None),
        Writer::Approved { run, settings_version, by } => {
            ("approval", run.as_ref(), *settings_version, Some(by))
        }
        Writer::Person { by } => ("person", None, None, Some(by)),
        Writer::Unknown => ("unknown", None, None, None),
    };
    json!({
        "field": target,
        "value": veil.value(&told.value),
        "by": by,
        "run": run,
        "settingsVersion": settings_version,
        "actor": actor.map(|actor| veil.actor(actor)),
        "source": told.source.as_deref().map(|source| veil.expression(source)),
        "attributes": told.attributes,
        "rule": told.rule,
        "at": told.at,
        "locked": told.locked,
    })
}

fn entry(veil: &mut Veil, entry: &TimelineEntry) -> Value {
    match entry {
        TimelineEntry::Sync(change) => by_sync(veil, change),
        TimelineEntry::Person(deed) => by_person(veil, deed),
        TimelineEntry::Membership(one) => turn(veil, one),
        TimelineEntry::Waiting(item) => json!({
            "kind": "waiting",
            "at": item.since,
            "list": item.list,
            "connection": item.connection_id,
            "changes": veil.changes(&item.changes),
            "reason": item.reason.as_deref().map(|reason| veil.sentence(reason)),
        }),
        TimelineEntry::Older { before } => json!({"kind": "older", "before": before}),
    }
}

fn by_sync(veil: &mut Veil, change: &BySync) -> Value {
    let run = change.run.as_ref();
    let (item, went) = (&change.item, change.deviation.as_ref());
    let reason = went.and_then(|other| other.reason.as_deref()).or(item.reason.as_deref());
    json!({
        "kind": "run",
        "at": change.at,
        "sequence": change.version,
        "connection": change.connection_id,
        "user": veil.id("user", item.object_id.as_str()),
        "run": change.place.run,
        "page": change.place.page,
        "runKind": run.map(|run| run.kind),
        "trigger": run.map(|run| run.trigger),
        "change": change.kind().name(),
        "written": change.is_written(),
        "changes": veil.changes(&item.fields),
        "link": item.link.as_ref().map(|link| link_told(veil, link)),
        "status": item.status,
        "matched": item.matched.as_deref().map(|matched| &matched.key),
        "cause": item.cause(),
        "approvedBy": change.approved_by().as_ref().map(|by| veil.actor(by)),
        "reason": reason.map(|reason| veil.sentence(reason)),
    })
}

fn by_person(veil: &mut Veil, deed: &HistoryEntry) -> Value {
    let what = json!(deed.what);
    json!({
        "kind": "person",
        "at": deed.at,
        "sequence": deed.version,
        "did": what.get("did"),
        "list": what.get("list"),
        "action": what.get("action"),
        "actor": veil.actor(&deed.actor),
        "changes": veil.changes(&deed.changes),
        "reason": deed.reason.as_deref().map(|reason| veil.sentence(reason)),
    })
}

fn membership(veil: &mut Veil, one: &Membership) -> Value {
    json!({
        "team": veil.id("team", one.team_id.as_str()),
        "stands": one.stands(),
        "origins": origins(veil, &one.origins),
        "version": one.version,
        "at": one.updated_at,
    })
}

fn turn(veil: &mut Veil, one: &Turn) -> Value {
    json!({
        "kind": "membership",
        "team": veil.id("team", one.team_id.as_str()),
        "change": one.change.name(),
        "stands": !one.origins.is_empty(),
        "origins": origins(veil, &one.origins),
        "run": one.run,
        "at": one.at,
    })
}

fn origins(veil: &mut Veil, origins: &BTreeSet<Origin>) -> Vec<Value> {
    origins
        .iter()
        .map(|origin| {
            let by = match origin {
                Origin::Manual => "manual",
                Origin::Group { .. } => "group",
                Origin::Kept { .. } => "kept",
            };
            let group = origin.group().map(|(_, group)| veil.id("group", group.as_str()));
            json!({"by": by, "group": group})
        })
        .collect()
}
