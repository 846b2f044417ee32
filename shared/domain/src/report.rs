//! Reports: one row for each person a run dealt with.
//!
//! The simple form is `Email,Type,Sync Status,Result`; the extended form adds columns after these
//! and rows for people who were skipped, removed or wait for a decision. Machines read the same
//! people line by line, with every field ([`ReportLine`]).

mod line;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::contact::Target;
use crate::id::{ContactId, ObjectId};
use crate::run::RunKind;
use crate::segment::{Deviation, Outcome, Phase, Segment, SegmentItem};
use crate::standing::Standing;

pub use line::{Changes, ReportEnd, ReportLine};

/// The columns of the simple form.
pub const SIMPLE_HEADER: [&str; 4] = ["Email", "Type", "Sync Status", "Result"];

/// The columns of the extended form.
pub const EXTENDED_HEADER: [&str; 10] = [
    "Email",
    "Type",
    "Sync Status",
    "Result",
    "What Happened",
    "Object Id",
    "Reason",
    "Remedy",
    "Teams",
    "Moved",
];

/// Which columns and rows a report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportForm {
    /// Who was created, updated, unchanged or failed.
    Simple,
    /// Everybody, with what happened and why.
    Extended,
}

/// One person of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    /// The contact's e-mail, or the user's where there is no contact; empty where there is none.
    pub email: String,
    /// Whether there was a contact before.
    pub kind: ContactKind,
    /// What became of the person.
    pub what: Happened,
    /// What the person counts as.
    pub standing: Standing,
    /// The directory user.
    pub object_id: ObjectId,
    /// The contact concerned, where there is one.
    pub contact_id: Option<ContactId>,
    /// What was changed of it.
    pub changes: Changes,
    /// Whether the page told of teams alone: the person is decided about elsewhere, or not at all.
    pub only_teams: bool,
    /// Why; empty where all is well.
    pub reason: String,
    /// What a person can do about it; empty where nothing is needed.
    pub remedy: String,
}

/// Whether there was a contact before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKind {
    /// No.
    New,
    /// Yes, made by sync or by people.
    Existing,
}

/// What became of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Happened {
    /// A contact was made.
    Created,
    /// A contact changed.
    Updated,
    /// The contact was right already.
    Unchanged,
    /// The contact could not be written.
    Failed,
    /// The scope does not mean this user.
    Skipped,
    /// The user left and the contact was dealt with by policy.
    Removed,
    /// The user left and the contact stays as it is: the policy says so, or the user was back.
    Kept,
    /// A person must decide.
    AwaitingReview,
    /// It moved since the plan was made, and was left as it is.
    Left,
}

impl ContactKind {
    /// The word in the column `Type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Existing => "Existing",
        }
    }
}

impl Happened {
    /// The word in the column `What Happened`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Removed => "removed",
            Self::Kept => "kept",
            Self::AwaitingReview => "waiting for review",
            Self::Left => "left as it is",
        }
    }

    /// Whether the contact was written.
    fn wrote(self) -> bool {
        match self {
            Self::Created | Self::Updated | Self::Removed => true,
            Self::Unchanged
            | Self::Failed
            | Self::Skipped
            | Self::Kept
            | Self::AwaitingReview
            | Self::Left => false,
        }
    }

    /// What happened to an item's person when the item came out so.
    pub fn of(item: &SegmentItem, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Create => Self::Created,
            Outcome::Restore if item.version == 0 => Self::Created,
            Outcome::Update | Outcome::Restore => Self::Updated,
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Skipped => Self::Skipped,
            Outcome::Failed => Self::Failed,
            // A collision that the end of the run did not resolve is left to people.
            Outcome::AwaitingReview | Outcome::Deferred => Self::AwaitingReview,
            Outcome::StopUpdating | Outcome::Unlink | Outcome::Deactivate | Outcome::Delete => {
                Self::Removed
            }
            Outcome::Left => Self::Left,
            Outcome::Keep if item.contact_id.is_some() => Self::Kept,
            // Somebody left whom we never knew.
            Outcome::Keep => Self::Skipped,
        }
    }
}

