//! Several conditional writes, all or nothing.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put,
    ReturnValuesOnConditionCheckFailure as OnRefusal, TransactWriteItem, Update,
};
use contact_sync_engine::port::StoreError;

use crate::failure::{Answer, met_others, unavailable};
use crate::item::Item;
use crate::keys::Key;
use crate::table::{Condition, Table, names, values};

/// The writes of one transaction, in order.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    actions: Vec<TransactWriteItem>,
}

/// What became of a transaction.
#[derive(Debug)]
pub(crate) enum Transacted {
    /// All of it was done.
    Done,
    /// Nothing was done. One entry per write: `Done` where its condition held, else what stood
    /// there.
    Refused(Vec<Answer<()>>),
}

/// What became of one attempt at a transaction.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It was decided.
    Decided(Transacted),
    /// Nothing was done: other writers were at the same items, or the table asks for a slower pace.
    /// What was read before may be old; read it again and try again.
    Met(StoreError),
}

impl Transaction {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds storing an item.
    pub(crate) fn put(
        mut self,
        operation: &'static str,
        table: &Table,
        item: Item,
        condition: Option<Condition>,
    ) -> Result<Self, StoreError> {
        let (expression, bound) = parts(condition);
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(item))
            .set_expression_attribute_names(expression.as_deref().map(|text| names(&[text])))
            .set_condition_expression(expression)
            .set_expression_attribute_values(bound)
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .build()
            .map_err(unavailable(operation))?;
        self.actions.push(TransactWriteItem::builder().put(put).build());
        Ok(self)
    }

    /// Adds changing an item.
    pub(crate) fn update(
        mut self,
        operation: &'static str,
        table: &Table,
        key: &Key,
        update: &str,
        condition: Condition,
    ) -> Result<Self, StoreError> {
        let update = Update::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .update_expression(update)
            .set_expression_attribute_names(Some(names(&[update, &condition.expression])))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(values(condition.values))
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .build()
            .map_err(unavailable(operation))?;
        self.actions.push(TransactWriteItem::builder().update(update).build());
        Ok(self)
    }

    /// Adds deleting an item, whatever stands there.
    pub(crate) fn delete(
        mut self,
        operation: &'static str,
        table: &Table,
        key: &Key,
    ) -> Result<Self, StoreError> {
        let delete = Delete::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .build()
            .map_err(unavailable(operation))?;
        self.actions.push(TransactWriteItem::builder().delete(delete).build());
        Ok(self)
    }

    /// Adds deleting an item on condition.
    pub(crate) fn delete_if(
        mut self,
        operation: &'static str,
        table: &Table,
        key: &Key,
        condition: Condition,
    ) -> Result<Self, StoreError> {
        let delete = Delete::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .set_expression_attribute_names(Some(names(&[&condition.expression])))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(values(condition.values))
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .build()
            .map_err(unavailable(operation))?;
        self.actions.push(TransactWriteItem::builder().delete(delete).build());
        Ok(self)
    }

    /// Adds that a condition must hold.
    pub(crate) fn check(
        mut self,
        operation: &'static str,
        table: &Table,
        key: &Key,
        condition: Condition,
    ) -> Result<Self, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&table.name)
            .set_key(Some(key.attributes()))
            .set_expression_attribute_names(Some(names(&[&condition.expression])))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(values(condition.values))
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .build()
            .map_err(unavailable(operation))?;
        self.actions.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(self)
    }

    /// Does it. The SDK gives each call a token, so its own repetitions count once.
    pub(crate) async fn commit(
        self,
        operation: &'static str,
        table: &Table,
    ) -> Result<Transacted, StoreError> {
        match self.attempt(operation, table).await? {
            Attempt::Decided(transacted) => Ok(transacted),
            Attempt::Met(error) => Err(error),
        }
    }

    /// The same, for a caller that decides anew when it met others.
    pub(crate) async fn attempt(
        self,
        operation: &'static str,
        table: &Table,
    ) -> Result<Attempt, StoreError> {
        let sent =
            table.client.transact_write_items().set_transact_items(Some(self.actions)).send().await;
        let Err(error) = sent else { return Ok(Attempt::Decided(Transacted::Done)) };
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                cancelled.cancellation_reasons()
            }
            Some(_) | None => &[],
        };
        match answers(reasons) {
            Some(answers) => Ok(Attempt::Decided(Transacted::Refused(answers))),
            None if met_others(reasons) => Ok(Attempt::Met(unavailable(operation)(error))),
            None => Err(unavailable(operation)(error)),
        }
    }
}

/// One answer per write, where nothing but conditions kept the transaction from being done.
fn answers(reasons: &[CancellationReason]) -> Option<Vec<Answer<()>>> {
    let answer = |reason: &CancellationReason| match reason.code() {
        None | Some("None") => Some(Answer::Done(())),
        Some("ConditionalCheckFailed") => Some(Answer::Refused(reason.item.clone())),
        Some(_) => None,
    };
    let answers = reasons.iter().map(answer).collect::<Option<Vec<_>>>()?;
    (!answers.is_empty()).then_some(answers)
}

fn parts(condition: Option<Condition>) -> (Option<String>, Option<Item>) {
    match condition {
        None => (None, None),
        Some(condition) => (Some(condition.expression), values(condition.values)),
    }
}

impl Transacted {
    /// Whether all of it was done.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// What stood under the key of the write at `place`, where its condition did not hold.
    pub(crate) fn standing(&self, place: usize) -> Option<&Item> {
        match self {
            Self::Done => None,
            Self::Refused(answers) => match answers.get(place) {
                Some(Answer::Refused(item)) => item.as_ref(),
                Some(Answer::Done(())) | None => None,
            },
        }
    }
}
