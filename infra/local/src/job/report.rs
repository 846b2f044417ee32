//! The first run's report against the contacts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reqwest::{Method, StatusCode};

use super::error::ensure;
use super::expected::email_key;
use super::first_sync::follow;
use super::rest::{number, succeeded, text};
use super::waiting::until;
use super::{Installation, Job, Problem, Step};

/// The columns that integrators rely on.
const HEADER: [&str; 4] = ["Email", "Type", "Sync Status", "Result"];

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    let mut csv = fetch(job).await?;
    if job.breaks(Step::Report) {
        // As if a row had been lost on the way.
        let end = csv.trim_end().rfind('\n').unwrap_or_default();
        csv.truncate(end + 1);
    }
    let run = follow(job, &job.first_run).await?;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    ensure(header == HEADER, || format!("the report's columns are {header:?}"))?;
    let (mut succeeded, mut failed, mut new) = (BTreeSet::new(), 0_u64, 0_u64);
    for record in reader.records() {
        let record = record?;
        let column = |index: usize| record.get(index).unwrap_or_default();
        match (column(1), column(2), column(3)) {
            ("New" | "Existing", "Success", "") => {
                new += u64::from(column(1) == "New");
                ensure(succeeded.insert(email_key(column(0))), || {
                    "the report names somebody twice".to_owned()
                })?;
            }
            ("New" | "Existing", "Failed", reason) if !reason.is_empty() => failed += 1,
            (kind, status, _) => {
                return Err(Problem::wrong(format!("the report has a row `{kind},{status}`")));
            }
        }
    }
    let of = |name: &str| number(&run, &format!("/counts/{name}"));
    ensure(new == of("created"), || format!("{new} rows are New, {} were created", of("created")))?;
    ensure(failed == of("failed"), || {
        format!("{failed} rows failed, the run says {}", of("failed"))
    })?;
    let contacts = job.rest.list(&format!("/v1/accounts/{}/contacts", job.account)).await?;
    let emails: BTreeSet<String> =
        contacts.iter().map(|contact| email_key(text(contact, "/fields/email"))).collect();
    let missing = emails.difference(&succeeded).count();
    let strangers = succeeded.difference(&emails).count();
    ensure(missing == 0 && strangers == 0, || {
        format!(
            "{missing} contacts are missing from the report, {strangers} of its rows have no contact"
        )
    })?;
    let path = save(job, &csv)?;
    Ok(vec![format!("{} rows, {failed} failed", succeeded.len()), path.display().to_string()])
}

async fn fetch(job: &Job<'_, impl Installation>) -> Result<String, Problem> {
    let path = job.path(&format!("/runs/{}/report", job.first_run));
    let answer = until("the report", job.within(120), || async {
        let answer = job.rest.send(Method::GET, &path, None, &[]).await?;
        let waits =
            answer.status == StatusCode::NOT_FOUND && answer.headers.contains_key("retry-after");
        Ok((!waits).then_some(answer))
    })
    .await?;
    if answer.status == StatusCode::TEMPORARY_REDIRECT {
        let url =
            answer.headers.get("location").and_then(|url| url.to_str().ok()).unwrap_or_default();
        let answer = job.rest.fetch(url).await?;
        succeeded("GET of the report's signed address".to_owned(), &answer)?;
        return Ok(answer.body);
    }
    succeeded(format!("GET {path}"), &answer)?;
    Ok(answer.body)
}

/// Keeps the report where it outlives a temporary stack.
fn save(job: &Job<'_, impl Installation>, csv: &str) -> Result<PathBuf, Problem> {
    let name = format!("entra-contact-sync-report-{}.csv", job.first_run);
    let path = job.installation.reports_dir().join(name);
    std::fs::write(&path, csv)?;
    Ok(path)
}
