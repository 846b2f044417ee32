use contact_sync_domain::connection::{Attention, Connection, PermissionOutcome, Tenant};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::settings::{AllOr, GroupScope, Settings};
use jiff::Timestamp;

use super::*;
use crate::consent::fakes::{FakeDirectory, connection, run, tenant};
use crate::memory::{HeldClock, MemoryStore};
use crate::port::Organization;

fn authorized() -> Connection {
    let seven = Tenant {
        id: tenant(7),
        name: None,
        verified_domains: vec![],
        user_count: None,
        group_count: None,
    };
    Connection {
        status: ConnectionStatus::Authorized,
        tenant: Some(seven),
        authorized_at: Some(Timestamp::UNIX_EPOCH),
        ..connection()
    }
}

struct Scene {
    stores: MemoryStore,
    directory: FakeDirectory,
    clock: HeldClock,
}

impl Scene {
    fn of(connection: Connection) -> Self {
        Self {
            stores: MemoryStore::of(connection),
            directory: FakeDirectory::default(),
            clock: HeldClock::default(),
        }
    }

    fn tried(&self) -> Result<Readiness, ReadinessError> {
        let (account, id) = (connection().account_id, connection().id);
        run(try_connection(&self.stores, &self.directory, &self.clock, &account, &id))
    }

    fn after_replication(self) -> Self {
        self.clock.advance(SignedDuration::from_mins(15));
        self
    }

    fn selecting_groups(self) -> Self {
        let mut settings = Settings::default();
        let any = vec![ObjectId::from_u128(3)];
        settings.scope.groups = AllOr::Any(GroupScope { any, include_nested: true });
        self.stores.save(1, settings);
        self
    }
}

fn forbidden<T>() -> Result<T, DirectoryError> {
    Err(DirectoryError::Forbidden { what: "it", code: "Authorization_RequestDenied".into() })
}

fn lost<T>() -> Result<T, DirectoryError> {
    Err(DirectoryError::ConsentLost { code: "AADSTS700016".into() })
}

fn attention(connection: &Connection) -> (&str, ConnectionStatus) {
    let attention = connection.attention.as_ref().unwrap();
    assert!(!attention.fix.is_empty());
    (attention.reason.as_str(), attention.before)
}

#[test]
fn a_connection_whose_permissions_work_becomes_ready_and_knows_its_tenant() {
    let scene = Scene::of(authorized());
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Ready));
    let ready = scene.stores.the_connection();
    let known = ready.tenant.unwrap();
    assert_eq!(ready.status, ConnectionStatus::Ready);
    assert_eq!(known.name.as_deref(), Some("Contoso"));
    assert_eq!(known.verified_domains, ["contoso.com", "contoso.onmicrosoft.com"]);
    assert_eq!((known.user_count, known.group_count), (Some(2_000), Some(12)));
    assert!(ready.permissions.iter().all(|one| one.state == PermissionOutcome::Granted));
}

#[test]
fn trying_again_without_news_writes_nothing() {
    let scene = Scene::of(authorized());
    scene.tried().unwrap();
    let before = scene.stores.the_connection();
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Ready));
    assert_eq!(scene.stores.the_connection(), before);
}

#[test]
fn refusals_of_the_first_minutes_are_the_consent_spreading() {
    type Arrange = fn(&FakeDirectory);
    let cases: [Arrange; 2] = [
        |directory| *directory.organization.lock().unwrap() = Some(lost),
        |directory| *directory.users.lock().unwrap() = Some(forbidden),
    ];
    for arrange in cases {
        let scene = Scene::of(authorized());
        arrange(&scene.directory);
        assert!(matches!(scene.tried().unwrap(), Readiness::Retry { .. }));
        assert_eq!(scene.stores.the_connection(), authorized(), "nothing is written meanwhile");
    }
}

#[test]
fn later_they_ask_for_a_person() {
    let scene = Scene::of(authorized()).after_replication();
    *scene.directory.organization.lock().unwrap() = Some(lost);
    assert_eq!(scene.tried().unwrap(), Readiness::NeedsAttention { reason: "consent-lost" });
    let stored = scene.stores.the_connection();
    assert_eq!(stored.status, ConnectionStatus::Attention);
    assert_eq!(attention(&stored), ("consent-lost", ConnectionStatus::Authorized));

    let scene = Scene::of(authorized()).after_replication();
    *scene.directory.users.lock().unwrap() = Some(forbidden);
    *scene.directory.organization.lock().unwrap() = Some(forbidden);
    assert_eq!(scene.tried().unwrap(), Readiness::NeedsAttention { reason: "permission-missing" });
    let stored = scene.stores.the_connection();
    assert_eq!(stored.permissions[0].state, PermissionOutcome::Missing);
    assert!(stored.attention.unwrap().fix.contains("User.Read.All"));
}

