//! Which resource a path names.

use super::errors::GraphError;
use super::surroundings::Surrounding;
use crate::directory::members::MemberKind;
use crate::exchange::Incoming;

/// A resource below `/v1.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Users,
    UsersCount,
    UsersDelta,
    User(String),
    UserManager(String),
    MemberOf { user: String, transitive: bool, cast: Option<String> },
    CheckMemberGroups(String),
    GetMemberGroups(String),
    Groups,
    GroupsCount,
    GroupsDelta,
    Group(String),
    Members { group: String, transitive: bool, cast: Option<String> },
    MembersCount { group: String, transitive: bool, cast: Option<String> },
    GetByIds,
    DirectoryObject(String),
    DeletedItems(MemberKind),
    DeletedItem(String),
    Organization(Option<String>),
    Subscriptions,
    Subscription(String),
    Reauthorize(String),
    Batch,
    Around(Surrounding),
}

/// Every endpoint, as the request log names them.
pub(crate) const ENDPOINTS: &[&str] = &[
    "GET /users",
    "GET /users/$count",
    "GET /users/delta",
    "GET /users/{id}",
    "GET /users/{id}/manager",
    "GET /users/{id}/memberOf",
    "GET /users/{id}/memberOf/microsoft.graph.group",
    "GET /users/{id}/memberOf/microsoft.graph.directoryRole",
    "GET /users/{id}/transitiveMemberOf",
    "GET /users/{id}/transitiveMemberOf/microsoft.graph.group",
    "GET /users/{id}/transitiveMemberOf/microsoft.graph.directoryRole",
    "POST /users/{id}/checkMemberGroups",
    "POST /users/{id}/getMemberGroups",
    "GET /users/{id}/registeredDevices",
    "GET /users/{id}/ownedDevices",
    "GET /users/{id}/managedDevices",
    "GET /users/{id}/licenseDetails",
    "GET /users/{id}/mailboxSettings",
    "GET /users/{id}/photo",
    "GET /users/{id}/photo/$value",
    "GET /users/{id}/photos",
    "GET /users/{id}/photos/{size}",
    "GET /users/{id}/photos/{size}/$value",
    "GET /users/{id}/calendarView",
    "GET /users/{id}/calendarView/delta",
    "GET /groups",
    "GET /groups/$count",
    "GET /groups/delta",
    "GET /groups/{id}",
    "GET /groups/{id}/members",
    "GET /groups/{id}/members/$count",
    "GET /groups/{id}/members/microsoft.graph.user",
    "GET /groups/{id}/transitiveMembers",
    "GET /groups/{id}/transitiveMembers/$count",
    "GET /groups/{id}/transitiveMembers/microsoft.graph.user",
    "POST /directoryObjects/getByIds",
    "GET /directoryObjects/{id}",
    "GET /directory/deletedItems/microsoft.graph.user",
    "GET /directory/deletedItems/microsoft.graph.group",
    "GET /directory/deletedItems/{id}",
    "GET /organization",
    "GET /organization/{id}",
    "GET /devices",
    "GET /devices/{id}",
    "GET /deviceManagement/managedDevices",
    "GET /deviceManagement/managedDevices/{id}",
    "GET /subscribedSkus",
    "GET /subscribedSkus/{id}",
    "GET /reports/authenticationMethods/userRegistrationDetails",
    "GET /reports/authenticationMethods/userRegistrationDetails/{id}",
    "GET /directory/administrativeUnits",
    "GET /directory/administrativeUnits/{id}",
    "GET /directory/administrativeUnits/{id}/members",
    "GET /directory/administrativeUnits/{id}/members/$count",
    "GET /directory/administrativeUnits/{id}/members/microsoft.graph.user",
    "GET /directory/administrativeUnits/{id}/members/microsoft.graph.user/$count",
    "GET /contacts",
    "GET /contacts/{id}",
    "GET /subscriptions",
    "POST /subscriptions",
    "GET /subscriptions/{id}",
    "PATCH /subscriptions/{id}",
    "DELETE /subscriptions/{id}",
    "POST /subscriptions/{id}/reauthorize",
    "POST /$batch",
];

pub(super) const DELTA: [&str; 4] =
    ["delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"];

