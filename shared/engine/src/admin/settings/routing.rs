//! Who goes first in a tenant that several organisations share: a matter of whoever granted it.

use contact_sync_domain::settings::Settings;
use serde_json::Value;

use crate::admin::{AdminError, Caller};

/// Where the document says who goes first.
const PLACE: &str = "/routing/priority";

/// Lets only operators change who goes first: with a low number an account could draw the others'
/// people to itself. A document of somebody else that does not name the number keeps it as it is.
pub(super) fn check_priority(
    caller: &Caller,
    current: &Settings,
    document: &Value,
    settings: &mut Settings,
) -> Result<(), AdminError> {
    if is_kept(caller, current, settings) && document.pointer(PLACE).is_some() {
        let standing = current.routing.priority;
        let message = format!(
            "only an operator of the installation changes who goes first in a shared tenant; it \
             is {standing}"
        );
        return Err(AdminError::invalid(PLACE, message));
    }
    keep_priority(caller, current, settings);
    Ok(())
}

/// Leaves who goes first as it is, where settings come from a file or an earlier version; whether
/// they said otherwise.
pub(super) fn keep_priority(caller: &Caller, current: &Settings, settings: &mut Settings) -> bool {
    let is_kept = is_kept(caller, current, settings);
    if is_kept {
        settings.routing.priority = current.routing.priority;
    }
    is_kept
}

fn is_kept(caller: &Caller, current: &Settings, settings: &Settings) -> bool {
    caller.account.is_some() && settings.routing.priority != current.routing.priority
}
