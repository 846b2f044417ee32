//! A report larger than an answer may be.

use std::time::Duration;

use contact_sync_flows::Scene;
use serde_json::{Value, json};

/// The limit of an answer that carries a report, in bytes.
const LIMIT: usize = 4 * 1024 * 1024;

/// Selections whose options are so long that a refusal, which names ten of them, fills pages.
fn wordy_fields() -> Value {
    let field = |number: u32| {
        let option = |place: u32| format!("{number}-{place}-{}", "x".repeat(118));
        json!({
            "key": format!("wordy{number}"),
            "label": format!("Wordy {number}"),
            "type": "singleSelect",
            "required": false,
            "options": (0..12).map(option).collect::<Vec<_>>(),
        })
    };
    (0..8).map(field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_over_four_megabytes_is_fetched_from_where_the_api_points() {
    let scene = Scene::with_users(300).await;
    let customer = scene.connected().await;
    customer.set_custom_fields(wordy_fields()).await;
    let mut rows = customer.settings().await["mapping"].as_array().unwrap().clone();
    for number in 0..8 {
        rows.push(json!({"target": format!("custom.wordy{number}"), "source": "[displayName]"}));
    }
    customer.change_settings(json!({"mapping": rows})).await;
    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    assert_eq!(ended["status"], "partial", "{ended}");
    let failed = ended["counts"]["failed"].as_u64().unwrap();

    let simple = customer.report(&run).await;
    assert_eq!(simple.len() as u64, failed, "the smaller form is answered as it is");
    let path = customer.path(&format!("/runs/{run}/report?form=extended"));
    let pointed = scene.rest().get(&path).await.expect(307);
    assert!(pointed.text.is_empty(), "nothing of the report is in the answer itself");
    // A stranger with the address needs no token, for a few minutes.
    let file = scene.http().get(pointed.header("location")).send().await.unwrap();
    assert_eq!(file.status().as_u16(), 200);
    let named = file.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(named.contains(&run) && named.contains("extended.csv"), "{named}");
    let text = file.text().await.unwrap();
    assert!(text.len() > LIMIT, "{} bytes", text.len());
    assert_eq!(text.lines().next(), Some(contact_sync_flows::EXTENDED_COLUMNS));
    assert!(text.lines().count() as u64 > failed);

    // Machines' lines are compressed there.
    let path = customer.path(&format!("/runs/{run}/report?form=jsonl"));
    let pointed_lines = scene.rest().get(&path).await.expect(307);
    let file = scene.http().get(pointed_lines.header("location")).send().await.unwrap();
    let named = file.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(named.contains(&run) && named.contains(".jsonl.gz"), "{named}");
    let packed = file.bytes().await.unwrap();
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < LIMIT, "{} bytes", packed.len());

    let unsigned = pointed.header("location").split('?').next().unwrap().to_owned();
    let refused = scene.http().get(unsigned).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 403, "the address alone opens nothing");

    // Who finds the address in somebody's history half an hour later gets nothing.
    scene.pass_time(Duration::from_mins(3));
    let in_time = scene.http().get(pointed.header("location")).send().await.unwrap();
    assert_eq!(in_time.status().as_u16(), 200, "it works for five minutes");
    scene.pass_time(Duration::from_mins(3));
    for late in [&pointed, &pointed_lines] {
        let refused = scene.http().get(late.header("location")).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), 403, "and not longer");
        assert!(!refused.text().await.unwrap().contains("wordy"), "nothing of it is told");
    }
}
