//! Which attributes one connection reads of its users.

use std::collections::BTreeSet;

use super::USER_SELECT;
use crate::expression::SourceExpression;
use crate::scope::ScopeRule;
use crate::settings::Settings;

/// The relation that is read beside the attributes; Graph expands it instead of selecting it.
const MANAGER: &str = "manager";

/// The attributes that a connection reads and tracks: the standing ones, and what its settings name
/// besides (directory extensions, attributes from on-premises, the manager). Delta tokens are bound
/// to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSelection {
    /// Beyond [`USER_SELECT`], in order.
    added: BTreeSet<String>,
    has_manager: bool,
}

impl UserSelection {
    /// What these settings read. What does not parse reads nothing.
    pub fn of(settings: &Settings) -> Self {
        let rows = settings.mapping.iter();
        let expressions = rows.filter_map(|row| SourceExpression::parse(&row.source).ok());
        let mut names: BTreeSet<String> =
            expressions.flat_map(|source| owned(source.attributes())).collect();
        if let Ok(scope) = ScopeRule::compile(&settings.scope) {
            names.extend(owned(scope.needed_attributes()));
        }
        Self::with(names)
    }

    /// The standing attributes and these.
    pub fn with(names: impl IntoIterator<Item = String>) -> Self {
        let mut added: BTreeSet<String> = names.into_iter().collect();
        added.retain(|name| !USER_SELECT.contains(&name.as_str()));
        let has_manager = added.remove(MANAGER);
        Self { added, has_manager }
    }

    /// These attributes besides.
    #[must_use]
    pub fn also(self, names: impl IntoIterator<Item = String>) -> Self {
        let mut all = Self::with(self.added.into_iter().chain(names));
        all.has_manager |= self.has_manager;
        all
    }

    /// The attributes, as `$select` lists them.
    pub fn attributes(&self) -> String {
        let added = self.added.iter().map(String::as_str);
        USER_SELECT.iter().copied().chain(added).collect::<Vec<_>>().join(",")
    }

    /// What a delta tracks, as its `$select` lists it.
    pub fn tracked(&self) -> String {
        let mut tracked = self.attributes();
        if self.has_manager {
            tracked.push(',');
            tracked.push_str(MANAGER);
        }
        tracked
    }

    /// The same without the manager, for who knows him already.
    #[must_use]
    pub fn without_manager(&self) -> Self {
        Self { has_manager: false, ..self.clone() }
    }

    /// Whether the manager is read too.
    pub fn has_manager(&self) -> bool {
        self.has_manager
    }

    /// The attributes that this selection reads and the other does not.
    pub fn beyond<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = &'s str> {
        let manager = (self.has_manager && !other.has_manager).then_some(MANAGER);
        self.added.difference(&other.added).map(String::as_str).chain(manager)
    }

    /// Whether an attribute is among those read.
    pub fn names(&self, attribute: &str) -> bool {
        USER_SELECT.contains(&attribute)
            || self.added.contains(attribute)
            || (self.has_manager && attribute == MANAGER)
    }
}

fn owned<S: Into<String>>(names: impl IntoIterator<Item = S>) -> impl Iterator<Item = String> {
    names.into_iter().map(Into::into)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(mapping: &serde_json::Value) -> Settings {
        serde_json::from_value(json!({ "mapping": mapping })).unwrap()
    }

    #[test]
    fn the_default_settings_read_the_standing_attributes_and_so_keep_their_delta_token() {
        let usual = UserSelection::of(&Settings::default());
        assert_eq!(usual, UserSelection::default());
        assert_eq!(usual.tracked(), USER_SELECT.join(","));
        assert!(!usual.has_manager() && usual.names("department") && !usual.names("manager"));
    }

    #[test]
    fn rows_that_read_the_same_attributes_in_another_order_or_way_need_no_new_token() {
        let one = settings(&json!([{"target": "email", "source": "[mail]"},
                                   {"target": "city", "source": "[department]"}]));
        let other = settings(&json!([{"target": "email", "source": "Coalesce([city], [mail])"},
                                     {"target": "custom.x", "source": "[employeeId]"},
                                     {"target": "custom.y", "source": "[nonsense"}]));
        assert_eq!(UserSelection::of(&one), UserSelection::of(&other));
    }

    #[test]
    fn what_is_read_besides_is_selected_once_and_the_manager_is_tracked_but_not_selected() {
        let names = ["manager", "onPremisesSamAccountName", "mail", "onPremisesSamAccountName"];
        let selection = UserSelection::with(names.map(str::to_owned));
        let attributes = format!("{},onPremisesSamAccountName", USER_SELECT.join(","));
        assert_eq!(selection.attributes(), attributes);
        assert_eq!(selection.tracked(), format!("{attributes},manager"));
        assert!(selection.has_manager() && selection.names("manager"));
    }
}
