use super::*;

fn decide(source: &str, attributes: Value) -> Decision {
    let condition = Condition::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let decision = condition.decide(&user(attributes.clone()), now);
    let printed = Condition::parse(&condition.to_string()).unwrap();
    assert_eq!(printed, condition, "{source}");
    assert_eq!(
        unplaced(printed.decide(&user(attributes), now)),
        unplaced(decision.clone()),
        "{source}"
    );
    decision
}

/// Printed afresh, the place of what failed may move; what failed may not.
fn unplaced(decision: Decision) -> Decision {
    match decision {
        Decision::Failed(failure) => Decision::Failed(EvaluationFailure { position: 0, ..failure }),
        other => other,
    }
}

#[test]
fn a_condition_holds_for_whom_it_says() {
    let person = json!({
        "department": "Sales", "city": "Zu\u{308}rich", "jobTitle": null, "accountEnabled": true,
        "proxyAddresses": ["SMTP:ana@contoso.com", "smtp:a@contoso.com"], "employeeId": "0042",
        "employeeHireDate": "2024-05-01T00:00:00Z", "officeLocation": "O'Hara",
        "extension_0123456789abcdef0123456789abcdef_level": "7",
    });
    for (source, expected) in [
        ("[department] eq 'Sales'", true),
        ("department eq 'Sales'", true),
        ("department = \"sales\"", true),
        ("department eq ' SALES '", true),
        ("department ne 'Sales'", false),
        ("city eq 'zürich'", true),
        ("officeLocation eq 'O''Hara'", true),
        ("jobTitle eq null", true),
        ("jobTitle eq ''", true),
        ("jobTitle ne 'CEO'", true),
        ("jobTitle gt 'A'", false),
        ("not (jobTitle gt 'A')", true),
        ("department ne null", true),
        ("department gt 'Sale'", true),
        ("department ge 'sales' and department le 'sales'", true),
        ("department lt 'Sales'", false),
        ("accountEnabled eq true", true),
        ("accountEnabled", true),
        ("accountEnabled eq 'True'", true),
        ("not accountEnabled", false),
        ("Not(accountEnabled) or department eq 'sales'", true),
        ("startsWith(department, 'sa')", true),
        ("department startsWith 'SA'", true),
        ("department endsWith 'LES'", true),
        ("contains(department, 'ale')", true),
        ("department contains 'x'", false),
        ("jobTitle startsWith 'x'", false),
        ("department in ('Marketing', 'sales')", true),
        ("department in ('Marketing')", false),
        ("proxyAddresses eq 'smtp:A@contoso.com'", true),
        ("proxyAddresses ne 'smtp:A@contoso.com'", false),
        ("proxyAddresses endsWith '@contoso.com'", true),
        ("proxyAddresses in ('x', 'smtp:a@contoso.com')", true),
        ("employeeId eq 42", true),
        ("employeeId gt 41.5", true),
        ("employeeId gt 100", false),
        ("employeeHireDate ge 2024-05-01", true),
        ("employeeHireDate lt '2024-05-02'", true),
        ("employeeHireDate lt Now()", true),
        ("employeeHireDate gt 2024-05-01T08:00:00+02:00", false),
        ("DateDiff('d', employeeHireDate, Now()) gt 365", true),
        ("Left(department, 1) eq 's'", true),
        ("Count(proxyAddresses) eq 2", true),
        ("extension_0123456789abcdef0123456789abcdef_level eq '7'", true),
        ("true", true),
        ("department eq 'x' or city eq 'zürich' and accountEnabled", true),
        ("(department eq 'x' or city eq 'zürich') and not accountEnabled", false),
        ("DEPARTMENT eq 'x' or true", true),
    ] {
        if source.starts_with("DEPARTMENT") {
            let error = Condition::parse(source).unwrap_err().to_string();
            assert_eq!(
                error,
                "at character 1: there is no attribute `DEPARTMENT`; did you mean `department`?"
            );
            continue;
        }
        let wanted = if expected { Decision::Met } else { Decision::NotMet };
        assert_eq!(decide(source, person.clone()), wanted, "{source}");
    }
}

#[test]
fn what_is_not_told_decides_nothing_unless_the_rest_does() {
    let unknown = |attribute: &str| Decision::Unknown { attribute: attribute.to_owned() };
    let person = json!({"department": "Sales"});
    for (source, expected) in [
        ("department eq 'Sales' or city eq 'Bern'", Decision::Met),
        ("city eq 'Bern' or department eq 'Sales'", Decision::Met),
        ("city eq 'Bern' and department eq 'x'", Decision::NotMet),
        ("department eq 'x' and city eq 'Bern'", Decision::NotMet),
        ("city eq 'Bern' and department eq 'Sales'", unknown("city")),
        ("department eq 'x' or city eq 'Bern'", unknown("city")),
        ("not city eq 'Bern'", unknown("city")),
        ("city eq null", unknown("city")),
        ("employeeOrgData.costCenter eq '7'", unknown("employeeOrgData")),
        ("department in ('Sales', city)", Decision::Met),
        ("department in (city, 'Sales')", Decision::Met),
        ("department in (city, 'x')", unknown("city")),
        ("department in (CDate(department), city)", unknown("city")),
        ("IIF(department eq 'Sales', true, city eq 'Bern')", Decision::Met),
        ("CDate(department) gt 2024-01-01 or city eq 'Bern'", unknown("city")),
    ] {
        assert_eq!(decide(source, person.clone()), expected, "{source}");
    }
}

