//! S3, path style: objects in files.

mod requests;
mod store;

pub(super) use requests::serve;
pub(crate) use store::ObjectStore;
