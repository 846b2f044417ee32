//! Groups that take longer to read than anybody waits.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{ContactField, Link, LinkState};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_engine::port::{Group, SettingsStore, StoredContact};
use serde_json::{Value, json};

use super::harness::{
    ACCOUNT, Answer, App, Ask, CONNECTION, account_id, connection_id, of_connection, tenant,
};
use super::people::people;
use super::sharing::share_the_tenant;

/// Two groups: in `OLD` are the first three people, in `NEW` all six, and `NEW` takes too long.
const OLD: u128 = 200;
const NEW: u128 = 201;

fn group(number: u128) -> String {
    ObjectId::from_u128(number).to_string()
}

fn scene() -> App {
    let app = App::with_connection(S::Enabled);
    people(&app, &vec![json!({}); 6]);
    let mut entra = app.outside.directory.entra();
    for (number, members) in [(OLD, 1..=3), (NEW, 1..=6)] {
        let group = Group { id: ObjectId::from_u128(number), display_name: None };
        entra.put_group(group, members.map(ObjectId::from_u128).collect(), Vec::new());
    }
    entra.endless_groups.push(ObjectId::from_u128(NEW));
    drop(entra);
    app
}

fn scope(number: u128) -> Value {
    json!({
        "scope": {"groups": {"any": [group(number)]}},
        "policies": {"removal": {"leftGroup": "delete", "outOfScope": "delete"}},
    })
}

async fn save(app: &App, document: &Value) {
    let ask = Ask::put(of_connection("/settings"), document).header("if-match", "*");
    app.ask(ask).await.expect(200);
}

async fn try_on(app: &App, number: u128) -> Answer {
    let body = json!({"user": format!("p{number}@contoso.example")});
    app.ask(Ask::post(of_connection("/settings/test"), &body)).await
}

/// What a run stored of the large group's members.
fn store_members(app: &App, account: &str, connection: &str, members: &[u128]) {
    let mut bytes = vec![1, 0, 0, 0, 0, 0];
    bytes.extend(members.iter().flat_map(|member| member.to_be_bytes()));
    let place = format!("groups/nested/{}", group(NEW));
    app.outside.blobs.all().insert(format!("state/{account}/{connection}/{place}"), bytes);
}

#[tokio::test]
async fn a_sample_of_a_large_group_tells_nothing_of_who_leaves() {
    let app = scene();
    for number in 1..=3 {
        let made = app.add_linked_contact();
        let user = ObjectId::from_u128(number);
        let id = ContactId::derived(&account_id(), &tenant(), &user);
        let mut world = app.outside.store.world();
        let Some(StoredContact::Present(mut contact)) = world.contacts.remove(&made) else {
            panic!()
        };
        contact.id = id.clone();
        contact.fields.insert(ContactField::Email, format!("p{number}@contoso.example"));
        contact.link = Some(Link {
            connection_id: connection_id(),
            tenant_id: tenant(),
            object_id: user,
            user_principal_name: None,
            state: LinkState::Linked,
            acts_at: None,
            planned: None,
            cause: None,
        });
        world.contacts.insert(id, StoredContact::Present(contact));
    }
    save(&app, &scope(OLD)).await;
    let wider = Ask::post(of_connection("/settings/validate"), &scope(NEW));
    let verdict = app.ask(wider).await.expect(200).json();
    assert_eq!(verdict["stoppedBecause"], "time-up", "{verdict}");
    assert_eq!(verdict["sampled"], 1, "only whom the group told at once: {verdict}");
    assert_eq!((&verdict["removals"], &verdict["scopeChange"]), (&Value::Null, &Value::Null));
    assert_eq!(verdict["warnings"], json!([]), "no guard that would stop: {verdict}");
    // Where all are read it is told.
    app.outside.directory.entra().endless_groups.clear();
    let wider = Ask::post(of_connection("/settings/validate"), &scope(NEW));
    let verdict = app.ask(wider).await.expect(200).json();
    assert_eq!(verdict["removals"]["guard"]["removals"], 0, "{verdict}");
    assert_eq!(verdict["scopeChange"]["newlyIn"][0]["count"], 3, "{verdict}");
}

#[tokio::test]
async fn a_decision_goes_by_what_sync_read_last_or_says_what_helps() {
    let app = scene();
    save(&app, &scope(NEW)).await;
    let refused = try_on(&app, 5).await;
    refused.problem(409, "group-too-large");
    assert!(refused.text.contains("Sync Now") && refused.text.contains(&group(NEW)), "{refused:?}");
    store_members(&app, ACCOUNT, CONNECTION, &[1, 5]);
    for (number, is_in) in [(5, true), (4, false)] {
        assert_eq!(try_on(&app, number).await.expect(200).json()["inScope"], is_in, "{number}");
    }
}

#[tokio::test]
async fn whom_a_resting_organisation_means_is_not_taken_while_nobody_knows() {
    let app = scene();
    let (account, connection) = {
        let mut world = app.outside.store.world();
        let other = share_the_tenant(&mut world);
        world.connections.get_mut(&other.1).unwrap().status = S::Paused;
        other
    };
    let store = &app.outside.store;
    let mut settings = store.settings(&account, &connection).await.unwrap();
    settings.settings = serde_json::from_value(scope(NEW)).unwrap();
    settings.version = 1;
    assert!(store.save_settings(&account, &connection, &settings).await.unwrap());
    let told = try_on(&app, 5).await.expect(200).json();
    assert_eq!(told["inScope"], false, "{told}");
    assert!(told["because"].as_str().unwrap().contains("routing.overlap"), "{told}");
    store_members(&app, account.as_str(), connection.as_str(), &[1, 2]);
    for (number, is_in) in [(5, true), (2, false)] {
        assert_eq!(try_on(&app, number).await.expect(200).json()["inScope"], is_in, "{number}");
    }
}
