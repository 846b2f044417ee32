//! The small pages a person sees.

use std::fmt::Write as _;

use http::StatusCode;
use jiff::Timestamp;

use super::Audience;
use super::errors::LoginError;
use crate::directory::WELL_KNOWN;
use crate::exchange::{Incoming, Reply};
use crate::options::AppRegistration;
use crate::tenants::may_consent;
use crate::world::World;

const STYLE: &str = "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem \
                     auto;padding:0 1rem}fieldset{border:1px solid #bbb;border-radius:.4rem}\
                     label{display:block;padding:.2rem 0}button{font:inherit;padding:.4rem \
                     1.2rem;margin:1rem .5rem 0 0}small{color:#555}</style>";

/// Asks who signs in and what that person decides.
pub(super) fn choose(
    world: &World,
    audience: Audience,
    app: &AppRegistration,
    incoming: &Incoming,
    asks_roles: bool,
) -> Reply {
    let title = if asks_roles { "Permissions requested" } else { "Sign in" };
    let mut page = format!(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{title}</title>{STYLE}\
         <h1>{title}</h1><p><b>{}</b> <small>{}</small></p>",
        escaped(&app.display_name),
        app.app_id
    );
    if asks_roles {
        page.push_str("<p>This app would like to, for your whole organisation:</p><ul>");
        for role in &app.roles {
            let _ = write!(page, "<li>{}</li>", escaped(role));
        }
        page.push_str("</ul>");
    }
    let action = escaped(&format!("{}?{}", incoming.path, incoming.query));
    let _ = write!(page, "<form method=post action=\"{action}\">");
    let mut checked = " checked";
    for tenant in world.tenants.iter().filter(|tenant| !tenant.deleted) {
        if matches!(audience, Audience::Tenant(id) if id != tenant.id) {
            continue;
        }
        let _ = write!(page, "<fieldset><legend>{}</legend>", escaped(&tenant.spec.name));
        let mut users: Vec<_> =
            tenant.directory.users.values().filter(|user| user.object.is_live()).collect();
        users.sort_by_key(|user| !may_consent(&user.roles));
        for user in users.into_iter().take(6) {
            let name = user.object.text(WELL_KNOWN.display_name).unwrap_or_default();
            let upn = user.object.text(WELL_KNOWN.user_principal_name).unwrap_or_default();
            let role = if may_consent(&user.roles) { " · administrator" } else { "" };
            let _ = write!(
                page,
                "<label><input type=radio name=sim_user value=\"{}/{}\"{checked}> {} \
                 <small>{}{role}</small></label>",
                tenant.id,
                user.object.id,
                escaped(&name),
                escaped(&upn)
            );
            checked = "";
        }
        page.push_str("</fieldset>");
    }
    page.push_str(
        "<button name=sim_decision value=accept>Accept</button>\
         <button name=sim_decision value=cancel>Cancel</button>\
         <button name=sim_decision value=deny>Decline the permissions</button></form></html>",
    );
    Reply::html(StatusCode::OK, page)
}

/// An error the browser is not sent back with, as for an unregistered redirect URI.
pub(super) fn failure(error: &LoginError, incoming: &Incoming, now: Timestamp) -> Reply {
    let text = escaped(&error.description(incoming.request_id, now));
    let page = format!(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Sign in to your account</title>\
         {STYLE}<h1>Sorry, but we're having trouble signing you in.</h1><p>{text}</p></html>"
    );
    Reply::html(StatusCode::BAD_REQUEST, page)
}

/// A form that posts itself to the app.
pub(super) fn posting_form(action: &str, fields: &[(&'static str, String)]) -> String {
    let mut page = format!(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Working…</title>\
         <body onload=\"document.forms[0].submit()\"><form method=post action=\"{}\">",
        escaped(action)
    );
    for (name, value) in fields {
        let _ = write!(page, "<input type=hidden name=\"{name}\" value=\"{}\">", escaped(value));
    }
    page.push_str("<noscript><button>Continue</button></noscript></form></body></html>");
    page
}

/// Text made safe for HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
