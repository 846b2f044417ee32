//! Mappings of groups to teams, as far as the document itself tells.

use std::collections::HashMap;

use crate::settings::{Problem, TeamMapping};
use crate::team::name_key;

/// Every mapping that says no team, names or roles that cannot be, and what stands there twice.
pub fn problems(rows: &[TeamMapping]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut first = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let mut told = |member: &str, message: String| {
            problems.push(Problem { pointer: format!("/teams/{index}/{member}"), message });
        };
        let says_otherwise = row.team.is_empty() && (row.create_team || row.team_name.is_some());
        if row.team_id().is_none() && !says_otherwise {
            let message = "expected a team's id, as /teams answers it; or leave it out and say \
                           `teamName`, or `createTeam`";
            told("team", message.to_owned());
        }
        for (member, text) in [("teamName", &row.team_name), ("role", &row.role)] {
            if let Some(message) = text.as_deref().and_then(|text| plain(text).err()) {
                told(member, message.to_owned());
            }
        }
        let name = row.team_name.as_deref().filter(|_| row.team.is_empty()).map(name_key);
        let before = *first.entry((&row.group, &row.team, name)).or_insert(index);
        if before != index {
            let message = format!("this group and team are mapped already, at /teams/{before}");
            problems.push(Problem { pointer: format!("/teams/{index}"), message });
        }
    }
    problems
}

/// Whether a text may be a name or a role: something to read, on one line, without blanks around
/// it.
///
/// # Errors
/// What is wrong with it, as words for people.
pub fn plain(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        Err("this cannot be empty")
    } else if text.trim() != text {
        Err("blanks before or behind it are not allowed")
    } else if text.chars().any(char::is_control) {
        Err("control characters and line breaks are not allowed")
    } else {
        Ok(())
    }
}
