//! From a page's entries to what is intended for each person.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::{DeltaEntry, DirectoryUser};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::{Claimant, GoneCause, View, Wanted, blank_item, user_address};
use contact_sync_domain::redaction::passed_over;
use contact_sync_domain::segment::{Outcome, SegmentItem};

use super::batch::{Batch, Decided, candidates, claimant, claimants, decide_batch, is_erased};
use super::index::KnownContact;
use super::lookup::Lookup;
use super::own_contacts::{contacts_of_users, read_contacts};
use super::pass::Pass;
use super::people::{Person, fold, gone_cause, gone_sentence};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness, StoredContact};

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Decides a page. Entries of one person are folded to the last one first. `last` says that the
    /// round ends with this page, so that nobody may stay unclear.
    pub(super) async fn decide_page(
        &self,
        pass: &mut Pass,
        entries: Vec<DeltaEntry>,
        last: bool,
    ) -> Result<Decided, Stop> {
        let entries = fold(entries);
        let people = self.view_people(pass, entries, last).await?;
        let mut decided = Decided::default();
        let mut open = Vec::new();
        let contacts = self.contact_ids(pass, &people).await?;
        self.forget_overcome(pass, &people, &contacts).await?;
        for (person, contact_id) in people.into_iter().zip(contacts) {
            if let Some(item) = recognised(pass, &person, &contact_id) {
                decided.items.push(item);
            } else {
                open.push((person, contact_id));
            }
        }
        let needed: Vec<ContactId> = open
            .iter()
            .filter(|(person, contact)| must_read(pass, person, contact))
            .map(|(_, contact)| contact.clone())
            .collect();
        let batch = Batch { people: open, needed };
        let mut lookup = pass.lookup.take();
        let done = decide_batch(&self.stores, pass.terms(), &mut lookup, batch, &mut decided).await;
        pass.lookup = lookup;
        done?;
        let users = &decided.users;
        let put_off = decided.items.into_iter().map(|item| match users.get(&item.object_id) {
            Some(user) => pass.rules.put_off(item, user),
            None => item,
        });
        decided.items = put_off.collect();
        Ok(decided)
    }

    /// Reads what contacts keys beside the e-mail may lead to, unless that was read or there are no
    /// such keys.
    pub(super) async fn load_lookup(&self, pass: &mut Pass) -> Result<(), Stop> {
        let keys = pass.rules.keys();
        if pass.lookup.is_none() && keys.looked_up().next().is_some() {
            pass.lookup = Some(Lookup::load(&self.stores, &pass.account.id, keys).await?);
        }
        Ok(())
    }

    /// The contact that is or would be each person's.
    async fn contact_ids(&self, pass: &Pass, people: &[Person]) -> Result<Vec<ContactId>, Stop> {
        let users: Vec<ObjectId> = people.iter().map(|person| person.id().clone()).collect();
        let Some(index) = &pass.index else { return self.contacts_of(pass, &users).await };
        let mut contacts: Vec<ContactId> =
            users.iter().map(|user| index.contact_of(user)).collect();
        // Whoever took a contact over in this run, or was given one by people, has another than the
        // index knows.
        let is_asked =
            |user: &ObjectId| pass.waiting.as_ref().is_some_and(|waiting| waiting.holds(user));
        // So may whoever comes back of those whose contacts had existed before.
        let is_back =
            |person: &Person| pass.let_go && matches!(person, Person::Here(_, View::In(_)));
        let is_news = |(person, contact): (&Person, &ContactId)| {
            let user = person.id();
            !index.has(contact) && (is_back(person) || pass.tally.wrote(user) || is_asked(user))
        };
        let (places, news): (Vec<usize>, Vec<ObjectId>) = people
            .iter()
            .zip(&contacts)
            .enumerate()
            .filter(|(_, one)| is_news(*one))
            .map(|(place, (person, _))| (place, person.id().clone()))
            .unzip();
        if news.is_empty() {
            return Ok(contacts);
        }
        for (place, contact) in places.into_iter().zip(self.contacts_of(pass, &news).await?) {
            if let Some(known) = contacts.get_mut(place) {
                *known = contact;
            }
        }
        Ok(contacts)
    }

    /// The contacts that are or would be these users', as stored now.
    pub(super) async fn contacts_of(
        &self,
        pass: &Pass,
        users: &[ObjectId],
    ) -> Result<Vec<ContactId>, Stop> {
        Ok(contacts_of_users(&self.stores, &pass.account.id, &pass.tenant, users).await?)
    }

    /// Reads contacts that were not read yet; answers those that are stored in a form that cannot
    /// be read.
    pub(super) async fn read_contacts(
        &self,
        pass: &Pass,
        ids: &[ContactId],
        into: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<HashSet<ContactId>, Stop> {
        Ok(read_contacts(&self.stores, &pass.account.id, ids, into).await?)
    }

    /// Decides one person anew, from the contact as it is now.
    pub(super) async fn decide_again(
        &self,
        pass: &Pass,
        user: &DirectoryUser,
        contact_id: &ContactId,
        now_stored: Option<StoredContact>,
    ) -> Result<(SegmentItem, Option<StoredContact>), Stop> {
        if is_erased(now_stored.as_ref()) {
            return Ok((passed_over(&user.id), now_stored));
        }
        let view = pass.view(user);
        let existing = present(now_stored.as_ref()).cloned();
        let mut stored = HashMap::new();
        let keys = match &view {
            View::In(wanted) => pass.rules.wanted_email_keys(wanted, existing.as_ref()),
            View::Out { .. } | View::Unknown { .. } | View::Failed { .. } => Vec::new(),
        };
        let claimants = claimants(&self.stores, &pass.account.id, keys, &mut stored).await?;
        let led_to = self.led_to(pass, user, &view, existing.as_ref(), &mut stored).await?;
        let nobody = HashSet::new();
        let candidates = candidates(Some(&led_to), &stored);
        let found = (contact_id, existing.as_ref(), candidates.as_slice());
        let item = pass
            .terms()
            .decide(user, &view, found, |key| claimant(key, &claimants, &stored, &nobody));
        let target = item.contact_id.clone();
        let own = target.as_ref().is_none_or(|target| target == contact_id);
        let base = if own { now_stored } else { target.and_then(|target| stored.remove(&target)) };
        Ok((item, base))
    }

    /// Decides somebody without a contact as if the wanted e-mail were nobody's.
    pub(super) async fn decide_if_free(
        &self,
        pass: &Pass,
        user: &DirectoryUser,
    ) -> Result<SegmentItem, Stop> {
        let view = pass.view(user);
        let mut stored = HashMap::new();
        let led_to = self.led_to(pass, user, &view, None, &mut stored).await?;
        let candidates = candidates(Some(&led_to), &stored);
        let own = ContactId::derived(&pass.account.id, &pass.tenant, &user.id);
        let found = (&own, None, candidates.as_slice());
        Ok(pass.terms().decide(user, &view, found, |_| Claimant::Nobody))
    }

    /// The contacts to which keys beside the e-mail lead one person who has none.
    async fn led_to(
        &self,
        pass: &Pass,
        user: &DirectoryUser,
        view: &View,
        existing: Option<&Contact>,
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<Vec<ContactId>, Stop> {
        let View::In(wanted) = view else { return Ok(Vec::new()) };
        let digests = pass.rules.lookup_digests(user, wanted);
        if digests.is_empty() || existing.is_some_and(|contact| contact.link.is_some()) {
            return Ok(Vec::new());
        }
        let led_to = if let Some(lookup) = &pass.lookup {
            lookup.find(&digests)
        } else {
            // A slice that finishes what another began looked nobody up yet.
            let keys = pass.rules.keys();
            Lookup::load(&self.stores, &pass.account.id, keys).await?.find(&digests)
        };
        self.read_contacts(pass, &led_to, stored).await?;
        Ok(led_to)
    }
}

/// What becomes of the contact of somebody who may have left; `None` for whoever is in scope.
pub(super) fn decide_leaving(
    pass: &Pass,
    entry: &DeltaEntry,
    existing: Option<&Contact>,
) -> Option<SegmentItem> {
    let (cause, because) = leaving(pass, entry)?;
    Some(pass.rules.decide_gone(entry.id(), existing, cause, &because, pass.tie()))
}

/// The same when the judgement comes to it.
pub(super) fn decide_due(
    pass: &Pass,
    entry: &DeltaEntry,
    existing: Option<&Contact>,
) -> Option<SegmentItem> {
    let (cause, because) = leaving(pass, entry)?;
    Some(pass.rules.decide_due(entry.id(), existing, cause, &because, pass.tie()))
}

/// Why somebody may have left; `None` for whoever is in scope.
fn leaving(pass: &Pass, entry: &DeltaEntry) -> Option<(GoneCause, String)> {
    Some(match entry {
        DeltaEntry::Removed { reason, .. } => {
            let cause = gone_cause(*reason);
            (cause, gone_sentence(cause).to_owned())
        }
        DeltaEntry::Changed(user) => match pass.view(user) {
            View::Out { cause, because } => (cause, because),
            View::In(_) | View::Unknown { .. } | View::Failed { .. } => return None,
        },
    })
}

/// Decides one person as if the wanted e-mail were free: the parties of a swap.
pub(super) fn decide_as_if_free(
    pass: &Pass,
    user: &DirectoryUser,
    contact_id: &ContactId,
    existing: Option<&Contact>,
) -> SegmentItem {
    let view = pass.view(user);
    let found = (contact_id, existing, [].as_slice());
    pass.terms().decide(user, &view, found, |_| Claimant::Nobody)
}

/// The item of a person whom the index recognises as unchanged; no contact is read.
fn recognised(pass: &Pass, person: &Person, contact: &ContactId) -> Option<SegmentItem> {
    let index = pass.index.as_ref()?;
    match person {
        // Whom this run dealt with already may have another contact than the index knows.
        Person::Here(_, View::In(_)) if pass.is_afresh() => None,
        Person::Here(user, View::In(wanted)) => (index.known(contact, Some(wanted.fingerprint))
            == KnownContact::Unchanged
            && !pass.tally.touched(&user.id))
        .then(|| SegmentItem {
            awaits: user.manager_without_contact(),
            ..blank_item(&user.id, Some(contact.clone()), Outcome::Unchanged)
        }),
        Person::Here(user, View::Out { because, .. }) => {
            let nobody = index.known(contact, None) == KnownContact::None;
            (nobody && !pass.tally.touched(&user.id)).then(|| SegmentItem {
                reason: Some(because.clone()),
                email: user_address(user),
                ..blank_item(&user.id, None, Outcome::Skipped)
            })
        }
        Person::Here(_, View::Unknown { .. } | View::Failed { .. }) | Person::Gone(..) => None,
    }
}

/// Whether a decision needs the contact itself. A full run knows from its index which users have
/// none; should one stand there all the same, the conditional write finds it.
fn must_read(pass: &Pass, person: &Person, contact: &ContactId) -> bool {
    let fingerprint = match person {
        Person::Here(_, View::In(Wanted { fingerprint, .. })) => Some(*fingerprint),
        Person::Here(_, View::Out { .. } | View::Unknown { .. } | View::Failed { .. })
        | Person::Gone(..) => None,
    };
    // Whoever this run dealt with already may have got a contact that the index does not know.
    pass.index.as_ref().is_none_or(|index| {
        index.known(contact, fingerprint) != KnownContact::None
            || pass.tally.touched(person.id())
            || *contact != index.contact_of(person.id())
    })
}

/// The contact that stands there, unless it is a tombstone.
pub(crate) fn present(stored: Option<&StoredContact>) -> Option<&Contact> {
    match stored {
        Some(StoredContact::Present(contact)) => Some(contact),
        Some(StoredContact::Tombstone { .. }) | None => None,
    }
}
