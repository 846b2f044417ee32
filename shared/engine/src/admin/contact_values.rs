//! What people write into contacts: reading it, and checking it against the fields' types.

use std::collections::BTreeMap;

use contact_sync_domain::account::{CustomField, CustomFieldType};
use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::email::is_plausible_email;
use contact_sync_domain::settings::Problem;
use jiff::civil::Date;
use serde_json::{Map, Number, Value};

use super::AdminError;
use super::document::{Members, escaped, plain_text};

/// The longest text a contact field takes, in characters.
const MAX_TEXT: usize = 1_024;

/// Beyond this a number is not kept exactly.
const MAX_NUMBER: f64 = 1e15;

/// What a person wants of a contact: a value, or `None` to clear.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContactEdit {
    pub(super) values: BTreeMap<Target, Option<Value>>,
}

impl ContactEdit {
    /// Reads `{"fields": {…}, "custom": {…}}`; a member that is null is cleared.
    pub fn read(document: &Value, custom_fields: &[CustomField]) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let mut edit = Self::default();
        let mut problems = Vec::new();
        if let Some(fields) = object(&mut members, "fields") {
            for (name, value) in fields {
                let read = match ContactField::parse(name) {
                    Some(field) => standard(field, value),
                    None => Err(format!("no such field; known are {}", field_names())),
                };
                match (read, ContactField::parse(name)) {
                    (Ok(value), Some(field)) => {
                        edit.values.insert(Target::Field(field), value);
                    }
                    (Err(message), _) => problems.push(problem("fields", name, message)),
                    (Ok(_), None) => {}
                }
            }
        }
        if let Some(custom) = object(&mut members, "custom") {
            for (key, value) in custom {
                match custom_field(custom_fields, key).and_then(|field| checked(field, value)) {
                    Ok(value) => {
                        edit.values.insert(Target::Custom(key.clone()), value);
                    }
                    Err(message) => problems.push(problem("custom", key, message)),
                }
            }
        }
        problems.extend(members.finish());
        if problems.is_empty() { Ok(edit) } else { Err(AdminError::Invalid(problems)) }
    }

    /// What differs from the contact as it is.
    pub(super) fn changes(&self, contact: &Contact) -> Vec<(Target, Option<Value>)> {
        self.values
            .iter()
            .filter(|(target, value)| contact.value(target) != **value)
            .map(|(target, value)| (target.clone(), value.clone()))
            .collect()
    }

    /// What this edit would leave wrong: a contact that nobody could find again, and required
    /// fields without a value. A required field that was empty before is left alone unless `new`.
    pub(super) fn problems(
        &self,
        after: &Contact,
        custom_fields: &[CustomField],
        new: bool,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let known_by = [
            ContactField::Email,
            ContactField::DisplayName,
            ContactField::FirstName,
            ContactField::LastName,
        ];
        if known_by.iter().all(|field| !after.fields.contains_key(field)) {
            problems.push(problem("fields", "email", "a contact needs an e-mail or a name"));
        }
        for field in custom_fields.iter().filter(|field| field.required) {
            let touched = self.values.contains_key(&Target::Custom(field.key.clone()));
            if (new || touched) && !after.custom.contains_key(&field.key) {
                let message = format!("`{}` is required", field.label);
                problems.push(problem("custom", &field.key, message));
            }
        }
        problems
    }
}

/// The JSON pointer of a target in a contact's document.
pub fn pointer(target: &Target) -> String {
    match target {
        Target::Field(field) => format!("/fields/{}", field.name()),
        Target::Custom(key) => format!("/custom/{}", escaped(key)),
    }
}

/// One cell of a file as a field's value; `None` when the cell is empty.
pub(super) fn from_cell(
    target: &Target,
    cell: &str,
    custom_fields: &[CustomField],
) -> Result<Option<Value>, String> {
    let text = cell.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match target {
        Target::Field(field) => standard(*field, &Value::String(text.to_owned())),
        Target::Custom(key) => {
            let field = custom_field(custom_fields, key)?;
            checked(field, &typed(field, text)?)
        }
    }
}

fn object<'a>(members: &mut Members<'a>, name: &'static str) -> Option<&'a Map<String, Value>> {
    match members.value(name)? {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            members.problem(name, "expected an object");
            None
        }
    }
}

fn problem(part: &str, name: &str, message: impl Into<String>) -> Problem {
    Problem { pointer: format!("/{part}/{}", escaped(name)), message: message.into() }
}

fn field_names() -> String {
    ContactField::ALL.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
}

fn custom_field<'a>(fields: &'a [CustomField], key: &str) -> Result<&'a CustomField, String> {
    fields.iter().find(|field| field.key == key).ok_or_else(|| {
        if fields.is_empty() {
            "the account has no fields of its own".to_owned()
        } else {
            let known = fields.iter().map(|field| field.key.as_str()).collect::<Vec<_>>();
            format!("no such field of the account; known are {}", known.join(", "))
        }
    })
}

fn standard(field: ContactField, value: &Value) -> Result<Option<Value>, String> {
    let text = plain_text(value, MAX_TEXT)?;
    match text {
        Some(text) if field == ContactField::Email && !is_plausible_email(&text) => {
            Err("not an e-mail address".to_owned())
        }
        text => Ok(text.map(Value::String)),
    }
}

