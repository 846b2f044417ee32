//! Deciding several people at once, from what the store has of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId};
use contact_sync_domain::reconcile::{Claimant, View, blank_item};
use contact_sync_domain::redaction::passed_over;
use contact_sync_domain::segment::{Outcome, SegmentItem};

use super::apply::unreadable_item;
use super::decide::present;
use super::lookup::Lookup;
use super::own_contacts::read_contacts;
use super::people::{Person, gone_sentence};
use super::terms::Terms;
use crate::port::{ContactStore, StoreError, StoredContact};

/// Decisions about people.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// What is intended, each person once.
    pub(crate) items: Vec<SegmentItem>,
    /// The contacts as read while deciding, so that applying need not read them again.
    pub(crate) stored: HashMap<ContactId, StoredContact>,
    /// The users by id, for a second decision when a contact moved.
    pub(crate) users: HashMap<ObjectId, DirectoryUser>,
}

/// People to decide, each with the contact that is or would be his.
pub(crate) struct Batch {
    pub(crate) people: Vec<(Person, ContactId)>,
    /// Those of the contacts that must be read; the others are known not to stand.
    pub(crate) needed: Vec<ContactId>,
}

impl Batch {
    /// A batch of which nothing is known beforehand: every contact is read.
    pub(crate) fn unknown(people: Vec<(Person, ContactId)>) -> Self {
        let needed = people.iter().map(|(_, contact)| contact.clone()).collect();
        Self { people, needed }
    }
}

/// Decides people together, beside those decided already. Several may be led to the same contact:
/// who gets it is for whoever knows all of them. `lookup` is read when a key beside the
/// e-mail is first needed.
pub(crate) async fn decide_batch(
    store: &impl ContactStore,
    terms: Terms<'_>,
    lookup: &mut Option<Lookup>,
    batch: Batch,
    decided: &mut Decided,
) -> Result<(), StoreError> {
    let Batch { people, needed } = batch;
    let unreadable = read_contacts(store, terms.account, &needed, &mut decided.stored).await?;
    let claimants = read_claimants(store, terms, &people, &mut decided.stored).await?;
    let led_to = look_up(store, terms, lookup, &people, &mut decided.stored).await?;
    let mut on_page = HashSet::new();
    for (person, contact_id) in people {
        let existing = present(decided.stored.get(&contact_id));
        let item = match &person {
            _ if unreadable.contains(&contact_id) => {
                unreadable_item(&blank_item(person.id(), Some(contact_id), Outcome::Failed))
            }
            _ if is_erased(decided.stored.get(&contact_id)) => passed_over(person.id()),
            Person::Gone(user, cause) => {
                terms.rules.decide_gone(user, existing, *cause, gone_sentence(*cause), terms.tie)
            }
            Person::Here(user, view) => {
                let candidates = candidates(led_to.get(&user.id), &decided.stored);
                terms.decide(user, view, (&contact_id, existing, &candidates), |key| {
                    claimant(key, &claimants, &decided.stored, &on_page)
                })
            }
        };
        // What takes a contact over is put off: whoever is made a contact has the address first.
        if !item.takes_over() {
            on_page.extend(new_email_key(&item));
        }
        if let Person::Here(user, _) = person {
            decided.users.insert(user.id.clone(), user);
        }
        decided.items.push(item);
    }
    Ok(())
}

/// Whether what stands there is a person who was forgotten.
pub(super) fn is_erased(stored: Option<&StoredContact>) -> bool {
    matches!(stored, Some(StoredContact::Tombstone { erased: true, .. }))
}