/// The rows of one segment, as things really went. `email_of` gives a contact's present e-mail; it
/// is asked only where the segment holds none.
pub fn rows(
    segment: Segment,
    deviations: &[Deviation],
    email_of: impl Fn(&ContactId) -> Option<String>,
) -> Vec<ReportRow> {
    let deviations: HashMap<&ObjectId, &Deviation> =
        deviations.iter().rev().map(|found| (&found.object_id, found)).collect();
    let only_teams = segment.phase == Phase::Teams;
    segment
        .items
        .into_iter()
        .map(|item| {
            let deviation = deviations.get(&item.object_id).copied();
            let (mut item, deviation) = Deviation::instead(item, deviation);
            let outcome = match deviation {
                Some(Deviation { outcome, reason, remedy, .. }) => {
                    (item.reason, item.remedy) = (reason.clone(), remedy.clone());
                    *outcome
                }
                None => item.outcome,
            };
            let what = Happened::of(&item, outcome);
            ReportRow {
                email: email(&item, what, &email_of),
                kind: kind(&item),
                what,
                standing: Standing::of(&item, outcome),
                changes: changes(&mut item, what),
                only_teams,
                object_id: item.object_id,
                contact_id: item.contact_id,
                reason: item.reason.unwrap_or_default(),
                remedy: item.remedy.unwrap_or_default(),
            }
        })
        .collect()
}

/// What was changed of a person, or would have been; nothing where nothing was to change.
fn changes(item: &mut SegmentItem, what: Happened) -> Changes {
    let (fields, link) = match what {
        Happened::Created
        | Happened::Updated
        | Happened::Removed
        | Happened::Failed
        | Happened::AwaitingReview
        | Happened::Left => (std::mem::take(&mut item.fields), item.link.take()),
        Happened::Unchanged | Happened::Skipped | Happened::Kept => (Vec::new(), None),
    };
    let pending = std::mem::take(&mut item.pending);
    let memberships = match what {
        Happened::Left => Vec::new(),
        _ => item.memberships().to_vec(),
    };
    let moved = item.trace.as_ref().and_then(|trace| trace.moved);
    Changes { fields, pending, link, evidence: item.matched.take(), memberships, moved }
}

fn kind(item: &SegmentItem) -> ContactKind {
    let has_contact = item.contact_id.is_some() && item.outcome != Outcome::Create;
    if has_contact { ContactKind::Existing } else { ContactKind::New }
}

/// The address that the change gave, unless it failed; else the one the segment or contact has.
fn email(
    item: &SegmentItem,
    what: Happened,
    email_of: impl Fn(&ContactId) -> Option<String>,
) -> String {
    let is_written = matches!(what, Happened::Created | Happened::Updated);
    let written = item
        .fields
        .iter()
        .find(|change| is_written && change.field.to_string() == "email")
        .and_then(|change| change.new.as_str())
        .map(str::to_owned);
    written
        .or_else(|| item.email.clone())
        .or_else(|| item.contact_id.as_ref().and_then(email_of))
        .unwrap_or_default()
}

