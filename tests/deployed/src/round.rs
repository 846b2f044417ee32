//! One round: a fresh deployment, the main job on it, and what the job does not look at.

use std::time::{Duration, Instant};

use entra_contact_sync_local::job::{self, Installation as _, Problem, Rest};
use entra_contact_sync_local::plan::Plan;
use entra_contact_sync_local::template::{Template, TemplateError};
use entra_sim::{DEFAULT_APP_ID, DEFAULT_APP_SECRET, EntraSim, SimOptions, StartError, TenantSpec};
use serde_json::{Value, json};

use crate::aws::{Aws, AwsError};
use crate::by_hand::ByHand;
use crate::canary::CanaryError;
use crate::cli::Cli;
use crate::front_door::FrontDoor;
use crate::granted::GrantError;
use crate::heard::Heard;
use crate::installation::Deployed;
use crate::operators::Operators;
use crate::reading::{DeployedError, Reading, of_deployed, of_plan, of_translation};
use crate::redelivery::Redelivery;
use crate::routes::{self, RoutesError};
use crate::sam::{Sam, SamError};
use crate::stack::{Stack, StackError};
use crate::storm::Storm;
use crate::table::Table;
use crate::translation::Translation;
use crate::{events, fires, gate};

/// The stand-in is a Python program: things take their time.
const PATIENCE_IN_CALM: u32 = 4;
/// What a storm drives away comes back by the sweep, every five minutes.
const PATIENCE_IN_STORM: u32 = 18;
/// People whose data changes at once in a storm.
const CHANGED: usize = 25;
/// Five for each of two services.
const KINDS_OF_FAULTS: usize = 10;
/// The authorizer's name in the template.
const AUTHORIZER: &str = "OperatorJwt";

