//! A customer of the host product: one account with one connection, and the verbs of both.

use std::collections::BTreeMap;

use entra_sim::SignIn;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::browser::Page;
use crate::directory::{Person, in_default_scope};
use crate::patience::{PATIENCE, eventually, within};
use crate::report::{self, EXTENDED_COLUMNS, ReportRow, SIMPLE_COLUMNS};
use crate::rest::{Reply, Rest};
use crate::scene::Scene;

/// An account and its connection.
#[derive(Debug)]
pub struct Customer<'s> {
    scene: &'s Scene,
    /// Our id of the account.
    pub account: String,
    /// The connection's id.
    pub connection: String,
    /// The consent link that was answered when the connection was made.
    pub consent_url: String,
}

impl<'s> Customer<'s> {
    /// Makes an account in a time zone and a connection that waits for consent.
    pub async fn invited(scene: &'s Scene, external_id: &str, time_zone: &str) -> Self {
        let rest = scene.rest();
        let account = json!({
            "externalId": external_id,
            "name": format!("Customer {external_id}"),
            "timeZone": time_zone,
        });
        let account = rest.post("/v1/accounts", &account).await.expect(201).json();
        let account = account["id"].as_str().expect("an account has an id").to_owned();
        Self::of_account(scene, &account).await
    }

    /// Makes another connection of an account.
    pub async fn of_account(scene: &'s Scene, account: &str) -> Self {
        let path = format!("/v1/accounts/{account}/connections");
        let made = scene.rest().post(&path, &json!({})).await.expect(201).json();
        Self::of_connection(scene, account, &made)
    }

    /// A connection of an account, as it was answered when it was made.
    pub fn of_connection(scene: &'s Scene, account: &str, made: &Value) -> Self {
        let text = |name: &str| made[name].as_str().expect("a member of a connection").to_owned();
        assert_eq!(made["status"], "invited");
        Self {
            scene,
            account: account.to_owned(),
            connection: text("id"),
            consent_url: text("consentUrl"),
        }
    }

    /// The path of the connection, or of something below it.
    pub fn path(&self, below: &str) -> String {
        format!("/v1/accounts/{}/connections/{}{below}", self.account, self.connection)
    }

    /// The path of the account, or of something below it.
    pub fn account_path(&self, below: &str) -> String {
        format!("/v1/accounts/{}{below}", self.account)
    }

    fn rest(&self) -> Rest {
        self.scene.rest()
    }

    // ---- Consent ---------------------------------------------------------------------------

    /// Contoso's admin opens the link and consents; waits until the permissions were tried.
    pub async fn connect_tenant(&self) {
        self.connect(self.scene.tenant).await;
    }

    /// The admin of a tenant opens the link and consents; waits until the permissions were tried.
    pub async fn connect(&self, tenant: Uuid) {
        let page = self.consent_as(&SignIn::admin(tenant)).await;
        assert_eq!(page.status.as_u16(), 200, "{}\n{}", page.text(), self.scene.story());
        self.wait_for_status("ready").await;
    }

    /// Opens the link in a new browser and goes all the way, with this sign-in at each page.
    pub async fn consent_as(&self, sign_in: &SignIn) -> Page {
        let mut browser = self.scene.browser();
        self.scene.sim.clear_sign_ins();
        self.scene.sim.next_sign_in(sign_in.clone().times(2));
        let link = browser.visit(&self.consent_url).await;
        assert_eq!(link.status.as_u16(), 200, "{}\n{}", link.text(), self.scene.story());
        let sent = browser.submit(&link).await;
        assert_eq!(sent.status.as_u16(), 303, "{}\n{}", sent.text(), self.scene.story());
        let end = browser.follow(sent).await;
        self.scene.sim.clear_sign_ins();
        end
    }

    /// A further consent link.
    pub async fn new_link(&self) -> String {
        let link = self.rest().post(&self.path("/consent-links"), &json!({})).await.expect(201);
        link.json()["url"].as_str().expect("a link").to_owned()
    }

