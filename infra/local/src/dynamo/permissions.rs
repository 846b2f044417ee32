//! What a request to DynamoDB needs to be allowed: actions, tables, partition keys.

use serde_json::{Map, Value};

use crate::plan::Context;

/// One action on one table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Needed {
    /// `dynamodb:PutItem`.
    pub(super) action: String,
    pub(super) table: String,
    /// The partition keys it touches; empty where the request does not tell.
    pub(super) leading_keys: Vec<String>,
}

impl Needed {
    /// What conditions look at.
    pub(super) fn context(&self) -> Context {
        // IAM has no such key in a request that names no partition.
        if self.leading_keys.is_empty() {
            return Context::new();
        }
        Context::from([("dynamodb:LeadingKeys", self.leading_keys.clone())])
    }
}

/// The table's partition key is `pk` in both tables.
const PARTITION_KEY: &str = "pk";

/// Everything that a request does.
pub(super) fn of(operation: &str, body: &Value) -> Vec<Needed> {
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let requests = body.get("RequestItems").and_then(Value::as_object);
            let tables = requests.into_iter().flatten();
            tables
                .map(|(table, requests)| Needed {
                    action: format!("dynamodb:{operation}"),
                    table: table_name(table),
                    leading_keys: batch_keys(requests),
                })
                .collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let items = body.get("TransactItems").and_then(Value::as_array);
            let parts = items.into_iter().flatten().filter_map(Value::as_object).flatten();
            parts
                .map(|(kind, part)| {
                    let action = match kind.as_str() {
                        "Put" => "PutItem",
                        "Update" => "UpdateItem",
                        "Delete" => "DeleteItem",
                        "Get" => "GetItem",
                        "ConditionCheck" => "ConditionCheckItem",
                        other => other,
                    };
                    single(action, part)
                })
                .collect()
        }
        _ => vec![single(operation, body)],
    }
}

fn single(action: &str, request: &Value) -> Needed {
    let table = request.get("TableName").and_then(Value::as_str).unwrap_or_default();
    let holder = request.get("Key").or_else(|| request.get("Item"));
    let key = holder.map_or_else(|| queried_key(request), partition_key);
    Needed {
        action: format!("dynamodb:{action}"),
        table: table_name(table),
        leading_keys: key.into_iter().collect(),
    }
}

/// A table may be named by its ARN.
fn table_name(name: &str) -> String {
    name.rsplit_once(":table/").map_or(name, |(_, name)| name).to_owned()
}

fn partition_key(item: &Value) -> Option<String> {
    item.pointer(&format!("/{PARTITION_KEY}/S"))?.as_str().map(str::to_owned)
}

/// `RequestItems` of one table: keys to get, or puts and deletions.
fn batch_keys(requests: &Value) -> Vec<String> {
    let reads = requests.get("Keys").and_then(Value::as_array).into_iter().flatten();
    let writes = requests.as_array().into_iter().flatten().filter_map(|write| {
        write.pointer("/PutRequest/Item").or_else(|| write.pointer("/DeleteRequest/Key"))
    });
    reads.chain(writes).filter_map(partition_key).collect()
}

/// The value that a query's key condition compares the partition key with.
fn queried_key(request: &Value) -> Option<String> {
    let condition = request.get("KeyConditionExpression")?.as_str()?;
    let empty = Map::new();
    let names = request.get("ExpressionAttributeNames").and_then(Value::as_object);
    let names = names.unwrap_or(&empty);
    let values = request.get("ExpressionAttributeValues")?;
    let words: Vec<&str> = condition
        .split(|letter: char| letter.is_whitespace() || letter == '(' || letter == ')')
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(3).find_map(|window| {
        let [name, "=", value] = window else { return None };
        let name = names.get(*name).and_then(Value::as_str).unwrap_or(name);
        (name == PARTITION_KEY)
            .then(|| values.get(*value)?.get("S")?.as_str().map(str::to_owned))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Needed, of};

    fn needed(action: &str, keys: &[&str]) -> Needed {
        Needed {
            action: format!("dynamodb:{action}"),
            table: "state".to_owned(),
            leading_keys: keys.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    #[test]
    fn every_way_of_touching_an_item_names_its_partition() {
        let key = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "x"}});
        for (operation, body, expected) in [
            (
                "GetItem",
                json!({"TableName": "state", "Key": key("SYNC#1")}),
                vec![needed("GetItem", &["SYNC#1"])],
            ),
            (
                "PutItem",
                json!({"TableName": "arn:aws:dynamodb:x:1:table/state", "Item": key("RUNS#a")}),
                vec![needed("PutItem", &["RUNS#a"])],
            ),
            (
                "Query",
                json!({
                    "TableName": "state",
                    "KeyConditionExpression": "#pk = :pk AND begins_with(#sk, :sk)",
                    "ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"},
                    "ExpressionAttributeValues": {":pk": {"S": "RUNS#a"}, ":sk": {"S": "b"}},
                }),
                vec![needed("Query", &["RUNS#a"])],
            ),
            (
                "BatchGetItem",
                json!({"RequestItems": {"state": {"Keys": [key("A#1"), key("A#2")]}}}),
                vec![needed("BatchGetItem", &["A#1", "A#2"])],
            ),
            (
                "BatchWriteItem",
                json!({"RequestItems": {"state": [
                    {"PutRequest": {"Item": key("A#1")}}, {"DeleteRequest": {"Key": key("A#2")}}
                ]}}),
                vec![needed("BatchWriteItem", &["A#1", "A#2"])],
            ),
            (
                "TransactWriteItems",
                json!({"TransactItems": [
                    {"Put": {"TableName": "state", "Item": key("TENANT#1")}},
                    {"ConditionCheck": {"TableName": "state", "Key": key("ACCOUNT#1")}},
                ]}),
                vec![
                    needed("PutItem", &["TENANT#1"]),
                    needed("ConditionCheckItem", &["ACCOUNT#1"]),
                ],
            ),
            ("Scan", json!({"TableName": "state"}), vec![needed("Scan", &[])]),
        ] {
            assert_eq!(of(operation, &body), expected, "{operation}");
        }
    }
}