/// The value as the field takes it.
fn checked(field: &CustomField, value: &Value) -> Result<Option<Value>, String> {
    if value.is_null() {
        return Ok(None);
    }
    match field.kind {
        CustomFieldType::Text => Ok(plain_text(value, MAX_TEXT)?.map(Value::String)),
        CustomFieldType::Number => match value.as_f64() {
            Some(number) if number.abs() < MAX_NUMBER => Ok(Some(value.clone())),
            Some(_) => Err("a number of at most 15 digits".to_owned()),
            None => Err("expected a number".to_owned()),
        },
        CustomFieldType::Boolean => match value {
            Value::Bool(_) => Ok(Some(value.clone())),
            _ => Err("expected true or false".to_owned()),
        },
        CustomFieldType::Date => {
            let text = plain_text(value, MAX_TEXT)?;
            match text.as_deref().map(str::parse::<Date>) {
                None => Ok(None),
                // jiff also reads times; a date is what prints as it was written.
                Some(Ok(date)) if Some(date.to_string()) == text => Ok(text.map(Value::String)),
                Some(_) => Err("expected a date like 2026-03-31".to_owned()),
            }
        }
        CustomFieldType::SingleSelect => {
            let text = plain_text(value, MAX_TEXT)?;
            text.map(|text| option(field, &text)).transpose()
        }
        CustomFieldType::MultiSelect => many(field, value),
    }
}

fn option(field: &CustomField, text: &str) -> Result<Value, String> {
    if field.options.iter().any(|option| option == text) {
        Ok(Value::String(text.to_owned()))
    } else {
        Err(format!("expected one of {}", field.options.join(", ")))
    }
}

fn many(field: &CustomField, value: &Value) -> Result<Option<Value>, String> {
    let Value::Array(items) = value else {
        return Err("expected a list of options".to_owned());
    };
    let mut chosen: Vec<Value> = Vec::new();
    for item in items {
        let text = item.as_str().ok_or_else(|| "expected a list of texts".to_owned())?;
        let value = option(field, text)?;
        if !chosen.contains(&value) {
            chosen.push(value);
        }
    }
    Ok((!chosen.is_empty()).then_some(Value::Array(chosen)))
}

/// A cell's text as the JSON value that the field's type is written in.
fn typed(field: &CustomField, text: &str) -> Result<Value, String> {
    match field.kind {
        CustomFieldType::Text | CustomFieldType::Date | CustomFieldType::SingleSelect => {
            Ok(Value::String(text.to_owned()))
        }
        CustomFieldType::Number => text
            .parse::<Number>()
            .map(Value::Number)
            .or(Err("expected a number like 12 or 12.5".to_owned())),
        CustomFieldType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Value::Bool(true)),
            "false" | "no" | "0" => Ok(Value::Bool(false)),
            _ => Err("expected true or false".to_owned()),
        },
        CustomFieldType::MultiSelect => {
            let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(key: &str, kind: CustomFieldType) -> CustomField {
        CustomField {
            key: key.to_owned(),
            label: key.to_uppercase(),
            kind,
            required: false,
            options: vec!["S".to_owned(), "M".to_owned()],
        }
    }

    #[test]
    fn each_type_takes_its_values_and_refuses_the_others() {
        use CustomFieldType as T;
        let cases = [
            (T::Text, json!("x"), json!(7)),
            (T::Number, json!(12.5), json!("12")),
            (T::Number, json!(-3), json!(1e300)),
            (T::Boolean, json!(false), json!("false")),
            (T::Date, json!("2024-02-29"), json!("2023-02-29")),
            (T::Date, json!("2024-02-29"), json!("2024-02-29T10:00")),
            (T::SingleSelect, json!("S"), json!("XL")),
            (T::MultiSelect, json!(["S", "M"]), json!(["S", "XL"])),
            (T::MultiSelect, json!(["M"]), json!("M")),
        ];
        for (kind, good, bad) in cases {
            let field = field("x", kind);
            assert_eq!(checked(&field, &good), Ok(Some(good.clone())), "{kind:?}");
            assert!(checked(&field, &bad).is_err(), "{kind:?} takes {bad}");
            assert_eq!(checked(&field, &Value::Null), Ok(None), "{kind:?}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_with_its_pointer() {
        let document = json!({
            "fields": {"email": "no address", "nickname": "Bo", "city": "Rome"},
            "custom": {"age": "x", "shoe/size": 4},
            "status": "active",
        });
        let fields = [field("age", CustomFieldType::Number)];
        let AdminError::Invalid(problems) = ContactEdit::read(&document, &fields).unwrap_err()
        else {
            panic!("refused for its members")
        };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/fields/email", "/fields/nickname", "/custom/age", "/custom/shoe~1size", "/status"]
        );
    }

    #[test]
    fn cells_become_what_their_fields_take() {
        use CustomFieldType as T;
        let cases = [
            (T::Number, "12.50", Ok(Some(json!(12.50)))),
            (T::Number, "12,5", Err(())),
            (T::Boolean, "Yes", Ok(Some(json!(true)))),
            (T::MultiSelect, "S; M", Ok(Some(json!(["S", "M"])))),
            (T::Date, "31.3.2026", Err(())),
            (T::Text, "  ", Ok(None)),
        ];
        for (kind, cell, expected) in cases {
            let fields = [field("x", kind)];
            let read = from_cell(&Target::Custom("x".to_owned()), cell, &fields);
            assert_eq!(read.map_err(drop), expected, "{cell}");
        }
    }
}
