//! Leaving and coming back: a connection that lets its tenant go keeps every contact as it is, and
//! finds settings, links, teams and decisions again.

use std::collections::BTreeMap;

use contact_sync_flows::{Customer, Person, Scene};
use entra_sim::SignIn;
use reqwest::Method;
use serde_json::{Value, json};

use crate::reviews::{about, decide};

/// The contacts table, item by item: contacts, claims, links, memberships.
async fn stored(scene: &Scene) -> BTreeMap<(String, String), Value> {
    let key = |item: &Value, name: &str| item[name]["S"].as_str().unwrap().to_owned();
    let items = scene.items("ContactsTable").await.into_iter();
    items.map(|item| ((key(&item, "pk"), key(&item, "sk")), item)).collect()
}

/// A customer who has all that could get lost: people by hand and by sync, protected, in teams by
/// group and by hand, linked to somebody of another address, refused and ignored.
struct Settled<'s> {
    customer: Customer<'s>,
    people: Vec<Person>,
    team: String,
}

impl<'s> Settled<'s> {
    async fn in_scene(scene: &'s Scene) -> Self {
        let customer = scene.connected().await;
        let people = customer.people_in_scope();
        let (teams, north) = (customer.account_path("/teams"), json!({"name": "North"}));
        let team = scene.rest().post(&teams, &north).await.expect(201).json();
        let team = team["id"].as_str().unwrap().to_owned();
        let group = scene.sim.create_group(scene.tenant, "North").unwrap();
        for person in &people[..3] {
            scene.sim.add_member(scene.tenant, group, person.id()).unwrap();
        }
        // Of somebody the address stays what people made of it.
        customer.change_mapping("email", json!({"policy": "createOnly"})).await;
        let by_hand = customer.create_contact(json!({"email": "by@hand.example"})).await;
        customer
            .change_settings(json!({
                "teams": [{"group": group, "team": team}],
                "policies": {"create": "review"},
            }))
            .await;
        let run = customer.enable().await;
        customer.wait_for_run(&run).await;
        scene.settle().await;
        let item = about(scene, &customer, "available", people[4].id()).await;
        let link = json!({"action": "link", "contact": by_hand["id"]});
        decide(scene, &customer, &item, link).await.expect(202);
        let item = about(scene, &customer, "available", people[5].id()).await;
        decide(scene, &customer, &item, json!({"action": "ignore"})).await.expect(202);
        customer.change_settings(json!({"policies": {"create": "auto", "update": "review"}})).await;
        customer.sync_now().await;
        let settled = Self { customer, people, team };
        settled.live(scene).await;
        settled
    }

    /// What people did with it over time.
    async fn live(&self, scene: &Scene) {
        let Self { customer, people, team } = self;
        let protected = customer.linked_contact(people[0].id()).await;
        let protect = format!("/contacts/{}/protect", protected["id"].as_str().unwrap());
        scene.rest().post(&customer.account_path(&protect), &json!({})).await.expect(202);
        let by_hand = customer.linked_contact(people[6].id()).await;
        let member = format!("/teams/{team}/members/{}", by_hand["id"].as_str().unwrap());
        let member = customer.account_path(&member);
        scene.rest().send(Method::PUT, &member, &[], None).await.expect(200);
        customer.edit(people[1].id(), json!({"jobTitle": "Refused"}));
        scene.settle().await;
        let item = about(scene, customer, "changes", people[1].id()).await;
        decide(scene, customer, &item, json!({"action": "reject"})).await.expect(202);
        scene.settle().await;
    }

    async fn settings(&self, scene: &Scene) -> (String, Value) {
        let reply = scene.rest().get(&self.customer.path("/settings")).await.expect(200);
        (reply.header("etag").to_owned(), reply.json())
    }

    async fn members(&self, scene: &Scene) -> Vec<Value> {
        let path = self.customer.account_path(&format!("/teams/{}/members", self.team));
        scene.rest().list(&path).await
    }

    /// The contacts without what every write raises.
    async fn contacts(&self) -> Vec<Value> {
        let mut contacts = self.customer.contacts().await;
        contacts.sort_by_key(|contact| contact["id"].to_string());
        contacts
    }
}

/// A7, LY-41, SY-34, SY-35.
#[tokio::test(flavor = "multi_thread")]
async fn a7_disabling_and_disconnecting_leave_every_contact_as_it_is_to_the_byte() {
    let scene = Scene::with_users(20).await;
    let settled = Settled::in_scene(&scene).await;
    let before = stored(&scene).await;
    let told = settled.customer.events().await;
    assert!(before.len() > 30, "contacts, addresses, links and memberships");
    for (action, leaver) in [("disable", 7), ("disconnect", 8)] {
        settled.customer.act(action).await.expect(202);
        scene.settle().await;
        settled.customer.edit(settled.people[2].id(), json!({"jobTitle": "Unheard"}));
        scene.sim.delete_user(scene.tenant, settled.people[leaver].id()).unwrap();
        scene.settle().await;
        scene.sweep().await;
        scene.audit().await;
        assert_eq!(stored(&scene).await, before, "after {action}");
    }
    assert_eq!(settled.customer.events().await, told, "nobody is told of any change");
    assert!(scene.sim.subscriptions().is_empty(), "Graph is told to stop");
}

