//! The operating system's randomness.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contact_sync_engine::port::Randomness;
use uuid::Uuid;

/// The operating system's source of entropy.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn bits(&self) -> u128 {
        u128::from_ne_bytes(drawn())
    }

    fn ordered_bits(&self) -> u128 {
        Uuid::now_v7().as_u128()
    }

    fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(drawn::<32>())
    }
}

#[expect(clippy::expect_used, reason = "without entropy no secret may be made, so nothing goes on")]
fn drawn<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives entropy");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_ordered_bits_are_ordered() {
        let chance = SystemRandomness;
        assert_eq!(chance.secret().len(), 43);
        assert_ne!(chance.secret(), chance.secret());
        assert_ne!(chance.bits(), chance.bits());
        let drawn: Vec<u128> = (0..100).map(|_| chance.ordered_bits()).collect();
        assert!(drawn.is_sorted());
    }
}
