//! From a page's entries to what is intended for each person.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::{DeltaEntry, DirectoryUser};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::{
    Claimant, Found, View, Wanted, blank_item, hex, user_address,
};
use contact_sync_domain::segment::{Outcome, SegmentItem};

use super::apply::unreadable_item;
use super::index::KnownContact;
use super::lookup::Lookup;
use super::pass::Pass;
use super::people::{Person, fold, gone_cause, gone_sentence};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness, StoreError, StoredContact};

/// A page's decisions.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// What is intended, each person once.
    pub(super) items: Vec<SegmentItem>,
    /// The contacts as read while deciding, so that applying need not read them again.
    pub(super) stored: HashMap<ContactId, StoredContact>,
    /// The users by id, for a second decision when a contact moved.
    pub(super) users: HashMap<ObjectId, DirectoryUser>,
}

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
        let unreadable = self.read_contacts(pass, &needed, &mut decided.stored).await?;
        let claimants = self.read_claimants(pass, &open, &mut decided.stored).await?;
        let led_to = self.look_up(pass, &open, &mut decided.stored).await?;
        let mut on_page = HashSet::new();
        for (person, contact_id) in open {
            let existing = present(decided.stored.get(&contact_id));
            let item = match &person {
                _ if unreadable.contains(&contact_id) => {
                    unreadable_item(&blank_item(person.id(), Some(contact_id), Outcome::Failed))
                }
                Person::Gone(user, cause) => pass.rules.decide_gone(
                    user,
                    existing,
                    *cause,
                    gone_sentence(*cause),
                    pass.tie(),
                ),
                Person::Here(user, view) => {
                    let candidates = candidates(led_to.get(&user.id), &decided.stored);
                    decide_here(pass, user, view, (&contact_id, existing, &candidates), |key| {
                        claimant(key, &claimants, &decided.stored, &on_page)
                    })
                }
            };
            on_page.extend(new_email_key(&item));
            if let Person::Here(user, _) = person {
                decided.users.insert(user.id.clone(), user);
            }
            decided.items.push(item);
        }
        pass.rules.settle_contests(&mut decided.items, |user| decided.users.get(user));
        Ok(decided)
    }

    /// The contacts to which keys beside the e-mail lead people who have none, read as they are.
    async fn look_up(
        &self,
        pass: &mut Pass,
        open: &[(Person, ContactId)],
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<HashMap<ObjectId, Vec<ContactId>>, Stop> {
        let mut wanted = HashMap::new();
        for (person, contact_id) in open {
            let Person::Here(user, View::In(view)) = person else { continue };
            if present(stored.get(contact_id)).is_none_or(|contact| contact.link.is_none()) {
                let digests = pass.rules.lookup_digests(user, view);
                if !digests.is_empty() {
                    wanted.insert(user.id.clone(), digests);
                }
            }
        }
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        if pass.lookup.is_none() {
            let keys = pass.rules.keys();
            pass.lookup = Some(Lookup::load(&self.stores, &pass.account.id, keys).await?);
        }
        let Some(lookup) = &pass.lookup else { return Ok(HashMap::new()) };
        let found: HashMap<ObjectId, Vec<ContactId>> = wanted
            .into_iter()
            .map(|(user, digests)| (user, lookup.find(&digests)))
            .filter(|(_, contacts)| !contacts.is_empty())
            .collect();
        let ids: Vec<ContactId> = found.values().flatten().cloned().collect();
        self.read_contacts(pass, &ids, stored).await?;
        Ok(found)
    }

    /// The contact that is or would be each person's.
    async fn contact_ids(&self, pass: &Pass, people: &[Person]) -> Result<Vec<ContactId>, Stop> {
        if let Some(index) = &pass.index {
            return Ok(people.iter().map(|person| index.contact_of(person.id())).collect());
        }
        let users: Vec<ObjectId> = people.iter().map(|person| person.id().clone()).collect();
        self.contacts_of(pass, &users).await
    }

    /// The contacts that are or would be these users', as stored now.
    pub(super) async fn contacts_of(
        &self,
        pass: &Pass,
        users: &[ObjectId],
    ) -> Result<Vec<ContactId>, Stop> {
        let adopted = self.stores.adopted(&pass.account.id, &pass.tenant, users).await?;
        Ok(users
            .iter()
            .zip(adopted)
            .map(|(user, adopted)| {
                adopted.unwrap_or_else(|| ContactId::derived(&pass.account.id, &pass.tenant, user))
            })
            .collect())
    }

    /// Reads contacts that were not read yet; answers those that are stored in a form that cannot
    /// be read.
    pub(super) async fn read_contacts(
        &self,
        pass: &Pass,
        ids: &[ContactId],
        into: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<HashSet<ContactId>, Stop> {
        let wanted: Vec<ContactId> =
            ids.iter().filter(|id| !into.contains_key(id)).cloned().collect();
        let mut unreadable = HashSet::new();
        let mut open = vec![wanted];
        while let Some(mut ids) = open.pop() {
            if ids.is_empty() {
                continue;
            }
            match self.stores.get_many(&pass.account.id, &ids).await {
                Ok(found) => into.extend(
                    ids.into_iter().zip(found).filter_map(|(id, stored)| Some((id, stored?))),
                ),
                Err(StoreError::Corrupt { .. }) if ids.len() == 1 => unreadable.extend(ids),
                // One of them: halving finds it with few requests.
                Err(StoreError::Corrupt { .. }) => {
                    open.push(ids.split_off(ids.len() / 2));
                    open.push(ids);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(unreadable)
    }

    /// Who has the addresses that people want anew.
    async fn read_claimants(
        &self,
        pass: &Pass,
        open: &[(Person, ContactId)],
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<BTreeMap<String, ContactId>, Stop> {
        let mut keys: Vec<String> = open
            .iter()
            .filter_map(|(person, contact)| match person {
                Person::Here(_, View::In(wanted)) => {
                    pass.rules.wanted_email_key(wanted, present(stored.get(contact)))
                }
                Person::Here(_, View::Out { .. } | View::Unknown { .. } | View::Failed { .. })
                | Person::Gone(..) => None,
            })
            .collect();
        keys.sort();
        keys.dedup();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let owners = self.stores.claims(&pass.account.id, &keys).await?;
        let claimants: BTreeMap<String, ContactId> =
            keys.into_iter().zip(owners).filter_map(|(key, owner)| Some((key, owner?))).collect();
        let owners: Vec<ContactId> = claimants.values().cloned().collect();
        self.read_contacts(pass, &owners, stored).await?;
        Ok(claimants)
    }

    /// Decides one person anew, from the contact as it is now.
    pub(super) async fn decide_again(
        &self,
        pass: &Pass,
        user: &DirectoryUser,
        contact_id: &ContactId,
        now_stored: Option<StoredContact>,
    ) -> Result<(SegmentItem, Option<StoredContact>), Stop> {
        let view = pass.view(user);
        let existing = present(now_stored.as_ref()).cloned();
        let mut stored = HashMap::new();
        let mut claimants = BTreeMap::new();
        if let View::In(wanted) = &view
            && let Some(key) = pass.rules.wanted_email_key(wanted, existing.as_ref())
        {
            let owner = self.stores.claims(&pass.account.id, std::slice::from_ref(&key)).await?;
            if let Some(owner) = owner.into_iter().flatten().next() {
                self.read_contacts(pass, std::slice::from_ref(&owner), &mut stored).await?;
                claimants.insert(key, owner);
            }
        }
        let led_to = match (&view, &pass.lookup) {
            (View::In(wanted), Some(lookup)) => {
                lookup.find(&pass.rules.lookup_digests(user, wanted))
            }
            (View::In(_) | View::Out { .. } | View::Unknown { .. } | View::Failed { .. }, _) => {
                Vec::new()
            }
        };
        self.read_contacts(pass, &led_to, &mut stored).await?;
        let nobody = HashSet::new();
        let candidates = candidates(Some(&led_to), &stored);
        let found = (contact_id, existing.as_ref(), candidates.as_slice());
        let item = decide_here(pass, user, &view, found, |key| {
            claimant(key, &claimants, &stored, &nobody)
        });
        let target = item.contact_id.clone();
        let own = target.as_ref().is_none_or(|target| target == contact_id);
        let base = if own { now_stored } else { target.and_then(|target| stored.remove(&target)) };
        Ok((item, base))
    }
}

/// What becomes of the contact of somebody who may have left; `None` for whoever is in scope.
pub(super) fn decide_leaving(
    pass: &Pass,
    entry: &DeltaEntry,
    existing: Option<&Contact>,
) -> Option<SegmentItem> {
    let (cause, because) = match entry {
        DeltaEntry::Removed { reason, .. } => {
            let cause = gone_cause(*reason);
            (cause, gone_sentence(cause).to_owned())
        }
        DeltaEntry::Changed(user) => match pass.view(user) {
            View::Out { cause, because } => (cause, because),
            View::In(_) | View::Unknown { .. } | View::Failed { .. } => return None,
        },
    };
    Some(pass.rules.decide_gone(entry.id(), existing, cause, &because, pass.tie()))
}

/// Decides one person as if the wanted e-mail were free: the parties of a swap.
pub(super) fn decide_as_if_free(
    pass: &Pass,
    user: &DirectoryUser,
    contact_id: &ContactId,
    existing: Option<&Contact>,
) -> SegmentItem {
    let view = pass.view(user);
    decide_here(pass, user, &view, (contact_id, existing, &[]), |_| Claimant::Nobody)
}

/// The item of a person whom the index recognises as unchanged; no contact is read.
fn recognised(pass: &Pass, person: &Person, contact: &ContactId) -> Option<SegmentItem> {
    let index = pass.index.as_ref()?;
    match person {
        // Whom this run dealt with already may have another contact than the index knows.
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
        index.known(contact, fingerprint) != KnownContact::None || pass.tally.touched(person.id())
    })
}

fn decide_here<'a>(
    pass: &Pass,
    user: &DirectoryUser,
    view: &View,
    (contact_id, existing, candidates): (&ContactId, Option<&Contact>, &[&Contact]),
    claimant_of: impl FnOnce(&str) -> Claimant<'a>,
) -> SegmentItem {
    match view {
        View::Unknown { attribute } => SegmentItem {
            reason: Some(format!("Entra did not tell `{attribute}` of this person")),
            remedy: Some("grant our application User.Read.All again".to_owned()),
            email: user_address(user),
            ..blank_item(&user.id, None, Outcome::Failed)
        },
        View::Failed { because } => SegmentItem {
            reason: Some(because.clone()),
            remedy: Some(
                "correct the value of this user in Entra, or the condition in the settings"
                    .to_owned(),
            ),
            email: user_address(user),
            ..blank_item(&user.id, existing.map(|contact| contact.id.clone()), Outcome::Failed)
        },
        View::Out { cause, because } => {
            let item = pass.rules.decide_gone(&user.id, existing, *cause, because, pass.tie());
            SegmentItem { email: user_address(user), ..item }
        }
        View::In(wanted) => {
            // A delta has no index: the contact itself tells whether anything moved.
            let same = existing.is_some_and(|contact| {
                contact.is_linked_to(&pass.connection.id, &user.id)
                    && contact.link.as_ref().is_some_and(|link| {
                        link.state == contact_sync_domain::contact::LinkState::Linked
                    })
                    && contact.sync.as_ref().and_then(|sync| sync.fingerprint.as_deref())
                        == Some(&hex(wanted.fingerprint))
            });
            if same {
                let id = existing.map(|contact| contact.id.clone());
                let item = blank_item(&user.id, id, Outcome::Unchanged);
                return SegmentItem { awaits: user.manager_without_contact(), ..item };
            }
            if let Some(item) = pass.contested(user, existing) {
                return item;
            }
            let claimant = match pass.rules.wanted_email_key(wanted, existing) {
                Some(key) => claimant_of(&key),
                None => Claimant::Nobody,
            };
            let found = Found { contact_id, existing, claimant, candidates };
            let item = pass.rules.decide(user, wanted, found, pass.tie());
            SegmentItem { awaits: user.manager_without_contact(), ..item }
        }
    }
}

/// Those of these contacts that stand.
fn candidates<'a>(
    ids: Option<&Vec<ContactId>>,
    stored: &'a HashMap<ContactId, StoredContact>,
) -> Vec<&'a Contact> {
    ids.into_iter().flatten().filter_map(|id| present(stored.get(id))).collect()
}

fn claimant<'a>(
    key: &str,
    claimants: &BTreeMap<String, ContactId>,
    stored: &'a HashMap<ContactId, StoredContact>,
    on_page: &HashSet<String>,
) -> Claimant<'a> {
    if on_page.contains(key) {
        return Claimant::SamePage;
    }
    // A claim whose owner is gone or bears another address is taken over when claiming.
    match claimants.get(key).and_then(|owner| present(stored.get(owner))) {
        Some(owner) if owner.email().map(email_key).as_deref() == Some(key) => {
            Claimant::Contact(owner)
        }
        Some(_) | None => Claimant::Nobody,
    }
}

/// The claim key of the e-mail that an item newly gives.
pub(super) fn new_email_key(item: &SegmentItem) -> Option<String> {
    use contact_sync_domain::contact::{ContactField, Target};
    if !matches!(item.outcome, Outcome::Create | Outcome::Update) {
        return None;
    }
    let email = Target::Field(ContactField::Email);
    let change = item.fields.iter().rev().find(|change| change.field == email)?;
    change.new.as_str().map(email_key)
}

/// The contact that stands there, unless it is a tombstone.
pub(super) fn present(stored: Option<&StoredContact>) -> Option<&Contact> {
    match stored {
        Some(StoredContact::Present(contact)) => Some(contact),
        Some(StoredContact::Tombstone { .. }) | None => None,
    }
}
