//! Opaque page and delta tokens: sealed, so that a client can neither read nor forge them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Seals and opens tokens of one simulator; the same seed opens tokens of an earlier run.
#[derive(Debug, Clone)]
pub(crate) struct TokenSeal {
    key: [u8; 32],
    /// Characters added to each token.
    padding: usize,
}

const MAC_LENGTH: usize = 16;
const SALT_LENGTH: usize = 16;

impl TokenSeal {
    pub(crate) fn new(seed: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"entra-sim page tokens");
        hash.update(seed.to_be_bytes());
        Self { key: hash.finalize().into(), padding: 0 }
    }

    /// The same seal, whose tokens are so many characters longer.
    pub(crate) fn padded(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Turns a position into text for a `$skiptoken` or `$deltatoken`, never twice the same.
    pub(crate) fn seal<T: Serialize>(&self, content: &T) -> String {
        let mut plain = Uuid::new_v4().as_bytes().to_vec();
        plain.append(&mut serde_json::to_vec(content).unwrap_or_default());
        let mac = self.mac(&plain);
        self.scramble(&mac, &mut plain);
        let mut bytes = mac.to_vec();
        bytes.append(&mut plain);
        let mut text = URL_SAFE_NO_PAD.encode(bytes);
        if self.padding > 0 {
            text.push('.');
            text.extend(std::iter::repeat_n('A', self.padding));
        }
        text
    }

    /// Reads a token back; `None` if it is damaged or foreign.
    pub(crate) fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        let token = token.split('.').next()?;
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (mac, sealed) = bytes.split_at_checked(MAC_LENGTH)?;
        let mac: [u8; MAC_LENGTH] = mac.try_into().ok()?;
        let mut plain = sealed.to_vec();
        self.scramble(&mac, &mut plain);
        if self.mac(&plain) != mac {
            return None;
        }
        serde_json::from_slice(plain.get(SALT_LENGTH..)?).ok()
    }

    fn mac(&self, plain: &[u8]) -> [u8; MAC_LENGTH] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(plain);
        let mut mac = [0; MAC_LENGTH];
        for (byte, source) in mac.iter_mut().zip(hash.finalize()) {
            *byte = source;
        }
        mac
    }

    fn scramble(&self, mac: &[u8; MAC_LENGTH], bytes: &mut [u8]) {
        for (block, chunk) in (0_u32..).zip(bytes.chunks_mut(32)) {
            let mut hash = Sha256::new();
            hash.update(self.key);
            hash.update(mac);
            hash.update(block.to_be_bytes());
            for (byte, mask) in chunk.iter_mut().zip(hash.finalize()) {
                *byte ^= mask;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_or_foreign_token_is_refused() {
        let seal = TokenSeal::new(1);
        let token = seal.seal(&vec!["a", "b"]);
        assert_eq!(seal.open::<Vec<String>>(&token), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(TokenSeal::new(2).open::<Vec<String>>(&token), None);
        // The first character: the last one may hold bits that no byte comes from.
        let other = if token.starts_with('A') { 'B' } else { 'A' };
        let damaged = format!("{other}{}", &token[1..]);
        assert_eq!(seal.open::<Vec<String>>(&damaged), None);
    }
}
