//! The sign-in that proves a tenant, from its addresses to the verified token.

use std::sync::{Arc, Mutex};

use contact_sync_engine::port::{Identity, IdentityError, SignIn};
use jiff::SignedDuration;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::stub::{APP, Received, Reply, Stub, TENANT, tenant};

const NOW: i64 = 1_795_255_200;
const REDIRECT: &str = "https://sync.example/oauth/callback";

/// Whether an error is the expected one.
type Test = fn(&IdentityError) -> bool;

/// A signing key of the sign-in.
#[derive(Clone)]
struct Key {
    kid: &'static str,
    private: EncodingKey,
    wire: Value,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let private = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let jwk = Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap();
        let AlgorithmParameters::RSA(rsa) = jwk.algorithm else { panic!("an RSA key") };
        let wire = json!({"kid": kid, "kty": "RSA", "use": "sig", "n": rsa.n, "e": rsa.e,
            "issuer": "{login}/{tenantid}/v2.0"});
        Self { kid, private, wire }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.to_owned());
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }
}

/// What the sign-in serves; tests change it while it runs.
#[derive(Clone)]
struct Served {
    token: String,
    keys: Vec<Value>,
    issuer: Option<String>,
    keys_at: Option<String>,
    keys_fail: bool,
}

struct Scene {
    stub: Stub,
    served: Arc<Mutex<Served>>,
    key: Key,
}

impl Scene {
    async fn new() -> Self {
        let key = Key::new("k1");
        let served = Served {
            token: String::new(),
            keys: vec![key.wire.clone()],
            issuer: None,
            keys_at: None,
            keys_fail: false,
        };
        let served = Arc::new(Mutex::new(served));
        let script = Arc::clone(&served);
        let stub = Stub::new(move |received| Some(serve(received, &script.lock().unwrap()))).await;
        let scene = Self { stub, served, key };
        scene.serve_token(&scene.claims());
        scene
    }

    fn claims(&self) -> Value {
        json!({"iss": format!("{}/{TENANT}/v2.0", self.stub.base), "aud": APP, "exp": NOW + 3_600,
            "nbf": NOW, "iat": NOW, "nonce": "n-1", "tid": TENANT, "ver": "2.0",
            "oid": "8f0c1b1e-0000-4000-8000-000000000001",
            "wids": ["62e90394-69f5-4237-9190-012177145e10"]})
    }

    fn serve_token(&self, claims: &Value) {
        self.served.lock().unwrap().token = self.key.sign(claims);
    }

    async fn redeem(&self) -> Result<SignIn, IdentityError> {
        self.stub.client.redeem(&tenant(), "a-code", "a-verifier", "n-1", REDIRECT).await
    }

    fn key_requests(&self) -> usize {
        self.stub.graph_requests().iter().filter(|one| one.path.ends_with("/keys")).count()
    }
}

fn serve(received: &Received, served: &Served) -> Reply {
    let login = format!("http://{}", received.header("host"));
    if received.is_token() {
        return Reply::json(&json!({"id_token": served.token, "expires_in": 3_599}));
    }
    if received.path.ends_with("/keys") {
        if served.keys_fail {
            return Reply::new(503, "");
        }
        let mut keys = served.keys.clone();
        for key in &mut keys {
            if let Some(issuer) = key["issuer"].as_str() {
                key["issuer"] = json!(issuer.replace("{login}", &login));
            }
        }
        return Reply::json(&json!({"keys": keys}));
    }
    let issuer = served.issuer.clone().unwrap_or_else(|| format!("{login}/{TENANT}/v2.0"));
    let keys =
        served.keys_at.clone().unwrap_or_else(|| format!("{login}/{TENANT}/discovery/v2.0/keys"));
    Reply::json(&json!({"issuer": issuer, "jwks_uri": keys}))
}

