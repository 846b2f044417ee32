//! What a run did and what it cost, in numbers.

use serde::{Deserialize, Serialize};

/// What happened to the people of a run. `seen = in_scope + skipped` and
/// `in_scope = created + updated + unchanged + failed + awaiting_review`; removed stands apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Directory users read.
    pub seen: u64,
    /// Of them, those the scope means.
    pub in_scope: u64,
    /// Contacts made.
    pub created: u64,
    /// Contacts changed.
    pub updated: u64,
    /// Contacts that were right already.
    pub unchanged: u64,
    /// Users outside the scope.
    pub skipped: u64,
    /// Users whose contact could not be written, each with its reason in the report.
    pub failed: u64,
    /// Linked users that left the directory or the scope and were dealt with.
    pub removed: u64,
    /// Users (or removals, which are not `seen`) that wait for a person's decision.
    pub awaiting_review: u64,
}

/// What a run asked of Graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GraphCost {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Resource units that Graph's answers named (`x-ms-resource-unit`).
    pub resource_units: u64,
}

impl GraphCost {
    /// Adds another's numbers.
    pub fn add(&mut self, other: GraphCost) {
        self.requests += other.requests;
        self.resource_units += other.resource_units;
    }
}
