//! Teams: names, members by hand, what sync holds.

use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, TeamId};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::{Membership, Origin};
use serde_json::{Value, json};

use super::harness::{App, Ask, account_id, connection_id, of_account, of_connection};

async fn create_team(app: &App, name: &str) -> String {
    let made = app.ask(Ask::post(of_account("/teams"), &json!({"name": name}))).await.expect(201);
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn create_contact(app: &App, email: &str) -> String {
    let body = json!({"fields": {"email": email}});
    let made = app.ask(Ask::post(of_account("/contacts"), &body)).await.expect(201).json();
    assert_eq!(made["teams"], json!([]));
    made["id"].as_str().unwrap().to_owned()
}

fn of_member(team: &str, contact: &str) -> String {
    of_account(&format!("/teams/{team}/members/{contact}"))
}

async fn teams_of(app: &App, contact: &str) -> Value {
    let shown = app.ask(Ask::get(of_account(&format!("/contacts/{contact}")))).await.expect(200);
    let listed = app.ask(Ask::get(of_account("/contacts"))).await.expect(200).json();
    let listed = listed["items"].as_array().unwrap().iter().find(|one| one["id"] == contact);
    assert_eq!(listed.unwrap()["teams"], shown.json()["teams"], "a list says the same");
    shown.json()["teams"].clone()
}

/// A membership that a group holds through a connection.
fn hold(app: &App, team: &str, contact: &str, connection: ConnectionId) {
    let (team, contact) = (TeamId::parse(team).unwrap(), ContactId::parse(contact).unwrap());
    let mut membership = Membership::none(account_id(), team.clone(), contact.clone());
    membership.version = 1;
    membership.origins.insert(Origin::Group {
        connection_id: connection,
        group_id: ObjectId::from_u128(5),
        user_id: ObjectId::from_u128(7),
        on_leave: OnLeave::Remove,
        role: None,
    });
    app.outside.store.world().memberships.insert((contact, team), membership);
}

#[tokio::test]
async fn a_teams_name_is_unique_in_any_spelling_and_may_change() {
    let app = App::with_account();
    let north = create_team(&app, " North ").await;
    let twin = app.ask(Ask::post(of_account("/teams"), &json!({"name": "NORTH"}))).await;
    assert_eq!(twin.problem(409, "team-name-taken"), ["/name"]);
    let south = create_team(&app, "South").await;
    let path = of_account(&format!("/teams/{south}"));
    app.ask(Ask::patch(path.clone(), &json!({"name": "north"})))
        .await
        .problem(409, "team-name-taken");
    let stale = Ask::patch(path.clone(), &json!({"name": "West"})).header("if-match", "\"9\"");
    app.ask(stale).await.problem(412, "stale");
    let renamed = app.ask(Ask::patch(path.clone(), &json!({"name": "West"}))).await.expect(200);
    assert_eq!((renamed.header("etag"), &renamed.json()["name"]), ("\"2\"", &json!("West")));
    assert_eq!(app.ask(Ask::get(path)).await.expect(200).json(), renamed.json());
    let listed = app.ask(Ask::get(of_account("/teams"))).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    for wrong in [json!({}), json!({"name": " "}), json!({"name": "x", "colour": "red"})] {
        app.ask(Ask::post(of_account("/teams"), &wrong)).await.problem(422, "invalid-fields");
    }
    let first = app.ask(Ask::get(of_account("/teams?limit=1"))).await.expect(200).json();
    let next = format!("/teams?limit=1&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = app.ask(Ask::get(of_account(&next))).await.expect(200).json();
    assert_ne!(first["items"], second["items"]);
    assert_eq!(second["nextCursor"], Value::Null);
    app.ask(Ask::get(of_account("/teams?cursor=x"))).await.problem(400, "bad-cursor");
    assert!(north.starts_with("team_"));
}

#[tokio::test]
async fn people_put_contacts_into_teams_and_take_them_out() {
    let app = App::with_account();
    let team = create_team(&app, "North").await;
    let (ana, bo) =
        (create_contact(&app, "ana@x.example").await, create_contact(&app, "bo@x.example").await);
    for contact in [&ana, &bo, &ana] {
        let member = app.ask(Ask::new("PUT", of_member(&team, contact))).await.expect(200).json();
        assert_eq!(
            (&member["origin"], &member["origins"]),
            (&json!("manual"), &json!([{"by": "manual"}]))
        );
    }
    assert_eq!(
        app.outside.store.world().membership_writes,
        2,
        "putting there again writes nothing"
    );
    assert_eq!(
        teams_of(&app, &ana).await,
        json!([{"id": team, "name": "North", "origin": "manual"}])
    );
    let path = of_account(&format!("/teams/{team}/members"));
    let members = app.ask(Ask::get(path.clone())).await.expect(200).json();
    let emails: Vec<&Value> =
        members["items"].as_array().unwrap().iter().map(|one| &one["email"]).collect();
    assert_eq!(emails.len(), 2);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for _ in 0..40 {
        let page = app.ask(Ask::get(format!("{path}?limit=1{cursor}"))).await.expect(200).json();
        paged.extend(page["items"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(json!(paged), members["items"], "every member once, page by page");
    app.ask(Ask::get(format!("{path}?cursor=99.x"))).await.problem(400, "bad-cursor");

    app.ask(Ask::new("DELETE", of_member(&team, &ana))).await.expect(204);
    app.ask(Ask::new("DELETE", of_member(&team, &ana))).await.problem(404, "not-found");
    assert_eq!(teams_of(&app, &ana).await, json!([]));
    app.ask(Ask::new("PUT", of_member(&team, &format!("ctc_{:032x}", 9))))
        .await
        .problem(404, "not-found");

    app.ask(Ask::new("DELETE", of_account(&format!("/contacts/{bo}")))).await.expect(204);
    let members = app.ask(Ask::get(path)).await.expect(200).json();
    assert_eq!(members["items"], json!([]), "a deleted contact is in no team");
}

#[tokio::test]
async fn whom_a_group_holds_people_cannot_take_out() {
    let app = App::with_connection(contact_sync_domain::connection::ConnectionStatus::Enabled);
    let team = create_team(&app, "North").await;
    let ana = create_contact(&app, "ana@x.example").await;
    hold(&app, &team, &ana, connection_id());
    let refused = app.ask(Ask::new("DELETE", of_member(&team, &ana))).await;
    refused.problem(409, "held-by-group");
    assert!(refused.json()["detail"].as_str().unwrap().contains(ObjectId::from_u128(5).as_str()));
    app.ask(Ask::new("PUT", of_member(&team, &ana))).await.expect(200);
    assert_eq!(teams_of(&app, &ana).await[0]["origin"], "entra");

    hold(&app, &team, &ana, ConnectionId::from_bits(999));
    app.ask(Ask::new("DELETE", of_member(&team, &ana))).await.expect(204);
}

#[tokio::test]
async fn a_deleted_team_takes_its_memberships_along_and_frees_its_name() {
    let app = App::with_account();
    let team = create_team(&app, "North").await;
    let ana = create_contact(&app, "ana@x.example").await;
    app.ask(Ask::new("PUT", of_member(&team, &ana))).await.expect(200);
    app.ask(Ask::new("DELETE", of_account(&format!("/teams/{team}")))).await.expect(204);
    app.ask(Ask::get(of_account(&format!("/teams/{team}")))).await.problem(404, "not-found");
    assert_eq!(teams_of(&app, &ana).await, json!([]));
    let stands = app.outside.store.world().memberships.values().any(Membership::stands);
    assert!(!stands);
    create_team(&app, "North").await;
}

#[tokio::test]
async fn settings_map_groups_only_to_teams_that_are_there_and_keep_them_from_being_deleted() {
    let app = App::with_connection(contact_sync_domain::connection::ConnectionStatus::Enabled);
    let team = create_team(&app, "North").await;
    let path = of_connection("/settings");
    let save = |team: &str| {
        let rows = json!([{"group": ObjectId::from_u128(5).to_string(), "team": team}]);
        let document = json!({"teams": rows, "requires": ["teams"]});
        Ask::put(path.clone(), &document).header("if-match", "*")
    };
    let nowhere = format!("team_{:032x}", 9);
    let refused = app.ask(save(&nowhere)).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["/teams/0/team"]);
    let rows = json!([{"group": ObjectId::from_u128(5).to_string(), "team": nowhere}]);
    let checked = Ask::post(of_connection("/settings/validate"), &json!({"teams": rows}));
    assert_eq!(app.ask(checked).await.expect(200).json()["errors"][0]["pointer"], "/teams/0/team");

    app.ask(save(&team)).await.expect(200);
    let of_team = of_account(&format!("/teams/{team}"));
    let kept = app.ask(Ask::new("DELETE", of_team.clone())).await;
    kept.problem(409, "team-mapped");
    assert!(kept.json()["detail"].as_str().unwrap().contains(connection_id().as_str()));
    let none = Ask::put(path.clone(), &json!({"requires": ["teams"]})).header("if-match", "*");
    app.ask(none).await.expect(200);
    app.ask(Ask::post(of_connection("/runs"), &json!({"kind": "full"})))
        .await
        .problem(409, "requirement-unmet");
    app.ask(Ask::new("DELETE", of_team)).await.expect(204);
}

#[tokio::test]
async fn a_person_says_what_somebody_is_in_a_team_and_takes_it_back() {
    let app = App::with_account();
    let team = create_team(&app, "North").await;
    let ana = create_contact(&app, "ana@x.example").await;
    let put = |body: Value| Ask::put(of_member(&team, &ana), &body);
    let role = async |ask: Ask| app.ask(ask).await.expect(200).json()["role"].clone();
    assert_eq!(role(Ask::new("PUT", of_member(&team, &ana))).await, Value::Null);
    assert_eq!(role(put(json!({"role": " Lead "}))).await, "Lead", "trimmed");
    let shown = teams_of(&app, &ana).await;
    assert_eq!(shown[0]["role"], "Lead");
    let listed = app.ask(Ask::get(of_account(&format!("/teams/{team}/members")))).await;
    assert_eq!(listed.expect(200).json()["items"][0]["roleByHand"], "Lead");
    assert_eq!(role(Ask::new("PUT", of_member(&team, &ana))).await, "Lead", "not asked for");
    assert_eq!(role(put(json!({}))).await, "Lead");

    // What a group gives counts for less, and counts again once the person's is taken back.
    let place = (ContactId::parse(&ana).unwrap(), TeamId::parse(&team).unwrap());
    let by_group = Origin::Group {
        connection_id: ConnectionId::from_bits(2),
        group_id: ObjectId::from_u128(5),
        user_id: ObjectId::from_u128(7),
        on_leave: OnLeave::Remove,
        role: Some("diver".to_owned()),
    };
    {
        let mut world = app.outside.store.world();
        world.memberships.get_mut(&place).unwrap().origins.insert(by_group);
    }
    assert_eq!(teams_of(&app, &ana).await[0]["role"], "Lead");
    assert_eq!(role(put(json!({"role": null}))).await, "diver");
    assert_eq!(teams_of(&app, &ana).await[0]["origin"], "entra");

    for (wrong, pointer) in [
        (json!({"role": ""}), "/role"),
        (json!({"role": 7}), "/role"),
        (json!({"role": "x".repeat(65)}), "/role"),
        (json!({"role": "a\nb"}), "/role"),
        (json!({"rôle": "x"}), "/rôle"),
    ] {
        assert_eq!(app.ask(put(wrong)).await.problem(422, "invalid-fields"), [pointer]);
    }
    let told = app.ask(Ask::get(of_account(&format!("/contacts/{ana}/timeline")))).await;
    let did: Vec<Value> = told.expect(200).json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one.get("did").cloned())
        .collect();
    assert_eq!(did, ["teamRole", "teamRole", "teamJoined", "created"]);
}
