//! What validation foretells is what a run would do: who leaves, who is contested, who was refused,
//! and what waits.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::contact::{Contact, ContactField, ContactSource, Link, LinkState, Target};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::review::{Decision, Rejected, ReviewAction, ReviewList};
use contact_sync_engine::port::{Clock, DecisionStore, StoredContact};
use serde_json::{Value, json};

use super::harness::{App, Ask, account_id, connection_id, of_connection, tenant};
use super::people::people;
use super::sharing::share_the_tenant;

async fn validate(app: &App, document: &Value) -> Value {
    let verdict = app.ask(Ask::post(of_connection("/settings/validate"), document)).await;
    let verdict = verdict.expect(200).json();
    let of = |name: &str| verdict["people"][name].as_u64().unwrap();
    assert_eq!(of("seen"), of("inScope") + of("wouldSkip"), "{verdict}");
    verdict
}

/// A contact that stands, linked to a user of this number where there is one.
fn stands(app: &App, id: ContactId, email: &str, linked: Option<u128>) -> ContactId {
    let made = app.add_linked_contact();
    let mut world = app.outside.store.world();
    world.claims.remove(&(account_id(), email_key("ana@contoso.example")));
    let Some(StoredContact::Present(contact)) = world.contacts.remove(&made) else { panic!() };
    let link = linked.map(|number| Link {
        connection_id: connection_id(),
        tenant_id: tenant(),
        object_id: ObjectId::from_u128(number),
        user_principal_name: None,
        state: LinkState::Linked,
        acts_at: None,
        planned: None,
        cause: None,
    });
    let contact = Contact {
        id: id.clone(),
        source: if link.is_some() { ContactSource::Entra } else { ContactSource::Local },
        fields: [(ContactField::Email, email.to_owned())].into(),
        written: Vec::new(),
        managed_fields: Vec::new(),
        sync: contact.sync.clone().filter(|_| link.is_some()),
        link,
        ..*contact
    };
    world.claims.insert((account_id(), email_key(email)), id.clone());
    world.contacts.insert(id.clone(), StoredContact::Present(Box::new(contact)));
    id
}

fn linked(app: &App, number: u128) -> ContactId {
    let id = ContactId::derived(&account_id(), &tenant(), &ObjectId::from_u128(number));
    stands(app, id, &format!("p{number}@contoso.example"), Some(number))
}

#[tokio::test]
async fn who_leaves_is_told_with_the_policy_and_the_guards_verdict() {
    let app = App::with_connection(S::Enabled);
    let here: Vec<Value> = (1..=8).map(|_| json!({"department": "Sales"})).collect();
    people(&app, &here);
    for number in 1..=9 {
        linked(&app, number);
    }
    let document = json!({
        "scope": {"departments": {"any": ["Research"]}},
        "policies": {"removal": {"outOfScope": "delete", "hardDeleted": "unlink"}},
    });
    let verdict = validate(&app, &document).await;
    assert_eq!(verdict["valid"], true, "{verdict}");
    let removals = &verdict["removals"];
    let told = |cause: &str| {
        let leaving = removals["leaving"].as_array().unwrap();
        leaving.iter().find(|one| one["cause"] == cause).cloned().unwrap_or_default()
    };
    let out = told("outOfScope");
    assert_eq!((&out["action"], &out["count"]), (&json!("delete"), &json!(8)), "{removals}");
    let gone = told("hardDeleted");
    assert_eq!((&gone["action"], &gone["count"]), (&json!("unlink"), &json!(1)), "{removals}");
    assert_eq!(gone["examples"][0]["objectId"], ObjectId::from_u128(9).as_str());
    let guard = &removals["guard"];
    assert_eq!((&guard["removals"], &guard["allowed"]), (&json!(9), &json!(5)));
    assert_eq!((&guard["left"], &guard["wouldStop"]), (&json!(5), &json!(true)));
    assert!(verdict["warnings"].to_string().contains("/policies/guard"), "{verdict}");
    assert_eq!(app.outside.store.world().contacts.len(), 9, "nobody was touched");

    let kept = json!({"scope": {"departments": {"any": ["Research"]}}});
    let verdict = validate(&app, &kept).await;
    let guard = &verdict["removals"]["guard"];
    assert_eq!((&guard["removals"], &guard["wouldStop"]), (&json!(0), &json!(false)));
    assert_eq!(verdict["people"]["wouldAwaitReview"], 1, "who is gone waits by default");
    assert!(!verdict["warnings"].to_string().contains("/policies/guard"), "{verdict}");
}

