//! Requests that carry an `Idempotency-Key`: done once, answered alike.

use contact_sync_domain::id::AccountId;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::{AdminError, Caller, Outside};
use crate::port::{Clock, IdempotencyStore, KeptAnswer, KeyedRequest};

/// How long a key is remembered.
pub(super) const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Longer than a request can be at work: HTTP APIs wait 30 seconds.
const BUSY: SignedDuration = SignedDuration::from_secs(35);

/// The longest body that is kept; a larger answer is given once.
const LONGEST_ANSWER: usize = 256 * 1024;

/// What to do with a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed {
    /// Do it, then say how it ended with [`finish`].
    Do(KeyedRequest),
    /// It was done: answer this.
    Done(KeptAnswer),
    /// The same request is at work.
    AtWork,
    /// The key was used for something else.
    Reused,
}

/// The key's own 128 bits: whoever makes something under it can find it again.
pub fn key_bits(request: &KeyedRequest) -> u128 {
    u128::from_str_radix(request.key_hash.get(..32).unwrap_or_default(), 16).unwrap_or_default()
}

/// Begins a request of `caller` about `account`; `asked` is all that makes the request what it is:
/// method, path and body.
pub async fn begin(
    outside: &impl Outside,
    caller: &Caller,
    account: Option<AccountId>,
    key: &str,
    asked: &[&[u8]],
) -> Result<Keyed, AdminError> {
    let now = outside.clock().now();
    // Keys of an account's callers are theirs; the operators of the installation share theirs.
    let scope = caller.account.as_ref().map_or("", AccountId::as_str);
    let about = account.as_ref().map_or("", AccountId::as_str);
    let request = KeyedRequest {
        key_hash: digest(&[scope.as_bytes(), about.as_bytes(), key.as_bytes()]),
        account,
        request_hash: digest(asked),
        busy_until: now + BUSY,
        answer: None,
        expires_at: now + KEY_LIFE,
    };
    Ok(match outside.store().begin_keyed(&request, now).await? {
        None => Keyed::Do(request),
        Some(standing) if standing.request_hash != request.request_hash => Keyed::Reused,
        Some(standing) => standing.answer.map_or(Keyed::AtWork, Keyed::Done),
    })
}

/// Ends a request. An answer is kept to be given again; without one the request may be repeated
/// at once, but its key stays its own when it was `done`.
pub async fn finish(
    outside: &impl Outside,
    request: KeyedRequest,
    done: bool,
    answer: Option<KeptAnswer>,
) -> Result<(), AdminError> {
    let store = outside.store();
    if !done {
        return Ok(store.forget_keyed(&request).await?);
    }
    let answer = answer.filter(|answer| answer.body.len() <= LONGEST_ANSWER);
    let ended = KeyedRequest { busy_until: outside.clock().now(), answer, ..request };
    Ok(store.finish_keyed(&ended).await?)
}

/// SHA-256 over parts with their lengths, hexadecimal: no two lists of parts run together.
fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let bytes = digest.finalize();
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}
