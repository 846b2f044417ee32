//! The app's own credential, replaced while everything runs.

use contact_sync_flows::{Scene, function_logs};
use entra_sim::ClientSecret;
use serde_json::json;

/// What the operator puts in the place of the old secret.
const NEW_SECRET: &str = "second-secret-of-the-installation";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_replaced_is_read_again_when_the_old_one_is_refused() {
    let scene = Scene::with_users(15).await;
    // Every function now has the first secret in mind, and would for five minutes.
    let contoso = scene.synced().await;
    let mut app = scene.sim.apps().remove(0);
    app.secrets = vec![ClientSecret { value: NEW_SECRET.to_owned(), expires_at: None }];
    scene.sim.put_app(app);
    let kept = json!({"clientSecret": NEW_SECRET}).to_string();
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
    let asked = scene.sim.requests(5_000);
    let refused = asked.iter().filter(|request| request.endpoint.ends_with("/oauth2/v2.0/token"));
    let refused = refused.filter(|request| request.status == 401).count();
    assert!((1..=10).contains(&refused), "{refused} refusals: one for each process at most");
    let logs = function_logs(&scene.stack);
    assert!(logs.values().all(|log| !log.contains("credential.refused")), "{logs:?}");
    assert_eq!(contoso.status().await, "enabled");
    assert_eq!(fabrikam.status().await, "enabled");
}
