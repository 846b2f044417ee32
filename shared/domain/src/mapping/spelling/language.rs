//! Language tags as BCP 47 writes them: `de-CH`, `zh-Hant-TW`.

/// The usual spelling of a language tag; `None` for what is no tag.
pub(in crate::mapping) fn language(text: &str) -> Option<String> {
    let mut parts = text.split(['-', '_']);
    let language = parts.next().filter(|part| is_letters(part, 2..=3))?.to_ascii_lowercase();
    let mut tag = language;
    let mut private = false;
    for part in parts {
        let is_part =
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_part {
            return None;
        }
        tag.push('-');
        // Behind a single letter stand extensions, of which case says nothing.
        if !private && is_letters(part, 4..=4) {
            let (first, rest) = part.split_at(1);
            tag.push_str(&first.to_ascii_uppercase());
            tag.push_str(&rest.to_ascii_lowercase());
        } else if !private && is_letters(part, 2..=2) {
            tag.push_str(&part.to_ascii_uppercase());
        } else {
            tag.push_str(&part.to_ascii_lowercase());
        }
        private |= part.len() == 1;
    }
    Some(tag)
}

fn is_letters(part: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gets_its_usual_case_and_what_is_none_is_left_alone() {
        for (text, expected) in [
            ("de-ch", Some("de-CH")),
            ("DE_ch", Some("de-CH")),
            ("EN", Some("en")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("es-419", Some("es-419")),
            ("de-DE-u-CO-phonebk", Some("de-DE-u-co-phonebk")),
            ("German", None),
            ("de-", None),
            ("de CH", None),
            ("", None),
        ] {
            assert_eq!(language(text).as_deref(), expected, "{text}");
        }
    }
}
