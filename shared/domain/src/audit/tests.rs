use proptest::prelude::*;

use super::*;

fn asked(number: u64) -> Asked {
    Asked {
        at: Timestamp::from_second(1_767_225_600 + i64::try_from(number).unwrap()).unwrap(),
        actor: AuditActor {
            subject: Some("ada".to_owned()),
            role: "admin".to_owned(),
            account: None,
        },
        what: "PUT /v1/accounts/{account}/custom-fields".to_owned(),
        subjects: [("contact".to_owned(), format!("ctc_{number:032x}"))].into(),
        body: Some(sha256(&number.to_be_bytes())),
        request: format!("request-{number}"),
    }
}

fn chain(length: u64) -> Vec<SealedEntry> {
    let mut head = AuditHead::beginning();
    let mut entries = Vec::new();
    for number in 0..length {
        let sealed = asked(number).sealed(&head).unwrap();
        head = sealed.head();
        entries.push(sealed);
    }
    entries
}

/// Walks a chain whose head is kept beside it.
fn broken(entries: &[SealedEntry], head: &AuditHead) -> Option<AuditBreak> {
    let mut verifier = AuditVerifier::against(vec![head.clone()]);
    for entry in entries {
        verifier.step(entry);
    }
    verifier.broken()
}

#[test]
fn an_untouched_chain_holds_and_names_its_end() {
    for length in [0, 1, 7] {
        let entries = chain(length);
        let head = entries.last().map_or_else(AuditHead::beginning, SealedEntry::head);
        assert_eq!(broken(&entries, &head), None);
        assert_eq!(head.seq, length);
    }
}

#[test]
fn the_form_of_an_entry_never_changes() {
    let sealed = asked(7).sealed(&AuditHead::beginning()).unwrap();
    let text = concat!(
        r#"{"seq":1,"at":"2026-01-01T00:00:07Z","actor":{"subject":"ada","role":"admin"},"#,
        r#""what":"PUT /v1/accounts/{account}/custom-fields","#,
        r#""subjects":{"contact":"ctc_00000000000000000000000000000007"},"#,
        r#""bodyHash":"a3eb8db89fc5123ccfd49585059f292bc40a1c0d550b860f24f84efb4760fbf2","#,
        r#""requestId":"request-7","#,
        r#""previous":"0000000000000000000000000000000000000000000000000000000000000000"}"#,
    );
    assert_eq!(sealed.text, text);
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn an_entry_of_a_later_version_holds_though_we_do_not_know_all_of_it() {
    let mut entries = chain(2);
    let text = entries[1].text.replace("\"requestId\"", "\"approvedBy\":\"ben\",\"requestId\"");
    entries[1] = SealedEntry { seq: 2, hash: sha256(text.as_bytes()), text };
    assert_eq!(broken(&entries, &entries[1].head()), None);
}

#[test]
fn who_rewrites_the_whole_chain_is_found_by_a_head_kept_elsewhere() {
    let kept = chain(5)[4].head();
    let mut head = AuditHead::beginning();
    let rewritten: Vec<SealedEntry> = (10..15)
        .map(|number| {
            let sealed = asked(number).sealed(&head).unwrap();
            head = sealed.head();
            sealed
        })
        .collect();
    let flaw = AuditFlaw::Rewritten;
    assert_eq!(broken(&rewritten, &kept), Some(AuditBreak { seq: 5, flaw }));
}

#[test]
fn only_ids_and_numbers_are_subjects() {
    for id in [
        "ctc_00000000000000000000000000000007",
        "team_00000000000000000000000000000007",
        "8f0c1b1e-0000-4000-8000-00000000000a",
        "17",
    ] {
        assert!(is_subject(id), "{id}");
    }
    for text in ["", "ana@contoso.example", "ana", "+31 6 1234", "ctc_ana", "----", "a-b"] {
        assert!(!is_subject(text), "{text}");
    }
}

proptest! {
    #[test]
    fn an_entry_that_was_taken_out_is_missed_also_the_last(
        length in 1_u64..30, place in any::<prop::sample::Index>(),
    ) {
        let mut entries = chain(length);
        let head = entries[entries.len() - 1].head();
        let place = place.index(entries.len());
        entries.remove(place);
        let found = broken(&entries, &head).expect("a hole");
        prop_assert_eq!(found.seq, place as u64 + 1);
        prop_assert_eq!(found.flaw, AuditFlaw::Missing);
    }

    #[test]
    fn an_entry_that_was_taken_out_is_missed_though_the_others_move_up(
        length in 2_u64..30, place in any::<prop::sample::Index>(),
    ) {
        let mut entries = chain(length);
        let place = place.index(entries.len() - 1);
        entries.remove(place);
        for (entry, seq) in entries.iter_mut().zip(1..) {
            entry.seq = seq;
        }
        let head = AuditHead { seq: length - 1, hash: entries[entries.len() - 1].hash.clone() };
        let found = broken(&entries, &head).expect("a hole");
        prop_assert_eq!((found.seq, found.flaw), (place as u64 + 1, AuditFlaw::Displaced));
    }

    #[test]
    fn an_edited_entry_is_seen_whatever_was_edited_and_though_its_hash_was_made_anew(
        length in 1_u64..30,
        place in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        character in "[a-zA-Z0-9 @]",
        sealed_anew: bool,
    ) {
        let mut entries = chain(length);
        let head = entries[entries.len() - 1].head();
        let place = place.index(entries.len());
        let text = entries[place].text.clone();
        let at = at.index(text.len());
        let edited = format!("{}{character}{}", &text[..at], &text[at + 1..]);
        prop_assume!(edited != text);
        if sealed_anew {
            entries[place].hash = sha256(edited.as_bytes());
        }
        entries[place].text = edited;
        let found = broken(&entries, &head).expect("an edited entry");
        // Sealed anew it is at latest the next one that does not follow, or the kept head.
        prop_assert!(found.seq == place as u64 + 1 || sealed_anew && found.seq == place as u64 + 2);
    }

    #[test]
    fn entries_that_changed_places_are_seen(
        length in 2_u64..30,
        one in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        renumbered: bool,
    ) {
        let mut entries = chain(length);
        let head = entries[entries.len() - 1].head();
        let (one, other) = (one.index(entries.len()), other.index(entries.len()));
        prop_assume!(one != other);
        entries.swap(one, other);
        if renumbered {
            for (entry, seq) in entries.iter_mut().zip(1..) {
                entry.seq = seq;
            }
        }
        let found = broken(&entries, &head).expect("a wrong order");
        prop_assert_eq!(found.seq, one.min(other) as u64 + 1);
    }
}
