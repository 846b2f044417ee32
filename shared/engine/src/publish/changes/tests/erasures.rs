//! Whoever goes through what runs left is told once for each part of it.

use contact_sync_domain::erasure::{ErasureState, Erasures, OtherContacts, Redaction};
use contact_sync_domain::id::{AccountId, ContactId, ErasureId};

use super::*;

fn receipt(version: u64, redaction: Option<Redaction>) -> Box<ErasureReceipt> {
    let state = if redaction.is_some() { ErasureState::Redacting } else { ErasureState::Done };
    Box::new(ErasureReceipt {
        id: ErasureId::from_bits(7),
        account_id: AccountId::from_bits(1),
        contact_id: ContactId::from_bits(7),
        version,
        requested_at: at(1),
        requested_by: None,
        state,
        found: Erasures::default(),
        history_until: at(90),
        backups_until: at(35),
        person: None,
        redaction,
        written_at: None,
        barred: vec![],
        others: OtherContacts::default(),
        lifted_at: None,
    })
}

#[test]
fn each_part_of_going_through_what_runs_left_is_asked_for_once() {
    let open = || Some(Redaction::begun());
    let waits = || Some(Redaction { waits: true, ..open().unwrap() });
    let cases = [
        ("begun", Some(receipt(1, None)), Some(receipt(2, open())), true),
        ("a part is done", Some(receipt(2, open())), Some(receipt(3, open())), true),
        ("written twice", Some(receipt(3, open())), Some(receipt(3, open())), false),
        ("waits for runs at work", Some(receipt(3, open())), Some(receipt(4, waits())), false),
        ("done", Some(receipt(4, waits())), Some(receipt(5, None)), false),
        ("its account is gone", Some(receipt(5, open())), None, false),
    ];
    for (case, old, new, is_told) in cases {
        let told = told_of(ChangedItem::Erasure { old, new });
        assert_eq!(told == ["ErasureRequested"], is_told, "{case}: {told:?}");
    }
    let new = Some(receipt(2, open()));
    let detail = only_detail(ChangedItem::Erasure { old: None, new });
    let schema = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/schemas/ErasureRequested.json"
    ));
    let schema: Value = serde_json::from_str(schema).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&detail), names(&schema["properties"]));
    assert_eq!(detail["step"], 2);
}
