//! Contacts that turn out to be one person: what people made of any of them is lost by none.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{
    Contact, ContactField, ContactSource, Link, LinkState, SyncMark,
};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::email::email_key;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, TeamId};
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::{ByHand, Membership, Origin, Team};
use contact_sync_engine::memory::World;
use contact_sync_engine::port::{Clock, StoredContact};
use jiff::Timestamp;
use serde_json::json;

use super::erasing::{assert_forgotten, erase, redact_all};
use super::harness::{
    Answer, App, Ask, account_id, connection_id, of_account, of_connection, tenant,
};
use super::questions::{put, question};

const USER: u128 = 7;

fn put_contact(world: &mut World, bits: u128, title: Option<&str>, is_linked: bool) -> ContactId {
    let id = ContactId::from_bits(bits);
    let email = format!("c{bits}@contoso.example");
    let link = Link {
        connection_id: connection_id(),
        tenant_id: tenant(),
        object_id: ObjectId::from_u128(USER),
        user_principal_name: None,
        state: LinkState::Linked,
        acts_at: None,
        planned: None,
        cause: None,
    };
    let mut fields = std::collections::BTreeMap::from([(ContactField::Email, email.clone())]);
    fields.extend(title.map(|title| (ContactField::JobTitle, title.to_owned())));
    let now = "2026-03-01T00:00:00Z".parse().unwrap();
    let contact = Contact {
        id: id.clone(),
        account_id: account_id(),
        version: 1,
        status: contact_sync_domain::contact::ContactStatus::Active,
        source: ContactSource::Local,
        fields,
        custom: std::collections::BTreeMap::new(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        protected: false,
        link: is_linked.then_some(link),
        sync: None,
        created_at: now,
        updated_at: now,
    };
    world.claims.insert((account_id(), email_key(&email)), id.clone());
    if is_linked {
        let place = (account_id(), tenant(), ObjectId::from_u128(USER));
        world.adoptions.insert(place, id.clone());
    }
    world.contacts.insert(id.clone(), StoredContact::Present(Box::new(contact)));
    id
}

fn put_member(world: &mut World, contact: &ContactId, team: u128, origin: Origin) {
    let team = TeamId::from_bits(team);
    let mut membership = Membership::none(account_id(), team.clone(), contact.clone());
    membership.version = 1;
    if origin == Origin::Manual {
        let at = "2026-03-01T00:00:00Z".parse().unwrap();
        let who = ByHand { subject: None, name: Some("Ada".to_owned()), at };
        membership = membership.joined_by(who);
    }
    membership.origins.insert(origin);
    world.memberships.insert((contact.clone(), team), membership);
}

/// The user's own contact, one made by hand, and the one that shall stay; all are in teams.
struct Three {
    app: App,
    own: ContactId,
    by_hand: ContactId,
    stays: ContactId,
}

fn three() -> Three {
    let app = App::with_connection(S::Enabled);
    // He has the address of the contact that goes.
    let attributes = json!({
        "displayName": "Ana", "givenName": "Ana", "surname": "Diaz", "jobTitle": null,
        "department": null, "mobilePhone": null, "businessPhones": [], "officeLocation": null,
        "mail": "c17@contoso.example", "userPrincipalName": "c17@contoso.example",
        "accountEnabled": true, "userType": "Member",
    });
    app.outside.directory.entra().put_user(DirectoryUser {
        id: ObjectId::from_u128(USER),
        attributes: attributes.as_object().unwrap().clone(),
    });
    let now = app.outside.clock.now();
    let mut world = app.outside.store.world();
    let own = put_contact(&mut world, 0x11, Some("Diver"), true);
    let by_hand = put_contact(&mut world, 0x12, Some("Captain"), false);
    let stays = put_contact(&mut world, 0x13, None, false);
    for number in 1..=4 {
        let id = TeamId::from_bits(number);
        let team = Team {
            id: id.clone(),
            account_id: account_id(),
            name: format!("Team {number}"),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        world.teams.insert(id, team);
    }
    let by_group = Origin::Group {
        connection_id: connection_id(),
        group_id: ObjectId::from_u128(5),
        user_id: ObjectId::from_u128(USER),
        on_leave: OnLeave::Remove,
        role: None,
    };
    put_member(&mut world, &own, 1, by_group);
    put_member(&mut world, &own, 2, Origin::Manual);
    put_member(&mut world, &by_hand, 3, Origin::Manual);
    put_member(&mut world, &stays, 4, Origin::Manual);
    let candidates = vec![by_hand.clone(), stays.clone()];
    let version = |id: &ContactId| match &world.contacts[id] {
        StoredContact::Present(contact) => (id.clone(), contact.version),
        StoredContact::Tombstone { .. } => panic!("it stands"),
    };
    let versions = candidates.iter().map(version).collect();
    let item = ReviewItem { candidates, versions, ..question(now, ReviewList::Conflicts, USER) };
    put(&mut world, &item);
    let state = world.states.get_mut(&connection_id()).unwrap();
    state.fence = 10;
    drop(world);
    Three { app, own, by_hand, stays }
}

impl Three {
    async fn merge(&self) -> Answer {
        self.decide("merge", &self.stays).await
    }

    async fn decide(&self, action: &str, contact: &ContactId) -> Answer {
        let id = contact_sync_domain::id::ReviewId::of(&ObjectId::from_u128(USER));
        let body = json!({"action": action, "version": 1, "contact": contact});
        self.app.ask(Ask::post(of_connection(&format!("/reviews/{id}")), &body)).await
    }

    fn check(&self, case: &str) {
        let world = self.app.outside.store.world();
        for gone in [&self.own, &self.by_hand] {
            assert!(matches!(world.contacts[gone], StoredContact::Tombstone { .. }), "{case}");
            let stands = |one: &&Membership| one.contact_id == *gone && one.stands();
            assert_eq!(world.memberships.values().find(stands), None, "{case}");
        }
        let StoredContact::Present(stays) = &world.contacts[&self.stays] else {
            panic!("{case}: the one that stays is gone")
        };
        assert_eq!(stays.link.as_ref().unwrap().object_id, ObjectId::from_u128(USER), "{case}");
        assert_eq!(stays.fields[&ContactField::JobTitle], "Diver", "{case}: what it lacked");
        let place = (account_id(), tenant(), ObjectId::from_u128(USER));
        assert_eq!(world.adoptions[&place], self.stays, "{case}");
        let address = (account_id(), email_key("c17@contoso.example"));
        assert_eq!(world.claims[&address], self.stays, "{case}: the person's address");
        for team in 1..=4 {
            let place = (self.stays.clone(), TeamId::from_bits(team));
            let membership = &world.memberships[&place];
            assert!(membership.stands(), "{case}: out of team {team}");
            if team != 1 {
                assert!(membership.origins.contains(&Origin::Manual), "{case}: team {team}");
                let who = membership.by_hand.as_ref().and_then(|by| by.name.as_deref());
                assert_eq!(who, Some("Ada"), "{case}");
            }
        }
        let settings = world.settings.get(&connection_id());
        assert!(settings.is_none(), "{case}: nobody is put on the ignore list");
        assert!(world.reviews.is_empty(), "{case}");
    }
}

#[tokio::test]
async fn a_merge_keeps_every_team_and_every_value_that_the_staying_contact_lacks() {
    let three = three();
    let merged = three.merge().await.expect(202).json();
    assert_eq!(merged["contact"]["id"], three.stays.as_str());
    three.check("at once");
}

#[tokio::test]
async fn a_merge_that_dies_anywhere_is_ended_by_the_same_request() {
    for calls in 0.. {
        let three = three();
        three.app.outside.store.world().calls_left = Some(calls);
        let first = three.merge().await;
        let is_whole = three.app.outside.store.world().calls_left != Some(0);
        three.app.outside.store.world().calls_left = None;
        if is_whole {
            assert!(calls > 20, "{calls}: {first:?}");
            three.check("at once");
            return;
        }
        // A decision that was recorded is done; its question is gone or is answered again.
        let again = three.merge().await;
        assert!([202, 404].contains(&again.status.as_u16()), "at call {calls}: {again:?}");
        three.check(&format!("died at call {calls}"));
    }
}

#[tokio::test]
async fn a_merge_to_which_the_directory_answers_late_is_done_whole_or_not_at_all() {
    for answers in 0.. {
        let three = three();
        let before = three.app.outside.store.world().contacts.clone();
        three.app.outside.directory.entra().answers_left = Some(answers);
        let merged = three.merge().await;
        if merged.status.is_success() {
            assert!(answers > 0, "nobody was read");
            three.check("with no answer left over");
            return;
        }
        assert_eq!(three.app.outside.store.world().contacts, before, "{answers}: {merged:?}");
    }
}

#[tokio::test]
async fn a_contact_that_another_connection_let_go_counts_in_this_one_from_then_on() {
    let three = three();
    {
        let mut world = three.app.outside.store.world();
        let another = ConnectionId::from_bits(9);
        world.former_connections.insert(three.stays.clone(), another);
        let Some(StoredContact::Present(stays)) = world.contacts.get_mut(&three.stays) else {
            panic!("it stays")
        };
        stays.sync = Some(SyncMark {
            welcome: false,
            untied_by_hand: false,
            replaced: std::collections::BTreeMap::new(),
            source_version: 50_000,
            settings_version: 1,
            fingerprint: None,
            run: "run_1".to_owned(),
            page: 0,
        });
    }
    three.merge().await.expect(202);
    three.check("let go by another connection");
    let world = three.app.outside.store.world();
    let StoredContact::Present(stays) = &world.contacts[&three.stays] else { panic!("it stays") };
    let fence = world.states[&connection_id()].fence;
    let written = stays.sync.as_ref().map(|mark| mark.source_version);
    assert!(written.is_some_and(|written| written < fence), "no run could change it: {written:?}");
}

#[tokio::test]
async fn a_decision_to_delete_that_died_before_the_teams_were_left_is_ended_by_repeating_it() {
    let three = three();
    let held = |three: &Three| {
        let world = three.app.outside.store.world();
        let of_it = |one: &&Membership| one.contact_id == three.by_hand && one.stands();
        world.memberships.values().filter(of_it).count()
    };
    assert_eq!(held(&three), 1);
    three.app.outside.store.world().contacts.remove(&three.by_hand);
    three.decide("delete", &three.by_hand).await.expect(202);
    assert_eq!(held(&three), 0);
}

/// Another contact was merged long ago into the one that was made by hand.
fn merge_earlier(three: &Three) {
    let mut world = three.app.outside.store.world();
    let earlier = ContactId::from_bits(0x10);
    let told = world.history.values().filter(|entry| entry.contact_id == three.by_hand);
    let told: Vec<HistoryEntry> = told.cloned().collect();
    assert!(!told.is_empty(), "nothing is told of it");
    for entry in told {
        let entry = HistoryEntry { contact_id: earlier.clone(), ..entry };
        let place = (account_id(), earlier.clone(), entry.version, entry.id.clone());
        world.history.insert(place, entry);
    }
    world.merges.insert((account_id(), three.by_hand.clone(), earlier), Timestamp::MAX);
}

#[tokio::test]
async fn whoever_is_forgotten_is_so_with_every_contact_that_was_merged_into_his() {
    for calls in 0.. {
        let three = three();
        three.merge().await.expect(202);
        merge_earlier(&three);
        let export = Ask::get(of_account(&format!("/contacts/{}/export", three.stays)));
        let told = three.app.ask(export).await.expect(200).json()["records"].to_string();
        for kept in ["Captain", "ctc_00000000000000000000000000000010"] {
            assert!(told.contains(kept), "he is not shown {kept}: {told}");
        }
        three.app.outside.store.world().calls_left = Some(calls);
        let first = three.app.ask(erase(&three.stays)).await;
        let is_whole = three.app.outside.store.world().calls_left != Some(0);
        three.app.outside.store.world().calls_left = None;
        let receipt = three.app.ask(erase(&three.stays)).await.expect(202).json();
        assert_eq!(receipt["found"]["contacts"], 4, "died at call {calls}: {first:?}");
        redact_all(&three.app).await;
        assert_forgotten(&three.app, &three.stays);
        let world = three.app.outside.store.world();
        assert!(world.merges.is_empty(), "{calls}");
        let told = format!("{world:?}");
        for mark in ["Captain", "Diver", "c16@", "c17@", "c18@", "c19@"] {
            assert!(!told.contains(mark), "died at call {calls}: {mark} is left");
        }
        if is_whole {
            assert_eq!(receipt["left"], json!([]));
            return;
        }
    }
}

#[tokio::test]
async fn what_was_merged_once_and_is_somebody_elses_again_is_left() {
    let three = three();
    let before = three.app.outside.store.world().contacts[&three.by_hand].clone();
    three.merge().await.expect(202);
    let team = TeamId::from_bits(3);
    {
        let mut world = three.app.outside.store.world();
        world.contacts.insert(three.by_hand.clone(), before.clone());
        put_member(&mut world, &three.by_hand, 3, Origin::Manual);
    }
    let receipt = three.app.ask(erase(&three.stays)).await.expect(202).json();
    redact_all(&three.app).await;
    assert_eq!(receipt["left"], json!([three.by_hand]), "{receipt}");
    assert_eq!(receipt["found"]["contacts"], 2);
    let world = three.app.outside.store.world();
    assert_eq!(world.contacts[&three.by_hand], before);
    assert!(world.memberships.contains_key(&(three.by_hand.clone(), team)), "its team, too");
}
