//! The query plan: how a full run reads everybody whom a scope may mean, and what that costs.
//!
//! A scope by group needs its groups' members anyway. Their people can then be read by their ids,
//! which never touches the rest of the directory; listing the directory is cheaper once about half
//! of it is meant.

use serde::{Deserialize, Serialize};

use crate::run::GraphCost;

/// People on a page of a listing (Graph: `$top`).
const LISTED: u64 = 999;

/// People in one read by ids (Graph: `getByIds`).
const BY_IDS: u64 = 1_000;

/// People in one request for the managers of people who were read by ids: such a read expands
/// nothing (Graph: values in one `in`).
const BY_FILTER: u64 = 15;

/// Resource units of Graph's requests, `$select` deducted (Graph: throttling limits).
mod units {
    pub(super) const USERS_PAGE: u64 = 1;
    /// What expanding the manager adds to a page of users.
    pub(super) const EXPANDED: u64 = 1;
    pub(super) const BY_IDS: u64 = 2;
    pub(super) const MEMBERS_PAGE: u64 = 2;
    pub(super) const TRANSITIVE_MEMBERS_PAGE: u64 = 4;
    /// Of an administrative unit: among what the table calls other reads.
    pub(super) const UNIT_PAGE: u64 = 1;
    /// A delta page, a fresh delta token, a count.
    pub(super) const OTHER: u64 = 1;
}

/// How a full run reads people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    /// Lists the whole directory.
    #[default]
    Directory,
    /// Reads the members of the scope's groups and administrative units by their ids.
    Members,
}

/// A group or administrative unit whose members a scope needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberList {
    /// How many members it has, groups and devices among them included.
    pub members: u64,
    /// Of what.
    pub of: ListOf,
}

/// Of what a list of members is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOf {
    /// A group, alone.
    Group,
    /// A group and those inside it.
    NestedGroups,
    /// An administrative unit.
    Unit,
}

/// What a plan is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// How many users the directory has; `None` when Graph does not say.
    pub users: Option<u64>,
    /// The groups and units that the scope names, ignored ones included.
    pub lists: Vec<MemberList>,
    /// How many different people the groups and units that are meant have; `None` where the scope
    /// means people outside them too.
    pub people: Option<u64>,
    /// Whether everybody's manager is read too.
    pub managers: bool,
}

/// A plan: both ways with their costs, and the one that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryPlan {
    /// The way that a full run takes.
    pub reading: Reading,
    /// What a full run that finds no changes costs that way.
    pub cost: GraphCost,
    /// What listing the directory would cost; absent where Graph does not count its users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<GraphCost>,
    /// What reading the members would cost; absent where the scope means others than members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<GraphCost>,
}

impl QueryPlan {
    /// The cheapest plan: by resource units, which Graph throttles by, then by requests. Where it
    /// is not known what listing costs, the directory is listed: that needs no other numbers to be
    /// right.
    pub fn cheapest(sizes: &Sizes) -> Self {
        let common = common(sizes);
        let total = |own: GraphCost| {
            let mut total = common;
            total.add(own);
            total
        };
        let expanded = if sizes.managers { units::EXPANDED } else { 0 };
        let directory =
            sizes.users.map(|users| total(pages(users, LISTED, units::USERS_PAGE + expanded)));
        let members = sizes.people.map(|people| {
            let mut cost = pages(people, BY_IDS, units::BY_IDS);
            if sizes.managers {
                cost.add(managers(people));
            }
            total(cost)
        });
        let rank = |cost: GraphCost| (cost.resource_units, cost.requests);
        let (reading, cost) = match (directory, members) {
            (Some(directory), Some(members)) if rank(members) < rank(directory) => {
                (Reading::Members, members)
            }
            (Some(directory), _) => (Reading::Directory, directory),
            (None, _) => (Reading::Directory, common),
        };
        Self { reading, cost, directory, members }
    }
}

/// What every full run asks: two delta tokens (that of groups where it names any), a count of users,
/// the members of groups and units, and the closing delta.
fn common(sizes: &Sizes) -> GraphCost {
    let asked = |requests| GraphCost { requests, resource_units: requests * units::OTHER };
    let mut cost = asked(3);
    if sizes.lists.iter().any(|list| list.of != ListOf::Unit) {
        cost.add(asked(1));
    }
    for list in &sizes.lists {
        let unit = match list.of {
            ListOf::Group => units::MEMBERS_PAGE,
            ListOf::NestedGroups => units::TRANSITIVE_MEMBERS_PAGE,
            ListOf::Unit => units::UNIT_PAGE,
        };
        cost.add(pages(list.members, LISTED, unit));
    }
    cost
}

