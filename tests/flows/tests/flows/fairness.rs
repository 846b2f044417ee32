//! A large tenant cannot hold up small ones: its long run keeps neither the runs nor the changes of
//! other tenants waiting for a worker.
//!
//! It does not show that processes share Graph's limits. Here Graph, which limits each tenant by
//! itself and a hundred times as narrowly, is what makes the large one's run last, and nobody comes
//! near the application's limit. That whoever reads a whole directory shares one budget with other
//! processes, and leaves the rest to real time, is shown in `shared/graph-client/tests/it/fairness.rs`
//! and, of the stored budget, in `shared/dynamo-store/tests/conformance/graph_budget.rs`.

use contact_sync_flows::{Customer, Scene, SceneOptions, eventually};
use entra_sim::TenantSpec;
use serde_json::json;
use uuid::Uuid;

/// People of the large tenant.
const LARGE: u32 = 20_000;

const SMALL: [&str; 5] = ["alpine", "bakers", "cobalt", "dunes", "elmwood"];

#[tokio::test(flavor = "multi_thread")]
async fn a_large_tenant_holds_up_no_small_one() {
    let mut options = SceneOptions::with_users(LARGE);
    options.tenants.truncate(1);
    let small = SMALL.iter().map(|name| TenantSpec::new(name, &format!("{name}.example"), 50));
    options.tenants.extend(small);
    // A hundredth of Graph's limits: 80 units in ten seconds for the large one, 35 for each other.
    options.settings.throttling.scale = 0.01;
    let scene = Scene::start(options).await;
    let tenants: Vec<Uuid> = scene.sim.tenants().iter().map(|tenant| tenant.id).collect();
    let big = scene.connected().await;
    let mut others: Vec<(Customer<'_>, Uuid)> = Vec::new();
    for (name, tenant) in SMALL.iter().zip(&tenants[1..]) {
        let customer = scene.customer(name).await;
        customer.connect(*tenant).await;
        others.push((customer, *tenant));
    }
    let run = big.enable().await;
    eventually("the large one is being read", async || {
        (big.run(&run).await["progress"]["done"].as_u64()? > 0).then_some(())
    })
    .await;
    let mut runs = Vec::new();
    for (customer, tenant) in &others {
        runs.push(customer.enable_for(*tenant).await.expect(202).run_id());
    }
    for ((customer, _), run) in others.iter().zip(&runs) {
        let ended = customer.wait_for_run(run).await;
        assert_eq!(ended["counts"]["seen"], 50, "{ended}\n{}", scene.story());
        let failed = ended["counts"]["failed"].as_u64().unwrap();
        assert!(failed <= 1, "two of each directory have one address: {ended}");
    }
    let meanwhile = big.run(&run).await;
    assert_eq!(meanwhile["status"], "running", "{meanwhile}");
    let done = meanwhile["progress"]["done"].as_u64().unwrap();
    assert!(done < u64::from(LARGE) / 3, "{done} of {LARGE} were read before the small ones ended");

    // A change in a small one is not held up either.
    let (customer, tenant) = &others[0];
    let contact = customer.contacts().await.remove(0);
    let user = contact["link"]["objectId"].as_str().unwrap().to_owned();
    eventually("the subscription is made", async || {
        scene.sim.subscriptions().iter().any(|it| it.tenant == *tenant).then_some(())
    })
    .await;
    scene.sim.update_user(*tenant, &user, json!({"jobTitle": "Meanwhile"})).unwrap();
    eventually("the change is applied", async || {
        let contact = customer.contact_of(&user).await?;
        (contact["fields"]["jobTitle"] == "Meanwhile").then_some(())
    })
    .await;
    assert_eq!(big.run(&run).await["status"], "running", "while the large one goes on");
    // The rest of it shows nothing more.
    big.act("pause").await.expect(202);
    scene.settle().await;
}
