//! The product's REST API, as its host product calls it.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{Installation, Problem};

/// A client with the operator's token.
#[derive(Debug)]
pub struct Rest {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Rest {
    pub fn new(installation: &impl Installation) -> Result<Self, Problem> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, base_url: installation.url(), token: installation.token() })
    }

    /// Sends a request and answers what came, errors included.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Problem> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
    }

    /// Sends a request that must succeed.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Problem> {
        let request = format!("{method} {path}");
        let answer = self.send(method, path, body, &[]).await?;
        succeeded(request, &answer)?;
        Ok(answer.json())
    }

    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.call(Method::GET, path, None).await
    }

    /// All items of a list, page after page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, Problem> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{separator}limit=100{cursor}")).await?;
            if let Some(Value::Array(page)) = page.get("items") {
                items.extend(page.iter().cloned());
            }
            let Some(next) = page.get("nextCursor").and_then(Value::as_str) else {
                return Ok(items);
            };
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            cursor = format!("&cursor={next}");
        }
    }

    /// Fetches an address that carries its own permission.
    pub async fn fetch(&self, url: &str) -> Result<Answer, Problem> {
        let response = self.http.get(url).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
    }
}

/// An error that quotes the answer's problem document, unless it is a success.
pub(super) fn succeeded(request: String, answer: &Answer) -> Result<(), Problem> {
    if answer.status.is_success() {
        return Ok(());
    }
    let problem = answer.json();
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    Err(Problem::Refused {
        request,
        status: answer.status.as_u16(),
        detail: format!("{} {}", text("title"), text("detail")).trim().to_owned(),
    })
}

/// A text member, empty if there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number member, zero if there is none.
pub fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}
