//! The SDK's errors, told in the engine's words, once.

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use contact_sync_engine::port::{BoxError, StoreError};
use thiserror::Error;

use crate::item::Item;

/// The table did not answer, or refused for now.
pub(crate) fn unavailable<E>(operation: &'static str) -> impl FnOnce(E) -> StoreError
where
    E: Into<BoxError>,
{
    move |error| StoreError::Unavailable { operation, source: error.into() }
}

/// An item cannot be read.
pub(crate) fn corrupt<E>(item: impl Into<String>) -> impl FnOnce(E) -> StoreError
where
    E: Into<BoxError>,
{
    move |error| StoreError::Corrupt { item: item.into(), source: error.into() }
}

/// What is wrong with an item or a request beyond what a codec says.
#[derive(Debug, Error)]
pub(crate) enum Defect {
    #[error("it is not there")]
    Missing,
    #[error("another of the same id is there")]
    Exists,
    #[error("its attribute `{0}` is missing or of another type")]
    Attribute(&'static str),
    #[error("it kept being changed by others")]
    Contended,
    #[error("the table kept leaving parts of the batch undone")]
    Undone,
}

/// What a conditional write came to.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// Done.
    Done(T),
    /// The condition did not hold; what stood there, if anything.
    Refused(Option<Item>),
}

/// An operation's error that may be a refused condition.
pub(crate) trait Conditional {
    fn refusal(&self) -> Option<&ConditionalCheckFailedException>;
}

macro_rules! conditional {
    ($($error:ident),+) => {
        $(impl Conditional for $error {
            fn refusal(&self) -> Option<&ConditionalCheckFailedException> {
                match self {
                    Self::ConditionalCheckFailedException(refusal) => Some(refusal),
                    _ => None,
                }
            }
        })+
    };
}

conditional!(PutItemError, UpdateItemError, DeleteItemError);

/// Tells a refused condition, which is an answer, from a failure.
pub(crate) fn answer<T, E>(
    operation: &'static str,
    result: Result<T, SdkError<E>>,
) -> Result<Answer<T>, StoreError>
where
    E: Conditional + Error + Send + Sync + 'static,
{
    match result {
        Ok(output) => Ok(Answer::Done(output)),
        Err(error) => match error.as_service_error().and_then(Conditional::refusal) {
            Some(refusal) => Ok(Answer::Refused(refusal.item.clone())),
            None => Err(unavailable(operation)(error)),
        },
    }
}

/// Two writers met on one item. The SDK does not repeat these by itself.
#[derive(Debug)]
pub(crate) struct Contention;

impl ClassifyRetry for Contention {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let Some(error) = error.as_operation_error() else {
            return RetryAction::NoActionIndicated;
        };
        let met = if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.downcast_ref()
        {
            only_contention(cancelled.cancellation_reasons())
        } else if let Some(TransactGetItemsError::TransactionCanceledException(cancelled)) =
            error.downcast_ref()
        {
            only_contention(cancelled.cancellation_reasons())
        } else {
            error.to_string().contains("TransactionConflictException")
        };
        if met { RetryAction::throttling_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "contention"
    }
}

impl fmt::Display for Contention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("contention")
    }
}

/// Whether a reason is other writers or the table's pace.
fn is_contention(code: &str) -> bool {
    matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
}

/// Whether a transaction was cancelled for nothing but other writers or the table's pace.
pub(crate) fn only_contention(reasons: &[CancellationReason]) -> bool {
    let mut codes = reasons.iter().filter_map(CancellationReason::code);
    codes.clone().any(is_contention) && codes.all(|code| code == "None" || is_contention(code))
}

/// Whether a transaction was cancelled because of others, be it that some of its conditions did not
/// hold besides: whoever was faster is the cause of both.
pub(crate) fn met_others(reasons: &[CancellationReason]) -> bool {
    let mut codes = reasons.iter().filter_map(CancellationReason::code);
    let is_known =
        |code: &str| matches!(code, "None" | "ConditionalCheckFailed") || is_contention(code);
    codes.clone().any(is_contention) && codes.all(is_known)
}