impl Route {
    pub(crate) fn parse(incoming: &Incoming) -> Result<Self, GraphError> {
        let segments = incoming.segments();
        let keyed: Vec<String> = segments.iter().skip(1).flat_map(|s| split_key(s)).collect();
        let path: Vec<&str> = keyed.iter().map(String::as_str).collect();
        Self::of(&path).ok_or_else(|| {
            let segment = path.last().copied().unwrap_or_default();
            GraphError::bad_request(&format!("Resource not found for the segment '{segment}'."))
        })
    }

    fn of(path: &[&str]) -> Option<Self> {
        let own = |text: &str| text.to_owned();
        Some(match path {
            ["$batch"] => Self::Batch,
            ["users"] => Self::Users,
            ["users", "$count"] => Self::UsersCount,
            ["users", delta] if DELTA.contains(delta) => Self::UsersDelta,
            ["users", id] => Self::User(own(id)),
            ["users", id, "manager"] => Self::UserManager(own(id)),
            _ if Surrounding::parse(path).is_some() => Self::Around(Surrounding::parse(path)?),
            ["users", id, list @ ("memberOf" | "transitiveMemberOf"), cast @ ..] => {
                Self::MemberOf {
                    user: own(id),
                    transitive: *list == "transitiveMemberOf",
                    cast: one_cast(cast)?,
                }
            }
            ["users" | "directoryObjects", id, action] => match action_name(action) {
                "checkMemberGroups" => Self::CheckMemberGroups(own(id)),
                "getMemberGroups" => Self::GetMemberGroups(own(id)),
                _ => return None,
            },
            ["groups"] => Self::Groups,
            ["groups", "$count"] => Self::GroupsCount,
            ["groups", delta] if DELTA.contains(delta) => Self::GroupsDelta,
            ["groups", id] => Self::Group(own(id)),
            ["groups", id, list @ ("members" | "transitiveMembers"), rest @ ..] => {
                let (group, transitive) = (own(id), *list == "transitiveMembers");
                match rest.split_last() {
                    Some((&"$count", cast)) => {
                        Self::MembersCount { group, transitive, cast: one_cast(cast)? }
                    }
                    _ => Self::Members { group, transitive, cast: one_cast(rest)? },
                }
            }
            ["directoryObjects", action] if action_name(action) == "getByIds" => Self::GetByIds,
            ["directoryObjects", id] => Self::DirectoryObject(own(id)),
            ["directory", "deletedItems", cast] if cast.starts_with("microsoft.graph.") => {
                Self::DeletedItems(MemberKind::from_cast(cast)?)
            }
            ["directory", "deletedItems", id] => Self::DeletedItem(own(id)),
            ["organization"] => Self::Organization(None),
            ["organization", id] => Self::Organization(Some(own(id))),
            ["subscriptions"] => Self::Subscriptions,
            ["subscriptions", id] => Self::Subscription(own(id)),
            ["subscriptions", id, action] if action_name(action) == "reauthorize" => {
                Self::Reauthorize(own(id))
            }
            _ => return None,
        })
    }

