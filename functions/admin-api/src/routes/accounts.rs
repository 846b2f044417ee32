//! Accounts and their own contact fields.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use contact_sync_engine::admin::{
    AccountChange, Erased, NewAccount, Outside, account, accounts, change_account, create_account,
    erase_account, read_custom_fields, set_custom_fields,
};

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::AccountShape;

pub(super) async fn create<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let new = NewAccount::read(&call.document()?)?;
    let made = create_account(&api.outside, new).await?;
    let location = format!("/v1/accounts/{}", made.id);
    Ok(Answer::created(location, &AccountShape::from(made)))
}

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let page = accounts(api.outside.store(), &call.caller, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, AccountShape::from))
}

pub(super) async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let found = account(api.outside.store(), &call.account()?).await?;
    Ok(Answer::ok(&AccountShape::from(found)))
}

pub(super) async fn change<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let change = AccountChange::read(&call.document()?)?;
    let changed = change_account(&api.outside, &call.account()?, change).await?;
    Ok(Answer::ok(&AccountShape::from(changed)))
}

pub(super) async fn erase<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    Ok(match erase_account(&api.outside, &call.account()?).await? {
        Erased::Whole => Answer::empty(StatusCode::NO_CONTENT),
        Erased::Partly => {
            Answer::empty(StatusCode::ACCEPTED).with_header(header::RETRY_AFTER, "1".to_owned())
        }
    })
}

pub(super) async fn custom_fields<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let fields = read_custom_fields(&call.document()?)?;
    let changed = set_custom_fields(&api.outside, &call.account()?, &fields).await?;
    Ok(Answer::ok(&changed.custom_fields))
}
