//! Which reading of the directory a page is of, and where the pass goes on behind it.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::proof::Proof;
use contact_sync_domain::segment::{NextStep, Phase, Segment};
use contact_sync_domain::sync_state::{Checkpoint, DeltaCursor, Stage};

use super::pass::{Held, Pass};
use super::short_digest;

/// Which reading of the directory a segment was decided from.
#[derive(PartialEq)]
pub(super) struct Reading {
    phase: Phase,
    generation: u32,
    link_hash: String,
}

impl Reading {
    pub(super) fn of(segment: &Segment) -> Self {
        Self {
            phase: segment.phase,
            generation: segment.generation,
            link_hash: segment.link_hash.clone(),
        }
    }
}

/// Whether a segment is of the reading that its run is about: a page of an abandoned listing is
/// finished, but does not say where the run goes on.
pub(super) fn leads_on(point: &Checkpoint, segment: &Segment) -> bool {
    let link = match (segment.phase, &point.stage) {
        (Phase::List, Stage::List { link }) => link.clone().unwrap_or_default(),
        (Phase::Drain, Stage::Drain { link }) | (Phase::Delta, Stage::Delta { link }) => {
            link.clone()
        }
        // A look in the middle of a listing moves its own cursor only, reads by id none.
        (Phase::Delta, _) => return point.reads_everybody(),
        (Phase::Reread | Phase::Judgement | Phase::Teams | Phase::Undo | Phase::Apply, _) => {
            return true;
        }
        (Phase::List | Phase::Drain, _) => return false,
    };
    segment.generation == point.generation && segment.link_hash == short_digest(&link)
}

/// A digest that tells one set of people from another, where no link was called.
pub(super) fn people_hash<'i>(users: impl Iterator<Item = &'i ObjectId>) -> String {
    let mut proof = Proof::default();
    users.for_each(|user| proof.add_person(user));
    proof.xor
}

/// Where the pass goes on behind a page.
pub(super) fn advance(
    held: &mut Held,
    pass: &mut Pass,
    phase: Phase,
    next: &NextStep,
    now: jiff::Timestamp,
) {
    let cursor = |link: &str, select_hash: String| DeltaCursor {
        link: link.to_owned(),
        select_hash,
        issued_at: now,
    };
    // A token goes on tracking what it was made for, whatever the settings read by now.
    let tracked = held.work.users_delta.as_ref().map(|cursor| cursor.select_hash.clone());
    let tracked = tracked.unwrap_or_default();
    let baseline = || pass.point.baseline.clone().unwrap_or_default();
    if let (Phase::Apply, NextStep::Next(page)) = (phase, next) {
        if let Ok(page) = page.parse() {
            pass.point.stage = Stage::Apply { page };
        }
        return;
    }
    if let (Phase::Undo, NextStep::Next(place)) = (phase, next) {
        if let Some(stage) = undo_stage(place) {
            pass.point.stage = stage;
        }
        return;
    }
    let stage = match (pass.point.reads_everybody(), phase, next) {
        (true, Phase::List, NextStep::Next(link)) => Stage::List { link: Some(link.clone()) },
        (true, Phase::List, NextStep::End | NextStep::Delta(_)) => {
            Stage::Drain { link: baseline() }
        }
        (true, Phase::Drain, NextStep::Next(link)) => Stage::Drain { link: link.clone() },
        (true, Phase::Drain, NextStep::Delta(link)) => {
            held.work.users_delta = Some(cursor(link, pass.point.select_hash.clone()));
            Stage::Absence
        }
        // A look at what changed in the middle of a listing: only the cursor moves.
        (true, Phase::Delta, NextStep::Delta(link)) => {
            held.work.users_delta = Some(cursor(link, tracked));
            return;
        }
        (false, Phase::Delta, NextStep::Next(link)) => Stage::Delta { link: link.clone() },
        (false, Phase::Delta, NextStep::Delta(link)) => {
            held.work.users_delta = Some(cursor(link, tracked));
            Stage::Takeovers
        }
        (true, Phase::Drain, NextStep::End)
        | (true, Phase::Delta, NextStep::Next(_) | NextStep::End)
        | (false, Phase::Delta, NextStep::End)
        | (false, Phase::List | Phase::Drain, _)
        | (_, Phase::Reread | Phase::Judgement | Phase::Teams | Phase::Undo | Phase::Apply, _) => {
            return;
        }
    };
    pass.point.stage = stage;
}

/// The place `run.left.behind` of a page that takes back, where `left` is empty before any page of
/// the run, and `behind` before any decision.
fn undo_stage(place: &str) -> Option<Stage> {
    let mut parts = place.split('.');
    let run = parts.next()?.parse().ok()?;
    let left = parts.next().filter(|left| !left.is_empty());
    let left = left.map(str::parse).transpose().ok()?;
    let behind = parts.next().and_then(|behind| behind.parse().ok());
    Some(Stage::Undo { run, left, teams: None, behind })
}
