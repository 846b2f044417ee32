//! The subscription at Graph.

use jiff::SignedDuration;

use super::consent::connection;
use super::error::ensure;
use super::rest::text;
use super::waiting::until;
use super::{Installation, Job, Problem, Step};

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    if job.breaks(Step::Subscription) {
        job.until_quiet(10).await?;
        for subscription in job.sim.subscriptions() {
            job.sim.remove_subscription(subscription.id);
        }
    }
    let subscription = until("the subscription", job.within(15), || async {
        let subscriptions = job.sim.subscriptions().into_iter();
        Ok(subscriptions.filter(|found| found.tenant == job.tenant.id).find(|found| {
            // One that leads to a former address of the stack is on its way to be replaced.
            let ours = found.notification_url.strip_prefix(&job.webhook_base_url);
            ours.is_some_and(|path| path.starts_with("/webhooks/graph?"))
        }))
    })
    .await?;
    ensure(subscription.client_state.is_some(), || "it has no client state".to_owned())?;
    let life = subscription.expires_at.duration_since(job.sim.clock().now());
    ensure(life > SignedDuration::from_hours(1), || format!("it expires in {life:#}"))?;
    until("the connection's active subscription", job.within(15), || async {
        let shown = connection(job).await?;
        Ok((text(&shown, "/subscription/state") == "active").then_some(()))
    })
    .await?;
    Ok(vec![format!("{}, expires {}", subscription.resource, subscription.expires_at)])
}
