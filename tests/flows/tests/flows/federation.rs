//! An installation that stores no secret: its roles sign in with tokens of their AWS account.

use contact_sync_flows::{Scene, SceneOptions, function_logs};
use entra_contact_sync_local::aws::TOKEN_ISSUER;
use entra_sim::FederatedCredential;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn roles_sign_in_without_any_stored_secret_and_their_work_is_measured() {
    let parameters = vec![("FederationIssuer", TOKEN_ISSUER.to_owned())];
    let scene = Scene::start(SceneOptions { parameters, ..SceneOptions::with_users(15) }).await;
    let plan = scene.stack.plan();
    let subjects = plan.outputs["FederationSubjects"].clone();
    assert!(plan.secrets.is_empty(), "nothing is stored");
    // Entra is told to trust each role, and no secret any more.
    let mut app = scene.sim.apps().remove(0);
    app.secrets.clear();
    app.federated_credentials = subjects
        .split(',')
        .map(|subject| FederatedCredential {
            issuer: TOKEN_ISSUER.to_owned(),
            subject: subject.to_owned(),
            audience: "api://AzureADTokenExchange".to_owned(),
            keys: vec![scene.stack.web_identity_key().unwrap()],
        })
        .collect();
    scene.sim.put_app(app.clone());
    let customer = scene.synced().await;
    assert_ne!(customer.contacts().await.len(), 0, "{}", scene.story());
    let user = customer.people_in_scope()[0].id().to_owned();
    customer.edit(&user, json!({"jobTitle": "By role"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "By role");
    assert_eq!(scene.stack.denied_calls(), Vec::<String>::new());
    let tokens = scene.stack.counters().sum(|call| call.operation == "sts:GetWebIdentityToken");
    let secrets = scene.stack.counters().sum(|call| call.operation.starts_with("secretsmanager:"));
    assert!(tokens.requests > 0 && secrets.requests == 0);

    // What operators look at was written, with numbers and without customers in its dimensions.
    let logs = function_logs(&scene.stack);
    for (function, metrics) in [
        ("full-sync", &["UsersSeen", "ContactsCreated", "GraphRequests"][..]),
        ("delta-sync", &["RunsSucceeded", "ContactsUpdated", "DeltaLag"]),
        ("graph-webhook", &["NotificationsAccepted", "NotificationDelay"]),
        ("event-publisher", &["EventsPublished"]),
        ("admin-api", &["RequestsServed", "RequestDuration"]),
    ] {
        for metric in metrics {
            let written =
                logs[function].lines().filter(|line| line.contains("\"_aws\"")).any(|line| {
                    let line: serde_json::Value = serde_json::from_str(line).unwrap();
                    let declared = &line["_aws"]["CloudWatchMetrics"][0];
                    assert_eq!(declared["Dimensions"], json!([["Stage", "Function"]]));
                    line[*metric].is_number() && declared.to_string().contains(metric)
                });
            assert!(written, "{function} never told {metric}");
        }
    }

    // Entra stops trusting the roles: operators are told, and nothing is lost.
    let trusted = app.clone();
    app.federated_credentials.clear();
    scene.sim.put_app(app);
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    customer.edit(&user, json!({"jobTitle": "While nobody was trusted"}));
    scene.settle().await;
    let told = function_logs(&scene.stack);
    assert!(told["delta-sync"].contains("\"CredentialRefused\":1.0"), "{}", scene.story());
    scene.sim.put_app(trusted);
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    let contact = customer.linked_contact(&user).await;
    assert_eq!(contact["fields"]["jobTitle"], "While nobody was trusted", "{}", scene.story());
}
