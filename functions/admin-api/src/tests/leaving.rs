//! What a connection leaves behind when it goes to another account, is disconnected or deleted.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactField, ContactSource, LinkState, Target};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TeamId};
use contact_sync_domain::review::{Decision, ReviewAction, ReviewItem, ReviewList};
use contact_sync_domain::settings::{OnLeave, Settings, TeamMapping};
use contact_sync_domain::team::{Membership, Origin, Team};
use contact_sync_engine::memory::World;
use contact_sync_engine::port::{Clock, SettingsVersion, StoredContact, TenantClaim, TenantGrant};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::harness::{App, Ask, account_id, connection_id, of_account, of_connection, tenant};
use super::moving::{OTHER, add_other, relocate, to};
use super::questions::{put, question};

fn claim(account: AccountId, connection: ConnectionId) -> TenantClaim {
    TenantClaim { tenant_id: tenant(), account_id: account, connection_id: connection }
}

fn group_of(connection: ConnectionId, on_leave: OnLeave) -> Origin {
    Origin::Group {
        connection_id: connection,
        group_id: ObjectId::from_u128(5),
        user_id: ObjectId::from_u128(7),
        on_leave,
        role: None,
    }
}

fn put_membership(world: &mut World, contact: &ContactId, team: u128, origins: &[Origin]) {
    let team = TeamId::from_bits(team);
    let none = Membership::none(account_id(), team.clone(), contact.clone());
    let origins = origins.iter().cloned().collect();
    let membership = Membership { version: 1, origins, ..none };
    world.memberships.insert((contact.clone(), team), membership);
}

fn present(world: &World, id: &ContactId) -> Option<Contact> {
    match &world.contacts[id] {
        StoredContact::Present(contact) => Some(contact.as_ref().clone()),
        StoredContact::Tombstone { .. } => None,
    }
}

/// The contacts of [`lived_in`].
struct People {
    /// Made by sync, in a team by hand and in one by a group.
    made: ContactId,
    /// Made by sync and protected.
    protected: ContactId,
    /// There before sync, by hand and by a group in the same team.
    local: ContactId,
    /// Lost its link before the move, held in a team by its former group.
    former: ContactId,
}

/// A connection with everything that an account's people leave at one.
fn lived_in() -> (App, People) {
    let app = App::with_connection(S::Disabled);
    add_other(&app);
    let made = app.add_linked_contact();
    let now = app.outside.clock.now();
    let mut world = app.outside.store.world();
    let people = put_people(&mut world, made);
    put_teams(&mut world, &people, now);
    put_decisions(&mut world, &people, now);
    world.tenants.insert(tenant(), claim(account_id(), connection_id()));
    drop(world);
    (app, people)
}

fn put_people(world: &mut World, made: ContactId) -> People {
    let first = present(world, &made).unwrap();
    let mut add = |bits: u128, change: &dyn Fn(&mut Contact)| {
        let id = ContactId::from_bits(bits);
        let mut contact = Contact { id: id.clone(), ..first.clone() };
        let address = json!(format!("p{bits}@contoso.example"));
        contact.set(&Target::Field(ContactField::Email), Some(address));
        contact.link.as_mut().unwrap().object_id = ObjectId::from_u128(bits);
        change(&mut contact);
        let key = email_key(contact.email().unwrap());
        world.claims.insert((account_id(), key), id.clone());
        if let Some(link) = &contact.link {
            let place = (account_id(), tenant(), link.object_id.clone());
            world.adoptions.insert(place, id.clone());
        }
        world.contacts.insert(id.clone(), StoredContact::Present(Box::new(contact)));
        id
    };
    let protected = add(0xab1, &|contact| contact.protected = true);
    let local = add(0xab2, &|contact| contact.source = ContactSource::Local);
    let former = add(0xab3, &|contact| contact.link = None);
    People { made, protected, local, former }
}

