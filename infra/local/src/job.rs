//! The main job, step by step, each verified against the directory, the stores and the bus.

mod browser;
mod consent;
mod contacts;
mod edit;
mod error;
mod expected;
mod first_sync;
mod installation;
mod preview;
mod report;
mod rest;
mod schedule;
mod second_sync;
mod step;
mod subscription;
mod summary;
mod tenant;
mod waiting;

use std::time::{Duration, Instant};

use entra_sim::{Controls, TenantSummary};
use serde_json::Value;

use crate::console;
pub use consent::follow_consent_link;
pub use error::Problem;
pub use installation::Installation;
pub use rest::{Answer, Rest, number, text};
pub use step::Step;
pub use summary::Summary;
use summary::{Outcome, Row};

/// What every step works with.
struct Job<'a, I> {
    installation: &'a I,
    sim: &'a Controls,
    rest: Rest,
    tenant: TenantSummary,
    /// What Graph is told to call.
    webhook_base_url: String,
    /// The step before which the world is spoiled.
    broken_step: Option<Step>,
    account: String,
    connection: String,
    /// Whether an earlier start of the stack has enabled the connection.
    is_enabled_already: bool,
    /// What the preview counted.
    planned: Option<Value>,
    /// The id of the first full run.
    first_run: String,
}

impl<'a, I: Installation> Job<'a, I> {
    fn new(installation: &'a I, sim: &'a Controls) -> Result<Self, Problem> {
        let tenant = sim
            .tenants()
            .into_iter()
            .next()
            .ok_or_else(|| Problem::wrong("the simulator has no tenant"))?;
        Ok(Self {
            installation,
            sim,
            rest: Rest::new(installation)?,
            tenant,
            webhook_base_url: installation.url(),
            broken_step: None,
            account: String::new(),
            connection: String::new(),
            is_enabled_already: false,
            planned: None,
            first_run: String::new(),
        })
    }

    fn breaks(&self, step: Step) -> bool {
        self.broken_step == Some(step)
    }

    /// `seconds` on one machine; longer where things take longer.
    fn within(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) * self.installation.patience()
    }

    async fn until_quiet(&self, seconds: u64) -> Result<(), Problem> {
        self.installation.until_quiet(self.within(seconds)).await
    }

    /// A path below the connection.
    fn path(&self, rest: &str) -> String {
        format!("/v1/accounts/{}/connections/{}{rest}", self.account, self.connection)
    }
}

/// Compares the contacts that an earlier job made with the directory as it is now; answers how
/// many contacts there are.
pub async fn compare(installation: &impl Installation, sim: &Controls) -> Result<usize, Problem> {
    let mut job = Job::new(installation, sim)?;
    let accounts = job.rest.list("/v1/accounts").await?;
    let account = accounts.first().ok_or_else(|| Problem::wrong("there is no account"))?;
    text(account, "/id").clone_into(&mut job.account);
    Ok(contacts::check(&job).await?.contacts)
}

/// Runs the job on the first tenant of the simulator. The summary holds every step that was
/// reached; the last one says what was wrong, if anything was.
pub async fn run(
    installation: &impl Installation,
    sim: &Controls,
    webhook_base_url: Option<String>,
    broken_step: Option<Step>,
) -> Result<Summary, Problem> {
    let mut job = Job::new(installation, sim)?;
    job.webhook_base_url = webhook_base_url.unwrap_or_else(|| installation.url());
    job.broken_step = broken_step;
    let mut summary = Summary::default();
    for step in Step::ALL {
        console::progress(&format!("{} …", step.title()));
        let started = Instant::now();
        let result = match step {
            Step::Consent => consent::run(&mut job).await,
            Step::Tenant => tenant::run(&mut job).await,
            Step::Preview => preview::run(&mut job).await,
            Step::FirstSync => first_sync::run(&mut job).await,
            Step::Contacts => contacts::run(&mut job).await,
            Step::Report => report::run(&mut job).await,
            Step::Schedule => schedule::run(&mut job).await,
            Step::Subscription => subscription::run(&mut job).await,
            Step::Edit => edit::run(&mut job).await,
            Step::SecondSync => second_sync::run(&mut job).await,
        };
        let (facts, outcome) = match result {
            Ok(facts) => (facts, Outcome::Verified),
            Err(problem) => (Vec::new(), Outcome::Wrong(problem)),
        };
        let is_wrong = matches!(outcome, Outcome::Wrong(_));
        summary.rows.push(Row { step, facts, outcome, took: started.elapsed() });
        if is_wrong {
            break;
        }
    }
    Ok(summary)
}
