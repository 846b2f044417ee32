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
}