/// A8; LY-42 loses the settings here.
#[tokio::test(flavor = "multi_thread")]
async fn a8_coming_back_finds_settings_links_teams_protection_and_refusals_and_makes_nobody_twice()
{
    let scene = Scene::with_users(20).await;
    let settled = Settled::in_scene(&scene).await;
    let customer = &settled.customer;
    let (contacts, members) = (settled.contacts().await, settled.members(&scene).await);
    let settings = settled.settings(&scene).await;
    customer.act("disconnect").await.expect(202);
    scene.settle().await;
    assert_eq!(settled.settings(&scene).await, settings, "also while it is away");

    customer.with_new_link().await.connect_tenant().await;
    assert_eq!(settled.settings(&scene).await, settings);
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    // Two of this directory share an address, so no run of it is without a failure.
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    assert_eq!(run["counts"]["created"], 0, "{run}");
    assert_eq!(run["counts"]["updated"], 0, "nothing changed meanwhile: {run}");
    assert_eq!(settled.contacts().await, contacts, "linked, protected and addressed as before");
    assert_eq!(settled.members(&scene).await, members, "by group and by hand");
    let waiting = scene.rest().list(&customer.path("/reviews?list=changes")).await;
    assert_eq!(waiting, Vec::<Value>::new(), "what was refused is not asked again");

    // It goes on where it was.
    customer.change_settings(json!({"policies": {"update": "auto"}})).await;
    customer.edit(settled.people[2].id(), json!({"jobTitle": "Back again"}));
    scene.settle().await;
    let contact = customer.linked_contact(settled.people[2].id()).await;
    assert_eq!(contact["fields"]["jobTitle"], "Back again", "{}", scene.story());
}

/// Fault 48.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_was_given_to_somebody_else_meanwhile_is_refused_with_what_helps() {
    let scene = Scene::with_users(15).await;
    let first = scene.synced().await;
    let before = first.contacts().await;
    first.act("disconnect").await.expect(202);
    scene.settle().await;
    let second = scene.customer("second").await;
    second.connect_tenant().await;

    let again = first.with_new_link().await;
    let page = again.consent_as(&SignIn::admin(scene.tenant)).await;
    assert_eq!(page.status.as_u16(), 409, "{}", page.text());
    assert!(page.text().contains("disconnect"), "what helps: {}", page.text());
    assert_eq!(first.status().await, "disconnected");
    assert_eq!(first.contacts().await, before);
    assert_eq!(first.enable_for(scene.tenant).await.expect(409).problem(), "wrong-state");
    assert_eq!(second.status().await, "ready", "who has it keeps it");

    // Released there, it comes back here.
    second.act("disconnect").await.expect(202);
    first.with_new_link().await.connect_tenant().await;
    let run = first.enable().await;
    let run = first.wait_for_run(&run).await;
    assert_eq!((&run["counts"]["created"], &run["counts"]["updated"]), (&json!(0), &json!(0)));
}

/// LY-40, LY-41: the whole sync goes, no user and no data with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_removed_and_made_anew_finds_its_contacts_again() {
    let scene = Scene::with_users(20).await;
    let settled = Settled::in_scene(&scene).await;
    let customer = &settled.customer;
    let contacts = settled.contacts().await;
    customer.act("disconnect").await.expect(202);
    scene.settle().await;
    let is_contact =
        |(pk, sk): &(String, String)| pk.starts_with("A#") && !sk.starts_with(['M', 'T']);
    let mut before = stored(&scene).await;
    scene.rest().delete(&customer.path("")).await.expect(204);
    scene.settle().await;
    let mut after = stored(&scene).await;
    before.retain(|key, _| is_contact(key));
    after.retain(|key, _| is_contact(key));
    assert_eq!(after, before, "contacts, addresses and links stay to the byte");

    let anew = Customer::of_account(&scene, &customer.account).await;
    anew.connect_tenant().await;
    anew.change_mapping("email", json!({"policy": "createOnly"})).await;
    let run = anew.enable().await;
    let run = anew.wait_for_run(&run).await;
    scene.settle().await;
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    // Whom the first one was told to ignore, this one was not.
    assert_eq!(run["counts"]["created"], 1, "{run}");
    let ids = |contacts: &[Value]| -> BTreeMap<String, String> {
        let linked = contacts.iter().filter_map(|contact| {
            let user = contact["link"]["objectId"].as_str()?;
            Some((user.to_owned(), contact["id"].as_str()?.to_owned()))
        });
        linked.collect()
    };
    let (old, new) = (ids(&contacts), ids(&anew.contacts().await));
    for (user, contact) in &old {
        assert_eq!(new.get(user), Some(contact), "{user} is whom he was, by hand or not");
    }
    let protected = anew.linked_contact(settled.people[0].id()).await;
    assert_eq!(protected["protected"], true);
    assert_eq!(protected["link"]["connectionId"], anew.connection.as_str());
}
