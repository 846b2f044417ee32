//! Connecting a tenant in a browser: the good way, and every way to be sent back.

use contact_sync_flows::{Customer, Page, Scene, SceneOptions};
use entra_sim::{DEFAULT_APP_ID, Decision, SignIn, StateEcho, Step};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

/// A refusal page of this status that tells what happened, and a connection as before.
async fn assert_refused(customer: &Customer<'_>, page: &Page, status: u16, words: &str) {
    assert_eq!(page.status.as_u16(), status, "{}", page.text());
    assert!(page.text().contains(words), "{words:?} is not in {}", page.text());
    let connection = customer.show().await;
    assert_eq!(connection["status"], "invited", "{connection}");
    assert_eq!(connection["tenant"], Value::Null, "nothing is connected");
}

/// Goes to the point where Microsoft sends the browser back from the consent page.
pub(crate) async fn until_first_return(
    scene: &Scene,
    customer: &Customer<'_>,
) -> (contact_sync_flows::Browser, Page) {
    let mut browser = scene.browser();
    let link = browser.visit(&customer.consent_url).await;
    let sent = browser.submit(&link).await;
    let back = browser.follow_until(sent, "/oauth/callback").await;
    (browser, back)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_consents_finds_the_connection_ready_and_the_organisation_named() {
    let scene = Scene::with_users(20).await;
    let customer = scene.customer("acme").await;
    let mut browser = scene.browser();
    let link = browser.visit(&customer.consent_url).await;
    let text = link.text();
    for told in ["Customer acme", "User.Read.All", "GroupMember.Read.All"] {
        assert!(text.contains(told), "the link's page says {told}: {text}");
    }
    let again = browser.visit(&customer.consent_url).await;
    assert_eq!(again.status.as_u16(), 200, "looking does not use the link up");
    assert!(!browser.has_cookies_for(&scene.stack.url()), "looking binds no browser");

    customer.connect_tenant().await;

    let connection = customer.show().await;
    assert_eq!(connection["tenant"]["id"], json!(scene.tenant));
    assert_eq!(connection["tenant"]["name"], "Contoso");
    let permissions = connection["permissions"].as_array().unwrap();
    assert!(permissions.iter().all(|permission| permission["state"] != "missing"), "{connection}");
    let authorized = scene
        .stack
        .published_events()
        .into_iter()
        .find(|event| event.envelope["detail-type"] == "ConnectionAuthorized");
    let detail = authorized.expect("the bus was told").envelope["detail"].clone();
    assert_eq!(detail["tenantId"], json!(scene.tenant));
    assert_eq!(detail["connectionId"], customer.connection.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cancels_or_declines_is_told_so_and_nothing_is_connected() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    let admin = SignIn::admin(scene.tenant);
    let page = customer.consent_as(&admin.clone().deciding(Decision::Cancel)).await;
    assert_refused(&customer, &page, 400, "Consent was not given").await;
    // Declining comes back as `admin_consent=True` with an error.
    let page = customer.consent_as(&admin.clone().deciding(Decision::Deny)).await;
    assert_refused(&customer, &page, 400, "AADSTS65004").await;
    let page = customer.consent_as(&SignIn::member(scene.tenant)).await;
    assert_refused(&customer, &page, 400, "Only an administrator").await;
    let cancels_sign_in = admin.clone().deciding(Decision::Cancel).at(Step::Authorize);
    scene.sim.next_sign_in(admin.clone().at(Step::Consent));
    scene.sim.next_sign_in(cancels_sign_in);
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let page = browser.follow(back).await;
    assert_refused(&customer, &page, 400, "Consent was not given").await;
    // None of it spoilt the link.
    customer.connect_tenant().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_a_victims_directory_by_naming_its_tenant_in_the_address() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("mallory").await;
    // The victim consented long ago, for an account of its own.
    scene.sim.grant_consent(scene.other_tenant, DEFAULT_APP_ID, None).unwrap();
    let own = SignIn::admin(scene.tenant);
    let forged = SignIn { forged_tenant: Some(scene.other_tenant), ..own.clone() };

    // The right state with the victim's tenant leads to the victim's own sign-in.
    scene.sim.next_sign_in(forged.clone().at(Step::Consent));
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    assert_eq!(back.parameter("tenant"), Some(scene.other_tenant.to_string()));
    let asked = browser.step(&back).await;
    let sign_in = asked.location.clone().unwrap();
    assert!(sign_in.path().starts_with(&format!("/{}/", scene.other_tenant)), "{sign_in}");
    scene.sim.next_sign_in(own.clone().at(Step::Authorize));
    let page = browser.follow(asked.clone()).await;
    assert_eq!(page.url.path(), sign_in.path(), "without the victim's password it ends there");
    assert_eq!(customer.status().await, "invited");

    // Signing in to one's own tenant instead, with the victim's state, proves the wrong tenant.
    scene.sim.clear_sign_ins();
    scene.sim.next_sign_in(forged.at(Step::Consent));
    scene.sim.next_sign_in(own.at(Step::Authorize));
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let mut asked = browser.step(&back).await;
    let sign_in = asked.location.take().unwrap().to_string();
    let own_sign_in = sign_in.replace(&scene.other_tenant.to_string(), &scene.tenant.to_string());
    asked.location = Some(own_sign_in.parse().unwrap());
    let page = browser.follow(asked).await;
    assert!(page.status.is_client_error(), "{page:?}");
    assert_refused(&customer, &page, page.status.as_u16(), "Nothing was connected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_works_once_and_only_in_the_browser_that_started() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    scene.sim.next_sign_in(SignIn::admin(scene.tenant).times(20));

    // Without a cookie nothing is used up: whoever was meant still arrives.
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let address = back.location.clone().unwrap().to_string();
    let page = scene.browser().visit(&address).await;
    assert_refused(&customer, &page, 400, "Open the link yourself").await;
    let asked = browser.step(&back).await;
    assert!(asked.location.is_some(), "{asked:?}");

    // The same return again: its state is spent.
    let page = browser.visit(&address).await;
    assert_refused(&customer, &page, 400, "used already").await;

    // Another browser, with a cookie of its own, gets nowhere and ends the stolen way.
    let (mut owner, back) = until_first_return(&scene, &customer).await;
    let (mut thief, _) = until_first_return(&scene, &customer).await;
    let page = thief.step(&back).await;
    assert_refused(&customer, &page, 400, "Open the link yourself").await;
    let page = owner.step(&back).await;
    assert_refused(&customer, &page, 400, "used already").await;

    // A return with no state, with a stranger's state, or without the tenant.
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let page = browser.step(&back.with_parameter("state", None)).await;
    assert_refused(&customer, &page, 400, "incomplete").await;
    let page = browser.step(&back.with_parameter("state", Some("c3RyYW5nZXI"))).await;
    assert_refused(&customer, &page, 400, "used already").await;
    let page = browser.step(&back.with_parameter("tenant", None)).await;
    assert_refused(&customer, &page, 400, "incomplete").await;

    // The second return, after success, changes nothing.
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let asked = browser.step(&back).await;
    let home = browser.follow_until(asked, "/oauth/callback").await;
    let page = browser.step(&home).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text());
    customer.wait_for_status("ready").await;
    let page = browser.step(&home).await;
    assert_eq!(page.status.as_u16(), 400, "{}", page.text());
    assert_eq!(customer.status().await, "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_microsoft_lost_or_changed_connects_nobody() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    let admin = SignIn::admin(scene.tenant);
    let page = customer.consent_as(&SignIn { state: StateEcho::Missing, ..admin.clone() }).await;
    assert_refused(&customer, &page, 400, "incomplete").await;
    let page = customer.consent_as(&SignIn { state: StateEcho::Foreign, ..admin }).await;
    assert_refused(&customer, &page, 400, "used already").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_who_is_no_admin_cannot_finish_what_an_admin_began() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    scene.sim.next_sign_in(SignIn::admin(scene.tenant).at(Step::Consent));
    scene.sim.next_sign_in(SignIn::member(scene.tenant).at(Step::Authorize));
    let (mut browser, back) = until_first_return(&scene, &customer).await;
    let page = browser.follow(back).await;
    assert_refused(&customer, &page, 403, "Ask your admin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_proves_nothing_connects_nobody() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    let admin = SignIn::admin(scene.tenant);
    let claims = |claims: Value| -> Map<String, Value> { claims.as_object().unwrap().clone() };
    let another = scene.other_tenant;
    for wrong in [
        SignIn { foreign_key: true, ..admin.clone() },
        SignIn { claims: claims(json!({"nonce": "another"})), ..admin.clone() },
        SignIn {
            claims: claims(json!({"aud": "11111111-0000-4000-8000-000000000000"})),
            ..admin.clone()
        },
        SignIn { claims: claims(json!({"tid": another})), ..admin.clone() },
        SignIn { claims: claims(json!({"iss": "https://evil.example/v2.0"})), ..admin.clone() },
        SignIn { claims: claims(json!({"exp": 1_000_000})), ..admin.clone() },
    ] {
        let page = customer.consent_as(&wrong).await;
        assert_refused(&customer, &page, 403, "could not be verified").await;
    }
    let page = customer.consent_as(&SignIn { claims: claims(json!({"wids": []})), ..admin }).await;
    assert_refused(&customer, &page, 403, "admin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_registration_that_tells_no_roles_is_answered_with_its_fix() {
    let options = SceneOptions { emits_wids: false, ..SceneOptions::with_users(15) };
    let scene = Scene::start(options).await;
    let customer = scene.customer("acme").await;
    let page = customer.consent_as(&SignIn::admin(scene.tenant)).await;
    assert_refused(&customer, &page, 403, "could not prove").await;
    assert!(page.text().contains("groupMembershipClaims"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_dies_by_success_by_age_and_by_ten_attempts() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    let visit = async |url: &str| scene.browser().visit(url).await;
    let bogus = format!("{}x", &customer.consent_url[..customer.consent_url.len() - 1]);
    assert_eq!(visit(&bogus).await.status.as_u16(), 404);

    let tried = customer.new_link().await;
    for _ in 0..10 {
        let mut browser = scene.browser();
        let link = browser.visit(&tried).await;
        assert_eq!(browser.submit(&link).await.status.as_u16(), 303);
    }
    let mut browser = scene.browser();
    let link = browser.visit(&tried).await;
    let page = browser.submit(&link).await;
    assert_eq!(page.status.as_u16(), 429, "{}", page.text());

    let aged = customer.new_link().await;
    let mut browser = scene.browser();
    let link = browser.visit(&aged).await;
    scene.age_consent_links(SignedDuration::from_hours(73)).await;
    assert_eq!(visit(&aged).await.status.as_u16(), 404, "an old link is dead");
    assert_eq!(browser.submit(&link).await.status.as_u16(), 404);
    assert_eq!(customer.status().await, "invited");

    let second = Customer::of_account(&scene, &customer.account).await;
    second.connect_tenant().await;
    let page = visit(&second.consent_url).await;
    assert_eq!(page.status.as_u16(), 404, "success uses a link up");
    assert!(page.text().contains("Ask whoever sent it"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_belongs_to_the_account_that_proved_it_first() {
    let scene = Scene::with_users(15).await;
    let first = scene.connected().await;
    let second = scene.customer("second").await;
    let page = second.consent_as(&SignIn::admin(scene.tenant)).await;
    assert_refused(&second, &page, 409, "connected already").await;
    assert!(!page.text().contains("Customer acme"), "of others nothing is told");
    assert_eq!(first.status().await, "ready");
    // Its own tenant is welcome.
    second.connect(scene.other_tenant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_needs_consent_and_the_name_of_the_very_tenant() {
    let scene = Scene::with_users(15).await;
    let customer = scene.customer("acme").await;
    let early = customer.enable_for(scene.tenant).await;
    assert_eq!((early.status.as_u16(), early.problem().as_str()), (409, "wrong-state"));
    customer.connect_tenant().await;

    let wrong = customer.enable_for(scene.other_tenant).await;
    assert_eq!((wrong.status.as_u16(), wrong.problem().as_str()), (422, "wrong-tenant"));
    assert_eq!(wrong.pointers(), ["/tenantId"]);
    let path = customer.path("/enable");
    let malformed = scene.rest().post(&path, &json!({"tenantId": "contoso"})).await.expect(422);
    assert_eq!(malformed.pointers(), ["/tenantId"]);
    let missing = scene.rest().post(&path, &json!({})).await.expect(422);
    assert_eq!(missing.pointers(), ["/tenantId"]);

    assert_eq!(customer.status().await, "ready");
    assert_eq!(customer.runs().await, Vec::<Value>::new());
    assert_eq!(scene.items("ContactsTable").await, Vec::<Value>::new(), "nothing was written");
}
