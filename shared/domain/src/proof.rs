//! The proof of completeness: that everybody whom a run read is accounted for.
//!
//! It is made of what was stored, page by page, not of what the slices remember: a slice that
//! resumes reads the stored pages again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::id::{ContactId, ObjectId, leading_bits};
use crate::run::Counts;

/// What a run can show for having dealt with everybody it read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Proof {
    /// Stored pages: of the listing and its drain, of deltas, of reads by id, of the judgement.
    pub pages: u32,
    /// Pages that were stored and are gone; none when the proof holds.
    pub missing: u32,
    /// Digest over the links of these pages, in order (16 hexadecimal digits).
    pub links: String,
    /// Ids on these pages, each as often as a page named it.
    pub ids: u64,
    /// Different people among them.
    pub people: u64,
    /// XOR of the 128-bit hashes of these people's ids (32 hexadecimal digits).
    pub xor: String,
    /// People who count as `removed` alone, or whose removal waits: not in `seen`.
    pub apart: u64,
    /// People about whom nothing was decided to the end; none when the proof holds.
    pub open: u64,
    /// People whose entry lacked an attribute that decides, or who are members of the scope's groups,
    /// and whom no read by id found (yet): the next delta tells of them.
    pub unread: u64,
    /// How many people the directory has by its own count, which counts whom no listing tells, too;
    /// informs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<u64>,
    /// People in scope who had a contact before the run met them. This and the rest are absent before
    /// the run's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// Contacts that the run wrote and left standing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<u64>,
    /// XOR of the 128-bit hashes of these contacts' ids (32 hexadecimal digits).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_xor: Option<String>,
    /// Of these contacts, those that were found when they were read back at the end: as written, or
    /// changed or removed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<u64>,
}

/// Why a run's numbers do not prove that everybody was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofGap {
    /// `seen = inScope + skipped` does not hold.
    #[error("{seen} people were seen, but {in_scope} in scope and {skipped} skipped")]
    Scope {
        /// Directory users read.
        seen: u64,
        /// Of them, in scope.
        in_scope: u64,
        /// Of them, outside.
        skipped: u64,
    },
    /// `inScope = created + updated + unchanged + failed + awaitingReview` does not hold.
    #[error("{in_scope} people were in scope, but {decided} were decided")]
    Decisions {
        /// Users in scope.
        in_scope: u64,
        /// The sum of what became of them.
        decided: u64,
    },
    /// The stored pages name other people than were counted.
    #[error("the stored pages name {people} people, but {counted} were counted")]
    People {
        /// Named by the stored pages.
        people: u64,
        /// Seen, or apart.
        counted: u64,
    },
    /// Stored pages are gone.
    #[error("{missing} of the run's stored pages are gone")]
    Pages {
        /// How many.
        missing: u32,
    },
    /// Contacts that were written are not there.
    #[error("{missing} of the {written} contacts that it wrote were not there when read back")]
    Written {
        /// Not found, or found as they were before.
        missing: u64,
        /// Contacts written.
        written: u64,
    },
    /// Somebody was never decided.
    #[error("about {open} people nothing was decided")]
    Open {
        /// How many.
        open: u64,
    },
}

impl Proof {
    /// Adds a stored page: the digest of its link and how many ids it names.
    pub fn add_page(&mut self, link_hash: &str, ids: usize) {
        let digest = Sha256::new()
            .chain_update(&self.links)
            .chain_update([0])
            .chain_update(link_hash)
            .finalize();
        self.links = format!("{:016x}", leading_bits(&digest) >> 64);
        self.pages += 1;
        self.ids += u64::try_from(ids).unwrap_or(u64::MAX);
    }

    /// Adds somebody whom no earlier page named.
    pub fn add_person(&mut self, user: &ObjectId) {
        self.people += 1;
        self.xor = format!("{:032x}", bits(&self.xor) ^ id_hash(user));
    }

