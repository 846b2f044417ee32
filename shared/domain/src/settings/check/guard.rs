//! Limits of causes and groups, as far as the document itself tells.

use std::collections::HashMap;

use crate::id::ObjectId;
use crate::reconcile::GoneCause;
use crate::settings::{AllOr, Problem, Settings};

/// Every limit that says nothing, of a group whose members nobody reads, or that stands there twice.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let guard = &settings.policies.guard;
    let mut problems = Vec::new();
    let silent = |pointer| {
        let message = "expected `maxCount`, `maxPercent` or both".to_owned();
        Problem { pointer, message }
    };
    for cause in GoneCause::ALL {
        if guard.causes.of(cause).is_some_and(|limit| !limit.is_said()) {
            problems.push(silent(format!("/policies/guard/causes/{}", cause.name())));
        }
    }
    let mut first: HashMap<&ObjectId, usize> = HashMap::new();
    for (index, row) in guard.groups.iter().enumerate() {
        let pointer = format!("/policies/guard/groups/{index}");
        if !row.limit().is_said() {
            problems.push(silent(pointer.clone()));
        }
        if !is_read(settings, &row.group) {
            let message = "nobody reads this group: expected one that `scope.groups` names, or that \
                           is mapped in `teams`";
            let pointer = format!("{pointer}/group");
            problems.push(Problem { pointer, message: message.to_owned() });
        }
        let before = *first.entry(&row.group).or_insert(index);
        if before != index {
            let message =
                format!("this group has a limit already, at /policies/guard/groups/{before}");
            problems.push(Problem { pointer, message });
        }
    }
    problems
}

/// Whether the settings name a group for something else, so that its members are known.
fn is_read(settings: &Settings, group: &ObjectId) -> bool {
    let meant = match &settings.scope.groups {
        AllOr::All => false,
        AllOr::Any(groups) => groups.any.contains(group),
    };
    meant || settings.teams.iter().any(|row| row.group == *group)
}