#[tokio::test]
async fn what_people_refused_is_not_foretold_again() {
    let app = App::with_connection(S::Enabled);
    people(&app, &[json!({})]);
    let contact = stands(&app, ContactId::from_bits(1), "p1@contoso.example", None);
    let verdict = validate(&app, &json!({})).await;
    assert_eq!(verdict["people"]["wouldLink"]["count"], 1, "{verdict}");
    let user = ObjectId::from_u128(1);
    let decision = Decision {
        kept_days: None,
        at: app.outside.clock.now(),
        actor: None,
        action: ReviewAction::Reject,
        item: contact_sync_domain::id::ReviewId::of(&user),
        list: ReviewList::Matched,
        version: 1,
        contact_id: None,
        refused: vec![Rejected::Match { object_id: user, contact_id: contact }],
    };
    app.outside.store.record_decision(&connection_id(), &decision).await.unwrap();
    let verdict = validate(&app, &json!({})).await;
    assert_eq!(verdict["people"]["wouldLink"]["count"], 0, "{verdict}");
    assert_eq!(verdict["people"]["wouldAwaitReview"], 1, "{verdict}");
}

#[tokio::test]
async fn a_contact_that_several_match_is_foretold_to_nobody() {
    let app = App::with_connection(S::Enabled);
    people(&app, &[json!({"employeeId": "7"}), json!({"employeeId": "7"}), json!({})]);
    let contact = stands(&app, ContactId::from_bits(1), "x@x.example", None);
    if let Some(StoredContact::Present(contact)) =
        app.outside.store.world().contacts.get_mut(&contact)
    {
        contact.fields.insert(ContactField::EmployeeId, "7".to_owned());
    }
    let email = json!({"target": "email", "source": "[userPrincipalName]", "required": true});
    let number = json!({"target": "employeeId", "source": "[employeeId]"});
    let document = json!({"mapping": [email, number], "matching": ["employeeId"]});
    let verdict = validate(&app, &document).await;
    let people = &verdict["people"];
    assert_eq!(people["wouldLink"]["count"], 0, "{verdict}");
    assert_eq!((&people["wouldAwaitReview"], &people["wouldCreate"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn people_of_another_organisation_are_told_apart() {
    let app = App::with_connection(S::Enabled);
    people(&app, &[json!({}), json!({}), json!({"userType": "Guest"})]);
    share_the_tenant(&mut app.outside.store.world());
    for (routing, of_others, contested, would_create) in [
        (json!({"overlap": "both"}), 0, 0, 2),
        (json!({"overlap": "conflict"}), 0, 2, 0),
        (json!({"overlap": "first", "priority": 9}), 2, 0, 0),
    ] {
        let verdict = validate(&app, &json!({ "routing": routing })).await;
        let people = &verdict["people"];
        assert_eq!(people["ofOthers"]["count"], of_others, "{verdict}");
        assert_eq!(people["contested"]["count"], contested, "{verdict}");
        assert_eq!(people["wouldCreate"], would_create, "{verdict}");
        assert_eq!(people["skippedBy"][0]["count"], 1, "the guest, by the scope: {verdict}");
        assert_eq!(covered(&app, &routing).await, would_create);
    }
    // Whoever is linked stays.
    linked(&app, 1);
    assert_eq!(covered(&app, &json!({"overlap": "conflict"})).await, 1);
}

/// How many people a run would take with this routing, as the coverage counts them.
async fn covered(app: &App, routing: &Value) -> u64 {
    let document = json!({ "routing": routing });
    let save = Ask::put(of_connection("/settings"), &document).header("if-match", "*");
    app.ask(save).await.expect(200);
    let coverage = app.ask(Ask::get(of_connection("/settings/coverage"))).await.expect(200);
    coverage.json()["inScope"].as_u64().unwrap()
}

#[tokio::test]
async fn fields_that_wait_by_the_defaults_of_the_mapping_are_foretold_to_wait() {
    let app = App::with_connection(S::Enabled);
    people(&app, &[json!({"mobilePhone": "+49 30 1234567"})]);
    let contact = linked(&app, 1);
    if let Some(StoredContact::Present(contact)) =
        app.outside.store.world().contacts.get_mut(&contact)
    {
        let upn = Some("p1@contoso.example".to_owned());
        contact.link.as_mut().unwrap().user_principal_name = upn;
        contact.managed_fields = vec![Target::Field(ContactField::Email)];
    }
    for (policy, waits) in [("review", 1), ("overwrite", 0)] {
        let document = json!({
            "mapping": [
                {"target": "email", "source": "[userPrincipalName]", "required": true},
                {"target": "mobilePhone", "source": "[mobilePhone]"},
            ],
            "mappingDefaults": {"phones": {"policy": policy, "whenEmpty": "keep"}},
        });
        let verdict = validate(&app, &document).await;
        assert_eq!(verdict["people"]["wouldAwaitReview"], waits, "{policy}: {verdict}");
        assert_eq!(verdict["people"]["wouldUpdate"], 1 - waits, "{policy}: {verdict}");
    }
}
