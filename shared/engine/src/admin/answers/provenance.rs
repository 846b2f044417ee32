//! Where each value of a contact comes from: who wrote it last, by which rule, and who approved it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contact_sync_domain::account::Account;
use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::{Contact, Target};
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, RunId};
use contact_sync_domain::mapping::Mapping;
use contact_sync_domain::run::{Run, RunKind};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::written::WriteId;
use jiff::Timestamp;
use serde_json::Value;

use super::instant_of;
use crate::admin::contacts::{contact, editability};
use crate::admin::{AdminError, Outside};
use crate::port::{ConnectionStore, HistoryStore, RunStore, SettingsStore};

/// How many entries of what people did are read at once, and how often at most.
const PACKET: u16 = 100;
const MOST_PACKETS: usize = 20;

/// Where one value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// The value.
    pub value: Value,
    /// Who wrote it.
    pub writer: Writer,
    /// When it was written; a run's writes count from its start.
    pub at: Option<Timestamp>,
    /// The mapping's source.
    pub source: Option<String>,
    /// The attributes that the source reads.
    pub attributes: BTreeSet<String>,
    /// The row's policy.
    pub rule: Option<String>,
    /// Whether sync manages it, so that people cannot edit it.
    pub locked: bool,
}

/// Who wrote a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Writer {
    /// A run, by the settings alone.
    Run {
        /// Which.
        run: RunId,
        /// Under which version of the settings.
        settings_version: u64,
    },
    /// A run proposed it, and a person approved: of that one value, or of the run's whole plan.
    Approved {
        /// The run.
        run: Option<RunId>,
        /// Under which version of the settings, where the plan was approved.
        settings_version: Option<u64>,
        /// Who.
        by: Actor,
    },
    /// A person.
    Person {
        /// Who.
        by: Actor,
    },
    /// Somebody of whom nothing is kept: it was written before that was, or too long ago.
    Unknown,
}

/// What is known of a writer.
enum Known {
    Run(Box<(Run, Rows)>),
    Entry(Box<HistoryEntry>),
}

/// The rows of a version of the settings.
struct Rows {
    settings: Settings,
    compiled: Option<Mapping>,
}

/// Where each value of a contact comes from.
pub async fn provenance(
    outside: &impl Outside,
    account: &Account,
    id: &ContactId,
) -> Result<BTreeMap<Target, Provenance>, AdminError> {
    let contact = contact(outside.store(), &account.id, id).await?;
    let editable = editability(outside.store(), account, &contact).await?;
    let writers = writers(outside, account, &contact).await?;
    let fields = contact.fields.keys().map(|field| Target::Field(*field));
    let targets = fields.chain(contact.custom.keys().cloned().map(Target::Custom));
    let told = targets.filter_map(|target| {
        let value = contact.value(&target)?;
        let locked = !editable.locked(&[&target]).is_empty();
        let by = contact.writer_of(&target);
        let known = by.and_then(|by| writers.get(&by));
        let blank = Provenance {
            value,
            writer: Writer::Unknown,
            at: by.map(|by| instant_of(by.to_bits())),
            source: None,
            attributes: BTreeSet::new(),
            rule: None,
            locked,
        };
        let provenance = match known {
            None => Provenance { at: None, ..blank },
            Some(Known::Entry(entry)) => of_entry(blank, entry, &target),
            Some(Known::Run(found)) => of_run(blank, found, &target),
        };
        Some((target, provenance))
    });
    Ok(told.collect())
}

fn of_entry(blank: Provenance, entry: &HistoryEntry, target: &Target) -> Provenance {
    let by = entry.actor.clone();
    let at = Some(entry.at);
    match &entry.what {
        HistoryKind::Decided { run, .. } => {
            let change = entry.changes.iter().rev().find(|change| change.field == *target);
            let run = RunId::parse(run).ok();
            let writer = Writer::Approved { run, settings_version: None, by };
            Provenance {
                writer,
                at,
                source: change.map(|change| change.source.clone()),
                rule: change.map(|change| change.rule.clone()),
                ..blank
            }
        }
        HistoryKind::Created
        | HistoryKind::Imported
        | HistoryKind::Edited
        | HistoryKind::Protected
        | HistoryKind::Unprotected
        | HistoryKind::Filled { .. }
        | HistoryKind::Merged { .. }
        | HistoryKind::Deleted
        | HistoryKind::TeamJoined { .. }
        | HistoryKind::TeamRole { .. }
        | HistoryKind::TeamLeft { .. } => Provenance { writer: Writer::Person { by }, at, ..blank },
    }
}

