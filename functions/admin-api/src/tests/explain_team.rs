//! Why somebody is, or is not, in a team.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ContactId, ObjectId, TeamId, TenantId};
use contact_sync_domain::settings::OnLeave;
use contact_sync_domain::team::{Membership, Origin, Team};
use contact_sync_engine::port::{Clock, Group, StoredContact};
use serde_json::{Value, json};

use super::harness::{App, Ask, TENANT, account_id, connection_id, of_account, of_connection};

const USER: u128 = 7;
const NORTH: u128 = 1;

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn team() -> TeamId {
    TeamId::from_bits(NORTH)
}

/// A group of these users and groups.
fn put_group(app: &App, number: u128, users: &[u128], groups: &[u128]) {
    let group = Group { id: id(number), display_name: Some(format!("G{number}")) };
    let ids = |numbers: &[u128]| numbers.iter().copied().map(id).collect();
    app.outside.directory.entra().put_group(group, ids(users), ids(groups));
}

/// A linked contact, a team, and these groups mapped to it.
async fn scene(mapped: &[(u128, OnLeave)]) -> (App, ContactId) {
    let app = App::with_connection(S::Enabled);
    let contact = app.add_linked_contact();
    let now = app.outside.clock.now();
    let made = Team {
        id: team(),
        account_id: account_id(),
        name: "North".to_owned(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    {
        let mut world = app.outside.store.world();
        world.teams.insert(team(), made);
        let place = (account_id(), TenantId::parse(TENANT).unwrap(), id(USER));
        world.adoptions.insert(place, contact.clone());
    }
    let rows: Vec<Value> = mapped
        .iter()
        .map(|(group, rule)| json!({"group": id(*group), "team": team(), "onLeave": rule}))
        .collect();
    let ask = Ask::put(of_connection("/settings"), &json!({"teams": rows}));
    app.ask(ask.header("if-match", "*")).await.expect(200);
    (app, contact)
}

fn hold(app: &App, contact: &ContactId, groups: &[u128], on_leave: OnLeave) {
    let mut membership = Membership::none(account_id(), team(), contact.clone());
    membership.version = 1;
    membership.origins = groups
        .iter()
        .map(|group| Origin::Group {
            connection_id: connection_id(),
            group_id: id(*group),
            user_id: id(USER),
            on_leave,
            role: None,
        })
        .collect();
    app.outside.store.world().memberships.insert((contact.clone(), team()), membership);
}

async fn explained(app: &App, person: &str) -> Value {
    let path = of_account(&format!("/teams/{}/explain?person={person}", team()));
    app.ask(Ask::get(path)).await.expect(200).json()
}

fn names(path: &Value) -> Vec<&str> {
    path.as_array().unwrap().iter().map(|one| one["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_way_through_nested_groups_is_told_whoever_is_asked_about_and_circles_end() {
    let (app, contact) = scene(&[(10, OnLeave::Remove), (20, OnLeave::Keep)]).await;
    // 10 has 11 and 13; 11 has 12, which has the person; 12 and 11 contain each other.
    put_group(&app, 10, &[1, 2], &[11, 13]);
    put_group(&app, 11, &[], &[12]);
    put_group(&app, 12, &[USER], &[11]);
    put_group(&app, 13, &[3], &[]);
    put_group(&app, 20, &[USER], &[]);
    hold(&app, &contact, &[10, 20], OnLeave::Remove);
    app.ask(Ask::new("PUT", of_account(&format!("/teams/{}/members/{contact}", team()))))
        .await
        .expect(200);
    for hides_direct_groups in [false, true] {
        app.outside.directory.entra().hides_direct_groups = hides_direct_groups;
        for person in [contact.as_str(), id(USER).as_str(), "ana@contoso.example"] {
            let told = explained(&app, person).await;
            assert_eq!(told["isMember"], true, "{person}");
            assert_eq!(told["contact"]["id"], contact.as_str());
            let held = told["heldBy"].as_array().unwrap();
            let by: Vec<&str> = held.iter().map(|one| one["by"].as_str().unwrap()).collect();
            assert_eq!(by, ["manual", "group", "group"]);
            assert_eq!(held[0]["who"]["subject"], "ada", "who put the contact there by hand");
            assert_eq!(held[0]["who"]["at"], "2026-03-02T12:00:00Z");
            assert_eq!(names(&held[1]["path"]), ["G10", "G11", "G12"]);
            assert_eq!(names(&held[2]["path"]), ["G20"]);
            let through = &told["connections"][0];
            assert_eq!(
                (&through["why"], &through["look"]["isLive"]),
                (&json!("holds"), &json!(true))
            );
            assert_eq!(through["because"], "the person is in G10 through G11 and G12, G20");
            assert_eq!(through["groups"][0]["isPathWhole"], true);
            assert!(through["look"]["requests"].as_u64().unwrap() < 10, "{through}");
        }
    }
}

#[tokio::test]
async fn what_the_next_look_will_do_is_told_before_it_does() {
    let (app, contact) = scene(&[(10, OnLeave::Remove), (20, OnLeave::Remove)]).await;
    put_group(&app, 10, &[USER], &[]);
    put_group(&app, 20, &[3], &[]);
    let person = contact.as_str();
    let told = explained(&app, person).await;
    let through = &told["connections"][0];
    assert_eq!((&told["isMember"], &through["why"]), (&json!(false), &json!("joins")));
    let states: Vec<&Value> =
        through["groups"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["member", "notMember"]);

    hold(&app, &contact, &[20], OnLeave::Remove);
    put_group(&app, 10, &[3], &[]);
    let told = explained(&app, person).await;
    assert_eq!(
        (&told["isMember"], &told["connections"][0]["why"]),
        (&json!(true), &json!("leaves"))
    );

    app.outside.store.world().memberships.clear();
    let told = explained(&app, person).await;
    assert_eq!(told["connections"][0]["why"], "inNoGroup");
    assert!(told["connections"][0]["because"].as_str().unwrap().ends_with("G10, G20"));

    app.outside.directory.entra().remove_group(&id(10));
    let told = explained(&app, person).await;
    let through = &told["connections"][0];
    assert_eq!(
        (&through["why"], &through["groups"][0]["state"]),
        (&json!("notToBeTold"), &json!("gone"))
    );
    assert!(through["because"].as_str().unwrap().contains("does not exist"), "{through}");

    // While Graph does not answer nobody leaves, and that is told.
    hold(&app, &contact, &[20], OnLeave::Remove);
    app.outside.directory.entra().is_throttled = true;
    let told = explained(&app, person).await;
    let through = &told["connections"][0];
    assert_eq!((&through["why"], &through["look"]["isLive"]), (&json!("holds"), &json!(false)));
    assert_eq!(through["look"]["trouble"], "Microsoft asks us to wait");

    app.outside.directory.entra().is_throttled = false;
    let ask = Ask::put(of_connection("/settings"), &json!({"teams": []}));
    app.ask(ask.header("if-match", "*")).await.expect(200);
    let told = explained(&app, person).await;
    assert_eq!(told["connections"][0]["why"], "leaves", "the mapping was taken away");
    app.outside.store.world().memberships.clear();
    assert_eq!(explained(&app, person).await["connections"], json!([]));
}

#[tokio::test]
async fn when_and_by_what_somebody_left_is_told() {
    let (app, contact) = scene(&[(10, OnLeave::Remove)]).await;
    put_group(&app, 10, &[3], &[]);
    let path = of_account(&format!("/teams/{}/members/{contact}", team()));
    app.ask(Ask::new("PUT", path.clone())).await.expect(200);
    app.ask(Ask::new("DELETE", path)).await.expect(204);
    let told = explained(&app, contact.as_str()).await;
    assert_eq!(told["isMember"], false);
    assert_eq!(
        told["left"],
        json!({"at": "2026-03-02T12:00:00Z", "by": "person", "subject": "ada"})
    );
    // A contact that is gone is known by its id as long as its memberships are.
    let gone = StoredContact::Tombstone {
        version: 4,
        source_version: 1,
        connection_id: None,
        expires_at: app.outside.clock.now(),
        by: None,
        erased: false,
    };
    app.outside.store.world().contacts.insert(contact.clone(), gone);
    let told = explained(&app, contact.as_str()).await;
    assert_eq!((&told["contact"], &told["left"]["by"]), (&json!(null), &json!("person")));
    let nobody = of_account(&format!("/teams/{}/explain?person=ctc_{:032x}", team(), 5));
    app.ask(Ask::get(nobody)).await.problem(404, "not-found");
}

#[tokio::test]
async fn of_people_outside_the_scope_viewers_learn_the_clause_and_nothing_else() {
    let (app, _) = scene(&[(10, OnLeave::Remove)]).await;
    put_group(&app, 10, &[9], &[]);
    let attributes = json!({
        "displayName": "Secret Person", "givenName": "Secret", "surname": "Person",
        "jobTitle": "Spy", "department": "Hidden", "mobilePhone": null, "businessPhones": [],
        "officeLocation": null, "mail": "spy@contoso.example",
        "userPrincipalName": "spy@contoso.example", "accountEnabled": true, "userType": "Guest",
    });
    let user = DirectoryUser { id: id(9), attributes: attributes.as_object().unwrap().clone() };
    app.outside.directory.entra().put_user(user);
    let told = explained(&app, "spy@contoso.example").await;
    let through = &told["connections"][0];
    assert_eq!(
        (&through["why"], &through["refusedBy"]),
        (&json!("notSynced"), &json!(["userTypes"]))
    );
    assert!(through["because"].as_str().unwrap().contains("scope.userTypes"), "{through}");

    let explain = of_connection("/explain?user=spy@contoso.example");
    let viewer = app.ask(Ask::get(explain.clone()).role("viewer")).await.expect(200);
    for word in ["Secret", "Spy", "Hidden", "Guest"] {
        assert!(!told.to_string().contains(word), "{word}: {told}");
        assert!(!viewer.text.contains(word), "{word}: {}", viewer.text);
    }
    assert_eq!((&viewer.json()["found"], &viewer.json()["isOurs"]), (&json!(true), &json!(false)));
    let operator = app.ask(Ask::get(explain).role("operator")).await.expect(200);
    assert!(operator.text.contains("Secret Person"), "who sets up the scope sees why");
    let of_account = of_account(&format!("/teams/{}/explain", team()));
    app.ask(Ask::get(of_account)).await.problem(400, "bad-query");
}
