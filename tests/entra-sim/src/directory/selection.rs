//! Which properties a request asks for (`$select`).

use super::object::ChangeNumber;
use super::properties::{Catalogue, ID, PropertyId, Tracking};

/// The properties to return, in catalogue order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) properties: Vec<PropertyId>,
    /// `members` or `manager` was selected.
    pub(crate) relations: bool,
    /// The names as written in `$select`; empty without one.
    pub(crate) names: Vec<String>,
    /// Selected properties the caller may not read: shown as `null`.
    pub(crate) hidden: Vec<PropertyId>,
}

/// How much of the selection an entry shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everything, `null` or `[]` where nothing was ever set (lists, single reads).
    Every,
    /// What has ever had a value (delta).
    EverSet,
    /// Only what changed after this (delta with `Prefer: return=minimal`).
    ChangedSince(ChangeNumber),
}

/// Why a `$select` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    #[error(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
    )]
    Unknown { name: String, type_name: &'static str },
    #[error("Term '{0}' is not valid in a $select or $expand expression.")]
    UnknownExtension(String),
    #[error("Property '{0}' is not supported in a delta query.")]
    NotTracked(String),
    #[error("Property '{0}' can only be requested for a single user.")]
    SingleOnly(String),
}

impl Selection {
    /// Reads `$select`; the default properties without one.
    pub(crate) fn parse(
        select: Option<&str>,
        catalogue: &Catalogue<'_>,
    ) -> Result<Self, SelectError> {
        let names: Vec<String> = select
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            let properties = catalogue.defaults();
            return Ok(Self { properties, relations: false, names, hidden: Vec::new() });
        }
        let mut properties = Vec::new();
        let mut relations = false;
        for name in &names {
            if is_relation(catalogue, name) {
                relations = true;
                continue;
            }
            match catalogue.find(name) {
                Some(property) => properties.push(property),
                None if name.starts_with("extension_") => {
                    return Err(SelectError::UnknownExtension(name.clone()));
                }
                None => {
                    let type_name = catalogue.type_name;
                    return Err(SelectError::Unknown { name: name.clone(), type_name });
                }
            }
        }
        properties.sort_unstable();
        properties.dedup();
        Ok(Self { properties, relations, names, hidden: Vec::new() })
    }

    /// Reads the `$select` of a list: properties of single objects are refused.
    pub(crate) fn for_list(
        select: Option<&str>,
        catalogue: &Catalogue<'_>,
    ) -> Result<Self, SelectError> {
        let selection = Self::parse(select, catalogue)?;
        match selection.first(catalogue, |property| property.single_only) {
            Some(name) => Err(SelectError::SingleOnly(name)),
            None => Ok(selection),
        }
    }

    /// Reads the `$select` of a delta query: `id` always comes along, untracked ones are refused.
    pub(crate) fn for_delta(
        select: Option<&str>,
        catalogue: &Catalogue<'_>,
    ) -> Result<Self, SelectError> {
        let mut selection = Self::parse(select, catalogue)?;
        if let Some(name) =
            selection.first(catalogue, |property| property.tracking == Tracking::Refused)
        {
            return Err(SelectError::NotTracked(name));
        }
        if selection.names.is_empty() && catalogue.type_name == "group" {
            selection.relations = true;
        }
        if !selection.properties.contains(&ID) {
            selection.properties.insert(0, ID);
        }
        Ok(selection)
    }

    fn first(
        &self,
        catalogue: &Catalogue<'_>,
        refused: impl Fn(&super::properties::Property) -> bool,
    ) -> Option<String> {
        self.properties.iter().find_map(|id| {
            let property = catalogue.property(*id)?;
            refused(property).then(|| property.name.to_owned())
        })
    }

    /// Hides every selected property for which `readable` is false.
    pub(crate) fn hide_unless(&mut self, readable: impl Fn(PropertyId) -> bool) {
        self.hidden = self.properties.iter().copied().filter(|id| !readable(*id)).collect();
    }

    /// Whether a property was asked for by name.
    pub(crate) fn names_property(&self, name: &str) -> bool {
        self.names.iter().any(|selected| selected == name)
    }
}

fn is_relation(catalogue: &Catalogue<'_>, name: &str) -> bool {
    match catalogue.type_name {
        "user" => name == "manager",
        "group" => name == "members",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_property_is_named_in_the_refusal() {
        let error = Selection::parse(Some("id,displayNam"), &Catalogue::users(&[]));
        assert_eq!(
            error.expect_err("unknown").to_string(),
            "Parsing OData Select and Expand failed: Could not find a property named \
             'displayNam' on type 'microsoft.graph.user'."
        );
    }

    #[test]
    fn delta_refuses_what_it_cannot_track() {
        let catalogue = Catalogue::users(&[]);
        assert!(Selection::for_delta(Some("id,signInActivity"), &catalogue).is_err());
        assert!(Selection::for_delta(Some("displayName,manager"), &catalogue).is_ok());
        assert!(Selection::for_list(Some("aboutMe"), &catalogue).is_err());
    }

    #[test]
    fn group_delta_tracks_members_unless_a_select_leaves_them_out() {
        let catalogue = Catalogue::groups();
        let relations = |select| Selection::for_delta(select, &catalogue).expect("valid").relations;
        assert!(relations(None));
        assert!(relations(Some("displayName,members")));
        assert!(!relations(Some("displayName")));
    }
}
