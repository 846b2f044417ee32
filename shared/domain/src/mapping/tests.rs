#![expect(clippy::needless_pass_by_value, reason = "json! reads best in place")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::account::CustomFieldType;
use crate::contact::{Contact, ContactField, ContactStatus};
use crate::id::{AccountId, ContactId, ObjectId};

fn user(attributes: Value) -> DirectoryUser {
    let Value::Object(attributes) = attributes else { panic!("an object") };
    DirectoryUser { id: ObjectId::from_u128(1), attributes }
}

fn settings(mapping: Value) -> Settings {
    serde_json::from_value(json!({ "mapping": mapping })).unwrap()
}

fn custom(key: &str, kind: CustomFieldType) -> CustomField {
    let options = match kind {
        CustomFieldType::SingleSelect | CustomFieldType::MultiSelect => {
            vec!["Red".to_owned(), "Green".to_owned(), "Deep, blue".to_owned()]
        }
        CustomFieldType::Text
        | CustomFieldType::Number
        | CustomFieldType::Boolean
        | CustomFieldType::Date => Vec::new(),
    };
    CustomField { key: key.to_owned(), label: key.to_owned(), kind, required: false, options }
}

fn contact(source: ContactSource, fields: &[(ContactField, &str)]) -> Contact {
    Contact {
        id: ContactId::from_bits(1),
        account_id: AccountId::from_bits(1),
        version: 1,
        status: ContactStatus::Active,
        source,
        fields: fields.iter().map(|(field, text)| (*field, (*text).to_owned())).collect(),
        custom: BTreeMap::new(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: None,
        sync: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn email_row() -> Value {
    json!({"target": "email", "source": "Coalesce([mail], [userPrincipalName])", "required": true})
}

/// The outcome of one more row beside the e-mail's.
fn outcome(row: Value, fields: &[CustomField], attributes: Value) -> FieldOutcome {
    let mapping = Mapping::compile(&settings(json!([email_row(), row])), fields).unwrap();
    mapping.map(&user(attributes), Timestamp::UNIX_EPOCH).values.remove(1).outcome
}

fn reason(outcome: FieldOutcome) -> String {
    match outcome {
        FieldOutcome::Fail { reason, .. } => reason,
        other => panic!("expected a failure, found {other:?}"),
    }
}

fn told(problems: Vec<Problem>) -> Vec<String> {
    problems.into_iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect()
}

#[test]
fn the_default_mapping_makes_a_contact() {
    let mapping = Mapping::compile(&Settings::default(), &[]).unwrap();
    let mapped = mapping.map(
        &user(json!({
            "mail": null, "userPrincipalName": "ana@contoso.com", "displayName": "Ana Ruiz",
            "givenName": "Ana", "surname": "Ruiz", "jobTitle": null, "department": "Sales",
            "mobilePhone": null, "businessPhones": ["+1 555"], "officeLocation": " ",
        })),
        Timestamp::UNIX_EPOCH,
    );
    assert!(!mapped.needs_reread());
    let changes = mapping.changes(&mapped, None).unwrap();
    let written: Vec<String> =
        changes.iter().map(|change| format!("{} {}", change.field, change.new)).collect();
    assert_eq!(
        written,
        [
            "email \"ana@contoso.com\"",
            "displayName \"Ana Ruiz\"",
            "firstName \"Ana\"",
            "lastName \"Ruiz\"",
            "department \"Sales\"",
            "businessPhone \"+1 555\"",
        ]
    );
    assert_eq!(changes[0].source, "Coalesce([mail], [userPrincipalName])");
    assert_eq!(changes[0].rule, "overwrite");
}

#[test]
fn values_become_what_the_field_takes() {
    use CustomFieldType::{Boolean, Date, MultiSelect, Number, SingleSelect, Text};
    for (kind, value, expected) in [
        (Text, json!("x"), Ok(json!("x"))),
        (Text, json!(true), Ok(json!("true"))),
        (Text, json!(["", "a", "b"]), Ok(json!("a"))),
        (Text, json!("x".repeat(1_025)), Err("the value has more than 1024 characters")),
        (Number, json!("012"), Ok(json!(12))),
        (Number, json!("+12.0"), Ok(json!(12))),
        (Number, json!("-12.5"), Ok(json!(-12.5))),
        (
            Number,
            json!("twelve"),
            Err("datatype mismatch, the field takes numbers like 12 or 12.5"),
        ),
        (Number, json!("1,5"), Err("datatype mismatch, the field takes numbers like 12 or 12.5")),
        (Number, json!("1e9"), Err("datatype mismatch, the field takes numbers like 12 or 12.5")),
        (Number, json!("NaN"), Err("datatype mismatch, the field takes numbers like 12 or 12.5")),
        (Number, json!("1234567890123456"), Err("the number has more than 15 digits")),
        (Boolean, json!(false), Ok(json!(false))),
        (Boolean, json!("Yes"), Ok(json!(true))),
        (Boolean, json!("maybe"), Err("datatype mismatch, the field takes true or false")),
        (Date, json!("2026-03-31T00:00:00Z"), Ok(json!("2026-03-31"))),
        (Date, json!("2026-03-31"), Ok(json!("2026-03-31"))),
        (
            Date,
            json!("2026-02-30"),
            Err("datatype mismatch, the field takes dates like 2026-03-31"),
        ),
        (
            Date,
            json!("2026-03-31 or so"),
            Err("datatype mismatch, the field takes dates like 2026-03-31"),
        ),
        (
            Date,
            json!("31.03.2026"),
            Err("datatype mismatch, the field takes dates like 2026-03-31"),
        ),
        (
            Date,
            json!("äöüäöüäöüäöü"),
            Err("datatype mismatch, the field takes dates like 2026-03-31"),
        ),
        (SingleSelect, json!("red"), Ok(json!("Red"))),
        (
            SingleSelect,
            json!("Pink"),
            Err("the value is none of the field's options (Red, Green, Deep, blue)"),
        ),
        (MultiSelect, json!("green; RED,red"), Ok(json!(["Red", "Green"]))),
        (MultiSelect, json!(["Deep, blue", "Green"]), Ok(json!(["Green", "Deep, blue"]))),
        (
            MultiSelect,
            json!("Red, Pink"),
            Err("the value is none of the field's options (Red, Green, Deep, blue)"),
        ),
    ] {
        let row = json!({"target": "custom.x", "source": "[department]"});
        let outcome = outcome(row, &[custom("x", kind)], json!({"department": value}));
        match expected {
            Ok(expected) => assert_eq!(outcome, FieldOutcome::Write(expected), "{kind:?} {value}"),
            Err(expected) => {
                assert_eq!(reason(outcome), format!("custom.x (from department): {expected}"));
            }
        }
    }
}

#[test]
fn a_guest_and_a_list_of_addresses_give_an_address_that_reaches_the_person() {
    let guest = "ana_fabrikam.com#EXT#@contoso.onmicrosoft.com";
    for (source, attributes, expected) in [
        ("[userPrincipalName]", json!({ "userPrincipalName": guest }), Some("ana@fabrikam.com")),
        (
            "[proxyAddresses]",
            json!({"proxyAddresses": ["SIP:s@x", "smtp:a@x", "SMTP:p@x"]}),
            Some("p@x"),
        ),
        ("[proxyAddresses]", json!({"proxyAddresses": ["SIP:s@x", "smtp:a@x"]}), Some("a@x")),
        ("[otherMails]", json!({"otherMails": ["o@x"]}), Some("o@x")),
        ("[userPrincipalName]", json!({"userPrincipalName": "ana#EXT#@contoso.com"}), None),
        ("[mail]", json!({"mail": "not an address"}), None),
    ] {
        let settings = settings(json!([{"target": "email", "source": source}]));
        let mapping = Mapping::compile(&settings, &[]).unwrap();
        let outcome =
            mapping.map(&user(attributes), Timestamp::UNIX_EPOCH).values.remove(0).outcome;
        match expected {
            Some(expected) => assert_eq!(outcome, FieldOutcome::Write(json!(expected))),
            None => assert!(reason(outcome).ends_with("the value is not an e-mail address")),
        }
    }
}

#[test]
fn country_time_zone_and_language_get_one_spelling_and_the_unknown_stays() {
    for (target, told, expected) in [
        ("country", "Deutschland", "DE"),
        ("country", "Narnia", "Narnia"),
        ("timeZone", "W. Europe Standard Time", "Europe/Berlin"),
        ("timeZone", "Customized Time Zone", "Customized Time Zone"),
        ("preferredLanguage", "de_ch", "de-CH"),
        ("preferredLanguage", "German (Swiss)", "German (Swiss)"),
        ("city", "DEUTSCHLAND", "DEUTSCHLAND"),
    ] {
        let row = json!({"target": target, "source": "[department]"});
        let outcome = outcome(row, &[], json!({"department": told}));
        assert_eq!(outcome, FieldOutcome::Write(json!(expected)), "{target} {told}");
    }
    let row = json!({"target": "country", "source": "[country]", "whenEmpty": "default", "default": "Suisse"});
    assert_eq!(outcome(row, &[], json!({"country": null})), FieldOutcome::Write(json!("CH")));
}

#[test]
fn an_empty_source_does_what_its_row_says() {
    let row = |more: Value| {
        let mut row = json!({"target": "mobilePhone", "source": "[mobilePhone]"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let empty = || json!({"mobilePhone": null});
    assert_eq!(outcome(row(json!({})), &[], empty()), FieldOutcome::Keep);
    assert_eq!(outcome(row(json!({"whenEmpty": "clear"})), &[], empty()), FieldOutcome::Clear);
    assert_eq!(
        outcome(row(json!({"whenEmpty": "default", "default": "+1"})), &[], empty()),
        FieldOutcome::Write(json!("+1"))
    );
    for failing in [json!({"whenEmpty": "fail"}), json!({"required": true})] {
        assert_eq!(
            reason(outcome(row(failing), &[], empty())),
            "mobilePhone (from mobilePhone): the mapped phone is empty in Entra"
        );
    }
    assert_eq!(outcome(row(json!({})), &[], json!({})), FieldOutcome::Absent);
}

#[test]
fn defaults_fill_what_custom_and_phone_rows_leave_out() {
    let document = json!({
        "mapping": [email_row(), {"target": "custom.x", "source": "[city]"},
                    {"target": "mobilePhone", "source": "[mobilePhone]"}],
        "mappingDefaults": {"custom": {"policy": "never", "whenEmpty": "keep"},
                            "phones": {"policy": "overwrite", "whenEmpty": "fail"}},
    });
    let settings: Settings = serde_json::from_value(document).unwrap();
    let mapping = Mapping::compile(&settings, &[custom("x", CustomFieldType::Text)]).unwrap();
    let mapped = mapping.map(
        &user(json!({"mail": "a@x", "mobilePhone": null, "city": "Bonn"})),
        Timestamp::UNIX_EPOCH,
    );
    let targets: Vec<String> = mapped.values.iter().map(|f| f.target.to_string()).collect();
    assert_eq!(targets, ["email", "mobilePhone"], "a row that never writes is not read either");
    let failures = mapping.changes(&mapped, None).unwrap_err();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].target.to_string(), "mobilePhone");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let rows = json!([
        {"target": "emial", "source": "[mail]"},
        {"target": "displayName", "source": "[dispalyName]"},
        {"target": "displayName", "source": "[displayName]"},
        {"target": "custom.seat", "source": "[city]"},
        {"target": "custom.seats", "source": "'many'"},
        {"target": "city", "source": "[city]", "required": true, "whenEmpty": "keep"},
        {"target": "state", "source": "[state]", "whenEmpty": "default"},
        {"target": "country", "source": "[country]", "default": "Peru"},
        {"target": "manager", "source": "[mail]", "whenEmpty": "keep"},
    ]);
    let fields = [custom("seats", CustomFieldType::Number)];
    let problems = Mapping::compile(&settings(rows), &fields).unwrap_err();
    assert_eq!(
        told(problems),
        [
            "/mapping/0/target there is no contact field `emial`; did you mean `email`?",
            "/mapping/1/source at character 2: there is no attribute `dispalyName`; did you mean `displayName`?",
            "/mapping/2/target row 1 maps `displayName` already",
            "/mapping/3/target there is no custom field `custom.seat`; did you mean `custom.seats`?",
            "/mapping/4/source datatype mismatch, the field takes numbers like 12 or 12.5",
            "/mapping/5/whenEmpty a required row needs `fail`, or `default` with a value",
            "/mapping/6/default `whenEmpty` is `default`, so a default with a value is needed",
            "/mapping/7/default a default has effect only with `whenEmpty` set to `default`",
            "/mapping/8/whenEmpty a manager is never kept or made up when Entra tells none: use `clear` or `fail`",
            "/mapping/8/source `manager` refers to a contact: its source is `[manager]`",
            "/mapping a row for `email` is needed: contacts are found and told apart by it",
        ]
    );
    for (row, expected) in [
        (
            json!({"policy": "never"}),
            "/mapping/0/policy `email` cannot be `never`: contacts are found and told apart by it",
        ),
        (
            json!({"whenEmpty": "clear"}),
            "/mapping/0/whenEmpty `email` cannot be cleared: contacts are found and told apart by it",
        ),
    ] {
        let mut email = json!({"target": "email", "source": "[mail]"});
        email.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
        let problems = Mapping::compile(&settings(json!([email])), &[]).unwrap_err();
        assert_eq!(told(problems), [expected]);
    }
}

mod choice;
mod policies;
mod review;