/// The managers of people who are read by ids, packet by packet.
fn managers(people: u64) -> GraphCost {
    let requests =
        (people / BY_IDS) * BY_IDS.div_ceil(BY_FILTER) + (people % BY_IDS).div_ceil(BY_FILTER);
    GraphCost { requests, resource_units: requests * (units::USERS_PAGE + units::EXPANDED) }
}

/// At least one page: that there is nobody must be read too.
fn pages(people: u64, on_a_page: u64, units: u64) -> GraphCost {
    let requests = people.div_ceil(on_a_page).max(1);
    GraphCost { requests, resource_units: requests * units }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_group(users: u64, members: u64) -> QueryPlan {
        QueryPlan::cheapest(&Sizes {
            users: Some(users),
            lists: vec![MemberList { members, of: ListOf::NestedGroups }],
            people: Some(members),
            managers: false,
        })
    }

    #[test]
    fn managers_make_a_large_group_dearer_than_the_directory() {
        for (users, members, expected, requests, units) in [
            (100_000, 50, Reading::Members, 4 + 1 + 1 + 4, 4 + 4 + 2 + 8),
            (100_000, 1_000, Reading::Members, 4 + 2 + 1 + 67, 4 + 8 + 2 + 134),
            // 3,334 requests one after the other, where listing takes 101.
            (100_000, 50_000, Reading::Directory, 4 + 51 + 101, 4 + 204 + 202),
        ] {
            let plan = QueryPlan::cheapest(&Sizes {
                users: Some(users),
                lists: vec![MemberList { members, of: ListOf::NestedGroups }],
                people: Some(members),
                managers: true,
            });
            assert_eq!(plan.reading, expected, "{members} of {users}");
            let cost = GraphCost { requests, resource_units: units };
            assert_eq!(plan.cost, cost, "{members} of {users}");
        }
    }

    #[test]
    fn a_small_group_never_costs_a_large_directory() {
        for (users, members, expected, requests) in [
            (5_000, 50, Reading::Members, 6),
            (100_000, 50, Reading::Members, 6),
            (100_000, 40_000, Reading::Members, 4 + 41 + 40),
            // Half of the people by their ids costs what all of them cost by listing.
            (100_000, 60_000, Reading::Directory, 4 + 61 + 101),
            (5_000, 0, Reading::Members, 6),
            (900, 50, Reading::Directory, 6),
        ] {
            let plan = by_group(users, members);
            assert_eq!(plan.reading, expected, "{members} of {users}");
            assert_eq!(plan.cost.requests, requests, "{members} of {users}");
        }
    }

    #[test]
    fn an_administrative_unit_costs_a_page_of_its_own_and_no_token_of_groups() {
        let of = |list: &[ListOf]| {
            let lists = list.iter().map(|of| MemberList { members: 1_000, of: *of }).collect();
            let sizes = Sizes { users: Some(50_000), lists, people: Some(1_000), managers: false };
            QueryPlan::cheapest(&sizes).cost
        };
        // Two tokens and a count, two pages of members, one read by ids.
        assert_eq!(
            of(&[ListOf::Unit]),
            GraphCost { requests: 3 + 2 + 1, resource_units: 3 + 2 + 2 }
        );
        let both = GraphCost { requests: 4 + 2 + 2 + 1, resource_units: 4 + 2 + 4 + 2 };
        assert_eq!(of(&[ListOf::Unit, ListOf::Group]), both);
    }

    #[test]
    fn whoever_is_meant_outside_groups_needs_the_directory() {
        let plan = QueryPlan::cheapest(&Sizes {
            users: Some(5_000),
            lists: Vec::new(),
            people: None,
            managers: false,
        });
        assert_eq!(plan.reading, Reading::Directory);
        assert_eq!(plan.cost, GraphCost { requests: 3 + 6, resource_units: 3 + 6 });
        assert_eq!(plan.members, None);
    }

    #[test]
    fn a_directory_that_tells_no_count_is_listed() {
        let sizes = Sizes {
            users: None,
            lists: vec![MemberList { members: 5, of: ListOf::Group }],
            people: Some(5),
            managers: false,
        };
        let plan = QueryPlan::cheapest(&sizes);
        assert_eq!((plan.reading, plan.directory), (Reading::Directory, None));
        assert_eq!(plan.members, Some(GraphCost { requests: 6, resource_units: 4 + 2 + 2 }));
    }
}
