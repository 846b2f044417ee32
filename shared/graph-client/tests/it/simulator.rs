//! The client against the simulated Entra and Graph: what one side sends, the other understands.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::Query;
use contact_sync_domain::directory::{DeltaEntry, RemovedReason, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{
    Clock, Directory, DirectoryError, GroupChange, Identity, Lane, MemberEdge, MemberKind,
    NewSubscription, Subscriptions,
};
use contact_sync_graph_client::{
    ClientCredential, CredentialError, CredentialSource, Endpoints, GraphClient,
};
use entra_sim::{
    AppRegistration, DEFAULT_APP_ID, DEFAULT_APP_SECRET, Effect, EntraSim, Fault, SignIn, SimClock,
    SimOptions,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const REDIRECT: &str = "http://127.0.0.1:9000/oauth/callback";

/// The simulator's clock, on which waiting takes no time.
#[derive(Clone)]
struct Shared(SimClock);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.0.advance(duration.try_into().unwrap_or_default());
    }
}

struct Holding(ClientCredential);

impl CredentialSource for Holding {
    async fn current(&self) -> Result<ClientCredential, CredentialError> {
        Ok(self.0.clone())
    }

    async fn forget(&self) {}
}

type Client = GraphClient<Holding, Shared>;

/// A simulator with one consented tenant and a client for it.
struct World {
    sim: EntraSim,
    client: Client,
    tenant: TenantId,
}

fn secret() -> ClientCredential {
    ClientCredential::Secret(DEFAULT_APP_SECRET.to_owned().into())
}

fn client(sim: &EntraSim, credential: ClientCredential) -> Client {
    let endpoints = Endpoints::parse(&sim.base_url(), &sim.base_url()).unwrap();
    let clock = Shared(sim.clock().clone());
    GraphClient::new(endpoints, &DEFAULT_APP_ID.to_string(), Holding(credential), clock).unwrap()
}

impl World {
    async fn with_users(users: u32) -> Self {
        let sim = EntraSim::start(SimOptions::with_users(users)).await.unwrap();
        let tenant = sim.tenants()[0].id;
        sim.grant_consent(tenant, DEFAULT_APP_ID, None).unwrap();
        let client = client(&sim, secret());
        Self { sim, client, tenant: TenantId::parse(&tenant.to_string()).unwrap() }
    }

    /// Everybody, page by page.
    async fn everybody(&self) -> Result<Vec<ObjectId>, DirectoryError> {
        let mut ids = Vec::new();
        let mut link: Option<String> = None;
        loop {
            let page = self
                .client
                .list_users(&self.tenant, &UserSelection::default(), link.as_deref(), Lane::Bulk)
                .await?;
            ids.extend(page.users.into_iter().map(|user| user.id));
            match page.next {
                NextStep::Next(next) => link = Some(next),
                NextStep::End => return Ok(ids),
                NextStep::Delta(_) => panic!("a listing has no delta link"),
            }
        }
    }

    /// A whole round of changes.
    async fn changes(&self, link: &str) -> Result<(Vec<DeltaEntry>, String), DirectoryError> {
        let mut entries = Vec::new();
        let mut link = link.to_owned();
        loop {
            let page = self.client.users_delta(&self.tenant, &link).await?;
            entries.extend(page.entries);
            match page.next {
                NextStep::Next(next) => link = next,
                NextStep::Delta(delta) => return Ok((entries, delta)),
                NextStep::End => panic!("a round ends with a delta link"),
            }
        }
    }

