//! Checking a settings document: everything that is wrong with it, at once, each with its place.

mod availability;
mod guard;
mod notifications;
mod schema;
mod shape;
mod teams;

use serde_json::Value;

pub use schema::{MOST_IGNORED_USERS, MOST_OF_A_ROLE};
pub use teams::{plain, problems as team_problems};

use super::{MappingRow, Problem, Settings};
use crate::account::CustomField;
use crate::mapping::compile_rows;
use crate::matching::MatchKeys;
use crate::schedule::Timing;
use crate::scope::ScopeRule;

/// The settings that a document says, for an account with these custom fields and this time zone.
/// Otherwise every problem: wrong members and values, and what only a later release can do.
pub fn check(
    document: &Value,
    custom_fields: &[CustomField],
    account_zone: &str,
) -> Result<Settings, Vec<Problem>> {
    let mut problems = Vec::new();
    let sound = shape::sound_part(document, &schema::SETTINGS, "", &mut problems);
    // What is wrong in shape is left out, so that the rest can be judged all the same.
    let settings: Settings = match sound.map(serde_json::from_value).transpose() {
        Ok(settings) => settings.unwrap_or_default(),
        Err(error) => {
            problems.push(Problem { pointer: String::new(), message: error.to_string() });
            return Err(problems);
        }
    };
    let rows = rows(document, &settings);
    let rows: Vec<(usize, &MappingRow)> = rows.iter().map(|(index, row)| (*index, row)).collect();
    let meanings = [
        compile_rows(&rows, &settings, custom_fields).err(),
        ScopeRule::compile(&settings.scope).err(),
        Timing::compile(&settings.schedule, account_zone).err(),
        Some(teams::problems(&settings.teams)),
        Some(guard::problems(&settings)),
        Some(notifications::problems(&settings.notifications)),
        MatchKeys::compile(&settings, custom_fields).err(),
        Some(availability::problems(&settings)),
    ];
    for problem in meanings.into_iter().flatten().flatten() {
        let is_told = problems.iter().any(|told| covers(told, &problem));
        if !is_told {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// What of these settings only a later release can do.
pub(super) fn unavailable(settings: &Settings) -> Vec<Problem> {
    availability::problems(settings)
}

/// The rows that can be judged, with their places in the document.
fn rows(document: &Value, settings: &Settings) -> Vec<(usize, MappingRow)> {
    let Some(mapping) = document.get("mapping").and_then(Value::as_array) else {
        return settings.mapping.iter().cloned().enumerate().collect();
    };
    let sound = |row| {
        let row = shape::sound_part(row, &schema::MAPPING_ROW, "", &mut Vec::new())?;
        serde_json::from_value(row).ok()
    };
    mapping.iter().enumerate().filter_map(|(index, row)| Some((index, sound(row)?))).collect()
}

/// Whether a problem of the same member was told, or (for one of a whole list) inside it: the
/// missing row may be the one that could not be read.
fn covers(told: &Problem, problem: &Problem) -> bool {
    let inside = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    inside(&told.pointer, &problem.pointer) || inside(&problem.pointer, &told.pointer)
}

#[cfg(test)]
mod tests;
