//! Rows to a mapping: everything that is wrong with them, at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Kind, Mapping, OnEmpty, RequiredField, Row};
use crate::account::{CustomField, CustomFieldType};
use crate::contact::{ContactField, Target};
use crate::directory::DirectoryUser;
use crate::expression::{Evaluated, SourceExpression, ValueType};
use crate::id::{ObjectId, leading_bits};
use crate::settings::{FieldDefaults, FieldPolicy, MappingRow, Problem, Settings, WhenEmpty};
use crate::suggestion;

const MANAGER: Target = Target::Field(ContactField::Manager);

/// Compiles rows that stand at the given places of the document.
pub(crate) fn compile_rows(
    rows: &[(usize, &MappingRow)],
    settings: &Settings,
    custom_fields: &[CustomField],
) -> Result<Mapping, Vec<Problem>> {
    let mut compiled = Vec::new();
    let mut problems = Problems::default();
    let mut taken: BTreeMap<Target, usize> = BTreeMap::new();
    for (index, row) in rows {
        let mut here = RowCheck { index: *index, row, problems: &mut problems };
        let target = here.target(custom_fields);
        if let Some((target, _)) = &target
            && let Some(first) = taken.insert(target.clone(), *index)
        {
            here.problem("target", format!("row {first} maps `{target}` already"));
        }
        let expression = here.source();
        if let (Some((target, kind)), Some(expression)) = (target, expression) {
            compiled.extend(here.compile(target, kind, expression, settings));
        }
    }
    if !taken.contains_key(&Target::Field(ContactField::Email)) {
        let message = "a row for `email` is needed: contacts are found and told apart by it";
        problems.0.push(Problem { pointer: "/mapping".to_owned(), message: message.to_owned() });
    }
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(Mapping {
        rows: compiled,
        required: required(custom_fields),
        name_of_existing: settings.policies.name_of_existing,
        locks_managed: settings.policies.lock_managed,
        rules: digest(custom_fields),
    })
}

#[derive(Default)]
struct Problems(Vec<Problem>);

struct RowCheck<'a> {
    index: usize,
    row: &'a MappingRow,
    problems: &'a mut Problems,
}

