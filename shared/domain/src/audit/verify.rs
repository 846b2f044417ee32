//! Walking a chain from its beginning.

use serde::Serialize;

use super::{AuditHead, SealedEntry, sha256};

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AuditFlaw {
    /// No entry has this number, though a later one or a kept head says that there was one.
    Missing,
    /// The entry's text is not the one that its hash is of.
    Edited,
    /// The entry does not follow the one before it: it was put there, or that one was.
    Displaced,
    /// The entry is not the one that a head kept elsewhere names.
    Rewritten,
}

/// Where a chain is broken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AuditBreak {
    /// At which number.
    pub seq: u64,
    /// How.
    pub flaw: AuditFlaw,
}

/// A walk along a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerifier {
    reached: AuditHead,
    kept: Vec<AuditHead>,
    broken: Option<AuditBreak>,
}

impl AuditVerifier {
    /// From a chain's beginning; `kept` are heads that it had, as they were kept elsewhere.
    pub fn against(kept: Vec<AuditHead>) -> Self {
        Self { reached: AuditHead::beginning(), kept, broken: None }
    }

    /// The same, going on behind an entry up to which the chain was walked before.
    #[must_use]
    pub fn from(self, reached: AuditHead) -> Self {
        Self { reached, ..self }
    }

    /// The next entry. Behind a break nothing can be said any more.
    pub fn step(&mut self, sealed: &SealedEntry) {
        if self.broken.is_some() {
            return;
        }
        let seq = self.reached.seq.saturating_add(1);
        let flaw = if sealed.seq == seq { self.flaw_of(sealed) } else { Some(AuditFlaw::Missing) };
        match flaw {
            Some(flaw) => self.broken = Some(AuditBreak { seq, flaw }),
            None => self.reached = sealed.head(),
        }
    }

    fn flaw_of(&self, sealed: &SealedEntry) -> Option<AuditFlaw> {
        if sha256(sealed.text.as_bytes()) != sealed.hash {
            return Some(AuditFlaw::Edited);
        }
        let follows = sealed
            .entry()
            .is_some_and(|told| told.seq == sealed.seq && told.previous == self.reached.hash);
        if !follows {
            return Some(AuditFlaw::Displaced);
        }
        let mut heads = self.kept.iter().filter(|head| head.seq == sealed.seq);
        heads.any(|head| head.hash != sealed.hash).then_some(AuditFlaw::Rewritten)
    }

    /// How far the chain holds.
    pub fn reached(&self) -> &AuditHead {
        &self.reached
    }

    /// Where the walk came upon a break.
    pub fn broken_so_far(&self) -> Option<AuditBreak> {
        self.broken
    }

    /// Where the chain is broken, once all its entries were walked; `None` when it holds.
    pub fn broken(&self) -> Option<AuditBreak> {
        let kept_is_ahead = self.kept.iter().any(|head| head.seq > self.reached.seq);
        let cut = AuditBreak { seq: self.reached.seq.saturating_add(1), flaw: AuditFlaw::Missing };
        self.broken.or_else(|| kept_is_ahead.then_some(cut))
    }
}
