//! One simulated Entra with the product installed beside it.

mod kept;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entra_contact_sync_local::{LocalStack, StackOptions};
use entra_sim::{
    AppRegistration, DEFAULT_APP_ID, DEFAULT_APP_SECRET, EntraSim, Settings, SimOptions, TenantSpec,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::binaries::{function_binaries, repository};
use crate::browser::Browser;
use crate::customer::Customer;
use crate::history;
use crate::patience::{PATIENCE, eventually};
use crate::rest::Rest;

/// The bearer token of the scene's operator.
const API_TOKEN: &str = "flows-operator-token";

/// Processes of one function that run at once.
const POOL: usize = 2;

/// How a scene differs from the usual one.
#[derive(Debug)]
pub struct SceneOptions {
    /// The tenants; the first one is Contoso, whom customers connect.
    pub tenants: Vec<TenantSpec>,
    /// How the simulated service behaves.
    pub settings: Settings,
    /// What the app registration asks for, over what the installation needs.
    pub further_roles: Vec<&'static str>,
    /// Whether id tokens tell the roles of who signs in.
    pub emits_wids: bool,
    /// Whether the app signs in with a certificate instead of its secret.
    pub uses_certificate: bool,
    /// Seconds a function may run, over what the template says.
    pub timeouts: BTreeMap<&'static str, u32>,
    /// Whether schedules fire.
    pub runs_schedules: bool,
    /// The least severe line that functions write.
    pub log_level: &'static str,
    /// YAML appended to the template's resources.
    pub further_resources: &'static str,
    /// Programs in place of what cargo builds of functions, or for further resources: name, file.
    pub further_programs: Vec<(String, PathBuf)>,
    /// Parameters of the template, over the usual ones: name, value.
    pub parameters: Vec<(&'static str, String)>,
    /// Variables laid over a function's own: function, name, value.
    pub environment: Vec<(&'static str, &'static str, String)>,
}

impl SceneOptions {
    /// A Contoso of this many people, and a small Fabrikam.
    pub fn with_users(users: u32) -> Self {
        let mut settings = Settings::default();
        settings.notifications.first_retry_seconds = 1;
        // A busy machine answers late; that is no slow receiver.
        settings.notifications.health_min_samples = 100_000;
        Self {
            tenants: vec![
                TenantSpec::new("Contoso", "contoso.example", users),
                TenantSpec::new("Fabrikam", "fabrikam.example", 12),
            ],
            settings,
            further_roles: Vec::new(),
            emits_wids: true,
            uses_certificate: false,
            timeouts: BTreeMap::new(),
            runs_schedules: true,
            log_level: "INFO",
            further_resources: "",
            further_programs: Vec::new(),
            parameters: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// A simulated Entra and the product beside it; both end when dropped.
#[derive(Debug)]
pub struct Scene {
    pub sim: EntraSim,
    pub stack: LocalStack,
    /// Contoso.
    pub tenant: Uuid,
    /// Fabrikam.
    pub other_tenant: Uuid,
    http: reqwest::Client,
    _template: TempDir,
}

impl Scene {
    /// The usual scene with a Contoso of this many people.
    pub async fn with_users(users: u32) -> Self {
        Self::start(SceneOptions::with_users(users)).await
    }

    /// Any scene.
    pub async fn start(options: SceneOptions) -> Self {
        let mut app =
            AppRegistration { emits_wids: options.emits_wids, ..AppRegistration::development() };
        app.roles.extend(options.further_roles.into_iter().map(str::to_owned));
        let credential = options.uses_certificate.then(|| {
            app.secrets.clear();
            register_certificate(&mut app)
        });
        let sim = EntraSim::start(SimOptions {
            tenants: options.tenants,
            apps: vec![app],
            settings: options.settings,
            ..SimOptions::default()
        })
        .await
        .expect("the simulator starts");
        let folder = tempfile::tempdir().unwrap();
        let template = template(&folder, &options.timeouts, options.further_resources);
        let binaries = with_programs(&folder, function_binaries(), &options.further_programs);
        let mut stack = StackOptions::new(template, binaries);
        API_TOKEN.clone_into(&mut stack.api_token);
        stack.graph_endpoint = sim.base_url();
        stack.login_endpoint = sim.base_url();
        stack.app_id = DEFAULT_APP_ID.to_string();
        DEFAULT_APP_SECRET.clone_into(&mut stack.app_secret);
        stack.max_processes_per_function = POOL;
        stack.runs_schedules = options.runs_schedules;
        stack.parameters.insert("LogLevel".to_owned(), options.log_level.to_owned());
        for (name, value) in options.parameters {
            stack.parameters.insert(name.to_owned(), value);
        }
        for (function, name, value) in options.environment {
            let own = stack.extra_environment.entry(function.to_owned()).or_default();
            own.insert(name.to_owned(), value);
        }
        let stack = LocalStack::start(stack).await.expect("the stack starts");
        if let Some(credential) = credential {
            stack.put_secret("AppCredential", credential).expect("the template has the secret");
        }
        let tenants = sim.tenants();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            tenant: tenants[0].id,
            other_tenant: tenants[1].id,
            sim,
            stack,
            http,
            _template: folder,
        }
    }

    /// The REST API as its operator calls it.
    pub fn rest(&self) -> Rest {
        Rest::new(self.http.clone(), self.stack.url(), API_TOKEN.to_owned())
    }

    /// The REST API for somebody of one account.
    pub fn rest_as(&self, account: &str, role: &str) -> Rest {
        let claims = json!({"sub": "somebody", "account": account, "role": role});
        self.rest().bearing(self.stack.token_with_claims(&claims))
    }

    /// The bearer token of the operator.
    pub fn token(&self) -> &'static str {
        API_TOKEN
    }

    /// A browser that never was here before.
    pub fn browser(&self) -> Browser {
        Browser::new(self.http.clone())
    }

    /// An HTTP client without cookies that follows no redirect.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A new customer whose connection waits for consent.
    pub async fn customer(&self, external_id: &str) -> Customer<'_> {
        Customer::invited(self, external_id, "Europe/Berlin").await
    }

    /// A customer whose admin has consented for Contoso.
    pub async fn connected(&self) -> Customer<'_> {
        let customer = self.customer("acme").await;
        customer.connect_tenant().await;
        customer
    }

    /// A customer whose first full sync has ended.
    pub async fn synced(&self) -> Customer<'_> {
        let customer = self.connected().await;
        let run = customer.enable().await;
        customer.wait_for_run(&run).await;
        self.settle().await;
        customer
    }

    /// Waits until all notifications are delivered and all that follows from them is done.
    pub async fn settle(&self) {
        for _ in 0..5 {
            let delivered = self.sim.deliveries_settled(PATIENCE).await;
            assert!(delivered, "notifications were not taken\n{}", self.story());
            let quiet = self.stack.until_quiet(PATIENCE).await;
            assert!(quiet, "the stack never comes to rest\n{}", self.story());
            if self.sim.deliveries().pending == 0 && self.stack.is_quiet() {
                return;
            }
        }
        panic!("notifications and work never end\n{}", self.story());
    }

    /// Waits until the product is done, whatever Graph still holds back.
    pub async fn settle_stack(&self) {
        let quiet = self.stack.until_quiet(PATIENCE).await;
        assert!(quiet, "the stack never comes to rest\n{}", self.story());
    }

    /// Waits until all notifications are delivered, whatever the product makes of them.
    pub async fn settle_deliveries(&self) {
        let delivered = self.sim.deliveries_settled(PATIENCE).await;
        assert!(delivered, "notifications were not taken\n{}", self.story());
    }

    /// Ends the processes of a function that are at work, as a crash would, and lets time pass
    /// until it is tried again.
    pub async fn kill(&self, function: &str, connection: &str) {
        let before = self.stack.invocations(function).len();
        let killed = self.stack.kill_running(function);
        assert!(killed > 0, "{function} was not at work\n{}", self.story());
        eventually("the process is gone", async || {
            let records = self.stack.invocations(function);
            records.iter().skip(before).any(|record| record.error.is_some()).then_some(())
        })
        .await;
        self.let_lease_run_out(connection).await;
        let pool = self.stack.function(function).expect("a function").clone();
        let gone = self.stack.invocations(function).len();
        // Lambda waits a minute before the first retry and two before the second. No more may pass while
        // a slow machine starts the process: in some hours events grow too old and schedules fire.
        let mut left = Duration::from_mins(3);
        eventually("it is tried again", async || {
            let step = left.min(Duration::from_secs(30));
            left -= step;
            self.pass_time(step);
            let again = pool.running() > 0 || self.stack.invocations(function).len() > gone;
            again.then_some(())
        })
        .await;
    }

    /// Lets time pass for schedules, retries and expiry; functions read the machine's clock.
    pub fn pass_time(&self, by: Duration) {
        self.stack.clock().advance(by);
    }

    /// Runs a function on an event, as its trigger would, and waits.
    pub async fn invoke(&self, function: &str, event: &Value) -> String {
        let outcome = self.stack.invoke(function, event).await;
        let outcome = outcome.unwrap_or_else(|| panic!("there is no function {function}"));
        let answer = outcome.unwrap_or_else(|error| {
            panic!("{function} failed: {error:?}\n{}", self.story());
        });
        String::from_utf8(answer.to_vec()).unwrap()
    }

    /// The five-minute sweep, now.
    pub async fn sweep(&self) {
        self.invoke("subscription-renewal", &json!({"task": "sweep"})).await;
        self.settle().await;
    }

    /// The daily audit of subscriptions, now.
    pub async fn audit(&self) {
        self.invoke("subscription-renewal", &json!({"task": "audit"})).await;
        self.settle().await;
    }

    /// What went wrong so far, for whoever reads a failed test.
    pub fn story(&self) -> String {
        history::story(&self.stack)
    }
}

