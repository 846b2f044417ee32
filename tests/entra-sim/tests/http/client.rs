//! A simulator with a client that has consent and a token.

use entra_sim::{
    DEFAULT_APP_ID, DEFAULT_APP_SECRET, EntraSim, Settings, SimOptions, TenantSummary,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

/// A running simulator, its first tenant, and a token with the default roles.
pub(crate) struct Client {
    pub(crate) sim: EntraSim,
    pub(crate) tenant: TenantSummary,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl Client {
    pub(crate) async fn with_users(users: u32) -> Self {
        Self::with_roles(users, &["User.Read.All", "GroupMember.Read.All"]).await
    }

    pub(crate) async fn with_roles(users: u32, roles: &[&str]) -> Self {
        let sim = EntraSim::start(SimOptions::with_users(users)).await.expect("started");
        let tenant = sim.tenants().remove(0);
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        sim.grant_consent(tenant.id, DEFAULT_APP_ID, Some(roles)).expect("granted");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("client");
        let mut client = Self { sim, tenant, http, token: String::new() };
        client.token = client.fresh_token().await;
        client
    }

    /// A simulator that keeps its state in a directory.
    pub(crate) async fn kept_in(directory: &std::path::Path) -> Self {
        let mut client = Self::with_users(40).await;
        let options =
            SimOptions { data_dir: Some(directory.to_owned()), ..SimOptions::with_users(40) };
        client.sim = EntraSim::start(options).await.expect("started");
        client.sim.grant_consent(client.tenant.id, DEFAULT_APP_ID, None).expect("granted");
        client.token = client.fresh_token().await;
        client
    }

    /// Stops it and starts it again on the same port; the token stays.
    pub(crate) async fn restart(&mut self, directory: &std::path::Path) {
        let listen = self.sim.address();
        let placeholder = EntraSim::start(SimOptions::with_users(0)).await.expect("started");
        std::mem::replace(&mut self.sim, placeholder).shutdown().await;
        let data_dir = Some(directory.to_owned());
        let options = SimOptions { listen, data_dir, ..SimOptions::with_users(40) };
        self.sim = EntraSim::start(options).await.expect("started again");
    }

    pub(crate) fn base(&self) -> String {
        self.sim.base_url()
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.sim.settings();
        change(&mut settings);
        self.sim.change_settings(settings);
    }

    /// Posts a form to the token endpoint.
    pub(crate) async fn ask_token(&self, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}/{}/oauth2/v2.0/token", self.base(), self.tenant.id);
        post_form(&self.http, &url, form).await
    }

    pub(crate) async fn fresh_token(&self) -> String {
        let scope = format!("{}/.default", self.base());
        let (status, body) = self
            .ask_token(&[
                ("client_id", &DEFAULT_APP_ID.to_string()),
                ("client_secret", DEFAULT_APP_SECRET),
                ("grant_type", "client_credentials"),
                ("scope", &scope),
            ])
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().expect("token").to_owned()
    }

    /// Sends a Graph request to a path or full link.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/v1.0{path}", self.base())
        };
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.expect("answered")
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let response = self.send(Method::GET, path, headers, None).await;
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let response = self.send(Method::POST, path, &[], Some(body)).await;
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Follows nextLinks; answers all entries, the number of pages and the deltaLink.
    pub(crate) async fn drain(&self, path: &str, headers: &[(&str, &str)]) -> Drained {
        let mut drained = Drained::default();
        let mut next = Some(path.to_owned());
        while let Some(link) = next.take() {
            let (status, page) = self.get_with(&link, headers).await;
            assert_eq!(status, StatusCode::OK, "{link}: {page}");
            drained.pages += 1;
            assert!(drained.pages < 1_000, "an endless chain of pages");
            drained.entries.extend(page["value"].as_array().expect("value").iter().cloned());
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
            if let Some(link) = page["@odata.deltaLink"].as_str() {
                assert!(next.is_none(), "never both links");
                link.clone_into(&mut drained.delta_link);
            }
        }
        drained
    }
}

/// A list or round read to its end.
#[derive(Default)]
pub(crate) struct Drained {
    pub(crate) entries: Vec<Value>,
    pub(crate) pages: usize,
    pub(crate) delta_link: String,
}

impl Drained {
    pub(crate) fn ids(&self) -> std::collections::BTreeSet<String> {
        self.entries.iter().map(|entry| entry["id"].as_str().expect("id").to_owned()).collect()
    }

    pub(crate) fn entry(&self, id: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry["id"] == id)
    }
}

pub(crate) async fn post_form(
    http: &reqwest::Client,
    url: &str,
    form: &[(&str, &str)],
) -> (StatusCode, Value) {
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let response = http
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .expect("answered");
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}
