//! Everything that is kept of one person, in one document.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::{Contact, Target};
use contact_sync_domain::erasure::ErasureReceipt;
use contact_sync_domain::id::{ContactId, RunId};
use contact_sync_domain::photo::ContactPhoto;
use contact_sync_domain::review::Decision;
use contact_sync_domain::run::Run;
use contact_sync_domain::team::Membership;
use contact_sync_domain::welcome::Welcome;
use jiff::{SignedDuration, Timestamp};

use super::provenance::{Provenance, provenance};
use super::timeline::{TimelineEntry, timeline};
use crate::admin::erasing::{ids_beside, receipt_of, whose};
use crate::admin::{AdminError, Outside};
use crate::port::{
    Clock, ConnectionStore, ContactStore, DecisionStore, ErasureStore, KeptRecord, PhotoStore,
    StoredContact, TeamStore, WelcomeStore,
};

/// After so long an export says where it goes on: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(15);

/// How many entries of a timeline one export holds at most: an answer takes 6 MB.
const MOST_ENTRIES: usize = 1_500;

/// Entries that are read at once.
const ENTRIES: u16 = 100;

/// Decisions that are read at once.
const DECISIONS: u16 = 100;

/// What is kept of a person.
#[derive(Debug)]
pub struct Exported {
    /// When it was read.
    pub at: Timestamp,
    /// The contact with its link; `None` of one that was removed.
    pub contact: Option<Box<Contact>>,
    /// What is known of its photo.
    pub photo: Option<ContactPhoto>,
    /// Where its values come from.
    pub provenance: BTreeMap<Target, Provenance>,
    /// The teams it is or was in.
    pub memberships: Vec<Membership>,
    /// What happened to it, what people did to it and what waits, newest first.
    pub timeline: Vec<TimelineEntry>,
    /// Where the timeline goes on that is too long for one export.
    pub timeline_next: Option<String>,
    /// What people decided about it.
    pub decisions: Vec<Decision>,
    /// Whether all decisions were looked through.
    pub knows_all_decisions: bool,
    /// The runs that the timeline names, as far as they are kept.
    pub runs: Vec<Run>,
    /// Whatever else is stored about the person, as it is stored: questions, decisions, refusals,
    /// what waits or failed, ignore lists, kept answers, what people did.
    pub records: Vec<KeptRecord>,
    /// That the person was welcomed, or was to be.
    pub welcome: Option<Welcome>,
    /// That the person was forgotten.
    pub erasure: Option<ErasureReceipt>,
}

/// Reads everything that is kept of the person behind a contact; of one that was removed what is
/// still told of it.
pub async fn export_person(
    outside: &impl Outside,
    account: &Account,
    id: &ContactId,
) -> Result<Exported, AdminError> {
    let store = outside.store();
    let at = outside.clock().now();
    let until = at + TIME;
    let (mut entries, mut next) = (Vec::new(), None);
    loop {
        let page = timeline(outside, &account.id, id, next.as_deref(), ENTRIES).await?;
        entries.extend(page.items);
        next = page.next;
        if next.is_none() || entries.len() >= MOST_ENTRIES || outside.clock().now() >= until {
            break;
        }
    }
    let standing = store.get(&account.id, id).await?;
    let user = whose(outside, &account.id, id, standing.as_ref()).await?;
    let contact = match standing {
        Some(StoredContact::Present(contact)) => Some(contact),
        Some(StoredContact::Tombstone { .. }) | None => None,
    };
    let photo = store.contact_photo(&account.id, id).await?;
    let provenance = match contact {
        Some(_) => provenance(outside, account, id).await?,
        None => BTreeMap::new(),
    };
    let mut told: BTreeSet<RunId> = BTreeSet::new();
    let mut runs = Vec::new();
    for entry in &entries {
        if let TimelineEntry::Sync(change) = entry
            && let Some(run) = &change.run
            && told.insert(run.id.clone())
        {
            runs.push(run.clone());
        }
    }
    let mut decisions = Vec::new();
    let mut knows_all_decisions = true;
    let link = user.as_ref().map(|user| (&user.tenant_id, &user.object_id));
    let mut records = store.records_beside(&account.id, id, link).await?;
    let mut memberships = store.memberships_of(&account.id, id).await?;
    // What is still kept of the contacts that were merged into this one.
    let others = ids_beside(outside, &account.id, id, user.as_ref()).await?;
    for other in &others {
        let beside = store.records_beside(&account.id, other, None).await?;
        add(&mut records, beside);
        memberships.extend(store.memberships_of(&account.id, other).await?);
    }
    for connection in store.connections(&account.id).await? {
        let user = user.as_ref().map(|user| &user.object_id);
        for one in [id].into_iter().chain(&others) {
            add(&mut records, store.records_asked(&connection.id, one, user).await?);
        }
        let mut cursor: Option<String> = None;
        loop {
            if outside.clock().now() >= until {
                knows_all_decisions = false;
                break;
            }
            let page = store.decisions(&connection.id, cursor.as_deref(), DECISIONS).await?;
            let Some(page) = page else { break };
            let own = |one: &Decision| {
                one.contact_id.as_ref().is_some_and(|of| of == id || others.contains(of))
            };
            decisions.extend(page.decisions.into_iter().filter(own));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(Exported {
        at,
        contact,
        photo,
        provenance,
        memberships,
        timeline: entries,
        timeline_next: next,
        decisions,
        knows_all_decisions,
        runs,
        records,
        welcome: store.welcome(&account.id, id).await?,
        erasure: store.receipt(&account.id, &receipt_of(id)).await?,
    })
}

/// Adds records that are not there yet: one may name several of a person's contacts.
fn add(records: &mut Vec<KeptRecord>, found: Vec<KeptRecord>) {
    let known = records.len();
    for record in found {
        // Two that are alike and were found together are two.
        if !records.iter().take(known).any(|one| *one == record) {
            records.push(record);
        }
    }
}
