//! Contacts: people's edits, e-mail claims, what sync manages, imports.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactSource};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId, TeamId};
use contact_sync_domain::team::{Membership, Origin};
use contact_sync_engine::port::StoredContact;
use serde_json::{Value, json};

use super::harness::{App, Ask, account_id, connection_id, event, of_account, of_connection};

async fn create(app: &App, body: &Value) -> Value {
    app.ask(Ask::post(of_account("/contacts"), body)).await.expect(201).json()
}

fn of_contact(contact: &Value) -> String {
    of_account(&format!("/contacts/{}", contact["id"].as_str().unwrap()))
}

fn claim(app: &App, email: &str) -> Option<ContactId> {
    app.outside.store.world().claims.get(&(account_id(), email_key(email))).cloned()
}

fn stored(app: &App, id: &ContactId) -> Contact {
    match app.outside.store.world().contacts.get(id) {
        Some(StoredContact::Present(contact)) => (**contact).clone(),
        other => panic!("no contact: {other:?}"),
    }
}

#[tokio::test]
async fn a_contact_is_made_found_and_its_etag_is_its_version() {
    let app = App::with_account();
    let body =
        json!({"fields": {"email": "Ana@Contoso.example", "city": ""}, "custom": {"size": "M"}});
    let answer = app.ask(Ask::post(of_account("/contacts"), &body)).await.expect(201);
    let made = answer.json();
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(made["source"], "local");
    assert_eq!(made["fields"], json!({"email": "Ana@Contoso.example"}), "a blank is no value");
    assert!(made.get("sync").is_none(), "what sync keeps for itself is nobody's business");
    let found = app.deliver(&event("list-contacts")).await.expect(200).json();
    assert_eq!(found["items"][0]["id"], made["id"]);
    let shown = app.ask(Ask::get(of_contact(&made))).await.expect(200);
    assert_eq!(shown.json(), made);
}

#[tokio::test]
async fn an_email_belongs_to_one_contact_whatever_its_spelling() {
    let app = App::with_account();
    create(&app, &json!({"fields": {"email": "ana@contoso.example"}})).await;
    let twin = json!({"fields": {"email": " ANA@contoso.example"}});
    let answer = app.ask(Ask::post(of_account("/contacts"), &twin)).await;
    assert_eq!(answer.problem(409, "email-taken"), ["/fields/email"]);
    let bo = create(&app, &json!({"fields": {"email": "bo@contoso.example"}})).await;
    app.ask(Ask::patch(of_contact(&bo), &twin)).await.problem(409, "email-taken");
    assert!(claim(&app, "bo@contoso.example").is_some(), "the old address is still Bo's");
}

#[tokio::test]
async fn a_changed_email_frees_the_old_one() {
    let app = App::with_account();
    let ana = create(&app, &json!({"fields": {"email": "ana@contoso.example"}})).await;
    let change = json!({"fields": {"email": "ana.b@contoso.example", "displayName": "Ana"}});
    let changed = app.ask(Ask::patch(of_contact(&ana), &change)).await.expect(200).json();
    assert_eq!(changed["version"], 2);
    assert_eq!(claim(&app, "ana@contoso.example"), None);
    let cleared = app.ask(Ask::patch(of_contact(&ana), &json!({"fields": {"email": null}}))).await;
    assert_eq!(cleared.expect(200).json()["fields"], json!({"displayName": "Ana"}));
    assert_eq!(claim(&app, "ana.b@contoso.example"), None);
    create(&app, &json!({"fields": {"email": "ana.b@contoso.example"}})).await;
}

#[tokio::test]
async fn a_lost_race_leaves_no_claim_behind_and_is_tried_again() {
    let app = App::with_account();
    let ana = create(&app, &json!({"fields": {"email": "ana@contoso.example"}})).await;
    let change = json!({"fields": {"email": "new@contoso.example"}});
    app.outside.store.world().races = 9;
    app.ask(Ask::patch(of_contact(&ana), &change)).await.problem(409, "version-moved");
    assert_eq!(claim(&app, "new@contoso.example"), None);
    assert!(claim(&app, "ana@contoso.example").is_some());
    app.outside.store.world().races = 1;
    app.ask(Ask::patch(of_contact(&ana), &change)).await.expect(200);
}

#[tokio::test]
async fn a_stale_precondition_changes_nothing() {
    let app = App::with_account();
    let ana = create(&app, &json!({"fields": {"email": "ana@contoso.example"}})).await;
    let change = json!({"fields": {"city": "Rome"}});
    let ask = |etag: &str| Ask::patch(of_contact(&ana), &change).header("if-match", etag);
    app.ask(ask("\"7\"")).await.problem(412, "stale");
    app.ask(ask("\"1\"")).await.expect(200);
    let delete = Ask::new("DELETE", of_contact(&ana)).header("if-match", "\"1\"");
    app.ask(delete).await.problem(412, "stale");
}