impl Drop for Scene {
    /// Whatever was played: nothing was tried that a function's role does not allow.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let denied = self.stack.denied_calls();
            assert!(denied.is_empty(), "roles lack what functions do: {denied:#?}");
        }
    }
}

/// Registers a new certificate with an app, beside what it has; answers what the installation's secret must hold.
pub fn register_certificate(app: &mut AppRegistration) -> String {
    // Entra takes RSA keys only.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key can be made");
    let made = rcgen::CertificateParams::new(vec!["contact-sync.example".to_owned()])
        .and_then(|parameters| parameters.self_signed(&key));
    let certificate = made.expect("a certificate can be made").pem();
    app.certificates.push(certificate.clone());
    let key = key.serialize_pem();
    json!({"certificatePem": certificate, "privateKeyPem": key}).to_string()
}

/// The functions' programs and others in one folder.
fn with_programs(folder: &TempDir, binaries: &Path, further: &[(String, PathBuf)]) -> PathBuf {
    if further.is_empty() {
        return binaries.to_owned();
    }
    let together = folder.path().join("programs");
    std::fs::create_dir(&together).unwrap();
    let functions = repository().join("functions");
    for name in std::fs::read_dir(functions).unwrap().map(|entry| entry.unwrap().file_name()) {
        if !further.iter().any(|(replaced, _)| name == replaced.as_str()) {
            std::os::unix::fs::symlink(binaries.join(&name), together.join(&name)).unwrap();
        }
    }
    for (name, program) in further {
        std::os::unix::fs::symlink(program, together.join(name)).unwrap();
    }
    together
}

/// The template with its limits of time changed and more resources, the paths in it still right.
fn template(
    folder: &TempDir,
    timeouts: &BTreeMap<&'static str, u32>,
    further_resources: &str,
) -> PathBuf {
    let path = repository().join("infra/template.yaml");
    if timeouts.is_empty() && further_resources.is_empty() {
        return path;
    }
    let mut text = std::fs::read_to_string(path).unwrap();
    for (function, seconds) in timeouts {
        let start = text.find(&format!("CodeUri: ../functions/{function}")).expect("a function");
        let line = start + text[start..].find("Timeout: ").expect("every function has a limit");
        let end = line + text[line..].find('\n').unwrap();
        text.replace_range(line..end, &format!("Timeout: {seconds}"));
    }
    let resources = text.find("\nResources:\n").expect("a template has resources");
    text.insert_str(resources + "\nResources:".len(), further_resources);
    let copy = folder.path().join("template.yaml");
    std::fs::write(&copy, text).unwrap();
    copy
}
