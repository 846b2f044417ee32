//! What is known of contacts' photos: the rules hold in DynamoDB and in memory alike.

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::photo::{
    ContactPhoto, Finding, PhotoHindrance, PhotoLane, PhotoState, PhotoTrouble, PhotoWalk,
};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    AccountStore, ConnectionStore, ContactStore, PhotoStore, SHARDS, WriteOutcome,
};

use crate::samples::{account, account_id, at, connection, connection_id, contact, write};
use crate::tables::{CONTACTS, STATE, Tables};

fn first(number: u128, finding: &Finding) -> ContactPhoto {
    let of = (&account_id(1), &connection_id(1));
    ContactPhoto::first(of, &ContactId::from_bits(number), finding, at(1))
}

fn image() -> Finding {
    Finding::of(Some(b"GIF89a"))
}

/// Contacts 1 to 40 are linked through connection 1.
async fn people(store: &impl ContactStore) {
    for number in 1..=40 {
        let written = store.write(&write(&contact(1, number, 5))).await.unwrap();
        assert_eq!(written, WriteOutcome::Written);
    }
}

async fn photos(store: &(impl ContactStore + PhotoStore)) {
    people(store).await;
    let of = |number| (account_id(1), ContactId::from_bits(number));
    let known = async |number| {
        let (account, contact) = of(number);
        store.contact_photo(&account, &contact).await.unwrap()
    };
    // Of nobody who is not there, or whom another connection brought.
    assert!(!store.put_first_photo(&first(99, &Finding::None)).await.unwrap());
    let foreign = ContactPhoto { connection_id: connection_id(2), ..first(1, &Finding::None) };
    assert!(!store.put_first_photo(&foreign).await.unwrap());
    assert_eq!(known(1).await, None);

    let expected = first(1, &image());
    assert!(store.put_first_photo(&expected).await.unwrap());
    assert!(!store.put_first_photo(&first(1, &Finding::None)).await.unwrap(), "it is known");
    assert_eq!(known(1).await, Some(expected.clone()));
    let present = expected.changed(&connection_id(1), &image(), at(2));
    assert!(store.put_photo(&present).await.unwrap());
    let late = ContactPhoto { checked_at: at(7), ..present.clone() };
    assert!(!store.put_photo(&late).await.unwrap(), "somebody else was faster");
    assert_eq!(known(1).await, Some(present.clone()));

    // A stamp is of the version that was looked at.
    store.stamp_photo(&present, at(9)).await.unwrap();
    assert_eq!(known(1).await.unwrap().checked_at, at(9));
    let old = ContactPhoto { version: present.version - 1, ..present.clone() };
    store.stamp_photo(&old, at(11)).await.unwrap();
    assert_eq!(known(1).await.unwrap().checked_at, at(9));
    store.stamp_photo(&first(2, &Finding::None), at(11)).await.unwrap();
    assert_eq!(known(2).await, None, "a stamp makes nothing");

    let (account, contact) = of(1);
    assert!(store.delete_photo(&account, &contact).await.unwrap());
    assert!(!store.delete_photo(&account, &contact).await.unwrap());
    let late = present.changed(&connection_id(1), &Finding::None, at(3));
    assert!(!store.put_photo(&late).await.unwrap(), "what was deleted stays so");
    store.contact_photo(&AccountId::from_bits(2), &contact).await.unwrap();
}

async fn ranges(store: &(impl ContactStore + PhotoStore)) {
    people(store).await;
    let mut ids: Vec<ContactId> = (1..=40)
        .map(ContactId::from_bits)
        .filter(|id| id.shard(SHARDS) == ContactId::from_bits(1).shard(SHARDS))
        .collect();
    ids.sort();
    for number in 1..=40 {
        assert!(store.put_first_photo(&first(number, &Finding::None)).await.unwrap());
    }
    let (lowest, highest) = (ids.first().unwrap(), ids.last().unwrap());
    let found = store.contact_photos(&account_id(1), lowest, highest).await.unwrap();
    let found: Vec<ContactId> = found.into_iter().map(|photo| photo.contact_id).collect();
    assert_eq!(found, ids);
    let one = store.contact_photos(&account_id(1), highest, highest).await.unwrap();
    let states: Vec<PhotoState> = one.iter().map(|one| one.state).collect();
    assert_eq!(states, [PhotoState::None]);
}