#[tokio::test]
async fn required_fields_are_demanded_of_new_contacts_and_cannot_be_cleared() {
    let app = App::with_account();
    app.outside.store.world().accounts.get_mut(&account_id()).unwrap().custom_fields[0].required =
        true;
    let without = json!({"fields": {"email": "ana@contoso.example"}});
    let answer = app.ask(Ask::post(of_account("/contacts"), &without)).await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/custom/size"]);
    let nobody = json!({"custom": {"size": "M"}});
    let answer = app.ask(Ask::post(of_account("/contacts"), &nobody)).await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/fields/email"]);
    let whole = json!({"fields": {"email": "ana@contoso.example"}, "custom": {"size": "M"}});
    let ana = create(&app, &whole).await;
    let answer = app.ask(Ask::patch(of_contact(&ana), &json!({"custom": {"size": null}}))).await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/custom/size"]);
}

#[tokio::test]
async fn a_field_that_sync_manages_is_locked_and_named() {
    let app = App::with_connection(S::Enabled);
    let id = app.add_linked_contact();
    let path = of_account(&format!("/contacts/{id}"));
    let change =
        json!({"fields": {"jobTitle": "Clown", "email": "x@contoso.example", "city": "Rome"}});
    let answer = app.ask(Ask::patch(&path, &change)).await;
    assert_eq!(answer.problem(409, "managed-field"), ["/fields/email", "/fields/jobTitle"]);
    assert_eq!(stored(&app, &id).version, 3);
    // The value it has already is no edit.
    let same = json!({"fields": {"jobTitle": "CEO", "city": "Rome"}});
    app.ask(Ask::patch(&path, &same)).await.expect(200);
    let mark = stored(&app, &id).sync.unwrap();
    assert_eq!(mark.fingerprint, None, "the next full run decides anew");
}

#[tokio::test]
async fn where_people_win_their_edit_stands_until_the_source_changes() {
    let app = App::with_connection(S::Enabled);
    let id = app.add_linked_contact();
    let settings = json!({"policies": {"lockManaged": false}});
    let save = Ask::put(of_connection("/settings"), &settings).header("if-match", "\"0\"");
    app.ask(save).await.expect(200);
    let change = json!({"fields": {"jobTitle": "Clown"}});
    app.ask(Ask::patch(of_account(&format!("/contacts/{id}")), &change)).await.expect(200);
    assert!(stored(&app, &id).sync.unwrap().fingerprint.is_some(), "the run would undo the edit");
}

#[tokio::test]
async fn after_a_disconnection_everything_can_be_edited() {
    let app = App::with_connection(S::Disconnected);
    let id = app.add_linked_contact();
    let change = json!({"fields": {"jobTitle": "Clown"}});
    app.ask(Ask::patch(of_account(&format!("/contacts/{id}")), &change)).await.expect(200);
}

#[tokio::test]
async fn a_deleted_person_does_not_come_back() {
    let app = App::with_connection(S::Enabled);
    let id = app.add_linked_contact();
    let path = of_account(&format!("/contacts/{id}"));
    app.ask(Ask::new("DELETE", &path).role("operator")).await.problem(403, "role-too-small");
    app.ask(Ask::new("DELETE", &path)).await.expect(204);
    app.ask(Ask::get(&path)).await.problem(404, "not-found");
    assert_eq!(claim(&app, "ana@contoso.example"), None);
    let settings = app.ask(Ask::get(of_connection("/settings"))).await.expect(200);
    let ignored = &settings.json()["scope"]["ignoredUsers"];
    assert_eq!(*ignored, json!([ObjectId::from_u128(7).as_str()]));
    let history = app.ask(Ask::get(of_connection("/settings/history"))).await.expect(200).json();
    assert_eq!(history["items"][0]["savedBy"], "ada");
    let world = app.outside.store.world();
    assert!(matches!(world.contacts[&id], StoredContact::Tombstone { version: 4, .. }));
}