/// The contacts to which keys beside the e-mail lead people who have none, read as they are.
async fn look_up(
    store: &impl ContactStore,
    terms: Terms<'_>,
    lookup: &mut Option<Lookup>,
    people: &[(Person, ContactId)],
    stored: &mut HashMap<ContactId, StoredContact>,
) -> Result<HashMap<ObjectId, Vec<ContactId>>, StoreError> {
    let mut wanted = HashMap::new();
    for (person, contact_id) in people {
        let Person::Here(user, View::In(view)) = person else { continue };
        if present(stored.get(contact_id)).is_none_or(|contact| contact.link.is_none()) {
            let digests = terms.rules.lookup_digests(user, view);
            if !digests.is_empty() {
                wanted.insert(user.id.clone(), digests);
            }
        }
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    if lookup.is_none() {
        *lookup = Some(Lookup::load(store, terms.account, terms.rules.keys()).await?);
    }
    let Some(lookup) = lookup else { return Ok(HashMap::new()) };
    let found: HashMap<ObjectId, Vec<ContactId>> = wanted
        .into_iter()
        .map(|(user, digests)| (user, lookup.find(&digests)))
        .filter(|(_, contacts)| !contacts.is_empty())
        .collect();
    let ids: Vec<ContactId> = found.values().flatten().cloned().collect();
    read_contacts(store, terms.account, &ids, stored).await?;
    Ok(found)
}

/// Who has the addresses that people want anew.
async fn read_claimants(
    store: &impl ContactStore,
    terms: Terms<'_>,
    people: &[(Person, ContactId)],
    stored: &mut HashMap<ContactId, StoredContact>,
) -> Result<BTreeMap<String, ContactId>, StoreError> {
    let keys: Vec<String> = people
        .iter()
        .flat_map(|(person, contact)| match person {
            Person::Here(_, View::In(wanted)) => {
                terms.rules.wanted_email_keys(wanted, present(stored.get(contact)))
            }
            Person::Here(_, View::Out { .. } | View::Unknown { .. } | View::Failed { .. })
            | Person::Gone(..) => Vec::new(),
        })
        .collect();
    claimants(store, terms.account, keys, stored).await
}

/// Who has these addresses, read as they are.
pub(super) async fn claimants(
    store: &impl ContactStore,
    account: &AccountId,
    mut keys: Vec<String>,
    stored: &mut HashMap<ContactId, StoredContact>,
) -> Result<BTreeMap<String, ContactId>, StoreError> {
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let owners = store.claims(account, &keys).await?;
    let claimants: BTreeMap<String, ContactId> =
        keys.into_iter().zip(owners).filter_map(|(key, owner)| Some((key, owner?))).collect();
    let owners: Vec<ContactId> = claimants.values().cloned().collect();
    read_contacts(store, account, &owners, stored).await?;
    Ok(claimants)
}

/// Who bears which of these addresses.
pub(crate) async fn bearers(
    store: &impl ContactStore,
    account: &AccountId,
    keys: Vec<String>,
) -> Result<BTreeMap<String, Contact>, StoreError> {
    let mut stored = HashMap::new();
    let claimants = claimants(store, account, keys, &mut stored).await?;
    let nobody = HashSet::new();
    let borne =
        claimants.keys().filter_map(|key| match claimant(key, &claimants, &stored, &nobody) {
            Claimant::Contact(owner) => Some((key.clone(), owner.clone())),
            Claimant::Nobody | Claimant::SamePage => None,
        });
    Ok(borne.collect())
}

/// Those of these contacts that stand.
pub(super) fn candidates<'a>(
    ids: Option<&Vec<ContactId>>,
    stored: &'a HashMap<ContactId, StoredContact>,
) -> Vec<&'a Contact> {
    ids.into_iter().flatten().filter_map(|id| present(stored.get(id))).collect()
}

/// Who has an address, among those who were read.
pub(super) fn claimant<'a>(
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
pub(crate) fn new_email_key(item: &SegmentItem) -> Option<String> {
    if !matches!(item.outcome, Outcome::Create | Outcome::Update | Outcome::Restore) {
        return None;
    }
    let email = Target::Field(ContactField::Email);
    let change = item.fields.iter().rev().find(|change| change.field == email)?;
    change.new.as_str().map(email_key)
}
