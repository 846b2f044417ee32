//! Deliveries that go wrong, on Graph's side or on ours: nothing is lost, and nothing is written
//! twice.
//!
//! Graph may put items of several subscriptions and tenants into one POST where they share an
//! address. Ours never do, since each subscription's address carries a key of its own; what such a
//! POST would do is in `webhook.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contact_sync_flows::{Customer, Scene, SceneOptions, assert_gapless, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::webhook::hints;

/// The way of the webhook to its store: closed at first, then open, and as slow as is asked.
#[derive(Clone)]
struct Door {
    address: SocketAddr,
    delay_ms: Arc<AtomicU64>,
}

impl Door {
    fn closed() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), delay_ms: Arc::default() }
    }

    /// The scene in which the webhook must go through this door.
    async fn scene(&self, users: u32) -> Scene {
        let mut options = SceneOptions::with_users(users);
        let address = format!("http://{}", self.address);
        options.environment = vec![("graph-webhook", "AWS_ENDPOINT_URL_DYNAMODB", address)];
        Scene::start(options).await
    }

    async fn open(&self, scene: &Scene) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let store = scene.stack.aws_url().trim_start_matches("http://").to_owned();
        let delay = Arc::clone(&self.delay_ms);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, store.clone(), Arc::clone(&delay)));
            }
        });
    }

    fn slow_down(&self, delay: Duration) {
        let milliseconds = delay.as_millis().try_into().unwrap();
        self.delay_ms.store(milliseconds, Ordering::Relaxed);
    }
}

