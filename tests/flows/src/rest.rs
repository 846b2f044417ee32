//! The REST API as a client sees it.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// A caller of the API with its token.
#[derive(Debug, Clone)]
pub struct Rest {
    http: Client,
    base_url: String,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    asked: String,
}

impl Rest {
    pub(crate) fn new(http: Client, base_url: String, token: String) -> Self {
        Self { http, base_url, token }
    }

    /// The same API for the bearer of another token.
    #[must_use]
    pub fn bearing(&self, token: impl Into<String>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PUT, path, &[], Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Sends any request with further headers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let content = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.send_bytes(method, path, headers, content).await
    }

    /// Sends any request with any content, named by its media type.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        content: Option<(&str, Vec<u8>)>,
    ) -> Reply {
        let url = format!("{}{path}", self.base_url);
        let mut request = self.http.request(method.clone(), url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((media_type, bytes)) = content {
            request = request.header("content-type", media_type).body(bytes);
        }
        let response = request.send().await.expect("the gateway answers");
        Reply::read(format!("{method} {path}"), response).await
    }

    /// All items of a list, page by page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..200 {
            let separator = if path.contains('?') { '&' } else { '?' };
            let cursor_part = cursor.as_deref().map(|cursor| {
                let encoded: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
                format!("&cursor={encoded}")
            });
            let page = format!("{path}{separator}limit=200{}", cursor_part.unwrap_or_default());
            let page = self.get(&page).await.expect(200).json();
            let found = page["items"].as_array().expect("a list has items").clone();
            let next = page["nextCursor"].as_str().map(str::to_owned);
            // The log of events gives a cursor at its end too; there is nothing behind it yet.
            let at_end = next.is_none() || (found.is_empty() && next == cursor);
            items.extend(found);
            if at_end {
                return items;
            }
            cursor = next;
        }
        panic!("{path} never ends");
    }
}

impl Reply {
    pub(crate) async fn read(asked: String, response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("an answer is text");
        Self { status, headers, text, asked }
    }

    /// The same answer, if it has this status.
    #[expect(clippy::return_self_not_must_use, reason = "often the status is all that matters")]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        self
    }

    /// The JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{}: {error} in {:?}", self.asked, self.text))
    }

    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The stable word of a problem document.
    #[track_caller]
    pub fn problem(&self) -> String {
        self.json()["type"].as_str().expect("a problem has a type").to_owned()
    }

    /// The JSON pointers of a problem's errors, in order.
    #[track_caller]
    pub fn pointers(&self) -> Vec<String> {
        let document = self.json();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().filter_map(|error| error["pointer"].as_str().map(str::to_owned)).collect()
    }
}