impl RowCheck<'_> {
    fn problem(&mut self, member: &str, message: String) {
        let pointer = format!("/mapping/{}/{member}", self.index);
        self.problems.0.push(Problem { pointer, message });
    }

    fn target(&mut self, custom_fields: &[CustomField]) -> Option<(Target, Kind)> {
        let name = self.row.target.as_str();
        let found = match Target::parse(name) {
            Some(Target::Field(field)) => Some((Target::Field(field), kind_of_field(field))),
            Some(Target::Custom(key)) => custom_fields
                .iter()
                .find(|field| field.key == key)
                .map(|field| (Target::Custom(key), kind_of_custom(field))),
            None => None,
        };
        if found.is_none() {
            let custom: Vec<String> =
                custom_fields.iter().map(|field| format!("custom.{}", field.key)).collect();
            let standard = ContactField::ALL.iter().map(|field| field.name());
            let known = standard.chain(custom.iter().map(String::as_str));
            let hint = suggestion::hint(name, known);
            let what = if name.starts_with("custom.") { "custom field" } else { "contact field" };
            self.problem("target", format!("there is no {what} `{name}`{hint}"));
        }
        found
    }

    fn source(&mut self) -> Option<SourceExpression> {
        match SourceExpression::parse(&self.row.source) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.problem("source", error.to_string());
                None
            }
        }
    }

    /// The row, unless its policy is `never` or something about it is wrong.
    fn compile(
        &mut self,
        target: Target,
        kind: Kind,
        expression: SourceExpression,
        settings: &Settings,
    ) -> Option<Row> {
        let defaults = defaults_of(&target, settings);
        let policy = self.row.policy.unwrap_or(defaults.policy);
        let said = self.row.when_empty;
        let when_empty = match said {
            None if self.row.required && defaults.when_empty != WhenEmpty::Default => {
                WhenEmpty::Fail
            }
            None => defaults.when_empty,
            Some(said) => said,
        };
        self.check_policy(&target, policy);
        self.check_when_empty(&target, when_empty);
        self.check_reference(&target, &expression);
        self.check_constant(&kind, &expression);
        self.check_person(&target, &expression);
        self.check_choice(&target, &expression);
        let on_empty = match when_empty {
            WhenEmpty::Keep => OnEmpty::Keep,
            WhenEmpty::Clear => OnEmpty::Clear,
            WhenEmpty::Fail => OnEmpty::Fail,
            WhenEmpty::Default => OnEmpty::Write(self.default_value(&kind)?),
        };
        if policy == FieldPolicy::Never {
            return None;
        }
        let source = self.row.source.clone();
        Some(Row { target, kind, expression, source, policy, on_empty })
    }

    fn check_policy(&mut self, target: &Target, policy: FieldPolicy) {
        match policy {
            FieldPolicy::Never if *target == Target::Field(ContactField::Email) => {
                let message = "`email` cannot be `never`: contacts are found and told apart by it";
                self.problem("policy", message.to_owned());
            }
            FieldPolicy::Overwrite
            | FieldPolicy::FillIfEmpty
            | FieldPolicy::CreateOnly
            | FieldPolicy::Review
            | FieldPolicy::Never => {}
        }
    }

    fn check_when_empty(&mut self, target: &Target, when_empty: WhenEmpty) {
        let is_email = *target == Target::Field(ContactField::Email);
        let is_manager = *target == MANAGER;
        let wrong = match when_empty {
            WhenEmpty::Keep | WhenEmpty::Clear if self.row.required => {
                Some("a required row needs `fail`, or `default` with a value")
            }
            WhenEmpty::Clear if is_email => {
                Some("`email` cannot be cleared: contacts are found and told apart by it")
            }
            WhenEmpty::Default if is_email => {
                Some("`email` takes no default: every contact has its own; use `fail` or `keep`")
            }
            WhenEmpty::Keep | WhenEmpty::Default if is_manager => Some(
                "a manager is never kept or made up when Entra tells none: use `clear` or `fail`",
            ),
            WhenEmpty::Keep | WhenEmpty::Clear | WhenEmpty::Default | WhenEmpty::Fail => None,
        };
        if let Some(message) = wrong {
            self.problem("whenEmpty", message.to_owned());
        }
        if when_empty != WhenEmpty::Default && self.row.default.is_some() {
            let message = "a default has effect only with `whenEmpty` set to `default`";
            self.problem("default", message.to_owned());
        }
    }

    /// The manager is another contact: only that attribute tells it, and nothing else can hold it.
    fn check_reference(&mut self, target: &Target, expression: &SourceExpression) {
        let reads = expression.attributes().into_iter().any(|name| name == "manager");
        let is_plain = expression.to_string() == "[manager]";
        if *target == MANAGER && !is_plain {
            let message = "`manager` refers to a contact: its source is `[manager]`";
            self.problem("source", message.to_owned());
        } else if *target != MANAGER && reads {
            let message = "`[manager]` is another contact: only the field `manager` takes it";
            self.problem("source", message.to_owned());
        }
    }

    fn default_value(&mut self, kind: &Kind) -> Option<Value> {
        let converted = match &self.row.default {
            None => Ok(None),
            Some(value) => kind.convert(value),
        };
        match converted {
            Ok(Some(value)) => return Some(value),
            Ok(None) => {
                let message = "`whenEmpty` is `default`, so a default with a value is needed";
                self.problem("default", message.to_owned());
            }
            Err(mismatch) => self.problem("default", mismatch.to_string()),
        }
        None
    }

    /// A person is no text.
    fn check_person(&mut self, target: &Target, expression: &SourceExpression) {
        let is_person = expression.result_type() == ValueType::Reference;
        if is_person && *target != Target::Field(ContactField::Manager) {
            let message = "`[manager]` is a person: only the target `manager` takes one";
            self.problem("source", message.to_owned());
        }
    }

    /// Only an e-mail is unique among an account's contacts.
    fn check_choice(&mut self, target: &Target, expression: &SourceExpression) {
        if expression.is_choice() && *target != Target::Field(ContactField::Email) {
            let message = "at character 1: `SelectUniqueValue` gives what no other contact has: \
                           only `email` is unique, so only `email` takes it";
            self.problem("source", message.to_owned());
        }
    }

    /// A text that never fits its field would fail every record.
    fn check_constant(&mut self, kind: &Kind, expression: &SourceExpression) {
        let nobody = DirectoryUser { id: ObjectId::from_u128(0), attributes: Map::new() };
        if expression.attributes().is_empty()
            && let Evaluated::Value(value) = expression.evaluate(&nobody, Timestamp::UNIX_EPOCH)
            && let Err(mismatch) = kind.convert(&value)
        {
            self.problem("source", mismatch.to_string());
        }
    }
}

fn defaults_of(target: &Target, settings: &Settings) -> FieldDefaults {
    match target {
        Target::Custom(_) => settings.mapping_defaults.custom,
        Target::Field(field) if field.is_phone() => settings.mapping_defaults.phones,
        // A reference to somebody who is no manager any more is worth nothing.
        Target::Field(ContactField::Manager) => {
            FieldDefaults { when_empty: WhenEmpty::Clear, ..FieldDefaults::default() }
        }
        Target::Field(_) => FieldDefaults::default(),
    }
}

fn kind_of_field(field: ContactField) -> Kind {
    match field {
        ContactField::Email => Kind::Email,
        ContactField::Manager => Kind::Reference,
        ContactField::Country => Kind::Country,
        ContactField::TimeZone => Kind::TimeZone,
        ContactField::PreferredLanguage => Kind::Language,
        _ if field.is_phone() => Kind::Phone,
        _ => Kind::Text,
    }
}

fn kind_of_custom(field: &CustomField) -> Kind {
    match field.kind {
        CustomFieldType::Text => Kind::Text,
        CustomFieldType::Number => Kind::Number,
        CustomFieldType::Boolean => Kind::Boolean,
        CustomFieldType::Date => Kind::Date,
        CustomFieldType::SingleSelect => Kind::SingleSelect(field.options.clone()),
        CustomFieldType::MultiSelect => Kind::MultiSelect(field.options.clone()),
    }
}

fn required(custom_fields: &[CustomField]) -> Vec<RequiredField> {
    custom_fields
        .iter()
        .filter(|field| field.required)
        .map(|field| RequiredField {
            target: Target::Custom(field.key.clone()),
            label: field.label.clone(),
        })
        .collect()
}

/// Contacts are judged anew when the account's fields change, though no user did.
fn digest(custom_fields: &[CustomField]) -> u128 {
    let mut digest = Sha256::new();
    for field in custom_fields {
        let kind = format!("{:?} {}", field.kind, field.required);
        for text in [&field.key, &kind].into_iter().chain(&field.options) {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
        digest.update([0xff; 8]);
    }
    leading_bits(&digest.finalize())
}
