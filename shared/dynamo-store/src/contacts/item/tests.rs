use contact_sync_domain::contact::Target;
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::settings::RemovalAction;
use contact_sync_domain::written::{WriteId, Written};
use serde_json::json;

use super::*;

fn person() -> Contact {
    let fields = [
        (
            ContactField::Email,
            "maximiliane.wolkenstein-trostburg@subsidiary.contoso-international.example",
        ),
        (ContactField::DisplayName, "Dr. Maximiliane Friederike Wolkenstein-Trostburg"),
        (ContactField::FirstName, "Maximiliane Friederike"),
        (ContactField::LastName, "Wolkenstein-Trostburg"),
        (ContactField::JobTitle, "Senior Vice President, Global Regulatory Affairs"),
        (ContactField::Department, "Research, Development & Regulatory Affairs (EMEA)"),
        (ContactField::MobilePhone, "+49 1575 123 456 789"),
        (ContactField::BusinessPhone, "+49 (0)89 1234 5678-9012"),
        (ContactField::OfficeLocation, "Munich Campus, Building 12, Floor 4, Room 4.217"),
    ];
    Contact {
        id: ContactId::from_bits(u128::MAX),
        account_id: AccountId::from_bits(u128::MAX - 1),
        version: 12_345,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        written: fields
            .chunks(6)
            .zip(1_u128..)
            .map(|(fields, writer)| Written {
                by: WriteId::from_bits(u128::MAX - writer),
                targets: fields.iter().map(|(field, _)| Target::Field(*field)).collect(),
            })
            .collect(),
        managed_fields: fields.iter().map(|(field, _)| Target::Field(*field)).collect(),
        fields: fields.iter().map(|(field, value)| (*field, (*value).to_owned())).collect(),
        custom: BTreeMap::new(),
        protected: false,
        link: Some(Link {
            connection_id: ConnectionId::from_bits(u128::MAX - 2),
            tenant_id: TenantId::from_u128(u128::MAX - 3),
            object_id: ObjectId::from_u128(u128::MAX - 4),
            user_principal_name: Some(
                "maximiliane.wolkenstein-trostburg@contoso-international.onmicrosoft.example"
                    .into(),
            ),
            state: LinkState::Linked,
            acts_at: None,
            planned: None,
            cause: None,
        }),
        sync: Some(SyncMark {
            welcome: true,
            untied_by_hand: false,
            replaced: std::collections::BTreeMap::new(),
            source_version: 9_876_543,
            settings_version: 123,
            fingerprint: Some("00ff00ff00ff00ff00ff00ff00ff00ff".into()),
            run: RunId::from_bits(u128::MAX - 5).to_string(),
            page: 12_345,
        }),
        created_at: "2026-11-21T10:11:12.123456789Z".parse().unwrap(),
        updated_at: "2026-11-21T23:11:12.987654321Z".parse().unwrap(),
    }
}

/// An item's size as DynamoDB counts it: names and texts in UTF-8 bytes, a number half a byte a
/// digit and one more, a map or list three bytes and one for each member.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.trim_start_matches('-').len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::M(members) => {
            3 + members.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>()
        }
        AttributeValue::L(members) => 3 + members.iter().map(|it| 1 + size(it)).sum::<usize>(),
        _ => unreachable!("not used"),
    }
}

fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

#[test]
fn a_contact_with_long_names_costs_one_write_unit() {
    let stored = item_size(&contact(&person(), None).unwrap());
    assert!(stored <= 1_024, "{stored} bytes, with two writers");
}

#[test]
fn a_contact_comes_back_as_it_was_stored() {
    let mut local = person();
    local.link = None;
    local.sync = None;
    local.source = ContactSource::Local;
    local.status = ContactStatus::Inactive;
    local.managed_fields = vec![
        Target::Custom("costCenter".into()),
        Target::Field(ContactField::Email),
        Target::Custom("x".into()),
    ];
    local.custom = BTreeMap::from([
        ("costCenter".to_owned(), json!("4711")),
        ("level".to_owned(), json!(1.0)),
        ("tags".to_owned(), json!(["a", null])),
    ]);
    let mut odd = person();
    odd.sync.as_mut().unwrap().fingerprint = Some("not hexadecimal".into());
    odd.sync.as_mut().unwrap().run = "import".into();
    let link = odd.link.as_mut().unwrap();
    link.state = LinkState::Removed;
    link.acts_at = Some("2026-12-01T00:00:00Z".parse().unwrap());
    link.planned = Some(RemovalAction::Deactivate);
    let targets = vec![Target::Custom("costCenter".into()), Target::Field(ContactField::City)];
    odd.written.push(Written { by: WriteId::from_bits(3), targets });
    for expected in [person(), local, odd] {
        let item = contact(&expected, None).unwrap();
        assert_eq!(read(&item).unwrap(), StoredContact::Present(Box::new(expected)));
    }
}

