//! Who accepts a change of a contact gets what was shown, and nothing else.

use contact_sync_domain::contact::{Contact, ContactField, ContactStatus};
use contact_sync_domain::id::ContactId;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::segment::FieldChange;
use serde_json::{Value, json};

use super::super::harness::{App, Ask, of_account, of_connection};
use super::super::people::add;
use super::{change, contact, decide, detail, item, own, put, set, shown, synced};

/// Eve's contact as sync made it, under settings that ask before each change.
async fn eve(policies: Value) -> (App, ContactId) {
    let app = synced(&[json!({"mail": "eve@contoso.example"})]);
    let made = item(&app, ReviewList::Available, 1);
    put(&app, &made);
    decide(&app, &made, json!({"action": "create"})).await.expect(202);
    set(&app, policies).await;
    (app, own(1))
}

/// Entra tells this of Eve from now on.
fn told(app: &App, attributes: &Value) {
    let mut all = json!({"mail": "eve@contoso.example"});
    all.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    add(app, 1, &all);
}

/// The item in which a run would ask about these changes.
fn asked(app: &App, id: &ContactId, version: u64, changes: Vec<FieldChange>) -> ReviewItem {
    let contact_id = Some(id.clone());
    let item = ReviewItem { contact_id, changes, ..item(app, ReviewList::Changes, 1) };
    let item = ReviewItem { version, ..item };
    put(app, &item);
    item
}

fn field(contact: &Contact, field: ContactField) -> Option<&str> {
    contact.fields.get(&field).map(String::as_str)
}

/// Else nothing of Eve's could be accepted any more, and what she is told why is not true.
#[tokio::test]
async fn after_a_value_was_refused_later_changes_are_accepted_without_it() {
    for policies in [json!({"policies": {"update": "review"}}), json!({})] {
        let (app, id) = eve(policies).await;
        told(&app, &json!({"jobTitle": "Countess"}));
        let title = shown(ContactField::JobTitle, Value::Null, json!("Countess"));
        let first = asked(&app, &id, 3, vec![title]);
        decide(&app, &first, json!({"action": "reject"})).await.expect(202);
        told(&app, &json!({"jobTitle": "Countess", "department": "Maths"}));
        let department = shown(ContactField::Department, Value::Null, json!("Maths"));
        let second = asked(&app, &id, 5, vec![department]);
        decide(&app, &second, json!({"action": "accept"})).await.expect(202);
        let written = contact(&app, &id).unwrap();
        assert_eq!(field(&written, ContactField::Department), Some("Maths"));
        assert_eq!(field(&written, ContactField::JobTitle), None, "it was refused");
    }
}

/// Somebody gave Eve the title by which she is known here; who accepts what waited does not undo it.
#[tokio::test]
async fn what_a_person_wrote_since_is_overwritten_by_no_stale_page() {
    let (app, id) = eve(json!({"policies": {"update": "review"}})).await;
    told(&app, &json!({"jobTitle": "Countess", "department": "Maths"}));
    let changes = vec![
        shown(ContactField::JobTitle, Value::Null, json!("Countess")),
        shown(ContactField::Department, Value::Null, json!("Maths")),
    ];
    let waits = asked(&app, &id, 3, changes);
    change(&app, &id, |contact| {
        contact.fields.insert(ContactField::JobTitle, "Baroness".to_owned());
        contact.version += 1;
    });
    let before = contact(&app, &id).unwrap();
    for body in [
        json!({"action": "accept"}),
        json!({"action": "accept", "contactVersion": before.version - 1}),
        json!({"action": "accept", "contactVersion": before.version}),
    ] {
        let refused = decide(&app, &waits, body.clone()).await;
        refused.problem(409, "version-moved");
        if body["contactVersion"] != json!(before.version - 1) {
            assert!(detail(&refused).contains("of: jobTitle;"), "{}", detail(&refused));
        }
    }
    let all = json!({"list": "changes", "action": "accept", "asOf": 4});
    let all = app.ask(Ask::post(of_connection("/reviews"), &all)).await.expect(202).json();
    assert_eq!((&all["done"], all["failed"].as_array().unwrap().len()), (&json!(0), 1), "{all}");
    assert_eq!(contact(&app, &id), Some(before), "nothing was written");

    // The next run asks with what stands there; who saw that decides.
    let changes = vec![
        shown(ContactField::JobTitle, json!("Baroness"), json!("Countess")),
        shown(ContactField::Department, Value::Null, json!("Maths")),
    ];
    let renewed = ReviewItem { changes, version: 4, ..waits };
    put(&app, &renewed);
    decide(&app, &renewed, json!({"action": "accept"})).await.expect(202);
    let written = contact(&app, &id).unwrap();
    assert_eq!(field(&written, ContactField::JobTitle), Some("Countess"));
}

