//! People in the directory of one test.

use contact_sync_domain::directory::{DirectoryUser, USER_SELECT};
use contact_sync_domain::id::ObjectId;
use serde_json::{Value, json};

use super::harness::App;

/// Puts a member into the directory, with these attributes and no others.
pub(super) fn add(app: &App, number: u128, attributes: &Value) {
    let mut all: Value = USER_SELECT.iter().map(|name| (*name, Value::Null)).collect();
    all["accountEnabled"] = json!(true);
    all["userType"] = json!("Member");
    all["userPrincipalName"] = json!(format!("p{number}@contoso.example"));
    all["displayName"] = json!(format!("Person {number}"));
    let more = attributes.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    let user = DirectoryUser {
        id: ObjectId::from_u128(number),
        attributes: all.as_object().unwrap().clone(),
    };
    app.outside.directory.entra().put_user(user);
}

/// A directory of exactly these people.
pub(super) fn people(app: &App, people: &[Value]) {
    app.outside.directory.entra().users.clear();
    for (number, attributes) in (1..).zip(people) {
        add(app, number, attributes);
    }
}
