use proptest::prelude::*;

use super::*;

#[test]
fn a_contact_without_its_required_field_is_refused_whether_mapped_or_not() {
    let mut field = custom("costCenter", CustomFieldType::Text);
    field.required = true;
    field.label = "Cost centre".to_owned();
    let fields = [field];
    let row = json!({"target": "custom.costCenter", "source": "[employeeOrgData.costCenter]"});
    let mapped_row = Mapping::compile(&settings(json!([email_row(), row])), &fields).unwrap();
    let unmapped = Mapping::compile(&settings(json!([email_row()])), &fields).unwrap();
    let person = user(json!({"mail": "a@x", "employeeOrgData": null}));

    let failures =
        mapped_row.changes(&mapped_row.map(&person, Timestamp::UNIX_EPOCH), None).unwrap_err();
    assert_eq!(
        failures[0].reason,
        "custom.costCenter (from employeeOrgData.costCenter): the required field \"Cost centre\" is empty in Entra"
    );
    let failures =
        unmapped.changes(&unmapped.map(&person, Timestamp::UNIX_EPOCH), None).unwrap_err();
    assert_eq!(
        failures[0].reason,
        "custom.costCenter: no mapping fills the required field \"Cost centre\""
    );
    let mut existing = contact(ContactSource::Entra, &[(ContactField::Email, "a@x")]);
    existing.custom.insert("costCenter".into(), json!("7"));
    assert_eq!(
        mapped_row.changes(&mapped_row.map(&person, Timestamp::UNIX_EPOCH), Some(&existing)),
        Ok(vec![])
    );
}

#[test]
fn a_contact_is_never_made_without_an_email() {
    let row = json!({"target": "email", "source": "[mail]", "whenEmpty": "keep"});
    let mapping = Mapping::compile(&settings(json!([row])), &[]).unwrap();
    let mapped = mapping.map(&user(json!({"mail": null})), Timestamp::UNIX_EPOCH);
    let failures = mapping.changes(&mapped, None).unwrap_err();
    assert_eq!(
        failures[0].reason,
        "email (from mail): the required field \"e-mail\" is empty in Entra"
    );
    let existing = contact(ContactSource::Entra, &[(ContactField::Email, "a@x")]);
    assert_eq!(mapping.changes(&mapped, Some(&existing)), Ok(vec![]));
}

/// One case of a policy: policy, value before, what the directory says, value after.
fn after(policy: &str, old: Option<&str>, attributes: Value, when_empty: &str) -> Option<String> {
    let row =
        json!({"target": "city", "source": "[city]", "policy": policy, "whenEmpty": when_empty});
    let mapping = Mapping::compile(&settings(json!([email_row(), row])), &[]).unwrap();
    let mut attributes = attributes;
    attributes["mail"] = json!("a@x");
    let mut contact = contact(ContactSource::Entra, &[(ContactField::Email, "a@x")]);
    contact.set(&Target::Field(ContactField::City), old.map(|text| json!(text)));
    let mapped = mapping.map(&user(attributes), Timestamp::UNIX_EPOCH);
    for change in mapping.changes(&mapped, Some(&contact)).unwrap() {
        let new = Some(change.new).filter(|new| !new.is_null());
        contact.set(&change.field, new);
    }
    contact.fields.get(&ContactField::City).cloned()
}

#[test]
fn policies_decide_what_an_existing_contact_takes() {
    let bonn = || json!({"city": "Bonn"});
    let none = || json!({"city": null});
    for (policy, old, attributes, when_empty, expected) in [
        ("overwrite", Some("Rome"), bonn(), "keep", Some("Bonn")),
        ("overwrite", Some("Rome"), none(), "keep", Some("Rome")),
        ("overwrite", Some("Rome"), none(), "clear", None),
        ("overwrite", Some("Rome"), json!({}), "clear", Some("Rome")),
        ("overwrite", None, bonn(), "keep", Some("Bonn")),
        ("fillIfEmpty", Some("Rome"), bonn(), "keep", Some("Rome")),
        ("fillIfEmpty", Some("Rome"), none(), "fail", Some("Rome")),
        ("fillIfEmpty", Some(" "), bonn(), "keep", Some("Bonn")),
        ("fillIfEmpty", None, bonn(), "keep", Some("Bonn")),
        ("createOnly", Some("Rome"), bonn(), "keep", Some("Rome")),
        ("createOnly", None, bonn(), "keep", None),
        ("createOnly", None, none(), "fail", None),
        ("never", Some("Rome"), bonn(), "keep", Some("Rome")),
    ] {
        let case = format!("{policy} {old:?} {attributes} {when_empty}");
        assert_eq!(after(policy, old, attributes, when_empty).as_deref(), expected, "{case}");
    }
}