/// The version is asked for of whatever is on the contact beside what would change.
#[tokio::test]
async fn who_names_the_contact_that_was_seen_changes_no_other() {
    let (app, id) = eve(json!({"policies": {"update": "review"}})).await;
    told(&app, &json!({"department": "Maths"}));
    let department = shown(ContactField::Department, Value::Null, json!("Maths"));
    let waits = asked(&app, &id, 3, vec![department]);
    let seen = contact(&app, &id).unwrap().version;
    let protect = of_account(&format!("/contacts/{id}/protect"));
    app.ask(Ask::post(&protect, &json!({}))).await.expect(202);
    let stale = json!({"action": "accept", "contactVersion": seen});
    let refused = decide(&app, &waits, stale).await;
    refused.problem(409, "version-moved");
    assert!(detail(&refused).contains("it was protected"), "{}", detail(&refused));
    let now = contact(&app, &id).unwrap().version;
    let seen = json!({"action": "accept", "contactVersion": now});
    decide(&app, &waits, seen).await.expect(202);
}

/// Settings under which a disabled account's contact becomes inactive, when somebody agrees.
fn inactive_in_review() -> Value {
    json!({
        "scope": {"disabledAccounts": "includeAsInactive"},
        "policies": {"update": "review"},
    })
}

fn title() -> FieldChange {
    shown(ContactField::JobTitle, Value::Null, json!("Countess"))
}

/// An item in which a run would ask whether Eve's contact may get this status.
fn asked_of_status(app: &App, id: &ContactId, version: u64, status: ContactStatus) -> ReviewItem {
    let item = ReviewItem { status: Some(status), ..asked(app, id, version, Vec::new()) };
    put(app, &item);
    item
}

#[tokio::test]
async fn a_contact_becomes_inactive_and_active_again_where_that_was_shown() {
    use ContactStatus::{Active, Inactive};
    let (app, id) = eve(inactive_in_review()).await;
    for (version, status, word) in [(3, Inactive, "inactive"), (4, Active, "active")] {
        told(&app, &json!({"accountEnabled": status == Active}));
        let waits = asked_of_status(&app, &id, version, status);
        let list = app.ask(Ask::get(of_connection("/reviews?list=changes"))).await.expect(200);
        assert_eq!(list.json()["items"][0]["status"], word, "{}", list.text);
        decide(&app, &waits, json!({"action": "accept"})).await.expect(202);
        assert_eq!(contact(&app, &id).unwrap().status, status);
    }
}

/// A title was shown; that his account was disabled since was not.
#[tokio::test]
async fn no_contact_changes_its_status_because_somebody_accepted_something_else() {
    use ContactStatus::{Active, Inactive};
    for (before, enabled) in [(Active, false), (Inactive, true)] {
        let (app, id) = eve(inactive_in_review()).await;
        change(&app, &id, |contact| contact.status = before);
        told(&app, &json!({"jobTitle": "Countess", "accountEnabled": enabled}));
        let waits = asked(&app, &id, 3, vec![title()]);
        let seen = contact(&app, &id);
        let refused = decide(&app, &waits, json!({"action": "accept"})).await;
        refused.problem(409, "version-moved");
        assert!(detail(&refused).contains("jobTitle, status would change"), "{}", detail(&refused));
        let all = json!({"list": "changes", "action": "accept", "asOf": 4});
        let all = app.ask(Ask::post(of_connection("/reviews"), &all)).await.expect(202).json();
        assert_eq!(all["done"], 0, "{all}");
        assert_eq!(contact(&app, &id), seen);
    }
}

/// Somebody said that it stays as it is; later changes are accepted, and it stays.
#[tokio::test]
async fn a_status_that_was_refused_comes_with_no_later_change() {
    use ContactStatus::{Active, Inactive};
    for (before, wanted) in [(Active, Inactive), (Inactive, Active)] {
        let (app, id) = eve(inactive_in_review()).await;
        change(&app, &id, |contact| contact.status = before);
        told(&app, &json!({"accountEnabled": wanted == Active}));
        let waits = asked_of_status(&app, &id, 3, wanted);
        decide(&app, &waits, json!({"action": "reject"})).await.expect(202);
        told(&app, &json!({"jobTitle": "Countess", "accountEnabled": wanted == Active}));
        let later = asked(&app, &id, 5, vec![title()]);
        decide(&app, &later, json!({"action": "accept"})).await.expect(202);
        let written = contact(&app, &id).unwrap();
        assert_eq!(field(&written, ContactField::JobTitle), Some("Countess"));
        assert_eq!(written.status, before, "{wanted:?} was refused");
    }
}