fn of_run(blank: Provenance, (run, rows): &(Run, Rows), target: &Target) -> Provenance {
    let (id, settings_version) = (run.id.clone(), run.settings_version);
    let writer = match approver(run) {
        Some(by) => {
            Writer::Approved { run: Some(id), settings_version: Some(settings_version), by }
        }
        None => Writer::Run { run: id, settings_version },
    };
    let told = Provenance { writer, at: run.started_at.or(blank.at), ..blank };
    if run.kind == RunKind::Undo {
        // It wrote back what stood there before: by no row of the settings that were current then.
        return told;
    }
    if let Some(row) = rows.compiled.as_ref().and_then(|mapping| mapping.row_of(target)) {
        return Provenance {
            source: Some(row.source.to_owned()),
            attributes: row.attributes,
            rule: Some(row.rule.to_owned()),
            ..told
        };
    }
    // A field that the account had then and has no more: the row as it was written.
    let name = target.to_string();
    let row = rows.settings.mapping.iter().rev().find(|row| row.target == name);
    Provenance { source: row.map(|row| row.source.clone()), ..told }
}

/// Who approved of a run's plan.
pub(super) fn approver(run: &Run) -> Option<Actor> {
    run.approved().map(|approved| approved.by.clone())
}

/// What is known of everybody who wrote a value of this contact.
async fn writers(
    outside: &impl Outside,
    account: &Account,
    contact: &Contact,
) -> Result<HashMap<WriteId, Known>, AdminError> {
    let mut open: BTreeSet<WriteId> = contact.written.iter().map(|one| one.by).collect();
    let mut known = HashMap::new();
    let store = outside.store();
    let mut after = None;
    for _ in 0..MOST_PACKETS {
        if open.is_empty() {
            return Ok(known);
        }
        let page = store.history(&account.id, &contact.id, after.as_deref(), PACKET).await?;
        let Some(page) = page else { break };
        for entry in page.entries {
            let id = WriteId::from(&entry.id);
            if open.remove(&id) {
                known.insert(id, Known::Entry(Box::new(entry)));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let connections = connections(outside, &account.id, contact).await?;
    let mut versions: HashMap<(ConnectionId, u64), Settings> = HashMap::new();
    for id in open {
        let run_id = RunId::from_bits(id.to_bits());
        let mut found = None;
        for connection in &connections {
            if let Some(run) = store.run(&account.id, connection, &run_id).await? {
                found = Some((connection.clone(), run));
                break;
            }
        }
        let Some((connection, run)) = found else {
            continue;
        };
        let place = (connection, run.settings_version);
        if !versions.contains_key(&place) {
            let (connection, number) = &place;
            let version = store.settings_version(&account.id, connection, *number).await?;
            let settings = version.map(|version| version.settings).unwrap_or_default();
            versions.insert(place.clone(), settings);
        }
        let settings = versions.get(&place).cloned().unwrap_or_default();
        let compiled = Mapping::compile(&settings, &account.custom_fields).ok();
        known.insert(id, Known::Run(Box::new((run, Rows { settings, compiled }))));
    }
    Ok(known)
}

/// In which connections' runs a writer is looked for, the likeliest first.
async fn connections(
    outside: &impl Outside,
    account: &AccountId,
    contact: &Contact,
) -> Result<Vec<ConnectionId>, AdminError> {
    let all = outside.store().connections(account).await?;
    let mut ids: Vec<ConnectionId> = all.into_iter().map(|one| one.id).collect();
    let linked = contact.link.as_ref().map(|link| &link.connection_id);
    ids.sort_by_key(|id| Some(id) != linked);
    Ok(ids)
}
