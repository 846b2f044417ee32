//! Signed addresses: a signature in the query, valid for a while (AWS Signature Version 4).

use hmac::{Hmac, Mac as _};
use http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::runtime::SECRET_ACCESS_KEY;

/// What AWS leaves as it is when it encodes for signing.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why a signed address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PresignError {
    #[error("Request has expired")]
    Expired,
    #[error("The request signature we calculated does not match the signature you provided.")]
    WrongSignature,
    #[error("The signature's parameters are incomplete.")]
    Incomplete,
}

/// Checks the signature in the query of a request; `None` if there is none.
pub(super) fn check(parts: &Parts, now: Timestamp) -> Option<Result<(), PresignError>> {
    let query = parts.uri.query()?;
    let parameters: Vec<(String, String)> = query
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            (decode(name), decode(value))
        })
        .collect();
    parameters
        .iter()
        .any(|(name, _)| name == "X-Amz-Signature")
        .then(|| check_parameters(parts, &parameters, now))
}

fn check_parameters(
    parts: &Parts,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<(), PresignError> {
    let parameter = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .ok_or(PresignError::Incomplete)
    };
    let date = parameter("X-Amz-Date")?;
    let seconds: i64 = parameter("X-Amz-Expires")?.parse().ok().ok_or(PresignError::Incomplete)?;
    let signed_at = DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|time| time.to_zoned(TimeZone::UTC))
        .ok()
        .ok_or(PresignError::Incomplete)?
        .timestamp();
    let credential = parameter("X-Amz-Credential")?;
    let (_, scope) = credential.split_once('/').ok_or(PresignError::Incomplete)?;
    let signed_headers = parameter("X-Amz-SignedHeaders")?;

    let mut canonical_query: Vec<String> = parameters
        .iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    canonical_query.sort();
    let mut canonical_headers = String::new();
    for name in signed_headers.split(';') {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        let value = value.ok_or(PresignError::WrongSignature)?;
        canonical_headers.extend([name, ":", value.trim(), "\n"]);
    }
    let canonical_request = format!(
        "{}\n{}\n{}\n{canonical_headers}\n{signed_headers}\nUNSIGNED-PAYLOAD",
        parts.method,
        parts.uri.path(),
        canonical_query.join("&"),
    );
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical_request)));
    let key = scope
        .split('/')
        .fold(format!("AWS4{SECRET_ACCESS_KEY}").into_bytes(), |key, part| sign(&key, part));
    if hex(&sign(&key, &to_sign)) != parameter("X-Amz-Signature")? {
        return Err(PresignError::WrongSignature);
    }
    if now.duration_since(signed_at) > SignedDuration::from_secs(seconds) {
        return Err(PresignError::Expired);
    }
    Ok(())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        text.extend(
            [byte >> 4, byte & 15]
                .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or_default()),
        );
        text
    })
}
