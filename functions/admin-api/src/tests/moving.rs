//! An organisation that was assigned to the wrong customer goes to the right one.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::ContactSource;
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_engine::port::StoredContact;
use serde_json::{Value, json};

use super::harness::{
    ACCOUNT, Answer, App, Ask, CONNECTION, account_id, connection_id, of_connection,
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
