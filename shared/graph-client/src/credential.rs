//! What our application proves itself with: the engine's port, named here for its users.

pub use contact_sync_engine::port::{ClientCredential, CredentialError, CredentialSource};
