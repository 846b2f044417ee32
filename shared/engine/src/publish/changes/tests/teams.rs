//! Who joins or leaves a team is told; what holds a membership is not.

use contact_sync_domain::id::{ConnectionId, ContactId, TeamId};
use contact_sync_domain::settings::OnLeave;
use serde_json::json;

use super::*;

fn membership(version: u64, origins: &[Origin]) -> Membership {
    let none =
        Membership::none(AccountId::from_bits(1), TeamId::from_bits(6), ContactId::from_bits(3));
    Membership { version, origins: origins.iter().cloned().collect(), updated_at: at(20), ..none }
}

fn by_group() -> Origin {
    Origin::Group {
        connection_id: ConnectionId::from_bits(2),
        group_id: ObjectId::from_u128(5),
        user_id: ObjectId::from_u128(7),
        on_leave: OnLeave::Remove,
        role: None,
    }
}

fn told(old: Option<Membership>, new: Option<Membership>) -> Option<Value> {
    let item = ChangedItem::Membership { old: old.map(Box::new), new: new.map(Box::new) };
    let mut events = events_of(&StreamChange { at: at(30), item });
    assert!(events.len() <= 1, "{events:?}");
    let event = events.pop()?;
    assert_eq!(event.detail_type(), "TeamMembershipChanged");
    Some(serde_json::to_value(event).unwrap())
}

#[test]
fn joining_and_leaving_are_told_once_each_and_nothing_else_is() {
    let joined = membership(1, &[by_group()]);
    let both = membership(2, &[by_group(), Origin::Manual]);
    let ended = membership(3, &[]);
    let change = |event: Option<Value>| event.map(|event| event["change"].clone());
    assert_eq!(change(told(None, Some(joined.clone()))), Some(json!("joined")));
    assert_eq!(told(Some(joined), Some(both.clone())), None, "held by one more");
    let left = told(Some(both), Some(ended.clone())).unwrap();
    assert_eq!((&left["change"], &left["origin"]), (&json!("left"), &json!("entra")));
    assert_eq!(left["connectionId"], json!(ConnectionId::from_bits(2)), "who let go");
    assert_eq!(told(Some(ended.clone()), None), None, "its time was up, or the account was erased");
    let by_hand = membership(4, &[Origin::Manual]);
    let back = told(Some(ended), Some(by_hand)).unwrap();
    assert_eq!((&back["change"], &back["connectionId"]), (&json!("joined"), &Value::Null));
}

#[test]
fn another_role_is_told_with_the_one_before() {
    let with = |version: u64, group: Option<&str>, hand: Option<&str>| {
        let mut origin = by_group();
        if let Origin::Group { role, .. } = &mut origin {
            *role = group.map(str::to_owned);
        }
        membership(version, &[origin]).with_role(hand.map(str::to_owned))
    };
    // Before, after, and what is told: the change, the role then and the one before.
    for (old, new, expected) in [
        (None, with(1, Some("lead"), None), Some(("joined", json!("lead"), Value::Null))),
        (
            Some(with(1, Some("lead"), None)),
            with(2, Some("diver"), None),
            Some(("roleChanged", json!("diver"), json!("lead"))),
        ),
        (
            Some(with(1, Some("lead"), None)),
            with(2, None, None),
            Some(("roleChanged", Value::Null, json!("lead"))),
        ),
        // A person's goes before: what the groups say is nobody's business then.
        (Some(with(1, Some("lead"), Some("guest"))), with(2, Some("diver"), Some("guest")), None),
        (
            Some(with(1, Some("lead"), None)),
            membership(2, &[]),
            Some(("left", Value::Null, json!("lead"))),
        ),
        (
            Some(membership(1, &[])),
            with(2, Some("lead"), None),
            Some(("joined", json!("lead"), Value::Null)),
        ),
    ] {
        let told = told(old, Some(new)).map(|event| {
            (event["change"].clone(), event["role"].clone(), event["oldRole"].clone())
        });
        let expected = expected.map(|(change, role, old)| (json!(change), role, old));
        assert_eq!(told, expected);
    }
}

#[test]
fn the_event_has_the_members_of_its_schema() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/schemas/TeamMembershipChanged.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let event = told(None, Some(membership(1, &[by_group()]))).unwrap();
    let mut needed: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    needed.sort_unstable();
    let members: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(members, needed);
    for member in members {
        let described = &schema["properties"][member];
        let allowed = described["enum"].as_array();
        assert!(described.is_object(), "{member}");
        assert!(allowed.is_none_or(|allowed| allowed.contains(&event[member])), "{member}");
    }
}
