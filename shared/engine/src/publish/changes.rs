//! The events of one change.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::ErasureReceipt;
use contact_sync_domain::event::{
    ConnectionAttention, ConnectionAuthorized, ConnectionSilent, ContactEvent, ContactEventKind,
    ContactPhotoChanged, ErasureRequested, Event, NoticeRaised, PhotosRequested, ReportReady,
    RequestTrigger, ReviewWaiting, SCHEMA_VERSION, SyncRequested, SyncRunFinished, SyncRunPlanned,
    TeamChange, TeamMembershipChanged,
};
use contact_sync_domain::notice::Notice;
use contact_sync_domain::photo::{ContactPhoto, PhotoLane, PhotoState};
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::run::{Run, RunStatus, Trigger};
use contact_sync_domain::sync_state::{QueuedRun, SyncState};
use contact_sync_domain::team::{HeldBy, Membership, Origin};
use jiff::{SignedDuration, Timestamp};

use super::{ChangedItem, StreamChange};
use crate::port::StoredContact;

/// By how much a change may be younger than its stream says: streams tell whole seconds, while a
/// lease that is let go ends at that very moment.
const ROUNDED_OFF: SignedDuration = SignedDuration::from_secs(2);

/// Decides which events a change makes: none, one, rarely two.
pub fn events_of(change: &StreamChange) -> Vec<Event> {
    match &change.item {
        ChangedItem::Contact { old, new } => contact_event(old.as_ref(), new.as_ref(), change.at)
            .map(|event| Event::Contact(Box::new(event)))
            .into_iter()
            .collect(),
        ChangedItem::Run { old, new } => {
            new.as_ref().map(|new| run_events(old.as_deref(), new)).unwrap_or_default()
        }
        ChangedItem::Connection { old, new } => {
            new.as_ref().map(|new| connection_events(old.as_deref(), new)).unwrap_or_default()
        }
        ChangedItem::SyncState { old, new } => new
            .as_ref()
            .map(|new| request_events(old.as_deref(), new, change.at))
            .unwrap_or_default(),
        ChangedItem::Membership { old, new } => new
            .as_ref()
            .and_then(|new| team_event(old.as_deref(), new))
            .map(Event::TeamMembershipChanged)
            .into_iter()
            .collect(),
        ChangedItem::Review { old, new } => {
            new.as_ref().and_then(|new| review_event(old.as_deref(), new)).into_iter().collect()
        }
        ChangedItem::Notice { old: None, new: Some(new) } => vec![notice_event(new)],
        ChangedItem::Erasure { old, new } => new
            .as_ref()
            .and_then(|new| erasure_event(old.as_deref(), new))
            .map(Event::ErasureRequested)
            .into_iter()
            .collect(),
        ChangedItem::Photo { old, new } => new
            .as_ref()
            .and_then(|new| photo_event(old.as_deref(), new))
            .map(Event::ContactPhotoChanged)
            .into_iter()
            .collect(),
        ChangedItem::PhotoLane { old, new } => new
            .as_ref()
            .and_then(|new| photos_event(old.as_deref(), new))
            .map(Event::PhotosRequested)
            .into_iter()
            .collect(),
        // That somebody read it, or that its time was up.
        ChangedItem::Notice { .. } | ChangedItem::Other => Vec::new(),
    }
}

fn contact_event(
    old: Option<&StoredContact>,
    new: Option<&StoredContact>,
    at: Timestamp,
) -> Option<ContactEvent> {
    use StoredContact::{Present, Tombstone};
    match (old, new) {
        // A contact that comes back goes on counting from its tombstone.
        (None | Some(Tombstone { .. }), Some(Present(new))) => {
            let welcome = new.sync.as_ref().is_some_and(|mark| mark.welcome);
            Some(ContactEvent { welcome, ..told(ContactEventKind::Created, new, new) })
        }
        // A write that raised no version changed nothing that anybody reads.
        (Some(Present(old)), Some(Present(new))) if new.version <= old.version => None,
        (Some(Present(old)), Some(Present(new))) => {
            match (&old.link, &new.link) {
                // Whoever reads the event must learn which connection let go.
                (Some(_), None) => Some(told(ContactEventKind::Unlinked, new, old)),
                (Some(_) | None, Some(_)) | (None, None) => {
                    Some(told(ContactEventKind::Updated, new, new))
                }
            }
        }
        (Some(Present(old)), Some(Tombstone { version, .. })) => Some(ContactEvent {
            contact: None,
            sequence: *version,
            event_id: format!("{}:{version}", old.id),
            occurred_at: at,
            ..told(ContactEventKind::Removed, old, old)
        }),
        // An erased account takes its events along; a tombstone that is up, or one that only bars
        // an id, never was a contact to anybody.
        (Some(Present(_) | Tombstone { .. }) | None, None)
        | (None | Some(Tombstone { .. }), Some(Tombstone { .. })) => None,
    }
}

