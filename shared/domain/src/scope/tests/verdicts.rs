//! Who left by several clauses at once, and the decision told clause by clause.

use super::*;

/// Refuses the employee of these tests by every clause, if all of them ask.
fn refusing() -> Value {
    json!({"ignoredUsers": ["00000000-0000-0000-0000-000000000007"],
           "ignoredGroups": ["00000000-0000-0000-0000-0000000000bb"],
           "groups": {"any": ["00000000-0000-0000-0000-0000000000aa"]},
           "administrativeUnits": {"any": ["00000000-0000-0000-0000-0000000000cc"]},
           "userTypes": {"any": ["Guest"]}, "departments": {"any": ["IT"]},
           "officeLocations": {"any": ["Bonn"]}, "domains": {"any": ["fabrikam.com"]},
           "expression": "department eq 'IT' and [accountEnabled] eq true"})
}

fn blocked() -> Value {
    but(json!({"accountEnabled": false}))
}

#[test]
fn who_leaves_by_several_clauses_at_once_leaves_by_the_first_in_their_order() {
    let ignored = Memberships::new([], [7]);
    let mut scope = refusing();
    for (clause, member) in [
        ("IgnoredUsers", "ignoredUsers"),
        ("IgnoredGroups", "ignoredGroups"),
        ("DisabledAccounts", "disabledAccounts"),
        ("Groups", "groups"),
        ("AdministrativeUnits", "administrativeUnits"),
        ("UserTypes", "userTypes"),
        ("Departments", "departments"),
        ("OfficeLocations", "officeLocations"),
        ("Domains", "domains"),
        ("Expression", "expression"),
    ] {
        match decide(scope.clone(), blocked(), &ignored) {
            ScopeDecision::Out { clause: found, .. } => {
                assert_eq!(format!("{found:?}"), clause);
            }
            other => panic!("{clause}: {other:?}"),
        }
        // Without the clause the next one decides.
        let open = match member {
            "ignoredUsers" | "ignoredGroups" => json!([]),
            "disabledAccounts" => json!("include"),
            "expression" => Value::Null,
            _ => json!("all"),
        };
        scope[member] = open;
    }
    assert_eq!(short(decide(scope, blocked(), &ignored)), "in");
}

#[test]
fn an_untold_clause_that_would_lead_to_another_policy_is_read_before_anybody_leaves() {
    let nobody = Memberships::default();
    let group = json!({"groups": {"any": ["00000000-0000-0000-0000-0000000000aa"]}});
    // Blocked sign-in and leaving the group may be dealt with differently.
    let found = decide(group.clone(), without("accountEnabled"), &nobody);
    assert_eq!(short(found), "unknown: accountEnabled");
    // Guest or not, who left the group left the group.
    let found = decide(group, without("userType"), &nobody);
    assert!(matches!(found, ScopeDecision::Out { clause: Clause::Groups, .. }), "{found:?}");
}

fn explained(scope: Value, attributes: Value, memberships: &Memberships) -> Vec<ClauseVerdict> {
    let scope: Scope = serde_json::from_value(scope).unwrap();
    ScopeRule::compile(&scope).unwrap().explain(
        &user(attributes),
        memberships,
        Timestamp::UNIX_EPOCH,
    )
}

#[test]
fn an_explanation_tells_every_clause_not_only_the_first_that_refuses() {
    let told = explained(refusing(), blocked(), &Memberships::new([], [7]));
    assert_eq!(told.iter().map(|one| one.clause).collect::<Vec<_>>(), Clause::ALL);
    assert!(told.iter().all(|one| one.verdict == Stance::Out), "{told:?}");

    let told = explained(json!({}), without("accountEnabled"), &Memberships::default());
    let of = |clause| told.iter().find(|one| one.clause == clause).unwrap();
    assert_eq!(of(Clause::DisabledAccounts).verdict, Stance::Unknown);
    assert_eq!(of(Clause::UserTypes).because, "the user type is in scope.userTypes");
    let all = "no restriction: everybody is meant, values to come included";
    assert_eq!(of(Clause::Departments).because, all);
}

proptest! {
    #[test]
    fn the_explanation_and_the_decision_never_differ(
        departments in prop_oneof![Just(json!("all")), Just(json!({"any": ["Sales"]}))],
        domains in prop_oneof![Just(json!("all")), Just(json!({"any": ["contoso.com"]}))],
        disabled in proptest::sample::select(vec!["exclude", "include", "includeAsInactive"]),
        enabled in prop_oneof![Just(json!(true)), Just(json!(false)), Just(Value::Null)],
        department in prop_oneof![Just(json!("sales ")), Just(json!("IT")), Just(Value::Null)],
        member in any::<bool>(),
        by_group in any::<bool>(),
    ) {
        let groups = if by_group {
            json!({"any": ["00000000-0000-0000-0000-0000000000aa"]})
        } else {
            json!("all")
        };
        let scope = json!({"departments": departments, "domains": domains, "groups": groups,
                           "disabledAccounts": disabled});
        let person = but(json!({"accountEnabled": enabled, "department": department}));
        let memberships = Memberships::new(member.then_some(7), []);
        let told = explained(scope.clone(), person.clone(), &memberships);
        let refuses = told.iter().find(|one| one.verdict == Stance::Out);
        match (decide(scope, person, &memberships), refuses) {
            (ScopeDecision::Out { clause, because }, Some(first)) => {
                prop_assert_eq!((clause, &because), (first.clause, &first.because));
            }
            (ScopeDecision::In { .. }, None) => {}
            (decision, refuses) => prop_assert!(false, "{:?} but {:?}", decision, refuses),
        }
    }
}

#[test]
fn any_attribute_decides_by_a_condition_beside_the_other_dimensions() {
    let nobody = Memberships::default();
    let by = |condition: &str| json!({"departments": {"any": ["Sales"]}, "expression": condition});
    for (condition, person, expected) in [
        ("[city] in ('Bern', 'Basel') or endsWith([mail], '@contoso.com')", employee(), "in"),
        ("[city] eq 'Bern'", but(json!({"city": "BERN"})), "in"),
        ("[city] eq 'Bern'", employee(), "unknown: city"),
        (
            "[city] eq 'Bern' and not ([mail] eq null)",
            but(json!({"city": "Basel"})),
            "OutOfScope: `[city] eq \"Bern\"` does not hold for the user (scope.expression)",
        ),
        (
            "[city] eq 'Bern'",
            but(json!({"city": "Bern", "department": "IT"})),
            "OutOfScope: the department `IT` is not in scope.departments",
        ),
        (
            "[employeeHireDate] lt now()",
            but(json!({"employeeHireDate": "1960-01-01T00:00:00Z"})),
            "in",
        ),
    ] {
        let found = short(decide(by(condition), person.clone(), &nobody));
        assert_eq!(found, expected, "{condition} {person}");
    }
    let scope: Scope = serde_json::from_value(by("[city] eq 'Bern'")).unwrap();
    let needed = ScopeRule::compile(&scope).unwrap().needed_attributes();
    assert!(needed.contains("city") && needed.contains("department"), "{needed:?}");
}
