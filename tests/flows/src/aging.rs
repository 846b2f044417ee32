//! Time that passed for a stored item: functions read the machine's clock, so what should be old is
//! made old where it is stored.

mod product;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::scene::Scene;

impl Scene {
    /// Nobody looked at a connection's directory for an hour and a bit.
    pub async fn let_an_hour_pass_unseen(&self, connection: &str) {
        let then = past(SignedDuration::from_mins(65)).to_string();
        let item = self.sync_state(connection).await;
        let mut assignments = "#work.#lastCheckedAt = :then".to_owned();
        let mut values = json!({":then": {"S": then}});
        if item["work"]["M"].get("unitsReadAt").is_some() {
            assignments.push_str(", #work.#unitsReadAt = :then");
        }
        // Members who are looked for at intervals have waited as long.
        if let Some(late) = item["work"]["M"].get("late") {
            let mut late = late.clone();
            for joiner in late["L"].as_array_mut().into_iter().flatten() {
                joiner["M"]["since"]["S"] = json!(then);
            }
            assignments.push_str(", #work.#late = :late");
            values[":late"] = late;
        }
        self.set(&item, &assignments, &values).await;
    }

    /// The last full run of a connection ended so long ago, and nothing came since.
    pub async fn age_last_run(&self, connection: &str, by: SignedDuration) {
        let item = self.sync_state(connection).await;
        let values = json!({":then": {"S": past(by).to_string()}});
        self.set(&item, "#work.#lastFullAt = :then", &values).await;
        self.age_connection(connection, past(by)).await;
    }

    /// Nobody looked at a connection's directory for so long.
    pub async fn age_last_look(&self, connection: &str, by: SignedDuration) {
        let item = self.sync_state(connection).await;
        let values = json!({":then": {"S": past(by).to_string()}});
        self.set(&item, "#work.#lastCheckedAt = :then", &values).await;
        self.age_connection(connection, past(by)).await;
    }

    /// Nobody touched a connection since: before it was resumed nothing was expected of it.
    async fn age_connection(&self, connection: &str, then: Timestamp) {
        let item = self.connection_item(connection).await;
        let values = json!({":then": {"S": then.to_string()}});
        self.set(&item, "#doc.#updatedAt = :then", &values).await;
    }

    /// A connection, as DynamoDB writes it.
    async fn connection_item(&self, connection: &str) -> Value {
        let item = self.items("StateTable").await.into_iter().find(|item| {
            item["kind"]["S"] == "connection"
                && item["sk"]["S"].as_str().is_some_and(|sk| sk.ends_with(connection))
        });
        item.expect("the connection is stored")
    }

    /// What Graph asked us to wait is over, also for the process of a function that was told: by
    /// then Lambda has started another one.
    pub async fn let_waiting_end(&self, connection: &str, function: &str) {
        self.stack.function(function).expect("a function").warm().await.expect("it starts");
        let item = self.sync_state(connection).await;
        if item["work"]["M"].get("notBefore").is_some_and(|at| at.get("S").is_some()) {
            let then = past(SignedDuration::from_secs(1)).to_string();
            self.set(&item, "#work.#notBefore = :then", &json!({":then": {"S": then}})).await;
        }
        // Every process that reads everybody was told by the store.
        let then = past(SignedDuration::from_secs(1)).as_nanosecond().to_string();
        for item in self.items("StateTable").await {
            if item["kind"]["S"] == "budget" && item.get("heldUntil").is_some() {
                self.set(&item, "#heldUntil = :then", &json!({":then": {"N": then}})).await;
            }
        }
    }

    /// Whoever failed through a connection was to be tried again a second ago.
    pub async fn let_failures_come_due(&self, connection: &str) {
        let then = past(SignedDuration::from_secs(1)).to_string();
        for item in self.items("StateTable").await {
            let text = |name: &str| item[name]["S"].as_str().unwrap_or_default();
            if text("pk") != format!("PENDING#{connection}") || !text("sk").starts_with("ESCROW#") {
                continue;
            }
            let mut failure: Value =
                serde_json::from_str(text("json")).expect("what waits is JSON");
            failure["nextAt"] = json!(then);
            let values = json!({":json": {"S": failure.to_string()}});
            self.set(&item, "#json = :json", &values).await;
        }
        let item = self.sync_state(connection).await;
        self.set(&item, "#work.#nextDue = :then", &json!({":then": {"S": then}})).await;
    }