async fn lanes(store: &impl PhotoStore) {
    let (of, id) = (&account_id(1), &connection_id(1));
    assert_eq!(store.photo_lane(of, id).await.unwrap(), None);
    let begun = PhotoLane {
        version: 1,
        walk: Some(PhotoWalk { cursor: Some("C#x".to_owned()), ..PhotoWalk::begun(at(1)) }),
        lease_until: Some(at(60)),
        ..PhotoLane::new(of, id)
    };
    assert!(store.put_photo_lane(&begun).await.unwrap());
    let other = PhotoLane { lease_until: Some(at(61)), ..begun.clone() };
    assert!(!store.put_photo_lane(&other).await.unwrap(), "somebody else took it");
    assert_eq!(store.photo_lane(of, id).await.unwrap(), Some(begun.clone()));
    let open = store.open_photo_walks().await.unwrap();
    assert_eq!(open, [begun.open().unwrap()]);
    let is_left = |when| open.iter().all(|walk| walk.is_left(when));
    assert!(!is_left(at(59)) && is_left(at(60)));
    let over = PhotoLane {
        version: 2,
        walk: None,
        lease_until: None,
        finished_at: Some(at(5)),
        trouble: Some(PhotoTrouble {
            what: PhotoHindrance::Permission,
            code: "Authorization_RequestDenied".to_owned(),
            since: at(5),
        }),
        ..begun.clone()
    };
    assert!(store.put_photo_lane(&over).await.unwrap());
    assert_eq!(store.photo_lane(of, id).await.unwrap(), Some(over));
    assert!(store.open_photo_walks().await.unwrap().is_empty());
    // The connection changed accounts: the new one begins at the beginning.
    assert_eq!(store.photo_lane(&account_id(2), id).await.unwrap(), None);
    let moved = PhotoLane { account_id: account_id(2), ..begun };
    assert!(store.put_photo_lane(&moved).await.unwrap());
    assert_eq!(store.photo_lane(&account_id(2), id).await.unwrap(), Some(moved));
}

#[tokio::test]
async fn photos_are_of_those_who_are_there_and_each_write_is_over_the_one_before() {
    photos(&MemoryStore::default()).await;
    photos(&Tables::start().await.store).await;
}

#[tokio::test]
async fn a_part_of_a_shard_is_read_without_the_rest() {
    ranges(&MemoryStore::default()).await;
    ranges(&Tables::start().await.store).await;
}

#[tokio::test]
async fn one_works_at_a_walk_and_whoever_looks_for_open_ones_finds_it() {
    lanes(&MemoryStore::default()).await;
    lanes(&Tables::start().await.store).await;
}

/// What is left would be found by nobody, and belongs to nobody.
#[tokio::test]
async fn what_is_known_goes_with_the_account() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.create_account(&account(1)).await.unwrap();
    let mut own = connection(1, 1);
    own.tenant = None;
    store.create_connection(&own).await.unwrap();
    people(store).await;
    assert!(store.put_first_photo(&first(1, &Finding::None)).await.unwrap());
    let lane = PhotoLane { version: 1, ..PhotoLane::new(&account_id(1), &connection_id(1)) };
    assert!(store.put_photo_lane(&lane).await.unwrap());
    store.erase_account(&account_id(1)).await.unwrap();
    store.erase_account_state(&account(1)).await.unwrap();
    assert_eq!(tables.count(CONTACTS).await, 0);
    assert_eq!(tables.count(STATE).await, 0);
}
