//! Each preset as its product behaves, on a directory of 5,000 people as bad as they come: what
//! every contact must be is told by hand here, without the product's own mapping.

mod expected;

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_flows::{
    Customer, PATIENCE, Person, Scene, SceneOptions, anew, read_badly, spoil, stir,
};
use entra_sim::DirectoryCommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use self::expected::{
    Fate, Fields, GETHOMESAFE, HAPPYFOX, LYNES, Product, SYNCRO, World, as_written,
};
use crate::reviews::decide_all;

const PEOPLE: u32 = 5_000;

fn fields(contact: &Value) -> Fields {
    let members: &Map<String, Value> = contact["fields"].as_object().unwrap();
    members
        .iter()
        .map(|(field, value)| (field.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn count(document: &Value, name: &str) -> u64 {
    document[name].as_u64().unwrap_or_else(|| panic!("{name}: {document}"))
}

/// A customer of a spoilt Contoso with the preset saved, ready to start.
async fn prepared<'s>(scene: &'s Scene, product: &Product) -> Customer<'s> {
    let customer = scene.connected().await;
    let presets = scene.rest().list("/v1/presets").await;
    let known: BTreeSet<&str> = presets.iter().map(|one| one["id"].as_str().unwrap()).collect();
    let tested = ["gethomesafe", "happyfox", "lynes", "lynes-manual", "syncro"];
    assert_eq!(known, BTreeSet::from(tested), "each has a flow of its own");
    let preset = presets.iter().find(|one| one["id"] == product.preset).unwrap();
    let path = customer.path("/settings");
    let settings = Some(&preset["settings"]);
    scene.rest().send(Method::PUT, &path, &[("if-match", "*")], settings).await.expect(200);
    customer
}

async fn scene() -> Scene {
    Scene::start(SceneOptions::with_users(PEOPLE).with_nasty_pages()).await
}

/// A run of thousands, waited for without asking again and again.
async fn ended(scene: &Scene, customer: &Customer<'_>, run: &str) -> Value {
    for _ in 0..8 {
        if scene.stack.until_quiet(PATIENCE).await {
            break;
        }
    }
    let run = customer.wait_for_run(run).await;
    scene.settle().await;
    run
}

async fn sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.start_run("full").await;
    ended(scene, customer, &run).await
}

/// The first run while the directory is being changed: everybody is what the directory says at its
/// end, one address is one contact's, and whoever cannot come is told why.
async fn first_run(scene: &Scene, customer: &Customer<'_>, product: &Product) -> Value {
    let held_back = spoil(&scene.sim, scene.tenant);
    let renamed = customer.person(&held_back[0]);
    let properties = |document: Value| document.as_object().unwrap().clone();
    let changes = vec![
        DirectoryCommand::UpdateUser {
            user: renamed.id().to_owned(),
            properties: properties(json!({"displayName": "Renamed while reading"})),
        },
        DirectoryCommand::CreateUser {
            id: None,
            properties: properties(json!({
                "userPrincipalName": "late@contoso.example", "displayName": "Came while reading",
            })),
        },
    ];
    let verdict = customer.path("/settings/validate");
    let settings = customer.settings().await;
    let verdict = scene.rest().post(&verdict, &settings).await.expect(200).json();
    assert_eq!(verdict["valid"], true, "{verdict}");
    read_badly(&scene.sim, held_back);
    stir(&scene.sim, scene.tenant, changes);
    let run = customer.enable().await;
    let run = ended(scene, customer, &run).await;

    let world = World::of(product, customer);
    let of = |name: &str| count(&run["counts"], name);
    let meant = world.count(|fate| *fate != Fate::Out);
    let fail = world.count(|fate| *fate == Fate::Fails);
    let come = meant - fail;
    assert_eq!(of("inScope"), meant, "{run}\n{}", scene.story());
    assert_eq!(of("seen"), of("inScope") + of("skipped"), "{run}");
    if product.creates {
        let made = world.wanting.len() as u64;
        assert_eq!((of("created"), of("failed")), (made, fail + come - made), "{run}");
    } else {
        assert_eq!((of("created"), of("awaitingReview"), of("failed")), (0, come, fail), "{run}");
    }
    // Whoever is shown before saving is who comes; a survey that ran out of time says so.
    if verdict["complete"] == true {
        // One came while the directory was read.
        assert_eq!(count(&verdict["people"], "inScope") + 1, of("inScope"), "{verdict}\n{run}");
        let told = count(&verdict["people"], "wouldFail");
        assert!(!product.creates || told == of("failed"), "{verdict}\n{run}");
    } else {
        let seen = count(&verdict["people"], "seen");
        assert!(seen < of("seen"), "{verdict}");
    }
    assert_contacts(customer, product, &world).await;
    assert_failures_are_told(scene, customer, &run).await;
    run
}