    /// Everybody's photo was looked at two days ago.
    pub async fn let_photos_grow_old(&self) {
        for item in self.items("ContactsTable").await {
            if item["kind"]["S"] == "photo" {
                let then = earlier(&item, "checkedAt", SignedDuration::from_hours(48)).to_string();
                let values = json!({":then": {"S": then}});
                self.set_in("ContactsTable", &item, "#doc.#checkedAt = :then", &values).await;
            }
        }
    }

    /// The lease of a process that died runs out.
    pub async fn let_lease_run_out(&self, connection: &str) {
        let then = past(SignedDuration::from_secs(1)).as_nanosecond().to_string();
        let item = self.sync_state(connection).await;
        if item.get("holder").is_some() {
            self.set(&item, "#leaseUntil = :then", &json!({":then": {"N": then}})).await;
        }
    }

    /// All consent links were made so long ago.
    pub async fn age_consent_links(&self, by: SignedDuration) {
        for item in self.items("StateTable").await {
            if item["kind"]["S"] != "invitation" {
                continue;
            }
            let ends = earlier(&item, "expiresAt", by);
            let second = json!({"N": ends.as_second().to_string()});
            let values = json!({":ends": {"S": ends.to_string()}, ":second": second});
            self.set(&item, "#doc.#expiresAt = :ends, #expiresAt = :second", &values).await;
        }
    }

    /// Contoso's admin consented so long ago.
    pub async fn age_consent(&self, connection: &str, by: SignedDuration) {
        let item = self.connection_item(connection).await;
        let then = json!({"S": earlier(&item, "authorizedAt", by).to_string()});
        self.set(&item, "#doc.#authorizedAt = :then", &json!({":then": then})).await;
    }

    /// A day has passed since a connection's digest was last looked forward to: it is due now.
    pub async fn let_a_day_pass_for_the_digest(&self, connection: &str) {
        let day = SignedDuration::from_hours(24);
        let is_own = |item: &Value, kind: &str| {
            let keys = [&item["pk"]["S"], &item["sk"]["S"]];
            item["kind"]["S"] == kind
                && keys.iter().any(|key| key.as_str().is_some_and(|key| key.ends_with(connection)))
        };
        let items = self.items("StateTable").await;
        let due = items.iter().find(|item| is_own(item, "digest")).expect("a digest is expected");
        let mut earlier_due = due.clone();
        let moment = earlier(due, "due", day);
        earlier_due["sk"]["S"] = json!(format!("{:012}#{connection}", moment.as_second()));
        earlier_due["doc"]["M"]["due"]["S"] = json!(moment.to_string());
        let table = self.table_name("StateTable");
        let put = json!({"TableName": table, "Item": earlier_due});
        self.stack.dynamodb("PutItem", &put).await.expect("the digest is due earlier");
        let delete = json!({"TableName": table, "Key": {"pk": due["pk"], "sk": due["sk"]}});
        self.stack.dynamodb("DeleteItem", &delete).await.expect("and not later");
        let noticed =
            items.iter().find(|item| is_own(item, "noticed") && item["sk"]["S"] == "digest");
        let noticed = noticed.expect("what was summed up");
        let told = |name: &str| {
            let at: Timestamp =
                noticed["doc"]["M"]["told"]["M"][name]["S"].as_str().unwrap().parse().unwrap();
            json!({"S": at.checked_sub(day).unwrap().to_string()})
        };
        let values = json!({":until": told("until"), ":due": told("due")});
        let assignments = "#doc.#told.#until = :until, #doc.#told.#due = :due";
        self.set(noticed, assignments, &values).await;
    }

    /// Contoso's subscription on a resource was made so long ago, and ends that much sooner, for
    /// our record of it; Graph's side is untouched.
    pub async fn age_subscription(&self, resource: &str, by: SignedDuration) {
        let item = self.subscription_record(resource).await;
        let text = |name: &str| json!({"S": earlier(&item, name, by).to_string()});
        let values = json!({":renewed": text("renewedAt"), ":ends": text("expiresAt")});
        self.set(&item, "#doc.#renewedAt = :renewed, #doc.#expiresAt = :ends", &values).await;
    }

    /// Whoever set out to welcome people and did not say what became of it is dead by now.
    pub async fn let_welcomes_grow_old(&self) {
        for item in self.items("StateTable").await {
            if item["kind"]["S"] == "welcome" {
                let then = earlier(&item, "at", SignedDuration::from_mins(5));
                let since = json!({"N": then.as_nanosecond().to_string()});
                let values = json!({":at": {"S": then.to_string()}, ":since": since});
                self.set(&item, "#doc.#at = :at, #since = :since", &values).await;
            }
        }
    }