    fn someone(&self, index: usize) -> ObjectId {
        let users = self.sim.users(&self.tenant).unwrap();
        ObjectId::parse(users[index]["id"].as_str().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn everybody_is_listed_once_and_as_many_as_are_counted() {
    let world = World::with_users(1_200).await;
    let ids = world.everybody().await.unwrap();
    let distinct: BTreeSet<&ObjectId> = ids.iter().collect();
    let (count, _) = world.client.count_users(&world.tenant).await.unwrap();
    assert_eq!(distinct.len(), ids.len());
    assert_eq!(u64::try_from(ids.len()).unwrap(), count);
    assert_eq!(world.sim.tenants()[0].users, ids.len());
    assert!(world.client.count_groups(&world.tenant).await.unwrap().0 > 0);
}

#[tokio::test]
async fn changes_since_a_link_are_told_and_nothing_else() {
    let world = World::with_users(60).await;
    let (link, _) =
        world.client.latest_users_link(&world.tenant, &UserSelection::default()).await.unwrap();
    let (renamed, deleted, purged) = (world.someone(3), world.someone(4), world.someone(5));
    world.sim.update_user(&world.tenant, &renamed, json!({"jobTitle": "Captain"})).unwrap();
    world.sim.delete_user(&world.tenant, &deleted).unwrap();
    world.sim.purge_user(&world.tenant, &purged).unwrap();
    let (entries, next) = world.changes(&link).await.unwrap();
    let about = |id: &ObjectId| entries.iter().rfind(|entry| entry.id() == id).unwrap();
    assert!(
        matches!(about(&renamed), DeltaEntry::Changed(user) if user.text("jobTitle") == Some("Captain"))
    );
    let gone = |id: &ObjectId, reason| DeltaEntry::Removed { id: id.clone(), reason };
    assert_eq!(*about(&deleted), gone(&deleted, RemovedReason::SoftDeleted));
    assert_eq!(*about(&purged), gone(&purged, RemovedReason::Purged));
    assert!(world.changes(&next).await.unwrap().0.is_empty());

    let ids = [renamed.clone(), deleted.clone(), purged];
    let by_id =
        world.client.users_by_id(&world.tenant, &UserSelection::default(), &ids).await.unwrap();
    assert_eq!(by_id.found.iter().map(|user| &user.id).collect::<Vec<_>>(), [&renamed]);
    assert_eq!(by_id.soft_deleted, [deleted]);
}

#[tokio::test]
async fn a_delta_link_that_died_starts_over_and_a_page_that_died_loses_its_round() {
    let world = World::with_users(60).await;
    let (link, _) =
        world.client.latest_users_link(&world.tenant, &UserSelection::default()).await.unwrap();
    world.sim.advance_clock(std::time::Duration::from_hours(8 * 24));
    let dead = world.changes(&link).await;
    assert!(matches!(dead, Err(DirectoryError::Gone { .. })), "{dead:?}");

    world.sim.merge_settings(&json!({"graph": {"maxPageSize": 20}})).unwrap();
    let page = world
        .client
        .list_users(&world.tenant, &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap();
    let NextStep::Next(next) = page.next else { panic!("more pages") };
    world.sim.expire_page_tokens(&world.tenant).unwrap();
    let lost = world
        .client
        .list_users(&world.tenant, &UserSelection::default(), Some(&next), Lane::Bulk)
        .await;
    assert!(matches!(lost, Err(DirectoryError::PageExpired)), "{lost:?}");
}

#[tokio::test]
async fn people_and_groups_are_found_by_name() {
    let world = World::with_users(60).await;
    let person = world.someone(2);
    let known = world
        .client
        .find_user(&world.tenant, &UserSelection::default(), person.as_str())
        .await
        .unwrap()
        .unwrap();
    let name = known.text("userPrincipalName").unwrap();
    let by_name = world
        .client
        .find_user(&world.tenant, &UserSelection::default(), name)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(by_name.id, person);
    let odd = "it's#odd+1@contoso.example";
    let properties = json!({"userPrincipalName": odd, "displayName": "It's Odd"});
    let odd_id = world.sim.create_user(&world.tenant, properties).unwrap().to_string();
    let found = world
        .client
        .find_user(&world.tenant, &UserSelection::default(), odd)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.id.as_str(), odd_id);
    let found = world.client.search_users(&world.tenant, "It's O", 5).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(world.client.search_users(&world.tenant, "", 10).await.unwrap().len(), 10);
    assert_eq!(
        world
            .client
            .find_user(&world.tenant, &UserSelection::default(), "nobody@contoso.example")
            .await
            .unwrap(),
        None
    );
    let group = world.sim.create_group(&world.tenant, "Zebra keepers").unwrap().to_string();
    let groups = world.client.search_groups(&world.tenant, "zeb", 5).await.unwrap();
    assert_eq!(groups[0].id.as_str(), group);
    let organization = world.client.organization(&world.tenant).await.unwrap();
    assert_eq!(organization.id, world.tenant);
    assert_eq!(organization.verified_domains[0], "contoso.example");
}

#[tokio::test]
async fn members_of_nested_groups_are_found_and_their_changes_told() {
    let world = World::with_users(60).await;
    let outer = world.sim.create_group(&world.tenant, "Outer").unwrap();
    let inner = world.sim.create_group(&world.tenant, "Inner").unwrap();
    let person = world.someone(1);
    world.sim.add_member(&world.tenant, outer, inner).unwrap();
    world.sim.add_member(&world.tenant, inner, &person).unwrap();
    let outer = ObjectId::parse(&outer.to_string()).unwrap();
    let direct = world.client.group_members(&world.tenant, &outer, false, None).await.unwrap();
    assert_eq!((direct.users.len(), direct.groups.len()), (0, 1));
    let nested = world.client.group_members(&world.tenant, &outer, true, None).await.unwrap();
    assert_eq!((nested.users, nested.groups.len()), (vec![person.clone()], 1));

    let (link, _) = world.client.latest_groups_link(&world.tenant).await.unwrap();
    world.sim.remove_member(&world.tenant, inner, &person).unwrap();
    world.sim.delete_group(&world.tenant, &outer).unwrap();
    let delta = world.client.groups_delta(&world.tenant, &link).await.unwrap();
    let inner = ObjectId::parse(&inner.to_string()).unwrap();
    let left = MemberEdge { id: person, kind: MemberKind::User, is_gone: true };
    let left = GroupChange::Changed { group: inner, members: vec![left] };
    assert!(delta.changes.contains(&left), "{delta:?}");
    assert!(delta.changes.contains(&GroupChange::Gone(outer.clone())), "{delta:?}");
    assert_eq!(world.client.find_group(&world.tenant, &outer).await.unwrap(), None);
}

#[tokio::test]
async fn what_breaks_once_is_overcome_and_everybody_is_still_listed_once() {
    let world = World::with_users(300).await;
    world.sim.merge_settings(&json!({"graph": {"maxPageSize": 100}})).unwrap();
    let expected = world.everybody().await.unwrap();
    let respond = |status, retry_after: Option<&str>| Effect::Respond {
        status,
        body: entra_sim::BodyKind::Html,
        code: None,
        message: None,
        retry_after: retry_after.map(str::to_owned),
    };
    for effect in [
        Effect::status(500),
        respond(503, None),
        respond(429, Some("2.128")),
        respond(504, Some("1")),
        respond(401, None),
        Effect::Reset { after_bytes: None },
        Effect::Truncate,
        Effect::WithoutValue,
        Effect::EmptyPage,
        Effect::RepeatNextLink,
    ] {
        world.sim.add_fault(Fault::once("*/v1.0/users?*", effect.clone()).at_request(2));
        let listed = world.everybody().await;
        assert_eq!(listed.unwrap(), expected, "{effect:?}");
        world.sim.clear_faults();
    }
    let foreign = Effect::ForeignLink { origin: "https://graph.evil.example".into() };
    world.sim.add_fault(Fault::once("*/v1.0/users?*", foreign));
    assert!(matches!(world.everybody().await, Err(DirectoryError::ForeignLink)));
}

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

#[tokio::test]
async fn a_subscription_lives_through_its_whole_life() {
    let world = World::with_users(60).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = |Query(query): Query<Vec<(String, String)>>| async move {
        query
            .into_iter()
            .find(|(name, _)| name == "validationToken")
            .map_or_else(String::new, |(_, token)| token)
    };
    let endpoint = tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(echo)).await.unwrap();
    });
    let new = NewSubscription {
        resource: SubscribedResource::Users,
        notification_url: format!("http://{address}/webhooks/graph?s=sub_1"),
        lifecycle_url: format!("http://{address}/webhooks/graph/lifecycle?s=sub_1"),
        client_state: "secret".into(),
        expires_at: world.sim.clock().now() + SignedDuration::from_hours(100),
    };
    let made = world.client.create(&world.tenant, &new).await.unwrap();
    let again = world.client.create(&world.tenant, &new).await;
    assert!(matches!(again, Err(contact_sync_engine::port::SubscriptionError::AlreadyExists)));
    let later = new.expires_at + SignedDuration::from_hours(50);
    let renewed = world.client.renew(&world.tenant, &made.id, later).await.unwrap().unwrap();
    assert!(renewed.expires_at > made.expires_at);
    let listed = world.client.list(&world.tenant).await.unwrap();
    assert_eq!((listed.len(), &listed[0].id), (1, &made.id));
    assert_eq!(listed[0].notification_url, new.notification_url);
    world.client.delete(&world.tenant, &made.id).await.unwrap();
    assert_eq!(world.client.renew(&world.tenant, &made.id, later).await.unwrap(), None);
    endpoint.abort();
}
