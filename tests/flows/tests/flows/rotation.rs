//! The app's own credential, replaced while everything runs.

use contact_sync_flows::{Customer, Scene, function_logs, register_certificate};
use entra_sim::{AppRegistration, ClientSecret, LoggedRequest};
use serde_json::json;

/// What the operator puts in the place of the old secret.
const NEW_SECRET: &str = "second-secret-of-the-installation";

/// Registers a credential; answers what the installation's secret must hold.
type Register = fn(&mut AppRegistration) -> String;

/// The requests for tokens so far.
fn sign_ins(scene: &Scene) -> Vec<LoggedRequest> {
    let requests = scene.sim.requests(5_000).into_iter();
    requests.filter(|request| request.endpoint.ends_with("/oauth2/v2.0/token")).collect()
}

fn refusals(scene: &Scene) -> usize {
    sign_ins(scene).iter().filter(|request| request.status >= 400).count()
}

/// Adds a secret to the registration; answers what the installation's secret must hold.
fn register_secret(app: &mut AppRegistration, value: &str) -> String {
    app.secrets.push(ClientSecret { value: value.to_owned(), expires_at: None });
    json!({ "clientSecret": value }).to_string()
}

/// Takes the older half of what is registered away.
fn withdraw_the_older(app: &mut AppRegistration) {
    if let [_, _] = app.certificates.as_slice() {
        app.certificates.remove(0);
    } else if let [_, _] = app.secrets.as_slice() {
        app.secrets.remove(0);
    } else {
        app.secrets.clear();
    }
}

/// A change of the directory that needs a new token; answers which credential bought it.
async fn key_of_next_look(scene: &Scene, customer: &Customer<'_>, title: &str) -> String {
    scene.sim.reset_requests();
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    let user = customer.people_in_scope()[1].id().to_owned();
    customer.edit(&user, json!({ "jobTitle": title }));
    scene.settle().await;
    let contact = customer.linked_contact(&user).await;
    assert_eq!(contact["fields"]["jobTitle"], title, "{}", scene.story());
    let bought = sign_ins(scene);
    assert_eq!(refusals(scene), 0, "{title}: {bought:#?}");
    assert!(!bought.is_empty(), "{title}: no token was asked for");
    bought.last().and_then(|last| last.credential.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_two_credentials_are_valid_each_process_uses_its_own_and_no_run_fails() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let mut app = scene.sim.apps().remove(0);
    let mut in_use = key_of_next_look(&scene, &customer, "By the first secret").await;
    let rotations: [(&str, Register); 3] = [
        ("a second secret", |app| register_secret(app, NEW_SECRET)),
        ("a certificate", register_certificate),
        ("a second certificate", register_certificate),
    ];
    for (name, register) in rotations {
        // Registered beside the former one, then put where functions read it.
        let kept = register(&mut app);
        scene.sim.put_app(app.clone());
        scene.stack.put_secret("AppCredential", kept).unwrap();

        // A process that has the former one in mind goes on with it.
        let old = key_of_next_look(&scene, &customer, &format!("Before {name}")).await;
        assert_eq!(old, in_use, "{name}: the process that was there before");
        // One that starts now has read the new one: both are used at the same time.
        scene.stack.function("delta-sync").unwrap().warm().await.unwrap();
        let new = key_of_next_look(&scene, &customer, &format!("By {name}")).await;
        assert_ne!(new, old, "{name}: a process that started after the replacement");

        // The former one is withdrawn while processes still have it in mind: each is refused once,
        // reads again, and nothing fails.
        withdraw_the_older(&mut app);
        scene.sim.put_app(app.clone());
        scene.sim.revoke_tokens(scene.tenant).unwrap();
        scene.sim.reset_requests();
        let run = customer.sync_now().await;
        assert_ne!(run["status"], "failed", "{name}: {run}\n{}", scene.story());
        scene.sweep().await;
        let refused = refusals(&scene);
        assert!(refused <= 3, "{name}: {refused} refusals: one for each process at most");
        let used = sign_ins(&scene).into_iter().filter(|request| request.status == 200);
        let used: Vec<_> = used.filter_map(|request| request.credential).collect();
        assert!(used.iter().all(|key| *key == new) && !used.is_empty(), "{name}: {used:?}");
        in_use = key_of_next_look(&scene, &customer, &format!("After {name}")).await;
        assert_eq!(in_use, new, "{name}");
    }
    assert!(app.secrets.is_empty() && app.certificates.len() == 1, "{app:?}");
    let runs = customer.runs().await;
    assert!(runs.iter().all(|run| run["status"] != "failed"), "{runs:#?}");
    let logs = function_logs(&scene.stack);
    assert!(logs.values().all(|log| !log.contains("credential.refused")), "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_cut_off_at_once_is_read_again_when_it_is_refused() {
    let scene = Scene::with_users(15).await;
    // Every function now has the first secret in mind, and would for five minutes.
    let contoso = scene.synced().await;
    let mut app = scene.sim.apps().remove(0);
    app.secrets.clear();
    let kept = register_secret(&mut app, NEW_SECRET);
    scene.sim.put_app(app);
    scene.stack.put_secret("AppCredential", kept).unwrap();

    // Nobody has a token for the second organisation yet.
    scene.sim.reset_requests();
    let fabrikam = scene.customer("fabrikam").await;
    fabrikam.connect(scene.other_tenant).await;
    let run = fabrikam.enable_for(scene.other_tenant).await.expect(202).run_id();
    let ended = fabrikam.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(ended["status"], "succeeded", "{ended}\n{}", scene.story());
    assert!(!fabrikam.contacts().await.is_empty());
    let refused = refusals(&scene);
    assert!((1..=10).contains(&refused), "{refused} refusals: one for each process at most");
    let logs = function_logs(&scene.stack);
    assert!(logs.values().all(|log| !log.contains("credential.refused")), "{logs:?}");
    assert_eq!(contoso.status().await, "enabled");
    assert_eq!(fabrikam.status().await, "enabled");
}
