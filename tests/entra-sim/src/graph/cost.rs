//! Resource units a request costs.

use super::route::Route;
use crate::exchange::Incoming;

/// Base cost; `$select` takes one off, `$expand` adds one, `$top` below 20 takes one off; at
/// least one. Batches cost what their items cost; the subscription service counts apart.
pub(crate) fn units(route: &Route, incoming: &Incoming) -> f64 {
    let base: i32 = match route {
        Route::Batch | Route::Subscriptions | Route::Subscription(_) | Route::Reauthorize(_) => {
            return 0.0;
        }
        Route::Around(surrounding) if surrounding.base_units() == 0 => return 0.0,
        Route::Around(surrounding) => surrounding.base_units(),
        Route::GetByIds => {
            return if incoming.parameter("$select").is_some() { 2.0 } else { 5.0 };
        }
        Route::Users | Route::MemberOf { .. } | Route::GetMemberGroups(_) => 2,
        Route::Members { transitive: false, .. }
        | Route::MembersCount { transitive: false, .. } => 3,
        Route::Members { transitive: true, .. } | Route::MembersCount { transitive: true, .. } => 5,
        Route::CheckMemberGroups(_) => 4,
        Route::UsersCount
        | Route::UsersDelta
        | Route::User(_)
        | Route::UserManager(_)
        | Route::Groups
        | Route::GroupsCount
        | Route::GroupsDelta
        | Route::Group(_)
        | Route::DirectoryObject(_)
        | Route::DeletedItems(_)
        | Route::DeletedItem(_)
        | Route::Organization(_) => 1,
    };
    let select = i32::from(incoming.parameter("$select").is_some());
    let expand = i32::from(incoming.parameter("$expand").is_some());
    let top = incoming.parameter("$top").and_then(|top| top.parse::<u32>().ok());
    let small = i32::from(top.is_some_and(|top| top < 20));
    f64::from((base - select + expand - small).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn costs_follow_the_published_table() {
        let cases = [
            ("/v1.0/users", "", 2.0),
            ("/v1.0/users", "$select=id&$top=999", 1.0),
            ("/v1.0/users/x", "", 1.0),
            ("/v1.0/groups/x/members", "", 3.0),
            ("/v1.0/groups/x/transitiveMembers/microsoft.graph.user", "$top=999", 5.0),
            ("/v1.0/groups/x/transitiveMembers", "$select=id&$top=10", 3.0),
            ("/v1.0/directoryObjects/getByIds", "", 5.0),
            ("/v1.0/users/delta", "$select=id", 1.0),
            ("/v1.0/users", "$expand=manager", 3.0),
        ];
        for (path, query, expected) in cases {
            let incoming = Incoming::new(Method::GET, path, query);
            let route = Route::parse(&incoming).expect("known path");
            assert!((units(&route, &incoming) - expected).abs() < f64::EPSILON, "{path}?{query}");
        }
    }
}