#[test]
fn the_name_of_a_contact_that_was_there_before_stays_unless_the_account_wants_it() {
    let attributes =
        json!({"mail": "a@x", "displayName": "Ana", "givenName": "Ana", "city": "Bonn"});
    let rows = json!([email_row(), {"target": "displayName", "source": "[displayName]"},
                      {"target": "city", "source": "[city]"}]);
    let by_hand = contact(
        ContactSource::Local,
        &[(ContactField::Email, "a@x"), (ContactField::DisplayName, "Anne")],
    );
    let by_sync = Contact { source: ContactSource::Entra, ..by_hand.clone() };
    for (name, contact, expected) in [
        ("keep", &by_hand, vec!["city"]),
        ("keep", &by_sync, vec!["displayName", "city"]),
        ("sync", &by_hand, vec!["displayName", "city"]),
    ] {
        let document = json!({"mapping": rows, "policies": {"nameOfExisting": name}});
        let settings: Settings = serde_json::from_value(document).unwrap();
        let mapping = Mapping::compile(&settings, &[]).unwrap();
        let mapped = mapping.map(&user(attributes.clone()), Timestamp::UNIX_EPOCH);
        let changes = mapping.changes(&mapped, Some(contact)).unwrap();
        let fields: Vec<String> = changes.iter().map(|c| c.field.to_string()).collect();
        assert_eq!(fields, expected, "{name} {:?}", contact.source);
        let managed = mapping.managed_targets(contact.source);
        let name = Target::Field(ContactField::DisplayName);
        assert_eq!(managed.contains(&name), expected.contains(&"displayName"));
        assert_eq!(mapping.people_win(&name, contact.source), !managed.contains(&name));
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9.+-]{0,6}".prop_map(Value::from),
        "[a-z]{1,4}@[a-z]{1,4}".prop_map(Value::from),
        "(20[0-9]{2}-0[1-9]-1[0-9]|Red|green;red)".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            inner.prop_map(|value| json!({ "costCenter": value })),
        ]
    })
}

const EVERY_KIND: &[CustomFieldType] = &[
    CustomFieldType::Text,
    CustomFieldType::Number,
    CustomFieldType::Boolean,
    CustomFieldType::Date,
    CustomFieldType::SingleSelect,
    CustomFieldType::MultiSelect,
];

proptest! {
    #[test]
    fn whatever_the_directory_says_changes_made_once_are_not_made_again(
        values in proptest::collection::vec(any_value(), 8),
        policy in proptest::sample::select(vec!["overwrite", "fillIfEmpty", "createOnly", "never"]),
        when_empty in proptest::sample::select(vec!["keep", "clear"]),
        local in any::<bool>(),
    ) {
        let attributes =
            ["mail", "city", "state", "country", "businessPhones", "companyName", "employeeOrgData", "displayName"];
        let mut rows = vec![email_row(), json!({"target": "displayName", "source": "[displayName]"})];
        let mut fields = Vec::new();
        for (kind, attribute) in EVERY_KIND.iter().zip(attributes.iter().skip(1)) {
            let key = format!("{kind:?}");
            let source = if *attribute == "employeeOrgData" { "employeeOrgData.costCenter" } else { attribute };
            rows.push(json!({"target": format!("custom.{key}"), "source": format!("[{source}]"),
                             "policy": policy, "whenEmpty": when_empty}));
            fields.push(custom(&key, *kind));
        }
        let mapping = Mapping::compile(&settings(Value::Array(rows)), &fields).unwrap();
        let mut told: serde_json::Map<String, Value> =
            attributes.iter().map(|name| (*name).to_owned()).zip(values).collect();
        told.insert("mail".into(), json!("a@x"));
        let mapped = mapping.map(&user(Value::Object(told)), Timestamp::UNIX_EPOCH);
        let source = if local { ContactSource::Local } else { ContactSource::Entra };
        let mut contact = contact(source, &[(ContactField::Email, "old@x")]);
        let _ = mapping.changes(&mapped, None);
        if let Ok(changes) = mapping.changes(&mapped, Some(&contact)) {
            for change in changes {
                contact.set(&change.field, Some(change.new).filter(|new| !new.is_null()));
            }
            prop_assert_eq!(mapping.changes(&mapped, Some(&contact)), Ok(vec![]));
        }
    }
}
