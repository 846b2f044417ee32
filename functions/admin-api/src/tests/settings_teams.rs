//! Teams that settings name by id or by name, or have made from groups.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::{ObjectId, TeamId};
use contact_sync_domain::team::Team;
use contact_sync_engine::port::{Clock, Group};
use serde_json::{Value, json};

use super::harness::{Answer, App, Ask, TENANT, account_id, of_account, of_connection};

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

/// Groups of nobody, by number and name.
fn groups(app: &App, named: &[(u128, Option<&str>)]) {
    for (number, name) in named {
        let group = Group { id: id(*number), display_name: name.map(str::to_owned) };
        app.outside.directory.entra().put_group(group, Vec::new(), Vec::new());
    }
}

async fn save(app: &App, version: u64, rows: &Value) -> Answer {
    let ask = Ask::put(of_connection("/settings"), &json!({"teams": rows}));
    app.ask(ask.header("if-match", format!("\"{version}\""))).await
}

async fn validate(app: &App, rows: &Value) -> Value {
    let path = of_connection("/settings/validate?people=false");
    app.ask(Ask::post(path, &json!({"teams": rows}))).await.expect(200).json()
}

async fn named(app: &App, name: &str) -> String {
    let made = app.ask(Ask::post(of_account("/teams"), &json!({"name": name}))).await.expect(201);
    made.json()["id"].as_str().unwrap().to_owned()
}

fn teams(app: &App) -> Vec<(String, String)> {
    let world = app.outside.store.world();
    let mut teams: Vec<(String, String)> =
        world.teams.values().map(|team| (team.name.clone(), team.id.to_string())).collect();
    teams.sort();
    teams
}

fn wish(number: u128) -> Value {
    json!({"group": id(number), "createTeam": true})
}

#[tokio::test]
async fn a_team_is_told_before_and_made_from_its_group_when_the_settings_are_saved() {
    let app = App::with_connection(S::Ready);
    groups(&app, &[(10, Some("Field crew")), (11, Some(" Office ")), (12, Some("Divers"))]);
    let office = named(&app, "OFFICE").await;
    let rows =
        json!([wish(10), wish(11), {"group": id(12), "createTeam": true, "teamName": "Boats"}]);
    let verdict = validate(&app, &rows).await;
    assert_eq!(verdict["errors"], json!([]), "{verdict}");
    let taken = verdict["warnings"].as_array().unwrap();
    let taken: Vec<&Value> = taken.iter().filter(|one| one["pointer"] == "/teams/1").collect();
    assert!(taken[0]["message"].as_str().unwrap().contains("`OFFICE` already"), "{verdict}");
    assert_eq!(
        verdict["teamsToMake"],
        json!([
            {"name": "Field crew", "rows": ["/teams/0"]},
            {"name": "Boats", "rows": ["/teams/2"]},
        ])
    );
    assert_eq!(teams(&app).len(), 1, "telling makes nothing");

    let saved = save(&app, 0, &rows).await.expect(200).json();
    let made = teams(&app);
    let names: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Boats", "Field crew", "OFFICE"]);
    let of = |name: &str| made.iter().find(|(own, _)| own == name).unwrap().1.clone();
    assert_eq!(
        saved["teams"],
        json!([
            {"group": id(10), "team": of("Field crew"), "onLeave": "remove"},
            {"group": id(11), "team": office, "onLeave": "remove"},
            {"group": id(12), "team": of("Boats"), "onLeave": "remove"},
        ]),
        "what is saved names teams by id alone"
    );

    // The same wish again makes nothing, nor does another name of the group.
    assert_eq!(save(&app, 1, &rows).await.expect(200).json()["teams"], saved["teams"]);
    groups(&app, &[(10, Some("Renamed"))]);
    assert_eq!(save(&app, 2, &saved["teams"]).await.expect(200).json()["teams"], saved["teams"]);
    assert_eq!(teams(&app), made);

    // A request that died after making the team is repeated with the version that it had.
    let stale = save(&app, 2, &json!([wish(10)])).await;
    stale.problem(412, "stale");
    assert_eq!(teams(&app), made, "a stale request makes nothing");
}

#[tokio::test]
async fn a_row_goes_by_its_id_then_by_its_name_and_roles_stay_with_it() {
    let app = App::with_connection(S::Ready);
    groups(&app, &[(10, Some("Field crew"))]);
    let (north, south) = (named(&app, "North").await, named(&app, "South").await);
    let gone = TeamId::from_bits(77).to_string();
    for (row, team) in [
        (json!({"group": id(10), "teamName": "north"}), &north),
        (json!({"group": id(10), "team": south, "teamName": "North"}), &south),
        (json!({"group": id(10), "team": gone, "teamName": "North", "role": "lead"}), &north),
        (json!({"group": id(10), "team": south, "createTeam": true}), &south),
    ] {
        let version = app.ask(Ask::get(of_connection("/settings"))).await.expect(200);
        let version = version.header("etag").trim_matches('"').parse().unwrap();
        let saved = save(&app, version, &json!([row])).await.expect(200).json();
        assert_eq!(saved["teams"][0]["team"], *team.as_str(), "{row}");
        assert_eq!(saved["teams"][0].get("role"), row.get("role"));
    }
    assert_eq!(teams(&app).len(), 2);
}

