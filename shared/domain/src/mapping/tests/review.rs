use super::*;

/// What waits for a person, as `target old → new`.
fn waiting(
    row: Value,
    fields: &[CustomField],
    attributes: Value,
    contact: &Contact,
) -> Vec<String> {
    let mapping = Mapping::compile(&settings(json!([email_row(), row])), fields).unwrap();
    let mut attributes = attributes;
    attributes["mail"] = json!("a@x");
    let mapped = mapping.map(&user(attributes), Timestamp::UNIX_EPOCH);
    assert_eq!(mapping.changes(&mapped, Some(contact)), Ok(vec![]), "nothing is written unasked");
    mapping
        .pending(&mapped, contact)
        .into_iter()
        .map(|change| format!("{} {} → {}", change.field, change.old, change.new))
        .collect()
}

#[test]
fn a_reviewed_field_asks_for_what_differs_and_for_nothing_else() {
    let contact = contact(
        ContactSource::Entra,
        &[(ContactField::Email, "a@x"), (ContactField::City, "Rome")],
    );
    for (city, when_empty, expected) in [
        (json!("Bonn"), "keep", vec![r#"city "Rome" → "Bonn""#]),
        (json!("Rome"), "keep", vec![]),
        (Value::Null, "keep", vec![]),
        (Value::Null, "clear", vec![r#"city "Rome" → null"#]),
        (Value::Null, "fail", vec![]),
    ] {
        let row = json!({"target": "city", "source": "[city]", "policy": "review", "whenEmpty": when_empty});
        assert_eq!(
            waiting(row, &[], json!({"city": city}), &contact),
            expected,
            "{city} {when_empty}"
        );
    }
}

#[test]
fn nobody_is_asked_to_empty_what_must_be_filled_or_to_take_what_does_not_fit() {
    let mut field = custom("seats", CustomFieldType::Number);
    field.required = true;
    let mut contact = contact(ContactSource::Entra, &[(ContactField::Email, "a@x")]);
    contact.custom.insert("seats".to_owned(), json!(4));
    let row = json!({"target": "custom.seats", "source": "[city]", "policy": "review", "whenEmpty": "clear"});
    for (told, expected) in
        [(json!("5"), vec!["custom.seats 4 → 5"]), (Value::Null, vec![]), (json!("many"), vec![])]
    {
        let asked =
            waiting(row.clone(), std::slice::from_ref(&field), json!({"city": told}), &contact);
        assert_eq!(asked, expected, "{told}");
    }
}
