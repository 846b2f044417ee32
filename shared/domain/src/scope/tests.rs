#![expect(clippy::needless_pass_by_value, reason = "json! reads best in place")]

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::id::ObjectId;
use crate::settings::Scope;

mod units;
mod verdicts;

fn user(attributes: Value) -> DirectoryUser {
    let Value::Object(attributes) = attributes else { panic!("an object") };
    DirectoryUser { id: ObjectId::from_u128(7), attributes }
}

fn decide(scope: Value, attributes: Value, memberships: &Memberships) -> ScopeDecision {
    let scope: Scope = serde_json::from_value(scope).unwrap();
    ScopeRule::compile(&scope).unwrap().decide(
        &user(attributes),
        memberships,
        Timestamp::UNIX_EPOCH,
    )
}

/// `in`, `inactive`, `unknown: …` or `out: …`, with the removal policy.
fn short(decision: ScopeDecision) -> String {
    match decision {
        ScopeDecision::In { inactive: false } => "in".to_owned(),
        ScopeDecision::In { inactive: true } => "inactive".to_owned(),
        ScopeDecision::Unknown { absent } => format!("unknown: {absent}"),
        ScopeDecision::Failed { because } => format!("failed: {because}"),
        ScopeDecision::Out { clause, because } => format!("{:?}: {because}", clause.cause()),
    }
}

fn employee() -> Value {
    json!({"userType": "Member", "accountEnabled": true, "department": "Sales",
           "officeLocation": null, "mail": "ana@contoso.com", "userPrincipalName": "ana@corp.local"})
}

fn but(changed: Value) -> Value {
    let mut person = employee();
    person.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    person
}

fn without(attribute: &str) -> Value {
    let mut person = employee();
    person.as_object_mut().unwrap().remove(attribute);
    person
}

#[test]
fn each_clause_accepts_and_refuses_with_its_reason() {
    let cases = [
        (json!({}), employee(), "in"),
        (json!({}), but(json!({"userType": null})), "in"),
        (json!({}), but(json!({"accountEnabled": null})), "in"),
        (
            json!({}),
            but(json!({"userType": "Guest"})),
            "OutOfScope: the userType `Guest` is not in scope.userTypes",
        ),
        (json!({"userTypes": "all"}), but(json!({"userType": "Guest"})), "in"),
        (
            json!({"userTypes": {"any": ["guest"]}}),
            but(json!({"userType": null})),
            "OutOfScope: the userType `Member` is not in scope.userTypes",
        ),
        (
            json!({}),
            but(json!({"accountEnabled": false})),
            "Disabled: the account's sign-in is blocked (scope.disabledAccounts is exclude)",
        ),
        (json!({"disabledAccounts": "include"}), but(json!({"accountEnabled": false})), "in"),
        (
            json!({"disabledAccounts": "includeAsInactive"}),
            but(json!({"accountEnabled": false})),
            "inactive",
        ),
        (json!({"departments": {"any": ["IT", " sales "]}}), employee(), "in"),
        (
            json!({"departments": {"any": ["IT"]}}),
            employee(),
            "OutOfScope: the department `Sales` is not in scope.departments",
        ),
        (
            json!({"officeLocations": {"any": ["Bonn"]}}),
            employee(),
            "OutOfScope: the user has no officeLocation, and scope.officeLocations is a list",
        ),
        (json!({"domains": {"any": ["@Contoso.com"]}}), employee(), "in"),
        (
            json!({"domains": {"any": ["corp.local"]}}),
            employee(),
            "OutOfScope: the domain `contoso.com` is not in scope.domains",
        ),
        (json!({"domains": {"any": ["corp.local"]}}), but(json!({"mail": null})), "in"),
        (
            json!({"domains": {"any": ["fabrikam.com"]}}),
            but(json!({"mail": null, "userPrincipalName": "b_fabrikam.com#EXT#@contoso.com"})),
            "in",
        ),
        (
            json!({"domains": {"any": ["x.com"]}}),
            but(json!({"mail": null, "userPrincipalName": null})),
            "OutOfScope: the user has no e-mail domain, and scope.domains is a list",
        ),
        (
            json!({"ignoredUsers": ["00000000-0000-0000-0000-000000000007"]}),
            employee(),
            "OutOfScope: the user is on the ignore list (scope.ignoredUsers)",
        ),
        (
            json!({"groups": {"any": ["00000000-0000-0000-0000-0000000000aa"]}}),
            employee(),
            "LeftGroup: the user is a member of none of the groups in scope.groups",
        ),
        (
            json!({"administrativeUnits": {"any": ["00000000-0000-0000-0000-0000000000cc"]}}),
            employee(),
            "OutOfScope: the user is a member of none of the administrative units in \
             scope.administrativeUnits",
        ),
        (json!({"administrativeUnits": "all"}), employee(), "in"),
    ];
    for (scope, person, expected) in cases {
        let found = short(decide(scope.clone(), person.clone(), &Memberships::default()));
        assert_eq!(found, expected, "{scope} {person}");
    }
}

