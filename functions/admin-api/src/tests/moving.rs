//! An organisation that was assigned to the wrong customer goes to the right one.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::ContactSource;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId};
use contact_sync_engine::memory::World;
use contact_sync_engine::port::StoredContact;
use serde_json::{Value, json};

use super::harness::{
    ACCOUNT, Answer, App, Ask, CONNECTION, TENANT, account_id, connection_id, of_account,
    of_connection,
};

pub(super) const OTHER: &str = "acc_00000000000000000000000000000002";

fn there(rest: &str) -> String {
    format!("/v1/accounts/{OTHER}/connections/{CONNECTION}{rest}")
}

/// A second account with the same fields of its own.
pub(super) fn add_other(app: &App) -> AccountId {
    let mut world = app.outside.store.world();
    let id = AccountId::parse(OTHER).unwrap();
    let first = world.accounts[&account_id()].clone();
    let other = Account { id: id.clone(), external_id: "4712".to_owned(), ..first };
    world.accounts.insert(id.clone(), other);
    id
}

pub(super) fn to(account: &str) -> Value {
    json!({"account": account})
}

pub(super) async fn relocate(app: &App, query: &str, body: &Value) -> Answer {
    app.ask(Ask::post(of_connection(&format!("/move{query}")), body)).await
}

#[tokio::test]
async fn the_connection_goes_with_its_settings_and_leaves_no_people_behind() {
    let app = App::with_connection(S::Disabled);
    let contact = app.add_linked_contact();
    let other = add_other(&app);
    let ask = Ask::put(of_connection("/settings"), &json!({"policies": {"create": "off"}}));
    app.ask(ask.header("if-match", "*")).await.expect(200);
    // The other account knows the address already.
    let taken = ContactId::from_bits(9);
    let key = email_key("ana@contoso.example");
    app.outside.store.world().claims.insert((other.clone(), key), taken.clone());

    let tried = relocate(&app, "?dryRun=true", &to(OTHER)).await.expect(200).json();
    assert_eq!((&tried["done"], &tried["contactsRemoved"]), (&json!(false), &json!(1)));
    assert_eq!(tried["emailsTaken"], json!({"count": 1, "examples": [taken.as_str()]}));
    app.ask(Ask::get(of_connection(""))).await.expect(200);

    let done = relocate(&app, "", &to(OTHER)).await.expect(202);
    assert_eq!(done.json()["done"], true);
    assert_eq!(done.header("location"), there(""));
    app.ask(Ask::get(of_connection(""))).await.problem(404, "not-found");
    let moved = app.ask(Ask::get(there(""))).await.expect(200).json();
    assert_eq!((&moved["id"], &moved["accountId"]), (&json!(CONNECTION), &json!(OTHER)));
    let settings = app.ask(Ask::get(there("/settings"))).await.expect(200).json();
    assert_eq!(settings["policies"]["create"], "off");
    assert!(matches!(
        app.outside.store.world().contacts[&contact],
        StoredContact::Tombstone { .. }
    ));
    assert!(!app.outside.store.world().claims.keys().any(|(of, _)| *of == account_id()));

    // Sent again, as after an answer that got lost.
    assert_eq!(relocate(&app, "", &to(OTHER)).await.expect(202).json()["done"], true);
}

/// They name teams of the old account: nobody of the new one may land in those.
#[tokio::test]
async fn teams_of_the_old_account_do_not_go_along_in_any_version_and_that_is_told() {
    let app = App::with_connection(S::Disabled);
    add_other(&app);
    let made = app.ask(Ask::post(of_account("/teams"), &json!({"name": "North"}))).await;
    let team = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let rows = json!({"teams": [{"group": ObjectId::from_u128(10), "team": team}]});
    for settings in [&rows, &json!({}), &rows] {
        let ask = Ask::put(of_connection("/settings"), settings);
        app.ask(ask.header("if-match", "*")).await.expect(200);
    }
    let done = relocate(&app, "", &to(OTHER)).await.expect(202).json();
    assert!(done["warnings"].to_string().contains("1 mappings of groups to teams"), "{done}");
    let versions = app.outside.store.world().settings[&connection_id()].clone();
    assert_eq!(versions.len(), 3);
    assert!(versions.iter().all(|version| version.settings.teams.is_empty()), "{versions:?}");
    assert!(app.outside.store.world().drafts.is_empty());
}

#[tokio::test]
async fn contacts_that_were_there_before_stay_without_a_link() {
    for (source, body) in [
        (ContactSource::Local, to(OTHER)),
        (ContactSource::Entra, json!({"account": OTHER, "contacts": "keep"})),
    ] {
        let app = App::with_connection(S::Ready);
        let id = app.add_linked_contact();
        add_other(&app);
        if let Some(StoredContact::Present(contact)) =
            app.outside.store.world().contacts.get_mut(&id)
        {
            contact.source = source;
        }
        let done = relocate(&app, "", &body).await.expect(202).json();
        assert_eq!((&done["contactsRemoved"], &done["contactsUnlinked"]), (&json!(0), &json!(1)));
        let path = format!("/v1/accounts/{ACCOUNT}/contacts/{id}");
        let kept = app.ask(Ask::get(path)).await.expect(200).json();
        assert_eq!((&kept["link"], &kept["managedFields"]), (&json!(null), &json!([])));
        assert_eq!(kept["fields"]["jobTitle"], "CEO");
    }
}

