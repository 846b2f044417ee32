//! Reports as files: safe to open, addressed for minutes, kept for as many days as the account says.

use std::time::Duration;

use contact_sync_flows::{Scene, SceneOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What spreadsheets take for the beginning of a formula.
const FORMULAS: [char; 4] = ['=', '+', '-', '@'];

/// HF-34: somebody in the directory calls himself `=HYPERLINK(…)`. Who opens the report of the night
/// must not run it; read as CSV, no cell of either form begins a formula, and the address is still
/// there.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_name_or_address_is_a_formula_is_only_text_in_both_tables() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let mut addresses = Vec::new();
    for (person, sign) in people.iter().zip(FORMULAS) {
        let address = format!("{sign}cmd.calc@contoso.example");
        let name = format!("{sign}HYPERLINK(\"http://evil.example\",\"{sign}1\")");
        customer.edit(person.id(), json!({"mail": address, "displayName": name}));
        addresses.push(address);
    }
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    let mut seen = 0;
    for form in ["", "?form=extended"] {
        let path = customer.path(&format!("/runs/{run}/report{form}"));
        let file = scene.rest().get(&path).await.expect(200).text;
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert!(rows.len() > 8, "{file}");
        for cell in rows.iter().flat_map(csv::StringRecord::iter) {
            assert!(!cell.trim_start().starts_with(FORMULAS), "{cell:?} would be run: {file}");
        }
        for address in &addresses {
            let defused = format!("'{address}");
            let found = rows.iter().filter(|row| row.get(0) == Some(defused.as_str())).count();
            assert_eq!(found, 1, "{address} is in the file: {file}");
            seen += found;
        }
    }
    assert_eq!(seen, 2 * FORMULAS.len());
    // Programs get it as it is.
    let (lines, _) = customer.json_lines(&run).await;
    for address in &addresses {
        assert!(lines.iter().any(|line| line["email"] == address.as_str()), "{address}");
    }
}

/// J5, HF-39: the customer keeps reports for thirty days and says so in its privacy notice. After that
/// the report is gone and says why; what was made under the longer promise is still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_kept_for_the_accounts_days_and_then_says_that_it_is_over() {
    let options = SceneOptions { runs_schedules: false, ..SceneOptions::with_users(12) };
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    let long = customer.runs_of("full").await[0]["id"].as_str().unwrap().to_owned();
    let retention = json!({"retention": {"historyDays": 30, "reportDays": 30, "deedDays": 365}});
    scene.rest().patch(&customer.account_path(""), &retention).await.expect(200);
    let short = customer.sync_now().await["id"].as_str().unwrap().to_owned();
    let forms = ["", "?form=extended", "?form=jsonl"];
    let report = async |run: &str, form: &str| {
        scene.rest().get(&customer.path(&format!("/runs/{run}/report{form}"))).await
    };
    let days = |days: u64| Duration::from_secs(days * 24 * 3_600);
    scene.pass_time(days(29));
    for form in forms {
        report(&short, form).await.expect(200);
    }
    scene.pass_time(days(3));
    for form in forms {
        let gone = report(&short, form).await.expect(410);
        assert_eq!(gone.problem(), "report-expired");
        assert!(gone.json()["detail"].as_str().unwrap().contains("30 days"), "{}", gone.text);
        report(&long, form).await.expect(200);
    }
    let kept: Vec<Value> = customer.runs().await.into_iter().map(|run| run["id"].clone()).collect();
    assert!(kept.contains(&json!(short)), "that it ran is still known: {kept:?}");

    // What it changed goes by the days of the history, in the same words.
    scene.age_run(&short, SignedDuration::from_hours(24 * 31)).await;
    let changes = scene.rest().get(&customer.path(&format!("/runs/{short}/changes"))).await;
    let gone = changes.expect(410);
    assert_eq!(gone.problem(), "report-expired");
    assert!(gone.json()["detail"].as_str().unwrap().contains("30 days"), "{}", gone.text);
    let undo = customer.path(&format!("/runs/{short}/undo"));
    scene.rest().post(&undo, &json!({})).await.expect(410);
}