fn query(url: &str) -> Vec<(String, String)> {
    url::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_addresses_carry_what_microsoft_and_the_proof_need() {
    let scene = Scene::new().await;
    let client = &scene.stub.client;
    let consent = client.admin_consent_url(None, "st&te", REDIRECT);
    assert!(consent.starts_with(&format!("{}/organizations/v2.0/adminconsent?", scene.stub.base)));
    let pairs = query(&consent);
    for (name, value) in [
        ("client_id", APP),
        ("state", "st&te"),
        ("redirect_uri", REDIRECT),
        ("scope", &format!("{}/.default", scene.stub.base)),
    ] {
        assert!(pairs.contains(&(name.to_owned(), value.to_owned())), "{consent}");
    }
    let hinted = client.admin_consent_url(Some("contoso.com/../evil?x"), "s", REDIRECT);
    let path = format!("{}/contoso.com..evilx/v2.0/adminconsent?", scene.stub.base);
    assert!(hinted.starts_with(&path), "{hinted}");
    let sign_in = client.sign_in_url(&tenant(), "s", "n", "c", REDIRECT);
    assert!(sign_in.starts_with(&format!("{}/{TENANT}/oauth2/v2.0/authorize?", scene.stub.base)));
    let pairs = query(&sign_in);
    for (name, value) in [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("scope", "openid profile"),
        ("nonce", "n"),
        ("code_challenge", "c"),
        ("code_challenge_method", "S256"),
    ] {
        assert!(pairs.contains(&(name.to_owned(), value.to_owned())), "{sign_in}");
    }
}

#[tokio::test]
async fn a_true_code_is_redeemed_at_its_tenant_and_verified() {
    let scene = Scene::new().await;
    let sign_in = scene.redeem().await.unwrap();
    assert_eq!(sign_in.tenant_id, tenant());
    assert_eq!(sign_in.roles.unwrap().len(), 1);
    let asked = &scene.stub.token_requests()[0];
    assert_eq!(asked.path, format!("/{TENANT}/oauth2/v2.0/token"));
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "a-code"),
        ("code_verifier", "a-verifier"),
        ("redirect_uri", REDIRECT),
        ("client_secret", "s3cret+/&=ä"),
    ] {
        assert_eq!(asked.form(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_claim_is_refused() {
    let scene = Scene::new().await;
    for (name, value) in [
        ("iss", json!("https://login.microsoftonline.com/x/v2.0")),
        ("aud", json!("00000000-0000-0000-0000-000000000000")),
        ("exp", json!(NOW - 400)),
        ("nonce", json!("n-2")),
        ("tid", json!("11111111-6d4d-4958-8b9f-9d6445542f95")),
        ("oid", json!(null)),
    ] {
        let mut claims = scene.claims();
        claims[name] = value;
        scene.serve_token(&claims);
        let answer = scene.redeem().await;
        assert!(matches!(answer, Err(IdentityError::NotVerified(_))), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn only_the_tenants_own_keys_and_rs256_sign() {
    let scene = Scene::new().await;
    let stranger = Key::new("k1");
    let genuine = scene.key.sign(&scene.claims());
    let (head, _) = genuine.rsplit_once('.').unwrap();
    let mut unsigned_parts = genuine.split('.').skip(1);
    let payload = unsigned_parts.next().unwrap();
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.{payload}.");
    let secret = EncodingKey::from_secret(scene.key.wire["n"].as_str().unwrap().as_bytes());
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("k1".into());
    let confused = jsonwebtoken::encode(&header, &scene.claims(), &secret).unwrap();
    for (case, token) in [
        ("another key under the same id", stranger.sign(&scene.claims())),
        ("no signature", format!("{head}.")),
        ("alg none", none),
        ("HMAC with the public key", confused),
        ("not a token", "a.b.c".to_owned()),
    ] {
        scene.served.lock().unwrap().token = token;
        let answer = scene.redeem().await;
        assert!(matches!(answer, Err(IdentityError::NotVerified(_))), "{case}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_of_another_issuer_signs_nothing_here() {
    let scene = Scene::new().await;
    scene.served.lock().unwrap().keys[0]["issuer"] =
        json!("https://login.evil.example/{tenantid}/v2.0");
    assert!(matches!(scene.redeem().await, Err(IdentityError::NotVerified(_))));
    let scene = Scene::new().await;
    scene.served.lock().unwrap().keys[0].as_object_mut().unwrap().remove("issuer");
    assert!(scene.redeem().await.is_ok(), "a key that names no issuer is the tenant's");
}

#[tokio::test]
async fn a_discovery_that_leads_elsewhere_is_not_believed() {
    let cases: [fn(&mut Served); 3] = [
        |served| served.issuer = Some("https://login.evil.example/x/v2.0".into()),
        |served| served.issuer = Some("http://127.0.0.1:1/{tenantid}/v2.0".into()),
        |served| served.keys_at = Some("https://evil.example/keys".into()),
    ];
    for change in cases {
        let scene = Scene::new().await;
        change(&mut scene.served.lock().unwrap());
        assert!(matches!(scene.redeem().await, Err(IdentityError::NotVerified(_))));
        assert_eq!(scene.key_requests(), 0);
    }
}

#[tokio::test]
async fn rolled_keys_are_found_at_once_and_invented_ones_cost_no_requests() {
    let mut scene = Scene::new().await;
    scene.redeem().await.unwrap();
    scene.redeem().await.unwrap();
    assert_eq!(scene.key_requests(), 1, "keys are cached");
    let rolled = Key::new("k2");
    scene.served.lock().unwrap().keys = vec![rolled.wire.clone()];
    scene.key = rolled;
    scene.serve_token(&scene.claims());
    scene.redeem().await.unwrap();
    assert_eq!(scene.key_requests(), 2);
    scene.served.lock().unwrap().token = Key::new("invented").sign(&scene.claims());
    for _ in 0..5 {
        assert!(matches!(scene.redeem().await, Err(IdentityError::NotVerified(_))));
    }
    assert_eq!(scene.key_requests(), 2, "five minutes between look-ups for unknown keys");
}

#[tokio::test]
async fn known_keys_serve_on_when_new_ones_cannot_be_had() {
    let scene = Scene::new().await;
    scene.redeem().await.unwrap();
    scene.served.lock().unwrap().keys_fail = true;
    scene.stub.clock.advance(SignedDuration::from_hours(2));
    let mut claims = scene.claims();
    claims["exp"] = json!(NOW + 9_000);
    scene.serve_token(&claims);
    assert!(scene.redeem().await.is_ok());
}

#[tokio::test]
async fn what_goes_wrong_at_the_sign_in_is_told_apart() {
    let refusal = |error: &str, code: u32| {
        Reply::new(400, &json!({"error": error, "error_codes": [code]}).to_string())
    };
    let cases: [(Reply, Test); 4] = [
        (refusal("invalid_grant", 54_005), |error| matches!(error, IdentityError::NotVerified(_))),
        (refusal("invalid_grant", 501_481), |error| matches!(error, IdentityError::NotVerified(_))),
        (
            refusal("invalid_client", 7_000_222),
            |error| matches!(error, IdentityError::CredentialRefused { code } if code == "AADSTS7000222"),
        ),
        (Reply::new(503, ""), |error| matches!(error, IdentityError::Unavailable(_))),
    ];
    for (reply, expected) in cases {
        let stub = Stub::new(move |received| received.is_token().then(|| reply.clone())).await;
        let answer = stub.client.redeem(&tenant(), "c", "v", "n", REDIRECT).await;
        let error = answer.unwrap_err();
        assert!(expected(&error), "{error:?}");
        let waited: SignedDuration = stub.clock.waits.lock().unwrap().iter().sum();
        assert!(waited <= SignedDuration::from_secs(6), "a person is waiting");
    }
}
