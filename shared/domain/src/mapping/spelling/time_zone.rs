//! Time zones by their IANA names, whether told so or by the names of Windows or an older one.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::schedule::time_zone;

static NAMES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let lines = include_str!("zone_names.tsv").lines().filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once('\t'));
    entries.map(|(other, iana)| (other.to_ascii_lowercase(), iana)).collect()
});

/// The IANA name of the zone that a text names; `None` where nobody can tell.
pub(in crate::mapping) fn zone(text: &str) -> Option<String> {
    let known = NAMES.get(&text.to_ascii_lowercase()).copied();
    time_zone(known.unwrap_or(text)).ok().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_zone_gives_its_iana_name() {
        for (text, expected) in [
            ("W. Europe Standard Time", Some("Europe/Berlin")),
            ("india standard time", Some("Asia/Kolkata")),
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("Asia/Calcutta", Some("Asia/Kolkata")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("UTC", Some("Etc/UTC")),
            ("Customized Time Zone", None),
            ("Berlin", None),
        ] {
            assert_eq!(zone(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn every_other_name_leads_to_a_zone_that_exists() {
        for name in NAMES.keys() {
            assert!(zone(name).is_some(), "{name}");
        }
        assert!(NAMES.len() > 130);
    }
}
