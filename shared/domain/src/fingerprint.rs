//! Fingerprints: whether a decision would take from the directory just what it took last time.

use std::fmt;
use std::io::Write as _;

use sha2::{Digest, Sha256};

use crate::contact::ContactStatus;
use crate::id::leading_bits;
use crate::mapping::{FieldOutcome, Mapped};

/// Digest of everything a decision takes from the directory and the settings: 128 bits, so that
/// two different decisions share one by chance less often than disks fail. Its text is 32
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The fingerprint of a user whose attributes ask this of a contact; `None` while one of them
    /// is unknown, since the next full read would not find the same.
    pub fn of(
        mapped: &Mapped,
        status: ContactStatus,
        user_principal_name: Option<&str>,
        settings_version: u64,
    ) -> Option<Self> {
        if mapped.needs_reread() {
            return None;
        }
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        };
        add(&settings_version.to_be_bytes());
        add(&mapped.rules.to_be_bytes());
        add(match status {
            ContactStatus::Active => b"active",
            ContactStatus::Inactive => b"inactive",
        });
        add(user_principal_name.map_or(b"-".as_slice(), |_| b"+"));
        add(user_principal_name.unwrap_or_default().as_bytes());
        // One buffer for all: a run writes these for everybody.
        let mut written = Vec::new();
        for field in &mapped.values {
            written.clear();
            let _ = write!(written, "{}", field.target);
            add(&written);
            written.clear();
            add(match &field.outcome {
                FieldOutcome::Write(value) => {
                    let _ = serde_json::to_writer(&mut written, value);
                    b"write"
                }
                FieldOutcome::Clear => b"clear".as_slice(),
                FieldOutcome::Keep | FieldOutcome::Absent => b"keep",
                FieldOutcome::Fail { reason, .. } => {
                    written.extend_from_slice(reason.as_bytes());
                    b"fail"
                }
            });
            add(&written);
            for other in &field.others {
                written.clear();
                let _ = serde_json::to_writer(&mut written, other);
                add(b"or");
                add(&written);
            }
        }
        Some(Self(leading_bits(&digest.finalize())))
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let is_ours = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then(|| u128::from_str_radix(text, 16).ok().map(Self)).flatten()
    }

    /// The 128 bits, for compact indexes.
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::account::{CustomField, CustomFieldType};
    use crate::directory::DirectoryUser;
    use crate::id::ObjectId;
    use crate::mapping::Mapping;
    use crate::settings::Settings;

    fn mapped(changed: &Value, fields: &[CustomField]) -> Mapped {
        let settings: Settings = serde_json::from_value(json!({"mapping": [
            {"target": "email", "source": "[mail]"},
            {"target": "firstName", "source": "[givenName]"},
            {"target": "lastName", "source": "[surname]"},
        ]}))
        .unwrap();
        let mut told = json!({"mail": "a@x", "givenName": "A", "surname": "B"});
        told.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let Value::Object(attributes) = told else { panic!("an object") };
        let user = DirectoryUser { id: ObjectId::from_u128(1), attributes };
        Mapping::compile(&settings, fields).unwrap().map(&user, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn whatever_changes_the_decision_changes_the_fingerprint() {
        let field = CustomField {
            key: "x".into(),
            label: "X".into(),
            kind: CustomFieldType::Text,
            required: true,
            options: Vec::new(),
        };
        let active = ContactStatus::Active;
        let of =
            |changed, upn, version| Fingerprint::of(&mapped(&changed, &[]), active, upn, version);
        let prints = [
            of(json!({}), Some("a@x"), 1),
            of(json!({}), Some("b@x"), 1),
            of(json!({}), None, 1),
            of(json!({}), Some(""), 1),
            of(json!({}), Some("a@x"), 2),
            of(json!({"givenName": "AB", "surname": ""}), Some("a@x"), 1),
            of(json!({"givenName": null}), Some("a@x"), 1),
            of(json!({"mail": "nonsense"}), Some("a@x"), 1),
            Fingerprint::of(&mapped(&json!({}), &[]), ContactStatus::Inactive, Some("a@x"), 1),
            Fingerprint::of(&mapped(&json!({}), &[field]), active, Some("a@x"), 1),
        ];
        for (index, print) in prints.iter().enumerate() {
            assert!(print.is_some());
            assert!(!prints[..index].contains(print), "{index} is like an earlier one");
        }
        assert_eq!(of(json!({"city": "Bonn"}), Some("a@x"), 1), prints[0], "nothing maps city");
    }

    #[test]
    fn the_text_form_is_read_back_and_keeps_its_zeros() {
        for print in [Fingerprint(7), Fingerprint(u128::MAX)] {
            assert_eq!(print.to_string().len(), 32);
            assert_eq!(Fingerprint::parse(&print.to_string()), Some(print));
        }
        assert_eq!(Fingerprint::parse("7"), None);
        assert_eq!(Fingerprint::parse("+0000000000000000000000000000007"), None);
    }
}