fn put_teams(world: &mut World, people: &People, now: Timestamp) {
    let People { made, protected, local, former } = people;
    for (number, name) in [(1, "North"), (2, "South")] {
        let id = TeamId::from_bits(number);
        let team = Team {
            id: id.clone(),
            account_id: account_id(),
            name: name.to_owned(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        world.teams.insert(id, team);
    }
    let ours = || group_of(connection_id(), OnLeave::Remove);
    put_membership(world, made, 1, &[Origin::Manual]);
    put_membership(world, made, 2, &[ours()]);
    put_membership(world, protected, 1, &[ours()]);
    put_membership(world, local, 1, &[Origin::Manual, ours()]);
    put_membership(world, local, 2, &[group_of(connection_id(), OnLeave::Keep)]);
    put_membership(world, former, 1, &[ours()]);
    put_membership(world, former, 2, &[group_of(ConnectionId::from_bits(9), OnLeave::Remove)]);
}

/// Settings that Ada saved, a question that waits, and a decision of hers.
fn put_decisions(world: &mut World, people: &People, now: Timestamp) {
    let mut settings = Settings::default();
    settings.teams.push(TeamMapping::new(ObjectId::from_u128(5), &TeamId::from_bits(1)));
    settings.notifications.emails.push("ada@old.example".to_owned());
    let version = |version| SettingsVersion {
        version,
        settings: settings.clone(),
        saved_by: Some("sub-ada".to_owned()),
        saved_by_name: Some("Ada".to_owned()),
        saved_by_role: Some("admin".to_owned()),
        ..SettingsVersion::never_saved()
    };
    world.settings.insert(connection_id(), vec![version(1), version(2)]);
    let candidates = vec![people.local.clone()];
    let item = ReviewItem { candidates, ..question(now, ReviewList::Conflicts, 7) };
    let decision = Decision {
        kept_days: None,
        at: now,
        actor: Some("sub-ada".to_owned()),
        action: ReviewAction::Keep,
        item: item.id(),
        list: item.list,
        version: 1,
        contact_id: Some(people.local.clone()),
        refused: Vec::new(),
    };
    put(world, &item);
    world.decisions.insert(connection_id(), vec![decision]);
}

/// All that is kept, as a text.
fn everything(app: &App) -> String {
    let mut world = app.outside.store.world();
    world.contact_reads = 0;
    // What was asked for is on record, whatever came of it.
    let record = (std::mem::take(&mut world.audit), std::mem::take(&mut world.audit_heads));
    let told = format!("{world:?}");
    (world.audit, world.audit_heads) = record;
    told
}

/// What stands after the move, and where.
fn check_moved(app: &App, people: &People) {
    let world = app.outside.store.world();
    let other = AccountId::parse(OTHER).unwrap();
    assert_eq!(world.connections[&connection_id()].account_id, other);
    assert_eq!(world.tenants[&tenant()].account_id, other);
    assert_eq!(present(&world, &people.made), None);
    for kept in [&people.protected, &people.local, &people.former] {
        let contact = present(&world, kept).unwrap();
        assert_eq!(contact.link, None);
        assert_eq!(contact.fields[&ContactField::JobTitle], "CEO");
        let key = (account_id(), email_key(contact.email().unwrap()));
        assert_eq!(world.claims[&key], *kept, "its address stays its own");
    }
    assert!(world.adoptions.is_empty(), "{:?}", world.adoptions);
    let origins = |contact: &ContactId, team: u128| {
        let held = &world.memberships[&(contact.clone(), TeamId::from_bits(team))].origins;
        held.iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(origins(&people.made, 1), []);
    assert_eq!(origins(&people.made, 2), []);
    assert_eq!(origins(&people.protected, 1), []);
    assert_eq!(origins(&people.local, 1), [Origin::Manual], "what people made is theirs");
    assert!(matches!(origins(&people.local, 2).as_slice(), [Origin::Kept { .. }]));
    assert_eq!(origins(&people.former, 1), []);
    assert_eq!(origins(&people.former, 2).len(), 1, "another connection holds it");
    assert!(world.reviews.is_empty() && world.decisions.is_empty());
    let versions = &world.settings[&connection_id()];
    assert_eq!(versions.len(), 2);
    let told = serde_json::to_string(versions).unwrap();
    for word in ["Ada", "sub-ada", "ada@old.example", TeamId::from_bits(1).as_str()] {
        assert!(!told.contains(word), "{word} went along: {told}");
    }
}

#[tokio::test]
async fn a_move_removes_nothing_protected_leaves_no_membership_and_takes_nobodys_name_along() {
    let (app, people) = lived_in();
    let before = everything(&app);
    let tried = relocate(&app, "?dryRun=true", &to(OTHER)).await.expect(200).json();
    assert!(before == everything(&app), "a try writes nothing");
    let counts = |answer: &Value| {
        ["contactsRemoved", "contactsUnlinked", "contactsProtected", "membershipsEnded"]
            .map(|name| answer[name].as_u64().unwrap())
    };
    assert_eq!(counts(&tried), [1, 2, 1, 4]);
    assert_eq!(tried["reviewsDropped"], 1);
    let warnings = tried["warnings"].to_string();
    for word in ["1 mappings", "1 people", "2 versions"] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    let done = relocate(&app, "", &to(OTHER)).await.expect(202).json();
    assert_eq!((counts(&done), &done["done"]), ([1, 2, 1, 4], &json!(true)), "as it was tried");
    check_moved(&app, &people);
}

#[tokio::test]
async fn a_move_that_dies_anywhere_is_ended_by_the_same_request() {
    for calls in 0.. {
        let (app, people) = lived_in();
        app.outside.store.world().calls_left = Some(calls);
        let first = relocate(&app, "", &to(OTHER)).await;
        let is_whole = app.outside.store.world().calls_left != Some(0);
        app.outside.store.world().calls_left = None;
        let again = relocate(&app, "", &to(OTHER)).await.expect(202).json();
        assert_eq!(again["done"], true, "died at call {calls}: {first:?}");
        check_moved(&app, &people);
        if is_whole {
            assert!(calls > 40, "{calls}");
            return;
        }
    }
}

#[tokio::test]
async fn a_tenant_that_the_other_account_may_not_have_stays_and_so_does_everything_else() {
    let (app, _) = lived_in();
    let other = AccountId::parse(OTHER).unwrap();
    let grant = |accounts: &[AccountId]| TenantGrant {
        tenant_id: tenant(),
        accounts: accounts.to_vec(),
        version: 1,
        granted_by: None,
        granted_at: app.outside.clock.now(),
    };
    {
        let mut world = app.outside.store.world();
        world.tenants.clear();
        world.grants.insert(tenant(), grant(&[account_id()]));
        let ours = claim(account_id(), connection_id());
        world.granted_claims.insert((tenant(), account_id()), ours);
    }
    let before = everything(&app);
    for query in ["?dryRun=true", ""] {
        let refused = relocate(&app, query, &to(OTHER)).await;
        assert_eq!(refused.problem(422, "invalid-fields"), ["/account"]);
    }
    assert!(before == everything(&app));

    app.outside.store.world().grants.insert(tenant(), grant(&[account_id(), other.clone()]));
    relocate(&app, "", &to(OTHER)).await.expect(202);
    let world = app.outside.store.world();
    let claims: Vec<&TenantClaim> = world.granted_claims.values().collect();
    assert_eq!(claims, [&claim(other, connection_id())]);
}

#[tokio::test]
async fn disconnecting_leaves_every_contact_as_it_is_and_deleting_ends_what_only_it_held() {
    let (app, people) = lived_in();
    let kept = |world: &World| {
        format!("{:?}", (&world.contacts, &world.claims, &world.adoptions, &world.settings))
    };
    let of_people = |world: &World| format!("{:?}", (&world.memberships, &world.reviews));
    let (before, held) = {
        let world = app.outside.store.world();
        (kept(&world), of_people(&world))
    };
    app.ask(Ask::new("POST", of_connection("/disconnect"))).await.expect(202);
    {
        let world = app.outside.store.world();
        assert_eq!((kept(&world), of_people(&world)), (before, held));
        assert!(world.tenants.is_empty(), "others may connect it now");
    }
    let contacts = format!("{:?}", app.outside.store.world().contacts);
    // Whatever interrupts it, deleting again ends it.
    for calls in [3, 9, 15] {
        app.outside.store.world().calls_left = Some(calls);
        app.ask(Ask::new("DELETE", of_connection(""))).await.problem(503, "unavailable");
        app.outside.store.world().calls_left = None;
    }
    app.ask(Ask::new("DELETE", of_connection(""))).await.expect(204);
    assert_eq!(contacts, format!("{:?}", app.outside.store.world().contacts));
    check_deleted(&app, &people);
    let path = of_account(&format!("/contacts/{}", people.made));
    let shown = app.ask(Ask::get(path)).await.expect(200).json();
    assert_eq!(
        shown["teams"],
        json!([{"id": TeamId::from_bits(1), "name": "North", "origin": "manual"}])
    );
    assert_eq!(shown["link"]["state"], json!(LinkState::Linked));
}

/// What stands once the connection is deleted.
fn check_deleted(app: &App, people: &People) {
    let world = app.outside.store.world();
    assert!(world.reviews.is_empty() && world.decisions.is_empty() && world.settings.is_empty());
    let origins = |contact: &ContactId, team: u128| {
        let held = &world.memberships[&(contact.clone(), TeamId::from_bits(team))].origins;
        held.iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(origins(&people.made, 1), [Origin::Manual]);
    assert_eq!(origins(&people.made, 2), []);
    assert_eq!(origins(&people.local, 1), [Origin::Manual]);
    assert!(matches!(origins(&people.local, 2).as_slice(), [Origin::Kept { .. }]));
    assert_eq!(origins(&people.former, 2).len(), 1, "another connection holds it");
}
