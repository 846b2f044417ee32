//! Raising notices.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId, RunId};
use contact_sync_domain::notice::{
    Changes, EndedRun, News, Notice, NoticeKind, Noticed, PlanMade, Telling, Told, transition,
};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::sync_state::Lane;
use jiff::Timestamp;

use super::text::words;
use super::waiting::waiting;
use super::{ATTEMPTS, NoticeError, NoticeStores, digest};
use crate::port::{Clock, DigestDue, Randomness};

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
    /// What of this kind was not told yet may be told by now.
    Due(NoticeKind),
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
        Hint::Attention | Hint::Authorized | Hint::Silence | Hint::Due(_) => None,
    };
    let settings = stores.settings(account, id).await?.settings;
    let mut chosen = NoticeKind::chosen(&settings.notifications);
    let scene = Scene {
        stores,
        clock,
        randomness,
        connection: &connection,
        hint,
        run,
        settings: &settings,
    };
    match hint {
        // Of the others a plan is no news.
        Hint::Planned(_) => {
            let is_meant = chosen.contains(&NoticeKind::Review);
            chosen = is_meant.then_some(NoticeKind::Plan).into_iter().collect();
        }
        Hint::Due(kind) => chosen.retain(|chosen| chosen == kind),
        Hint::RunEnded(_) | Hint::Attention | Hint::Authorized | Hint::Silence => {}
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
    settings: &'a Settings,
}

impl<S: NoticeStores, C: Clock, R: Randomness> Scene<'_, S, C, R> {
    async fn raise_of(&self, kind: NoticeKind) -> Result<Option<Notice>, NoticeError> {
        for _ in 0..ATTEMPTS {
            let before = self.stores.noticed(&self.connection.id, kind).await?;
            let Some(news) = self.news_of(kind, before.as_ref()).await? else { return Ok(None) };
            let Some(turn) = transition(kind, before.as_ref(), &news) else { return Ok(None) };
            let of = (self.connection.id.clone(), kind);
            let noticed = Noticed::after(before.as_ref(), of, &news, turn.told);
            let notice = turn.telling.map(|telling| self.written(kind, &telling));
            let known = before.and_then(|before| before.told.due());
            let due = noticed.told.due().filter(|due| known != Some(*due));
            let is_first = match due {
                Some(due) => {
                    let due = Some(self.due(kind, due));
                    self.stores.raise_digest(&noticed, notice.as_ref(), due.as_ref()).await?
                }
                None => self.stores.raise(&noticed, notice.as_ref()).await?,
            };
            if is_first {
                return Ok(notice);
            }
        }
        Err(NoticeError::Contended)
    }

    /// When what is not told yet is told: known from the same moment on as that it is not.
    fn due(&self, kind: NoticeKind, due: Timestamp) -> DigestDue {
        DigestDue {
            account_id: self.connection.account_id.clone(),
            connection_id: self.connection.id.clone(),
            due,
            kind,
        }
    }

    fn written(&self, kind: NoticeKind, telling: &Telling) -> Notice {
        let words = words(self.connection, telling);
        Notice {
            id: NoticeId::from_bits(self.randomness.ordered_bits()),
            account_id: self.connection.account_id.clone(),
            connection_id: self.connection.id.clone(),
            kind,
            reason: telling.reason().to_owned(),
            title: words.title,
            text: words.text,
            run_id: self.run.as_ref().map(|run| run.id.clone()),
            users: self.settings.notifications.users.clone(),
            read_by: Vec::new(),
            version: 1,
            at: self.clock.now(),
        }
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
            (Hint::Due(_), _) if kind == NoticeKind::Review => self.waits(before).await,
            (Hint::Due(_), _) => Ok(Some(News::Passed { at: self.clock.now() })),
            (Hint::RunEnded(_), Some(run)) if kind == NoticeKind::Review => {
                let told = before.map(|before| &before.told);
                // Records that fail are told as failures; what they ask is looked at where people
                // know that something waits.
                let may_ask = matches!(told, Some(Told::Waiting { .. })) && run.counts.failed > 0;
                if run.counts.asks() || may_ask { self.waits(before).await } else { Ok(None) }
            }
            (Hint::RunEnded(_), Some(run)) => Ok(ended(run).map(News::Ended)),
            // Either is mended or deleted by now.
            (Hint::Attention | Hint::RunEnded(_) | Hint::Planned(_), _) => Ok(None),
        }
    }

    /// What waits for people.
    async fn waits(&self, before: Option<&Noticed>) -> Result<Option<News>, NoticeError> {
        let (at, told) = (self.clock.now(), before.map(|before| &before.told));
        let lists = waiting(self.stores, &self.connection.id, self.settings, told).await?;
        Ok(Some(News::Waits { at, lists }))
    }
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