/// Somebody whose value cannot be read is neither in nor out, however the condition is turned: the
/// record fails, and no contact is lost over a typing error.
#[test]
fn a_value_that_cannot_be_read_decides_nothing() {
    let person = json!({"city": "soon", "department": "Sales"});
    for source in [
        "CDate(city) gt 2024-01-01",
        "not (CDate(city) gt 2024-01-01)",
        "CDate(city) gt 2024-01-01 and department eq 'Sales'",
    ] {
        let decided = decide(source, person.clone());
        assert!(matches!(decided, Decision::Failed(_)), "{source}: {decided:?}");
    }
    let source = "CDate(city) gt 2024-01-01 or department eq 'Sales'";
    assert_eq!(decide(source, person), Decision::Met);
}

#[test]
fn a_mistake_in_a_condition_is_answered_with_its_place() {
    for (source, expected) in [
        (
            "",
            "at character 1: expected an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`, found the end",
        ),
        (
            "department",
            "at character 1: expected a condition like `[department] eq \"Sales\"`, found `[department]` (a text)",
        ),
        (
            "departmen eq 'x'",
            "at character 1: there is no attribute `departmen`; did you mean `department`?",
        ),
        (
            "department eq",
            "at character 14: expected an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`, found the end",
        ),
        ("department eq 'x", "at character 15: the text that begins here is not closed by '"),
        ("department eq 'x' 'y'", "at character 19: expected the end, found \"y\""),
        (
            "department eq 'x' eq 'y'",
            "at character 19: one comparison at a time; join two with `and` or `or`",
        ),
        (
            "department eq 'x' and city",
            "at character 23: expected a condition like `[department] eq \"Sales\"`, found `[city]` (a text)",
        ),
        (
            "accountEnabled eq 'Sales'",
            "at character 19: `[accountEnabled]` (true or false) cannot be compared with the text \"Sales\"",
        ),
        (
            "employeeHireDate gt 'soon'",
            "at character 21: `[employeeHireDate]` (a date) cannot be compared with the text \"soon\"",
        ),
        ("city gt null", "at character 9: `[city]` (a text) cannot be compared with null"),
        ("department in 'x'", "at character 15: expected `(` and the possible values, found \"x\""),
        (
            "manager ne null",
            "at character 1: `[manager]` is a person and stands alone, as the source of the target `manager`",
        ),
        (
            "IgnoreFlowIfNullOrEmpty(accountEnabled)",
            "at character 1: `IgnoreFlowIfNullOrEmpty` can only be the outermost function of a mapping's source",
        ),
        (
            "department eq 'x' && city eq 'y'",
            "at character 19: expected a number or a date like 2026-03-31, found `&`",
        ),
    ] {
        let error = Condition::parse(source).expect_err(source);
        assert_eq!(error.to_string(), expected, "{source}");
    }
}

#[test]
fn tells_why_it_is_not_met_and_what_it_reads() {
    let source = "accountEnabled and (department eq 'Sales' or employeeOrgData.division eq 'A')";
    let condition = Condition::parse(source).unwrap();
    let attributes: Vec<_> = condition.attributes().into_iter().collect();
    assert_eq!(attributes, ["accountEnabled", "department", "employeeOrgData"]);
    let person = user(json!({"accountEnabled": true, "department": "x", "employeeOrgData": null}));
    assert_eq!(
        condition.unmet_part(&person, Timestamp::UNIX_EPOCH),
        "[department] eq \"Sales\" or [employeeOrgData.division] eq \"A\""
    );
    let steps = condition.explain(&person, Timestamp::UNIX_EPOCH);
    let told: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {} {:?}", step.depth, step.expression, step.outcome))
        .collect();
    assert_eq!(
        told,
        [
            "1 [accountEnabled] Value(Bool(true))",
            "3 [department] Value(String(\"x\"))",
            "2 [department] eq \"Sales\" Value(Bool(false))",
            "3 [employeeOrgData.division] Empty",
            "2 [employeeOrgData.division] eq \"A\" Value(Bool(false))",
            "1 [department] eq \"Sales\" or [employeeOrgData.division] eq \"A\" Value(Bool(false))",
            "0 [accountEnabled] and ([department] eq \"Sales\" or [employeeOrgData.division] eq \"A\") Value(Bool(false))",
        ]
    );
}
