//! Several processes, one app registration: what they share of Graph's limits, they share through
//! the budget alone. Each test has its counterpart without it, which shows that nothing else does.

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::graph_budget::{Allowance, GRANT};
use contact_sync_engine::memory::MemoryBudget;
use contact_sync_engine::port::{Directory, Lane};
use contact_sync_graph_client::{Endpoints, GraphClient};
use jiff::SignedDuration;

use crate::stub::{APP, Received, Reply, Stub, TestClock, TestCredential, page, tenant};

/// A process with tokens, lanes and shares of its own.
type Process = GraphClient<TestCredential, TestClock, MemoryBudget>;

fn process(stub: &Stub, budget: &MemoryBudget) -> Process {
    let endpoints = Endpoints::parse(&stub.base, &stub.base).unwrap();
    let client = GraphClient::new(endpoints, APP, stub.credential.clone(), stub.clock.clone());
    client.unwrap().sharing(budget.clone())
}

async fn list(process: &Process, lane: Lane) {
    let all = UserSelection::default();
    process.list_users(&tenant(), &all, None, lane).await.unwrap();
}

/// A page that costs what is taken at once: every further page is asked for.
fn costly() -> Reply {
    page(&[]).header("x-ms-resource-unit", &GRANT.to_string())
}

fn waits(stub: &Stub) -> Vec<SignedDuration> {
    stub.clock.waits.lock().unwrap().clone()
}

/// How many pages these processes read in turn before one of them has to wait.
async fn pages_before_waiting(budgets: &[MemoryBudget]) -> usize {
    let stub = Stub::of(vec![costly()]).await;
    let processes: Vec<Process> = budgets.iter().map(|budget| process(&stub, budget)).collect();
    let mut pages = 0;
    loop {
        list(&processes[pages % processes.len()], Lane::Bulk).await;
        if !waits(&stub).is_empty() {
            return pages;
        }
        pages += 1;
    }
}

/// Two runs of one tenant that each took a whole share would together be refused, and real time with
/// them.
#[tokio::test]
async fn two_processes_that_read_one_tenant_read_no_more_than_one() {
    let whole = usize::try_from(2_450 / GRANT).unwrap();
    let shared = MemoryBudget::default();
    // The first page of each process is not asked for.
    assert_eq!(pages_before_waiting(std::slice::from_ref(&shared)).await, 1 + whole);
    let shared = MemoryBudget::default();
    assert_eq!(pages_before_waiting(&[shared.clone(), shared]).await, 2 + whole);
    let apart = [MemoryBudget::default(), MemoryBudget::default()];
    assert_eq!(pages_before_waiting(&apart).await, 2 + 2 * whole, "nothing else keeps them");
}

/// Graph tells whoever cannot wait that a limit is nearly used.
fn nearly_used(received: &Received) -> Option<Reply> {
    let is_urgent = received.header("x-ms-throttle-priority") == "normal";
    let urgent = page(&[]).header("x-ms-throttle-limit-percentage", "0.95");
    (!received.is_token()).then(|| if is_urgent { urgent } else { costly() })
}

/// A change that somebody waits for would come late for as long as a full run lasts.
#[tokio::test]
async fn a_full_run_yields_to_real_time_of_another_process_and_real_time_yields_to_nobody() {
    let shared = MemoryBudget::default();
    for (of_the_run, of_real_time, yields) in
        [(shared.clone(), shared, true), (MemoryBudget::default(), MemoryBudget::default(), false)]
    {
        let stub = Stub::new(nearly_used).await;
        let run = process(&stub, &of_the_run);
        let real_time = process(&stub, &of_real_time);
        for _ in 0..3 {
            list(&run, Lane::Bulk).await;
        }
        list(&real_time, Lane::Interactive).await;
        assert_eq!(waits(&stub), [], "nobody had to wait so far");
        list(&run, Lane::Bulk).await;
        let relief = SignedDuration::from_secs(2);
        assert_eq!(waits(&stub), if yields { vec![relief] } else { Vec::new() });
        // However much the run has used, what cannot wait is sent at once.
        while waits(&stub).len() < 2 + usize::from(yields) {
            list(&run, Lane::Bulk).await;
        }
        let before = waits(&stub);
        assert!(before.last().is_some_and(|wait| *wait <= Allowance::TENANT.worth(GRANT)));
        list(&real_time, Lane::Interactive).await;
        assert_eq!(waits(&stub), before);
    }
}
