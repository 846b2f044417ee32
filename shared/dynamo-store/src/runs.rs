//! Runs, newest first by their ids.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::plan::Approved;
use contact_sync_domain::run::Run;
use contact_sync_engine::port::{RunPage, RunStore, StoreError};
use jiff::Timestamp;

use crate::failure::Answer;
use crate::item::{Item, document, read_document, to_map};
use crate::table::{Condition, Query};
use crate::{DynamoStore, cursor, keys};

pub(crate) const KIND: &str = "run";

/// Whether the run has ended: nothing replaces it then.
const ENDED: &str = "ended";

/// A run's id holds its time, in milliseconds, in the highest 48 of its 128 bits.
const TIME_SHIFT: u32 = 80;

fn list<'a>(account: &'a AccountId, connection: &'a ConnectionId) -> [&'a str; 3] {
    ["runs", account.as_str(), connection.as_str()]
}

pub(crate) fn item(run: &Run) -> Result<Item, StoreError> {
    let mut item = document(&keys::run(&run.connection_id, &run.id), KIND, run)?;
    item.insert(ENDED.to_owned(), AttributeValue::Bool(run.status.is_terminal()));
    Ok(item)
}

impl RunStore for DynamoStore {
    async fn run(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        id: &RunId,
    ) -> Result<Option<Run>, StoreError> {
        let found = self.state.get("GetItem run", &keys::run(connection, id)).await?;
        let run = found.map(|item| read_document::<Run>(KIND, item)).transpose()?;
        Ok(run.filter(|run| run.account_id == *account))
    }

    async fn put_run(&self, run: &Run) -> Result<bool, StoreError> {
        let condition = Condition::new(
            "attribute_not_exists(#pk) OR #ended = :no",
            vec![(":no", AttributeValue::Bool(false))],
        );
        let answer = self.state.put_if("PutItem run", item(run)?, condition).await?;
        crate::stands(KIND, answer, run)
    }

    async fn mark_report_ready(&self, run: &Run) -> Result<bool, StoreError> {
        let condition = Condition::new(
            "#ended = :yes AND #doc.#reportReady <> :yes",
            vec![(":yes", AttributeValue::Bool(true))],
        );
        let key = keys::run(&run.connection_id, &run.id);
        let update = "SET #doc.#reportReady = :yes";
        let answer = self
            .state
            .update_if("UpdateItem report", &key, update, condition, ReturnValue::None)
            .await?;
        Ok(matches!(answer, Answer::Done(_)))
    }

    async fn mark_approved(
        &self,
        run: &Run,
        approved: Option<&Approved>,
    ) -> Result<bool, StoreError> {
        let mut values = vec![(":yes", AttributeValue::Bool(true))];
        let read = run.plan.as_ref().and_then(|plan| plan.approved.as_ref());
        let as_read = if let Some(read) = read {
            values.push((":read", to_map("an approval", read)?));
            "#doc.#plan.#approved = :read"
        } else {
            "attribute_not_exists(#doc.#plan.#approved)"
        };
        let update = if let Some(approved) = approved {
            values.push((":approved", to_map("an approval", approved)?));
            "SET #doc.#plan.#approved = :approved"
        } else {
            "REMOVE #doc.#plan.#approved"
        };
        let condition = Condition::new(
            format!("#ended = :yes AND attribute_exists(#doc.#plan) AND {as_read}"),
            values,
        );
        let key = keys::run(&run.connection_id, &run.id);
        let answer = self
            .state
            .update_if("UpdateItem approved", &key, update, condition, ReturnValue::None)
            .await?;
        Ok(matches!(answer, Answer::Done(_)))
    }

    async fn runs(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<RunPage>, StoreError> {
        let list = list(account, connection);
        let after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&list, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let page = self
            .state
            .query(
                "Query runs",
                Query {
                    partition: keys::runs_partition(connection),
                    after,
                    backwards: true,
                    limit: Some(limit.max(1)),
                    strongly: true,
                    ..Query::default()
                },
            )
            .await?;
        let runs = page
            .items
            .into_iter()
            .map(|item| read_document::<Run>(KIND, item))
            .filter(|run| run.as_ref().map_or(true, |run| run.account_id == *account))
            .collect::<Result<_, _>>()?;
        let cursor = page.next.map(|sk| cursor::seal(&list, &sk));
        Ok(Some(RunPage { runs, cursor }))
    }

    fn runs_before(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        moment: Timestamp,
    ) -> String {
        // The lowest id of that millisecond: ids begin with the time at which they were made.
        let millis = u128::try_from(moment.as_millisecond()).unwrap_or_default();
        let first = RunId::from_bits(millis << TIME_SHIFT);
        cursor::seal(&list(account, connection), first.as_str())
    }
}
