//! Tokens: what is sent for one, how long it serves, what its refusal means.

use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{Directory, DirectoryError, Lane};
use contact_sync_graph_client::ClientCredential;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::stub::{APP, Reply, Stub, TENANT, good_token, page, tenant};

#[tokio::test]
async fn a_secret_is_sent_form_encoded_to_the_tenant_itself() {
    let stub = Stub::of(vec![page(&[])]).await;
    stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    let asked = &stub.token_requests()[0];
    assert_eq!(asked.path, format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked.form("client_secret").as_deref(), Some("s3cret+/&=ä"));
    assert_eq!(asked.form("grant_type").as_deref(), Some("client_credentials"));
    assert_eq!(asked.form("scope"), Some(format!("{}/.default", stub.base)));
    assert_eq!(asked.form("client_id").as_deref(), Some(APP));
}

#[tokio::test]
async fn a_certificate_signs_a_fresh_assertion_for_each_request() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap().self_signed(&key).unwrap();
    let credential = ClientCredential::Certificate {
        certificate_pem: certificate.pem(),
        private_key_pem: key.serialize_pem().into(),
    };
    let stub = Stub::with(credential, |received| (!received.is_token()).then(|| page(&[]))).await;
    stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    stub.client.forget_token(&tenant()).await;
    stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    let asked = stub.token_requests();
    let assertions: Vec<Value> = asked
        .iter()
        .map(|request| {
            let kind = request.form("client_assertion_type").unwrap();
            assert_eq!(kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            assert_eq!(request.form("client_secret"), None);
            let assertion = request.form("client_assertion").unwrap();
            let header = jsonwebtoken::decode_header(&assertion).unwrap();
            assert_eq!(header.alg, Algorithm::PS256);
            let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
            assert_eq!(header.x5t_s256, Some(thumbprint));
            let public = DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).unwrap();
            let mut validation = Validation::new(Algorithm::PS256);
            validation.validate_exp = false;
            validation.set_audience(&[format!("{}/{TENANT}/oauth2/v2.0/token", stub.base)]);
            jsonwebtoken::decode::<Value>(&assertion, &public, &validation).unwrap().claims
        })
        .collect();
    let claims = &assertions[0];
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some(APP), Some(APP)));
    let life = claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap();
    assert!((300..=600).contains(&life));
    assert_ne!(assertions[0]["jti"], assertions[1]["jti"]);
}

