//! Scopes by administrative unit, alone and beside groups.

use super::*;

fn unit(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn by_unit(others: Value) -> Value {
    let mut scope = json!({"administrativeUnits": {"any": [unit(0xC1), unit(0xC2)]}});
    scope.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    scope
}

#[test]
fn any_unit_is_enough_and_every_other_dimension_must_accept_too() {
    let by_group = json!({"groups": {"any": [unit(0xAA)]}});
    let no_unit = "OutOfScope: the user is a member of none of the administrative units in \
                   scope.administrativeUnits";
    let no_group = "LeftGroup: the user is a member of none of the groups in scope.groups";
    for (others, group, first, second, expected) in [
        (json!({}), vec![], vec![1, 7], vec![], "in"),
        (json!({}), vec![], vec![], vec![9, 7], "in"),
        (json!({}), vec![7], vec![1], vec![9], no_unit),
        (by_group.clone(), vec![7], vec![7], vec![], "in"),
        (by_group.clone(), vec![], vec![7], vec![], no_group),
        (by_group, vec![7], vec![], vec![], no_unit),
        (
            json!({"departments": {"any": ["IT"]}}),
            vec![],
            vec![7],
            vec![],
            "OutOfScope: the department `Sales` is not in scope.departments",
        ),
        (
            json!({"ignoredUsers": [unit(7)]}),
            vec![],
            vec![7],
            vec![7],
            "OutOfScope: the user is on the ignore list (scope.ignoredUsers)",
        ),
    ] {
        let is_by_group = others.get("groups").is_some();
        let units = [(unit(0xC1), first), (unit(0xC2), second)];
        let memberships = Memberships::new(group, []).within(units, is_by_group);
        let found = short(decide(by_unit(others.clone()), employee(), &memberships));
        assert_eq!(found, expected, "{others}");
    }
}

#[test]
fn a_unit_that_was_never_read_lets_nobody_in() {
    let nobody = Memberships::new([7], []).within([(unit(0xC1), Vec::new())], false);
    let found = decide(by_unit(json!({})), employee(), &nobody);
    assert!(matches!(found, ScopeDecision::Out { clause: Clause::AdministrativeUnits, .. }));
}

#[test]
fn documents_without_units_are_written_as_before() {
    let scope = Scope::default();
    let written = serde_json::to_value(&scope).unwrap();
    assert_eq!(written.get("administrativeUnits"), None);
    let all: Scope = serde_json::from_value(json!({"administrativeUnits": "all"})).unwrap();
    assert_eq!(all, scope);
    let some: Scope = serde_json::from_value(by_unit(json!({}))).unwrap();
    let again: Scope = serde_json::from_value(serde_json::to_value(&some).unwrap()).unwrap();
    assert_eq!(again, some);
    let nested = json!({"administrativeUnits": {"any": [], "includeNested": true}});
    assert!(serde_json::from_value::<Scope>(nested).is_err());
}

proptest! {
    /// The order of units and members, and how often somebody is named, decide nothing; and whoever
    /// is to be read is exactly who has a group and a unit of the scope.
    #[test]
    fn order_never_matters_and_only_members_of_both_are_read(
        groups in proptest::collection::vec(0_u128..12, 0..10),
        first in proptest::collection::vec(0_u128..12, 0..10),
        second in proptest::collection::vec(0_u128..12, 0..10),
        by_group in any::<bool>(),
    ) {
        let units = [(unit(0xC1), first.clone()), (unit(0xC2), second.clone())];
        let one = Memberships::new(groups.clone(), []).within(units, by_group);
        let backwards = |of: &[u128]| of.iter().rev().chain(of).copied().collect::<Vec<_>>();
        let turned = [(unit(0xC2), backwards(&second)), (unit(0xC1), backwards(&first))];
        let other = Memberships::new(backwards(&groups), []).within(turned, by_group);
        prop_assert_eq!(one.in_scope(), other.in_scope());
        let mut scope = by_unit(json!({"userTypes": "all", "disabledAccounts": "include"}));
        if by_group {
            scope["groups"] = json!({"any": [unit(0xAA)]});
        }
        let scope: Scope = serde_json::from_value(scope).unwrap();
        let rule = ScopeRule::compile(&scope).unwrap();
        for number in 0..12 {
            let person = DirectoryUser { id: unit(number), attributes: serde_json::Map::new() };
            let decide = |of| rule.decide(&person, of, Timestamp::UNIX_EPOCH);
            prop_assert_eq!(decide(&one), decide(&other));
            let is_in = matches!(decide(&one), ScopeDecision::In { .. });
            prop_assert_eq!(is_in, one.in_scope().contains(&number));
            prop_assert!(!is_in || one.names(&person.id));
            let in_units = one.units_of(&person.id).count();
            let expected = [&first, &second].iter().filter(|of| of.contains(&number)).count();
            prop_assert_eq!(in_units, expected);
        }
    }
}
