//! Time zones by their IANA names.

use jiff::tz::{self, TimeZone};
use thiserror::Error;

use crate::suggestion;

/// A name that no time zone has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no time zone `{name}`; expected an IANA name like Europe/Berlin{hint}")]
pub struct UnknownTimeZone {
    /// The name as written.
    pub name: String,
    /// A suggestion, or nothing.
    pub hint: String,
}

/// The zone of a name, and the name in its proper spelling.
pub fn time_zone(name: &str) -> Result<(TimeZone, String), UnknownTimeZone> {
    let trimmed = name.trim();
    let known = TimeZone::get(trimmed).ok().filter(|zone| !zone.is_unknown());
    let named = known.and_then(|zone| {
        let proper = zone.iana_name().map(str::to_owned)?;
        Some((zone, proper))
    });
    named.ok_or_else(|| UnknownTimeZone { name: name.to_owned(), hint: hint(trimmed) })
}

/// A mistyped name, or a city without its region.
fn hint(name: &str) -> String {
    let known: Vec<String> = tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let city = name.replace(' ', "_").to_lowercase();
    let by_city = known
        .iter()
        .find(|known| known.rsplit_once('/').is_some_and(|(_, last)| last.to_lowercase() == city));
    match by_city {
        Some(zone) => format!("; did you mean `{zone}`?"),
        None => suggestion::hint(name, known.iter().map(String::as_str)),
    }
}
