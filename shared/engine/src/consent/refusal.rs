//! Why consent is refused, and what the person can do.

use std::fmt;

/// A refusal. What it says to people is in [`Refusal::text`]; nothing of it comes from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The link is unknown, expired, or has served its purpose.
    DeadLink,
    /// The link was started too often.
    TooManyAttempts,
    /// The browser that came back is not the one that started.
    OtherBrowser,
    /// The way back was taken already, or took too long.
    UnknownState,
    /// What came back is not what Microsoft sends.
    MalformedReturn,
    /// Microsoft reported an error: usually that consent was declined.
    NotConsented {
        /// The AADSTS number, where there was one.
        code: Option<u32>,
    },
    /// Consent was given for another organisation than this connection is for.
    WrongTenant,
    /// The organisation is connected already.
    TenantTaken {
        /// Whether by the same account; of others nothing is told.
        by_same_account: bool,
    },
    /// The sign-in's proof did not hold.
    NotVerified {
        /// Why, for the log.
        detail: String,
    },
    /// The token does not say which roles the person has.
    AdminNotProven,
    /// The person is no administrator who can consent for the organisation.
    NotAnAdmin,
    /// Microsoft's sign-in did not answer.
    SignInUnavailable {
        /// What was seen, for the log.
        detail: String,
    },
    /// Our own credential was refused.
    CredentialRefused {
        /// The AADSTS number, for the log.
        code: String,
    },
    /// The connection kept changing under our hands.
    Busy,
}

/// A refusal in words for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalText {
    /// The HTTP status.
    pub status: u16,
    /// In a few words.
    pub title: &'static str,
    /// What happened.
    pub message: String,
    /// What to do.
    pub fix: &'static str,
}

const AGAIN: &str = "Open the link again and start from its page.";

impl Refusal {
    /// A stable word for logs and tests.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DeadLink => "dead-link",
            Self::TooManyAttempts => "too-many-attempts",
            Self::OtherBrowser => "other-browser",
            Self::UnknownState => "unknown-state",
            Self::MalformedReturn => "malformed-return",
            Self::NotConsented { .. } => "not-consented",
            Self::WrongTenant => "wrong-tenant",
            Self::TenantTaken { .. } => "tenant-taken",
            Self::NotVerified { .. } => "not-verified",
            Self::AdminNotProven => "admin-not-proven",
            Self::NotAnAdmin => "not-an-admin",
            Self::SignInUnavailable { .. } => "sign-in-unavailable",
            Self::CredentialRefused { .. } => "credential-refused",
            Self::Busy => "busy",
        }
    }

    /// What operators want to know beyond the reason: nothing secret, nothing personal.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::NotVerified { detail } | Self::SignInUnavailable { detail } => Some(detail),
            Self::CredentialRefused { code } => Some(code),
            Self::DeadLink
            | Self::TooManyAttempts
            | Self::OtherBrowser
            | Self::UnknownState
            | Self::MalformedReturn
            | Self::NotConsented { .. }
            | Self::WrongTenant
            | Self::TenantTaken { .. }
            | Self::AdminNotProven
            | Self::NotAnAdmin
            | Self::Busy => None,
        }
    }

    /// Whether an operator must look: the customer can do nothing about it.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::CredentialRefused { .. } | Self::AdminNotProven)
    }

    /// The refusal in words.
    #[expect(clippy::too_many_lines, reason = "a table of texts")]
    pub fn text(&self) -> RefusalText {
        let text = |status, title, message: &str, fix| RefusalText {
            status,
            title,
            message: message.to_owned(),
            fix,
        };
        match self {
            Self::DeadLink => text(
                404,
                "This link does not work any more",
                "It has expired, was used already, or is incomplete.",
                "Ask whoever sent it to you for a new one.",
            ),
            Self::TooManyAttempts => text(
                429,
                "This link was tried too often",
                "A link can be started ten times.",
                "Ask whoever sent it to you for a new one.",
            ),
            Self::OtherBrowser => text(
                400,
                "Open the link yourself",
                "You came back in a browser that did not start here, or to a page that was finished \
                 before, so we cannot tell that it was you who asked. What was connected stays \
                 connected.",
                "Open the link yourself, in the browser in which you sign in to Microsoft, with \
                 cookies allowed.",
            ),
            Self::UnknownState => text(
                400,
                "This page was used already or has expired",
                "Each way through Microsoft's pages works once, for fifteen minutes.",
                AGAIN,
            ),
            Self::MalformedReturn => text(
                400,
                "Microsoft's answer is incomplete",
                "What your browser brought back is not what Microsoft sends.",
                AGAIN,
            ),
            Self::NotConsented { code } => not_consented(*code),
            Self::WrongTenant => text(
                409,
                "This is another organisation",
                "You signed in for a different organisation than this connection is meant for. \
                 Nothing was connected.",
                "Sign out of Microsoft, open the link again, and sign in to the intended \
                 organisation.",
            ),
            Self::TenantTaken { by_same_account: true } => text(
                409,
                "This organisation is connected already",
                "Another connection of yours uses it. Nothing was changed.",
                "Use that connection, or disconnect and delete it first.",
            ),
            Self::TenantTaken { by_same_account: false } => text(
                409,
                "This organisation is connected already",
                "It is in use elsewhere. Nothing was changed.",
                "Have it disconnected where it is in use, or ask your provider's support.",
            ),
            Self::NotVerified { .. } => text(
                403,
                "Your sign-in could not be verified",
                "Microsoft's proof of who signed in did not hold. Nothing was connected.",
                AGAIN,
            ),
            Self::AdminNotProven => text(
                403,
                "We could not prove that you are an administrator",
                "Microsoft did not tell us which roles you have. Nothing was connected.",
                "Ask your provider to set `groupMembershipClaims` to `DirectoryRole` in the \
                 manifest of their app registration; then open the link again.",
            ),
            Self::NotAnAdmin => text(
                403,
                "Ask your admin",
                "You are signed in, but not as an administrator who can consent for your \
                 organisation. Nothing was connected.",
                "Send the link to a Global Administrator or Privileged Role Administrator of your \
                 organisation.",
            ),
            Self::SignInUnavailable { .. } => text(
                503,
                "Microsoft did not answer",
                "Your sign-in could not be checked just now. Nothing was connected.",
                "Wait a minute, then open the link again.",
            ),
            Self::CredentialRefused { .. } => text(
                503,
                "Your provider must repair something",
                "Microsoft refused the provider's own application. You did nothing wrong, and \
                 nothing was connected.",
                "Tell your provider the reference below; then open the link again.",
            ),
            Self::Busy => text(
                503,
                "Somebody else is changing this connection",
                "It changed several times while you were signing in.",
                "Wait a minute, then open the link again.",
            ),
        }
    }
}

fn not_consented(code: Option<u32>) -> RefusalText {
    let what = match code {
        Some(90_094 | 90_095) => "Only an administrator can agree to this.",
        Some(_) | None => "Microsoft reports that consent was cancelled or declined.",
    };
    let number = code.map_or_else(String::new, |code| format!(" (Microsoft's code: AADSTS{code})"));
    RefusalText {
        status: 400,
        title: "Consent was not given",
        message: format!("{what} Nothing was connected.{number}"),
        fix: "Open the link again and accept, or send it to an administrator of your organisation.",
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}
