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
    /// Questions put to people about others than those: of whom a part is written and a part
    /// waits, or who left and of whom more is planned. Not those about records that failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub asked: u64,
}

impl Counts {
    /// Whether something waits for a person since this run, or still.
    pub fn asks(&self) -> bool {
        self.awaiting_review > 0 || self.asked > 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
