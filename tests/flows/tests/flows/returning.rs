//! Whoever comes back finds the contact that had been there before sync was.

use contact_sync_flows::Scene;
use reqwest::Method;
use serde_json::{Value, json};

/// G8: deleted in Entra and restored: nothing that people wrote is lost, and nobody is asked whose
/// contact it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_made_by_hand_comes_back_with_its_fields_and_its_teams() {
    for (removal, by_full_run) in [("delete", false), ("delete", true), ("unlink", true)] {
        let scene = Scene::with_users(12).await;
        let customer = scene.connected().await;
        let person = customer.people_in_scope().remove(0);
        let fields = json!({"email": person.address(), "city": "Rome", "postalCode": "00184"});
        let made = customer.create_contact(fields).await;
        let teams = customer.account_path("/teams");
        let team = scene.rest().post(&teams, &json!({"name": "North"})).await.expect(201);
        let team = team.json()["id"].clone();
        let (team, id) = (team.as_str().unwrap(), made["id"].as_str().unwrap());
        let member = customer.account_path(&format!("/teams/{team}/members/{id}"));
        scene.rest().send(Method::PUT, &member, &[], None).await.expect(200);
        let removal = json!({"softDeleted": removal, "hardDeleted": removal});
        customer.change_settings(json!({"policies": {"removal": removal}})).await;
        let run = customer.enable().await;
        customer.wait_for_run(&run).await;
        scene.settle().await;
        let before = customer.linked_contact(person.id()).await;
        assert_eq!(before["id"], made["id"]);

        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
        scene.settle().await;
        assert_eq!(customer.contact_of(person.id()).await, None, "{}", scene.story());
        customer.change_settings(json!({"policies": {"link": "review"}})).await;
        if by_full_run {
            scene.stop_notifications();
        }
        scene.sim.restore_user(scene.tenant, person.id()).unwrap();
        if by_full_run {
            customer.sync_now().await;
        }
        scene.settle().await;
        let after = customer.linked_contact(person.id()).await;
        for what in ["id", "fields", "source", "createdAt", "teams", "protected"] {
            assert_eq!(after[what], before[what], "{what}: {after}");
        }
        assert_eq!((&after["fields"]["city"], &after["source"]), (&json!("Rome"), &json!("local")));
        assert_eq!(after["link"]["state"], "linked");
        assert_ne!(after["teams"], json!([]), "in its team by hand");
        let asked = scene.rest().list(&customer.path("/reviews?list=matched")).await;
        assert_eq!(asked, Vec::<Value>::new(), "it is no stranger's");
    }
}
