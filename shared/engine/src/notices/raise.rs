//! Raising notices.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId, RunId};
use contact_sync_domain::notice::{
    Changes, EndedRun, News, Notice, NoticeKind, Noticed, PlanMade, Told, Turn, Waiting, transition,
};
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::settings::Notifications;
use contact_sync_domain::sync_state::Lane;
use jiff::Timestamp;

use super::text::words;
use super::{ATTEMPTS, NoticeError, NoticeStores, digest};
use crate::port::{Clock, Randomness};

/// So many waiting decisions are counted; of more it is said that there are more.
const MOST_COUNTED: u64 = 1_000;

/// How many waiting decisions are read at a time.
const PAGE: u16 = 100;

/// What an event says: where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A run ended.
    RunEnded(RunId),
    /// A run shows what it would do.
    Planned(RunId),
    /// The connection needs a person.
    Attention,
    /// An admin consented.
    Authorized,
    /// What should have come does not, or comes again.
    Silence,
}

/// Raises what a hint shows to be news of a connection; answers the notices.
pub async fn raise(
    stores: &impl NoticeStores,
    clock: &impl Clock,
    randomness: &impl Randomness,
    (account, id): (&AccountId, &ConnectionId),
    hint: &Hint,
) -> Result<Vec<Notice>, NoticeError> {
    let Some(connection) = stores.connection(account, id).await? else { return Ok(Vec::new()) };
    let run = match hint {
        Hint::RunEnded(run) | Hint::Planned(run) => stores.run(account, id, run).await?,
        Hint::Attention | Hint::Authorized | Hint::Silence => None,
    };
    let settings = stores.settings(account, id).await?.settings;
    let wanted = &settings.notifications;
    let scene = Scene { stores, clock, randomness, connection: &connection, hint, run, wanted };
    let mut chosen = NoticeKind::chosen(wanted);
    if let Hint::Planned(_) = hint {
        // Of the others a plan is no news.
        let is_meant = chosen.contains(&NoticeKind::Review);
        chosen = is_meant.then_some(NoticeKind::Plan).into_iter().collect();
    }
    let mut raised = Vec::new();
    for kind in &chosen {
        if let Some(notice) = scene.raise_of(*kind).await? {
            raised.push(notice);
        }
    }
    let ended = scene.run.as_ref().and_then(ended);
    let is_told_of = |run: &EndedRun| chosen.iter().any(|kind| run.is_told_of(*kind));
    // What waits as a plan expires before a digest of it helps anybody.
    let is_plan = matches!(hint, Hint::Planned(_));
    let has_news = (!raised.is_empty() && !is_plan)
        || connection.attention.is_some()
        || ended.as_ref().is_some_and(is_told_of);
    if has_news && !is_let_go(connection.status) {
        let since = ended.map(|run| run.at);
        digest::expect(stores, clock, &connection, &settings, since).await?;
    }
    Ok(raised)
}

/// What stands when a hint comes.
struct Scene<'a, S, C, R> {
    stores: &'a S,
    clock: &'a C,
    randomness: &'a R,
    connection: &'a Connection,
    hint: &'a Hint,
    run: Option<Run>,
    wanted: &'a Notifications,
}