#[tokio::test]
async fn what_cannot_move_is_refused_before_anything_is_done() {
    for status in [S::Enabled, S::Paused] {
        let app = App::with_connection(status);
        add_other(&app);
        relocate(&app, "", &to(OTHER)).await.problem(409, "wrong-state");
    }
    let app = App::with_connection(S::Disabled);
    let contact = app.add_linked_contact();
    let other = add_other(&app);
    for (body, pointer) in [
        (to(ACCOUNT), "/account"),
        (to("acc_00000000000000000000000000000009"), "/account"),
        (to("x"), "/account"),
        (json!({"account": OTHER, "contacts": "burn"}), "/contacts"),
    ] {
        let refused = relocate(&app, "", &body).await;
        assert_eq!(refused.problem(422, "invalid-fields"), [pointer], "{body}");
    }
    let email = json!({"target": "email", "source": "[mail]"});
    let size = json!({"target": "custom.size", "source": "[department]"});
    let ask = Ask::put(of_connection("/settings"), &json!({"mapping": [email, size]}));
    app.ask(ask.header("if-match", "*")).await.expect(200);
    app.outside.store.world().accounts.get_mut(&other).unwrap().custom_fields.clear();
    let refused = relocate(&app, "", &to(OTHER)).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["/account"]);
    assert!(refused.text.contains("custom.size"), "{refused:?}");
    assert!(matches!(app.outside.store.world().contacts[&contact], StoredContact::Present(_)));
    assert!(app.outside.store.world().connections[&connection_id()].account_id == account_id());

    let bound = json!({"role": "admin", "sub": "x", "account": ACCOUNT});
    let ask = Ask::post(of_connection("/move"), &to(OTHER)).claims(Some(bound));
    app.ask(ask).await.problem(403, "operators-only");
}

/// As a move leaves it that was begun and never sent again.
fn abandon(world: &mut World) {
    if let Some(claim) = world.tenants.values_mut().next()
        && world.connections[&connection_id()].status != S::Enabled
    {
        claim.account_id = AccountId::parse(OTHER).unwrap();
    }
}

#[tokio::test]
async fn a_move_that_was_given_up_is_ended_or_the_tenant_is_connected_anew() {
    let tenant = json!({"tenantId": TENANT});
    for (status, action) in [(S::Disabled, "enable"), (S::Ready, "enable"), (S::Paused, "resume")] {
        let app = App::with_connection(status);
        add_other(&app);
        abandon(&mut app.outside.store.world());
        let refused = app.ask(Ask::post(of_connection(&format!("/{action}")), &tenant)).await;
        refused.problem(409, "wrong-state");
        assert!(refused.text.contains("repeat the move"), "{refused:?}");
        assert!(app.outside.store.world().runs.is_empty());
        let shown = app.ask(Ask::get(of_connection(""))).await.expect(200).json();
        assert_eq!(shown["status"], json!(status), "{action}");

        app.ask(Ask::new("POST", of_connection("/disconnect"))).await.expect(202);
        let world = app.outside.store.world();
        assert!(world.tenants.is_empty(), "nobody could ever connect it again");
    }
    let app = App::with_connection(S::Disabled);
    add_other(&app);
    abandon(&mut app.outside.store.world());
    assert_eq!(relocate(&app, "", &to(OTHER)).await.expect(202).json()["done"], true);
    app.ask(Ask::post(there("/enable"), &tenant)).await.expect(202);
}

#[tokio::test]
async fn a_connection_that_is_enabled_while_its_move_begins_is_one_accounts() {
    let tenant = json!({"tenantId": TENANT});
    for calls in 0.. {
        let app = App::with_connection(S::Disabled);
        add_other(&app);
        app.outside.store.world().meanwhile = Some((calls, abandon));
        let answer = app.ask(Ask::post(of_connection("/enable"), &tenant)).await;
        let world = app.outside.store.world();
        let syncs = world.connections[&connection_id()].status == S::Enabled;
        let claim = world.tenants.values().next().unwrap();
        assert_eq!(syncs, claim.account_id == account_id(), "after {calls} calls: {answer:?}");
        if world.meanwhile.is_some() {
            assert!(calls > 5, "{calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_moved_back_goes_on_counting() {
    let app = App::with_connection(S::Disabled);
    let contact = app.add_linked_contact();
    add_other(&app);
    app.outside.store.world().states.get_mut(&connection_id()).unwrap().fence = 7;
    if let Some(StoredContact::Present(contact)) =
        app.outside.store.world().contacts.get_mut(&contact)
    {
        contact.sync.as_mut().unwrap().source_version = 7;
    }
    relocate(&app, "", &to(OTHER)).await.expect(202);
    app.ask(Ask::post(there("/move"), &to(ACCOUNT))).await.expect(202);
    let world = app.outside.store.world();
    let state = &world.states[&connection_id()];
    assert_eq!(state.account_id, account_id());
    let StoredContact::Tombstone { source_version, .. } = &world.contacts[&contact] else {
        panic!("the contact goes")
    };
    assert!(state.fence > *source_version, "its runs could not make the contact again");
}
