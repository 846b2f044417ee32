//! Digests: a connection's is expected from the first thing on that it will tell, and told when its
//! time comes.

use std::sync::atomic::{AtomicU64, Ordering};

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{ConnectionId, NoticeId};
use contact_sync_domain::notice::{
    Digest, Notice, NoticeKind, Noticed, Telling, Told, Waiting, next_digest,
};
use contact_sync_domain::schedule::time_zone;
use contact_sync_domain::settings::Settings;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::raise::{Hint, ended, is_let_go, raise};
use super::text::words;
use super::waiting::waiting;
use super::{ATTEMPTS, NoticeError, NoticeStores};
use crate::port::{Clock, DigestDue, Randomness, SHARDS};

/// How many digests are written at a time: at eight, those of a whole zone are due.
const AT_A_TIME: usize = 16;

/// How many runs are read at a time, and how often at most.
const PAGE: u16 = 100;
const PAGES: u8 = 20;

/// Runs are listed by when they were asked for; longer than a plan waits to be applied, none lasts.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(48);

/// What became of the digests that were due.
#[derive(Debug, Default)]
pub struct Digested {
    /// So many were told.
    pub told: u64,
    /// Of so many there was nothing to tell, or nobody wants them any more.
    pub dropped: u64,
    /// Those that failed; they are still due.
    pub failures: Vec<(ConnectionId, NoticeError)>,
    /// The store failed: others may be due.
    pub failure: Option<NoticeError>,
    /// Whether time was up before the last one.
    pub cut_short: bool,
}

/// Has a connection's digest told when its time comes, unless that is known already. What happened
/// at `since`, or happens from now on, is in it.
pub(super) async fn expect(
    stores: &impl NoticeStores,
    clock: &impl Clock,
    connection: &Connection,
    settings: &Settings,
    since: Option<Timestamp>,
) -> Result<(), NoticeError> {
    if next_digest(settings, "UTC", clock.now()).is_none() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let before = stores.noticed(&connection.id, NoticeKind::Digest).await?;
        let now = clock.now();
        let (until, due) = summed_up(before.as_ref());
        if due.is_some_and(|due| due > now) {
            return Ok(());
        }
        let Some(account) = stores.account(&connection.account_id).await? else { return Ok(()) };
        let due = next_digest(settings, &account.time_zone, now);
        let begins = since.unwrap_or(now).checked_sub(SignedDuration::from_secs(1));
        let until = until.or(begins.ok()).unwrap_or(now);
        let noticed = noticed(connection, before.as_ref(), until, due, now);
        if stores.raise_digest(&noticed, None, of(connection, due).as_ref()).await? {
            return Ok(());
        }
    }
    Err(NoticeError::Contended)
}

/// Until when digests were told, and when the next one is due.
fn summed_up(noticed: Option<&Noticed>) -> (Option<Timestamp>, Option<Timestamp>) {
    match noticed.map(|noticed| &noticed.told) {
        Some(Told::Digested { until, due }) => (Some(*until), *due),
        Some(_) | None => (None, None),
    }
}

fn noticed(
    connection: &Connection,
    before: Option<&Noticed>,
    until: Timestamp,
    due: Option<Timestamp>,
    now: Timestamp,
) -> Noticed {
    Noticed {
        connection_id: connection.id.clone(),
        kind: NoticeKind::Digest,
        version: before.map_or(1, |before| before.version + 1),
        told: Told::Digested { until, due },
        at: now,
    }
}

fn of(connection: &Connection, due: Option<Timestamp>) -> Option<DigestDue> {
    Some(DigestDue {
        account_id: connection.account_id.clone(),
        connection_id: connection.id.clone(),
        due: due?,
        kind: NoticeKind::Digest,
    })
}

