//! Identifiers that are the same in every run of the same seed.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A GUID that follows from the seed, a scope and a number.
pub(crate) fn seeded_guid(seed: u64, scope: &str, number: u64) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(scope.as_bytes());
    hash.update(number.to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    for (byte, source) in bytes.iter_mut().zip(digest.iter()) {
        *byte = *source;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A number that follows from the seed and what it is for; the same question gets the same answer.
pub(crate) fn seeded_number(seed: u64, scope: &str, number: u64) -> u64 {
    seeded_guid(seed, scope, number).as_u64_pair().0
}

/// Whether a chance of `percent` in a hundred comes true for this seed and number.
pub(crate) fn seeded_chance(seed: u64, scope: &str, number: u64, percent: f64) -> bool {
    if percent <= 0.0 {
        return false;
    }
    let roll = seeded_number(seed, scope, number) % 10_000;
    let roll = u32::try_from(roll).map_or(0.0, f64::from);
    roll < percent * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_guid() {
        assert_eq!(seeded_guid(1, "tenant", 0), seeded_guid(1, "tenant", 0));
        assert_ne!(seeded_guid(1, "tenant", 0), seeded_guid(2, "tenant", 0));
        assert_eq!(seeded_guid(1, "tenant", 0).get_version_num(), 4);
    }
}
