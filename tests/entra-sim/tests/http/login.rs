//! Consent, sign-in, tokens and their refusals.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_sim::{
    ConsentDelayShows, DEFAULT_APP_ID, DEFAULT_APP_SECRET, Decision, Effect, Fault, SignIn,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::{Client, post_form};

const CALLBACK: &str = "http://127.0.0.1:9/oauth/callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-rules-of-pkce";

fn parameters(location: &str) -> BTreeMap<String, String> {
    let url = url::Url::parse(location).expect("a redirect");
    url.query_pairs().into_owned().collect()
}

async fn redirected(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let mut url = url::Url::parse(&format!("{}{path}", client.base())).expect("url");
    url.query_pairs_mut().extend_pairs(query);
    let response = client.http.get(url).send().await.expect("answered");
    assert_eq!(response.status(), StatusCode::FOUND);
    parameters(response.headers()["location"].to_str().expect("text"))
}

async fn consent(client: &Client, sign_in: SignIn) -> BTreeMap<String, String> {
    client.sim.next_sign_in(sign_in);
    let scope = format!("{}/.default", client.base());
    let app = DEFAULT_APP_ID.to_string();
    let query = [
        ("client_id", app.as_str()),
        ("scope", &scope),
        ("redirect_uri", CALLBACK),
        ("state", "s 1"),
    ];
    redirected(client, "/organizations/v2.0/adminconsent", &query).await
}