#[test]
fn groups_count_by_their_members_and_ignored_groups_win() {
    let scope = json!({"groups": {"any": ["00000000-0000-0000-0000-0000000000aa"]},
                       "ignoredGroups": ["00000000-0000-0000-0000-0000000000bb"]});
    for (members, ignored, expected) in [
        (vec![9, 7, 1, 7], vec![], "in"),
        (
            vec![1, 9],
            vec![],
            "LeftGroup: the user is a member of none of the groups in scope.groups",
        ),
        (
            vec![7],
            vec![7],
            "OutOfScope: the user is a member of an ignored group (scope.ignoredGroups)",
        ),
    ] {
        let memberships = Memberships::new(members, ignored);
        assert_eq!(short(decide(scope.clone(), employee(), &memberships)), expected);
    }
}

#[test]
fn what_was_not_told_is_asked_for_and_never_guessed() {
    let nobody = Memberships::default();
    let everything =
        json!({"departments": {"any": ["Sales"]}, "domains": {"any": ["contoso.com"]}});
    for (attribute, expected) in [
        ("accountEnabled", "unknown: accountEnabled"),
        ("userType", "unknown: userType"),
        ("department", "unknown: department"),
        ("mail", "unknown: mail"),
        ("userPrincipalName", "in"),
        ("officeLocation", "in"),
    ] {
        let found = short(decide(everything.clone(), without(attribute), &nobody));
        assert_eq!(found, expected, "{attribute}");
    }
    let mut guest = without("department");
    guest["userType"] = json!("Guest");
    assert!(matches!(decide(everything, guest, &nobody), ScopeDecision::Out { .. }));
}

#[test]
fn only_what_decides_is_needed() {
    let needed = |scope: Value| {
        let scope: Scope = serde_json::from_value(scope).unwrap();
        ScopeRule::compile(&scope).unwrap().needed_attributes().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(needed(json!({})), ["accountEnabled", "userType"]);
    assert!(needed(json!({"userTypes": "all", "disabledAccounts": "include"})).is_empty());
    assert_eq!(
        needed(
            json!({"userTypes": "all", "disabledAccounts": "include", "domains": {"any": ["x"]}})
        ),
        ["mail", "userPrincipalName"]
    );
}

#[test]
fn mistakes_are_told_at_once() {
    let scope: Scope = serde_json::from_value(json!({
        "groups": {"any": []}, "administrativeUnits": {"any": []},
        "userTypes": {"any": ["Membr", "Guest"]},
        "departments": {"any": []},
        "officeLocations": {"any": [" "]},
        "domains": {"any": ["ana@contoso.com"]},
        "expression": "[department] eq [depratment]",
    }))
    .unwrap();
    let told: Vec<String> = ScopeRule::compile(&scope)
        .unwrap_err()
        .into_iter()
        .map(|problem| format!("{} {}", problem.pointer, problem.message))
        .collect();
    assert_eq!(
        told,
        [
            "/scope/groups/any an empty list means nobody: name at least one, or write \"all\"",
            "/scope/administrativeUnits/any an empty list means nobody: name at least one, or write \"all\"",
            "/scope/userTypes/any/0 `Membr` is no user type; expected Member or Guest; did you mean `Member`?",
            "/scope/departments/any an empty list means nobody: name at least one, or write \"all\"",
            "/scope/officeLocations/any/0 a blank text matches nobody",
            "/scope/domains/any/0 `ana@contoso.com` is no domain; expected one like contoso.com",
            "/scope/expression at character 18: there is no attribute `depratment`; did you mean `department`?",
        ]
    );
}

fn any_attribute() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
        "[aA]{1,2}@[xX]{1,2}".prop_map(Value::from),
        "(Sales|sales|Member|Guest)".prop_map(Value::from),
        proptest::collection::vec(".{0,3}", 0..2).prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn every_user_is_decided_and_a_full_answer_never_left_open(
        values in proptest::collection::vec(any_attribute(), 6),
        told in 0_usize..=6,
        disabled in proptest::sample::select(vec!["exclude", "include", "includeAsInactive"]),
    ) {
        let names =
            ["userType", "accountEnabled", "department", "officeLocation", "mail", "userPrincipalName"];
        let attributes: serde_json::Map<String, Value> =
            names.iter().map(|name| (*name).to_owned()).zip(values).take(told).collect();
        let scope = json!({"departments": {"any": ["Sales"]}, "officeLocations": {"any": ["Sales"]},
                           "domains": {"any": ["x"]}, "disabledAccounts": disabled});
        let decision = decide(scope, Value::Object(attributes), &Memberships::default());
        if told == names.len() {
            let is_open = matches!(decision, ScopeDecision::Unknown { .. });
            prop_assert!(!is_open);
        }
    }
}
