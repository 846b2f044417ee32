use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::id::ObjectId;
use crate::settings::Scope;

fn user(department: &Value) -> DirectoryUser {
    let Value::Object(attributes) =
        json!({"userType": "Member", "accountEnabled": true, "department": department})
    else {
        panic!("an object")
    };
    DirectoryUser { id: ObjectId::from_u128(7), attributes }
}

fn rival(departments: &Value, priority: u32) -> Rival {
    let scope: Scope = serde_json::from_value(json!({"departments": departments})).unwrap();
    Rival {
        scope: ScopeRule::compile(&scope).unwrap(),
        memberships: Some(Memberships::default()),
        priority,
    }
}

fn routed(overlap: Overlap, priority: u32, others: Vec<Rival>) -> Route {
    Rivals::new(Routing { priority, overlap }, others)
        .route(&user(&json!("Sales")), Timestamp::UNIX_EPOCH)
}

#[test]
fn each_way_of_sharing_a_person_of_two_organisations() {
    let sales = json!({"any": ["Sales"]});
    let research = json!({"any": ["Research"]});
    for (overlap, ours, theirs, expected) in [
        (Overlap::Both, 1, (&sales, 1), Route::Ours),
        (Overlap::Both, 2, (&sales, 1), Route::Ours),
        (Overlap::First, 1, (&sales, 2), Route::Ours),
        (Overlap::First, 2, (&sales, 1), Route::Theirs),
        (Overlap::First, 1, (&sales, 1), Route::Contested),
        (Overlap::First, 2, (&research, 1), Route::Ours),
        (Overlap::Conflict, 1, (&sales, 2), Route::Contested),
        (Overlap::Conflict, 2, (&sales, 1), Route::Contested),
        (Overlap::Conflict, 2, (&research, 1), Route::Ours),
    ] {
        let found = routed(overlap, ours, vec![rival(theirs.0, theirs.1)]);
        assert_eq!(found, expected, "{overlap:?} {ours} against {theirs:?}");
    }
}

#[test]
fn what_was_not_told_is_asked_for_before_anybody_gives_way() {
    let rivals = Rivals::new(
        Routing { priority: 2, overlap: Overlap::First },
        vec![rival(&json!({"any": ["Sales"]}), 1)],
    );
    let mut sparse = user(&json!("Sales"));
    sparse.attributes.remove("department");
    assert_eq!(
        rivals.route(&sparse, Timestamp::UNIX_EPOCH),
        Route::Unknown { absent: "department".to_owned() }
    );
}

#[test]
fn whose_groups_are_not_read_yet_may_mean_anybody_and_takes_nobody_away() {
    for (overlap, priority, expected) in [
        (Overlap::Conflict, 1, Route::Contested),
        (Overlap::First, 0, Route::Contested),
        (Overlap::First, 1, Route::Contested),
        (Overlap::First, 2, Route::Ours),
        (Overlap::Both, 1, Route::Ours),
    ] {
        let unread = Rival { memberships: None, ..rival(&json!({"any": ["Sales"]}), priority) };
        assert_eq!(routed(overlap, 1, vec![unread]), expected, "{overlap:?} {priority}");
    }
}

#[test]
fn a_reason_tells_nothing_of_the_other_account() {
    for route in [Route::Theirs, Route::Contested] {
        let because = route.because().unwrap();
        assert!(because.starts_with("another organisation"), "{because}");
        assert!(!because.contains("Sales"), "{because}");
    }
}

proptest! {
    #[test]
    fn the_order_of_the_others_never_matters(
        overlap in prop_oneof![Just(Overlap::Both), Just(Overlap::First), Just(Overlap::Conflict)],
        ours in 0_u32..4,
        others in proptest::collection::vec((any::<bool>(), 0_u32..4), 0..5),
        turn in 0_usize..5,
        tells in any::<bool>(),
    ) {
        let others: Vec<Rival> = others
            .into_iter()
            .map(|(meant, priority)| {
                rival(&json!({"any": [if meant { "Sales" } else { "Research" }]}), priority)
            })
            .collect();
        let mut turned = others.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let mut person = user(&json!("Sales"));
        if !tells {
            person.attributes.remove("department");
        }
        let routing = Routing { priority: ours, overlap };
        let one = Rivals::new(routing, others).route(&person, Timestamp::UNIX_EPOCH);
        prop_assert_eq!(one, Rivals::new(routing, turned).route(&person, Timestamp::UNIX_EPOCH));
    }
}