async fn authorize(client: &Client, sign_in: SignIn) -> BTreeMap<String, String> {
    client.sim.next_sign_in(sign_in);
    let app = DEFAULT_APP_ID.to_string();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let query = [
        ("client_id", app.as_str()),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile"),
        ("state", "s2"),
        ("nonce", "n1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    redirected(client, &format!("/{}/oauth2/v2.0/authorize", client.tenant.id), &query).await
}

async fn redeem(client: &Client, code: &str, verifier: &str) -> (StatusCode, Value) {
    let app = DEFAULT_APP_ID.to_string();
    client
        .ask_token(&[
            ("client_id", &app),
            ("client_secret", DEFAULT_APP_SECRET),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ])
        .await
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

async fn app_token(client: &Client, tenant: &str, secret: &str) -> (StatusCode, Value) {
    let url = format!("{}/{tenant}/oauth2/v2.0/token", client.base());
    let form = [
        ("client_id", DEFAULT_APP_ID.to_string()),
        ("client_secret", secret.to_owned()),
        ("grant_type", "client_credentials".to_owned()),
        ("scope", format!("{}/.default", client.base())),
    ];
    let form: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    post_form(&client.http, &url, &form).await
}

#[tokio::test]
async fn consent_comes_back_with_tenant_and_state_and_makes_the_app_known() {
    let client = Client::with_users(20).await;
    client.sim.revoke_consent(client.tenant.id, DEFAULT_APP_ID).expect("revoked");
    let (status, body) =
        app_token(&client, &client.tenant.id.to_string(), DEFAULT_APP_SECRET).await;
    assert_eq!((status.as_u16(), &body["error_codes"][0]), (400, &json!(700_016)));
    let answer = consent(&client, SignIn::admin(client.tenant.id)).await;
    assert_eq!(answer["admin_consent"], "True");
    assert_eq!(answer["tenant"], client.tenant.id.to_string());
    assert_eq!(answer["state"], "s 1");
    let (status, _) = app_token(&client, &client.tenant.id.to_string(), DEFAULT_APP_SECRET).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn refused_consents_say_so_and_grant_nothing() {
    let client = Client::with_users(20).await;
    client.sim.revoke_consent(client.tenant.id, DEFAULT_APP_ID).expect("revoked");
    let tenant = client.tenant.id;
    let cancelled = consent(&client, SignIn::admin(tenant).deciding(Decision::Cancel)).await;
    assert_eq!(cancelled["error"], "access_denied");
    assert_eq!(cancelled["error_subcode"], "cancel");
    let denied = consent(&client, SignIn::admin(tenant).deciding(Decision::Deny)).await;
    assert_eq!(denied["error"], "consent_required");
    assert_eq!(denied["admin_consent"], "True", "present on failures too");
    assert!(denied["error_description"].starts_with("AADSTS65004:"));
    let plain = consent(&client, SignIn::member(tenant)).await;
    assert_eq!(plain["error"], "access_denied");
    let forged = SignIn { forged_tenant: Some(tenant), ..SignIn::admin("fabrikam.example") };
    assert_eq!(consent(&client, forged).await["tenant"], tenant.to_string());
    assert!(client.sim.tenant(tenant).expect("known").consents.is_empty());
}

#[tokio::test]
async fn a_sign_in_proves_tenant_person_and_role() {
    let client = Client::with_users(20).await;
    let answer = authorize(&client, SignIn::admin(client.tenant.id)).await;
    assert_eq!(answer["state"], "s2");
    let (status, body) = redeem(&client, &answer["code"], VERIFIER).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let id_token = claims(body["id_token"].as_str().expect("id token"));
    assert_eq!(id_token["tid"], json!(client.tenant.id));
    assert_eq!(id_token["iss"], format!("{}/{}/v2.0", client.base(), client.tenant.id));
    assert_eq!(id_token["nonce"], "n1");
    assert_eq!(id_token["oid"], json!(client.tenant.admin.as_ref().expect("admin").id));
    let admin_role = json!(entra_sim::GLOBAL_ADMINISTRATOR);
    assert!(id_token["wids"].as_array().expect("wids").contains(&admin_role));
    let member = authorize(&client, SignIn::member(client.tenant.id)).await;
    let (_, body) = redeem(&client, &member["code"], VERIFIER).await;
    let id_token = claims(body["id_token"].as_str().expect("id token"));
    assert!(!id_token["wids"].as_array().expect("wids").contains(&admin_role));
}

#[tokio::test]
async fn a_code_counts_once_for_ten_minutes_with_its_verifier_and_tenant() {
    let client = Client::with_users(20).await;
    let sign_in = || SignIn::admin(client.tenant.id);
    let code = |answer: &BTreeMap<String, String>| answer["code"].clone();
    let first = code(&authorize(&client, sign_in()).await);
    let (status, body) = redeem(&client, &first, "wrong").await;
    assert_eq!((status.as_u16(), &body["error_codes"][0]), (400, &json!(501_481)));
    assert_eq!(redeem(&client, &first, VERIFIER).await.0, StatusCode::OK);
    assert_eq!(redeem(&client, &first, VERIFIER).await.1["error_codes"][0], 54_005);
    let late = code(&authorize(&client, sign_in()).await);
    client.sim.advance_clock(Duration::from_secs(700));
    assert_eq!(redeem(&client, &late, VERIFIER).await.1["error_codes"][0], 70_008);
    let elsewhere = code(&authorize(&client, sign_in()).await);
    let fabrikam = client.sim.tenants().remove(1).id;
    let url = format!("{}/{fabrikam}/oauth2/v2.0/token", client.base());
    let app = DEFAULT_APP_ID.to_string();
    let form = [
        ("client_id", app.as_str()),
        ("client_secret", DEFAULT_APP_SECRET),
        ("grant_type", "authorization_code"),
        ("code", &elsewhere),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (_, body) = post_form(&client.http, &url, &form).await;
    assert_eq!(body["error_codes"][0], 700_005);
}

#[tokio::test]
async fn the_aliases_publish_a_placeholder_issuer_and_tenants_their_own() {
    let client = Client::with_users(20).await;
    let get = async |path: String| -> Value {
        let url = format!("{}{path}", client.base());
        client.http.get(url).send().await.expect("answered").json().await.expect("JSON")
    };
    let alias = get("/organizations/v2.0/.well-known/openid-configuration".to_owned()).await;
    assert_eq!(alias["issuer"], format!("{}/{{tenantid}}/v2.0", client.base()));
    let own = get("/contoso.example/v2.0/.well-known/openid-configuration".to_owned()).await;
    assert_eq!(own["issuer"], format!("{}/{}/v2.0", client.base(), client.tenant.id));
    let keys_path = format!("/{}/discovery/v2.0/keys", client.tenant.id);
    let before = get(keys_path.clone()).await;
    assert!(before["keys"].as_array().expect("keys").len() > 1);
    assert_eq!(before["keys"][0]["issuer"], own["issuer"]);
    client.sim.roll_keys(true).expect("rolled");
    let after = get(keys_path).await;
    assert_eq!(after["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn token_refusals_carry_the_documented_status_and_number() {
    let client = Client::with_users(20).await;
    let tenant = client.tenant.id.to_string();
    let (status, body) = app_token(&client, &tenant, "wrong").await;
    assert_eq!((status.as_u16(), &body["error"]), (401, &json!("invalid_client")));
    assert_eq!(body["error_codes"], json!([7_000_215]));
    assert!(body["error_description"].as_str().expect("text").contains("Trace ID:"));
    assert!(body["error_uri"].is_string() && body["trace_id"].is_string());
    let unknown = "aaaaaaaa-0000-4000-8000-000000000000";
    assert_eq!(app_token(&client, unknown, DEFAULT_APP_SECRET).await.1["error_codes"][0], 90_002);
    let common = app_token(&client, "common", DEFAULT_APP_SECRET).await;
    assert_eq!(common.1["error_codes"][0], 9_001_023);
    let app = DEFAULT_APP_ID.to_string();
    let base = [("client_secret", DEFAULT_APP_SECRET), ("grant_type", "client_credentials")];
    let cases: [(&str, &str, u16, u32); 4] = [
        ("not-a-guid", "https://graph.microsoft.com/.default", 400, 700_038),
        (&app, "https://graph.microsoft.com/User.Read.All", 400, 70_011),
        (&app, "https://other.example/.default", 400, 500_011),
        (&app, "https://graph.microsoft.com/.default", 200, 0),
    ];
    for (client_id, scope, status, code) in cases {
        let mut form = base.to_vec();
        form.extend([("client_id", client_id), ("scope", scope)]);
        let (answered, body) = client.ask_token(&form).await;
        assert_eq!(answered.as_u16(), status, "{client_id} {scope}: {body}");
        assert_eq!(body["error_codes"][0].as_u64().unwrap_or(0), u64::from(code));
    }
    let (status, body) = client.ask_token(&[("client_id", &app), ("grant_type", "password")]).await;
    assert_eq!((status.as_u16(), &body["error_codes"][0]), (400, &json!(70_003)));
}

#[tokio::test]
async fn every_class_of_refusal_can_be_scripted() {
    let client = Client::with_users(20).await;
    let tenant = client.tenant.id.to_string();
    for (code, status) in
        [(53_003, 400), (7_000_222, 401), (90_033, 503), (90_055, 429), (50_196, 400)]
    {
        client
            .sim
            .add_fault(Fault::once("*/oauth2/v2.0/token", Effect::Aadsts { code, status: None }));
        let (answered, body) = app_token(&client, &tenant, DEFAULT_APP_SECRET).await;
        assert_eq!((answered.as_u16(), &body["error_codes"][0]), (status, &json!(code)));
    }
    assert_eq!(app_token(&client, &tenant, DEFAULT_APP_SECRET).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_fresh_consent_may_take_time_to_be_known() {
    let client = Client::with_users(20).await;
    let tenant = client.tenant.id;
    let again = || {
        client.sim.revoke_consent(tenant, DEFAULT_APP_ID).expect("revoked");
        client.sim.grant_consent(tenant, DEFAULT_APP_ID, None).expect("granted");
    };
    client.set(|settings| settings.login.consent_delay_seconds = 60);
    again();
    let name = tenant.to_string();
    let (_, body) = app_token(&client, &name, DEFAULT_APP_SECRET).await;
    assert_eq!(body["error_codes"][0], 700_016);
    client.set(|settings| settings.login.consent_delay_shows = ConsentDelayShows::Graph);
    again();
    let (status, body) = client.get("/users").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(body["error"]["code"], "Authorization_IdentityNotFound");
    client.sim.advance_clock(Duration::from_secs(61));
    assert_eq!(client.get("/users").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_cached_token_lacks_roles_granted_later_and_dies_when_revoked() {
    let mut client = Client::with_roles(20, &[]).await;
    let (status, body) = client.get("/users").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body["error"]["code"], "Authorization_RequestDenied");
    client.sim.grant_consent(client.tenant.id, DEFAULT_APP_ID, None).expect("granted");
    assert_eq!(client.get("/users").await.0, StatusCode::FORBIDDEN);
    client.token = client.fresh_token().await;
    assert_eq!(client.get("/users").await.0, StatusCode::OK);
    client.sim.revoke_tokens(client.tenant.id).expect("revoked");
    let (status, body) = client.get("/users").await;
    assert_eq!(
        (status.as_u16(), &body["error"]["code"]),
        (401, &json!("InvalidAuthenticationToken"))
    );
}

#[tokio::test]
async fn a_person_can_choose_on_the_page() {
    let client = Client::with_users(20).await;
    let url = format!(
        "{}/organizations/v2.0/adminconsent?client_id={DEFAULT_APP_ID}&scope={}/.default\
         &redirect_uri={CALLBACK}&state=x",
        client.base(),
        client.base()
    );
    let page = client.http.get(&url).send().await.expect("answered").text().await.expect("text");
    assert!(page.contains("User.Read.All") && page.contains("Alex Admin"));
    let admin = client.tenant.admin.as_ref().expect("admin").id;
    let choice = format!("sim_user={}/{admin}&sim_decision=accept", client.tenant.id);
    let response = client.http.post(&url).body(choice).send().await.expect("answered");
    let answer = parameters(response.headers()["location"].to_str().expect("text"));
    assert_eq!(answer["admin_consent"], "True");
    let foreign = url.replace("127.0.0.1%3A9", "x").replace(CALLBACK, "https://evil.example/");
    let refused = client.http.get(foreign).send().await.expect("answered");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.text().await.expect("text").contains("AADSTS50011"));
}
