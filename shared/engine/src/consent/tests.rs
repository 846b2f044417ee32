use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use jiff::SignedDuration;

use super::fakes::{FakeDirectory, FakeIdentity, connection, run, tenant};
use super::*;
use crate::memory::{Counter, HeldClock, MemoryStore};
use crate::port::{IdentityError, SignIn, TenantClaim};

const REDIRECT: &str = "https://sync.example/oauth/callback";
const GLOBAL_ADMIN: &str = "62e90394-69f5-4237-9190-012177145e10";

/// Everything around a flow, and the browser that walks it.
struct Scene {
    stores: MemoryStore,
    identity: FakeIdentity,
    directory: FakeDirectory,
    clock: HeldClock,
    chance: Counter,
}

impl Scene {
    fn new() -> Self {
        Self::with(connection())
    }

    fn with(connection: contact_sync_domain::connection::Connection) -> Self {
        Self {
            stores: MemoryStore::of(connection),
            identity: FakeIdentity::default(),
            directory: FakeDirectory::default(),
            clock: HeldClock::default(),
            chance: Counter::default(),
        }
    }

    fn flow(
        &self,
    ) -> ConsentFlow<'_, MemoryStore, FakeIdentity, FakeDirectory, HeldClock, Counter> {
        ConsentFlow {
            stores: &self.stores,
            identity: &self.identity,
            directory: &self.directory,
            clock: &self.clock,
            chance: &self.chance,
            redirect_uri: REDIRECT,
        }
    }

    fn link(&self) -> String {
        let connection = self.stores.the_connection();
        run(open_invitation(&self.stores, &self.clock, &self.chance, &connection)).unwrap().token
    }

    /// Starts at a link; answers the state in Microsoft's address and the cookie.
    fn begin(&self, token: &str) -> (String, String) {
        let begun = run(self.flow().begin(token)).unwrap();
        (begun.redirect_url.split(' ').nth(2).unwrap().to_owned(), begun.cookie)
    }

    fn complete(&self, callback: Callback<'_>) -> Result<Outcome, Refusal> {
        match run(self.flow().complete(&callback)) {
            Ok(outcome) => Ok(outcome),
            Err(ConsentError::Refused(refusal)) => Err(refusal),
            Err(ConsentError::Store(error)) => panic!("{error}"),
        }
    }

    /// Comes back from the consent page; answers the state of the sign-in.
    fn consent(&self, state: &str, cookie: &str, tenant: &TenantId) -> Result<String, Refusal> {
        let callback = Callback {
            state: Some(state),
            cookie: Some(cookie),
            admin_consent: Some("True"),
            tenant: Some(tenant.as_str()),
            ..Callback::default()
        };
        self.complete(callback).map(|outcome| match outcome {
            Outcome::SignIn { url } => url.split(' ').nth(2).unwrap().to_owned(),
            Outcome::Connected { .. } => panic!("connected without a sign-in"),
        })
    }

    /// Comes back from the sign-in.
    fn sign_in(&self, state: &str, cookie: &str) -> Result<Outcome, Refusal> {
        self.complete(Callback {
            state: Some(state),
            cookie: Some(cookie),
            code: Some("a-code"),
            ..Callback::default()
        })
    }

    /// The whole way for one tenant and these roles.
    fn walk(&self, token: &str, to: &TenantId, roles: Option<&[&str]>) -> Result<Outcome, Refusal> {
        let (state, cookie) = self.begin(token);
        let state = self.consent(&state, &cookie, to)?;
        self.identity.answers(Ok(signed_in(to, roles)));
        self.sign_in(&state, &cookie)
    }

    /// Nothing was connected.
    fn untouched(&self) {
        assert_eq!(self.stores.the_connection(), connection());
        assert!(self.stores.world().tenants.is_empty());
    }
}

fn signed_in(tenant: &TenantId, roles: Option<&[&str]>) -> SignIn {
    SignIn {
        tenant_id: tenant.clone(),
        object_id: ObjectId::from_u128(5),
        roles: roles.map(|roles| roles.iter().map(|role| (*role).to_owned()).collect()),
    }
}

