//! What an installation keeps, as it lies in its tables and its bucket.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::Scene;

impl Scene {
    /// All items of a table of the template, as DynamoDB writes them.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let name = self.table_name(table);
        let mut items = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut request = json!({"TableName": name, "ConsistentRead": true});
            if !after.is_null() {
                request["ExclusiveStartKey"] = after;
            }
            let page = self.stack.dynamodb("Scan", &request).await.unwrap();
            items.extend(page["Items"].as_array().cloned().unwrap_or_default());
            after = page["LastEvaluatedKey"].clone();
            if after.is_null() {
                return items;
            }
        }
    }

    /// The name that a table of the template has here.
    pub fn table_name(&self, table: &str) -> String {
        self.stack.plan().references[table].clone()
    }

    /// The keys of everything in the bucket.
    pub fn stored_files(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut folders = vec![self.stack.data_dir().join("objects")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "json") {
                    let object: Value =
                        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
                    keys.push(object["key"].as_str().unwrap().to_owned());
                }
            }
        }
        keys
    }

    /// What everything in the bucket says, unpacked, by its place.
    pub fn blobs(&self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        let mut folders = vec![self.stack.data_dir().join("objects")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = unpacked(&std::fs::read(&path).unwrap());
                    told.push((path.display().to_string(), text));
                }
            }
        }
        told
    }

    /// What the packed attributes of a table's items say, unpacked.
    pub async fn packed_items(&self, table: &str) -> Vec<(String, String)> {
        let mut told = Vec::new();
        for item in self.items(table).await {
            let place = format!("{} {}", item["pk"]["S"], item["sk"]["S"]);
            for attribute in item.as_object().expect("an item").values() {
                if let Some(packed) = attribute["B"].as_str() {
                    told.push((place.clone(), unpacked(&STANDARD.decode(packed).unwrap())));
                }
            }
        }
        told
    }
}

/// What bytes say in lower case, unpacked where they are packed.
fn unpacked(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    let is_packed = GzDecoder::new(bytes).read_to_end(&mut text).is_ok();
    String::from_utf8_lossy(if is_packed { &text } else { bytes }).to_lowercase()
}
