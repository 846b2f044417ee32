//! Who is to be welcomed.

use super::*;

/// A contact that sync made where people are welcomed.
fn marked(version: u64) -> StoredContact {
    let mut made = contact(version);
    made.sync.as_mut().unwrap().welcome = true;
    StoredContact::Present(Box::new(made))
}

#[test]
fn only_a_contact_that_is_made_is_welcomed_and_its_event_says_so() {
    let detail = |old, new| only_detail(ChangedItem::Contact { old, new: Some(new) });
    let made = detail(None, marked(1));
    assert_eq!(made["welcome"], true);
    assert_eq!(made["contact"].get("sync"), None, "the mark is nobody else's business");
    let schema = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/schemas/ContactCreated.json"
    ));
    let schema: Value = serde_json::from_str(schema).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&schema["properties"]));
    assert_eq!(detail(None, present(1)).get("welcome"), None);
    assert_eq!(detail(Some(marked(1)), marked(2)).get("welcome"), None, "it was changed");
    assert_eq!(detail(Some(marked(1)), tombstone(2)).get("welcome"), None, "it was removed");
}
