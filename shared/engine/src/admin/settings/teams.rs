//! Teams that settings map groups to: they must be there.

use contact_sync_domain::id::AccountId;
use contact_sync_domain::settings::{Problem, Settings};

use crate::admin::AdminError;
use crate::port::TeamStore;

/// Every mapping to a team that the account does not have.
pub(in crate::admin) async fn missing_teams(
    store: &impl TeamStore,
    account: &AccountId,
    settings: &Settings,
) -> Result<Vec<Problem>, AdminError> {
    if settings.teams.is_empty() {
        return Ok(Vec::new());
    }
    let teams = store.teams(account).await?;
    let missing = settings
        .teams
        .iter()
        .enumerate()
        .filter(|(_, row)| !teams.iter().any(|team| team.id.as_str() == row.team));
    let problem = |index: usize| Problem {
        pointer: format!("/teams/{index}/team"),
        message: "the account has no such team".to_owned(),
    };
    Ok(missing.map(|(index, _)| problem(index)).collect())
}
