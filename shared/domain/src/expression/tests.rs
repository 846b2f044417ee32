mod conditions;
mod functions;
mod laws;

use serde_json::json;

use super::*;
use crate::id::ObjectId;

fn user(attributes: Value) -> DirectoryUser {
    let Value::Object(attributes) = attributes else { panic!("an object") };
    DirectoryUser { id: ObjectId::from_u128(1), attributes }
}

fn value(source: &str, attributes: Value) -> Evaluated {
    SourceExpression::parse(source).unwrap().evaluate(&user(attributes), Timestamp::UNIX_EPOCH)
}

#[test]
fn a_value_an_empty_one_and_one_not_told_are_three_things() {
    let text = |text: &str| Evaluated::Value(json!(text));
    let cases = [
        ("[mail]", json!({"mail": " ana@contoso.com "}), text("ana@contoso.com")),
        ("[mail]", json!({"mail": null}), Evaluated::Empty),
        ("[mail]", json!({"mail": "   "}), Evaluated::Empty),
        ("[mail]", json!({}), Evaluated::Absent),
        ("[city]", json!({"city": "New\r\n\tYork\0"}), text("New York")),
        ("[id]", json!({}), text("00000000-0000-0000-0000-000000000001")),
        ("\"Staff\"", json!({}), text("Staff")),
        ("'it''s \"x\"'", json!({}), text("it's \"x\"")),
        ("\" \"", json!({}), Evaluated::Empty),
        (
            "[employeeOrgData.costCenter]",
            json!({"employeeOrgData": {"costCenter": "7"}}),
            text("7"),
        ),
        ("[employeeOrgData.costCenter]", json!({"employeeOrgData": null}), Evaluated::Empty),
        ("[employeeOrgData.costCenter]", json!({}), Evaluated::Absent),
        (
            "[extensionAttribute3]",
            json!({"onPremisesExtensionAttributes": {"extensionAttribute3": "x"}}),
            text("x"),
        ),
        ("[businessPhones]", json!({"businessPhones": [" ", "1"]}), Evaluated::Value(json!(["1"]))),
        ("[businessPhones]", json!({"businessPhones": []}), Evaluated::Empty),
        ("[accountEnabled]", json!({"accountEnabled": false}), Evaluated::Value(json!(false))),
    ];
    for (source, attributes, expected) in cases {
        assert_eq!(value(source, attributes.clone()), expected, "{source} of {attributes}");
    }
}

#[test]
fn coalesce_takes_the_first_that_is_not_empty_and_never_guesses_past_one_not_told() {
    let source = "Coalesce([mail], [userPrincipalName])";
    let text = |text: &str| Evaluated::Value(json!(text));
    for (attributes, expected) in [
        (json!({"mail": "a@x", "userPrincipalName": "b@x"}), text("a@x")),
        (json!({"mail": "a@x"}), text("a@x")),
        (json!({"mail": null, "userPrincipalName": "b@x"}), text("b@x")),
        (json!({"mail": null}), Evaluated::Absent),
        (json!({"userPrincipalName": "b@x"}), Evaluated::Absent),
        (json!({"mail": null, "userPrincipalName": null}), Evaluated::Empty),
    ] {
        assert_eq!(value(source, attributes.clone()), expected, "{attributes}");
    }
}

#[test]
fn tells_what_must_be_selected() {
    let source = "Coalesce([employeeOrgData.division], 'x', [extensionAttribute1], [id])";
    let expression = SourceExpression::parse(source).unwrap();
    let roots: Vec<_> = expression.attributes().into_iter().collect();
    assert_eq!(roots, ["employeeOrgData", "id", "onPremisesExtensionAttributes"]);
}

#[test]
fn a_mistake_is_answered_with_its_place_and_the_way_out() {
    for (source, expected) in [
        (
            "",
            "at character 1: expected an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`, found the end",
        ),
        ("[mail", "at character 1: the attribute that begins here is not closed by ]"),
        ("'x", "at character 1: the text that begins here is not closed by '"),
        ("[mial]", "at character 2: there is no attribute `mial`; did you mean `mail`?"),
        (
            "[jobtitle]",
            "at character 2: there is no attribute `jobtitle`; did you mean `jobTitle`?",
        ),
        ("[]", "at character 2: there is no attribute ``"),
        ("mail", "at character 1: attributes stand in brackets: `[mail]`"),
        (
            "[employeeOrgData]",
            "at character 2: `employeeOrgData` is a group of attributes; choose one, for instance `[employeeOrgData.division]`",
        ),
        (
            "[signInActivity]",
            "at character 2: `signInActivity` cannot be used: Graph refuses it where changes are followed (users/delta)",
        ),
        (
            "Append([manager], 'x')",
            "at character 8: `[manager]` is a person and stands alone, as the source of the target `manager`",
        ),
        (
            "[extensionAttribute16]",
            "at character 2: there is no attribute `extensionAttribute16`; did you mean `extensionAttribute1`?",
        ),
        (
            "Coalesc([mail])",
            "at character 1: there is no function `Coalesc`; did you mean `Coalesce`?",
        ),
        ("Coalesce", "at character 9: expected `(`, found the end"),
        (
            "Coalesce()",
            "at character 10: expected an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`, found `)`",
        ),
        ("Coalesce([mail] [id])", "at character 17: expected `,` or `)`, found `[id]`"),
        (
            "[mail] + 'x'",
            "at character 8: expected an attribute, a text, a function or an operator like `eq`, found `+`",
        ),
    ] {
        let error = SourceExpression::parse(source).unwrap_err();
        assert_eq!(error.to_string(), expected, "{source}");
    }
    let deep = format!("{}[mail]{}", "Coalesce(".repeat(17), ")".repeat(17));
    let error = SourceExpression::parse(&deep).unwrap_err();
    assert_eq!(error.problem, ExpressionProblem::TooDeep);
    let error = SourceExpression::parse(&format!("'{}'", "x".repeat(MAX_LENGTH))).unwrap_err();
    assert_eq!(error.problem, ExpressionProblem::TooLong);
}

