//! Taking a person out of what runs left: their pages, the files of their reports, told events.
//!
//! It is done in slices: each request goes on where the one before came to, which the receipt knows.

use contact_sync_domain::erasure::{
    ErasureReceipt, ErasureState, Erasures, Redaction, RedactionPlace,
};
use contact_sync_domain::redaction::Forgotten;
use contact_sync_domain::run::Run;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{AdminError, Outside};
use crate::port::{Clock, ConnectionStore, ErasureStore, RunStore, SegmentStore};
use crate::report::redact_report;
use crate::segments::alter_segment;

/// After so long a slice ends: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(18);

/// How many pages are gone through between two looks at the time.
const PAGES: u32 = 64;

/// How many of them at the same time.
const TOGETHER: usize = 16;

/// How many runs are read at once.
const RUNS: u16 = 100;

/// Goes on until nothing tells of the person any more, or time is up; answers the receipt as it
/// stands then.
pub(super) async fn redact(
    outside: &impl Outside,
    receipt: ErasureReceipt,
) -> Result<ErasureReceipt, AdminError> {
    let until = outside.clock().now() + TIME;
    let mut receipt = receipt;
    let Some(mut redaction) = receipt.redaction.clone() else { return Ok(receipt) };
    while let Some(from) = redaction.events {
        let (account, contact) = (&receipt.account_id, &receipt.contact_id);
        let (events, next) = outside.store().forget_events(account, contact, from).await?;
        receipt.found = receipt.found.and(Erasures { events, ..Erasures::default() });
        redaction.events = next;
        if outside.clock().now() >= until {
            return keep(outside, receipt, Some(redaction)).await;
        }
    }
    let is_through = redact_runs(outside, &mut receipt, &mut redaction, until).await?;
    keep(outside, receipt, (!is_through).then_some(redaction)).await
}

async fn keep(
    outside: &impl Outside,
    receipt: ErasureReceipt,
    redaction: Option<Redaction>,
) -> Result<ErasureReceipt, AdminError> {
    let mut kept = ErasureReceipt { version: receipt.version + 1, redaction, ..receipt };
    if kept.redaction.is_none() {
        kept.state = ErasureState::Done;
        kept.person = None;
        kept.history_until = outside.clock().now();
    }
    if outside.store().put_receipt(&kept).await? { Ok(kept) } else { Err(AdminError::Moved) }
}

/// Goes through the runs of all connections, newest first; whether there is none left.
async fn redact_runs(
    outside: &impl Outside,
    receipt: &mut ErasureReceipt,
    redaction: &mut Redaction,
    until: Timestamp,
) -> Result<bool, AdminError> {
    let store = outside.store();
    let (account, contact) = (receipt.account_id.clone(), receipt.contact_id.clone());
    let person = receipt.person.clone().unwrap_or_default();
    let user = person.user.map(|user| user.object_id);
    let mut connections = store.connections(&account).await?;
    connections.sort_by(|one, other| one.id.cmp(&other.id));
    for connection in connections {
        if redaction.at.as_ref().is_some_and(|at| connection.id < at.connection) {
            continue;
        }
        let stands_for = redaction.stands_for.clone();
        let forgotten = Forgotten {
            account: &account,
            tenant: connection.tenant.as_ref().map(|tenant| &tenant.id),
            contact: &contact,
            user: user.as_ref(),
            stands_for: &stands_for,
        };
        let mut cursor: Option<String> = None;
        loop {
            let page = store.runs(&account, &connection.id, cursor.as_deref(), RUNS).await?;
            let Some(page) = page else { break };
            for run in page.runs {
                let at = redaction.at.as_ref().filter(|at| at.connection == connection.id);
                if at.is_some_and(|at| run.id > at.run) {
                    continue;
                }
                let from = at.filter(|at| at.run == run.id).map_or(0, |at| at.page);
                let (found, reached) = redact_run(outside, &forgotten, &run, from, until).await?;
                receipt.found = receipt.found.and(found);
                redaction.at = Some(RedactionPlace {
                    connection: connection.id.clone(),
                    run: run.id.clone(),
                    page: reached.unwrap_or(u32::MAX),
                });
                if reached.is_some() || outside.clock().now() >= until {
                    return Ok(false);
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(true)
}

/// Goes through one run from a page on; answers the page it came to when time was up.
async fn redact_run(
    outside: &impl Outside,
    forgotten: &Forgotten<'_>,
    run: &Run,
    from: u32,
    until: Timestamp,
) -> Result<(Erasures, Option<u32>), AdminError> {
    let mut found = Erasures::default();
    let mut page = from;
    while page < run.pages {
        let end = page.saturating_add(PAGES).min(run.pages);
        let named: Vec<bool> = stream::iter(page..end)
            .map(|page| redact_page(outside, forgotten, run, page))
            .buffer_unordered(TOGETHER)
            .try_collect()
            .await?;
        found.pages += named.into_iter().map(u64::from).sum::<u64>();
        page = end;
        if outside.clock().now() >= until {
            return Ok((found, Some(page)));
        }
    }
    if from <= run.pages {
        if run.user.as_ref().is_some_and(|user| forgotten.is(user)) {
            outside.store().put_run(&Run { user: None, ..run.clone() }).await?;
        }
        found.reports = redact_report(outside.blobs(), run, |user| forgotten.is(user)).await?;
    }
    Ok((found, None))
}

async fn redact_page(
    outside: &impl Outside,
    forgotten: &Forgotten<'_>,
    run: &Run,
    page: u32,
) -> Result<bool, AdminError> {
    let (store, connection) = (outside.store(), &run.connection_id);
    let place = (&run.id, run.kept);
    // First what only the page leads to.
    let mut deviations = store.deviations(connection, &run.id, page).await?;
    let deviated = forgotten.take_from_deviations(&mut deviations);
    if deviated {
        store.put_deviations(connection, place, page, &deviations).await?;
    }
    let has_ended = run.status.is_terminal();
    let change = |segment: &mut _| forgotten.take_from(segment, has_ended);
    let named = alter_segment(store, outside.blobs(), connection, place, page, change).await?;
    Ok(named || deviated)
}
