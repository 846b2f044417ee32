//! Plans: what a run would do, found out by the very worker that would do it.
//!
//! A preview is a run in a lane of its own. It reads everything that a full run reads, stores its
//! pages, and writes contacts into memory over what is stored: so it decides as a full run would,
//! and changes nothing.

mod blobs;
mod overlay;
mod stores;
mod told;

pub use blobs::LaneBlobs;
pub use stores::LaneStores;
pub(crate) use told::Teller;
