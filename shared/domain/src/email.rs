//! E-mail addresses as keys: one form for every spelling of the same address.

use unicode_normalization::UnicodeNormalization;

/// The key under which an e-mail is claimed within its account: trimmed, NFC, lower case.
/// Empty when the text holds nothing but spaces.
pub fn email_key(email: &str) -> String {
    email.trim().nfc().collect::<String>().to_lowercase()
}

/// Whether a text can be an e-mail address: one `@` with something on both sides, no spaces or
/// control characters, at most 320 characters. Deliverability is the mail server's to judge.
pub fn is_plausible_email(email: &str) -> bool {
    let email = email.trim();
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    !local.is_empty()
        && !domain.is_empty()
        && !local.contains('@')
        && email.chars().count() <= 320
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// What stands between the encoded address and the tenant in a guest's UPN (Entra: B2B).
const GUEST_MARK: &str = "#EXT#";

/// Whether a text is a guest's UPN: `ana_fabrikam.com#EXT#@contoso.onmicrosoft.com`.
pub fn is_guest_name(upn: &str) -> bool {
    guest_part(upn).is_some()
}

/// The address that a guest's UPN encodes (`ana@fabrikam.com`): its last underscore stood for the
/// `@`. `None` when the text is no guest's UPN or encodes nothing that can be an address.
pub fn decode_guest_name(upn: &str) -> Option<String> {
    let (local, domain) = guest_part(upn)?.rsplit_once('_')?;
    Some(format!("{local}@{domain}")).filter(|address| is_plausible_email(address))
}

/// The domain of an address or UPN in lower case, a guest's decoded; `None` when it has none.
pub fn domain(address: &str) -> Option<String> {
    let decoded = decode_guest_name(address);
    let (_, domain) = decoded.as_deref().unwrap_or(address).trim().rsplit_once('@')?;
    Some(domain.to_lowercase()).filter(|domain| !domain.is_empty())
}

fn guest_part(upn: &str) -> Option<&str> {
    let mark = upn.to_ascii_uppercase().find(GUEST_MARK)?;
    upn.get(..mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_share_a_key() {
        assert_eq!(email_key(" Ana@Contoso.COM "), email_key("ana@contoso.com"));
        assert_eq!(email_key("jose\u{301}@contoso.com"), email_key("josé@contoso.com"));
    }

    #[test]
    fn what_cannot_be_an_address_is_told_apart() {
        for (text, expected) in [
            ("ana@contoso.com", true),
            ("ana", false),
            ("@contoso.com", false),
            ("ana@", false),
            ("a b@contoso.com", false),
            ("a@b@contoso.com", false),
            ("ana@contoso.com\u{0}x", false),
        ] {
            assert_eq!(is_plausible_email(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_guests_upn_gives_the_address_it_hides() {
        for (upn, expected) in [
            ("ana_fabrikam.com#EXT#@contoso.onmicrosoft.com", Some("ana@fabrikam.com")),
            ("ana_maria_fabrikam.com#ext#@contoso.com", Some("ana_maria@fabrikam.com")),
            ("ana#EXT#@contoso.com", None),
            ("_#EXT#@contoso.com", None),
            ("ana@contoso.com", None),
        ] {
            assert_eq!(decode_guest_name(upn).as_deref(), expected, "{upn}");
        }
        assert_eq!(domain("ana_fabrikam.com#EXT#@contoso.com").as_deref(), Some("fabrikam.com"));
        assert_eq!(domain(" Ana@Contoso.COM").as_deref(), Some("contoso.com"));
        assert_eq!(domain("ana"), None);
    }
}