    /// Checks that the sums hold.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, counts: &Counts) -> Result<(), ProofGap> {
        let Counts { seen, in_scope, skipped, .. } = *counts;
        if seen != in_scope + skipped {
            return Err(ProofGap::Scope { seen, in_scope, skipped });
        }
        let decided = counts.created
            + counts.updated
            + counts.unchanged
            + counts.failed
            + counts.awaiting_review;
        if in_scope != decided {
            return Err(ProofGap::Decisions { in_scope, decided });
        }
        if self.missing > 0 {
            return Err(ProofGap::Pages { missing: self.missing });
        }
        if self.open > 0 {
            return Err(ProofGap::Open { open: self.open });
        }
        let counted = seen + self.apart;
        if self.people != counted {
            return Err(ProofGap::People { people: self.people, counted });
        }
        if let (Some(written), Some(confirmed)) = (self.written, self.confirmed)
            && confirmed < written
        {
            return Err(ProofGap::Written { missing: written - confirmed, written });
        }
        Ok(())
    }
}

/// The hash of an id, as the XOR takes it.
pub fn id_hash(user: &ObjectId) -> u128 {
    leading_bits(&Sha256::digest(user.as_str()))
}

/// The hash of a contact's id, as the XOR of what was written takes it.
pub fn contact_hash(contact: &ContactId) -> u128 {
    leading_bits(&Sha256::digest(contact.as_str()))
}

fn bits(hex: &str) -> u128 {
    u128::from_str_radix(hex, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts {
        Counts {
            seen: 6,
            in_scope: 5,
            created: 1,
            updated: 1,
            unchanged: 1,
            failed: 1,
            awaiting_review: 1,
            skipped: 1,
            removed: 2,
            asked: 1,
        }
    }

    fn proof() -> Proof {
        Proof { people: 8, apart: 2, ..Proof::default() }
    }

    #[test]
    fn sums_that_hold_prove_and_each_that_does_not_is_named() {
        assert_eq!(proof().check(&counts()), Ok(()));
        let skewed = Counts { skipped: 2, ..counts() };
        assert!(matches!(proof().check(&skewed), Err(ProofGap::Scope { .. })));
        let twice = Counts { created: 2, ..counts() };
        assert!(matches!(proof().check(&twice), Err(ProofGap::Decisions { .. })));
        let lost = Proof { people: 9, ..proof() };
        assert_eq!(lost.check(&counts()), Err(ProofGap::People { people: 9, counted: 8 }));
        let gone = Proof { missing: 1, ..proof() };
        assert_eq!(gone.check(&counts()), Err(ProofGap::Pages { missing: 1 }));
        let lost = Proof { written: Some(3), confirmed: Some(1), ..proof() };
        assert_eq!(lost.check(&counts()), Err(ProofGap::Written { missing: 2, written: 3 }));
        let all = Proof { written: Some(3), confirmed: Some(3), ..proof() };
        assert_eq!(all.check(&counts()), Ok(()));
        let open = Proof { open: 1, ..proof() };
        assert_eq!(open.check(&counts()), Err(ProofGap::Open { open: 1 }));
    }

    #[test]
    fn the_same_people_give_the_same_xor_in_any_order_and_others_do_not() {
        let of = |numbers: &[u128]| {
            let mut proof = Proof::default();
            for number in numbers {
                proof.add_person(&ObjectId::from_u128(*number));
            }
            (proof.people, proof.xor)
        };
        assert_eq!(of(&[1, 2, 3]), of(&[3, 1, 2]));
        // The plain ids of these cancel each other out.
        assert_ne!(of(&[1, 2, 3]).1, of(&[4, 5, 1]).1);
        assert_eq!(of(&[7]).1.len(), 32);
    }

    #[test]
    fn pages_in_another_order_give_another_digest() {
        let of = |links: [&str; 2]| {
            let mut proof = Proof::default();
            for link in links {
                proof.add_page(link, 5);
            }
            proof
        };
        assert_eq!((of(["a", "b"]).pages, of(["a", "b"]).ids), (2, 10));
        assert_ne!(of(["a", "b"]).links, of(["b", "a"]).links);
    }
}
