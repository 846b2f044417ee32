//! What happened to one contact, newest first: the changes by sync, each of which names the page of
//! the one before it, and what people did, between them.

use std::collections::{HashMap, VecDeque};

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, HistoryId, RunId};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Deviation, Prior, SegmentItem};
use jiff::Timestamp;

use super::instant_of;
use super::provenance::approver;
use crate::admin::{AdminError, ChangeKind, Outside};
use crate::port::{ConnectionStore, HistoryStore, RunStore, SegmentStore, StoreError};
use crate::segments::load_segment;
use crate::sync::writes;

/// How many entries of what people did are read at once.
const PACKET: u16 = 50;

/// One change by sync.
#[derive(Debug, Clone, PartialEq)]
pub struct BySync {
    /// In which page of which run.
    pub place: Prior,
    /// Through which connection.
    pub connection_id: ConnectionId,
    /// The run, while it is kept.
    pub run: Option<Run>,
    /// What was decided.
    pub item: SegmentItem,
    /// What it became, where that differs.
    pub deviation: Option<Deviation>,
    /// The contact's version after it.
    pub version: u64,
    /// When: a run's changes count from its start.
    pub at: Timestamp,
}

impl BySync {
    /// Who approved of the run's plan, where it was one.
    pub fn approved_by(&self) -> Option<Actor> {
        self.run.as_ref().and_then(approver)
    }

    /// Whether it was written, as first decided or anew.
    pub fn is_written(&self) -> bool {
        writes(&self.as_it_came())
    }

    /// What it did.
    pub fn kind(&self) -> ChangeKind {
        ChangeKind::of(&self.as_it_came())
    }

    fn as_it_came(&self) -> SegmentItem {
        let outcome = self.deviation.as_ref().map_or(self.item.outcome, |other| other.outcome);
        SegmentItem { outcome, ..self.item.clone() }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Happened {
    Sync(Box<BySync>),
    Person(Box<HistoryEntry>),
}

impl Happened {
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Sync(change) => change.at,
            Self::Person(entry) => entry.at,
        }
    }

    /// Whether it was surely done by a moment, and with it everything behind it. A run that went on
    /// then, or that is not kept, may have written later than it began.
    pub(super) fn was_over_by(&self, moment: Timestamp) -> bool {
        match self {
            Self::Sync(change) => {
                let ended = change.run.as_ref().and_then(|run| run.ended_at);
                ended.is_some_and(|ended| ended <= moment)
            }
            Self::Person(entry) => entry.at <= moment,
        }
    }
}

/// A walk back through a contact's past.
pub(super) struct Past<'o, O> {
    outside: &'o O,
    account: AccountId,
    contact: ContactId,
    /// In whose runs the changes are looked for, the likeliest first.
    connections: Vec<ConnectionId>,
    /// Where the next change by sync lies.
    prior: Option<Prior>,
    /// That change, read and not told yet.
    change: Option<BySync>,
    /// What people did, read and not told yet.
    entries: VecDeque<HistoryEntry>,
    /// Behind which entry there may be more.
    entries_after: Option<String>,
    entries_end: bool,
    /// The version behind which what was told so far begins.
    version: u64,
    /// Whether older changes by sync are not kept any more.
    is_cut: bool,
    /// When the newest of those was written.
    cut_at: Option<Timestamp>,
    runs: HashMap<RunId, Option<Run>>,
    /// Pages of runs read so far.
    pub(super) pages: usize,
}

/// Where a walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) version: u64,
    pub(super) prior: Option<Prior>,
    /// Behind which entry of what people did.
    pub(super) entry: Option<(u64, HistoryId)>,
    /// When what was told last happened.
    pub(super) at: Timestamp,
    pub(super) is_cut: bool,
}

