//! A scope document to its rule: everything that is wrong with it, at once.

use super::{ScopeRule, folded};
use crate::expression::Condition;
use crate::id::ObjectId;
use crate::settings::{AllOr, Problem, Scope};
use crate::suggestion;

/// The user types that Entra has.
const USER_TYPES: &[&str] = &["Member", "Guest"];

impl ScopeRule {
    /// Compiles a scope; otherwise everything that is wrong with it, each with its JSON pointer.
    pub fn compile(scope: &Scope) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        check_lists(scope, &mut problems);
        let expression = scope.expression.as_deref().map(Condition::parse).transpose();
        let expression = expression.unwrap_or_else(|error| {
            problem(&mut problems, "expression", &error.to_string());
            None
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            ignored_users: scope.ignored_users.iter().map(ObjectId::as_u128).collect(),
            ignores_groups: !scope.ignored_groups.is_empty(),
            by_group: !scope.groups.is_all(),
            by_unit: !scope.administrative_units.is_all(),
            user_types: list(&scope.user_types),
            departments: list(&scope.departments),
            office_locations: list(&scope.office_locations),
            domains: list(&scope.domains).map(|domains| {
                domains
                    .into_iter()
                    .map(|domain| domain.trim_start_matches('@').to_owned())
                    .collect()
            }),
            expression,
            disabled_accounts: scope.disabled_accounts,
        })
    }
}

fn list(listed: &AllOr<Vec<String>>) -> Option<Vec<String>> {
    match listed {
        AllOr::All => None,
        AllOr::Any(values) => Some(values.iter().map(|value| folded(value).into_owned()).collect()),
    }
}

fn check_lists(scope: &Scope, problems: &mut Vec<Problem>) {
    let nobody = "an empty list means nobody: name at least one, or write \"all\"";
    if matches!(&scope.groups, AllOr::Any(groups) if groups.any.is_empty()) {
        problem(problems, "groups/any", nobody);
    }
    if matches!(&scope.administrative_units, AllOr::Any(units) if units.is_empty()) {
        problem(problems, "administrativeUnits/any", nobody);
    }
    for (member, listed) in [
        ("userTypes", &scope.user_types),
        ("departments", &scope.departments),
        ("officeLocations", &scope.office_locations),
        ("domains", &scope.domains),
    ] {
        let AllOr::Any(values) = listed else { continue };
        if values.is_empty() {
            problem(problems, &format!("{member}/any"), nobody);
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(message) = wrong_value(member, value) {
                problem(problems, &format!("{member}/any/{index}"), &message);
            }
        }
    }
}

fn wrong_value(member: &str, value: &str) -> Option<String> {
    let text = value.trim();
    if text.is_empty() {
        return Some("a blank text matches nobody".to_owned());
    }
    let is_user_type = || USER_TYPES.iter().any(|known| known.eq_ignore_ascii_case(text));
    if member == "userTypes" && !is_user_type() {
        let hint = suggestion::hint(text, USER_TYPES.iter().copied());
        return Some(format!("`{text}` is no user type; expected Member or Guest{hint}"));
    }
    let is_domain = || {
        let domain = text.trim_start_matches('@');
        !domain.is_empty() && !domain.contains(|c: char| c == '@' || c.is_whitespace())
    };
    if member == "domains" && !is_domain() {
        return Some(format!("`{text}` is no domain; expected one like contoso.com"));
    }
    None
}

fn problem(problems: &mut Vec<Problem>, member: &str, message: &str) {
    let pointer = format!("/scope/{member}");
    problems.push(Problem { pointer, message: message.to_owned() });
}
