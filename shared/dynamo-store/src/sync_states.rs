//! The sync states: lease, hints, queue and checkpoint of a connection in one item.
//!
//! Each part is an attribute of its own, so that the webhook can count a hint, a caller queue a run
//! and the holder store its work without reading first and without undoing each other.

mod item;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::Run;
use contact_sync_domain::sync_state::{Handover, Lane, Lease, SyncState, Work};
use contact_sync_engine::port::{Release, ShardPage, StoreError, SyncStateStore, Taken};
use jiff::Timestamp;

use self::item::Waiting;
pub(crate) use self::item::{KIND, item, read};
use crate::failure::{Answer, Defect, corrupt};
use crate::item::{Item, instant, number, read_document, text, to_map};
use crate::table::{Condition, Query, Values};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const HELD: &str = "#holder = :holder AND #fence = :fence";

/// The condition under which a holder may write: it is the holder, at the fence that it knows.
fn held_by(held: &SyncState, also: &str, mut values: Values) -> Option<Condition> {
    let lease = held.lease.as_ref()?;
    values.push((":holder", text(&lease.holder)));
    values.push((":fence", number(held.fence)));
    Some(Condition::new(format!("{HELD}{also}"), values))
}

/// The clauses by which storing `work` says since when hints wait: one more to set, and what to
/// remove.
fn hinted_since(
    held: &SyncState,
    work: &Work,
    values: &mut Values,
) -> (&'static str, Option<&'static str>) {
    if held.work.done == work.done {
        return ("", None);
    }
    match held.hinted_since_after(work) {
        None => ("", Some("#hintedSince")),
        Some(since) => {
            values.push((":since", instant(since)));
            (", #hintedSince = :since", None)
        }
    }
}

impl DynamoStore {
    /// Makes the plan lane's state of a connection that there is, unless it has one.
    async fn make_plan_lane(&self, run: &Run) -> Result<(), StoreError> {
        let (account, connection) = (&run.account_id, &run.connection_id);
        let main = keys::sync_state(account, connection, Lane::Main);
        if self.state.get("GetItem sync state", &main).await?.is_none() {
            return Ok(());
        }
        let item = item(&SyncState::of_plans(account.clone(), connection.clone()))?;
        self.state.put_if("PutItem plan lane", item, Condition::absent()).await.map(|_| ())
    }

    async fn update_sync_state(
        &self,
        operation: &'static str,
        (account, connection): (&AccountId, &ConnectionId),
        update: &str,
        condition: Condition,
    ) -> Result<Answer<SyncState>, StoreError> {
        let key = keys::sync_state(account, connection, self.lane);
        let answer =
            self.state.update_if(operation, &key, update, condition, ReturnValue::AllNew).await?;
        Ok(match answer {
            Answer::Done(item) => Answer::Done(read(item)?),
            Answer::Refused(item) => Answer::Refused(item),
        })
    }
}

/// The condition under which a run waits in a queue, and how it stands there.
fn waits(run: &Run) -> Result<Condition, StoreError> {
    let waiting = Waiting { kind: run.kind, trigger: run.trigger, queued_at: run.queued_at };
    Ok(Condition::new("attribute_exists(#pk)", vec![(":waiting", to_map(KIND, &waiting)?)]))
}

/// What a checkpoint or a release removes beside other things: the wish to end a run, once no run
/// is left.
fn cancel_ends(held: &SyncState, work: &Work) -> Option<&'static str> {
    (held.cancel.is_some() && work.checkpoint.is_none()).then_some("#cancel")
}

