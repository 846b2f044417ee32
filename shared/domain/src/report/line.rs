//! A report for machines: one JSON object for each person, and one at the end for the run.
//!
//! Nothing is defused here: what a spreadsheet would run, a program reads as text.

use jiff::Timestamp;
use serde::Serialize;

use super::ReportRow;
use crate::drift::Moved;
use crate::id::{ContactId, ObjectId, RunId, TeamId};
use crate::matching::Match;
use crate::proof::Proof;
use crate::run::{Counts, Run, RunKind, RunStatus, Trigger};
use crate::segment::{FieldChange, LinkChange, MembershipChange};
use crate::team::role_of;

/// What became of one person, with every field that changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportLine<'a> {
    email: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    result: String,
    happened: &'static str,
    object_id: &'a ObjectId,
    contact_id: Option<&'a ContactId>,
    reason: Option<&'a str>,
    remedy: Option<&'a str>,
    fields: &'a [FieldChange],
    pending: &'a [FieldChange],
    link: Option<&'a LinkChange>,
    evidence: Option<&'a Match>,
    memberships: Vec<MembershipLine<'a>>,
    /// The sides that moved, as a drift audit found out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved: Vec<Moved>,
}

/// A team that a person joined or left, or that something else holds him in now.
#[derive(Debug, Serialize)]
struct MembershipLine<'a> {
    team: &'a TeamId,
    change: &'static str,
    /// The role that a group gives there afterwards.
    role: Option<&'a str>,
    /// Of a drift audit, which side moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

impl<'a> MembershipLine<'a> {
    fn of(change: &'a MembershipChange) -> Self {
        Self {
            team: &change.team_id,
            change: change.name(),
            role: role_of(&change.new),
            moved: change.moved,
        }
    }
}

impl<'a> ReportLine<'a> {
    /// The line of a row.
    pub fn of(row: &'a ReportRow) -> Self {
        let text = |text: &'a str| (!text.is_empty()).then_some(text);
        Self {
            email: text(&row.email),
            kind: row.kind.name(),
            status: row.status(),
            result: row.result(),
            happened: row.what.name(),
            object_id: &row.object_id,
            contact_id: row.contact_id.as_ref(),
            reason: text(&row.reason),
            remedy: text(&row.remedy),
            fields: &row.changes.fields,
            pending: &row.changes.pending,
            link: row.changes.link.as_ref(),
            evidence: row.changes.evidence.as_deref(),
            memberships: row.changes.memberships.iter().map(MembershipLine::of).collect(),
            moved: row.changes.sides(),
        }
    }
}

/// The last line: the run with its counts and its proof. A file without it is not whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportEnd<'a> {
    run: RunEnd<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunEnd<'a> {
    id: &'a RunId,
    kind: RunKind,
    trigger: Trigger,
    status: RunStatus,
    reason: Option<&'a str>,
    settings_version: u64,
    counts: &'a Counts,
    proof: Option<&'a Proof>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// People in the lines above.
    people: usize,
}

impl<'a> ReportEnd<'a> {
    /// The end of a report that tells of so many people.
    pub fn of(run: &'a Run, people: usize) -> Self {
        Self {
            run: RunEnd {
                id: &run.id,
                kind: run.kind,
                trigger: run.trigger,
                status: run.status,
                reason: run.reason.as_deref(),
                settings_version: run.settings_version,
                counts: &run.counts,
                proof: run.proof.as_ref(),
                started_at: run.started_at,
                ended_at: run.ended_at,
                people,
            },
        }
    }
}

/// What a run changed of a person, over all its pages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Field by field what was written; where nothing was, what would have been.
    pub fields: Vec<FieldChange>,
    /// Changes of fields that wait for a person's decision.
    pub pending: Vec<FieldChange>,
    /// What became of the link.
    pub link: Option<LinkChange>,
    /// What led to a contact that existed before.
    pub evidence: Option<Box<Match>>,
    /// Teams that were joined and left, in their order.
    pub memberships: Vec<MembershipChange>,
    /// Of a drift audit, which side moved of the contact; of a membership its change says it.
    pub moved: Option<Moved>,
}

impl Changes {
    /// The sides that moved, as a drift audit found out, each once in the order of [`Moved::ALL`].
    pub(super) fn sides(&self) -> Vec<Moved> {
        let of_memberships = self.memberships.iter().filter_map(|change| change.moved);
        let found: Vec<Moved> = self.moved.into_iter().chain(of_memberships).collect();
        Moved::ALL.into_iter().filter(|side| found.contains(side)).collect()
    }

    /// The sides that moved, as one cell.
    pub(super) fn moved(&self) -> String {
        self.sides().into_iter().map(Moved::name).collect::<Vec<_>>().join("; ")
    }

    /// The teams that were joined and left, as one cell.
    pub(super) fn teams(&self) -> String {
        let told: Vec<String> = self
            .memberships
            .iter()
            .map(MembershipLine::of)
            .map(|line| match line.role {
                Some(role) => format!("{} {} ({role})", line.change, line.team),
                None => format!("{} {}", line.change, line.team),
            })
            .collect();
        told.join("; ")
    }

    /// The same with what a later page told of teams.
    #[must_use]
    pub(super) fn moving(mut self, later: Vec<MembershipChange>) -> Self {
        self.memberships.extend(later);
        self
    }

    /// The changes of an earlier page and of a later one as one; `wrote` says of each whether it
    /// wrote the contact.
    #[must_use]
    pub(super) fn followed_by(self, later: Self, (wrote, writes): (bool, bool)) -> Self {
        let evidence = later.evidence.or(self.evidence);
        let moved = later.moved.or(self.moved);
        let pending = later.pending;
        let memberships = self.memberships.into_iter().chain(later.memberships).collect();
        let (fields, link) = match (wrote, writes) {
            // What was only wanted before is wanted anew, or done by now.
            (false, _) => (later.fields, later.link),
            (true, false) => (self.fields, self.link),
            (true, true) => (folded(self.fields, later.fields), linked(self.link, later.link)),
        };
        Self { fields, pending, link, evidence, memberships, moved }
    }
}

/// Each field once, from its first value to its last; none that ends as it began.
fn folded(earlier: Vec<FieldChange>, later: Vec<FieldChange>) -> Vec<FieldChange> {
    let mut fields = earlier;
    for change in later {
        match fields.iter_mut().find(|known| known.field == change.field) {
            Some(known) => *known = FieldChange { old: known.old.take(), ..change },
            None => fields.push(change),
        }
    }
    fields.retain(|change| change.old != change.new);
    fields
}

fn linked(earlier: Option<LinkChange>, later: Option<LinkChange>) -> Option<LinkChange> {
    match (earlier, later) {
        (Some(earlier), Some(later)) => Some(LinkChange { old: earlier.old, ..later }),
        (earlier, later) => later.or(earlier),
    }
}
