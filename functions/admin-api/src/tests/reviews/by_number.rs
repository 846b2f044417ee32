//! Nobody lets go of more contacts than they think: whoever lets go of a whole list says how many.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use serde_json::{Value, json};

use super::super::harness::{Answer, App, Ask, of_connection};
use super::super::ignoring::linked;
use super::{FENCE, item, put, synced};

/// So many contacts about whose users a list asks.
fn asking(list: ReviewList, count: u128) -> App {
    let app = synced(&[]);
    for number in 1..=count {
        let contact = linked(&app, number);
        let asked = match list {
            ReviewList::Conflicts => {
                ReviewItem { candidates: vec![contact], ..item(&app, list, number) }
            }
            _ => ReviewItem { contact_id: Some(contact), ..item(&app, list, number) },
        };
        put(&app, &asked);
    }
    app
}

async fn ask(app: &App, (list, action): (ReviewList, &str), more: Value) -> Answer {
    let mut body = json!({"list": list.name(), "action": action, "asOf": FENCE - 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.ask(Ask::post(of_connection("/reviews"), &body).role("approver")).await
}

fn standing(app: &App) -> usize {
    app.outside.store.world().reviews.len()
}

#[tokio::test]
async fn no_list_is_deleted_unlinked_or_merged_without_its_number() {
    use ReviewList as L;
    for what in [
        (L::Conflicts, "delete"),
        (L::Conflicts, "unlink"),
        (L::Conflicts, "merge"),
        (L::Changes, "unlink"),
        (L::Removals, "delete"),
        (L::Removals, "accept"),
    ] {
        let app = asking(what.0, 3);
        for count in [json!({}), json!({"count": 2}), json!({"count": null})] {
            let refused = ask(&app, what, count).await;
            assert_eq!(refused.problem(422, "removals-unconfirmed"), ["/count"], "{what:?}");
            assert!(refused.text.contains('3'), "it says how many: {refused:?}");
        }
        assert_eq!(standing(&app), 3, "{what:?}: nothing was done");
    }
    let app = asking(L::Changes, 3);
    ask(&app, (L::Changes, "reject"), json!({})).await.expect(202);
    assert_eq!(standing(&app), 0, "what takes nothing away needs no number");
}

#[tokio::test]
async fn a_cursor_goes_on_with_what_was_confirmed_and_confirms_nothing() {
    let what = (ReviewList::Removals, "delete");
    let app = asking(what.0, 250);
    let first = ask(&app, what, json!({"count": 250})).await.expect(202).json();
    assert_eq!((&first["done"], &first["more"]), (&json!(100), &json!(true)), "{first}");
    let cursor = first["nextCursor"].as_str().unwrap().to_owned();

    // Neither a page of the list nor what was confirmed for something else stands for the number.
    let page = app.ask(Ask::get(of_connection("/reviews?list=removals&limit=10"))).await;
    let page = page.expect(200).json();
    for (what, cursor) in [
        (what, page["nextCursor"].as_str().unwrap()),
        ((ReviewList::Removals, "unlink"), cursor.as_str()),
    ] {
        ask(&app, what, json!({"cursor": cursor})).await.problem(400, "bad-cursor");
    }
    // Nor does it reach further than what was confirmed.
    let short = cursor.replace("150:", "99:");
    ask(&app, what, json!({"cursor": short})).await.problem(400, "bad-cursor");
    assert_eq!(standing(&app), 150);

    let second = ask(&app, what, json!({"cursor": cursor})).await.expect(202).json();
    let cursor = second["nextCursor"].as_str().unwrap();
    let third = ask(&app, what, json!({"cursor": cursor})).await.expect(202).json();
    assert_eq!((&third["done"], &third["nextCursor"]), (&json!(50), &Value::Null), "{third}");
    assert_eq!(standing(&app), 0);
    let kept = ObjectId::from_u128(250);
    assert!(app.ask(Ask::get(of_connection("/settings"))).await.text.contains(kept.as_str()));
}
