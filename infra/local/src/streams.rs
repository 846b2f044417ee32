//! Table streams delivered to functions, as Lambda's event source mappings deliver them.

mod batch;
mod checkpoint;
mod poller;

pub(crate) use checkpoint::Checkpoints;
pub(crate) use poller::StreamPoller;
