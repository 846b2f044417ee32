//! A run in a bundle.

use std::collections::BTreeMap;

use contact_sync_domain::plan::{Plan, Summary};
use contact_sync_domain::proof::Proof;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{Deviation, LinkChange, Outcome, Segment, SegmentItem};
use serde_json::{Value, json};

use super::surroundings::limits;
use super::veil::Veil;
use super::{TIME, with};
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, SegmentStore};
use crate::segments::{load_segment, segments_expired};

/// How many people of a run are told one by one.
const MOST_PEOPLE: usize = 500;

/// The numbers of a run's people, by what became of them and why.
type Reasons = BTreeMap<(String, String, String), u64>;

pub(super) async fn told(
    outside: &impl Outside,
    veil: &mut Veil,
    run: &Run,
) -> Result<Value, AdminError> {
    let pages = pages(outside, veil, run).await?;
    let undoes = run.undoes.as_ref().map(|undoes| {
        let contacts = undoes.contacts.len();
        let (since, until) = (undoes.since, undoes.until);
        json!({"runs": undoes.runs, "since": since, "until": until, "contacts": contacts})
    });
    Ok(json!({
        "id": run.id,
        "kind": run.kind,
        "trigger": run.trigger,
        "status": run.status,
        "reason": run.reason.as_deref().map(|reason| veil.sentence(reason)),
        "counts": run.counts,
        "progress": run.progress,
        "settingsVersion": run.settings_version,
        "graph": run.graph,
        "queuedAt": run.queued_at,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "seconds": run.started_at.zip(run.ended_at)
            .map(|(from, to)| to.duration_since(from).as_secs()),
        "reportReady": run.report_ready,
        "gapSeconds": run.gap_seconds,
        "reading": run.reading,
        "kept": run.kept,
        "proof": run.proof.as_ref().map(|proof| proof_told(veil, proof)),
        "plan": run.plan.as_ref().map(|plan| plan_told(veil, plan)),
        "undoes": undoes,
        "requestedBy": run.requested_by.as_ref().map(|by| veil.actor(by)),
        "user": run.user.as_ref().map(|user| veil.id("user", user.as_str())),
        "group": run.group.as_ref().map(|group| veil.id("group", group.as_str())),
        "pages": pages,
    }))
}

/// Hashes of ids could be made by whoever has the ids.
fn proof_told(veil: &Veil, proof: &Proof) -> Value {
    json!({
        "pages": proof.pages,
        "missing": proof.missing,
        "links": proof.links,
        "ids": proof.ids,
        "people": proof.people,
        "xor": veil.rehashed(&proof.xor),
        "apart": proof.apart,
        "open": proof.open,
        "unread": proof.unread,
        "source": proof.source,
        "matched": proof.matched,
        "written": proof.written,
        "writtenXor": proof.written_xor.as_deref().map(|xor| veil.rehashed(xor)),
        "confirmed": proof.confirmed,
    })
}

fn plan_told(veil: &mut Veil, plan: &Plan) -> Value {
    let Summary {
        by_kind,
        by_field,
        by_reason,
        removals,
        leaving,
        guard,
        teams,
        welcomes,
        welcomed,
        unignored,
        new_teams,
        moved,
    } = &plan.summary;
    let by_reason: Vec<Value> = by_reason
        .iter()
        .map(|one| {
            json!({
                "reason": veil.sentence(&one.reason),
                "remedy": one.remedy.as_deref().map(|remedy| veil.sentence(remedy)),
                "count": one.count,
            })
        })
        .collect();
    let approved = plan.approved.as_ref().map(|approved| {
        json!({
            "by": veil.actor(&approved.by),
            "at": approved.at,
            "removals": approved.removals,
            "items": approved.items.as_ref().map(Vec::len),
        })
    });
    json!({
        "hash": veil.rehashed(&plan.hash),
        "pages": plan.pages,
        "basis": plan.basis,
        "madeAt": plan.made_at,
        "expiresAt": plan.expires_at,
        "approved": approved,
        "summary": {
            "byKind": by_kind,
            "byField": by_field,
            "byReason": by_reason,
            "removals": removals,
            "leaving": leaving,
            "guard": {
                "count": guard.count,
                "allowed": guard.allowed,
                "left": guard.left,
                "holds": guard.holds,
                "limits": limits(veil, &guard.limits),
            },
            "teams": teams,
            "welcomes": welcomes,
            "welcomed": welcomed,
            "unignored": unignored,
            "newTeams": new_teams.len(),
            "moved": moved,
        },
    })
}

