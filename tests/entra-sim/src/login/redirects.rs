//! How the login service sends a browser back to an app.

use http::StatusCode;

use super::pages;
use super::sign_in::{SignIn, StateEcho};
use crate::exchange::{Incoming, Reply};

/// How parameters travel back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub(super) fn of(incoming: &Incoming) -> Self {
        match incoming.parameter("response_mode").as_deref() {
            Some("form_post") => Self::FormPost,
            Some("fragment") => Self::Fragment,
            _ => Self::Query,
        }
    }
}

/// Parameters for the app, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer(Vec<(&'static str, String)>);

impl Answer {
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds `state` as the script wants it.
    #[must_use]
    pub(super) fn with_state(self, incoming: &Incoming, sign_in: Option<&SignIn>) -> Self {
        let echo = sign_in.map_or(StateEcho::Echo, |sign_in| sign_in.state);
        match (echo, incoming.parameter("state")) {
            (StateEcho::Echo, Some(state)) => self.with("state", state),
            (StateEcho::Foreign, _) => self.with("state", "a-state-nobody-issued"),
            (StateEcho::Echo, None) | (StateEcho::Missing, _) => self,
        }
    }

    /// Sends the browser back.
    pub(super) fn send(self, redirect_uri: &str, mode: ResponseMode) -> Reply {
        let encoded: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.0.iter().map(|(name, value)| (*name, value.as_str())))
            .finish();
        match mode {
            ResponseMode::Query => {
                let join = if redirect_uri.contains('?') { '&' } else { '?' };
                Reply::redirect(format!("{redirect_uri}{join}{encoded}"))
            }
            ResponseMode::Fragment => Reply::redirect(format!("{redirect_uri}#{encoded}")),
            ResponseMode::FormPost => {
                Reply::html(StatusCode::OK, pages::posting_form(redirect_uri, &self.0))
            }
        }
    }
}

/// The mode of an answer: as asked, unless the script posts.
pub(super) fn mode(incoming: &Incoming, sign_in: Option<&SignIn>) -> ResponseMode {
    if sign_in.is_some_and(|sign_in| sign_in.by_post) {
        ResponseMode::FormPost
    } else {
        ResponseMode::of(incoming)
    }
}
