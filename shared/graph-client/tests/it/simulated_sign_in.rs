//! Consent, sign-in and credentials against the simulated Entra.

use contact_sync_engine::port::{Directory, DirectoryError, Identity};
use contact_sync_graph_client::ClientCredential;
use entra_sim::{AppRegistration, DEFAULT_APP_ID, SignIn};

use crate::world::{World, client};

const REDIRECT: &str = "http://127.0.0.1:9000/oauth/callback";

#[tokio::test]
async fn a_consent_that_goes_and_a_role_that_goes_are_told_apart() {
    let world = World::with_users(60).await;
    world.everybody().await.unwrap();
    world.sim.remove_role(&world.tenant, DEFAULT_APP_ID, "User.Read.All").unwrap();
    world.sim.revoke_tokens(&world.tenant).unwrap();
    let denied = world.everybody().await;
    assert!(matches!(denied, Err(DirectoryError::Forbidden { .. })), "{denied:?}");
    world.sim.revoke_consent(&world.tenant, DEFAULT_APP_ID).unwrap();
    world.client.forget_token(&world.tenant).await;
    let lost = world.everybody().await;
    assert!(matches!(lost, Err(DirectoryError::ConsentLost { .. })), "{lost:?}");
    world.sim.grant_consent(&world.tenant, DEFAULT_APP_ID, None).unwrap();
    assert!(world.everybody().await.is_ok());
}

#[tokio::test]
async fn a_certificate_serves_as_well_and_a_wrong_secret_is_our_own_fault() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap().self_signed(&key).unwrap();
    let world = World::with_users(60).await;
    let certificates = vec![certificate.pem()];
    world.sim.put_app(AppRegistration { certificates, ..AppRegistration::development() });
    let credential = ClientCredential::Certificate {
        certificate_pem: certificate.pem(),
        private_key_pem: key.serialize_pem().into(),
    };
    let organization = client(&world.sim, credential).organization(&world.tenant).await;
    assert_eq!(organization.unwrap().id, world.tenant);
    let wrong = client(&world.sim, ClientCredential::Secret("wrong".to_owned().into()));
    let refused = wrong.organization(&world.tenant).await;
    assert!(matches!(refused, Err(DirectoryError::CredentialRefused { .. })), "{refused:?}");
}

/// What a browser would follow: the address, as pairs of its query.
async fn redirected(address: &str) -> Vec<(String, String)> {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let answer = browser.get(address).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(REDIRECT), "{location}");
    url::Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn consent_and_sign_in_prove_an_admin_of_that_tenant() {
    let world = World::with_users(60).await;
    world.sim.next_sign_in(SignIn::admin(&world.tenant).times(2));
    let consent = world.client.admin_consent_url(None, "state-1", REDIRECT);
    let back = redirected(&consent).await;
    assert_eq!(value(&back, "admin_consent"), "True");
    assert_eq!(value(&back, "tenant"), world.tenant.as_str());
    assert_eq!(value(&back, "state"), "state-1");

    // SHA-256 of "verifier-verifier-verifier-verifier-verifier" in base64url.
    let verifier = "verifier-verifier-verifier-verifier-verifier";
    let challenge = {
        use base64::Engine;
        use sha2::Digest;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier))
    };
    let sign_in =
        world.client.sign_in_url(&world.tenant, "state-2", "nonce-2", &challenge, REDIRECT);
    let back = redirected(&sign_in).await;
    let code = value(&back, "code");
    let redeem = async |verifier, nonce| {
        world.client.redeem(&world.tenant, code, verifier, nonce, REDIRECT).await
    };
    let signed_in = redeem(verifier, "nonce-2").await.unwrap();
    assert_eq!(signed_in.tenant_id, world.tenant);
    let admin = world.sim.tenants()[0].admin.clone().unwrap().id.to_string();
    assert_eq!(signed_in.object_id.as_str(), admin);
    let global = "62e90394-69f5-4237-9190-012177145e10".to_owned();
    assert!(signed_in.roles.unwrap().contains(&global));
    assert!(redeem(verifier, "nonce-2").await.is_err(), "a code works once");
}
