//! Mappings of groups to teams, as far as the document itself tells.

use std::collections::HashMap;

use crate::settings::{Problem, TeamMapping};

/// Every mapping that names no team of ours, or that stands there twice.
pub(super) fn problems(rows: &[TeamMapping]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut first = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        if row.team_id().is_none() {
            let message = "expected a team's id, as /teams answers it".to_owned();
            problems.push(Problem { pointer: format!("/teams/{index}/team"), message });
        }
        let before = *first.entry((&row.group, &row.team)).or_insert(index);
        if before != index {
            let message = format!("this group and team are mapped already, at /teams/{before}");
            problems.push(Problem { pointer: format!("/teams/{index}"), message });
        }
    }
    problems
}