#[tokio::test]
async fn a_token_of_a_federated_credential_is_shown_as_it_is() {
    let credential = ClientCredential::Assertion("header.claims.signature".to_owned().into());
    let stub = Stub::with(credential, |received| (!received.is_token()).then(|| page(&[]))).await;
    stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    let asked = &stub.token_requests()[0];
    assert_eq!(asked.form("client_assertion").as_deref(), Some("header.claims.signature"));
    let kind = asked.form("client_assertion_type").unwrap();
    assert_eq!(kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(asked.form("client_secret"), None);
}

#[tokio::test]
async fn a_certificate_without_a_usable_key_is_our_fault_and_asks_nobody() {
    let credential = ClientCredential::Certificate {
        certificate_pem: "no certificate".into(),
        private_key_pem: "no key".to_owned().into(),
    };
    let stub = Stub::with(credential, |_| None).await;
    let answer =
        stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await;
    assert!(matches!(answer, Err(DirectoryError::CredentialRefused { .. })), "{answer:?}");
    assert!(stub.token_requests().is_empty());
}

#[tokio::test]
async fn many_requests_at_once_share_one_token_per_tenant() {
    let stub = Stub::of(vec![page(&[])]).await;
    let other = TenantId::from_u128(2);
    let (one, two) = (tenant(), tenant());
    let select = UserSelection::default();
    let (a, b, c, d) = tokio::join!(
        stub.client.list_users(&one, &select, None, Lane::Bulk),
        stub.client.search_users(&two, "", 1),
        stub.client.list_users(&one, &select, None, Lane::Bulk),
        stub.client.list_users(&other, &select, None, Lane::Bulk),
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    assert_eq!(stub.token_requests().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_at_four_fifths_of_its_life_and_used_on_if_that_fails() {
    let stub = Stub::new(|received| match (received.is_token(), received.nth) {
        (false, _) => Some(page(&[])),
        (true, 0) => Some(good_token(1)),
        (true, 1..=5) => Some(Reply::new(503, "")),
        (true, _) => Some(good_token(2)),
    })
    .await;
    let bearer = async |advance: i64| {
        stub.clock.advance(SignedDuration::from_secs(advance));
        stub.client
            .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
            .await
            .unwrap();
        stub.graph_requests().last().unwrap().header("authorization").to_owned()
    };
    assert_eq!(bearer(0).await, "Bearer token-1");
    assert_eq!(bearer(2_870).await, "Bearer token-1");
    assert_eq!(stub.token_requests().len(), 1);
    assert_eq!(bearer(20).await, "Bearer token-1", "the renewal failed, the token still lives");
    assert_eq!(bearer(20).await, "Bearer token-2");
}

#[tokio::test]
async fn a_new_consent_drops_the_token() {
    let stub = Stub::of(vec![page(&[])]).await;
    stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    stub.client.forget_token(&tenant()).await;
    stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await.unwrap();
    assert_eq!(stub.token_requests().len(), 2);
}

fn refusal(status: u16, error: &str, code: u32) -> Reply {
    let body = json!({"error": error, "error_codes": [code],
        "error_description": format!("AADSTS{code}: some words.\r\nTrace ID: x")});
    Reply::new(status, &body.to_string())
}

#[tokio::test]
async fn a_credential_that_was_replaced_is_read_anew_once() {
    let stub = Stub::new(|received| match (received.is_token(), received.nth) {
        (false, _) => Some(page(&[])),
        (true, 0) => Some(refusal(401, "invalid_client", 7_000_222)),
        (true, _) => None,
    })
    .await;
    assert!(
        stub.client
            .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
            .await
            .is_ok()
    );
    assert_eq!(stub.credential.forgotten.load(Ordering::Relaxed), 1);

    let stub = Stub::new(|received| {
        received.is_token().then(|| refusal(401, "invalid_client", 7_000_215))
    })
    .await;
    let answer =
        stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await;
    assert!(
        matches!(answer, Err(DirectoryError::CredentialRefused { code }) if code == "AADSTS7000215")
    );
    assert_eq!(stub.token_requests().len(), 2, "no tight loop: all tenants fail together");
}

#[tokio::test]
async fn a_lost_consent_and_a_policy_are_not_asked_again() {
    for (error, code, consent) in
        [("unauthorized_client", 700_016, true), ("invalid_grant", 53_003, false)]
    {
        let stub =
            Stub::new(move |received| received.is_token().then(|| refusal(400, error, code))).await;
        let answer = stub
            .client
            .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
            .await
            .unwrap_err();
        assert_eq!(matches!(answer, DirectoryError::ConsentLost { .. }), consent, "{answer:?}");
        assert_eq!(matches!(answer, DirectoryError::Blocked { .. }), !consent, "{answer:?}");
        assert_eq!(stub.token_requests().len(), 1);
        assert!(stub.graph_requests().is_empty());
    }
}

#[tokio::test]
async fn a_sign_in_in_trouble_is_asked_again_as_it_says() {
    let stub = Stub::new(|received| match (received.is_token(), received.nth) {
        (false, _) => Some(page(&[])),
        (true, 0) => Some(Reply::new(429, "").header("retry-after", "3")),
        (true, 1) => Some(refusal(400, "temporarily_unavailable", 90_033)),
        (true, 2) => Some(Reply::new(200, "<html>")),
        (true, _) => None,
    })
    .await;
    assert!(
        stub.client
            .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
            .await
            .is_ok()
    );
    assert_eq!(stub.clock.waits.lock().unwrap()[0], SignedDuration::from_secs(3));
}

#[tokio::test]
async fn no_error_shows_a_secret_or_a_token() {
    let stub = Stub::new(|received| {
        received
            .is_token()
            .then(|| Reply::new(200, r#"{"access_token":"hush-hush","expires_in":"x"}"#))
    })
    .await;
    let error = stub
        .client
        .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?} {:?}", stub.client);
    assert!(!shown.contains("hush-hush") && !shown.contains("s3cret"), "{shown}");
}
