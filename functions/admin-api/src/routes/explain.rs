//! Why somebody is, or is not, among the contacts.

use std::sync::Arc;

use contact_sync_domain::expression::TraceStep;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::matching::{Evidence, Match};
use contact_sync_domain::scope::ClauseVerdict;
use contact_sync_domain::segment::{FieldChange, Outcome};
use contact_sync_engine::admin::{Explanation, MappedBy, Outside, account, explain_to};
use serde::Serialize;
use serde_json::Value;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::{StepShape, UserShape};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplanationShape {
    found: bool,
    is_ours: bool,
    steps: Vec<StepShape>,
    user: Option<UserShape>,
    scope: ScopeShape,
    mapping: Vec<MappedShape>,
    #[serde(rename = "match")]
    matched: MatchShape,
    decision: Option<DecisionShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeShape {
    clauses: Vec<ClauseVerdict>,
    condition: Vec<TraceStep>,
    routing: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MappedShape {
    target: String,
    source: String,
    outcome: &'static str,
    value: Option<Value>,
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchShape {
    contact_id: Option<ContactId>,
    linked_to: Option<ObjectId>,
    matched_by: Option<String>,
    /// In a sentence, for people; field by field in `comparison`.
    evidence: Option<String>,
    comparison: Vec<Evidence>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DecisionShape {
    outcome: Outcome,
    reason: Option<String>,
    remedy: Option<String>,
    fields: Vec<FieldChange>,
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let Some(who) = call.query("user") else {
        let detail = "`user` is an object id, a user principal name or an e-mail address.";
        return Err(Problem::bad_query(detail));
    };
    let told = explain_to(&api.outside, &call.caller, &account, &call.connection()?, who).await?;
    Ok(Answer::ok(&ExplanationShape::from(told)))
}

impl From<Explanation> for ExplanationShape {
    fn from(told: Explanation) -> Self {
        let contact = told.contact.as_ref();
        let led = told.decision.as_ref().and_then(|item| item.matched.as_deref());
        Self {
            // Whose values are not told is found all the same.
            found: told.user.is_some() || !told.scope.is_empty(),
            is_ours: told.is_ours,
            steps: told.steps.into_iter().map(StepShape::from).collect(),
            matched: MatchShape {
                contact_id: contact.map(|contact| contact.id.clone()),
                linked_to: contact
                    .and_then(|contact| contact.link.as_ref())
                    .map(|link| link.object_id.clone()),
                matched_by: led.map(|led| led.key.clone()),
                evidence: led.map(Match::told),
                comparison: led.map(|led| led.evidence.clone()).unwrap_or_default(),
            },
            user: told.user.map(UserShape::from),
            scope: ScopeShape {
                clauses: told.scope,
                condition: told.condition,
                routing: told.routing,
            },
            mapping: told.mapping.into_iter().map(MappedShape::from).collect(),
            decision: told.decision.map(|item| DecisionShape {
                outcome: item.outcome,
                reason: item.reason,
                remedy: item.remedy,
                fields: item.fields,
            }),
        }
    }
}

impl From<MappedBy> for MappedShape {
    fn from(one: MappedBy) -> Self {
        let MappedBy { target, source, outcome, value, reason } = one;
        Self { target, source, outcome, value, reason }
    }
}