impl<S: NoticeStores, C: Clock, R: Randomness> Scene<'_, S, C, R> {
    async fn raise_of(&self, kind: NoticeKind) -> Result<Option<Notice>, NoticeError> {
        for _ in 0..ATTEMPTS {
            let before = self.stores.noticed(&self.connection.id, kind).await?;
            let Some(news) = self.news_of(kind, before.as_ref()).await? else { return Ok(None) };
            let Some(turn) = transition(kind, before.as_ref(), &news) else { return Ok(None) };
            let (noticed, notice) = self.written(kind, before.as_ref(), &news, turn);
            if self.stores.raise(&noticed, notice.as_ref()).await? {
                return Ok(notice);
            }
        }
        Err(NoticeError::Contended)
    }

    fn written(
        &self,
        kind: NoticeKind,
        before: Option<&Noticed>,
        news: &News,
        turn: Turn,
    ) -> (Noticed, Option<Notice>) {
        let noticed = Noticed {
            connection_id: self.connection.id.clone(),
            kind,
            version: before.map_or(1, |before| before.version + 1),
            told: turn.told,
            at: before.map_or(news.at(), |before| before.at.max(news.at())),
        };
        let notice = turn.telling.map(|telling| {
            let words = words(self.connection, &telling);
            Notice {
                id: NoticeId::from_bits(self.randomness.ordered_bits()),
                account_id: self.connection.account_id.clone(),
                connection_id: self.connection.id.clone(),
                kind,
                reason: telling.reason().to_owned(),
                title: words.title,
                text: words.text,
                run_id: self.run.as_ref().map(|run| run.id.clone()),
                users: self.wanted.users.clone(),
                read_by: Vec::new(),
                version: 1,
                at: self.clock.now(),
            }
        });
        (noticed, notice)
    }

    async fn news_of(
        &self,
        kind: NoticeKind,
        before: Option<&Noticed>,
    ) -> Result<Option<News>, NoticeError> {
        let connection = self.connection;
        if is_let_go(connection.status) {
            return Ok(Some(News::LetGo { at: connection.updated_at }));
        }
        if kind == NoticeKind::Failure
            && let Some(attention) = &connection.attention
        {
            return Ok(Some(News::NeedsPerson {
                reason: attention.reason.clone(),
                fix: attention.fix.clone(),
                since: attention.since,
            }));
        }
        match (self.hint, &self.run) {
            (Hint::Planned(_), Some(run)) => Ok(plan_of(run).map(News::Planned)),
            (Hint::Silence, _) => Ok((kind == NoticeKind::Failure).then(|| heard(connection))),
            (Hint::Authorized, _) => Ok(Some(News::Consented {
                at: connection.authorized_at.unwrap_or(connection.updated_at),
            })),
            (Hint::RunEnded(_), Some(run)) if kind == NoticeKind::Review => {
                self.waits(run, before).await
            }
            (Hint::RunEnded(_), Some(run)) => Ok(ended(run).map(News::Ended)),
            // Either is mended or deleted by now.
            (Hint::Attention | Hint::RunEnded(_) | Hint::Planned(_), _) => Ok(None),
        }
    }

    /// What waits for people. A run that asked nothing is no reason to look, unless people believe
    /// that something waits.
    async fn waits(
        &self,
        run: &Run,
        before: Option<&Noticed>,
    ) -> Result<Option<News>, NoticeError> {
        let seen_at = match before.map(|before| &before.told) {
            Some(Told::Waiting { seen_at }) => Some(*seen_at),
            Some(_) | None => None,
        };
        if seen_at.is_none() && run.counts.awaiting_review == 0 {
            return Ok(None);
        }
        let at = self.clock.now();
        let waiting = waiting(self.stores, &self.connection.id, seen_at).await?;
        Ok(Some(News::Waits { at, waiting }))
    }
}

/// Counts what waits, until something is found that waited at `seen_at` already.
pub(super) async fn waiting(
    stores: &impl NoticeStores,
    id: &ConnectionId,
    seen_at: Option<Timestamp>,
) -> Result<Option<Waiting>, NoticeError> {
    let mut found: Option<Waiting> = None;
    for list in ReviewList::ALL.into_iter().filter(|list| *list != ReviewList::Ignored) {
        let mut cursor: Option<String> = None;
        loop {
            let page = stores.reviews(id, list, cursor.as_deref(), PAGE).await?;
            let Some(page) = page else { break };
            for item in page.items {
                let waiting =
                    found.get_or_insert(Waiting { count: 0, more: false, oldest: item.since });
                waiting.count += 1;
                waiting.oldest = waiting.oldest.min(item.since);
            }
            cursor = page.cursor;
            if let Some(waiting) = &mut found {
                let is_known = seen_at.is_some_and(|seen_at| waiting.oldest <= seen_at);
                if is_known || waiting.count >= MOST_COUNTED {
                    waiting.more = true;
                    return Ok(found);
                }
            }
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// Nothing is expected of it.
pub(super) fn is_let_go(status: ConnectionStatus) -> bool {
    match status {
        ConnectionStatus::Disabled | ConnectionStatus::Disconnected => true,
        ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Ready
        | ConnectionStatus::Enabled
        | ConnectionStatus::Paused
        | ConnectionStatus::Attention => false,
    }
}

/// What is missed, or that it comes again; of a connection that people stopped, neither.
fn heard(connection: &Connection) -> News {
    let at = connection.updated_at;
    match connection.silence {
        Some(silence) => News::Silent(silence),
        None if connection.status == ConnectionStatus::Enabled => News::HeardAgain { at },
        None => News::LetGo { at },
    }
}

/// A plan that somebody asked for and that still waits.
fn plan_of(run: &Run) -> Option<PlanMade> {
    run.requested_by.as_ref()?;
    // What differs is mended one by one, if at all.
    if run.kind == RunKind::Drift {
        return None;
    }
    let plan = run.plan.as_deref().filter(|_| run.status == RunStatus::Planned)?;
    let guard = &plan.summary.guard;
    Some(PlanMade {
        run: run.id.clone(),
        at: plan.made_at,
        until: plan.expires_at,
        changes: Changes::of(&run.counts),
        held: if guard.holds { guard.count } else { 0 },
    })
}

/// What only shows what would be is no news.
pub(super) fn ended(run: &Run) -> Option<EndedRun> {
    if run.lane() == Lane::Plan {
        return None;
    }
    Some(EndedRun {
        at: run.ended_at?,
        kind: run.kind,
        status: run.status,
        reason: run.reason.clone(),
        counts: run.counts,
    })
}
