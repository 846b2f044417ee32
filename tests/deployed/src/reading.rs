//! What starts which function: as our local stack reads the template, as AWS's transform
//! translates it, and as it was deployed. The three must say the same.

mod deployed;
mod local;
mod translated;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) use deployed::{DeployedError, of_deployed};
pub(crate) use local::of_plan;
pub(crate) use translated::of_translation;

/// What starts functions, a line for each thing, in words that all readings share: resources are
/// called by their logical ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) routes: BTreeSet<String>,
    pub(crate) rules: BTreeSet<String>,
    pub(crate) schedules: BTreeSet<String>,
    pub(crate) streams: BTreeSet<String>,
    /// What becomes of asynchronous invocations that fail.
    pub(crate) retries: BTreeSet<String>,
}

impl Reading {
    fn kinds(&self) -> [(&'static str, &BTreeSet<String>); 5] {
        [
            ("routes", &self.routes),
            ("rules", &self.rules),
            ("schedules", &self.schedules),
            ("stream sources", &self.streams),
            ("asynchronous retries", &self.retries),
        ]
    }

    /// How many there are of each kind, for people.
    pub(crate) fn counted(&self) -> String {
        let counts: Vec<String> =
            self.kinds().iter().map(|(kind, lines)| format!("{} {kind}", lines.len())).collect();
        counts.join(", ")
    }

    /// What `other` says and this reading does not (`+`), and the reverse (`-`).
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for ((kind, ours), (_, theirs)) in self.kinds().into_iter().zip(other.kinds()) {
            differences.extend(ours.difference(theirs).map(|line| format!("- {kind}: {line}")));
            differences.extend(theirs.difference(ours).map(|line| format!("+ {kind}: {line}")));
        }
        differences
    }

    fn route(&mut self, key: &str, function: &str, authorizer: Option<&str>) {
        let access = authorizer.map_or("open to all".to_owned(), |name| format!("behind {name}"));
        self.routes.insert(format!("{key} starts {function}, {access}"));
    }

    fn rule(&mut self, bus: &str, pattern: &Value, function: &str, letters: &str) {
        let pattern = sorted(pattern);
        self.rules.insert(format!("{bus} {pattern} starts {function}, dead letters {letters}"));
    }

    fn schedule(&mut self, schedule: &ScheduleLine<'_>) {
        let ScheduleLine { name, expression, zone, input, function, letters } = schedule;
        let zone = zone.unwrap_or("UTC");
        self.schedules.insert(format!(
            "{name} {expression} {zone} starts {function} with {input}, dead letters {letters}"
        ));
    }

    fn stream(&mut self, stream: &StreamLine<'_>) {
        let StreamLine { table, function, batch, retries, bisects, reports_items, letters } =
            stream;
        self.streams.insert(format!(
            "{table} starts {function} by {batch}, {retries} retries, bisects {bisects}, item \
             failures {reports_items}, dead letters {letters}"
        ));
    }

    fn retry(&mut self, function: &str, retries: u64, seconds: u64, letters: &str) {
        self.retries.insert(format!(
            "{function} is tried {retries} times more within {seconds} s, dead letters {letters}"
        ));
    }
}

struct ScheduleLine<'a> {
    name: &'a str,
    expression: &'a str,
    zone: Option<&'a str>,
    input: &'a str,
    function: &'a str,
    letters: &'a str,
}

struct StreamLine<'a> {
    table: &'a str,
    function: &'a str,
    batch: u64,
    retries: u64,
    bisects: bool,
    reports_items: bool,
    letters: &'a str,
}

/// Logical ids by what ARNs and URLs call the resources.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_physical: BTreeMap<String, String>,
}

impl Names {
    /// From logical ids with what `Ref` gives for them: a name, an ARN or a URL.
    pub(crate) fn new<'a>(references: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let by_physical = references
            .filter_map(|(logical_id, reference)| {
                let last = reference.rsplit(['/', ':']).next()?;
                Some((last.to_owned(), logical_id.to_owned()))
            })
            .collect();
        Self { by_physical }
    }

    /// The logical id of what `arn` names; `arn` itself, if it is none of the stack's.
    fn logical<'a>(&'a self, arn: &'a str) -> &'a str {
        let found = arn.split(['/', ':']).find_map(|part| self.by_physical.get(part));
        found.map_or(arn, String::as_str)
    }
}

/// JSON with the members of objects in order.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, String> =
                members.iter().map(|(name, value)| (name, sorted(value))).collect();
            let members: Vec<String> =
                members.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(sorted).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_in_arns_and_urls() {
        let references = [
            ("FullSync", "stack-FullSync-AB12"),
            ("Letters", "http://localhost:1/000000000000/stack-Letters-CD34"),
        ];
        let names = Names::new(references.into_iter());
        let function = "arn:aws:lambda:us-east-1:000000000000:function:stack-FullSync-AB12";
        assert_eq!(names.logical(function), "FullSync");
        let queue = "arn:aws:sqs:us-east-1:000000000000:stack-Letters-CD34";
        assert_eq!(names.logical(queue), "Letters");
        assert_eq!(
            names.logical("arn:aws:sqs:us-east-1:1:foreign"),
            "arn:aws:sqs:us-east-1:1:foreign"
        );
    }

    #[test]
    fn each_difference_is_told_from_either_side() {
        let mut ours = Reading::default();
        ours.route("GET /health", "AdminApi", None);
        ours.rule("EventBus", &json!({"b": [1], "a": [2]}), "FullSync", "Letters");
        ours.retry("FullSync", 2, 21_600, "Letters");
        let mut theirs = Reading::default();
        theirs.route("GET /health", "AdminApi", Some("OperatorJwt"));
        theirs.rule("EventBus", &json!({"a": [2], "b": [1]}), "FullSync", "Letters");
        theirs.retry("FullSync", 2, 21_600, "Others");
        assert_eq!(
            ours.differences(&theirs),
            [
                "- routes: GET /health starts AdminApi, open to all",
                "+ routes: GET /health starts AdminApi, behind OperatorJwt",
                "- asynchronous retries: FullSync is tried 2 times more within 21600 s, dead letters Letters",
                "+ asynchronous retries: FullSync is tried 2 times more within 21600 s, dead letters Others",
            ]
        );
        assert!(ours.differences(&ours).is_empty());
    }
}
