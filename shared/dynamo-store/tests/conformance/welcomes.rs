//! Who was welcomed: the rules hold in DynamoDB and in memory alike.

use contact_sync_domain::id::ContactId;
use contact_sync_domain::welcome::{Welcome, WelcomeState, WelcomeTemplate};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{AccountStore, WelcomeClaim, WelcomeFilter, WelcomeStore};

use crate::samples::{account, account_id, at, connection_id};
use crate::tables::{STATE, Tables};

fn contact(number: u128) -> ContactId {
    ContactId::from_bits(number)
}

fn claim(number: u128, address: &str, attempt: &str) -> Welcome {
    Welcome {
        account_id: account_id(1),
        contact_id: contact(number),
        connection_id: Some(connection_id(1)),
        address: Some(address.to_owned()),
        state: WelcomeState::Claimed,
        reason: None,
        attempt: attempt.to_owned(),
        version: 1,
        at: at(3),
    }
}

async fn claims(store: &impl WelcomeStore) {
    let first = claim(1, "digest-a", "1");
    assert_eq!(store.claim_welcome(&first).await.unwrap(), WelcomeClaim::Ours);
    // Somebody else, at the same moment and later.
    let other = claim(1, "digest-a", "2");
    assert_eq!(store.claim_welcome(&other).await.unwrap(), WelcomeClaim::Theirs);
    let moved = claim(1, "digest-b", "2");
    assert_eq!(store.claim_welcome(&moved).await.unwrap(), WelcomeClaim::Theirs);
    // Another contact under that address: nothing of its claim stands.
    let same = claim(2, "digest-a", "3");
    assert_eq!(store.claim_welcome(&same).await.unwrap(), WelcomeClaim::AddressWelcomed);
    assert_eq!(store.welcome(&account_id(1), &contact(2)).await.unwrap(), None);
    // Nor did the refused claim take an address.
    let free = claim(3, "digest-b", "4");
    assert_eq!(store.claim_welcome(&free).await.unwrap(), WelcomeClaim::Ours);
    // Another account's people are others.
    let foreign = Welcome { account_id: account_id(2), ..claim(2, "digest-a", "5") };
    assert_eq!(store.claim_welcome(&foreign).await.unwrap(), WelcomeClaim::Ours);

    // It came to nothing, and is claimed again.
    let failed = Welcome {
        state: WelcomeState::Failed,
        reason: Some("Throttled".to_owned()),
        version: 2,
        at: at(4),
        ..first.clone()
    };
    assert!(store.settle_welcome(&failed).await.unwrap());
    let late = Welcome { state: WelcomeState::Sent, version: 2, ..first.clone() };
    assert!(!store.settle_welcome(&late).await.unwrap());
    assert_eq!(store.welcome(&account_id(1), &contact(1)).await.unwrap(), Some(failed));
    let again = Welcome { version: 3, at: at(5), attempt: "6".to_owned(), ..first.clone() };
    assert_eq!(store.claim_welcome(&again).await.unwrap(), WelcomeClaim::Ours);
    let sent = Welcome { state: WelcomeState::Sent, version: 4, at: at(6), ..again };
    assert!(store.settle_welcome(&sent).await.unwrap());

    let filter = |state, until| WelcomeFilter { state, until: at(until) };
    let listed = async |filter: &WelcomeFilter| {
        let page = store.welcomes(&account_id(1), filter, None, 10).await.unwrap().unwrap();
        page.welcomes.into_iter().map(|welcome| welcome.contact_id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&filter(WelcomeState::Sent, 9)).await, [contact(1)]);
    assert_eq!(listed(&filter(WelcomeState::Claimed, 3)).await, [contact(3)]);
    assert_eq!(listed(&filter(WelcomeState::Claimed, 2)).await, []);
    assert_eq!(listed(&filter(WelcomeState::Failed, 9)).await, []);
    let wrong = filter(WelcomeState::Sent, 9);
    assert_eq!(store.welcomes(&account_id(1), &wrong, Some("nonsense"), 2).await.unwrap(), None);

    // The person is forgotten, and yet welcomed under neither id nor address.
    assert!(store.forget_welcome(&account_id(1), &contact(1)).await.unwrap());
    assert!(!store.forget_welcome(&account_id(1), &contact(1)).await.unwrap());
    assert!(!store.forget_welcome(&account_id(1), &contact(9)).await.unwrap());
    let kept = store.welcome(&account_id(1), &contact(1)).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.address, kept.connection_id), (WelcomeState::Sent, None, None));
    let newcomer = claim(7, "digest-a", "7");
    assert_eq!(store.claim_welcome(&newcomer).await.unwrap(), WelcomeClaim::AddressWelcomed);
    assert_eq!(store.claim_welcome(&first).await.unwrap(), WelcomeClaim::AddressWelcomed);
}

#[tokio::test]
async fn a_contact_and_an_address_are_claimed_once() {
    claims(&MemoryStore::default()).await;
    claims(&Tables::start().await.store).await;
}

#[tokio::test]
async fn a_claim_whose_answer_got_lost_is_its_owners() {
    let tables = Tables::start().await;
    tables.lose_next_answer();
    let ours = claim(1, "digest-a", "1");
    assert_eq!(tables.store.claim_welcome(&ours).await.unwrap(), WelcomeClaim::Ours);
    let theirs = claim(1, "digest-a", "2");
    assert_eq!(tables.store.claim_welcome(&theirs).await.unwrap(), WelcomeClaim::Theirs);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for number in 1..=7 {
        let ours = claim(number, &format!("digest-{number}"), "1");
        store.claim_welcome(&ours).await.unwrap();
        if number % 2 == 0 {
            let sent = Welcome { state: WelcomeState::Sent, version: 2, ..ours };
            assert!(store.settle_welcome(&sent).await.unwrap());
        }
    }
    let filter = WelcomeFilter { state: WelcomeState::Claimed, until: at(9) };
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = store.welcomes(&account_id(1), &filter, cursor.as_deref(), 2).await.unwrap();
        let page = page.unwrap();
        assert!(page.welcomes.len() <= 2);
        found.extend(page.welcomes.iter().map(|welcome| welcome.contact_id.to_bits()));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, [1, 3, 5, 7]);
}

async fn templates(store: &impl WelcomeStore) {
    let template = |version| WelcomeTemplate {
        subject: "Welcome".to_owned(),
        text: "Hello\n{{displayName}}".to_owned(),
        html: None,
        version,
        updated_at: at(1),
    };
    assert_eq!(store.welcome_template(&account_id(1)).await.unwrap(), None);
    assert!(!store.put_welcome_template(&account_id(1), &template(2)).await.unwrap());
    assert!(store.put_welcome_template(&account_id(1), &template(1)).await.unwrap());
    assert!(store.put_welcome_template(&account_id(1), &template(2)).await.unwrap());
    let other = WelcomeTemplate { text: "Hi".to_owned(), ..template(2) };
    assert!(!store.put_welcome_template(&account_id(1), &other).await.unwrap());
    assert_eq!(store.welcome_template(&account_id(1)).await.unwrap(), Some(template(2)));
    assert_eq!(store.welcome_template(&account_id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_who_save_a_template_one_is_first() {
    templates(&MemoryStore::default()).await;
    templates(&Tables::start().await.store).await;
}

#[tokio::test]
async fn an_account_takes_its_template_and_welcomes_along() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let account = account(1);
    assert!(store.create_account(&account).await.unwrap());
    templates(store).await;
    store.claim_welcome(&claim(1, "digest-a", "1")).await.unwrap();
    store.erase_account_state(&account).await.unwrap();
    assert_eq!(tables.count(STATE).await, 0);
}
