//! The pages: small, escaped, readable without a script, a font or a picture.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contact_sync_engine::consent::{InvitationView, RefusalText};
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");

/// The policy under which the pages are shown: their one style, known by its digest, and nothing
/// else. Forms are not restricted: browsers apply that to the redirect to Microsoft as well, and to
/// wherever Microsoft sends people to sign in.
pub(crate) fn content_security_policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn page(title: &str, content: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    };
    markup.into_string()
}

/// Who asks for what, and one button.
pub(crate) fn invitation(view: &InvitationView) -> String {
    let until = view.expires_at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC");
    let content = html! {
        h1 { "Connect your Microsoft directory" }
        p { strong { (view.account_name) } " asks to read your organisation’s Microsoft Entra directory." }
        @if let Some(organisation) = &view.organisation {
            p { "The connection is meant for " strong { (organisation) } "." }
        }
        h2 { "What you will be asked to allow" }
        dl {
            @for permission in view.permissions {
                dt { code { (permission.name) } }
                dd { (permission.meaning) }
            }
        }
        h2 { "What happens next" }
        ol {
            li { "Microsoft asks you to sign in and to agree for your organisation." }
            li { "You sign in once more, so that we know the organisation is yours to connect." }
            li { "Nobody is copied until the connection is enabled afterwards." }
        }
        p { "You need to be a Global Administrator or a Privileged Role Administrator. If you are not, \
             send this page’s address to somebody who is." }
        form method="post" { button type="submit" { "Continue to Microsoft" } }
        p class="note" { "This link works until " (until) "." }
    };
    page("Connect your Microsoft directory", &content)
}

/// The end of a good way.
pub(crate) fn connected(tenant_id: &str) -> String {
    let content = html! {
        h1 { "Connected" }
        p { "Your organisation is connected. You can close this page." }
        p { "Whoever sent you the link sees it now and decides who is synced. Nothing is copied until then." }
        p class="note" { "Organisation: " code { (tenant_id) } }
    };
    page("Connected", &content)
}

/// What went wrong and what helps.
pub(crate) fn refusal(text: &RefusalText, reference: &str) -> String {
    let content = html! {
        h1 { (text.title) }
        p { (text.message) }
        p { strong { "What to do: " } (text.fix) }
        p class="note" { "Reference: " code { (reference) } }
    };
    page(text.title, &content)
}