#[test]
fn a_permission_counts_as_missing_only_where_the_settings_need_it() {
    let scene = Scene::of(authorized()).after_replication();
    *scene.directory.groups.lock().unwrap() = Some(forbidden);
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Ready));
    assert_eq!(scene.stores.the_connection().permissions[1].state, PermissionOutcome::Unused);

    let scene = Scene::of(authorized()).after_replication().selecting_groups();
    *scene.directory.groups.lock().unwrap() = Some(forbidden);
    assert_eq!(scene.tried().unwrap(), Readiness::NeedsAttention { reason: "permission-missing" });
    assert!(scene.stores.the_connection().attention.unwrap().fix.contains("GroupMember.Read.All"));
}

#[test]
fn units_are_asked_about_only_where_the_settings_name_some() {
    let scene = Scene::of(authorized()).after_replication();
    *scene.directory.units.lock().unwrap() = Some(forbidden);
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Ready));
    let told = scene.stores.the_connection().permissions;
    assert!(!told.iter().any(|one| one.name == "AdministrativeUnit.Read.All"), "{told:?}");

    let by_units = |scene: Scene| {
        let mut settings = Settings::default();
        settings.scope.administrative_units = AllOr::Any(vec![ObjectId::from_u128(3)]);
        scene.stores.save(1, settings);
        scene
    };
    let scene = by_units(Scene::of(authorized()).after_replication());
    *scene.directory.units.lock().unwrap() = Some(forbidden);
    assert_eq!(scene.tried().unwrap(), Readiness::NeedsAttention { reason: "permission-missing" });
    let stored = scene.stores.the_connection();
    assert_eq!(stored.permissions[2].state, PermissionOutcome::Missing);
    let fix = stored.attention.unwrap().fix;
    assert!(fix.contains("grant AdministrativeUnit.Read.All to"), "{fix}");

    let scene = by_units(Scene::of(authorized()).after_replication());
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Ready));
    assert_eq!(scene.stores.the_connection().permissions[2].state, PermissionOutcome::Granted);
}

#[test]
fn an_answer_for_another_tenant_stops_the_connection_at_once() {
    let scene = Scene::of(authorized());
    *scene.directory.organization.lock().unwrap() = Some(|| {
        Ok(Organization { id: tenant(8), name: Some("Fabrikam".into()), verified_domains: vec![] })
    });
    assert_eq!(scene.tried().unwrap(), Readiness::NeedsAttention { reason: "tenant-mismatch" });
    assert_eq!(scene.stores.the_connection().tenant.unwrap().name, None);
}

#[test]
fn a_policy_is_no_replication() {
    let scene = Scene::of(authorized());
    *scene.directory.organization.lock().unwrap() =
        Some(|| Err(DirectoryError::Blocked { code: "AADSTS53003".into() }));
    assert_eq!(scene.tried().unwrap(), Readiness::NeedsAttention { reason: "blocked-by-policy" });
}

#[test]
fn trouble_of_graphs_own_or_of_ours_blames_no_tenant() {
    let scene = Scene::of(authorized()).after_replication();
    *scene.directory.users.lock().unwrap() =
        Some(|| Err(DirectoryError::Throttled { retry_after: Some(SignedDuration::from_secs(7)) }));
    let Readiness::Retry { after, .. } = scene.tried().unwrap() else { panic!("a retry") };
    assert_eq!(after, SignedDuration::from_secs(7));

    *scene.directory.users.lock().unwrap() =
        Some(|| Err(DirectoryError::CredentialRefused { code: "AADSTS7000222".into() }));
    assert!(matches!(scene.tried(), Err(ReadinessError::Directory(_))));
    assert_eq!(scene.stores.the_connection(), authorized());
}

#[test]
fn a_count_that_fails_is_only_unknown() {
    let scene = Scene::of(authorized());
    *scene.directory.counts.lock().unwrap() =
        Some(|| Err(DirectoryError::Refused { what: "a count", code: "BadRequest".into() }));
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Ready));
    assert_eq!(scene.stores.the_connection().tenant.unwrap().user_count, None);
}

#[test]
fn attention_for_a_lost_consent_ends_when_everything_works_again() {
    let mut waiting = authorized();
    waiting.status = ConnectionStatus::Attention;
    waiting.attention = Some(Attention {
        reason: "consent-lost".into(),
        fix: "consent".into(),
        before: ConnectionStatus::Enabled,
        since: Timestamp::UNIX_EPOCH,
    });
    let scene = Scene::of(waiting.clone());
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Enabled));
    assert_eq!(scene.stores.the_connection().attention, None);

    waiting.attention.as_mut().unwrap().reason = "group-missing".into();
    let scene = Scene::of(waiting);
    assert_eq!(scene.tried().unwrap(), Readiness::Works(ConnectionStatus::Attention));
    assert_eq!(attention(&scene.stores.the_connection()).0, "group-missing");
}

#[test]
fn what_was_let_go_meanwhile_stays_let_go() {
    assert_eq!(Scene::of(connection()).tried().unwrap(), Readiness::NotConnected);
    let scene = Scene::of(authorized());
    scene.stores.world().interference.push(|stored| stored.status = ConnectionStatus::Disconnected);
    assert_eq!(scene.tried().unwrap(), Readiness::NotConnected);
    assert_eq!(scene.stores.the_connection().status, ConnectionStatus::Disconnected);
}