#[test]
fn a_function_that_cannot_work_is_answered_with_its_place() {
    for (source, expected) in [
        ("Joni('-', [mail])", "at character 1: there is no function `Joni`; did you mean `Join`?"),
        (
            "Append(SelectUniqueValue('a', 'b'), 'x')",
            "at character 8: `SelectUniqueValue` can only be the outermost function of a mapping's source",
        ),
        (
            "SelectUniqueValue([mail])",
            "at character 1: `SelectUniqueValue` takes at least 2 arguments, found 1",
        ),
        (
            "Guid()",
            "at character 1: `Guid` cannot be used: it gives another value each time, so every run would change everybody",
        ),
        ("UCase([mail])", "at character 1: there is no function `UCase`; did you mean `ToUpper`?"),
        ("Append([mail])", "at character 1: `Append` takes 2 arguments, found 1"),
        (
            "Coalesce([city], Switch([state], 'x', 'NSW'))",
            "at character 18: `Switch` takes at least 4 arguments: a source, a default, and pairs of key and value, found 3",
        ),
        (
            "DateAdd('d', 7, 'tomorrow')",
            "at character 17: `DateAdd` takes a date like 2026-03-31 as argument 3, found the text \"tomorrow\"",
        ),
        (
            "DateAdd('days', 7, Now())",
            "at character 9: `DateAdd` knows no interval `days`; possible: yyyy, m, d, ww, h, n, s",
        ),
        (
            "Left([mail], [proxyAddresses])",
            "at character 14: `Left` takes a number as argument 2, found `[proxyAddresses]` (a list)",
        ),
        (
            "Item([proxyAddresses], 0)",
            "at character 24: `Item` takes a place counted from 1 as argument 2, found the number 0",
        ),
        (
            "Replace([mail], , '(', , '')",
            "at character 19: the pattern cannot be read: unclosed group",
        ),
        (
            "Replace([mail], , '(?=x)', , '')",
            "at character 19: the pattern cannot be read: looking ahead (`(?=`) is not possible",
        ),
        (
            "Replace([mail], , '(?<a>x)', 'b', '')",
            "at character 30: the pattern cannot be read: it has no group `b`; a group is written `(?<b>…)`",
        ),
        (
            "FormatDateTime([employeeHireDate], , 'd', 'yyyy-MM-dd')",
            "at character 38: the date format cannot be read: one letter stands for a form of its own in .NET; write the format out, for instance yyyy-MM-dd",
        ),
        (
            "IIF([accountEnabled] gt true, 'a', 'b')",
            "at character 25: `[accountEnabled]` (true or false) cannot be compared with true or false",
        ),
        (
            "Append(IgnoreFlowIfNullOrEmpty([city]), 'x')",
            "at character 8: `IgnoreFlowIfNullOrEmpty` can only be the outermost function of a mapping's source",
        ),
        ("1.2.3", "at character 1: expected a number or a date like 2026-03-31, found `1.2.3`"),
        (
            "[extension_12_x]",
            "at character 2: `extension_12_x` is no directory extension: they are written `extension_` + the application's id without dashes (32 digits) + `_` + the name",
        ),
    ] {
        let error = SourceExpression::parse(source).unwrap_err();
        assert_eq!(error.to_string(), expected, "{source}");
    }
}

/// `Now()` where its seconds show makes every run write everybody.
#[test]
fn a_mapping_takes_now_only_where_no_more_than_days_show() {
    for source in [
        "IIF([employeeHireDate] gt Now(), 'Starter', 'Staff')",
        "IIF([employeeHireDate] ge DateAdd('m', -3, Now()), 'New', 'Staff')",
        "DateDiff('d', [employeeHireDate], Now())",
        "DateDiff('yyyy', [employeeHireDate], DateAdd('d', DateDiff('d', Now(), 2026-01-01), Now()))",
        "FormatDateTime(Now(), , 'yyyy-MM-dd', 'yyyy-MM')",
        "FormatDateTime(DateAdd('d', 30, Now()), , 'yyyy-MM-dd', \"'until' d.M.yyyy\")",
    ] {
        assert!(SourceExpression::parse(source).is_ok(), "{source}");
    }
    for (source, at) in [
        ("Now()", 1),
        ("Append('synced ', Now())", 19),
        ("DateAdd('d', 1, Now())", 17),
        ("CStr(Now())", 6),
        ("DateDiff('h', [employeeHireDate], Now())", 35),
        ("DateDiff('d', CDate(CStr(Now())), 2026-01-01)", 26),
        ("FormatDateTime(Now(), , 'yyyy-MM-dd', 'yyyy-MM-dd HH:mm')", 16),
        ("IIF(Left(CStr(Now()), 9) eq '1/1/2026 ', 'a', 'b')", 15),
        (
            "IIF([employeeHireDate] gt DateAdd('s', DateDiff('s', Now(), 2026-01-01), Now()), 'a', 'b')",
            54,
        ),
    ] {
        let error = SourceExpression::parse(source).unwrap_err();
        assert_eq!((error.position, error.problem), (at, ExpressionProblem::BareNow), "{source}");
    }
    // Whom a scope means may turn at any moment.
    assert!(Condition::parse("DateDiff('h', employeeHireDate, Now()) gt 8").is_ok());
}
