//! Where the browser thinks it is.

use http::{HeaderMap, header};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// The address of this installation, as people's browsers know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    base_url: String,
}

impl Site {
    /// The configured address, or that of the API that was called.
    pub(crate) fn of(base_url: Option<&str>, request: &Request) -> Self {
        let base_url = base_url.map(str::to_owned).or_else(|| {
            let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else {
                return None;
            };
            context.domain_name.as_ref().map(|domain| format!("https://{domain}"))
        });
        Self { base_url: base_url.unwrap_or_default() }
    }

    /// Whether browsers reach it through TLS; not on loopback.
    pub(crate) fn is_secure(&self) -> bool {
        !self.base_url.starts_with("http://")
    }

    /// Where Microsoft sends browsers back to.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/oauth/callback", self.base_url)
    }

    /// Whether a form was sent by a page of ours. Another site's page must not start consent in a
    /// visitor's browser: the person would never see who asks. Browsers say where a form comes
    /// from; whatever says nothing is no browser, and has no cookies to lend.
    pub(crate) fn sent_form(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match text("sec-fetch-site") {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => text(header::ORIGIN.as_str()).is_none_or(|origin| origin == self.base_url),
        }
    }
}
