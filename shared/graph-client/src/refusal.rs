//! What Graph's refusals mean, by status and then by code.

use contact_sync_engine::port::DirectoryError;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::call::{Call, Expects};
use crate::endpoints::Endpoints;
use crate::patience::retry_after;
use crate::transport::Answer;

/// The most that we keep of Graph's words to people.
const MESSAGE_LIMIT: usize = 400;

/// Graph's error envelope, as far as we need it. A proxy's HTML or an empty body has neither code
/// nor message; codes come in several spellings of upper and lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Lower case; empty where the body is not Graph's.
    code: String,
    /// As Graph wrote it.
    pub(crate) spelled: String,
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct Envelope {
    error: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl Refusal {
    pub(crate) fn read(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let envelope = serde_json::from_slice::<Envelope>(&answer.body).ok();
        let Some(error) = envelope.and_then(|envelope| envelope.error) else {
            return Self { status, ..Self::default() };
        };
        let spelled = error.code.unwrap_or_default();
        let message = error.message.unwrap_or_default().chars().take(MESSAGE_LIMIT).collect();
        Self { status, code: spelled.to_ascii_lowercase(), spelled, message }
    }

    /// Whether the code is one of these, whatever their case.
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        codes.iter().any(|code| self.code.eq_ignore_ascii_case(code))
    }

    /// Whether the body was Graph's own.
    pub(crate) fn is_graphs(&self) -> bool {
        !self.code.is_empty()
    }

    /// The attribute of a `$select` that Graph does not know, in either of its phrasings.
    fn unknown_attribute(&self) -> Option<String> {
        let (_, rest) = ["Could not find a property named '", "Term '"]
            .into_iter()
            .find_map(|phrase| self.message.split_once(phrase))?;
        let (name, _) = rest.split_once('\'')?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
    }

    /// The code for people and logs; the status where there is no code.
    pub(crate) fn shown_code(&self) -> String {
        if self.is_graphs() { self.spelled.clone() } else { format!("HTTP {}", self.status) }
    }
}

/// What follows from an answer that is no success.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Graph is busy: the whole tenant pauses, then the same request again.
    Throttled(Option<SignedDuration>),
    /// Something broke on the way: the same request again.
    Broken(Option<SignedDuration>),
    /// The token may be old: once more with a new one, and then this.
    TokenRejected(DirectoryError),
    /// The token may be from before a permission was granted: once more with a new one, then this.
    PermissionDenied(DirectoryError),
    /// That is the answer.
    Final(DirectoryError),
}

/// Decides what an answer outside 2xx means.
pub(crate) fn judge(
    call: &Call,
    answer: &Answer,
    refusal: &Refusal,
    endpoints: &Endpoints,
    now: Timestamp,
) -> Verdict {
    let wait = retry_after(&answer.headers, now);
    let what = call.what;
    let code = || refusal.shown_code();
    // The codes of a dead token count under any status (Graph: delta query).
    if refusal.is(&["syncStateNotFound", "resyncRequired"]) || answer.status == StatusCode::GONE {
        let restart = answer.header("location").filter(|link| endpoints.follow(link).is_ok());
        return Verdict::Final(DirectoryError::Gone { restart: restart.map(str::to_owned) });
    }
    if refusal.is(&["Directory_ExpiredPageToken", "DirectoryPageTokenNotFoundException"]) {
        return Verdict::Final(DirectoryError::PageExpired);
    }
    match refusal.status {
        429 | 509 => Verdict::Throttled(wait),
        500 | 503 | 504 if wait.is_some() => Verdict::Throttled(wait),
        408 | 412 | 423 | 424 | 500..=599 => Verdict::Broken(wait),
        400 => Verdict::Final(match (refusal.unknown_attribute(), call.expects) {
            (Some(name), _) => DirectoryError::UnknownAttribute { name },
            (None, Expects::DeltaPage) => DirectoryError::Gone { restart: None },
            (None, Expects::Plain | Expects::Photo) => {
                DirectoryError::Refused { what, code: code() }
            }
        }),
        401 => Verdict::TokenRejected(DirectoryError::ConsentLost { code: code() }),
        403 => forbidden(what, refusal),
        // Of photos Graph says so without a body, too; its own answers bear the id of the request.
        404 if call.expects == Expects::Photo && answer.header("request-id").is_some() => {
            Verdict::Final(DirectoryError::NotFound { what })
        }
        // A proxy's 404 says nothing about the object.
        404 if refusal.is_graphs() => Verdict::Final(DirectoryError::NotFound { what }),
        404 | 300..=399 => Verdict::Broken(wait),
        _ => Verdict::Final(DirectoryError::Refused { what, code: code() }),
    }
}

fn forbidden(what: &'static str, refusal: &Refusal) -> Verdict {
    let code = refusal.shown_code();
    let missing = ["Authorization_RequestDenied", "accessDenied", "ErrorAccessDenied", "Forbidden"];
    if refusal.is(&["Authentication_RequestFromNonPremiumTenantOrB2CTenant", "ExtensionError"]) {
        Verdict::Final(DirectoryError::Forbidden { what, code })
    } else if refusal.is(&["Authorization_IdentityNotFound"]) {
        Verdict::PermissionDenied(DirectoryError::ConsentLost { code })
    } else if refusal.is(&missing) {
        Verdict::PermissionDenied(DirectoryError::Forbidden { what, code })
    } else {
        Verdict::PermissionDenied(DirectoryError::Blocked { code })
    }
}