/// Everybody who can come has just the fields that the directory says; of several who want one
/// address, one has it.
async fn assert_contacts(customer: &Customer<'_>, product: &Product, world: &World) {
    let contacts = customer.contacts_by_user().await;
    if !product.creates {
        assert_eq!(contacts.len(), 0, "nobody is made by himself");
        return;
    }
    for (user, contact) in &contacts {
        let Some(Fate::Comes(wanted)) = world.fates.get(user) else { panic!("{user}: {contact}") };
        let is = fields(contact);
        let wanted = as_written(&customer.person(user), wanted.clone(), &is);
        assert_eq!(is, wanted, "{user}");
    }
    for (address, users) in &world.wanting {
        let have = users.iter().filter(|user| contacts.contains_key(*user)).count();
        assert_eq!(have, 1, "{address}: {users:?}");
    }
}

async fn assert_failures_are_told(scene: &Scene, customer: &Customer<'_>, run: &Value) {
    let changes = customer.path(&format!("/runs/{}/changes", run["id"].as_str().unwrap()));
    // Somebody may be told of by two pages.
    let mut failed = BTreeSet::new();
    for change in scene.rest().list(&changes).await {
        if change["result"] == "failed" {
            failed.insert(change["objectId"].to_string());
            let told = |name: &str| change[name].as_str().is_some_and(|it| !it.is_empty());
            assert!(told("reason") && told("remedy"), "{change}");
        }
    }
    assert_eq!(failed.len() as u64, count(&run["counts"], "failed"), "{run}");
}

/// Nothing changed, so nothing is written.
async fn assert_still(scene: &Scene, customer: &Customer<'_>, run: &Value) {
    let before = customer.contacts().await;
    let again = sync(scene, customer).await;
    let wrote = count(&again["counts"], "created") + count(&again["counts"], "updated");
    assert_eq!(wrote, 0, "{run}\n{again}");
    assert_eq!(customer.contacts().await, before);
}

/// A year in the directory, whose people change, leave, come back and are made anew.
async fn a_year_goes_by(scene: &Scene, customer: &Customer<'_>, product: &Product) {
    let before = customer.contacts_by_user().await;
    let world = World::of(product, customer);
    // People whose address nobody else wants: what becomes of them is certain.
    let certain = |user: &String| matches!(world.fates.get(user), Some(Fate::Comes(fields)) if world.wanting[&fields["email"].to_lowercase()].len() == 1);
    let mut people = before.keys().filter(|user| certain(user)).map(|user| customer.person(user));
    let mut some = || people.by_ref().take(4).collect::<Vec<Person>>();
    let (renamed, emptied, blocked, guests, binned, restored, replaced, ring) =
        (some(), some(), some(), some(), some(), some(), some(), some());
    for person in &renamed {
        let name = format!("new.{}", person.upn());
        customer.edit(
            person.id(),
            json!({"displayName": "New Name", "mail": name, "userPrincipalName": name}),
        );
    }
    for person in &emptied {
        customer.edit(person.id(), json!({"displayName": "Kept", "surname": null, "mobilePhone": null, "city": " ", "country": null}));
    }
    for person in &blocked {
        customer.edit(person.id(), json!({"accountEnabled": false, "givenName": "Blocked"}));
    }
    for person in &guests {
        customer.edit(person.id(), json!({"userType": "Guest", "givenName": "Guest"}));
    }
    for person in binned.iter().chain(&restored) {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    for person in &restored {
        scene.sim.restore_user(scene.tenant, person.id()).unwrap();
    }
    for person in &replaced {
        anew(&scene.sim, scene.tenant, person);
    }
    // Four addresses go round in a ring.
    for (person, next) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        customer.edit(person.id(), json!({"mail": next.address()}));
    }
    scene.settle().await;
    assert_eq!(customer.contacts_by_user().await, before, "changes wait for the next run");

    let run = sync(scene, customer).await;
    let now = World::of(product, customer);
    let after = customer.contacts_by_user().await;
    for person in [renamed, emptied, blocked, guests, binned, restored, replaced, ring].concat() {
        let was = fields(&before[person.id()]);
        let is = fields(after.get(person.id()).unwrap_or_else(|| panic!("{person:?}: {run}")));
        match now.fates.get(person.id()) {
            Some(Fate::Comes(wanted)) => {
                let today = customer.person(person.id());
                let wanted = as_written(&today, product.after(&was, wanted.clone()), &is);
                assert_eq!(is, wanted, "{person:?}");
            }
            Some(Fate::Out) | None => assert_eq!(is, was, "who left is not written: {person:?}"),
            Some(Fate::Fails) => panic!("{person:?}"),
        }
    }
    assert_eq!(after.len(), before.len(), "nobody's contact is removed: {run}");
    assert_eq!(count(&run["counts"], "created"), 0, "whoever was made anew is a question: {run}");
    assert_still(scene, customer, &run).await;
}