    /// The same connection, with a new consent link.
    pub async fn with_new_link(&self) -> Customer<'s> {
        Customer {
            scene: self.scene,
            account: self.account.clone(),
            connection: self.connection.clone(),
            consent_url: self.new_link().await,
        }
    }

    // ---- The connection --------------------------------------------------------------------

    /// The connection as the API shows it.
    pub async fn show(&self) -> Value {
        self.rest().get(&self.path("")).await.expect(200).json()
    }

    pub async fn status(&self) -> String {
        self.show().await["status"].as_str().expect("a connection has a status").to_owned()
    }

    pub async fn wait_for_status(&self, status: &str) {
        let mut last = String::new();
        let reached = within(PATIENCE, async || {
            last = self.status().await;
            (last == status).then_some(())
        })
        .await;
        let is_reached = reached.is_some();
        assert!(is_reached, "the connection is {last}, not {status}\n{}", self.scene.story());
    }

    /// An action without a body: `pause`, `resume`, `disable`, `disconnect`.
    pub async fn act(&self, action: &str) -> Reply {
        self.rest().post(&self.path(&format!("/{action}")), &json!({})).await
    }

    /// Starts syncing with Contoso; answers the first run's id.
    pub async fn enable(&self) -> String {
        self.enable_for(self.scene.tenant).await.expect(202).run_id()
    }

    /// Asks to start syncing with a tenant.
    pub async fn enable_for(&self, tenant: Uuid) -> Reply {
        self.rest().post(&self.path("/enable"), &json!({"tenantId": tenant})).await
    }

    /// The settings in force.
    pub async fn settings(&self) -> Value {
        self.rest().get(&self.path("/settings")).await.expect(200).json()
    }

    /// The number of the settings in force.
    pub async fn settings_version(&self) -> u64 {
        let current = self.rest().get(&self.path("/settings")).await.expect(200);
        current.header("etag").trim_matches('"').parse().expect("a version")
    }

    /// Saves the settings with some members changed (objects are merged).
    pub async fn change_settings(&self, changes: Value) {
        self.try_settings(changes).await.expect(200);
    }

    /// Tries to save the settings with some members changed.
    pub async fn try_settings(&self, changes: Value) -> Reply {
        let current = self.rest().get(&self.path("/settings")).await.expect(200);
        let mut document = current.json();
        merge(&mut document, changes);
        let etag = current.header("etag").to_owned();
        let headers = [("if-match", etag.as_str())];
        self.rest().send(Method::PUT, &self.path("/settings"), &headers, Some(&document)).await
    }

    /// Changes the mapping's row of a target, or adds one.
    pub async fn change_mapping(&self, target: &str, changes: Value) {
        let mut rows = self.settings().await["mapping"].as_array().expect("rows").clone();
        if let Some(row) = rows.iter_mut().find(|row| row["target"] == target) {
            merge(row, changes);
        } else {
            let mut row = json!({"target": target});
            merge(&mut row, changes);
            rows.push(row);
        }
        self.change_settings(json!({"mapping": rows})).await;
    }

    /// Replaces the account's own fields.
    pub async fn set_custom_fields(&self, fields: Value) {
        self.rest().put(&self.account_path("/custom-fields"), &fields).await.expect(200);
    }

    // ---- Runs ------------------------------------------------------------------------------

    /// Sync Now; answers the ended run.
    pub async fn sync_now(&self) -> Value {
        let run = self.start_run("full").await;
        let run = self.wait_for_run(&run).await;
        self.scene.settle().await;
        run
    }

    /// Asks for a run; answers its id.
    pub async fn start_run(&self, kind: &str) -> String {
        let run = self.rest().post(&self.path("/runs"), &json!({"kind": kind})).await;
        run.expect(202).json()["id"].as_str().expect("a run has an id").to_owned()
    }

    /// A run as the API shows it.
    pub async fn run(&self, run: &str) -> Value {
        self.rest().get(&self.path(&format!("/runs/{run}"))).await.expect(200).json()
    }

    /// All runs, newest first.
    pub async fn runs(&self) -> Vec<Value> {
        self.rest().list(&self.path("/runs")).await
    }

    /// The runs of one kind, newest first.
    pub async fn runs_of(&self, kind: &str) -> Vec<Value> {
        let mut runs = self.runs().await;
        runs.retain(|run| run["kind"] == kind);
        runs
    }

    /// Waits until a run has ended and its report is written.
    pub async fn wait_for_run(&self, run: &str) -> Value {
        let mut last = Value::Null;
        let ended = within(PATIENCE, async || {
            last = self.run(run).await;
            let ended = !matches!(last["status"].as_str(), Some("queued" | "running"));
            // A cancelled run that never began has nothing to report.
            let told = last["reportReady"] == true || last["status"] == "cancelled";
            (ended && told).then_some(())
        })
        .await;
        let has_ended = ended.is_some();
        assert!(has_ended, "the run does not end: {last}\n{}", self.scene.story());
        last
    }

    /// Waits until a run has this status.
    pub async fn wait_for_run_status(&self, run: &str, status: &str) {
        let what = format!("the run becomes {status}");
        eventually(&what, async || (self.run(run).await["status"] == status).then_some(())).await;
    }

    /// A run's report in its first form.
    pub async fn report(&self, run: &str) -> Vec<ReportRow> {
        report::read(&self.report_text(run, "").await, SIMPLE_COLUMNS)
    }

    /// A run's report in its extended form.
    pub async fn extended_report(&self, run: &str) -> Vec<ReportRow> {
        report::read(&self.report_text(run, "?form=extended").await, EXTENDED_COLUMNS)
    }

    /// A run's report for machines: its people, and the run that the last line tells of.
    pub async fn json_lines(&self, run: &str) -> (Vec<Value>, Value) {
        let reply = self.rest().get(&self.path(&format!("/runs/{run}/report?form=jsonl"))).await;
        let reply = reply.expect(200);
        assert_eq!(reply.header("content-type"), "application/x-ndjson");
        let line = |line: &str| serde_json::from_str(line).expect("a JSON document a line");
        let mut lines: Vec<Value> = reply.text.lines().map(line).collect();
        let mut end = lines.pop().expect("a last line");
        (lines, end["run"].take())
    }

    async fn report_text(&self, run: &str, form: &str) -> String {
        let reply = self.rest().get(&self.path(&format!("/runs/{run}/report{form}"))).await;
        let reply = reply.expect(200);
        assert!(reply.header("content-type").starts_with("text/csv"), "{reply:?}");
        reply.text
    }

    // ---- Contacts --------------------------------------------------------------------------

    /// All contacts of the account.
    pub async fn contacts(&self) -> Vec<Value> {
        self.rest().list(&self.account_path("/contacts")).await
    }

    /// The linked contacts by the directory's object id.
    pub async fn contacts_by_user(&self) -> BTreeMap<String, Value> {
        let contacts = self.contacts().await.into_iter();
        contacts
            .filter_map(|contact| Some((contact["link"]["objectId"].as_str()?.to_owned(), contact)))
            .collect()
    }

    /// The contact linked to a person of the directory.
    pub async fn contact_of(&self, user: &str) -> Option<Value> {
        self.contacts_by_user().await.remove(user)
    }

    /// The contact linked to a person, or a failure that names them.
    pub async fn linked_contact(&self, user: &str) -> Value {
        let found = self.contact_of(user).await;
        found.unwrap_or_else(|| panic!("{user} has no contact\n{}", self.scene.story()))
    }

    /// Makes a contact by hand.
    pub async fn create_contact(&self, fields: Value) -> Value {
        let body = json!({"fields": fields});
        self.rest().post(&self.account_path("/contacts"), &body).await.expect(201).json()
    }

    /// Imports contacts from a CSV file.
    pub async fn import(&self, file: &str) -> Value {
        let path = self.account_path("/contacts/import");
        let content = Some(("text/csv", file.as_bytes().to_vec()));
        self.rest().send_bytes(Method::POST, &path, &[], content).await.expect(200).json()
    }

    /// The account's contact events, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        self.scene.rest_as(&self.account, "viewer").list("/v1/events").await
    }

    // ---- The directory ---------------------------------------------------------------------

    /// Everybody in Contoso's directory, whoever was deleted included.
    pub fn directory(&self) -> Vec<Person> {
        let users = self.scene.sim.users(self.scene.tenant).expect("Contoso");
        users.into_iter().map(Person::new).collect()
    }

    /// People whom the default settings mean and whose address nobody shares, without the admin.
    pub fn people_in_scope(&self) -> Vec<Person> {
        let all = self.directory();
        let is_shared = |person: &Person| {
            let address = person.address().to_lowercase();
            all.iter().filter(|other| other.address().to_lowercase() == address).count() > 1
        };
        let is_meant = |person: &&Person| {
            let is_admin = person.text("displayName") == Some("Alex Admin");
            in_default_scope(person) && !is_shared(person) && !is_admin
        };
        all.iter().filter(is_meant).cloned().collect()
    }

    /// One person of Contoso, as the directory has them now.
    pub fn person(&self, id: &str) -> Person {
        let user = self.scene.sim.user(self.scene.tenant, id).expect("Contoso");
        Person::new(user.unwrap_or_else(|| panic!("the directory has no {id}")))
    }

    /// Changes attributes of a person of Contoso.
    pub fn edit(&self, id: &str, attributes: Value) {
        self.scene.sim.update_user(self.scene.tenant, id, attributes).expect("a person of Contoso");
    }
}

impl Reply {
    /// The run that an action started.
    #[track_caller]
    pub fn run_id(&self) -> String {
        self.json()["run"].as_str().expect("the action starts a run").to_owned()
    }
}

/// Sets the members of `changes` in `document`, object by object.
pub fn merge(document: &mut Value, changes: Value) {
    match (document, changes) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(members.entry(name).or_insert(Value::Null), change);
            }
        }
        (document, changes) => *document = changes,
    }
}