    /// Our record of Contoso's subscription on a resource, as DynamoDB writes it.
    pub async fn subscription_record(&self, resource: &str) -> Value {
        let tenant = self.tenant.to_string();
        let found = self.items("StateTable").await.into_iter().find(|item| {
            let document = &item["doc"]["M"];
            item["kind"]["S"] == "subscription"
                && document["tenantId"]["S"] == tenant.as_str()
                && document["resource"]["S"] == resource
        });
        found.unwrap_or_else(|| panic!("no record of a subscription\n{}", self.story()))
    }

    /// Whatever removals wait have waited so much longer.
    pub async fn age_removals(&self, connection: &str, by: SignedDuration) {
        let partition = format!("PENDING#{connection}");
        for item in self.items("StateTable").await {
            let is_removal = item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("REMOVAL#"));
            if item["pk"]["S"] != partition.as_str() || !is_removal {
                continue;
            }
            let mut staged: Value =
                serde_json::from_str(item["json"]["S"].as_str().unwrap()).unwrap();
            let since: Timestamp = staged["since"].as_str().unwrap().parse().unwrap();
            staged["since"] = json!(since.checked_sub(by).unwrap().to_string());
            self.set(&item, "#json = :json", &json!({":json": {"S": staged.to_string()}})).await;
        }
        let item = self.sync_state(connection).await;
        if let Some(due) = item["work"]["M"]["nextDue"]["S"].as_str() {
            let due: Timestamp = due.parse().unwrap();
            let due = due.checked_sub(by).unwrap().to_string();
            self.set(&item, "#work.#nextDue = :due", &json!({":due": {"S": due}})).await;
        }
    }

    /// Graph tells of nothing that changes any more, and says so to nobody.
    pub fn stop_notifications(&self) {
        for subscription in self.sim.subscriptions() {
            self.sim.remove_subscription(subscription.id);
        }
    }

    /// Somebody changes a contact's job title where it is stored, past everything that would notice.
    pub async fn tamper_with_title(&self, contact: &str, title: &str) {
        let item = self.items("ContactsTable").await.into_iter().find(|item| {
            item["kind"]["S"] == "contact"
                && item["sk"]["S"].as_str().is_some_and(|sk| sk.ends_with(contact))
        });
        let item = item.expect("the contact is stored");
        let title = json!({":title": {"S": title}});
        self.set_in("ContactsTable", &item, "#f.#j = :title", &title).await;
    }

    /// Lease, hints, queue and checkpoint of a connection, as DynamoDB writes them.
    pub async fn sync_state(&self, connection: &str) -> Value {
        let found = self.items("StateTable").await.into_iter().find(|item| {
            item["kind"]["S"] == "sync"
                && item["sk"]["S"].as_str().is_some_and(|sk| sk.ends_with(connection))
        });
        found.unwrap_or_else(|| panic!("{connection} has no sync state\n{}", self.story()))
    }

    /// Sets attributes of an item of the state table, as [`Self::set_in`].
    async fn set(&self, item: &Value, assignments: &str, values: &Value) {
        self.set_in("StateTable", item, assignments, values).await;
    }

    /// Sets attributes of an item; every `#name` stands for the attribute of that name.
    async fn set_in(&self, table: &str, item: &Value, assignments: &str, values: &Value) {
        let names: serde_json::Map<String, Value> = assignments
            .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '#'))
            .filter(|word| word.starts_with('#'))
            .map(|word| (word.to_owned(), json!(word.trim_start_matches('#'))))
            .collect();
        let request = json!({
            "TableName": self.table_name(table),
            "Key": {"pk": item["pk"], "sk": item["sk"]},
            "UpdateExpression": format!("SET {assignments}"),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        });
        self.stack.dynamodb("UpdateItem", &request).await.expect("the item is updated");
    }
}

/// An instant of an item's document, moved back.
fn earlier(item: &Value, name: &str, by: SignedDuration) -> Timestamp {
    let at: Timestamp = item["doc"]["M"][name]["S"].as_str().unwrap().parse().unwrap();
    at.checked_sub(by).unwrap()
}

/// An instant of the functions' past: they see the machine's time, not the stack's.
fn past(by: SignedDuration) -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the functions' clock is the machine's")]
    let now = Timestamp::now();
    now.checked_sub(by).unwrap()
}