#[tokio::test]
async fn whose_contact_cannot_be_read_or_deleted_stays_in_the_teams() {
    let app = App::with_connection(S::Enabled);
    let id = app.add_linked_contact();
    let path = of_account(&format!("/contacts/{id}"));
    let place = (id.clone(), TeamId::from_bits(1));
    {
        let none = Membership::none(account_id(), place.1.clone(), id.clone());
        let by_hand = Membership { version: 1, origins: [Origin::Manual].into(), ..none };
        app.outside.store.world().memberships.insert(place.clone(), by_hand);
    }
    let stands = || app.outside.store.world().memberships[&place].stands();
    app.ask(Ask::new("DELETE", &path).role("operator")).await.problem(403, "role-too-small");
    assert!(stands(), "a role that does not suffice");
    app.outside.store.world().unreadable_contacts.insert(id.clone());
    app.ask_broken(Ask::new("DELETE", &path)).await.expect(500);
    assert!(stands(), "the contact is there");
    app.outside.store.world().unreadable_contacts.clear();
    app.outside.store.world().contacts.remove(&id);
    app.ask(Ask::new("DELETE", &path)).await.problem(404, "not-found");
    assert!(!stands(), "an earlier attempt died before it left the team");
}

#[tokio::test]
async fn good_rows_are_imported_and_bad_ones_named_with_line_and_column() {
    let app = App::with_account();
    let report = app.deliver(&event("import-contacts")).await.expect(200).json();
    assert_eq!((&report["created"], &report["failed"]), (&json!(1), &json!(1)));
    assert_eq!(report["errors"][0]["line"], 3);
    assert_eq!(report["errors"][0]["field"], "custom.size");
    // Nothing in the answer repeats what stood in the row.
    assert!(!report.to_string().contains("XXL"), "{report}");
}

#[tokio::test]
async fn an_import_changes_local_contacts_and_leaves_those_of_sync_alone() {
    let app = App::with_connection(S::Enabled);
    app.add_linked_contact();
    create(&app, &json!({"fields": {"email": "bo@contoso.example", "city": "Bern"}})).await;
    let file = "email,city,jobTitle\n\
                BO@contoso.example,,Baker\n\
                ana@contoso.example,Rome,Clown\n\
                bo@contoso.example,Oslo,\n\
                ,Paris,\n";
    let import = Ask::new("POST", of_account("/contacts/import"))
        .header("content-type", "text/csv")
        .text(file);
    let report = app.ask(import).await.expect(200).json();
    assert_eq!(
        (&report["created"], &report["updated"], &report["failed"]),
        (&json!(0), &json!(1), &json!(3))
    );
    let lines: Vec<_> =
        report["errors"].as_array().unwrap().iter().map(|error| error["line"].clone()).collect();
    assert_eq!(lines, [3, 4, 5]);
    let found = app.ask(Ask::get(of_account("/contacts?email=bo@contoso.example"))).await;
    let fields = &found.json()["items"][0]["fields"];
    assert_eq!(
        *fields,
        json!({"email": "bo@contoso.example", "city": "Bern", "jobTitle": "Baker"})
    );
}

#[tokio::test]
async fn a_file_with_columns_that_do_not_exist_is_refused_whole() {
    let app = App::with_account();
    let import = |file: &str| Ask::new("POST", of_account("/contacts/import")).text(file);
    let answer = app.ask(import("name,custom.shoe\nAna,7\n")).await;
    assert_eq!(answer.problem(422, "invalid-fields"), ["/header/0", "/header/1", "/header"]);
    app.ask(import("")).await.problem(400, "bad-csv");
    let json = import("{}").header("content-type", "application/json");
    app.ask(json).await.problem(415, "unsupported-media-type");
    let many = format!("email\n{}", "a@x.example\n".repeat(10_001));
    app.ask(import(&many)).await.problem(413, "too-large");
}

#[tokio::test]
async fn lists_can_be_narrowed_to_who_made_a_contact() {
    let app = App::with_connection(S::Enabled);
    app.add_linked_contact();
    create(&app, &json!({"fields": {"email": "bo@contoso.example"}})).await;
    let list = app.ask(Ask::get(of_account("/contacts?source=entra"))).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["source"], json!(ContactSource::Entra));
    assert_eq!(list["items"][0]["link"]["connectionId"], connection_id().as_str());
    app.ask(Ask::get(of_account("/contacts?source=ldap"))).await.problem(400, "bad-query");
}

#[tokio::test]
async fn rows_for_which_no_time_is_left_are_told_and_taken_up_by_the_next_import() {
    let app = App::with_account();
    let rows: Vec<String> = (0..40).map(|row| format!("p{row}@contoso.example")).collect();
    let rows = rows.join("\n");
    let import = || Ask::new("POST", of_account("/contacts/import")).text(format!("email\n{rows}"));
    app.outside.clock.set_tick(jiff::SignedDuration::from_secs(1));
    let first = app.ask(import()).await.expect(200).json();
    assert_eq!((&first["created"], &first["failed"]), (&json!(32), &json!(8)));
    assert_eq!(first["errors"][0]["line"], 34);
    let second = app.ask(import()).await.expect(200).json();
    assert_eq!((&second["created"], &second["updated"]), (&json!(8), &json!(32)));
}