/// The pages that the run tells by: each in numbers, the people who were not simply right already
/// one by one, and everybody by the reason.
async fn pages(outside: &impl Outside, veil: &mut Veil, run: &Run) -> Result<Value, AdminError> {
    let (store, clock) = (outside.store(), outside.clock());
    let began = clock.now();
    let told = run.told_pages();
    let (mut each, mut people) = (Vec::new(), Vec::new());
    let mut reasons = Reasons::new();
    let expired = run.pages > 0 && segments_expired(run, began);
    let mut complete = !expired;
    for page in told.clone() {
        if expired || clock.now().duration_since(began) > TIME {
            complete = false;
            break;
        }
        let place = (&run.connection_id, &run.id);
        let segment = load_segment(store, outside.blobs(), place.0, place.1, page).await?;
        let Some(segment) = segment else { continue };
        let deviations = store.deviations(place.0, place.1, page).await?;
        let rows = person_by_person(segment, &deviations, veil, &mut each);
        for (outcome, item, reason, remedy) in rows {
            if let Some(reason) = &reason {
                let remedy = remedy.clone().unwrap_or_default();
                *reasons.entry((named(outcome), reason.clone(), remedy)).or_default() += 1;
            }
            let quiet = matches!(outcome, Outcome::Unchanged | Outcome::Skipped | Outcome::Keep);
            if quiet && item.memberships().is_empty() {
                continue;
            }
            if people.len() < MOST_PEOPLE {
                people.push(person(veil, page, &item, outcome, (reason, remedy)));
            } else {
                complete = false;
            }
        }
    }
    let reasons: Vec<Value> = reasons
        .into_iter()
        .map(|((outcome, reason, remedy), count)| {
            let remedy = Some(remedy).filter(|remedy| !remedy.is_empty());
            json!({"outcome": outcome, "reason": reason, "remedy": remedy, "count": count})
        })
        .collect();
    Ok(json!({
        "told": told.len(),
        "kept": !expired,
        "complete": complete,
        "each": each,
        "byReason": reasons,
        "people": people,
    }))
}

type Person = (Outcome, SegmentItem, Option<String>, Option<String>);

/// What became of everybody on a page; the page itself is told in numbers.
fn person_by_person(
    segment: Segment,
    deviations: &[Deviation],
    veil: &mut Veil,
    each: &mut Vec<Value>,
) -> Vec<Person> {
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let told = json!({
        "page": segment.page,
        "phase": segment.phase,
        "generation": segment.generation,
        "fence": segment.fence,
        "people": segment.items.len(),
        "unclear": segment.unclear.len(),
        "deviations": deviations.len(),
    });
    let mut rows = Vec::with_capacity(segment.items.len());
    for item in segment.items {
        let deviation = deviations.iter().rev().find(|other| other.object_id == item.object_id);
        let (item, deviation) = Deviation::instead(item, deviation);
        let outcome = deviation.map_or(item.outcome, |other| other.outcome);
        let (reason, remedy) = match deviation {
            Some(other) => (other.reason.clone(), other.remedy.clone()),
            None => (item.reason.clone(), item.remedy.clone()),
        };
        // What the person has is hidden in the reasons of everybody.
        veil.text_value(item.email.as_deref());
        let reason = reason.map(|text| veil.sentence(&text));
        let remedy = remedy.map(|text| veil.sentence(&text));
        *outcomes.entry(named(outcome)).or_default() += 1;
        rows.push((outcome, item, reason, remedy));
    }
    each.push(with(told, "outcomes", json!(outcomes)));
    rows
}

fn person(
    veil: &mut Veil,
    page: u32,
    item: &SegmentItem,
    outcome: Outcome,
    (reason, remedy): (Option<String>, Option<String>),
) -> Value {
    let teams: Vec<Value> = item
        .memberships()
        .iter()
        .map(|change| {
            let (before, after) = change.stands();
            let team = veil.id("team", change.team_id.as_str());
            json!({"team": team, "before": before, "after": after})
        })
        .collect();
    let matched = item
        .matched
        .as_deref()
        .map(|matched| json!({"key": matched.key, "evidence": matched.evidence.len()}));
    let question = item
        .question
        .as_deref()
        .map(|question| json!({"list": question.list, "candidates": question.candidates.len()}));
    json!({
        "page": page,
        "user": veil.id("user", item.object_id.as_str()),
        "contact": item.contact_id.as_ref().map(|contact| veil.id("contact", contact.as_str())),
        "outcome": outcome,
        "wanted": item.outcome,
        "version": item.version,
        "email": veil.text_value(item.email.as_deref()),
        "fields": veil.changes(&item.fields),
        "pending": veil.changes(&item.pending),
        "link": item.link.as_ref().map(|link| link_told(veil, link)),
        "status": item.status,
        "adopted": item.adopted,
        "matched": matched,
        "question": question,
        "cause": item.cause(),
        "approvedBy": item.approved().map(|approved| veil.actor(&approved.by)),
        "memberships": teams,
        "reason": reason,
        "remedy": remedy,
    })
}

pub(super) fn link_told(veil: &mut Veil, link: &LinkChange) -> Value {
    json!({
        "old": link.old,
        "new": link.new,
        "userPrincipalName": veil.text_value(link.user_principal_name.as_deref()),
        "actsAt": link.acts_at,
        "planned": link.planned,
    })
}

/// An outcome as documents name it.
fn named(outcome: Outcome) -> String {
    json!(outcome).as_str().unwrap_or_default().to_owned()
}
