//! The welcome mail: its template, how it reads, and mails that people send again.

use std::sync::Arc;

use axum::http::StatusCode;
use contact_sync_engine::admin::{
    Outside, WelcomesIn, preview_welcome, read_trial, read_welcome, save_welcome, test_welcome,
    welcome_again, welcome_template, welcomes,
};

use super::{ADMIN, Endpoint, OPERATOR, Reply, VIEWER, get, post, put};
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;
use crate::shape::{RenderedShape, WelcomeShape, WelcomeTemplateShape};

pub(super) fn endpoints<P: Outside>() -> Vec<Endpoint<P>> {
    vec![
        get("/v1/accounts/{account}/welcome", VIEWER, show),
        put("/v1/accounts/{account}/welcome", ADMIN, save).hashed(),
        // It changes nothing, and what it answers is about a person.
        post("/v1/accounts/{account}/welcome/preview", OPERATOR, preview).done_again(),
        post("/v1/accounts/{account}/welcome/test", ADMIN, test),
        get("/v1/accounts/{account}/welcomes", VIEWER, list),
        post("/v1/accounts/{account}/welcomes/{contact}/send", OPERATOR, send),
    ]
}

async fn show<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let template = welcome_template(&api.outside, &call.account()?).await?;
    let version = template.version;
    Ok(Answer::ok(&WelcomeTemplateShape::from(template)).with_version(version))
}

async fn save<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let template = read_welcome(&call.document()?)?;
    let (account, precondition) = (call.account()?, call.precondition()?);
    let saved = save_welcome(&api.outside, &account, template, &precondition).await?;
    let version = saved.version;
    Ok(Answer::ok(&WelcomeTemplateShape::from(saved)).with_version(version))
}

async fn preview<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let document = call.optional_document()?.unwrap_or_else(|| serde_json::json!({}));
    let trial = read_trial(&document, false)?;
    let mail = preview_welcome(&api.outside, &call.account()?, &trial).await?;
    Ok(Answer::ok(&RenderedShape::from(mail)))
}

async fn test<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let trial = read_trial(&call.document()?, true)?;
    test_welcome(&api.outside, &call.account()?, &trial).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = call.account()?;
    let state = match call.query("state") {
        Some("sent") => WelcomesIn::Sent,
        None | Some("uncertain") => WelcomesIn::Uncertain,
        Some("failed") => WelcomesIn::Failed,
        Some(_) => {
            return Err(Problem::bad_query("`state` is sent, uncertain or failed."));
        }
    };
    let page = welcomes(&api.outside, &account, state, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, WelcomeShape::from))
}

async fn send<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let sent = welcome_again(&api.outside, &call.account()?, &call.contact()?).await?;
    Ok(Answer::ok(&WelcomeShape::from(sent)))
}