impl<'o, O: Outside> Past<'o, O> {
    /// Begins behind a place.
    pub(super) async fn behind(
        outside: &'o O,
        (account, contact): (&AccountId, &ContactId),
        linked: Option<&ConnectionId>,
        place: &Place,
    ) -> Result<Self, AdminError> {
        let all = outside.store().connections(account).await?;
        let mut connections: Vec<ConnectionId> = all.into_iter().map(|one| one.id).collect();
        connections.sort_by_key(|id| Some(id) != linked);
        Ok(Self {
            outside,
            account: account.clone(),
            contact: contact.clone(),
            connections,
            prior: place.prior.clone(),
            change: None,
            entries: VecDeque::new(),
            entries_after: place.entry.as_ref().map(|(version, id)| format!("{version:020}#{id}")),
            entries_end: false,
            version: place.version,
            is_cut: place.is_cut,
            cut_at: None,
            runs: HashMap::new(),
            pages: 0,
        })
    }

    /// What happened before what was told so far; `None` at the end of what is kept.
    pub(super) async fn next(&mut self) -> Result<Option<Happened>, AdminError> {
        self.read_entries().await?;
        self.read_change().await?;
        let person_is_newer = match (self.entries.front(), &self.change) {
            (None, None) => return Ok(None),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            // What made the contact counts from no version: it may have stood before.
            (Some(entry), Some(made)) if made.item.version == 0 => entry.at >= made.at,
            (Some(entry), Some(change)) => entry.version > change.item.version,
        };
        if person_is_newer {
            let Some(entry) = self.entries.pop_front() else { return Ok(None) };
            self.version = entry.version;
            // A decision took the mark of the change before it.
            if let Some(prior) = &entry.prior
                && self.change.as_ref().is_none_or(|change| change.place != *prior)
            {
                self.change = None;
                self.prior = Some(prior.clone());
            }
            return Ok(Some(Happened::Person(Box::new(entry))));
        }
        let Some(change) = self.change.take() else { return Ok(None) };
        self.version = change.item.version;
        self.prior = change.item.trace.as_ref().and_then(|trace| trace.prior.clone());
        Ok(Some(Happened::Sync(Box::new(change))))
    }

    /// Whether older changes by sync are not kept any more.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// When the newest change was written that is not kept any more, as far as the walk came.
    pub(super) fn cut_at(&self) -> Option<Timestamp> {
        self.cut_at
    }

    /// Where it goes on behind what was told last.
    pub(super) fn place(&self, told: &Happened, before: &Place) -> Place {
        let entry = match told {
            Happened::Person(entry) => Some((entry.version, entry.id.clone())),
            Happened::Sync(_) => before.entry.clone(),
        };
        let unread = self.change.as_ref().map(|change| change.place.clone());
        Place {
            version: self.version,
            prior: unread.or_else(|| self.prior.clone()),
            entry,
            at: told.at(),
            is_cut: self.is_cut,
        }
    }

    async fn read_entries(&mut self) -> Result<(), AdminError> {
        if !self.entries.is_empty() || self.entries_end {
            return Ok(());
        }
        let after = self.entries_after.as_deref();
        let (account, contact) = (&self.account, &self.contact);
        let page = self.outside.store().history(account, contact, after, PACKET).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        self.entries.extend(page.entries);
        self.entries_end = page.next.is_none();
        self.entries_after = page.next;
        Ok(())
    }

    async fn read_change(&mut self) -> Result<(), AdminError> {
        if self.change.is_some() {
            return Ok(());
        }
        let Some(place) = self.prior.take() else { return Ok(()) };
        self.change = self.change_at(place.clone()).await?;
        if self.change.is_none() {
            self.is_cut = true;
            let began = self.began(&place.run).await?;
            self.cut_at = self.cut_at.max(Some(began));
        }
        Ok(())
    }

    /// When a run began of which nothing but the run is kept.
    async fn began(&mut self, id: &RunId) -> Result<Timestamp, AdminError> {
        for connection in self.connections.clone() {
            let found = self.outside.store().run(&self.account, &connection, id).await?;
            if let Some(began) = found.and_then(|run| run.started_at) {
                return Ok(began);
            }
        }
        Ok(instant_of(id.to_bits()))
    }