/// HF-13, HF-14, HF-21, HF-43: address from the principal name, the name once, one
/// run a day, nobody ever removed; failures are counted record by record.
#[tokio::test(flavor = "multi_thread")]
async fn happyfox_stands_a_directory_of_many_years() {
    let scene = scene().await;
    let customer = prepared(&scene, &HAPPYFOX).await;
    let run = first_run(&scene, &customer, &HAPPYFOX).await;
    assert_eq!(run["status"], "partial", "HF-43: the run completes and counts both: {run}");
    a_year_goes_by(&scene, &customer, &HAPPYFOX).await;
}

/// SY-22 a fixed list of details, SY-32 nobody deleted, SY-27 principal name and object id.
#[tokio::test(flavor = "multi_thread")]
async fn syncro_stands_a_directory_of_many_years() {
    let scene = scene().await;
    let customer = prepared(&scene, &SYNCRO).await;
    first_run(&scene, &customer, &SYNCRO).await;
    let fixed: BTreeSet<&str> =
        SYNCRO.rows.iter().map(|(field, _)| *field).chain(["email"]).collect();
    let contacts = customer.contacts().await;
    let told: BTreeSet<String> = contacts.iter().flat_map(|one| fields(one).into_keys()).collect();
    assert!(told.iter().all(|field| fixed.contains(field.as_str())), "SY-22: {told:?}");
    for contact in &contacts {
        let link = &contact["link"];
        let person = customer.person(link["objectId"].as_str().unwrap());
        assert_eq!(link["userPrincipalName"], person.upn(), "SY-27");
    }
    a_year_goes_by(&scene, &customer, &SYNCRO).await;
}

/// GH-12 a group first, GH-13 its fields, GH-14 an address or nothing, GH-15 empty is empty, GH-16
/// groups are teams (nested, in a cycle, by rule), GH-23 one address, one contact, GH-28 between runs
/// nothing shows.
#[tokio::test(flavor = "multi_thread")]
async fn gethomesafe_stands_a_directory_of_many_years() {
    let scene = scene().await;
    let customer = prepared(&scene, &GETHOMESAFE).await;
    assert_eq!(customer.enable_for(scene.tenant).await.expect(409).problem(), "requirement-unmet");
    let groups = scene.sim.group_list(scene.tenant).unwrap();
    let mut teams = BTreeMap::new();
    for name in ["Head Office", "Project Atlas", "All Members", "Workplace", "Newsletter"] {
        let group = groups.iter().find(|group| group["displayName"] == name).unwrap();
        let team = json!({"name": name});
        let made = scene.rest().post(&customer.account_path("/teams"), &team).await.expect(201);
        let made = made.json()["id"].as_str().unwrap().to_owned();
        teams.insert(made, group["id"].as_str().unwrap().to_owned());
    }
    let rows: Vec<Value> = teams
        .iter()
        .map(|(team, group)| json!({"group": group, "team": team, "onLeave": "keep"}))
        .collect();
    customer.change_settings(json!({"teams": rows})).await;
    first_run(&scene, &customer, &GETHOMESAFE).await;
    let contacts = customer.contacts_by_user().await;
    for (team, group) in &teams {
        let expected: BTreeSet<String> = scene
            .sim
            .people_in(scene.tenant, group)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        let of_team = |contact: &Value| {
            contact["teams"].as_array().unwrap().iter().any(|one| one["id"] == team.as_str())
        };
        for (user, contact) in &contacts {
            assert_eq!(of_team(contact), expected.contains(user), "{user} of {group}: {contact}");
        }
    }
    a_year_goes_by(&scene, &customer, &GETHOMESAFE).await;
}

