//! Who wrote which field of a contact, in the fewest bytes.

use std::collections::BTreeSet;

use contact_sync_domain::contact::{Contact, Target};
use contact_sync_domain::id::RunId;
use contact_sync_domain::written::{WriteId, Written};

use super::{managed, targets};

/// Nothing where the run that wrote the contact last wrote all of it: as a rule, and each read of
/// the account's index pays for these bytes.
pub(super) fn packed(contact: &Contact) -> Vec<u8> {
    if contact.written == by_its_run(contact) {
        return Vec::new();
    }
    let mut packed = Vec::new();
    for one in &contact.written {
        let letters = managed(&one.targets);
        // Longer than any account's fields together; what did not fit would have no writer.
        let Ok(length) = u16::try_from(letters.len()) else { continue };
        packed.extend(one.by.to_bits().to_be_bytes());
        packed.extend(length.to_be_bytes());
        packed.extend(letters.into_bytes());
    }
    packed
}

/// Who wrote what of a contact that is read otherwise. A writer of fields that this version does not
/// know is left out.
pub(super) fn of(mut packed: &[u8], contact: &Contact) -> Vec<Written> {
    if packed.is_empty() {
        return by_its_run(contact);
    }
    let mut written = Vec::new();
    while let Some((by, rest)) = packed.split_first_chunk::<16>() {
        let Some((length, rest)) = rest.split_first_chunk::<2>() else { break };
        let Some((letters, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into())
        else {
            break;
        };
        packed = rest;
        if let Some(targets) = std::str::from_utf8(letters).ok().and_then(targets) {
            written.push(Written { by: WriteId::from_bits(u128::from_be_bytes(*by)), targets });
        }
    }
    written
}

fn by_its_run(contact: &Contact) -> Vec<Written> {
    let run = contact.sync.as_ref().and_then(|mark| RunId::parse(&mark.run).ok());
    let standing = contact.managed_fields.iter().filter(|field| contact.value(field).is_some());
    let targets: BTreeSet<&Target> = standing.collect();
    match run {
        Some(run) if !targets.is_empty() => {
            vec![Written { by: (&run).into(), targets: targets.into_iter().cloned().collect() }]
        }
        Some(_) | None => Vec::new(),
    }
}
