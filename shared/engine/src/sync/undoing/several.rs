//! Contacts that a run wrote more than once: on a page of its listing, and again when addresses or
//! managers came free. What it did to such a contact is taken back by one change, all of it or none.

use std::collections::{BTreeSet, HashMap};

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{ContactId, RunId};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Outcome, Phase, Prior, Segment};
use contact_sync_domain::undo::{Author, Inverse, Refusal, Stands, between, inverse};
use futures::{StreamExt, TryStreamExt, stream};

use super::decisions::moves_address;
use super::teams::READERS;
use super::{Done, stands, takers};
use crate::port::{Blobs, Clock, Directory, Randomness, StoredContact};
use crate::sync::pass::Pass;
use crate::sync::write::{by, written};
use crate::sync::{Stop, SyncStores, Worker};

/// What a run wrote on one contact, the newest first, each with its page.
#[derive(Debug)]
pub(super) struct Writes(Vec<(u32, Done)>);

impl Writes {
    /// At which page they are taken back: where the contact got its address first, so that it is
    /// free when its former owner wants it back, and wanted when that is free; else the newest.
    pub(super) fn place(&self) -> Option<u32> {
        let moves = self.0.iter().rev().find(|(_, done)| moves_address(&done.item));
        moves.or(self.0.first()).map(|(page, _)| *page)
    }

    /// The writes.
    pub(super) fn all(&self) -> impl Iterator<Item = &Done> {
        self.0.iter().map(|(_, done)| done)
    }

    /// Whether they are about one user: those of several are taken back page by page.
    fn is_of_one(&self) -> bool {
        let users: BTreeSet<_> = self.all().map(|done| &done.item.object_id).collect();
        users.len() == 1
    }
}

/// The contacts that a run wrote more than once.
pub(super) type Several = HashMap<ContactId, Writes>;

/// Which contacts each page wrote, as pages are come upon, the newest first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The newest page, by the contact's bits: there may be hundreds of thousands.
    newest: HashMap<u128, u32>,
    again: HashMap<ContactId, BTreeSet<u32>>,
}

impl Seen {
    pub(super) fn note(&mut self, page: u32, contact: &ContactId) {
        let newest = *self.newest.entry(contact.to_bits()).or_insert(page);
        if newest != page {
            self.again.entry(contact.clone()).or_default().extend([newest, page]);
        }
    }
}

/// What stands where a contact was, as it is taken back write by write.
enum Standing {
    Contact(Box<Contact>),
    Removed { by: Prior, version: u64 },
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// What a run wrote on contacts that several of its pages wrote.
    pub(super) async fn several_of(&self, run: &Run, seen: Seen) -> Result<Several, Stop> {
        let pages: BTreeSet<u32> = seen.again.values().flatten().copied().collect();
        let mut pages = stream::iter(pages.into_iter().rev())
            .map(|page| async move { Ok::<_, Stop>((page, self.page_of(run, page).await?.wrote)) })
            .buffered(READERS);
        let mut several: HashMap<ContactId, Vec<(u32, Done)>> = HashMap::new();
        while let Some((page, done)) = pages.try_next().await? {
            for done in done.into_iter().filter(|done| seen.again.contains_key(&done.contact)) {
                several.entry(done.contact.clone()).or_default().push((page, done));
            }
        }
        let several = several.into_iter().map(|(contact, writes)| (contact, Writes(writes)));
        Ok(several.filter(|(_, writes)| writes.is_of_one()).collect())
    }

    /// What undoes all that a run wrote on a contact, by one change; none where any of it may not be
    /// undone.
    pub(super) fn inverse_of_all(
        &self,
        pass: &Pass,
        run: &RunId,
        writes: &Writes,
        stored: Option<&StoredContact>,
    ) -> Inverse {
        let (now, own) = (stands(stored), takers(pass));
        let segment = Segment::of(pass.point.page, Phase::Undo, 0, Vec::new());
        let mut standing: Option<Standing> = None;
        let mut is_changed = false;
        let mut first = None;
        for (page, Done { item, is_known, .. }) in &writes.0 {
            if !is_known {
                return Inverse::Refused(Refusal::NotKept);
            }
            let place = Prior { run: run.clone(), page: *page };
            let stands = match &standing {
                None => now,
                Some(Standing::Contact(contact)) => Stands::Contact(contact),
                Some(Standing::Removed { by, version }) => {
                    Stands::Removed { by: Some(by), version: *version, erased: false }
                }
            };
            let undo = match inverse(item, Author::Page(&place), &own, stands) {
                Inverse::Refused(refusal) => return Inverse::Refused(refusal),
                Inverse::Nothing => continue,
                Inverse::Undo(undo) => undo,
            };
            is_changed = true;
            first.get_or_insert_with(|| (item.object_id.clone(), place.clone()));
            let (before, version) = match stands {
                Stands::Contact(contact) => (Some(contact), contact.version),
                Stands::Removed { version, .. } => (None, version),
                Stands::Nothing => (None, 0),
            };
            standing = Some(if undo.outcome == Outcome::Delete {
                Standing::Removed { by: by(pass, &segment), version: version + 1 }
            } else {
                let after = written(pass, &segment, &undo, before, version, self.clock.now());
                Standing::Contact(Box::new(after))
            });
        }
        let Some((user, place)) = first.filter(|_| is_changed) else { return Inverse::Nothing };
        let back = match &standing {
            Some(Standing::Contact(contact)) => Some(contact.as_ref()),
            Some(Standing::Removed { .. }) | None => None,
        };
        between(&user, Author::Page(&place), now, back)
    }
}