/// The event about `contact`, through the connection that `linked` is tied to.
fn told(kind: ContactEventKind, contact: &Contact, linked: &Contact) -> ContactEvent {
    ContactEvent {
        schema_version: SCHEMA_VERSION,
        event_id: format!("{}:{}", contact.id, contact.version),
        sequence: contact.version,
        kind,
        account_id: contact.account_id.clone(),
        connection_id: linked.link.as_ref().map(|link| link.connection_id.clone()),
        contact_id: contact.id.clone(),
        // What sync keeps for itself is nobody's business.
        contact: Some(Contact { sync: None, written: Vec::new(), ..contact.clone() }),
        welcome: false,
        occurred_at: contact.updated_at,
    }
}

/// What holds a membership may change without anybody joining, leaving or getting another role:
/// nobody is told of that.
fn team_event(old: Option<&Membership>, new: &Membership) -> Option<TeamMembershipChanged> {
    let (change, told) = match (old.filter(|old| old.stands()), new.stands()) {
        (None, true) => (TeamChange::Joined, new),
        // Who held it says through which connection it ended.
        (Some(old), false) => (TeamChange::Left, old),
        (Some(old), true) if old.role() != new.role() => (TeamChange::RoleChanged, new),
        (Some(_), true) | (None, false) => return None,
    };
    let role = |of: Option<&Membership>| of.filter(|one| one.stands())?.role().map(str::to_owned);
    Some(TeamMembershipChanged {
        schema_version: SCHEMA_VERSION,
        event_id: format!("{}:{}:{}", new.contact_id, new.team_id, new.version),
        sequence: new.version,
        account_id: new.account_id.clone(),
        connection_id: told.origins.iter().find_map(Origin::group).map(|(of, _)| of.clone()),
        contact_id: new.contact_id.clone(),
        team_id: new.team_id.clone(),
        change,
        origin: told.held_by().unwrap_or(HeldBy::Manual),
        role: role(Some(new)),
        old_role: role(old),
        occurred_at: new.updated_at,
    })
}

/// Whoever is ignored waits for nobody.
fn review_event(old: Option<&ReviewItem>, new: &ReviewItem) -> Option<Event> {
    let is_new = old.is_none_or(|old| old.version < new.version);
    (is_new && new.list != ReviewList::Ignored).then(|| {
        Event::ReviewWaiting(ReviewWaiting {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.connection_id.clone(),
            review_id: new.id(),
            list: new.list,
            version: new.version,
            contact_id: new.contact_id.clone(),
        })
    })
}

fn notice_event(new: &Notice) -> Event {
    Event::NoticeRaised(NoticeRaised {
        schema_version: SCHEMA_VERSION,
        account_id: new.account_id.clone(),
        connection_id: new.connection_id.clone(),
        notice_id: new.id.clone(),
        kind: new.kind,
        reason: new.reason.clone(),
        title: new.title.clone(),
        run_id: new.run_id.clone(),
    })
}

/// What waits for runs at work is gone on with by the sweep.
fn erasure_event(old: Option<&ErasureReceipt>, new: &ErasureReceipt) -> Option<ErasureRequested> {
    let is_new = old.is_none_or(|old| old.version < new.version);
    let open = new.open().filter(|open| is_new && !open.waits);
    open.map(ErasureRequested::from)
}

/// That somebody has no photo is no news where nobody knew of one; that a contact is gone is told
/// by the contact.
fn photo_event(old: Option<&ContactPhoto>, new: &ContactPhoto) -> Option<ContactPhotoChanged> {
    let shown = |photo: Option<&ContactPhoto>| match photo.map(|photo| photo.state) {
        None | Some(PhotoState::Expected | PhotoState::None) => PhotoState::None,
        Some(state @ (PhotoState::Present | PhotoState::Unavailable)) => state,
    };
    let image = |photo: Option<&ContactPhoto>| photo.and_then(|photo| photo.image.clone());
    let is_same = shown(old) == shown(Some(new)) && image(old) == image(Some(new));
    (!is_same).then(|| ContactPhotoChanged {
        schema_version: SCHEMA_VERSION,
        event_id: format!("{}:photo:{}", new.contact_id, new.version),
        sequence: new.version,
        account_id: new.account_id.clone(),
        connection_id: new.connection_id.clone(),
        contact_id: new.contact_id.clone(),
        state: shown(Some(new)),
        photo: new.image.clone(),
        occurred_at: new.changed_at,
    })
}

/// What waits is gone on with by the clock.
fn photos_event(old: Option<&PhotoLane>, new: &PhotoLane) -> Option<PhotosRequested> {
    let is_new = old.is_none_or(|old| old.version < new.version);
    (is_new && new.asks_for_more()).then(|| PhotosRequested {
        schema_version: SCHEMA_VERSION,
        account_id: new.account_id.clone(),
        connection_id: new.connection_id.clone(),
        step: new.version,
    })
}

