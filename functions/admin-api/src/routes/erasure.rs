//! Forgetting one person.

use std::sync::Arc;

use contact_sync_domain::erasure::{ErasureReceipt, ErasureState, Erasures, Kept};
use contact_sync_domain::id::{ContactId, ErasureId};
use contact_sync_engine::admin::{
    Outside, account, erase_contact, erasure, lift_erasure, read_confirmation,
};
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiptShape {
    id: ErasureId,
    contact_id: ContactId,
    requested_at: Timestamp,
    requested_by: Option<String>,
    state: ErasureState,
    found: Erasures,
    history_until: Timestamp,
    backups_until: Timestamp,
    lifted_at: Option<Timestamp>,
    left: Vec<ContactId>,
    kept: Vec<Kept>,
}

impl From<ErasureReceipt> for ReceiptShape {
    fn from(receipt: ErasureReceipt) -> Self {
        Self {
            kept: receipt.kept(),
            left: receipt.others.left,
            id: receipt.id,
            contact_id: receipt.contact_id,
            requested_at: receipt.requested_at,
            requested_by: receipt.requested_by,
            state: receipt.state,
            found: receipt.found,
            history_until: receipt.history_until,
            backups_until: receipt.backups_until,
            lifted_at: receipt.lifted_at,
        }
    }
}

pub(super) async fn erase<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?.id;
    let contact = call.contact()?;
    read_confirmation(&call.document()?, &contact)?;
    let receipt = erase_contact(&api.outside, &call.caller, &account, &contact).await?;
    Ok(Answer::accepted(&ReceiptShape::from(receipt)))
}

fn receipt_of(call: &Call) -> Result<ErasureId, Problem> {
    ErasureId::parse(call.param("erasure")).or(Err(Problem::not_found("erasure")))
}

pub(super) async fn lift<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?.id;
    let receipt = lift_erasure(&api.outside, &account, &receipt_of(&call)?).await?;
    Ok(Answer::ok(&ReceiptShape::from(receipt)))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?.id;
    let id = receipt_of(&call)?;
    let receipt = erasure(&api.outside, &account, &id).await?;
    Ok(Answer::ok(&ReceiptShape::from(receipt)))
}