    /// Name for counting.
    pub(crate) fn template(&self) -> String {
        let cast = |cast: &Option<String>| {
            cast.as_deref().map(|cast| format!("/{cast}")).unwrap_or_default()
        };
        let list = |transitive: bool, direct: &str, nested: &str| {
            if transitive { nested.to_owned() } else { direct.to_owned() }
        };
        match self {
            Self::Users => "/users".to_owned(),
            Self::UsersCount => "/users/$count".to_owned(),
            Self::UsersDelta => "/users/delta".to_owned(),
            Self::User(_) => "/users/{id}".to_owned(),
            Self::UserManager(_) => "/users/{id}/manager".to_owned(),
            Self::MemberOf { transitive, cast: to, .. } => {
                let name = list(*transitive, "memberOf", "transitiveMemberOf");
                format!("/users/{{id}}/{name}{}", cast(to))
            }
            Self::CheckMemberGroups(_) => "/users/{id}/checkMemberGroups".to_owned(),
            Self::GetMemberGroups(_) => "/users/{id}/getMemberGroups".to_owned(),
            Self::Groups => "/groups".to_owned(),
            Self::GroupsCount => "/groups/$count".to_owned(),
            Self::GroupsDelta => "/groups/delta".to_owned(),
            Self::Group(_) => "/groups/{id}".to_owned(),
            Self::Members { transitive, cast: to, .. } => {
                format!(
                    "/groups/{{id}}/{}{}",
                    list(*transitive, "members", "transitiveMembers"),
                    cast(to)
                )
            }
            Self::MembersCount { transitive, cast: to, .. } => {
                let name = list(*transitive, "members", "transitiveMembers");
                format!("/groups/{{id}}/{name}{}/$count", cast(to))
            }
            Self::GetByIds => "/directoryObjects/getByIds".to_owned(),
            Self::DirectoryObject(_) => "/directoryObjects/{id}".to_owned(),
            Self::DeletedItems(kind) => {
                format!("/directory/deletedItems/{}", kind.odata_type().trim_start_matches('#'))
            }
            Self::DeletedItem(_) => "/directory/deletedItems/{id}".to_owned(),
            Self::Organization(None) => "/organization".to_owned(),
            Self::Organization(Some(_)) => "/organization/{id}".to_owned(),
            Self::Subscriptions => "/subscriptions".to_owned(),
            Self::Subscription(_) => "/subscriptions/{id}".to_owned(),
            Self::Reauthorize(_) => "/subscriptions/{id}/reauthorize".to_owned(),
            Self::Batch => "/$batch".to_owned(),
            Self::Around(surrounding) => surrounding.template().to_owned(),
        }
    }
}

/// The template of a request that a fault answered.
pub(crate) fn fault_template(incoming: &Incoming) -> String {
    if crate::simulation::is_graph(incoming) {
        return Route::parse(incoming)
            .map_or_else(|_| "unknown".to_owned(), |route| route.template());
    }
    let segments = incoming.segments();
    let rest: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    format!("/{{tenant}}/{}", rest.join("/"))
}

/// Splits the key form `users('x')` into `users` and `x`; quotes in the key are doubled.
fn split_key(segment: &str) -> Vec<String> {
    let key =
        segment.split_once("('").and_then(|(name, rest)| Some((name, rest.strip_suffix("')")?)));
    match key {
        Some((name, key)) => vec![name.to_owned(), key.replace("''", "'")],
        None => vec![segment.to_owned()],
    }
}

/// No cast, or one; anything else is no path.
#[expect(clippy::option_option, reason = "outer: is it a path; inner: is there a cast")]
fn one_cast(segments: &[&str]) -> Option<Option<String>> {
    match segments {
        [] => Some(None),
        [cast] if cast.starts_with("microsoft.graph.") => Some(Some((*cast).to_owned())),
        _ => None,
    }
}

/// Actions may be written with their namespace.
fn action_name(segment: &str) -> &str {
    segment.strip_prefix("microsoft.graph.").unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn route(path: &str) -> Option<Route> {
        Route::parse(&Incoming::new(Method::GET, path, "")).ok()
    }

    #[test]
    fn every_listed_endpoint_is_routed_under_its_name() {
        for endpoint in ENDPOINTS {
            let (_, template) = endpoint.split_once(' ').expect("method and path");
            let path = template.replace("{id}", "1b2c").replace("{size}", "48x48");
            let found = route(&format!("/v1.0{path}")).map(|route| route.template());
            assert_eq!(found.as_deref(), Some(template));
        }
    }

    #[test]
    fn delta_has_four_spellings() {
        for spelling in DELTA {
            assert_eq!(route(&format!("/v1.0/users/{spelling}")), Some(Route::UsersDelta));
            assert_eq!(route(&format!("/v1.0/groups/{spelling}")), Some(Route::GroupsDelta));
        }
    }

    #[test]
    fn keys_may_be_quoted_and_encoded() {
        assert_eq!(
            route("/v1.0/users/ana_x.example%23EXT%23@contoso.onmicrosoft.example"),
            Some(Route::User("ana_x.example#EXT#@contoso.onmicrosoft.example".to_owned()))
        );
        assert_eq!(route("/v1.0/users('$x@y.com')"), Some(Route::User("$x@y.com".to_owned())));
        assert_eq!(route("/v1.0/planets"), None);
    }
}