#[test]
fn an_admins_consent_and_sign_in_connect_the_tenant_and_end_the_link() {
    let scene = Scene::new();
    let token = scene.link();
    let outcome = scene.walk(&token, &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap();
    let Outcome::Connected { tenant_id, .. } = outcome else { panic!("{outcome:?}") };
    let connected = scene.stores.the_connection();
    assert_eq!(tenant_id, tenant(7));
    assert_eq!(connected.status, ConnectionStatus::Authorized);
    assert_eq!(connected.tenant.unwrap().id, tenant(7));
    assert_eq!(scene.stores.owner(&tenant(7)), Some(connected.id));
    assert_eq!(*scene.directory.forgotten.lock().unwrap(), [tenant(7)]);
    let view = run(describe_invitation(&scene.stores, &scene.clock, &token));
    assert!(matches!(view, Err(ConsentError::Refused(Refusal::DeadLink))));
}

#[test]
fn looking_at_a_link_uses_nothing_up_and_names_who_asks() {
    let scene = Scene::new();
    let token = scene.link();
    for _ in 0..30 {
        let view = run(describe_invitation(&scene.stores, &scene.clock, &token)).unwrap();
        assert_eq!(view.account_name, "Contoso & Söhne");
        assert_eq!(view.permissions.len(), 2);
    }
    assert!(scene.walk(&token, &tenant(7), Some(&[GLOBAL_ADMIN])).is_ok());
}

#[test]
fn secrets_are_stored_as_digests_only() {
    let scene = Scene::new();
    let token = scene.link();
    let (state, cookie) = scene.begin(&token);
    let stored = format!("{:?}", scene.stores.world());
    for secret in [&token, &state, &cookie] {
        assert!(!stored.contains(secret.as_str()));
    }
}

#[test]
fn a_link_dies_after_three_days_and_after_ten_attempts() {
    let scene = Scene::new();
    let token = scene.link();
    for _ in 0..10 {
        scene.begin(&token);
    }
    let refused = run(scene.flow().begin(&token));
    assert!(matches!(refused, Err(ConsentError::Refused(Refusal::TooManyAttempts))));
    let token = scene.link();
    scene.clock.advance(SignedDuration::from_hours(72));
    let refused = run(scene.flow().begin(&token));
    assert!(matches!(refused, Err(ConsentError::Refused(Refusal::DeadLink))));
}

#[test]
fn an_error_counts_although_consent_is_claimed_beside_it() {
    let scene = Scene::new();
    let (state, cookie) = scene.begin(&scene.link());
    let forty_two = tenant(7).to_string();
    let callback = Callback {
        state: Some(&state),
        cookie: Some(&cookie),
        error: Some("consent_required"),
        error_description: Some("AADSTS65004: <b>User declined</b>"),
        admin_consent: Some("True"),
        tenant: Some(&forty_two),
        code: None,
    };
    let refusal = scene.complete(callback).unwrap_err();
    assert_eq!(refusal, Refusal::NotConsented { code: Some(65_004) });
    assert!(!refusal.text().message.contains('<'));
    assert_eq!(scene.consent(&state, &cookie, &tenant(7)), Err(Refusal::UnknownState));
    scene.untouched();
}

#[test]
fn a_state_works_once_and_for_fifteen_minutes() {
    let scene = Scene::new();
    let token = scene.link();
    let (state, cookie) = scene.begin(&token);
    assert!(scene.consent(&state, &cookie, &tenant(7)).is_ok());
    assert_eq!(scene.consent(&state, &cookie, &tenant(7)), Err(Refusal::UnknownState));
    let (state, cookie) = scene.begin(&token);
    scene.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(scene.consent(&state, &cookie, &tenant(7)), Err(Refusal::UnknownState));
    assert_eq!(scene.consent("invented", &cookie, &tenant(7)), Err(Refusal::UnknownState));
    scene.untouched();
}

#[test]
fn only_the_browser_that_started_comes_back() {
    let scene = Scene::new();
    let token = scene.link();
    let (state, _) = scene.begin(&token);
    let without = Callback {
        state: Some(&state),
        admin_consent: Some("True"),
        tenant: Some("00000000-0000-0000-0000-000000000007"),
        ..Callback::default()
    };
    assert_eq!(scene.complete(without), Err(Refusal::OtherBrowser));
    let (_, foreign) = scene.begin(&token);
    assert_eq!(scene.consent(&state, &foreign, &tenant(7)), Err(Refusal::OtherBrowser));
    scene.untouched();
}

#[test]
fn the_sign_in_too_belongs_to_the_browser_that_started() {
    let scene = Scene::new();
    let token = scene.link();
    let (state, cookie) = scene.begin(&token);
    let state = scene.consent(&state, &cookie, &tenant(7)).unwrap();
    let (_, foreign) = scene.begin(&token);
    assert_eq!(scene.sign_in(&state, &foreign), Err(Refusal::OtherBrowser));
    scene.untouched();
}

#[test]
fn a_forged_tenant_ends_at_the_sign_in() {
    let scene = Scene::new();
    let (state, cookie) = scene.begin(&scene.link());
    let state = scene.consent(&state, &cookie, &tenant(99)).unwrap();
    scene.identity.answers(Ok(signed_in(&tenant(7), Some(&[GLOBAL_ADMIN]))));
    let refusal = scene.sign_in(&state, &cookie).unwrap_err();
    assert_eq!(refusal.reason(), "not-verified");
    scene.untouched();
}

#[test]
fn a_return_that_is_not_microsofts_leads_nowhere() {
    let scene = Scene::new();
    let token = scene.link();
    for (admin_consent, tenant, code) in [
        (Some("True"), None, None),
        (Some("True"), Some("contoso.com"), None),
        (None, Some("00000000-0000-0000-0000-000000000007"), None),
        (Some("False"), Some("00000000-0000-0000-0000-000000000007"), None),
        (None, None, Some("a-code")),
    ] {
        let (state, cookie) = scene.begin(&token);
        let callback = Callback {
            state: Some(&state),
            cookie: Some(&cookie),
            admin_consent,
            tenant,
            code,
            ..Callback::default()
        };
        assert_eq!(scene.complete(callback), Err(Refusal::MalformedReturn), "{tenant:?}");
    }
    scene.untouched();
}

#[test]
fn whoever_is_no_proven_admin_connects_nothing() {
    for (roles, expected) in [
        (Some(&["b79fbf4d-3ef9-4689-8143-76b194e85509"][..]), Refusal::NotAnAdmin),
        (Some(&[][..]), Refusal::NotAnAdmin),
        (None, Refusal::AdminNotProven),
    ] {
        let scene = Scene::new();
        let token = scene.link();
        assert_eq!(scene.walk(&token, &tenant(7), roles), Err(expected));
        scene.untouched();
        // The link still works for somebody who is.
        assert!(scene.walk(&token, &tenant(7), Some(&[GLOBAL_ADMIN])).is_ok());
    }
}

#[test]
fn a_sign_in_that_cannot_be_checked_connects_nothing() {
    for (answer, expected) in [
        (IdentityError::NotVerified("of another sign-in (nonce)".into()), "not-verified"),
        (IdentityError::Unavailable("reset".into()), "sign-in-unavailable"),
        (IdentityError::CredentialRefused { code: "AADSTS7000222".into() }, "credential-refused"),
    ] {
        let scene = Scene::new();
        let (state, cookie) = scene.begin(&scene.link());
        let state = scene.consent(&state, &cookie, &tenant(7)).unwrap();
        scene.identity.answers(Err(answer));
        assert_eq!(scene.sign_in(&state, &cookie).unwrap_err().reason(), expected);
        scene.untouched();
    }
}

#[test]
fn a_tenant_of_somebody_else_stays_theirs_and_they_stay_unnamed() {
    for (account, by_same_account) in [(2, false), (1, true)] {
        let scene = Scene::new();
        let owner = TenantClaim {
            tenant_id: tenant(7),
            account_id: AccountId::from_bits(account),
            connection_id: ConnectionId::from_bits(77),
        };
        scene.stores.world().tenants.insert(tenant(7), owner.clone());
        let refusal = scene.walk(&scene.link(), &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap_err();
        assert_eq!(refusal, Refusal::TenantTaken { by_same_account });
        assert_eq!(refusal.text().status, 409);
        assert_eq!(scene.stores.world().tenants[&tenant(7)], owner);
        assert_eq!(scene.stores.the_connection(), connection());
    }
}

#[test]
fn a_connection_made_for_one_tenant_takes_no_other() {
    let mut wanted = connection();
    wanted.wanted_tenant = Some(tenant(7).to_string());
    let scene = Scene::with(wanted);
    let begun = run(scene.flow().begin(&scene.link())).unwrap();
    assert!(begun.redirect_url.contains(tenant(7).as_str()), "Microsoft is asked for that one");
    let (state, cookie) = scene.begin(&scene.link());
    assert_eq!(scene.consent(&state, &cookie, &tenant(8)), Err(Refusal::WrongTenant));
    assert!(scene.stores.world().tenants.is_empty());
}

#[test]
fn consent_given_again_names_the_same_tenant() {
    let scene = Scene::new();
    scene.walk(&scene.link(), &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap();
    let before = scene.stores.the_connection();
    let (state, cookie) = scene.begin(&scene.link());
    assert_eq!(scene.consent(&state, &cookie, &tenant(8)), Err(Refusal::WrongTenant));
    assert_eq!(scene.stores.the_connection(), before);
    scene.walk(&scene.link(), &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap();
    assert_eq!(scene.stores.the_connection().version, before.version + 1);
}

#[test]
fn whoever_comes_second_to_a_connection_gives_the_tenant_back() {
    let scene = Scene::new();
    // Between our reading and our writing another admin finishes, for another tenant.
    scene.stores.world().interference.push(|stored| {
        *stored = decision::authorized(stored, &tenant(8), stored.created_at).unwrap();
        stored.version -= 1;
    });
    let refusal = scene.walk(&scene.link(), &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap_err();
    assert_eq!(refusal, Refusal::WrongTenant);
    assert_eq!(scene.stores.owner(&tenant(7)), None);
    assert_eq!(scene.stores.the_connection().tenant.unwrap().id, tenant(8));
}

#[test]
fn somebody_elses_edit_in_between_is_kept() {
    let scene = Scene::new();
    scene.stores.world().interference.push(|stored| stored.enabled_once = true);
    scene.walk(&scene.link(), &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap();
    let connected = scene.stores.the_connection();
    assert!(connected.enabled_once);
    assert_eq!(connected.status, ConnectionStatus::Authorized);
}

#[test]
fn a_way_that_began_at_a_finished_link_ends() {
    let scene = Scene::new();
    let token = scene.link();
    let (late_state, late_cookie) = scene.begin(&token);
    scene.walk(&token, &tenant(7), Some(&[GLOBAL_ADMIN])).unwrap();
    assert_eq!(scene.consent(&late_state, &late_cookie, &tenant(7)), Err(Refusal::DeadLink));
}

#[test]
fn every_refusal_says_what_to_do() {
    for refusal in [
        Refusal::DeadLink,
        Refusal::TooManyAttempts,
        Refusal::OtherBrowser,
        Refusal::UnknownState,
        Refusal::MalformedReturn,
        Refusal::NotConsented { code: None },
        Refusal::WrongTenant,
        Refusal::TenantTaken { by_same_account: true },
        Refusal::NotVerified { detail: String::new() },
        Refusal::AdminNotProven,
        Refusal::NotAnAdmin,
        Refusal::SignInUnavailable { detail: String::new() },
        Refusal::CredentialRefused { code: String::new() },
        Refusal::Busy,
    ] {
        let text = refusal.text();
        assert!((400..600).contains(&text.status), "{refusal}");
        assert!(!text.title.is_empty() && !text.message.is_empty() && !text.fix.is_empty());
    }
}
