//! The report of registered sign-in methods.

use std::borrow::Cow;

use super::collection::Collection;
use crate::clock::shifted;
use crate::directory::derived;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::Catalogue;
use crate::directory::{Directory, User};
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::permissions::{AUDIT_LOG, require};
use crate::graph::users::{require_premium, tenant};
use crate::tenants::Tenant;
use crate::world::World;

const ROWS: Collection<'static> = Collection {
    catalogue: Catalogue::registrations(),
    name: "reports/authenticationMethods/userRegistrationDetails",
    odata_type: None,
    emptied: &[],
};

/// `GET /reports/authenticationMethods/userRegistrationDetails`
pub(super) fn registrations(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    let tenant = admitted(world, call)?;
    let rows = tenant.directory.users.values();
    let rows = rows.filter_map(|user| row(world, call, &tenant.directory, user));
    ROWS.page(world, call, rows.map(Cow::Owned))
}

/// `GET /reports/authenticationMethods/userRegistrationDetails/{user id}`
pub(super) fn registration(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    let tenant = admitted(world, call)?;
    let user = tenant.directory.live_user(reference);
    let row = user.and_then(|user| row(world, call, &tenant.directory, user));
    let row = row.ok_or_else(|| GraphError::not_found(reference))?;
    ROWS.entity(world, call, &row)
}

fn admitted<'w>(world: &'w World, call: &Call<'_>) -> Result<&'w Tenant, GraphError> {
    require(call.claims, AUDIT_LOG)?;
    let tenant = tenant(world, call)?;
    require_premium(tenant)?;
    Ok(tenant)
}

/// The report lags: people who appeared since the last build are not in it.
fn row(
    world: &World,
    call: &Call<'_>,
    directory: &Directory,
    user: &User,
) -> Option<DirectoryObject> {
    let delay = i64::from(world.settings.graph.report_delay_seconds);
    let built = shifted(call.now, jiff::SignedDuration::from_secs(-delay));
    if user.object.appeared_at.is_some_and(|at| at > built) {
        return None;
    }
    derived::registration(directory, user)
}
