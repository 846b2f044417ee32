//! One spelling for what directories write in many: countries, time zones, language tags.
//!
//! What is not recognised stays as it is: nobody's data is lost over a spelling.

mod country;
mod language;
mod time_zone;

pub(super) use country::country;
pub(super) use language::language;
pub(super) use time_zone::zone;
