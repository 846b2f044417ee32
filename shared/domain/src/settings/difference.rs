//! What differs between two settings documents, member by member.
//!
//! Lists are compared by what their entries mean, so that a row added at the top is one difference
//! and not one for each row below it: mapping rows by their target, teams by group and team, plain
//! values by themselves. Where only the order of entries differs, it counts for `matching`, and for
//! `teams` that say roles, alone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Settings;

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where: a JSON pointer, into the newer document unless the member is only in the older one.
    pub pointer: String,
    /// What the entry of a list is about, for instance the mapping row's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What stood there; left out where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What stands there; left out where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// What changes from the older settings to the newer ones, in the documents' order.
pub fn differences(older: &Settings, newer: &Settings) -> Vec<Difference> {
    let document = |settings| serde_json::to_value(settings).unwrap_or_default();
    let mut found = Vec::new();
    compare(&Place::root(), Some(&document(older)), Some(&document(newer)), &mut found);
    found
}

#[derive(Clone)]
struct Place {
    pointer: String,
    about: Option<String>,
}

impl Place {
    fn root() -> Self {
        Self { pointer: String::new(), about: None }
    }

    fn member(&self, name: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("{}/{name}", self.pointer), about: self.about.clone() }
    }

    fn entry(&self, index: usize, about: Option<String>) -> Self {
        Self { pointer: format!("{}/{index}", self.pointer), about }
    }

    fn differs(&self, old: Option<&Value>, new: Option<&Value>) -> Difference {
        Difference {
            pointer: self.pointer.clone(),
            about: self.about.clone(),
            old: old.cloned(),
            new: new.cloned(),
        }
    }
}

fn compare(place: &Place, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            compare_members(place, old, new, found);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            compare_lists(place, old, new, found);
        }
        _ if old == new => {}
        _ => found.push(place.differs(old, new)),
    }
}

fn compare_members(
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    for name in new.keys().chain(gone) {
        compare(&place.member(name), old.get(name), new.get(name), found);
    }
}

fn compare_lists(place: &Place, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let before = found.len();
    let mut open: Vec<(usize, &Value)> = old.iter().enumerate().collect();
    for (index, entry) in new.iter().enumerate() {
        let partner = open.iter().position(|(_, other)| identity(other) == identity(entry));
        let other = partner.map(|partner| open.remove(partner).1);
        compare(&place.entry(index, about(entry)), other, Some(entry), found);
    }
    for (index, entry) in open {
        found.push(place.entry(index, about(entry)).differs(Some(entry), None));
    }
    // Keys are tried in their order, and the first row with a role gives it: that means something.
    let roles = |entries: &[Value]| -> Vec<Vec<Value>> {
        let with_role = entries.iter().filter(|entry| entry.get("role").is_some());
        with_role.map(|entry| identity(entry).into_iter().cloned().collect()).collect()
    };
    let is_ordered = match place.pointer.as_str() {
        "/matching" => true,
        "/teams" => roles(old) != roles(new),
        _ => false,
    };
    if found.len() == before && old != new && is_ordered {
        let list = |entries: &[Value]| Value::Array(entries.to_vec());
        found.push(place.differs(Some(&list(old)), Some(&list(new))));
    }
}

/// What makes an entry the same entry in another document.
fn identity(entry: &Value) -> Vec<&Value> {
    let member = |name: &str| entry.get(name);
    match (member("target"), member("group"), member("team")) {
        (Some(target), _, _) => vec![target],
        (None, Some(group), Some(team)) => vec![group, team],
        // A limit of the guard.
        (None, Some(group), None) => vec![group],
        _ => vec![entry],
    }
}

fn about(entry: &Value) -> Option<String> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    text("target").or_else(|| text("team")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(document: Value) -> Settings {
        serde_json::from_value(document).unwrap()
    }

    fn shown(older: Value, newer: Value) -> Vec<(String, Option<String>, Value, Value)> {
        differences(&settings(older), &settings(newer))
            .into_iter()
            .map(|one| {
                let absent = || json!("(absent)");
                let (old, new) = (one.old.unwrap_or_else(absent), one.new.unwrap_or_else(absent));
                (one.pointer, one.about, old, new)
            })
            .collect()
    }

    #[test]
    fn a_member_shows_its_old_and_its_new_value() {
        let found = shown(json!({}), json!({"policies": {"guard": {"maxCount": 20}}}));
        assert_eq!(found, [("/policies/guard/maxCount".into(), None, json!(500), json!(20))]);
        assert!(
            shown(json!({}), json!({"mode": "automatic"})).is_empty(),
            "a default is no change"
        );
    }

    #[test]
    fn a_row_added_at_the_top_is_one_difference() {
        let email = json!({"target": "email", "source": "[mail]"});
        let title = json!({"target": "jobTitle", "source": "[jobTitle]"});
        let older = json!({"mapping": [email, title]});
        let city = json!({"target": "city", "source": "[city]"});
        let found = shown(older.clone(), json!({"mapping": [city, email, title]}));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1.as_deref()), ("/mapping/0", Some("city")));
        assert!(shown(older.clone(), json!({"mapping": [title, email]})).is_empty());

        let other = json!({"target": "jobTitle", "source": "[department]"});
        let found = shown(older, json!({"mapping": [other, email]}));
        assert_eq!(
            found,
            [(
                "/mapping/0/source".into(),
                Some("jobTitle".to_owned()),
                json!("[jobTitle]"),
                json!("[department]")
            )]
        );
    }

    #[test]
    fn entries_of_a_list_come_and_go_one_by_one() {
        let types = |list: Value| json!({"scope": {"userTypes": {"any": list}}});
        let found = shown(types(json!(["Member", "Guest"])), types(json!(["Guest", "Partner"])));
        let absent = json!("(absent)");
        assert_eq!(
            found,
            [
                ("/scope/userTypes/any/1".into(), None, absent.clone(), json!("Partner")),
                ("/scope/userTypes/any/0".into(), None, json!("Member"), absent),
            ]
        );
        assert!(shown(types(json!(["a", "b"])), types(json!(["b", "a"]))).is_empty());
    }

    #[test]
    fn the_order_of_teams_means_something_where_they_say_roles() {
        let row = |number: u32, role: Value| json!({"group": format!("00000000-0000-4000-8000-{number:012}"), "team": "t", "role": role});
        let teams = |rows: Vec<Value>| json!({"teams": rows});
        let (lead, diver) = (row(1, json!("lead")), row(2, json!("diver")));
        let bare = row(3, Value::Null);
        let turned = |one: &Value, other: &Value| {
            let before = teams(vec![one.clone(), other.clone()]);
            shown(before, teams(vec![other.clone(), one.clone()]))
        };
        assert_eq!(turned(&lead, &diver)[0].0, "/teams");
        assert!(turned(&lead, &bare).is_empty(), "no role goes before another one");
    }

    #[test]
    fn the_order_of_keys_means_something() {
        let keys = |list: Value| json!({"matching": list});
        let found = shown(keys(json!(["email", "x"])), keys(json!(["x", "email"])));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "/matching");
    }
}
