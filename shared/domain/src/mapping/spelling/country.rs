//! Countries by their ISO 3166-1 alpha-2 code.
//!
//! Entra's `country` is free text. The table holds codes, names of 35 languages and a few spellings
//! that people use, folded; a name that means two countries in two languages is not in it.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

static CODES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = include_str!("countries.tsv").lines().filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once('\t'));
    entries.flat_map(|(code, names)| names.split(' ').map(move |name| (name, code))).collect()
});

/// The code of the country that a text means; `None` where nobody can tell.
pub(in crate::mapping) fn country(text: &str) -> Option<&'static str> {
    CODES.get(folded(text).as_str()).copied()
}

/// Without case, accents, spaces and punctuation.
fn folded(text: &str) -> String {
    let bare: String = text.nfkd().filter(|letter| !is_combining_mark(*letter)).collect();
    bare.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_known_by_its_codes_and_by_what_people_call_it() {
        for (code, texts) in [
            (
                "DE",
                vec![
                    "DE",
                    "de",
                    "DEU",
                    "276",
                    "Germany",
                    "Deutschland",
                    " Allemagne ",
                    "Alemania",
                    "Federal Republic of Germany",
                    "ドイツ",
                    "Германия",
                ],
            ),
            (
                "US",
                vec![
                    "US",
                    "USA",
                    "U.S.A.",
                    "United States",
                    "United States of America",
                    "Vereinigte Staaten",
                    "États-Unis",
                    "Etats Unis",
                    "EE. UU.",
                ],
            ),
            ("GB", vec!["UK", "U.K.", "United Kingdom", "Great Britain", "Scotland"]),
            ("AT", vec!["Österreich", "Osterreich", "Oesterreich", "austria"]),
            ("NL", vec!["Netherlands", "The Netherlands", "Holland", "Nederland", "Pays-Bas"]),
            ("CZ", vec!["Czech Republic", "Czechia", "Česko"]),
            ("CI", vec!["Côte d’Ivoire", "Cote d'Ivoire", "Ivory Coast"]),
            ("TT", vec!["Trinidad & Tobago", "Trinidad and Tobago"]),
            ("KR", vec!["South Korea", "Korea", "대한민국"]),
            ("JP", vec!["日本", "Japan", "JPN"]),
            ("TR", vec!["Turkey", "Türkiye", "TÜRKİYE"]),
            ("GR", vec!["Ελλάδα", "Greece", "EL"]),
            ("XK", vec!["Kosovo"]),
        ] {
            for text in texts {
                assert_eq!(country(text), Some(code), "{text}");
            }
        }
    }

    #[test]
    fn what_means_no_country_or_two_is_left_alone() {
        for text in ["", "Narnia", "Bavaria", "Earth", "-", "kongo"] {
            assert_eq!(country(text), None, "{text}");
        }
    }

    #[test]
    fn each_spelling_of_the_table_stands_in_its_folded_form_and_once() {
        let lines = include_str!("countries.tsv").lines().filter(|line| !line.starts_with('#'));
        let mut names = 0;
        for (code, spellings) in lines.filter_map(|line| line.split_once('\t')) {
            assert!(code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()), "{code}");
            assert_eq!(country(code), Some(code));
            for spelling in spellings.split(' ') {
                names += 1;
                assert_eq!(folded(spelling), spelling);
            }
        }
        assert_eq!(CODES.len(), names, "a spelling stands at two countries");
    }
}