impl ReportRow {
    /// This person's row after a later page of the same run dealt with them again: a contact that
    /// the run made stays new, one that it changed stays changed, though later pages found it
    /// right, and who left stays who left, though later pages found them gone already.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        if later.only_teams {
            return Self { changes: self.changes.moving(later.changes.memberships), ..self };
        }
        if self.only_teams {
            let (before, after) = (self.changes.memberships, later.changes);
            let memberships = before.into_iter().chain(after.memberships).collect();
            return Self { changes: Changes { memberships, ..after }, ..later };
        }
        let standing = later.standing.after(Some(self.standing));
        let outlasts = standing == self.standing && standing != later.standing;
        let left = matches!(standing, Standing::LeftScope | Standing::LeftWaiting | Standing::Gone);
        if outlasts && left {
            let email = if later.email.is_empty() { self.email } else { later.email };
            return Self { email, ..self };
        }
        let wrote = (self.what.wrote(), later.what.wrote());
        let what = if outlasts { self.what } else { later.what };
        let email = if later.email.is_empty() { self.email } else { later.email };
        let kind = if self.what == Happened::Created { self.kind } else { later.kind };
        let contact_id = later.contact_id.or(self.contact_id);
        let changes = self.changes.followed_by(later.changes, wrote);
        Self { email, kind, what, standing, contact_id, changes, ..later }
    }

    /// Whether a report of this form on a run of this kind lists the person.
    pub fn is_listed(&self, kind: RunKind, form: ReportForm) -> bool {
        if self.only_teams {
            return form == ReportForm::Extended && !self.changes.memberships.is_empty();
        }
        match self.what {
            Happened::Created | Happened::Updated | Happened::Failed => true,
            Happened::Unchanged => kind.reads_everybody(),
            Happened::Skipped
            | Happened::Removed
            | Happened::Kept
            | Happened::AwaitingReview
            | Happened::Left => form == ReportForm::Extended,
        }
    }

    /// Whether the lines for machines tell of the person: whoever the extended form lists, and
    /// whoever only joined or left teams.
    pub fn has_line(&self, kind: RunKind) -> bool {
        self.is_listed(kind, ReportForm::Extended) || !self.changes.memberships.is_empty()
    }

    /// The word in the column `Sync Status`.
    pub fn status(&self) -> &'static str {
        if self.what == Happened::Failed { "Failed" } else { "Success" }
    }

    /// The column `Result`: reason and remedy of a failure in sentences, else empty.
    pub fn result(&self) -> String {
        if self.what == Happened::Failed {
            [sentence(&self.reason), sentence(&self.remedy)]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        } else {
            String::new()
        }
    }

    /// The same person's row where the removal that was decided waits: the guard held it back.
    #[must_use]
    pub fn held_back(self) -> Self {
        let remedy = "check whether these people really left; then approve or refuse it in the list \
                      of removals, or restore them in Entra";
        Self { what: Happened::AwaitingReview, remedy: remedy.to_owned(), ..self }
    }

    /// The cells in the order of the form's header, defused.
    pub fn cells(&self, form: ReportForm) -> Vec<String> {
        let result = self.result();
        let (reason, remedy) = (sentence(&self.reason), sentence(&self.remedy));
        let (teams, moved) = (self.changes.teams(), self.changes.moved());
        let mut cells = vec![self.email.as_str(), self.kind.name(), self.status(), &result];
        if form == ReportForm::Extended {
            cells.extend([self.what.name(), self.object_id.as_str(), &reason, &remedy]);
            cells.extend([teams.as_str(), moved.as_str()]);
        }
        cells.into_iter().map(defused).collect()
    }
}

/// A reason or remedy as a sentence of its own. Names of fields and attributes, with which many of
/// them begin, are not spelt anew.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let name = text.split([' ', ':']).next().unwrap_or_default();
    let rest = text.get(name.len()..).unwrap_or_default();
    let is_of_field = Target::parse(name).is_some()
        && [":", " (from ", " is "].into_iter().any(|after| rest.starts_with(after));
    let is_name = name.chars().skip(1).any(|letter| letter.is_uppercase() || letter == '.');
    let mut letters = text.chars();
    let mut sentence = match letters.next() {
        None => return String::new(),
        Some(_) if is_of_field => format!("The field {text}"),
        Some(_) if is_name => text.to_owned(),
        Some(first) => first.to_uppercase().chain(letters).collect(),
    };
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// The columns of a form.
pub fn header(form: ReportForm) -> &'static [&'static str] {
    match form {
        ReportForm::Simple => &SIMPLE_HEADER,
        ReportForm::Extended => &EXTENDED_HEADER,
    }
}

/// A cell that no spreadsheet runs as a formula (OWASP: CSV injection): where it would begin one,
/// also in full-width signs or after spaces, an apostrophe is put before it.
pub fn defused(cell: &str) -> String {
    let begins_formula = |text: &str| {
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
    };
    if begins_formula(cell) || begins_formula(cell.trim_start()) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests;
