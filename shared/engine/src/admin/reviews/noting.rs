//! Approvals one by one of removals that the guard held back, summed up on the runs that did: whoever
//! looks at such a run sees what was approved of it.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::plan::Approved;
use contact_sync_domain::review::ReviewItem;
use contact_sync_domain::run::Run;
use contact_sync_domain::sync_state::Lane;
use futures::lock::Mutex;
use jiff::Timestamp;

use super::desk::Desk;
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, RunStore};

/// How many people one run names whose removals were approved one by one: a run is one item of the
/// store. Behind them only their number goes on.
const MOST_NAMED: usize = 1_000;

/// How many of the newest runs are looked through for one that held removals back.
const NEWEST: u16 = 20;

/// How often a sum is worked out anew when somebody else was faster.
const ATTEMPTS: usize = 5;

/// The runs that held back what one caller approves, as they were read or written last. Those who
/// decide a list side by side sum up one after the other.
#[derive(Debug, Default)]
pub(super) struct Holding(Mutex<Option<Known>>);

#[derive(Debug)]
struct Known {
    newest: Option<RunId>,
    runs: Vec<Run>,
}

impl<O: Outside> Desk<'_, O> {
    /// Sums an approval up on the run that asked about the removal and on the newest that held removals
    /// back. Each person counts once, however often the approval is repeated.
    pub(super) async fn note_approved(&self, item: &ReviewItem) -> Result<(), AdminError> {
        if !item.departure.as_ref().is_some_and(|departure| departure.held) {
            return Ok(());
        }
        let (store, account, connection) =
            (self.outside.store(), &self.account.id, &self.connection.id);
        let mut guard = self.holding.0.lock().await;
        let known = match &mut *guard {
            Some(known) => known,
            none => {
                let page = store.runs(account, connection, None, NEWEST).await?;
                let mut runs = page.map(|page| page.runs).unwrap_or_default();
                runs.retain(holds);
                runs.truncate(1);
                let newest = runs.first().map(|run| run.id.clone());
                none.insert(Known { newest, runs })
            }
        };
        let asked = RunId::parse(&item.run).ok();
        if let Some(id) = &asked
            && !known.runs.iter().any(|run| run.id == *id)
        {
            let found = store.run(account, connection, id).await?;
            known.runs.extend(found.filter(holds));
        }
        let Known { newest, runs } = known;
        let concerned =
            runs.iter_mut().filter(|run| [&asked, &*newest].contains(&&Some(run.id.clone())));
        for run in concerned {
            self.sum_up(run, &item.user.object_id).await?;
        }
        Ok(())
    }

    async fn sum_up(&self, run: &mut Run, user: &ObjectId) -> Result<(), AdminError> {
        let store = self.outside.store();
        for _ in 0..ATTEMPTS {
            let Some(plan) = &run.plan else { break };
            let (by, at) = (self.caller.actor(), self.outside.clock().now());
            let Some(sum) = summed(plan.approved.as_ref(), user, by, at) else { break };
            if store.mark_approved(run, Some(&sum)).await? {
                if let Some(plan) = &mut run.plan {
                    plan.approved = Some(sum);
                }
                break;
            }
            let (account, connection) = (&self.account.id, &self.connection.id);
            let Some(now) = store.run(account, connection, &run.id).await? else { break };
            *run = now;
        }
        Ok(())
    }
}

/// Whether a run held removals back, and ended.
fn holds(run: &Run) -> bool {
    run.kind.lane() == Lane::Main && run.status.is_terminal() && run.plan.is_some()
}

/// What a run says of who approved, with one more; `None` where that is said already. Of several
/// people the last is named.
fn summed(known: Option<&Approved>, user: &ObjectId, by: Actor, at: Timestamp) -> Option<Approved> {
    let (count, mut items) = match known {
        None => (0, Vec::new()),
        // All of them were approved at once.
        Some(Approved { items: None, .. }) => return None,
        Some(Approved { items: Some(items), removals, .. }) => {
            (removals.unwrap_or_default(), items.clone())
        }
    };
    if items.contains(user) {
        return None;
    }
    if items.len() < MOST_NAMED {
        items.push(user.clone());
    }
    Some(Approved { by, at, removals: Some(count + 1), items: Some(items) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stays_one_item_however_many_are_approved_one_by_one() {
        let actor = || Actor { subject: None, name: None, role: "approver".to_owned() };
        let mut sum = None;
        for user in 0..1_500 {
            let user = ObjectId::from_u128(user);
            sum = summed(sum.as_ref(), &user, actor(), Timestamp::UNIX_EPOCH).or(sum);
        }
        let sum = sum.unwrap();
        assert_eq!(sum.removals, Some(1_500));
        assert_eq!(sum.items.as_deref().map(<[_]>::len), Some(MOST_NAMED));
        let again = summed(Some(&sum), &ObjectId::from_u128(7), actor(), Timestamp::UNIX_EPOCH);
        assert_eq!(again, None, "a repeated request counts nobody twice");
        let all = Approved { items: None, ..sum };
        let user = ObjectId::from_u128(7);
        assert_eq!(summed(Some(&all), &user, actor(), Timestamp::UNIX_EPOCH), None);
    }
}