/// LY-15 its fields, LY-22 nobody made by himself, LY-23 and LY-26 the matched all at once, LY-24
/// the rest available, LY-32 changes in the list between runs, LY-21 applied by the next run.
#[tokio::test(flavor = "multi_thread")]
async fn lynes_stands_a_directory_of_many_years() {
    let scene = scene().await;
    let customer = prepared(&scene, &LYNES).await;
    let run = first_run(&scene, &customer, &LYNES).await;
    let link = linked_by_hand(&scene, &customer, &LYNES).await;
    // LY-32: between runs changes are listed and not applied.
    let before = customer.contacts_by_user().await;
    for person in &link {
        customer.edit(person.id(), json!({"surname": "Married"}));
    }
    scene.settle().await;
    assert_eq!(customer.contacts_by_user().await, before, "LY-32");
    let waiting = scene.rest().list(&customer.path("/reviews?list=changes")).await;
    assert_eq!(waiting.len(), link.len(), "LY-33: {run}");
    sync(&scene, &customer).await;
    let after = customer.contacts_by_user().await;
    for person in &link {
        assert_eq!(after[person.id()]["fields"]["lastName"], "Married", "LY-21");
    }
    assert_still(&scene, &customer, &run).await;
}

/// LY-20: by hand nothing happens without a person, not even what others apply at night; LY-35 all
/// changes are applied at once.
#[tokio::test(flavor = "multi_thread")]
async fn lynes_by_hand_stands_a_directory_of_many_years() {
    let by_hand = Product { preset: "lynes-manual", ..LYNES };
    let scene = scene().await;
    let customer = prepared(&scene, &by_hand).await;
    first_run(&scene, &customer, &by_hand).await;
    let link = linked_by_hand(&scene, &customer, &by_hand).await;
    let before = customer.contacts_by_user().await;
    for person in &link {
        customer.edit(person.id(), json!({"surname": "Married"}));
    }
    scene.settle().await;
    let run = sync(&scene, &customer).await;
    assert_eq!(customer.contacts_by_user().await, before, "LY-20: {run}");
    let all = decide_all(&scene, &customer, "changes", "accept").await;
    assert_eq!(all["done"], link.len(), "LY-35: {all}");
    let after = customer.contacts_by_user().await;
    for person in &link {
        assert_eq!(after[person.id()]["fields"]["lastName"], "Married");
    }
    assert_still(&scene, &customer, &run).await;
}

/// Contacts that were there before, linked by accepting all who match.
async fn linked_by_hand(scene: &Scene, customer: &Customer<'_>, product: &Product) -> Vec<Person> {
    let world = World::of(product, customer);
    let certain = world.fates.iter().filter_map(|(user, fate)| match fate {
        Fate::Comes(fields) if world.wanting[&fields["email"].to_lowercase()].len() == 1 => {
            Some((user.clone(), fields["email"].clone()))
        }
        Fate::Comes(_) | Fate::Fails | Fate::Out => None,
    });
    let certain: Vec<(String, String)> = certain.step_by(97).take(20).collect();
    let mut file = "email,city\r\n".to_owned();
    for (_, email) in &certain {
        file.extend([email, ",Rome\r\n"]);
    }
    customer.import(&file).await;
    sync(scene, customer).await;
    let matched = scene.rest().list(&customer.path("/reviews?list=matched")).await;
    assert_eq!(matched.len(), certain.len(), "LY-23");
    let all = decide_all(scene, customer, "matched", "accept").await;
    assert_eq!((&all["done"], &all["failed"]), (&json!(certain.len()), &json!([])), "LY-26: {all}");
    let contacts = customer.contacts_by_user().await;
    assert_eq!(contacts.len(), certain.len());
    for (user, _) in &certain {
        let Fate::Comes(wanted) = &world.fates[user] else { panic!("{user}") };
        let mut expected = wanted.clone();
        expected.insert("city".to_owned(), "Rome".to_owned());
        assert_eq!(fields(&contacts[user]), expected, "LY-15: {user}");
    }
    certain.iter().map(|(user, _)| customer.person(user)).collect()
}
