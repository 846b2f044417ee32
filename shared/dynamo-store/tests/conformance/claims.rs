//! Claiming e-mails: an address is one contact's, whatever happens in which order.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::ContactId;
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{CLAIM_STANDS, ClaimOutcome, ContactStore, WriteOutcome};

use crate::samples::{account_id, at, contact, with_email, write};
use crate::tables::Tables;

async fn put(store: &impl ContactStore, contact: &Contact) {
    assert_eq!(store.write(&write(contact)).await.unwrap(), WriteOutcome::Written);
}

const KEY: &str = "person7@contoso.example";

#[tokio::test]
async fn an_address_is_one_contacts_and_claiming_again_is_fine() {
    let tables = Tables::start().await;
    let (store, account) = (&tables.store, account_id(1));
    let (ours, theirs) = (ContactId::from_bits(7), ContactId::from_bits(8));
    put(store, &contact(1, 7, 10)).await;
    assert_eq!(store.claim(&account, KEY, &ours, at(0)).await.unwrap(), ClaimOutcome::Claimed);
    assert_eq!(store.claim(&account, KEY, &ours, at(0)).await.unwrap(), ClaimOutcome::Claimed);
    let taken = ClaimOutcome::TakenBy(ours.clone());
    assert_eq!(store.claim(&account, KEY, &theirs, at(0)).await.unwrap(), taken);
    let free = store.claim(&account_id(2), KEY, &theirs, at(0)).await.unwrap();
    assert_eq!(free, ClaimOutcome::Claimed, "another account has its own addresses");
    let owners = store.claims(&account, &[KEY.into(), "nobody@x".into()]).await.unwrap();
    assert_eq!(owners, [Some(ours), None]);
}

/// When a claim made at 0 may be taken over at the earliest.
const LATER: i64 = CLAIM_STANDS.as_secs();

#[tokio::test]
async fn an_old_claim_of_somebody_without_the_address_is_taken_over() {
    let tables = Tables::start().await;
    let (store, account) = (&tables.store, account_id(1));
    let (gone, renamed, ours) =
        (ContactId::from_bits(70), ContactId::from_bits(71), ContactId::from_bits(7));
    store.claim(&account, KEY, &gone, at(0)).await.unwrap();
    tables.lose_next_answer();
    let claimed = store.claim(&account, KEY, &renamed, at(LATER)).await.unwrap();
    assert_eq!(claimed, ClaimOutcome::Claimed);
    put(store, &contact(1, 71, 10)).await;
    let claimed = store.claim(&account, KEY, &ours, at(2 * LATER)).await.unwrap();
    assert_eq!(claimed, ClaimOutcome::Claimed);
    assert_eq!(store.claims(&account, &[KEY.into()]).await.unwrap(), [Some(ours)]);
}

/// Two people claim one address in the same moments: whoever claims second would else take it from
/// the first between that one's claim and that one's contact.
#[tokio::test]
async fn a_young_claim_stands_although_its_contact_is_not_written_yet() {
    let tables = Tables::start().await;
    let memory = MemoryStore::default();
    a_young_claim_stands(&tables.store).await;
    a_young_claim_stands(&memory).await;
}

async fn a_young_claim_stands(store: &impl ContactStore) {
    let account = account_id(1);
    let (first, second) = (ContactId::from_bits(7), ContactId::from_bits(8));
    let taken = ClaimOutcome::TakenBy(first.clone());
    store.claim(&account, KEY, &first, at(0)).await.unwrap();
    let again = store.claim(&account, KEY, &second, at(LATER - 1)).await.unwrap();
    assert_eq!(again, taken, "the first may be about to write");
    // Who comes back to an address that is his already claims it anew.
    store.claim(&account, KEY, &first, at(LATER)).await.unwrap();
    let again = store.claim(&account, KEY, &second, at(2 * LATER - 1)).await.unwrap();
    assert_eq!(again, taken);
    let written = store.write(&write(&contact(1, 7, 10))).await.unwrap();
    assert_eq!(written, WriteOutcome::Written);
    let again = store.claim(&account, KEY, &second, at(9 * LATER)).await.unwrap();
    assert_eq!(again, taken, "whoever bears it keeps it");
}

/// Two people want an address that a third left, and do their two steps in every order.
#[tokio::test]
async fn in_whatever_order_two_claim_and_write_one_of_them_has_the_address() {
    let tables = Tables::start().await;
    let orders =
        [[7, 7, 8, 8], [7, 8, 7, 8], [7, 8, 8, 7], [8, 7, 7, 8], [8, 7, 8, 7], [8, 8, 7, 7]];
    for (number, order) in (1..).zip(orders) {
        one_of_two(&tables.store, number, order).await;
        one_of_two(&MemoryStore::default(), number, order).await;
    }
}

async fn one_of_two(store: &impl ContactStore, account: u128, order: [u128; 4]) {
    let left = ContactId::from_bits(70);
    store.claim(&account_id(account), KEY, &left, at(-LATER)).await.unwrap();
    let mut claimed = Vec::new();
    let mut bearers = 0;
    for (step, who) in (0..).zip(order) {
        let contact = with_email(&contact(account, who, 10), KEY);
        match claimed.iter().find(|(one, _)| *one == who) {
            None => {
                let now = at(step);
                let outcome = store.claim(&contact.account_id, KEY, &contact.id, now).await;
                claimed.push((who, outcome.unwrap() == ClaimOutcome::Claimed));
            }
            Some((_, true)) => {
                let written = store.write(&write(&contact)).await.unwrap();
                assert_eq!(written, WriteOutcome::Written);
                bearers += 1;
            }
            Some((_, false)) => {}
        }
    }
    assert_eq!(bearers, 1, "{order:?}");
}

#[tokio::test]
async fn an_address_is_given_up_only_by_whoever_has_it() {
    let tables = Tables::start().await;
    let (store, account) = (&tables.store, account_id(1));
    let (ours, theirs) = (ContactId::from_bits(7), ContactId::from_bits(8));
    store.claim(&account, KEY, &ours, at(0)).await.unwrap();
    store.release(&account, KEY, &theirs).await.unwrap();
    assert_eq!(store.claims(&account, &[KEY.into()]).await.unwrap(), [Some(ours.clone())]);
    store.release(&account, KEY, &ours).await.unwrap();
    store.release(&account, KEY, &ours).await.unwrap();
    assert_eq!(store.claims(&account, &[KEY.into()]).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_very_long_address_can_be_claimed_too() {
    let tables = Tables::start().await;
    let (store, account) = (&tables.store, account_id(1));
    let long = "ü".repeat(1_500);
    let ours = ContactId::from_bits(7);
    store.claim(&account, &long, &ours, at(0)).await.unwrap();
    assert_eq!(store.claims(&account, &[long]).await.unwrap(), [Some(ours)]);
}