/// Tells all digests that are due, and what else was put off until now, until `deadline`. Trouble with one keeps nobody from theirs.
pub async fn tell_digests(
    stores: &impl NoticeStores,
    clock: &impl Clock,
    randomness: &impl Randomness,
    deadline: Timestamp,
) -> Digested {
    let mut digested = Digested::default();
    let (told, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
    for shard in 0..SHARDS {
        let mut cursor = None;
        loop {
            if clock.now() >= deadline {
                digested.cut_short = true;
                break;
            }
            let page = match stores.digests_due(shard, clock.now(), cursor.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    digested.failure = Some(error.into());
                    break;
                }
            };
            let tell = async |due: DigestDue| {
                match tell(stores, clock, randomness, &due).await {
                    Ok(true) => told.fetch_add(1, Ordering::Relaxed),
                    Ok(false) => dropped.fetch_add(1, Ordering::Relaxed),
                    Err(error) => return Some((due.connection_id, error)),
                };
                None
            };
            let due = page.items.into_iter().filter_map(|item| match item {
                Ok(due) => Some(due),
                Err(error) => {
                    digested.failure = Some(error.into());
                    None
                }
            });
            let due: Vec<DigestDue> = due.collect();
            let failures: Vec<_> =
                stream::iter(due).map(tell).buffer_unordered(AT_A_TIME).collect().await;
            digested.failures.extend(failures.into_iter().flatten());
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Digested { told: told.into_inner(), dropped: dropped.into_inner(), ..digested }
}

/// Tells one digest, or what was put off of another kind; whether there was anything to tell. Whoever dies here leaves it due, and what
/// was told is known.
async fn tell(
    stores: &impl NoticeStores,
    clock: &impl Clock,
    randomness: &impl Randomness,
    due: &DigestDue,
) -> Result<bool, NoticeError> {
    let is_told = match stores.connection(&due.account_id, &due.connection_id).await? {
        // What was not told when it happened, and is not told otherwise meanwhile.
        Some(connection) if due.kind != NoticeKind::Digest => {
            let of = (&connection.account_id, &connection.id);
            !raise(stores, clock, randomness, of, &Hint::Due(due.kind)).await?.is_empty()
        }
        Some(connection) if !is_let_go(connection.status) => {
            tell_of(stores, clock, randomness, &connection, due.due).await?
        }
        Some(_) | None => false,
    };
    stores.drop_digest(due).await?;
    Ok(is_told)
}

async fn tell_of(
    stores: &impl NoticeStores,
    clock: &impl Clock,
    randomness: &impl Randomness,
    connection: &Connection,
    due: Timestamp,
) -> Result<bool, NoticeError> {
    let settings = stores.settings(&connection.account_id, &connection.id).await?.settings;
    let Some(account) = stores.account(&connection.account_id).await? else { return Ok(false) };
    let next_after = |after: Timestamp| next_digest(&settings, &account.time_zone, after);
    let just_before = due.checked_sub(SignedDuration::from_secs(1)).unwrap_or(due);
    let is_meant = next_after(just_before) == Some(due);
    for _ in 0..ATTEMPTS {
        let before = stores.noticed(&connection.id, NoticeKind::Digest).await?;
        let (Some(until), next) = summed_up(before.as_ref()) else { return Ok(false) };
        if until >= due {
            return Ok(false);
        }
        let now = clock.now();
        let next = next.filter(|next| *next > now);
        let next_meant = next_after(now);
        if !is_meant && next_meant.is_none() {
            return Ok(false);
        }
        let digest = if is_meant {
            Some(summary(stores, connection, &settings, &account.time_zone, until, now).await?)
        } else {
            // Its time or its zone is another by now.
            None
        };
        let telling = digest.as_ref().filter(|digest| !digest.is_empty());
        let goes_on = digest.as_ref().is_none_or(Digest::stands);
        let next = next.or(next_meant.filter(|_| goes_on));
        let until = if is_meant { now } else { until };
        let noticed = noticed(connection, before.as_ref(), until, next, now);
        let notice = telling.map(|digest| {
            let telling = Telling::Digest(Box::new(digest.clone()));
            let words = words(connection, &telling);
            Notice {
                id: NoticeId::from_bits(randomness.ordered_bits()),
                account_id: connection.account_id.clone(),
                connection_id: connection.id.clone(),
                kind: NoticeKind::Digest,
                reason: telling.reason().to_owned(),
                title: words.title,
                text: words.text,
                run_id: None,
                users: settings.notifications.users.clone(),
                read_by: Vec::new(),
                version: 1,
                at: now,
            }
        });
        let expected = of(connection, next);
        if stores.raise_digest(&noticed, notice.as_ref(), expected.as_ref()).await? {
            return Ok(notice.is_some());
        }
    }
    Err(NoticeError::Contended)
}

/// What happened between two moments, and what stands.
async fn summary(
    stores: &impl NoticeStores,
    connection: &Connection,
    settings: &Settings,
    account_zone: &str,
    since: Timestamp,
    until: Timestamp,
) -> Result<Digest, NoticeError> {
    let kinds = NoticeKind::chosen(&settings.notifications);
    let zone = settings.schedule.time_zone.as_deref().unwrap_or(account_zone);
    let since_there = time_zone(zone).map_or_else(
        |_| since.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        |(zone, _)| since.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
    );
    let mut digest = Digest { since: since_there, ..Digest::default() };
    let (account, id) = (&connection.account_id, &connection.id);
    let oldest = since.checked_sub(LONGEST_RUN).unwrap_or(since);
    let mut cursor: Option<String> = None;
    for page in 0.. {
        if page == PAGES {
            digest.more = true;
            break;
        }
        let Some(page) = stores.runs(account, id, cursor.as_deref(), PAGE).await? else { break };
        let is_over = page.runs.last().is_none_or(|run| run.queued_at < oldest);
        for run in page.runs.iter().filter_map(ended) {
            if run.at > since && run.at <= until {
                digest.add(&run, &kinds);
            }
        }
        cursor = page.cursor;
        if is_over || cursor.is_none() {
            break;
        }
    }
    if kinds.contains(&NoticeKind::Failure) {
        let attention = connection.attention.as_ref();
        digest.attention = attention.map(|it| (it.reason.clone(), it.fix.clone()));
    }
    if kinds.contains(&NoticeKind::Guard) {
        let guard = stores.noticed(id, NoticeKind::Guard).await?;
        digest.holds = guard.is_some_and(|guard| guard.told == Told::Held);
    }
    if kinds.contains(&NoticeKind::Review) {
        // Records that fail are told as failures, though somebody may decide about them.
        let review = stores.noticed(id, NoticeKind::Review).await?;
        if review.is_some_and(|review| matches!(review.told, Told::Waiting { .. })) {
            let lists = waiting(stores, id, settings, None).await?;
            let waits = Waiting::in_all(lists.iter().filter(|open| !open.stands));
            digest.waiting = (waits.count > 0).then_some(waits);
        }
    }
    Ok(digest)
}
