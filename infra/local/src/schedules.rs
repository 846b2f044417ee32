//! EventBridge Scheduler: the schedules of the template and those made through its API.

mod book;
mod clockwork;
mod expression;
mod schedule;

pub(crate) use book::ScheduleError;
pub use book::{OpenError, ScheduleBook, ScheduleRefusal};
pub use expression::{Expression, ExpressionError};
pub(crate) use schedule::arn_of;
pub use schedule::{
    ActionAfterCompletion, DeadLetterConfig, EventBridgeParameters, FlexibleTimeWindow, Schedule,
    State, Target, WindowMode,
};

/// The group of the template's own schedules.
pub(crate) const DEFAULT_GROUP: &str = "default";
