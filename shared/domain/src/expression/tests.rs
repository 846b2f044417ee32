use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::id::ObjectId;

fn user(attributes: Value) -> DirectoryUser {
    let Value::Object(attributes) = attributes else { panic!("an object") };
    DirectoryUser { id: ObjectId::from_u128(1), attributes }
}

fn value(source: &str, attributes: Value) -> Evaluated {
    SourceExpression::parse(source).unwrap().evaluate(&user(attributes))
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
        ("[extension_abc_shoe]", "at character 2: not available yet: `extension_abc_shoe`"),
        ("[manager]", "at character 2: not available yet: `manager`"),
        (
            "[extensionAttribute16]",
            "at character 2: there is no attribute `extensionAttribute16`; did you mean `extensionAttribute1`?",
        ),
        (
            "Coalesc([mail])",
            "at character 1: there is no function `Coalesc`; did you mean `Coalesce`?",
        ),
        ("Join('-', [mail])", "at character 1: not available yet: `Join`"),
        ("Coalesce", "at character 9: expected `(`, found the end"),
        (
            "Coalesce()",
            "at character 10: expected an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`, found `)`",
        ),
        ("Coalesce([mail] [id])", "at character 17: expected `,` or `)`, found `[`"),
        ("[mail] + 'x'", "at character 8: expected the end, found `+`"),
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

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        proptest::sample::select(Attribute::all()).prop_map(Node::Attribute),
        "[a-z\"'\\[\\], ]{0,8}".prop_map(Node::Text),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        proptest::collection::vec(inner, 1..4)
            .prop_map(|arguments| Node::Call(Function::Coalesce, arguments))
    })
}

proptest! {
    #[test]
    fn the_printed_form_is_the_same_expression(node in node()) {
        let expression = SourceExpression(node);
        prop_assert_eq!(SourceExpression::parse(&expression.to_string()).unwrap(), expression);
    }

    #[test]
    fn any_text_is_answered(text in ".{0,80}") {
        if let Ok(expression) = SourceExpression::parse(&text) {
            let _ = expression.evaluate(&user(json!({})));
        }
    }

    #[test]
    fn any_near_expression_is_answered(text in "[\\[\\]()'\",a-zC ]{0,40}(Coalesce\\(\\[mail\\])?[,)' ]{0,3}") {
        let _ = SourceExpression::parse(&text).map(|expression| expression.to_string());
    }
}