fn run_events(old: Option<&Run>, new: &Run) -> Vec<Event> {
    let mut events = Vec::new();
    if let Some(plan) = &new.plan
        && new.status == RunStatus::Planned
        && old.is_none_or(|old| old.status != RunStatus::Planned)
    {
        events.push(Event::SyncRunPlanned(SyncRunPlanned {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.connection_id.clone(),
            run_id: new.id.clone(),
            kind: new.kind,
            plan_hash: plan.hash.clone(),
            expires_at: plan.expires_at,
            counts: new.counts,
        }));
    }
    if new.status.is_terminal() && !old.is_some_and(|old| old.status.is_terminal()) {
        events.push(Event::SyncRunFinished(SyncRunFinished {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.connection_id.clone(),
            run_id: new.id.clone(),
            kind: new.kind,
            status: new.status,
            counts: new.counts,
        }));
    }
    if new.report_ready && !old.is_some_and(|old| old.report_ready) {
        events.push(Event::ReportReady(ReportReady {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.connection_id.clone(),
            run_id: new.id.clone(),
        }));
    }
    events
}

fn connection_events(old: Option<&Connection>, new: &Connection) -> Vec<Event> {
    let mut events = Vec::new();
    let became_authorized = new.status == ConnectionStatus::Authorized
        && old.is_none_or(|old| old.status != ConnectionStatus::Authorized);
    let proven_again =
        new.authorized_at.is_some() && new.authorized_at != old.and_then(|old| old.authorized_at);
    if let Some(tenant) = &new.tenant
        && (became_authorized || proven_again)
    {
        events.push(Event::ConnectionAuthorized(ConnectionAuthorized {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.id.clone(),
            tenant_id: tenant.id.clone(),
        }));
    }
    let reason_before = old.and_then(|old| old.attention.as_ref()).map(|was| was.reason.as_str());
    if let Some(attention) = &new.attention
        && reason_before != Some(attention.reason.as_str())
    {
        events.push(Event::ConnectionAttention(ConnectionAttention {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.id.clone(),
            reason: attention.reason.clone(),
            fix: attention.fix.clone(),
        }));
    }
    let missed_before = old.and_then(|old| old.silence).map(|was| was.what);
    let missed = new.silence.map(|is| is.what);
    if missed_before != missed {
        events.push(Event::ConnectionSilent(ConnectionSilent {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.id.clone(),
            what: missed,
            since: new.silence.map(|is| is.since),
        }));
    }
    events
}

fn request_events(old: Option<&SyncState>, new: &SyncState, at: Timestamp) -> Vec<Event> {
    let handover_before = old.and_then(|old| old.handover.as_ref());
    if let Some(handover) = &new.handover
        && handover_before != Some(handover)
    {
        // Whoever continues also takes what waits on the queue.
        return vec![Event::SyncRequested(SyncRequested {
            schema_version: SCHEMA_VERSION,
            account_id: new.account_id.clone(),
            connection_id: new.connection_id.clone(),
            kind: handover.kind,
            trigger: RequestTrigger::Continuation,
            run_id: Some(handover.run_id.clone()),
            checkpoint: Some(handover.checkpoint),
            slot: None,
            lane: new.lane,
        })];
    }
    // A request too many is turned away by the lease; one too few waits for the sweep.
    let latest = at.checked_add(ROUNDED_OFF).unwrap_or(at);
    if !new.is_free(latest) {
        // The holder looks at the queue before it lets go.
        return Vec::new();
    }
    let is_new = |run: &&QueuedRun| {
        !old.is_some_and(|old| old.queue.iter().any(|queued| queued.run_id == run.run_id))
    };
    // Who queues a scheduled run takes it up himself, and would take a request for another slot.
    let is_asked_for = |run: &&QueuedRun| run.trigger != Trigger::Schedule;
    let asked = new.queue.iter().filter(is_new).filter(is_asked_for);
    asked.map(|run| requested(new, run)).collect()
}

fn requested(state: &SyncState, run: &QueuedRun) -> Event {
    Event::SyncRequested(SyncRequested {
        schema_version: SCHEMA_VERSION,
        account_id: state.account_id.clone(),
        connection_id: state.connection_id.clone(),
        kind: run.kind,
        trigger: match run.trigger {
            Trigger::Enable => RequestTrigger::Enable,
            Trigger::Schedule => RequestTrigger::Schedule,
            Trigger::Manual | Trigger::Reset => RequestTrigger::Manual,
            Trigger::Resume => RequestTrigger::Resume,
            Trigger::Settings => RequestTrigger::Settings,
            // Hints are announced by the webhook; a run that came of one is found like a sweep's.
            Trigger::Notification | Trigger::Sweep => RequestTrigger::Sweep,
        },
        run_id: Some(run.run_id.clone()),
        checkpoint: None,
        slot: None,
        lane: state.lane,
    })
}

#[cfg(test)]
mod tests;