    /// The change of this contact in a page, if the page is kept.
    async fn change_at(&mut self, place: Prior) -> Result<Option<BySync>, AdminError> {
        self.pages += 1;
        let (store, blobs) = (self.outside.store(), self.outside.blobs());
        let mut found = None;
        for connection in &self.connections {
            let read = load_segment(store, blobs, connection, &place.run, place.page).await;
            match read {
                Ok(None) => {}
                Ok(Some(segment)) => {
                    found = Some((connection.clone(), segment));
                    break;
                }
                // Its bytes are deleted before its place is.
                Err(StoreError::Corrupt { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let Some((connection_id, segment)) = found else { return Ok(None) };
        let mut items = segment.items.into_iter();
        // Each change lies before the ones that were told: a walk always ends.
        let item = items.find(|item| {
            item.contact_id.as_ref() == Some(&self.contact)
                && writes(item)
                && item.version < self.version
        });
        let Some(item) = item else { return Ok(None) };
        let deviations = store.deviations(&connection_id, &place.run, place.page).await?;
        let deviation = deviations.into_iter().find(|one| one.object_id == item.object_id);
        let (item, deviation) = Deviation::instead(item, deviation.as_ref());
        let deviation = deviation.cloned();
        let run = self.run(&connection_id, &place.run).await?;
        let began = run.as_ref().and_then(|run| run.started_at);
        let is_certain = item.version > 0 && deviation.is_none();
        Ok(Some(BySync {
            at: began.unwrap_or_else(|| instant_of(place.run.to_bits())),
            version: if is_certain { item.version + 1 } else { self.version },
            place,
            connection_id,
            run,
            item,
            deviation,
        }))
    }

    async fn run(
        &mut self,
        connection: &ConnectionId,
        id: &RunId,
    ) -> Result<Option<Run>, AdminError> {
        if let Some(known) = self.runs.get(id) {
            return Ok(known.clone());
        }
        let found = self.outside.store().run(&self.account, connection, id).await?;
        self.runs.insert(id.clone(), found.clone());
        Ok(found)
    }
}

impl Place {
    /// Before anything was told of a contact that stands.
    pub(super) fn of(contact: &Contact) -> Self {
        let prior = contact.sync.as_ref().and_then(Prior::of);
        Self::newest(contact.version, prior)
    }

    /// Before anything was told, from a contact's version and the page that wrote it last.
    pub(super) fn newest(version: u64, prior: Option<Prior>) -> Self {
        Self { version, prior, entry: None, at: Timestamp::MAX, is_cut: false }
    }

    /// As a cursor.
    pub(super) fn cursor(&self) -> String {
        let prior = self
            .prior
            .as_ref()
            .map_or_else(String::new, |prior| format!("{}.{}", prior.run.as_str(), prior.page));
        let entry =
            self.entry.as_ref().map_or_else(String::new, |(version, id)| format!("{version}.{id}"));
        let cut = u8::from(self.is_cut);
        format!("{}~{}~{cut}~{prior}~{entry}", self.version, self.at.as_microsecond())
    }

    /// Reads a cursor; `None` for what is none.
    pub(super) fn read(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split('~');
        let version = parts.next()?.parse().ok()?;
        let at = Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok()?;
        let is_cut = match parts.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let prior = match parts.next()? {
            "" => None,
            text => {
                let (run, page) = text.split_once('.')?;
                Some(Prior { run: RunId::parse(run).ok()?, page: page.parse().ok()? })
            }
        };
        let entry = match parts.next()? {
            "" => None,
            text => {
                let (version, id) = text.split_once('.')?;
                Some((version.parse().ok()?, HistoryId::parse(id).ok()?))
            }
        };
        parts.next().is_none().then_some(Self { version, prior, entry, at, is_cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_cursor_and_nothing_else_does() {
        let prior = Some(Prior { run: RunId::from_bits(7), page: 3 });
        for (prior, entry) in [
            (prior.clone(), Some((4, HistoryId::from_bits(9)))),
            (prior, None),
            (None, Some((4, HistoryId::from_bits(9)))),
            (None, None),
        ] {
            let at = Timestamp::from_microsecond(1_700_000_000_000_001).unwrap();
            let place = Place { version: 5, prior, entry, at, is_cut: true };
            assert_eq!(Place::read(&place.cursor()), Some(place));
        }
        for cursor in ["", "5", "5~1~0", "5~1~2~~", "x~1~0~~", "5~1~0~run.1~", "5~1~0~~~"] {
            assert_eq!(Place::read(cursor), None, "{cursor}");
        }
    }
}