impl SyncStateStore for DynamoStore {
    fn of_lane(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    async fn sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<SyncState>, StoreError> {
        let key = keys::sync_state(account, connection, self.lane);
        self.state.get("GetItem sync state", &key).await?.map(read).transpose()
    }

    async fn take(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        holder: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        let free = Condition::new(
            "attribute_exists(#pk) AND (attribute_not_exists(#holder) OR #leaseUntil <= :now)",
            vec![
                (":now", instant(now)),
                (":holder", text(holder)),
                (":until", instant(expires_at)),
                (":one", number(1)),
            ],
        );
        let update = "SET #fence = #fence + :one, #holder = :holder, #leaseUntil = :until \
                      REMOVE #handover";
        let key = keys::sync_state(account, connection, self.lane);
        let answer = self
            .state
            .update_if("UpdateItem sync state", &key, update, free, ReturnValue::AllOld)
            .await?;
        let lease = Lease { holder: holder.to_owned(), expires_at };
        match answer {
            Answer::Done(before) => {
                let mut state = read(before)?;
                state.fence += 1;
                state.handover = None;
                let overtaken = state.lease.replace(lease).map(|former| former.expires_at);
                Ok(Some(Taken { state, overtaken }))
            }
            Answer::Refused(Some(standing)) => {
                let state = read(standing)?;
                // Our own lease: the answer to the first attempt got lost, and with it who had the
                // lease before. At worst somebody had it until now.
                let ours = state.lease == Some(lease);
                Ok(ours.then_some(Taken { state, overtaken: Some(now) }))
            }
            Answer::Refused(None) => Ok(None),
        }
    }

    async fn checkpoint(
        &self,
        held: &SyncState,
        work: &Work,
        expires_at: Timestamp,
        drop_queued: Option<&RunId>,
    ) -> Result<Option<SyncState>, StoreError> {
        let mut values = vec![
            (":one", number(1)),
            (":until", instant(expires_at)),
            (":work", to_map(KIND, work)?),
        ];
        let (set, cleared) = hinted_since(held, work, &mut values);
        let Some(condition) = held_by(held, "", values) else { return Ok(None) };
        let removed: Vec<String> = cleared
            .into_iter()
            .chain(cancel_ends(held, work))
            .map(str::to_owned)
            .chain(drop_queued.map(|run| format!("#queue.#{run}")))
            .collect();
        let mut update =
            format!("SET #fence = #fence + :one, #leaseUntil = :until, #work = :work{set}");
        if !removed.is_empty() {
            update = format!("{update} REMOVE {}", removed.join(", "));
        }
        let of = (&held.account_id, &held.connection_id);
        match self.update_sync_state("UpdateItem checkpoint", of, &update, condition).await? {
            Answer::Done(state) => Ok(Some(state)),
            Answer::Refused(None) => Ok(None),
            Answer::Refused(Some(standing)) => {
                let state = read(standing)?;
                let prolonged = Lease {
                    holder: held.lease.as_ref().map(|it| it.holder.clone()).unwrap_or_default(),
                    expires_at,
                };
                // Our own write, whose answer got lost.
                let ours = state.fence == held.fence + 1
                    && state.lease == Some(prolonged)
                    && state.work == *work;
                Ok(ours.then_some(state))
            }
        }
    }

    async fn release(
        &self,
        held: &SyncState,
        work: &Work,
        handover: Option<&Handover>,
        _now: Timestamp,
    ) -> Result<Release, StoreError> {
        let mut values = vec![(":one", number(1)), (":work", to_map(KIND, work)?)];
        let (set, cleared) = hinted_since(held, work, &mut values);
        let cleared = cleared.into_iter().chain(cancel_ends(held, work));
        let cleared: String = cleared.flat_map(|name| [", ", name]).collect();
        let (update, also) = if let Some(handover) = handover {
            let stored = Handover { checkpoint: held.fence + 1, ..handover.clone() };
            values.push((":handover", to_map(KIND, &stored)?));
            (
                format!(
                    "SET #fence = #fence + :one, #work = :work, #handover = :handover{set} \
                     REMOVE #holder, #leaseUntil{cleared}"
                ),
                "",
            )
        } else {
            values.push((":done", number(work.done)));
            values.push((":none", number(0)));
            (
                format!(
                    "SET #fence = #fence + :one, #work = :work{set} \
                     REMOVE #holder, #leaseUntil, #handover{cleared}"
                ),
                " AND #wanted = :done AND size(#queue) = :none",
            )
        };
        let Some(condition) = held_by(held, also, values) else { return Ok(Release::Lost) };
        let of = (&held.account_id, &held.connection_id);
        match self.update_sync_state("UpdateItem release", of, &update, condition).await? {
            Answer::Done(_) => Ok(Release::Released),
            Answer::Refused(None) => Ok(Release::Lost),
            Answer::Refused(Some(standing)) => {
                let state = read(standing)?;
                let holder = |state: &SyncState| state.lease.as_ref().map(|it| it.holder.clone());
                Ok(if state.fence == held.fence && holder(&state) == holder(held) {
                    Release::More(Box::new(state))
                } else if state.fence == held.fence + 1
                    && state.lease.is_none()
                    && state.work == *work
                {
                    Release::Released
                } else {
                    Release::Lost
                })
            }
        }
    }

    async fn hint(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<SyncState>, StoreError> {
        let condition = Condition::new(
            "attribute_exists(#pk)",
            vec![(":one", number(1)), (":now", instant(now))],
        );
        let key = keys::sync_state(account, connection, self.lane);
        let update = "SET #lastHintAt = :now, #hintedSince = if_not_exists(#hintedSince, :now) \
                      ADD #wanted :one";
        let answer = self
            .state
            .update_if("UpdateItem hint", &key, update, condition, ReturnValue::AllOld)
            .await?;
        match answer {
            Answer::Done(before) => read(before).map(Some),
            Answer::Refused(_) => Ok(None),
        }
    }

    async fn enqueue(&self, run: &Run) -> Result<(), StoreError> {
        let operation = "TransactWriteItems queued run";
        let lane = run.lane();
        if lane == Lane::Plan {
            self.make_plan_lane(run).await?;
        }
        let transacted = Transaction::new()
            .put(operation, &self.state, crate::runs::item(run)?, Some(Condition::absent()))?
            .update(
                operation,
                &self.state,
                &keys::sync_state(&run.account_id, &run.connection_id, lane),
                &format!("SET #queue.#{} = :waiting", run.id),
                waits(run)?,
            )?
            .commit(operation, &self.state)
            .await?;
        match (&transacted, transacted.standing(0)) {
            (Transacted::Done, _) | (Transacted::Refused(_), Some(_)) => Ok(()),
            (Transacted::Refused(_), None) => {
                Err(corrupt(format!("sync state of {}", run.connection_id))(Defect::Missing))
            }
        }
    }

    async fn withdraw(&self, run: &Run) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems withdrawn run";
        let key = keys::sync_state(&run.account_id, &run.connection_id, run.lane());
        let waits = format!("attribute_exists(#queue.#{})", run.id);
        let open = Condition::new("#ended = :no", vec![(":no", AttributeValue::Bool(false))]);
        let transacted = Transaction::new()
            .put(operation, &self.state, crate::runs::item(run)?, Some(open))?
            .update(
                operation,
                &self.state,
                &key,
                &format!("REMOVE #queue.#{}", run.id),
                Condition::new(waits, vec![]),
            )?
            .commit(operation, &self.state)
            .await?;
        Ok(matches!(transacted, Transacted::Done))
    }

    async fn enqueue_planned(&self, run: &Run) -> Result<bool, StoreError> {
        let Some(plan) = &run.plan else { return Ok(false) };
        let operation = "TransactWriteItems approved run";
        let planned = Condition::new(
            "#doc.#status = :planned AND #doc.#plan.#hash = :hash",
            vec![(":planned", text("planned")), (":hash", text(&plan.hash))],
        );
        let transacted = Transaction::new()
            .put(operation, &self.state, crate::runs::item(run)?, Some(planned))?
            .update(
                operation,
                &self.state,
                &keys::sync_state(&run.account_id, &run.connection_id, Lane::Main),
                &format!("SET #queue.#{} = :waiting", run.id),
                waits(run)?,
            )?
            .commit(operation, &self.state)
            .await?;
        match (&transacted, transacted.standing(0)) {
            (Transacted::Done, _) => Ok(true),
            // Our own write, whose answer got lost.
            (Transacted::Refused(_), Some(standing)) => {
                Ok(read_document::<Run>(crate::runs::KIND, standing.clone())? == *run)
            }
            (Transacted::Refused(_), None) => Ok(false),
        }
    }

    async fn ask_to_cancel(&self, run: &Run) -> Result<bool, StoreError> {
        let key = keys::sync_state(&run.account_id, &run.connection_id, self.lane);
        let goes_on = Condition::new(
            format!("#work.#checkpoint.#runId = :run OR attribute_exists(#queue.#{})", run.id),
            vec![(":run", text(run.id.as_str()))],
        );
        let answer = self
            .state
            .update_if("UpdateItem cancel", &key, "SET #cancel = :run", goes_on, ReturnValue::None)
            .await?;
        Ok(matches!(answer, Answer::Done(_)))
    }

    async fn reset_sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        for lane in [Lane::Main, Lane::Plan] {
            let condition = Condition::new(
                "attribute_exists(#pk)",
                vec![(":one", number(1)), (":empty", AttributeValue::M(Item::new()))],
            );
            let update = "SET #fence = #fence + :one, #queue = :empty \
                          REMOVE #holder, #leaseUntil, #handover, #cancel, #work.#checkpoint, \
                          #work.#usersDelta, #work.#groupsDelta";
            let key = keys::sync_state(account, connection, lane);
            self.state
                .update_if("UpdateItem reset", &key, update, condition, ReturnValue::None)
                .await?;
        }
        Ok(())
    }

    async fn sync_states(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ShardPage<SyncState>, StoreError> {
        let page = self
            .state
            .query(
                "Query sync states",
                Query {
                    partition: keys::sync_partition(shard),
                    after: cursor.map(str::to_owned),
                    ..Query::default()
                },
            )
            .await?;
        Ok(page.each_read(KIND, read))
    }
}