/// Carries bytes both ways, what is asked with a delay.
async fn pass(client: TcpStream, store: String, delay_ms: Arc<AtomicU64>) {
    let Ok(store) = TcpStream::connect(&store).await else { return };
    let (mut asked, mut told) = client.into_split();
    let (mut answered, mut onward) = store.into_split();
    let back = tokio::spawn(async move { copy(&mut answered, &mut told).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = asked.read(&mut buffer).await {
        tokio::time::sleep(Duration::from_millis(delay_ms.load(Ordering::Relaxed))).await;
        if onward.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    back.abort();
}

async fn hint_count(scene: &Scene, customer: &Customer<'_>) -> u64 {
    hints(scene, &customer.connection).await.parse().unwrap()
}

async fn title(customer: &Customer<'_>, user: &str) -> Value {
    customer.linked_contact(user).await["fields"]["jobTitle"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_we_could_not_keep_is_repeated_by_graph_and_arrives_once() {
    let door = Door::closed();
    let scene = door.scene(15).await;
    let customer = scene.synced().await;
    let user = customer.people_in_scope()[1].id().to_owned();
    let before = customer.linked_contact(&user).await["version"].as_u64().unwrap();
    let (hinted, looks) =
        (hint_count(&scene, &customer).await, scene.stack.invocations("delta-sync").len());

    customer.edit(&user, json!({"jobTitle": "Told at the second try"}));
    eventually("a delivery is refused", async || {
        (scene.sim.deliveries().failed_attempts > 0).then_some(())
    })
    .await;
    assert_eq!(hint_count(&scene, &customer).await, hinted, "nothing was kept");
    assert_eq!(scene.stack.invocations("delta-sync").len(), looks);

    door.open(&scene).await;
    scene.settle().await;
    assert_eq!(title(&customer, &user).await, "Told at the second try", "{}", scene.story());
    assert_eq!(customer.linked_contact(&user).await["version"], before + 1);
    assert_eq!(hint_count(&scene, &customer).await, hinted + 1, "one delivery was taken");
    assert_eq!(scene.sim.deliveries().lost, 0);
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_come_too_late_are_repeated_delayed_and_dropped_and_nothing_is_lost() {
    for by_url in [false, true] {
        let door = Door::closed();
        let scene = door.scene(15).await;
        door.open(&scene).await;
        let customer = scene.synced().await;
        let people = customer.people_in_scope();
        let [first, second, third] = [1, 2, 3].map(|number| people[number].id());
        let impatient = json!({"notifications": {
            "firstTimeoutMs": 300, "healthMinSamples": 1, "healthByUrl": by_url,
        }});
        scene.sim.merge_settings(&impatient).unwrap();

        // We keep what Graph gave up waiting for: it comes a second time and changes nothing more.
        door.slow_down(Duration::from_millis(600));
        let before = customer.linked_contact(first).await["version"].as_u64().unwrap();
        customer.edit(first, json!({"jobTitle": "Kept too late"}));
        scene.settle().await;
        assert_eq!(title(&customer, first).await, "Kept too late", "{}", scene.story());
        assert!(scene.sim.deliveries().failed_attempts > 0, "no answer came too late");
        assert_eq!(customer.linked_contact(first).await["version"], before + 1);

        // A slow receiver hears of the next change ten minutes later.
        door.slow_down(Duration::ZERO);
        customer.edit(second, json!({"jobTitle": "Ten minutes later"}));
        scene.settle_stack().await;
        assert!(scene.sim.deliveries().pending > 0, "by URL: {by_url}");
        assert_ne!(title(&customer, second).await, "Ten minutes later");
        scene.sim.advance_clock(Duration::from_mins(11));
        scene.settle().await;
        assert_eq!(title(&customer, second).await, "Ten minutes later", "{}", scene.story());

        // One that is too slow even for a repetition loses what comes next; the hourly look finds
        // it.
        scene.sim.merge_settings(&json!({"notifications": {"retryTimeoutMs": 300}})).unwrap();
        door.slow_down(Duration::from_millis(600));
        customer.edit(first, json!({"jobTitle": "Never in time"}));
        eventually("a first answer comes too late", async || {
            let failed = scene.sim.deliveries().failed_attempts;
            (failed > 1).then_some(())
        })
        .await;
        // The judgement over the first answer ends before the repetition is judged.
        scene.sim.advance_clock(Duration::from_mins(11));
        eventually("the repetition comes too late", async || {
            let failed = scene.sim.deliveries().failed_attempts;
            (failed > 2).then_some(())
        })
        .await;
        door.slow_down(Duration::ZERO);
        scene.settle().await;
        let lost = scene.sim.deliveries().lost;
        customer.edit(third, json!({"jobTitle": "Nobody told us"}));
        scene.settle().await;
        assert_eq!(scene.sim.deliveries().lost, lost + 1, "by URL: {by_url}");
        assert_ne!(title(&customer, third).await, "Nobody told us");
        scene.let_an_hour_pass_unseen(&customer.connection).await;
        scene.sweep().await;
        assert_eq!(title(&customer, third).await, "Nobody told us", "{}", scene.story());
        assert_gapless(&customer.events().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_that_directories_are_not_promised_are_acted_upon_all_the_same() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let user = customer.people_in_scope()[1].id().to_owned();
    for (event, is_gone) in
        [("missed", false), ("subscriptionRemoved", true), ("somethingUnheardOf", false)]
    {
        let before = scene.sim.subscriptions().remove(0).id;
        // What nobody told us of is found because of the notice.
        scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
        let unheard = format!("Before {event}");
        customer.edit(&user, json!({"jobTitle": unheard}));
        scene.sim.merge_settings(&json!({"notifications": {"enabled": true}})).unwrap();
        scene.settle().await;
        assert_ne!(title(&customer, &user).await, unheard.as_str());
        assert!(scene.sim.send_lifecycle(before, event, false));
        scene.settle_deliveries().await;
        if is_gone {
            scene.sim.remove_subscription(before);
        }
        scene.settle().await;
        assert_eq!(title(&customer, &user).await, unheard.as_str(), "{event}\n{}", scene.story());

        // The subscription is looked after: kept where Graph has it, made again where not.
        scene.sweep().await;
        let there = scene.sim.subscriptions();
        assert_eq!(there.len(), 1, "{event}: {there:?}");
        assert_eq!(there[0].id != before, is_gone, "{event}: {}", scene.story());
        assert_eq!(customer.show().await["subscription"]["state"], "active", "{event}");
        let heard = format!("After {event}");
        customer.edit(&user, json!({"jobTitle": heard}));
        scene.settle().await;
        assert_eq!(title(&customer, &user).await, heard.as_str(), "{event}\n{}", scene.story());
    }
    assert_eq!(customer.runs_of("full").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_graph_wants_confirmed_is_confirmed_before_it_falls_silent() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let user = customer.people_in_scope()[1].id().to_owned();
    let subscription = scene.sim.subscriptions().remove(0);
    // Long before half of its life is over, and Graph still delivers.
    scene.sim.advance_clock(Duration::from_mins(5));
    assert!(scene.sim.send_lifecycle(subscription.id, "reauthorizationRequired", false));
    scene.settle().await;
    scene.sweep().await;
    let renewed = scene.sim.subscriptions().remove(0);
    assert_eq!(renewed.id, subscription.id);
    assert!(renewed.renewed_at > subscription.renewed_at, "{}", scene.story());
    customer.edit(&user, json!({"jobTitle": "Still heard"}));
    scene.settle().await;
    assert_eq!(title(&customer, &user).await, "Still heard");
}
