//! What waits for people, and what they decided and refused.

use std::collections::BTreeMap;

use contact_sync_domain::contact::Target;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::review::{
    Decision, Rejected, ReviewAction, ReviewItem, ReviewList, ReviewUser,
};
use contact_sync_engine::port::{DecisionStore, ReviewStore, decided_until};
use serde_json::json;

use crate::samples::{account_id, at, connection_id};
use crate::tables::{STATE, Tables};

fn user(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn item(list: ReviewList, number: u128, version: u64) -> ReviewItem {
    ReviewItem {
        account_id: account_id(1),
        connection_id: connection_id(1),
        list,
        version,
        user: ReviewUser {
            object_id: user(number),
            display_name: Some("Ana".to_owned()),
            user_principal_name: None,
        },
        contact_id: Some(ContactId::from_bits(number)),
        candidates: vec![ContactId::from_bits(90), ContactId::from_bits(91)],
        versions: [(ContactId::from_bits(90), 4), (ContactId::from_bits(91), 7)].into(),
        changes: Vec::new(),
        status: None,
        matched: None,
        suggested: Some(ReviewAction::Accept),
        departure: None,
        reason: Some("because".to_owned()),
        remedy: None,
        run: "run_1".to_owned(),
        since: at(3),
    }
}

fn decision(second: i64, number: u128, refused: Vec<Rejected>) -> Decision {
    Decision {
        kept_days: None,
        at: at(second),
        actor: Some("ada".to_owned()),
        action: ReviewAction::Reject,
        item: item(ReviewList::Changes, number, 1).id(),
        list: ReviewList::Changes,
        version: 1,
        contact_id: None,
        refused,
    }
}

#[tokio::test]
async fn an_item_is_put_only_over_the_one_that_was_seen_and_goes_only_as_it_was_seen() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let first = item(ReviewList::Matched, 1, 5);
    tables.lose_next_answer();
    assert!(store.put_review(&first, None).await.unwrap(), "an answer that got lost is no refusal");
    assert!(!store.put_review(&item(ReviewList::Matched, 1, 6), None).await.unwrap());
    assert!(!store.put_review(&item(ReviewList::Matched, 1, 7), Some(4)).await.unwrap());
    let next = item(ReviewList::Matched, 1, 6);
    assert!(store.put_review(&next, Some(5)).await.unwrap());

    store.delete_review(&first).await.unwrap();
    let places = [(ReviewList::Matched, user(1)), (ReviewList::Changes, user(1))];
    let standing = store.reviews_of(&connection_id(1), &places).await.unwrap();
    assert_eq!(
        standing,
        std::slice::from_ref(&next),
        "who decided on an older one takes nothing away"
    );
    store.delete_review(&next).await.unwrap();
    store.delete_review(&next).await.unwrap();
    assert!(store.reviews_of(&connection_id(1), &places).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_lists_are_paged_by_user_and_none_sees_anothers_items() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for number in 1..=7 {
        assert!(store.put_review(&item(ReviewList::Available, number, 1), None).await.unwrap());
    }
    assert!(store.put_review(&item(ReviewList::Conflicts, 1, 1), None).await.unwrap());
    let other = ReviewItem { connection_id: connection_id(2), ..item(ReviewList::Available, 1, 1) };
    assert!(store.put_review(&other, None).await.unwrap());

    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let list = ReviewList::Available;
        let page = store.reviews(&connection_id(1), list, cursor.as_deref(), 3).await.unwrap();
        let page = page.unwrap();
        assert!(page.items.len() <= 3);
        found.extend(page.items.into_iter().map(|item| item.user.object_id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, (1..=7).map(user).collect::<Vec<_>>());

    let page = store.reviews(&connection_id(1), ReviewList::Available, None, 3).await.unwrap();
    let cursor = page.unwrap().cursor.unwrap();
    for (connection, list, cursor) in [
        (1, ReviewList::Conflicts, cursor.as_str()),
        (2, ReviewList::Available, cursor.as_str()),
        (1, ReviewList::Available, "made up"),
    ] {
        let page = store.reviews(&connection_id(connection), list, Some(cursor), 3).await.unwrap();
        assert_eq!(page, None, "another list's cursor is none of this one's");
    }
}

#[tokio::test]
async fn decisions_are_told_newest_first_and_what_they_refuse_is_known() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let contact = ContactId::from_bits(1);
    let field = Target::parse("jobTitle").unwrap();
    let refused = |value| Rejected::Value {
        contact_id: contact.clone(),
        field: field.clone(),
        value: json!(value),
    };
    let mine = [
        Decision { kept_days: Some(90), ..decision(1, 1, vec![refused("Countess")]) },
        decision(2, 2, Vec::new()),
        decision(3, 1, vec![refused("Duchess"), refused("Queen")]),
    ];
    for decision in &mine {
        store.record_decision(&connection_id(1), decision).await.unwrap();
        store.record_decision(&connection_id(1), decision).await.unwrap();
    }
    let page = store.decisions(&connection_id(1), None, 2).await.unwrap().unwrap();
    assert_eq!(page.decisions, [mine[2].clone(), mine[1].clone()], "each once");
    let cursor = page.cursor.unwrap();
    let page = store.decisions(&connection_id(1), Some(&cursor), 2).await.unwrap().unwrap();
    assert_eq!((page.decisions, page.cursor), (vec![mine[0].clone()], None));
    assert!(store.decisions(&connection_id(2), Some(&cursor), 2).await.unwrap().is_none());

    let again = |one: &Decision, version| {
        let (item, action) = (one.item.clone(), one.action);
        async move { store.decision(&connection_id(1), &item, version, action).await.unwrap() }
    };
    assert_eq!(again(&mine[1], mine[1].version).await.as_ref(), Some(&mine[1]));
    assert_eq!(again(&mine[1], mine[1].version + 1).await, None, "of no other version");

    let until = |decision: &Decision| (decided_until(decision).as_second() + 1).to_string();
    let expires = tables.expiries(STATE, "DECISIONS#").await;
    // The third was made about the same item, in its version and so, as the first.
    let told = mine.iter().zip([1, 2, 2]).map(|(one, items)| (Some(until(one)), items)).collect();
    assert_eq!(expires, told, "by time and by item");
    assert_eq!(mine[0].at.duration_until(decided_until(&mine[0])).as_hours(), 24 * 90);
    assert_eq!(mine[1].at.duration_until(decided_until(&mine[1])).as_hours(), 24 * 365);
    let refusals = tables.expiries(STATE, "REFUSED#").await;
    assert_eq!(refusals, BTreeMap::from([(None, 3)]), "what is refused is never asked again");

    let set = store.refused(&connection_id(1)).await.unwrap();
    for value in ["Countess", "Duchess", "Queen"] {
        assert!(set.has_value(&contact, &field, &json!(value)), "{value}");
    }
    assert!(!set.has_value(&contact, &field, &json!("Earl")));
    assert!(store.refused(&connection_id(2)).await.unwrap().is_empty());

    store.forget_refusal(&connection_id(1), &refused("Duchess")).await.unwrap();
    store.forget_refusal(&connection_id(1), &refused("Duchess")).await.unwrap();
    let set = store.refused(&connection_id(1)).await.unwrap();
    assert!(!set.has_value(&contact, &field, &json!("Duchess")), "it is asked again");
    assert!(set.has_value(&contact, &field, &json!("Queen")), "of the same decision");

    let (user, other) = (ObjectId::from_u128(1), ContactId::from_bits(2));
    store.forget_refusals(&connection_id(1), &user, &other).await.unwrap();
    let set = store.refused(&connection_id(1)).await.unwrap();
    assert!(set.has_value(&contact, &field, &json!("Queen")), "another contact's stand");
    store.forget_refusals(&connection_id(1), &user, &contact).await.unwrap();
    assert!(store.refused(&connection_id(1)).await.unwrap().is_empty());
}