/// Why a round could not be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    #[error(transparent)]
    Sam(#[from] SamError),
    #[error("what only prod has is wrong")]
    Canary(#[from] CanaryError),
    #[error("what is deployed grants more than the source says")]
    Grant(#[from] GrantError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Routes(#[from] RoutesError),
    #[error(transparent)]
    Deployed(#[from] DeployedError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Job(#[from] Problem),
    #[error("the simulator does not start")]
    Simulator(#[from] StartError),
    #[error("there is no port on loopback")]
    Port(#[from] std::io::Error),
    #[error("the fault injector does not answer")]
    Storm(#[from] reqwest::Error),
}

/// What all rounds share.
pub(crate) struct Ground {
    pub(crate) cli: Cli,
    pub(crate) http: reqwest::Client,
    pub(crate) sam: Sam,
    pub(crate) storm: Storm,
    /// What AWS's transform makes of the template.
    pub(crate) translation: Translation,
}

/// One stand-in, with people who may call the REST API.
pub(crate) struct Place {
    aws: Aws,
    operators: Operators,
    admin: String,
    viewer: String,
}

impl Place {
    pub(crate) async fn at(http: reqwest::Client, url: &str) -> Result<Self, RoundError> {
        let aws = Aws::new(http, url.trim_end_matches('/').to_owned());
        let operators = Operators::create(&aws).await?;
        let admin = operators.sign_in(&aws, "admin").await?;
        let viewer = operators.sign_in(&aws, "viewer").await?;
        Ok(Self { aws, operators, admin, viewer })
    }
}

/// A round under way.
pub(crate) struct Round<'a> {
    ground: &'a Ground,
    place: &'a Place,
    sim: EntraSim,
    deployed: Deployed,
    rest: Rest,
    by_hand: ByHand,
    // Open as long as the round goes on.
    _door: FrontDoor,
}

impl<'a> Round<'a> {
    /// Starts a simulated Entra and deploys the template beside it as the stack `name`.
    pub(crate) async fn open(
        ground: &'a Ground,
        place: &'a Place,
        name: &str,
        table: &mut Table,
    ) -> Result<Self, RoundError> {
        let sim = EntraSim::start(SimOptions {
            tenants: TenantSpec::demo(ground.cli.users),
            ..SimOptions::default()
        })
        .await?;
        let door = FrontDoor::open(ground.http.clone(), place.aws.url()).await?;
        let (app_id, graph, issuer) =
            (DEFAULT_APP_ID.to_string(), sim.base_url(), place.operators.issuer());
        let parameters = [
            ("Architecture", "x86_64"),
            ("AppId", &app_id),
            ("GraphEndpoint", &graph),
            ("LoginEndpoint", &graph),
            ("PublicBaseUrl", door.url()),
            ("JwtIssuer", &issuer),
            ("JwtAudience", place.operators.audience()),
        ];
        let started = Instant::now();
        let (aws, cli) = (&place.aws, &ground.cli);
        ground.sam.deploy(aws.url(), name, &cli.built, &parameters).await?;
        let stack = Stack::read(aws, name).await?;
        routes::import(aws, &stack, &ground.translation, &parameters).await?;
        door.lead_to(stack.physical_id(routes::API)?);
        let resources = stack.names().count();
        table.tell::<Problem>(
            "sam deploy of the unmodified template",
            started,
            Ok(format!("{resources} resources of {}", stack.name)),
        );
        let started = Instant::now();
        let by_hand = ByHand { endpoint: aws.url().to_owned() };
        let credential = json!({"clientSecret": DEFAULT_APP_SECRET}).to_string();
        let handed_over = by_hand.follow_documents(aws, &stack, &credential).await?;
        table.tell::<Problem>("The document hands the credential over", started, Ok(handed_over));
        let started = Instant::now();
        table.tell("Three readings of the template agree", started, {
            compare(ground, aws, &stack, &parameters).await
        });
        let heard = Heard::listen(aws.clone(), stack.physical_id("EventBus")?).await?;
        let deployed = Deployed {
            aws: aws.clone(),
            stack,
            url: door.url().to_owned(),
            token: place.admin.clone(),
            heard,
            reports_dir: cli.reports.clone(),
            patience: PATIENCE_IN_CALM,
        };
        let rest = Rest::new(&deployed)?;
        Ok(Self { ground, place, sim, deployed, rest, by_hand, _door: door })
    }

    /// The main job, then what it does not look at.
    pub(crate) async fn calm(&self, table: &mut Table) -> Result<(), RoundError> {
        let started = Instant::now();
        let let_in = gate::check(&self.deployed, &self.ground.http, &self.place.viewer).await;
        table.tell("The API asks the operator's issuer", started, let_in);
        if !self.job(table).await? {
            return Ok(());
        }
        let started = Instant::now();
        let fired = fires::connection(&self.deployed, &self.rest).await;
        table.tell("The connection's schedule starts a run", started, fired);
        let started = Instant::now();
        let audited = fires::audit(&self.deployed, &self.sim).await;
        table.tell("The template's schedule starts the audit", started, audited);
        let started = Instant::now();
        let sent_again = self.by_hand.redrive(&self.deployed, &self.rest).await;
        table.tell("infra/redrive sends dead letters again", started, sent_again);
        self.gapless(table).await
    }

    /// The same job while calls are throttled, reset, delayed and lost; then many changes at once.
    pub(crate) async fn stormy(mut self, table: &mut Table) -> Result<(), RoundError> {
        self.deployed.patience = PATIENCE_IN_STORM;
        let storm = &self.ground.storm;
        let functions =
            self.deployed.stack.of_kind("AWS::Lambda::Function").map(|(_, function)| function);
        let redelivery = Redelivery::take_over(&self.place.aws, functions).await?;
        storm.rise().await?;
        let went_well = self.job(table).await?;
        if went_well {
            let started = Instant::now();
            let changed = self.change_many().await;
            table.tell("Many changes at once become contacts", started, changed);
        }
        storm.abate().await?;
        if went_well {
            self.gapless(table).await?;
        }
        let struck = storm.struck().await?;
        let total: u64 = struck.values().sum();
        let told: Vec<String> =
            struck.iter().map(|(fault, times)| format!("{times} × {fault}")).collect();
        let started = Instant::now();
        let (again, given_up) = redelivery.counts();
        let found = if given_up > 0 {
            Err(Problem::wrong(format!("{given_up} batches of stream records were given up")))
        } else if struck.len() < KINDS_OF_FAULTS {
            Err(Problem::wrong(format!("not every kind of fault struck: {}", told.join(", "))))
        } else {
            Ok(format!("{total}: {}; {again} stream batches given again", told.join(", ")))
        };
        table.tell("Faults that struck", started, found);
        Ok(())
    }

    async fn job(&self, table: &mut Table) -> Result<bool, RoundError> {
        let summary =
            job::run(&self.deployed, &self.sim, None, self.ground.cli.broken_step).await?;
        for line in summary.lines() {
            entra_contact_sync_local::console::result(&line);
        }
        table.count(summary.is_verified());
        Ok(summary.is_verified())
    }

    async fn gapless(&self, table: &mut Table) -> Result<(), RoundError> {
        let started = Instant::now();
        self.deployed.until_quiet(Duration::from_mins(2)).await?;
        let found = events::gapless(&self.deployed, &self.rest).await;
        table.tell("Every contact's events are numbered without a gap", started, found);
        Ok(())
    }

    /// Changes many people and waits until the contacts show it.
    async fn change_many(&self) -> Result<String, Problem> {
        const LIMIT: Duration = Duration::from_mins(8);
        let tenant = self.sim.tenants().into_iter().next();
        let tenant = tenant.ok_or_else(|| Problem::wrong("the simulator has no tenant"))?;
        let people = self.sim.users(tenant.id)?;
        let changed = people
            .iter()
            .filter_map(|person| person.get("id").and_then(Value::as_str))
            .take(CHANGED);
        for (index, id) in changed.enumerate() {
            let change = json!({"department": format!("Moved {index}")});
            self.sim.update_user(tenant.id, id, change)?;
        }
        let started = Instant::now();
        loop {
            match job::compare(&self.deployed, &self.sim).await {
                Ok(contacts) => return Ok(format!("{CHANGED} changed, {contacts} contacts agree")),
                Err(problem) if started.elapsed() > LIMIT => return Err(problem),
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }
}

/// Holds our reading of the template against AWS's own and against what was deployed.
async fn compare(
    ground: &Ground,
    aws: &Aws,
    stack: &Stack,
    parameters: &[(&str, &str)],
) -> Result<String, RoundError> {
    let template = Template::read(&ground.cli.template)?;
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let ours = of_plan(&Plan::new(&template, &stack.name, &parameters)?, AUTHORIZER);
    let translated = of_translation(&ground.translation, &stack.name)?;
    let deployed = of_deployed(aws, stack).await?;
    agree("AWS's transform", &ours, &translated)?;
    agree("what was deployed", &ours, &deployed)?;
    Ok(ours.counted())
}

fn agree(whose: &str, ours: &Reading, theirs: &Reading) -> Result<(), Problem> {
    let differences = ours.differences(theirs);
    if differences.is_empty() {
        return Ok(());
    }
    let differences = differences.join("\n  ");
    Err(Problem::wrong(format!("{whose} differs from our reading:\n  {differences}")))
}
