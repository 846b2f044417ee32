//! The least of a browser: redirects, cookies, forms.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

use super::Problem;

/// A browser follows so many redirects before it gives up.
const MAX_REDIRECTS: usize = 20;

/// One person's browser.
pub(super) struct Browser {
    http: reqwest::Client,
    /// Cookies by origin and name.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A page that was loaded.
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) html: String,
}

/// The first form of a page.
pub(super) struct Form {
    action: Url,
    /// Hidden inputs and chosen radio buttons.
    pub(super) fields: Vec<(String, String)>,
}

impl Browser {
    pub(super) fn new() -> Result<Self, Problem> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, cookies: BTreeMap::new() })
    }

    /// Opens an address.
    pub(super) async fn open(&mut self, url: &str) -> Result<Page, Problem> {
        let url = Url::parse(url)
            .map_err(|error| Problem::wrong(format!("{url} is no address: {error}")))?;
        self.load(Method::GET, url, None, None).await
    }

    /// Sends a form with its fields.
    pub(super) async fn submit(&mut self, page: &Page, form: &Form) -> Result<Page, Problem> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form.fields)
            .finish();
        let origin = page.url.origin().ascii_serialization();
        self.load(Method::POST, form.action.clone(), Some(body), Some(origin)).await
    }

    async fn load(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut body: Option<String>,
        origin: Option<String>,
    ) -> Result<Page, Problem> {
        for _ in 0..MAX_REDIRECTS {
            let mut request = self.http.request(method.clone(), url.clone());
            if let Some(jar) = self.cookies.get(&url.origin().ascii_serialization()) {
                let cookies: Vec<String> =
                    jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request = request.header(COOKIE, cookies.join("; "));
            }
            if let Some(body) = body.take() {
                request = request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header(ORIGIN, origin.clone().unwrap_or_default())
                    .body(body);
            }
            let response = request.send().await?;
            self.keep_cookies(&url, response.headers());
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match location {
                Some(location) if response.status().is_redirection() => {
                    url = url.join(location).map_err(|error| {
                        Problem::wrong(format!("a redirect leads nowhere: {error}"))
                    })?;
                    method = Method::GET;
                }
                _ => {
                    let status = response.status();
                    return Ok(Page { url, status, html: response.text().await? });
                }
            }
        }
        Err(Problem::wrong("the redirects have no end"))
    }

    fn keep_cookies(&mut self, url: &Url, headers: &reqwest::header::HeaderMap) {
        let jar = self.cookies.entry(url.origin().ascii_serialization()).or_default();
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Page {
    /// The page's first form.
    pub(super) fn form(&self) -> Option<Form> {
        let form = element(&self.html, "<form")?;
        let action = attribute(form, "action").unwrap_or_default();
        let action = self.url.join(&action).ok()?;
        let mut fields = Vec::new();
        let mut rest = self.html.as_str();
        while let Some(input) = element(rest, "<input") {
            let kind = attribute(input, "type").unwrap_or_default();
            let is_sent = kind == "hidden" || (kind == "radio" && input.contains(" checked"));
            if let (true, Some(name)) = (is_sent, attribute(input, "name")) {
                fields.push((name, attribute(input, "value").unwrap_or_default()));
            }
            let Some((_, after)) = rest.split_once("<input") else { break };
            rest = after;
        }
        Some(Form { action, fields })
    }
}

/// The first tag that begins with `open`, up to its end.
fn element<'a>(html: &'a str, open: &str) -> Option<&'a str> {
    let start = html.find(open)?;
    let rest = html.get(start..)?;
    rest.get(..rest.find('>')?)
}

/// An attribute's value, quoted or not, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(|c: char| c.is_whitespace() || c == '>').next()?,
    };
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_sends_its_hidden_and_chosen_fields_to_its_action() {
        let page = Page {
            url: Url::parse("http://127.0.0.1:1/a/b?x=1").unwrap(),
            status: StatusCode::OK,
            html: r#"<form method=post action="/c?y=2&amp;z=3"><input type=hidden name="h" value="1&quot;2">
                <input type=radio name=r value="one" checked> <input type=radio name=r value="two">"#
                .to_owned(),
        };
        let form = page.form().unwrap();
        assert_eq!(form.action.as_str(), "http://127.0.0.1:1/c?y=2&z=3");
        let fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("h", "1\"2"), ("r", "one")]);
    }
}
