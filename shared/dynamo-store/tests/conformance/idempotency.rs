//! Requests that carried an idempotency key.

use contact_sync_engine::port::{AccountStore, IdempotencyStore, KeptAnswer, KeyedRequest};

use crate::samples::{account, account_id, at};
use crate::tables::{STATE, Tables};

/// A request of account 1 that may be at work for a minute; its key is kept for a day.
fn request(key: &str, asked: &str) -> KeyedRequest {
    KeyedRequest {
        account: Some(account_id(1)),
        key_hash: key.to_owned(),
        request_hash: asked.to_owned(),
        busy_until: at(60),
        answer: None,
        expires_at: at(86_400),
    }
}

fn answered(request: KeyedRequest) -> KeyedRequest {
    let answer = KeptAnswer {
        status: 201,
        headers: vec![("location".to_owned(), "/v1/accounts/acc_1".to_owned())],
        body: r#"{"id":"acc_1"}"#.to_owned(),
    };
    KeyedRequest { answer: Some(answer), ..request }
}

#[tokio::test]
async fn a_request_repeated_after_its_answer_is_given_the_same_answer() {
    let tables = Tables::start().await;
    let asked = request("key", "create");
    assert_eq!(tables.store.begin_keyed(&asked, at(0)).await.unwrap(), None);
    let done = answered(asked.clone());
    tables.store.finish_keyed(&done).await.unwrap();
    assert_eq!(tables.store.begin_keyed(&asked, at(86_000)).await.unwrap(), Some(done.clone()));
    let other = request("key", "delete");
    let standing = tables.store.begin_keyed(&other, at(10)).await.unwrap();
    assert_eq!(standing, Some(done), "the caller sees that the key was used for something else");
}

#[tokio::test]
async fn a_repetition_waits_while_the_first_may_be_at_work_and_begins_anew_after_that() {
    let tables = Tables::start().await;
    let first = request("key", "create");
    assert_eq!(tables.store.begin_keyed(&first, at(0)).await.unwrap(), None);
    let again = KeyedRequest { busy_until: at(119), ..first.clone() };
    assert_eq!(tables.store.begin_keyed(&again, at(59)).await.unwrap(), Some(first));
    assert_eq!(tables.store.begin_keyed(&again, at(60)).await.unwrap(), None);
    let other = KeyedRequest { busy_until: at(300), ..request("key", "delete") };
    let standing = tables.store.begin_keyed(&other, at(200)).await.unwrap();
    assert_eq!(standing, Some(again), "a request that died unanswered keeps its key from others");
}

#[tokio::test]
async fn a_key_is_free_again_when_its_day_is_over_or_its_request_came_to_nothing() {
    let tables = Tables::start().await;
    let asked = request("key", "create");
    tables.store.finish_keyed(&answered(asked.clone())).await.unwrap();
    let late = KeyedRequest { expires_at: at(200_000), ..request("key", "delete") };
    assert_eq!(tables.store.begin_keyed(&late, at(86_401)).await.unwrap(), None);
    tables.store.forget_keyed(&late).await.unwrap();
    assert_eq!(tables.store.begin_keyed(&asked, at(90_000)).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_at_the_same_moment_one_begins_and_the_other_is_told() {
    let tables = Tables::start().await;
    let one = KeyedRequest { busy_until: at(60), ..request("key", "create") };
    let two = KeyedRequest { busy_until: at(61), ..request("key", "create") };
    let (first, second) =
        tokio::join!(tables.store.begin_keyed(&one, at(0)), tables.store.begin_keyed(&two, at(1)));
    let answers = [first.unwrap(), second.unwrap()];
    assert!(
        answers == [None, Some(one)] || answers == [Some(two), None],
        "exactly one begins: {answers:?}"
    );
}

#[tokio::test]
async fn a_beginning_whose_answer_got_lost_is_not_taken_for_somebody_elses() {
    let tables = Tables::start().await;
    tables.lose_next_answer();
    assert_eq!(tables.store.begin_keyed(&request("key", "create"), at(0)).await.unwrap(), None);
}

#[tokio::test]
async fn keys_of_an_account_are_its_own_and_go_with_it() {
    let tables = Tables::start().await;
    tables.store.create_account(&account(1)).await.unwrap();
    let own = request("key", "create");
    let others = KeyedRequest { account: Some(account_id(2)), ..own.clone() };
    let nobodys = KeyedRequest { account: None, ..own.clone() };
    for asked in [&own, &others, &nobodys] {
        assert_eq!(tables.store.begin_keyed(asked, at(0)).await.unwrap(), None);
    }
    tables.store.erase_account_state(&account(1)).await.unwrap();
    assert_eq!(tables.count(STATE).await, 2, "two keys are left");
    assert_eq!(tables.store.begin_keyed(&own, at(0)).await.unwrap(), None);
    assert_eq!(tables.store.begin_keyed(&others, at(1)).await.unwrap(), None, "the very same call");
}
