//! Time that passed for what people and runs left behind: plans, approvals, failures, reports.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::scene::Scene;

/// An instant of a document that is kept as text, moved back; what is absent stays so.
fn move_back(document: &mut Value, name: &str, by: SignedDuration) {
    if let Some(at) = document[name].as_str() {
        let at: Timestamp = at.parse().expect("an instant");
        document[name] = json!(at.checked_sub(by).unwrap().to_string());
    }
}

impl Scene {
    /// A run's plan was made so long ago.
    pub async fn age_plan(&self, run: &str, by: SignedDuration) {
        let item = self.run_record(run).await;
        let plan = &item["doc"]["M"]["plan"]["M"];
        let earlier = |name: &str| {
            let at: Timestamp = plan[name]["S"].as_str().expect("an instant").parse().unwrap();
            json!({"S": at.checked_sub(by).unwrap().to_string()})
        };
        let values = json!({":made": earlier("madeAt"), ":ends": earlier("expiresAt")});
        let assignments = "#doc.#plan.#madeAt = :made, #doc.#plan.#expiresAt = :ends";
        self.set(&item, assignments, &values).await;
    }

    /// A run began so long ago: what it left is kept by its start.
    pub async fn age_run(&self, run: &str, by: SignedDuration) {
        let item = self.run_record(run).await;
        let at: Timestamp = item["doc"]["M"]["startedAt"]["S"].as_str().unwrap().parse().unwrap();
        let then = json!({"S": at.checked_sub(by).unwrap().to_string()});
        self.set(&item, "#doc.#startedAt = :then", &json!({":then": then})).await;
    }

    /// Whatever approvals of removals were not carried out yet were given so much earlier.
    pub async fn age_approvals(&self, connection: &str, by: SignedDuration) -> usize {
        let names = ["at", "expiresAt"];
        self.age_pending(connection, "APPROVED#", &names, by).await
    }

    /// Whoever failed through a connection failed so much earlier, and the next try is due that much
    /// sooner.
    pub async fn age_failures(&self, connection: &str, by: SignedDuration) {
        let names = ["firstAt", "lastAt", "nextAt"];
        self.age_pending(connection, "ESCROW#", &names, by).await;
        let item = self.sync_state(connection).await;
        if let Some(due) = item["work"]["M"]["nextDue"]["S"].as_str() {
            let due: Timestamp = due.parse().unwrap();
            let due = due.checked_sub(by).unwrap().to_string();
            self.set(&item, "#work.#nextDue = :due", &json!({":due": {"S": due}})).await;
        }
    }

    /// A run as DynamoDB writes it.
    async fn run_record(&self, run: &str) -> Value {
        let found = self.items("StateTable").await.into_iter().find(|item| {
            item["kind"]["S"] == "run"
                && item["sk"]["S"].as_str().is_some_and(|sk| sk.ends_with(run))
        });
        found.unwrap_or_else(|| panic!("{run} is not stored\n{}", self.story()))
    }

    /// Moves instants of what waits of one kind back; answers of how many items.
    async fn age_pending(
        &self,
        connection: &str,
        prefix: &str,
        names: &[&str],
        by: SignedDuration,
    ) -> usize {
        let partition = format!("PENDING#{connection}");
        let mut aged = 0;
        for item in self.items("StateTable").await {
            let text = |name: &str| item[name]["S"].as_str().unwrap_or_default();
            if text("pk") != partition || !text("sk").starts_with(prefix) {
                continue;
            }
            let mut kept: Value = serde_json::from_str(text("json")).expect("what waits is JSON");
            for name in names {
                move_back(&mut kept, name, by);
            }
            let values = json!({":json": {"S": kept.to_string()}});
            self.set(&item, "#json = :json", &values).await;
            aged += 1;
        }
        aged
    }
}
