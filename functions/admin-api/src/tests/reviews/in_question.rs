//! The contacts that a question is about: only they are acted on, and each goes to one person.

use contact_sync_domain::id::ReviewId;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use serde_json::json;

use super::super::harness::{ACCOUNT, Ask, of_account, of_connection};
use super::{change, contact, decide, item, link_to, local, put, synced, user};

#[tokio::test]
async fn only_contacts_in_question_are_unlinked_or_deleted() {
    let app = synced(&[json!({"mail": "ana@contoso.example"})]);
    let (asked, other) = (local(&app, 11, "a@x.example"), local(&app, 12, "b@x.example"));
    let candidates = vec![asked.clone()];
    let conflict = ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, 1) };
    put(&app, &conflict);
    for action in ["unlink", "delete"] {
        let body = json!({"action": action, "contact": other});
        let refused = decide(&app, &conflict, body).await;
        assert_eq!(refused.problem(422, "invalid-fields"), ["/contact"], "{action}");
    }
    change(&app, &asked, |contact| contact.link = Some(link_to(2)));
    let body = json!({"action": "unlink", "contact": asked});
    decide(&app, &conflict, body).await.problem(409, "cannot-be-done");
    change(&app, &asked, |contact| contact.link = Some(link_to(1)));
    decide(&app, &conflict, json!({"action": "delete", "contact": asked})).await.expect(202);
    assert_eq!((contact(&app, &asked), contact(&app, &other).is_some()), (None, true));
    let settings = app.ask(Ask::get(of_connection("/settings"))).await.expect(200).json();
    assert_eq!(settings["scope"]["ignoredUsers"][0], user(1).as_str(), "he does not come back");
}

#[tokio::test]
async fn a_contact_that_two_people_are_asked_about_goes_to_one_of_them() {
    let app = synced(&[
        json!({"mail": "ana@contoso.example", "employeeId": "7"}),
        json!({"mail": "ben@contoso.example", "employeeId": "7"}),
    ]);
    let wanted = local(&app, 11, "both@x.example");
    for number in 1..=2 {
        let candidates = vec![wanted.clone()];
        put(&app, &ReviewItem { candidates, ..item(&app, ReviewList::Conflicts, number) });
    }
    let all = json!({"list": "conflicts", "action": "link", "asOf": 4});
    let all = app.ask(Ask::post(of_connection("/reviews"), &all)).await.expect(202).json();
    assert_eq!((&all["done"], all["failed"].as_array().unwrap().len()), (&json!(1), 1), "{all}");
    let taker = contact(&app, &wanted).unwrap().link.unwrap().object_id;
    let other = if taker == user(1) { 2 } else { 1 };
    assert_eq!(all["failed"][0]["id"], ReviewId::of(&user(other)).as_str(), "{all}");
    let left = item(&app, ReviewList::Conflicts, other);
    let refused = decide(&app, &left, json!({"action": "link", "contact": wanted})).await;
    refused.problem(409, "cannot-be-done");
    decide(&app, &left, json!({"action": "create"})).await.expect(202);
    let path = of_account("/contacts?source=entra");
    assert!(path.contains(ACCOUNT));
    assert_eq!(
        app.ask(Ask::get(path)).await.expect(200).json()["items"].as_array().unwrap().len(),
        1
    );
}
