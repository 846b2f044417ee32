//! What of a reading an admin must correct, or should know.

use contact_sync_domain::expression::SourceExpression;
use contact_sync_domain::guard::Limited;
use contact_sync_domain::scope::ScopeRule;
use contact_sync_domain::settings::{AllOr, Problem, Settings};

use super::findings::Surveyed;
use crate::admin::AdminError;
use crate::port::DirectoryError;
use crate::sync::GroupsError;

/// A group without which nobody can be decided, as what is wrong with the document.
pub(super) fn unread_group(error: GroupsError, settings: &Settings) -> Result<Problem, AdminError> {
    match error {
        GroupsError::Missing(group) => {
            let named = match &settings.scope.groups {
                AllOr::All => None,
                AllOr::Any(groups) => groups.any.iter().position(|one| *one == group),
            };
            let pointer = named.map_or("/scope/ignoredGroups".to_owned(), |index| {
                format!("/scope/groups/any/{index}")
            });
            let message = format!("the connected organisation has no group `{group}`");
            Ok(Problem { pointer, message })
        }
        GroupsError::UnitMissing(unit) => {
            let named = match &settings.scope.administrative_units {
                AllOr::All => None,
                AllOr::Any(units) => units.iter().position(|one| *one == unit),
            };
            let index = named.unwrap_or_default();
            Ok(Problem {
                pointer: format!("/scope/administrativeUnits/any/{index}"),
                message: format!("the connected organisation has no administrative unit `{unit}`"),
            })
        }
        GroupsError::Directory(DirectoryError::Forbidden { .. }) => Ok(Problem {
            pointer: "/scope/groups".to_owned(),
            message: "the members of a group may not be read: nobody could be looked at".to_owned(),
        }),
        GroupsError::Directory(error) => Err(error.into()),
    }
}

/// Every place that reads an attribute which the directory does not have.
pub(super) fn unknown_attribute(name: &str, settings: &Settings) -> Vec<Problem> {
    let message = format!("the directory has no attribute `{name}`");
    let reads = |source: &str| {
        SourceExpression::parse(source)
            .is_ok_and(|source| source.attributes().into_iter().any(|read| read == name))
    };
    let rows = settings.mapping.iter().enumerate().filter(|(_, row)| reads(&row.source));
    let mut places: Vec<String> =
        rows.map(|(index, _)| format!("/mapping/{index}/source")).collect();
    if places.is_empty() {
        let scoped = ScopeRule::compile(&settings.scope)
            .is_ok_and(|scope| scope.needed_attributes().iter().any(|read| read == name));
        places.push(if scoped { "/scope/expression" } else { "" }.to_owned());
    }
    let problem = |pointer| Problem { pointer, message: message.clone() };
    places.into_iter().map(problem).collect()
}

/// What an admin should know of what was found.
pub(super) fn warnings(found: &Surveyed, settings: &Settings, everybody: bool) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if found.in_scope == 0 && everybody {
        warnings.push(Problem {
            pointer: "/scope".to_owned(),
            message: "nobody in the directory is meant by this scope".to_owned(),
        });
    }
    let guard = found.guard.as_ref();
    for limit in guard.into_iter().flat_map(|guard| &guard.limits).filter(|limit| limit.holds) {
        let Limited::Cause(cause) = &limit.of else { continue };
        warnings.push(Problem {
            pointer: format!("/policies/guard/causes/{}", cause.name()),
            message: format!(
                "{} contacts would be unlinked, deactivated or deleted for this cause, and the \
                 guard allows {} in {} hours, of which {} are left: all of them would wait",
                limit.count, limit.allowed, settings.policies.guard.window_hours, limit.left
            ),
        });
    }
    if let Some(guard) = guard.filter(|guard| guard.would_stop) {
        warnings.push(Problem {
            pointer: "/policies/guard".to_owned(),
            message: format!(
                "{} contacts would be unlinked, deactivated or deleted, and the guard allows {} in \
                 {} hours, of which {} are left: all of them would wait",
                guard.removals, guard.allowed, settings.policies.guard.window_hours, guard.left
            ),
        });
    }
    warnings
}
