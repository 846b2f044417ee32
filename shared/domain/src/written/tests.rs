use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::contact::{ContactField, ContactSource, ContactStatus};
use crate::id::{AccountId, ContactId};

fn blank() -> Contact {
    Contact {
        id: ContactId::from_bits(1),
        account_id: AccountId::from_bits(1),
        version: 1,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        fields: BTreeMap::new(),
        custom: BTreeMap::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: None,
        sync: None,
        written: Vec::new(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        updated_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn target(number: usize) -> Target {
    match ContactField::ALL.get(number) {
        Some(field) => Target::Field(*field),
        None => Target::Custom(format!("own{number}")),
    }
}

proptest! {
    /// Whatever was written by whom in which order: each field with a value names the one who
    /// wrote it last, once, and nothing else is named.
    #[test]
    fn each_value_names_who_wrote_it_last(
        writes in proptest::collection::vec(
            (0_u128..5, proptest::collection::vec((0_usize..25, proptest::option::of(0_u8..3)), 0..6)),
            0..12,
        ),
    ) {
        let mut contact = blank();
        let mut last = BTreeMap::new();
        for (by, changes) in writes {
            let by = WriteId::from_bits(by);
            let mut targets = Vec::new();
            for (number, value) in changes {
                let target = target(number);
                contact.set(&target, value.map(|value| json!(value.to_string())));
                last.insert(target.clone(), by);
                targets.push(target);
            }
            contact.wrote(by, &targets);
        }
        let named: Vec<(Target, WriteId)> = contact
            .written
            .iter()
            .flat_map(|one| one.targets.iter().map(|target| (target.clone(), one.by)))
            .collect();
        let valued: BTreeMap<Target, WriteId> =
            last.into_iter().filter(|(target, _)| contact.value(target).is_some()).collect();
        prop_assert_eq!(named.len(), valued.len());
        prop_assert_eq!(named.into_iter().collect::<BTreeMap<_, _>>(), valued);
    }
}

#[test]
fn a_field_from_before_this_was_kept_has_no_writer() {
    let mut contact = blank();
    contact.set(&target(0), Some(json!("old@contoso.example")));
    contact.set(&target(1), Some(json!("New")));
    contact.wrote(WriteId::from_bits(7), [&target(1)]);
    assert_eq!(contact.writer_of(&target(0)), None);
    assert_eq!(contact.writer_of(&target(1)), Some(WriteId::from_bits(7)));
}
