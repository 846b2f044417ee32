//! Until when a certificate is good: the one date of it that an operator must know in time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// ASN.1's tags for what stands before and at the dates (X.690, RFC 5280 4.1).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Whole days from `now` until the certificate ends, negative once it has; `None` where the text
/// holds no certificate that could be read.
pub(crate) fn days_left(certificate_pem: &str, now: Timestamp) -> Option<i64> {
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).ok()?;
    let left = not_after(&certificate)?.duration_since(now);
    Some(left.as_hours().div_euclid(24))
}

/// Certificate → what is signed → version?, serial, algorithm, issuer, validity → its second date.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(certificate)?;
    let (tag, mut rest, _) = element(certificate)?;
    if tag != SEQUENCE {
        return None;
    }
    let (tag, _, after) = element(rest)?;
    if tag == VERSION {
        rest = after;
    }
    for _ in ["serial", "algorithm", "issuer"] {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, dates) = element(validity)?;
    let (tag, date, _) = element(dates)?;
    instant(tag, std::str::from_utf8(date).ok()?)
}

/// `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` after.
fn instant(tag: u8, text: &str) -> Option<Timestamp> {
    let text = match tag {
        // RFC 5280: two digits from 50 on are of the last century.
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", text.strip_suffix('Z')?).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Tag, content and what follows of the first element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(year: i32, month: u8, day: u8) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, month, day);
        parameters.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn an_operator_learns_in_time_when_a_certificate_ends() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (year, month, day, expected) in [
            (2026, 12, 22, 29),
            (2026, 11, 23, 0),
            (2026, 11, 22, -1),
            (2049, 12, 31, 8_439),
            (2050, 1, 1, 8_440),
        ] {
            let left = days_left(&ending(year, month, day), now);
            assert_eq!(left, Some(expected), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end_and_breaks_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        let whole = ending(2030, 1, 1);
        assert_eq!(days_left("no certificate", now), None);
        let der = CertificateDer::from_pem_slice(whole.as_bytes()).unwrap();
        for length in 0..der.len().min(200) {
            // Its outer length promises more than is there.
            assert_eq!(not_after(&der[..length]), None, "cut after {length} bytes");
        }
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
