//! Scripted faults: which requests they meet, and what then happens.

pub(crate) mod actions;
pub(crate) mod answers;
pub(crate) mod effects;

use serde::{Deserialize, Serialize};

pub use actions::Action;
pub use effects::{BodyKind, Effect};

use crate::identifiers::seeded_chance;

/// One scripted fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Number given when it is added.
    #[serde(default)]
    pub id: u64,
    /// Which requests it meets; all by default.
    #[serde(default, rename = "match")]
    pub target: Target,
    /// How often it strikes; 0 is for ever.
    #[serde(default = "once")]
    pub times: u64,
    /// What happens.
    pub effect: Effect,
    /// How many requests matched so far.
    #[serde(default)]
    pub seen: u64,
    /// How often it struck so far.
    #[serde(default)]
    pub struck: u64,
}

const fn once() -> u64 {
    1
}

/// Which requests a fault meets. Absent members match everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Target {
    /// Strikes POSTs of notifications instead of requests; `path` then matches their URL.
    pub deliveries: bool,
    /// HTTP method.
    pub method: Option<String>,
    /// Pattern over path and decoded query, `*` for any text, as `*/users/delta*skiptoken*`.
    pub path: Option<String>,
    /// Tenant id or domain.
    pub tenant: Option<String>,
    /// Only the n-th matching request, counted from 1 since the fault was added.
    pub request: Option<u64>,
    /// Every n-th matching request.
    pub every: Option<u64>,
    /// Chance in a hundred, drawn from `seed` and the request's number.
    pub percent: Option<f64>,
    /// Seed of `percent`.
    pub seed: u64,
}

impl Fault {
    /// A fault that strikes the next request whose path and query match `path`.
    pub fn once(path: &str, effect: Effect) -> Self {
        Self {
            id: 0,
            target: Target { path: Some(path.to_owned()), ..Target::default() },
            times: 1,
            effect,
            seen: 0,
            struck: 0,
        }
    }

    /// A fault that strikes the next POST of notifications.
    pub fn on_delivery(effect: Effect) -> Self {
        let mut fault = Self::once("*", effect);
        fault.target.deliveries = true;
        fault
    }

    /// The same fault, striking `times` times; 0 is for ever.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// The same fault, striking only the n-th matching request.
    #[must_use]
    pub fn at_request(mut self, number: u64) -> Self {
        self.target.request = Some(number);
        self
    }

    fn strikes(&mut self, subject: &Subject<'_>, is_tenant: &dyn Fn(&str) -> bool) -> bool {
        if self.times != 0 && self.struck >= self.times {
            return false;
        }
        let target = &self.target;
        let method = target.method.as_deref();
        if target.deliveries != subject.delivery
            || method.is_some_and(|method| !subject.method.eq_ignore_ascii_case(method))
            || target.path.as_deref().is_some_and(|glob| !matches_glob(glob, subject.described))
            || target.tenant.as_deref().is_some_and(|tenant| !is_tenant(tenant))
        {
            return false;
        }
        self.seen += 1;
        let strikes = target.request.is_none_or(|number| number == self.seen)
            && target.every.is_none_or(|every| every != 0 && self.seen.is_multiple_of(every))
            && target
                .percent
                .is_none_or(|percent| seeded_chance(target.seed, "fault", self.seen, percent));
        if strikes {
            self.struck += 1;
        }
        strikes
    }
}

/// What a fault may strike: a request, or a POST of notifications.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) method: &'a str,
    /// Path and decoded query of a request, URL of a POST.
    pub(crate) described: &'a str,
    pub(crate) delivery: bool,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct FaultBook {
    faults: Vec<Fault>,
    added: u64,
}

impl FaultBook {
    /// Adds a fault; answers its number.
    pub(crate) fn add(&mut self, fault: Fault) -> u64 {
        self.added += 1;
        self.faults.push(Fault { id: self.added, seen: 0, struck: 0, ..fault });
        self.added
    }

    /// Removes one fault; answers whether it was there.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|fault| fault.id != id);
        self.faults.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.faults
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The effects that strike this request.
    pub(crate) fn strike(
        &mut self,
        subject: &Subject<'_>,
        is_tenant: &dyn Fn(&str) -> bool,
    ) -> Vec<Effect> {
        self.faults
            .iter_mut()
            .filter_map(|fault| fault.strikes(subject, is_tenant).then(|| fault.effect.clone()))
            .collect()
    }
}

/// Whether `text` matches a pattern in which `*` stands for any text.
fn matches_glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return text.is_empty() };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_path_and_query() {
        let cases = [
            ("*", "/v1.0/users", true),
            ("/v1.0/users", "/v1.0/users", true),
            ("/v1.0/users", "/v1.0/users/delta", false),
            ("*/users/delta*skiptoken*", "/v1.0/users/delta?$skiptoken=abc", true),
            ("*/users/delta*skiptoken*", "/v1.0/users/delta", false),
            ("*token", "/tid/oauth2/v2.0/token", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches_glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_fault_can_be_addressed_by_request_number() {
        let mut book = FaultBook::default();
        book.add(Fault::once("*/users*", Effect::Truncate).at_request(2));
        let on = |described, delivery| Subject { method: "GET", described, delivery };
        let request = on("/v1.0/users", false);
        let other = on("/v1.0/users", true);
        let struck: Vec<usize> = [&request, &other, &request, &request]
            .map(|subject| book.strike(subject, &|_| false).len())
            .to_vec();
        assert_eq!(struck, [0, 0, 1, 0]);
    }
}