#[tokio::test]
async fn what_cannot_be_a_team_is_named_by_its_member_and_nothing_is_made() {
    let app = App::with_connection(S::Ready);
    let long = "x".repeat(300);
    groups(
        &app,
        &[
            (10, Some("Sales")),
            (11, Some("SALES ")),
            (12, None),
            (13, Some(&long)),
            (14, Some("a\nb")),
            (15, Some("Field")),
        ],
    );
    let gone = TeamId::from_bits(77).to_string();
    for (rows, pointers) in [
        (json!([wish(10), wish(11)]), vec!["/teams/1/teamName"]),
        (
            json!([wish(10), {"group": id(15), "createTeam": true, "teamName": "sales"}]),
            vec!["/teams/1/teamName"],
        ),
        (json!([wish(12)]), vec!["/teams/0/teamName"]),
        (json!([wish(13)]), vec!["/teams/0/teamName"]),
        (json!([wish(15), wish(14)]), vec!["/teams/1/teamName"]),
        (json!([wish(99)]), vec!["/teams/0/group"]),
        (json!([{"group": id(10), "teamName": "Nowhere"}]), vec!["/teams/0/teamName"]),
        (json!([{"group": id(10), "team": gone, "createTeam": true}]), vec!["/teams/0/team"]),
        (json!([{"group": id(10), "team": gone}]), vec!["/teams/0/team"]),
        (json!([{"group": id(10)}]), vec!["/teams/0/team"]),
        (json!([wish(10), wish(10)]), vec!["/teams/1"]),
        (
            json!([{"group": id(10), "createTeam": true, "teamName": " x"}]),
            vec!["/teams/0/teamName"],
        ),
        (
            json!([{"group": id(10), "createTeam": true, "role": "y".repeat(65)}]),
            vec!["/teams/0/role"],
        ),
        (json!([{"group": id(10), "createTeam": true, "role": " "}]), vec!["/teams/0/role"]),
    ] {
        assert_eq!(save(&app, 0, &rows).await.problem(422, "invalid-fields"), pointers, "{rows}");
        let verdict = validate(&app, &rows).await;
        assert_eq!(verdict["errors"][0]["pointer"], pointers[0], "{rows}: {verdict}");
        assert_eq!(teams(&app), [], "{rows}");
    }
    // Said in both, two groups lead into one new team.
    let shared = |number| json!({"group": id(number), "createTeam": true, "teamName": "Sales"});
    let rows = json!([shared(10), shared(11)]);
    let made = validate(&app, &rows).await["teamsToMake"].clone();
    assert_eq!(made, json!([{"name": "Sales", "rows": ["/teams/0", "/teams/1"]}]));
    let saved = save(&app, 0, &rows).await.expect(200).json();
    assert_eq!(saved["teams"][0]["team"], saved["teams"][1]["team"]);
    assert_eq!(teams(&app).len(), 1);
}

#[tokio::test]
async fn without_a_directory_a_name_must_be_said_and_an_account_has_only_so_many_teams() {
    let app = App::with_connection(S::Disconnected);
    assert_eq!(
        save(&app, 0, &json!([wish(10)])).await.problem(422, "invalid-fields"),
        ["/teams/0/teamName"]
    );
    let said = json!([{"group": id(10), "createTeam": true, "teamName": "Field"}]);
    save(&app, 0, &said).await.expect(200);
    assert_eq!(teams(&app).len(), 1);
    let now = app.outside.clock.now();
    for number in 0..999 {
        let team = Team {
            id: TeamId::from_bits(1_000 + number),
            account_id: account_id(),
            name: format!("T{number}"),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        app.outside.store.world().teams.insert(team.id.clone(), team);
    }
    let more = json!([{"group": id(10), "createTeam": true, "teamName": "One more"}]);
    assert_eq!(save(&app, 1, &more).await.problem(422, "invalid-fields"), ["/teams/0"]);
}

#[tokio::test]
async fn a_file_brings_its_teams_along_by_their_names() {
    let app = App::with_connection(S::Ready);
    let known = 0x64;
    groups(&app, &[(known, Some("Field"))]);
    save(&app, 0, &json!([{"group": id(known), "createTeam": true, "role": "lead"}]))
        .await
        .expect(200);
    let file = app.ask(Ask::get(of_connection("/settings/export"))).await.expect(200).json();
    assert_eq!(file["settings"]["teams"][0]["teamName"], "Field");
    assert_eq!(file["tenant"]["id"], TENANT);
    let import = async |query: &str, version: u64, file: &Value| {
        let ask = Ask::post(of_connection(&format!("/settings/import{query}")), file);
        app.ask(ask.header("if-match", format!("\"{version}\""))).await
    };
    let same = import("", 1, &file).await.expect(200).json();
    assert_eq!((&same["changes"], &same["teamsToMake"]), (&json!([]), &json!([])));

    // Elsewhere the id says nothing: the name does, or the team is made on request.
    let mut other = file.clone();
    other["settings"]["teams"][0]["team"] = json!(TeamId::from_bits(77));
    let by_name = import("?dryRun=true", 2, &other).await.expect(200).json();
    assert_eq!(by_name["changes"], json!([]), "{by_name}");
    other["settings"]["teams"][0]["teamName"] = json!("Crew");
    let refused = import("?dryRun=true", 2, &other).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["/settings/teams/0/teamName"]);
    let would = import("?dryRun=true&createTeams=true", 2, &other).await.expect(200).json();
    let make = json!([{"name": "Crew", "rows": ["/settings/teams/0"]}]);
    assert_eq!((&would["teamsToMake"], teams(&app).len()), (&make, 1), "a try makes nothing");
    let done = import("?createTeams=true", 2, &other).await.expect(200).json();
    let crew = teams(&app).iter().find(|(name, _)| name == "Crew").unwrap().1.clone();
    assert_eq!(
        done["settings"]["teams"],
        json!([{"group": id(known), "team": crew, "role": "lead", "onLeave": "remove"}])
    );
    assert_eq!(done["teamsToMake"], make);
}
