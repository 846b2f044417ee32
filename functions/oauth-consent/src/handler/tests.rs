use std::sync::Mutex;

use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use contact_sync_engine::consent::{Callback, InvitationView, RequestedPermission};
use contact_sync_engine::port::StoreError;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
};

use super::*;

const TOKEN: &str = "q7Yt0vS1cV9m2Jk4Xb6NwZ8rP3LhDfGaEuTiOyQsRxA";
const STATE: &str = "hT5kXw2QmZ9rVbN1cL7pYs4DfGjAeUiOq3RxWtEvB0M";
const COOKIE: &str = "Zk3mV8qT1wR6yB9nX4cJ7hL2pS5dFgAeUiOtEvWxQ0M";
const TENANT: &str = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
const MICROSOFT: &str = "https://login.microsoftonline.com/organizations/v2.0/adminconsent?state=s";

/// Use cases that answer as told and remember what they were asked.
#[derive(Default)]
struct Told {
    asked: Mutex<Vec<String>>,
    outcome: Mutex<Option<Result<Outcome, ConsentError>>>,
}

impl Told {
    fn to(outcome: Result<Outcome, ConsentError>) -> Self {
        Self { outcome: Mutex::new(Some(outcome)), ..Self::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn ask(&self, question: String) {
        self.asked.lock().unwrap().push(question);
    }
}

impl Consent for Told {
    async fn describe(&self, token: &str) -> Result<InvitationView, ConsentError> {
        self.ask(format!("describe {token}"));
        if token != TOKEN {
            return Err(Refusal::DeadLink.into());
        }
        Ok(InvitationView {
            account_name: "<b>Contoso</b> & Söhne".into(),
            permissions: &[RequestedPermission { name: "User.Read.All", meaning: "Read people." }],
            organisation: Some("contoso.com\"><script>".into()),
            expires_at: "2026-11-24T10:00:00Z".parse().unwrap(),
        })
    }

    async fn begin(&self, token: &str, redirect_uri: &str) -> Result<Begun, ConsentError> {
        self.ask(format!("begin {token} {redirect_uri}"));
        Ok(Begun { redirect_url: MICROSOFT.into(), cookie: COOKIE.into() })
    }

    async fn complete(
        &self,
        callback: &Callback<'_>,
        redirect_uri: &str,
    ) -> Result<Outcome, ConsentError> {
        let Callback { state, cookie, error, error_description, admin_consent, tenant, code } =
            *callback;
        assert!(error_description.is_none_or(|text| text.starts_with("AADSTS65004: <script>")));
        self.ask(format!(
            "complete {state:?} {cookie:?} {error:?} {admin_consent:?} {tenant:?} {code:?} {redirect_uri}"
        ));
        self.outcome.lock().unwrap().take().unwrap()
    }
}

fn payload(text: &str) -> Request {
    lambda_http::request::from_str(text).unwrap()
}

macro_rules! event {
    ($name:literal) => {
        payload(include_str!(concat!("../../../../events/oauth-consent/", $name, ".json")))
    };
}

async fn answered(told: &Told, request: Request) -> Response<Body> {
    handle(told, None, request).await.unwrap()
}

fn header(response: &Response<Body>, name: impl http::header::AsHeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn text(response: &Response<Body>) -> &str {
    match response.body() {
        Body::Text(text) => text,
        _ => "",
    }
}

fn connected() -> Outcome {
    Outcome::Connected {
        account_id: AccountId::from_bits(1),
        connection_id: ConnectionId::from_bits(2),
        tenant_id: TenantId::parse(TENANT).unwrap(),
    }
}

#[tokio::test]
async fn a_link_shows_who_asks_escaped_and_starts_nothing() {
    let told = Told::default();
    let response = answered(&told, event!("show-link")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(told.asked(), [format!("describe {TOKEN}")]);
    let page = text(&response);
    assert!(page.contains("&lt;b&gt;Contoso&lt;/b&gt; &amp; Söhne"), "{page}");
    assert!(!page.contains("<script>"));
    assert!(page.contains("<form method=\"post\">") && page.contains("24 November 2026"));
    assert_eq!(header(&response, SET_COOKIE), "");
    // A preview that only asks for the headers starts nothing either.
    let mut preview = event!("show-link");
    *preview.method_mut() = Method::HEAD;
    assert_eq!(answered(&told, preview).await.status(), 200);
    assert!(told.asked().iter().all(|asked| asked.starts_with("describe")));
}

#[tokio::test]
async fn every_page_is_shown_under_a_policy_that_loads_nothing_and_is_kept_nowhere() {
    let told = Told::default();
    let response = answered(&told, event!("show-link")).await;
    let policy = header(&response, CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"));
    assert_eq!(header(&response, CACHE_CONTROL), "no-store");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert_eq!(header(&response, "referrer-policy"), "same-origin");
    assert!(!header(&response, STRICT_TRANSPORT_SECURITY).is_empty());
    let page = text(&response);
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" style="));
}

#[tokio::test]
async fn the_button_binds_the_browser_and_sends_it_to_microsoft() {
    let told = Told::default();
    let response = answered(&told, event!("start-consent")).await;
    assert_eq!(response.status(), 303);
    assert_eq!(header(&response, LOCATION), MICROSOFT);
    let cookie = format!(
        "__Host-ecs-consent={COOKIE}; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax; Secure"
    );
    assert_eq!(header(&response, SET_COOKIE), cookie);
    assert_eq!(told.asked(), [format!("begin {TOKEN} https://sync.example.com/oauth/callback")]);
}

#[tokio::test]
async fn on_loopback_the_cookie_does_without_tls() {
    let told = Told::default();
    let base_url = Some("http://127.0.0.1:9000");
    let mut request = event!("start-consent");
    request.headers_mut().remove("sec-fetch-site");
    request.headers_mut().insert("origin", "http://127.0.0.1:9000".parse().unwrap());
    let response = handle(&told, base_url, request).await.unwrap();
    let cookie = header(&response, SET_COOKIE);
    assert!(cookie.starts_with("ecs-consent=") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(header(&response, STRICT_TRANSPORT_SECURITY), "");
    assert_eq!(told.asked(), [format!("begin {TOKEN} http://127.0.0.1:9000/oauth/callback")]);
    let told = Told::to(Ok(connected()));
    let mut request = event!("callback-signed-in");
    request.headers_mut().insert("cookie", "a=b; ecs-consent=local".parse().unwrap());
    handle(&told, base_url, request).await.unwrap();
    assert!(told.asked()[0].contains("Some(\"local\")"), "{:?}", told.asked());
}

#[tokio::test]
async fn another_sites_form_and_an_oversized_one_start_nothing() {
    let told = Told::default();
    let response = answered(&told, event!("start-consent-foreign-site")).await;
    assert_eq!(response.status(), 400);
    assert!(text(&response).contains("Open the link yourself"));
    let mut by_origin = event!("start-consent-foreign-site");
    by_origin.headers_mut().remove("sec-fetch-site");
    assert_eq!(answered(&told, by_origin).await.status(), 400);
    let mut oversized = event!("start-consent");
    *oversized.body_mut() = Body::Text("x".repeat(BODY_LIMIT + 1));
    assert_eq!(answered(&told, oversized).await.status(), 413);
    assert!(told.asked().is_empty());
}

#[tokio::test]
async fn consent_leads_on_to_the_sign_in() {
    let url = "https://login.microsoftonline.com/t/oauth2/v2.0/authorize?x=y".to_owned();
    let told = Told::to(Ok(Outcome::SignIn { url: url.clone() }));
    let response = answered(&told, event!("callback-consented")).await;
    assert_eq!((response.status().as_u16(), header(&response, LOCATION)), (303, url.as_str()));
    assert_eq!(header(&response, SET_COOKIE), "", "the same cookie serves the second way");
    let asked = format!(
        "complete Some({STATE:?}) Some({COOKIE:?}) None Some(\"True\") Some({TENANT:?}) None \
         https://sync.example.com/oauth/callback"
    );
    assert_eq!(told.asked(), [asked]);
}

#[tokio::test]
async fn a_proven_sign_in_ends_on_a_page_and_takes_the_cookie_away() {
    let told = Told::to(Ok(connected()));
    let response = answered(&told, event!("callback-signed-in")).await;
    assert_eq!(response.status(), 200);
    assert!(text(&response).contains(TENANT));
    assert!(header(&response, SET_COOKIE).starts_with("__Host-ecs-consent=; Path=/; Max-Age=0"));
    assert!(told.asked()[0].contains("Some(\"0.AXkAWIG9"), "{:?}", told.asked());
}

#[tokio::test]
async fn a_return_without_its_browsers_cookie_is_told_to_open_the_link() {
    let told = Told::to(Err(Refusal::OtherBrowser.into()));
    let response = answered(&told, event!("callback-without-cookie")).await;
    assert_eq!(response.status(), 400);
    assert!(text(&response).contains("Open the link yourself"));
    assert!(told.asked()[0].contains(&format!("Some({STATE:?}) None None")));
}

#[tokio::test]
async fn microsofts_words_are_never_shown() {
    let told = Told::to(Err(Refusal::NotConsented { code: Some(65_004) }.into()));
    let mut request = event!("callback-declined");
    let context = lambda_http::Context::default();
    request.extensions_mut().insert(context);
    let response = answered(&told, request).await;
    assert_eq!(response.status(), 400);
    let page = text(&response);
    assert!(page.contains("AADSTS65004") && page.contains("Reference:"), "{page}");
    assert!(!page.contains("alert") && !page.contains("declined to consent"));
    assert!(told.asked()[0].contains("Some(\"consent_required\")"));

    let told = Told::to(Err(Refusal::NotConsented { code: None }.into()));
    let response = answered(&told, event!("callback-cancelled")).await;
    assert_eq!(response.status(), 400);
    assert!(told.asked()[0].contains("Some(\"access_denied\")"));
}

#[tokio::test]
async fn a_return_that_names_two_tenants_is_not_even_asked_about() {
    let told = Told::default();
    let response = answered(&told, event!("callback-two-tenants")).await;
    assert_eq!(response.status(), 400);
    assert!(told.asked().is_empty());
}

#[tokio::test]
async fn a_preview_of_the_callback_takes_nothing() {
    let told = Told::default();
    for method in [Method::HEAD, Method::POST] {
        let mut request = event!("callback-consented");
        *request.method_mut() = method;
        let response = answered(&told, request).await;
        assert_eq!((response.status().as_u16(), header(&response, ALLOW)), (405, "GET"));
    }
    assert!(told.asked().is_empty());
}

#[tokio::test]
async fn a_store_that_is_down_says_so_without_saying_why() {
    let error = StoreError::Unavailable {
        operation: "GetItem consent attempt",
        source: "table arn:aws:dynamodb:secret".into(),
    };
    let told = Told::to(Err(error.into()));
    let response = answered(&told, event!("callback-signed-in")).await;
    assert_eq!(response.status(), 503);
    assert!(!text(&response).contains("arn:") && !text(&response).contains("GetItem"));
}

#[tokio::test]
async fn a_dead_link_says_what_to_do() {
    let told = Told::default();
    let request = payload(
        &include_str!("../../../../events/oauth-consent/show-link.json").replace(TOKEN, "guess"),
    );
    let response = answered(&told, request).await;
    assert_eq!(response.status(), 404);
    assert!(text(&response).contains("Ask whoever sent it to you for a new one."));
}
