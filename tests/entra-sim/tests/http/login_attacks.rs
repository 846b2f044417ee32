//! What a careless app would fall for, and the rarer ways to sign in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_sim::{
    AppRegistration, DEFAULT_APP_ID, DEFAULT_APP_SECRET, Decision, SignIn, StateEcho, Step,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Client, post_form};

const CALLBACK: &str = "http://127.0.0.1:9/oauth/callback";

async fn visit(client: &Client, path: &str, query: &[(&str, &str)]) -> reqwest::Response {
    let mut url = url::Url::parse(&format!("{}{path}", client.base())).expect("url");
    url.query_pairs_mut().extend_pairs(query);
    client.http.get(url).send().await.expect("answered")
}

fn location(response: &reqwest::Response) -> url::Url {
    let text = response.headers()["location"].to_str().expect("text");
    url::Url::parse(text).expect("a redirect")
}

fn parameter(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Signs in without PKCE and redeems the code.
async fn signed_in(client: &Client, sign_in: SignIn) -> String {
    client.sim.next_sign_in(sign_in);
    let app = DEFAULT_APP_ID.to_string();
    let query = [
        ("client_id", app.as_str()),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile"),
        ("nonce", "n1"),
    ];
    let path = format!("/{}/oauth2/v2.0/authorize", client.tenant.id);
    let back = location(&visit(client, &path, &query).await);
    let code = parameter(&back, "code").expect("code");
    let (status, body) = client
        .ask_token(&[
            ("client_id", &app),
            ("client_secret", DEFAULT_APP_SECRET),
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
        ])
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["id_token"].as_str().expect("id token").to_owned()
}

/// Verifies an id token with the published keys.
async fn verified(client: &Client, token: &str) -> Option<Value> {
    let url = format!("{}/{}/discovery/v2.0/keys", client.base(), client.tenant.id);
    let keys: Value =
        client.http.get(url).send().await.expect("answered").json().await.expect("JSON");
    let kid = jsonwebtoken::decode_header(token).expect("header").kid.expect("kid");
    let keys = keys["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == kid.as_str())?;
    let text = |name: &str| key[name].as_str().expect("text");
    let key = DecodingKey::from_rsa_components(text("n"), text("e")).expect("key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[DEFAULT_APP_ID.to_string()]);
    Some(jsonwebtoken::decode::<Value>(token, &key, &validation).expect("valid").claims)
}

#[tokio::test]
async fn id_tokens_verify_with_the_published_keys_before_and_after_a_rollover() {
    let client = Client::with_users(20).await;
    let admin = || SignIn::admin(client.tenant.id);
    let before = signed_in(&client, admin()).await;
    assert!(verified(&client, &before).await.is_some());
    client.sim.roll_keys(true).expect("rolled");
    assert!(verified(&client, &before).await.is_none(), "the old key is gone from the set");
    assert!(verified(&client, &signed_in(&client, admin()).await).await.is_some());
}

#[tokio::test]
async fn id_tokens_can_be_wrong_in_any_claim_or_in_their_key() {
    let client = Client::with_users(20).await;
    let mut claims = serde_json::Map::new();
    claims.insert("nonce".to_owned(), json!("another"));
    claims.insert("iss".to_owned(), json!("https://evil.example/v2.0"));
    claims.insert("wids".to_owned(), Value::Null);
    let token = signed_in(&client, SignIn { claims, ..SignIn::admin(client.tenant.id) }).await;
    let claims = verified(&client, &token).await.expect("our key");
    assert_eq!((&claims["nonce"], claims.get("wids")), (&json!("another"), None));
    assert_eq!(claims["iss"], "https://evil.example/v2.0");
    let foreign = SignIn { foreign_key: true, ..SignIn::admin(client.tenant.id) };
    assert!(verified(&client, &signed_in(&client, foreign).await).await.is_none());
}

#[tokio::test]
async fn state_can_be_lost_or_replaced_and_the_answer_posted() {
    let client = Client::with_users(20).await;
    let app = DEFAULT_APP_ID.to_string();
    let scope = format!("{}/.default", client.base());
    let query = [
        ("client_id", app.as_str()),
        ("scope", &scope),
        ("redirect_uri", CALLBACK),
        ("state", "mine"),
    ];
    let consent = "/organizations/v2.0/adminconsent";
    let with = |state| SignIn { state, ..SignIn::admin(client.tenant.id) };
    client.sim.next_sign_in(with(StateEcho::Missing));
    let back = location(&visit(&client, consent, &query).await);
    assert_eq!(parameter(&back, "state"), None);
    client.sim.next_sign_in(with(StateEcho::Foreign));
    let back = location(&visit(&client, consent, &query).await);
    assert_ne!(parameter(&back, "state").as_deref(), Some("mine"));
    client.sim.next_sign_in(SignIn { by_post: true, ..with(StateEcho::Echo) });
    let page = visit(&client, consent, &query).await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.expect("text");
    assert!(page.contains("<form method=post action=\"http://127.0.0.1:9/oauth/callback\">"));
    assert!(page.contains("name=\"state\" value=\"mine\""));
}

#[tokio::test]
async fn the_older_consent_endpoint_has_its_own_answers() {
    let client = Client::with_users(20).await;
    let app = DEFAULT_APP_ID.to_string();
    let query = [("client_id", app.as_str()), ("redirect_uri", CALLBACK), ("state", "s")];
    let path = format!("/{}/adminconsent", client.tenant.id);
    client.sim.next_sign_in(SignIn::admin(client.tenant.id));
    let back = location(&visit(&client, &path, &query).await);
    assert_eq!(parameter(&back, "admin_consent").as_deref(), Some("True"));
    assert_eq!(parameter(&back, "scope"), None);
    client.sim.next_sign_in(SignIn::admin(client.tenant.id).deciding(Decision::Cancel));
    let back = location(&visit(&client, &path, &query).await);
    assert_eq!(parameter(&back, "error").as_deref(), Some("permission_denied"));
}

#[tokio::test]
async fn a_sign_in_meant_for_another_page_or_tenant_waits() {
    let client = Client::with_users(20).await;
    client.sim.next_sign_in(SignIn::admin(client.tenant.id).at(Step::Authorize));
    let app = DEFAULT_APP_ID.to_string();
    let query = [("client_id", app.as_str()), ("redirect_uri", CALLBACK)];
    let page = visit(&client, &format!("/{}/adminconsent", client.tenant.id), &query).await;
    assert_eq!(page.status(), StatusCode::OK, "a person has to choose");
    assert!(signed_in(&client, SignIn::member(client.tenant.id)).await.contains('.'));
}

#[tokio::test]
async fn a_certificate_replaces_the_secret() {
    let client = Client::with_users(20).await;
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("key");
    let certificate = rcgen::CertificateParams::new(vec!["app".to_owned()])
        .and_then(|parameters| parameters.self_signed(&pair))
        .expect("certificate");
    let mut app = AppRegistration::development();
    app.secrets.clear();
    app.certificates.push(certificate.pem());
    client.sim.put_app(app);
    let now = client.sim.clock().now().as_second();
    let token_url = format!("{}/{}/oauth2/v2.0/token", client.base(), client.tenant.id);
    let claims = json!({"aud": token_url, "iss": DEFAULT_APP_ID, "sub": DEFAULT_APP_ID,
                        "jti": "1", "nbf": now, "exp": now + 600});
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
    let header = Header { x5t_s256: Some(thumbprint), ..Header::new(Algorithm::PS256) };
    let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("key");
    let assertion = jsonwebtoken::encode(&header, &claims, &key).expect("signed");
    let app_id = DEFAULT_APP_ID.to_string();
    let mut form = vec![
        ("client_id", app_id.as_str()),
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let (status, body) = client.ask_token(&form).await;
    assert_eq!((status.as_u16(), &body["error_codes"][0]), (401, &json!(7_000_218)));
    form.push(("client_assertion", &assertion));
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    form.push(("client_assertion_type", kind));
    assert_eq!(client.ask_token(&form).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_disabled_app_and_a_deleted_tenant_get_no_token() {
    let client = Client::with_users(20).await;
    let app_id = DEFAULT_APP_ID.to_string();
    let form = [
        ("client_id", app_id.as_str()),
        ("client_secret", DEFAULT_APP_SECRET),
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    client.sim.enable_app(client.tenant.id, DEFAULT_APP_ID, false).expect("disabled");
    assert_eq!(client.ask_token(&form).await.1["error_codes"][0], 7_000_112);
    client.sim.enable_app(client.tenant.id, DEFAULT_APP_ID, true).expect("enabled");
    client.sim.delete_tenant(client.tenant.id, true).expect("deleted");
    assert_eq!(client.ask_token(&form).await.1["error_codes"][0], 90_002);
    assert_eq!(client.get("/users").await.0, StatusCode::UNAUTHORIZED);
    let url = format!("{}/organizations/oauth2/v2.0/token", client.base());
    let (status, _) = post_form(&client.http, &url, &form).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
