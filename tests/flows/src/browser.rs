//! A browser as far as sign-in needs one: cookies, forms, and redirects followed one by one.

use std::collections::BTreeMap;

use reqwest::{Client, Method, StatusCode, header};
use url::Url;

/// Redirects after which a browser gives up.
const MOST_REDIRECTS: usize = 10;

/// One person's browser, with a cookie jar of its own.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    /// By origin, then name.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a browser shows after a request.
#[derive(Debug, Clone)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    /// Where a redirect leads.
    pub location: Option<Url>,
    pub body: String,
}

impl Browser {
    pub(crate) fn new(http: Client) -> Self {
        Self { http, cookies: BTreeMap::new() }
    }

    /// Opens an address without following a redirect.
    pub async fn visit(&mut self, url: &str) -> Page {
        self.request(Method::GET, parsed(url), None).await
    }

    /// Presses the button of the page's form, without following the redirect.
    pub async fn submit(&mut self, page: &Page) -> Page {
        let form = page.form();
        let fields = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let action = page.url.join(&form.action).expect("a form leads somewhere");
        self.request(Method::POST, action, Some(body)).await
    }

    /// Takes one step of a redirect.
    pub async fn step(&mut self, page: &Page) -> Page {
        let location = page.location.clone();
        let location = location.unwrap_or_else(|| panic!("no redirect: {page:?}"));
        self.request(Method::GET, location, None).await
    }

    /// Follows redirects until a page is shown.
    pub async fn follow(&mut self, page: Page) -> Page {
        let mut page = page;
        for _ in 0..MOST_REDIRECTS {
            if page.location.is_none() {
                return page;
            }
            page = self.step(&page).await;
        }
        panic!("too many redirects, the last to {:?}", page.location);
    }

    /// Follows redirects until the next one would lead to a path that ends like this.
    pub async fn follow_until(&mut self, page: Page, path_end: &str) -> Page {
        let mut page = page;
        for _ in 0..MOST_REDIRECTS {
            match &page.location {
                Some(location) if location.path().ends_with(path_end) => return page,
                Some(_) => page = self.step(&page).await,
                None => panic!("never sent to {path_end}: {page:?}"),
            }
        }
        panic!("too many redirects");
    }

    /// Whether the jar has any cookie for the address's origin.
    pub fn has_cookies_for(&self, url: &str) -> bool {
        self.cookies.get(&origin(&parsed(url))).is_some_and(|jar| !jar.is_empty())
    }

    /// Empties the jar.
    pub fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    async fn request(&mut self, method: Method, url: Url, form: Option<String>) -> Page {
        let mut request = self.http.request(method, url.clone());
        if let Some(jar) = self.cookies.get(&origin(&url)) {
            let pairs: Vec<String> =
                jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if !pairs.is_empty() {
                request = request.header(header::COOKIE, pairs.join("; "));
            }
        }
        if let Some(form) = form {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, origin(&url))
                .body(form);
        }
        let response = request.send().await.expect("the page answers");
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            self.keep(&url, cookie.to_str().expect("cookies are text"));
        }
        let status = response.status();
        let location = response.headers().get(header::LOCATION).map(|location| {
            url.join(location.to_str().expect("addresses are text")).expect("an address")
        });
        let location = location.filter(|_| status.is_redirection());
        let body = response.text().await.expect("a page is text");
        Page { url, status, location, body }
    }

    fn keep(&mut self, url: &Url, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let (name, value) =
            parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie has a name");
        let ends = parts.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0"));
        let jar = self.cookies.entry(origin(url)).or_default();
        if ends || value.is_empty() {
            jar.remove(name);
        } else {
            jar.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// A page's form: where it posts, and its fields as they stand.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Page {
    /// The text of the body without its tags, for assertions on what a person reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for letter in self.body.chars() {
            match letter {
                '<' => in_tag = true,
                '>' => in_tag = false,
                letter if !in_tag => text.push(letter),
                _ => {}
            }
        }
        text
    }

    /// A parameter of the redirect's address.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let location = self.location.as_ref()?;
        location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The same redirect with one parameter set to another value, or taken away.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: Option<&str>) -> Self {
        let mut location = self.location.clone().expect("a redirect");
        let pairs: Vec<(String, String)> =
            location.query_pairs().into_owned().filter(|(key, _)| key != name).collect();
        location
            .query_pairs_mut()
            .clear()
            .extend_pairs(pairs)
            .extend_pairs(value.map(|value| (name.to_owned(), value.to_owned())));
        Self { location: Some(location), ..self.clone() }
    }

    fn form(&self) -> Form {
        let form = self.body.split_once("<form").map(|(_, form)| form);
        let form = form.unwrap_or_else(|| panic!("no form: {self:?}"));
        let form = form.split_once("</form>").map_or(form, |(form, _)| form);
        let (head, inside) = form.split_once('>').expect("a tag ends");
        let fields = inside
            .split('<')
            .filter(|tag| tag.starts_with("input") && attribute(tag, "name").is_some());
        Form {
            action: attribute(head, "action").unwrap_or_default(),
            fields: fields
                .map(|tag| {
                    let value = attribute(tag, "value").unwrap_or_default();
                    (attribute(tag, "name").unwrap_or_default(), value)
                })
                .collect(),
        }
    }
}

/// The value of an attribute in the text of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&amp;", "&").replace("&quot;", "\""))
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn parsed(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}
