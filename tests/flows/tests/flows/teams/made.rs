//! Teams that are made from groups, and roles that groups give.

use super::*;

async fn draft(scene: &Scene, customer: &Customer<'_>, change: Value) -> (String, Value) {
    let mut settings = customer.settings().await;
    for (name, value) in change.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let body = json!({"settings": settings});
    let asked = scene.rest().post(&customer.path("/previews"), &body).await.expect(202).json();
    let id = asked["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&id, "planned").await;
    let shown = customer.run(&id).await;
    (id, shown)
}

async fn team_names(scene: &Scene, customer: &Customer<'_>) -> Vec<String> {
    let teams = scene.rest().list(&customer.account_path("/teams")).await;
    teams.iter().map(|team| team["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_gets_its_team_when_the_plan_that_shows_it_is_applied() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let first = customer.enable().await;
    customer.wait_for_run(&first).await;
    let crew = group(&scene, "Field crew", &[&people[0], &people[1]]);
    let row = json!({"group": crew, "createTeam": true, "role": "diver"});

    let mut wanted = customer.settings().await;
    wanted["teams"] = json!([row]);
    let path = customer.path("/settings/validate");
    let verdict = scene.rest().post(&path, &wanted).await.expect(200).json();
    assert_eq!(verdict["teamsToMake"][0]["name"], "Field crew", "{verdict}");
    assert_eq!(verdict["teams"][0]["members"], 2, "{verdict}");

    let (run, shown) = draft(&scene, &customer, json!({"teams": [row]})).await;
    let summary = &shown["plan"]["summary"];
    assert_eq!(summary["teams"], json!({"joins": 2, "leaves": 0, "roles": 0}), "{shown}");
    assert_eq!(summary["newTeams"][0]["name"], "Field crew", "{shown}");
    assert_eq!(team_names(&scene, &customer).await, Vec::<String>::new(), "a plan makes nothing");

    let path = customer.path(&format!("/runs/{run}/apply"));
    let body = json!({"planHash": shown["planHash"]});
    scene.rest().post(&path, &body).await.expect(202);
    let applied = customer.wait_for_run(&run).await;
    assert_eq!(applied["status"], "succeeded", "{applied}\n{}", scene.story());
    scene.settle().await;
    assert_eq!(team_names(&scene, &customer).await, ["Field crew"]);
    let saved = customer.settings().await["teams"][0].clone();
    let team = saved["team"].as_str().unwrap();
    assert_eq!(
        (team, saved.get("createTeam")),
        (summary["newTeams"][0]["id"].as_str().unwrap(), None)
    );
    let held = held(&[(&people[0], "entra"), (&people[1], "entra")]);
    assert_eq!(members(&scene, &customer, team).await, held);
    let contact = customer.linked_contact(people[0].id()).await;
    assert_eq!(
        contact["teams"],
        json!([{"id": team, "name": "Field crew", "origin": "entra", "role": "diver"}])
    );
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_follow_the_groups_the_first_row_first_and_what_a_person_said_stays() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let leads = group(&scene, "Leads", &[&people[0], &people[1]]);
    let divers = group(&scene, "Divers", &[&people[1], &people[2]]);
    let rows = json!([
        {"group": leads, "createTeam": true, "teamName": "North", "role": "lead"},
        {"group": divers, "createTeam": true, "teamName": "North", "role": "diver"},
    ]);
    customer.change_settings(json!({"teams": rows})).await;
    let run = customer.enable().await;
    assert_eq!(customer.wait_for_run(&run).await["status"], "succeeded", "{}", scene.story());
    scene.settle().await;
    let saved = customer.settings().await["teams"].clone();
    let north = saved[0]["team"].as_str().unwrap().to_owned();
    assert_eq!(saved[1]["team"], *north);
    let role = async |person: &Person| {
        customer.linked_contact(person.id()).await["teams"][0]["role"].clone()
    };
    assert_eq!(role(&people[0]).await, "lead");
    assert_eq!(role(&people[1]).await, "lead", "the first row goes first");
    assert_eq!(role(&people[2]).await, "diver");

    let contact = customer.linked_contact(people[2].id()).await;
    let path = format!("/teams/{north}/members/{}", contact["id"].as_str().unwrap());
    let path = customer.account_path(&path);
    let said = Some(json!({"role": "guest"}));
    scene.rest().send(Method::PUT, &path, &[], said.as_ref()).await.expect(200);
    scene.sim.remove_member(scene.tenant, leads, people[1].id()).unwrap();
    scene.sim.remove_member(scene.tenant, divers, people[2].id()).unwrap();
    assert_eq!(customer.sync_now().await["status"], "succeeded");
    assert_eq!(role(&people[1]).await, "diver");
    assert_eq!(role(&people[2]).await, "guest", "a person said so");

    let told = why(&scene, &customer, &north, people[1].id()).await;
    assert_eq!(told["role"], "diver", "{told}");
    assert_eq!(told["heldBy"][0]["role"], "diver", "{told}");
    let because = told["connections"][0]["because"].as_str().unwrap();
    assert!(because.contains("`diver` by Divers"), "{because}");

    scene.settle().await;
    let told = scene.stack.published_events();
    let moved: Vec<&Value> = told
        .iter()
        .map(|event| &event.envelope["detail"])
        .filter(|detail| detail["change"] == "roleChanged")
        .collect();
    let is_his = |detail: &&&Value| detail["role"] == "diver" && detail["oldRole"] == "lead";
    assert_eq!(moved.iter().filter(is_his).count(), 1, "{moved:?}");
}