#[test]
fn what_one_run_wrote_whole_takes_no_room_and_is_told_all_the_same() {
    let mut whole = person();
    let by = WriteId::from_bits(u128::MAX - 5);
    whole.written.clear();
    let targets = whole.managed_fields.clone();
    whole.wrote(by, &targets);
    assert!(!whole.written.is_empty());
    let item = contact(&whole, None).unwrap();
    assert_eq!(bytes_of(&item, "w"), Some(&[][..]));
    assert_eq!(read(&item).unwrap(), StoredContact::Present(Box::new(whole.clone())));

    // A person's edit, or another run's mark, has to be told apart.
    whole.wrote(WriteId::from_bits(7), [&Target::Field(ContactField::JobTitle)]);
    let item = contact(&whole, None).unwrap();
    assert_ne!(bytes_of(&item, "w"), Some(&[][..]));
    assert_eq!(read(&item).unwrap(), StoredContact::Present(Box::new(whole)));
}

#[test]
fn a_tombstone_tells_which_page_removed_the_contact_and_an_erased_one_stands_for_ever() {
    let person = person();
    let by = Prior { run: RunId::from_bits(9), page: 3 };
    let stone = |by| Tombstone {
        version: 3,
        source_version: 4,
        owner: Some(bytes([7; 16])),
        expires_at: person.updated_at,
        by,
    };
    let told = |item: &Item| match read(item).unwrap() {
        StoredContact::Tombstone { by, erased, expires_at, .. } => (by, erased, expires_at),
        StoredContact::Present(contact) => panic!("{contact:?}"),
    };
    let mut item = stone(Some(&by)).item(&person.account_id, &person.id);
    assert_eq!(told(&item).0.as_ref(), Some(&by));
    item.insert("z".to_owned(), AttributeValue::Bool(true));
    item.remove(name::EXPIRES_AT);
    assert_eq!((told(&item).1, told(&item).2), (true, Timestamp::MAX));
    let item = stone(None).item(&person.account_id, &person.id);
    assert_eq!((told(&item).0, told(&item).1), (None, false));
}

#[test]
fn what_is_done_to_leavers_has_a_letter_of_its_own() {
    use RemovalAction as A;
    for expected in [A::Keep, A::StopUpdating, A::Review, A::Unlink, A::Deactivate, A::Delete] {
        assert_eq!(action(action_letter(expected)), Some(expected));
    }
}

#[test]
fn every_field_has_a_letter_of_its_own() {
    for expected in ContactField::ALL {
        assert_eq!(field(letter(*expected)), Some(*expected));
    }
}

#[test]
fn an_attribute_of_a_later_version_is_passed_over() {
    let mut item = contact(&person(), None).unwrap();
    item.insert("zz".into(), text("new"));
    if let Some(AttributeValue::M(fields)) = item.get_mut("f") {
        fields.insert("?".into(), text("new"));
    }
    assert_eq!(read(&item).unwrap(), StoredContact::Present(Box::new(person())));
}

#[test]
fn a_link_tells_why_its_user_left_and_says_nothing_of_who_did_not() {
    assert!(!contact(&person(), None).unwrap().contains_key("k"));
    for cause in GoneCause::ALL {
        let mut left = person();
        let link = left.link.as_mut().unwrap();
        (link.state, link.cause) = (LinkState::OutOfScope, Some(cause));
        let item = contact(&left, None).unwrap();
        assert_eq!(index_entry(&item).unwrap().cause, Some(cause));
        assert_eq!(read(&item).unwrap(), StoredContact::Present(Box::new(left)));
    }
}

#[test]
fn the_index_tells_the_fingerprint_and_leaves_out_who_is_not_linked() {
    let entry = index_entry(&contact(&person(), None).unwrap()).unwrap();
    assert_eq!(entry.fingerprint, Some(0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff));
    assert_eq!(entry.source_version, 9_876_543);
    let mut unlinked = person();
    unlinked.link = None;
    assert_eq!(index_entry(&contact(&unlinked, Some(&bytes([7; 16]))).unwrap()), None);
    let stone = Tombstone {
        version: 3,
        source_version: 4,
        owner: Some(bytes([7; 16])),
        expires_at: unlinked.updated_at,
        by: None,
    };
    assert_eq!(index_entry(&stone.item(&unlinked.account_id, &unlinked.id)), None);
}

proptest::proptest! {
    #[test]
    fn any_contact_comes_back_as_it_was_stored(
        values in proptest::collection::vec(".{0,40}", ContactField::ALL.len()),
        custom in proptest::collection::btree_map("[A-Za-z0-9_-]{1,64}", ".{0,20}", 0..5),
        run in ".{0,50}",
        fingerprint in proptest::option::of("[0-9a-fA-F]{0,65}"),
        version in 0_u64..,
    ) {
        let mut expected = person();
        expected.version = version;
        expected.fields =
            ContactField::ALL.iter().copied().zip(values).filter(|(_, it)| !it.is_empty()).collect();
        expected.managed_fields = custom.keys().cloned().map(Target::Custom).collect();
        expected.custom = custom.into_iter().map(|(key, value)| (key, json!(value))).collect();
        let mark = expected.sync.as_mut().unwrap();
        mark.run = run;
        mark.fingerprint = fingerprint.filter(|digits| !digits.is_empty());
        let item = contact(&expected, None).unwrap();
        proptest::prop_assert_eq!(read(&item).unwrap(), StoredContact::Present(Box::new(expected)));
    }
}
