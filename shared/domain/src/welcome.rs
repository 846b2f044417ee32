//! The welcome mail: what a person is told, once, when sync makes their contact.
//!
//! Whoever reads it may believe every word of it, and parts of it come from a directory that others
//! write. So a value never brings a line break, a header or markup along.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ConnectionId, ContactId};
use crate::settings::Problem;

/// The longest subject of a template, in characters.
pub const LONGEST_SUBJECT: usize = 200;

/// The longest body of a template, in characters: an item holds 400 KB.
pub const LONGEST_BODY: usize = 50_000;

/// What is told of a value at most, in characters.
const LONGEST_VALUE: usize = 256;

/// What an account's welcome mails say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WelcomeTemplate {
    /// The subject, in one line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Raised by every write.
    pub version: u64,
    /// When it was saved.
    pub updated_at: Timestamp,
}

/// What stands in a template for something that is known only of one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The person's name; without one, their address.
    DisplayName,
    /// The person's address.
    Email,
    /// The account's name.
    AccountName,
    /// Where people look after their connections.
    PortalUrl,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DisplayName, Self::Email, Self::AccountName, Self::PortalUrl];

    /// Its word in a template.
    pub fn name(self) -> &'static str {
        match self {
            Self::DisplayName => "displayName",
            Self::Email => "email",
            Self::AccountName => "accountName",
            Self::PortalUrl => "portalUrl",
        }
    }
}

/// What one mail says in place of the placeholders.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The person's name, where one is known.
    pub display_name: Option<&'a str>,
    /// The person's address.
    pub email: &'a str,
    /// The account's name.
    pub account_name: &'a str,
    /// Where people look after their connections, where the installation says.
    pub portal_url: Option<&'a str>,
}

impl Values<'_> {
    /// A value in one line, however it came.
    fn of(&self, placeholder: Placeholder) -> String {
        let value = match placeholder {
            Placeholder::DisplayName => {
                self.display_name.filter(|name| !name.trim().is_empty()).unwrap_or(self.email)
            }
            Placeholder::Email => self.email,
            Placeholder::AccountName => self.account_name,
            Placeholder::PortalUrl => self.portal_url.unwrap_or_default(),
        };
        let longest = match placeholder {
            Placeholder::DisplayName | Placeholder::AccountName => LONGEST_VALUE,
            Placeholder::Email | Placeholder::PortalUrl => usize::MAX,
        };
        value.trim().chars().map(in_line).take(longest).collect()
    }
}

/// No value opens a line of its own, or turns what follows around.
fn in_line(c: char) -> char {
    let turns =
        matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { ' ' } else { c }
}

/// A mail as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, in one line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML, where the template has one.
    pub html: Option<String>,
}

impl fmt::Debug for Rendered {
    /// It is about a person.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rendered").finish_non_exhaustive()
    }
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Value(Placeholder),
    Unknown(&'a str),
    Unclosed,
}

/// A template's text in pieces.
fn pieces(mut rest: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some((before, after)) = rest.split_once("{{") {
        pieces.push(Piece::Text(before));
        let Some((name, after)) = after.split_once("}}") else {
            pieces.push(Piece::Unclosed);
            return pieces;
        };
        let known = Placeholder::ALL.into_iter().find(|one| one.name() == name.trim());
        pieces.push(known.map_or(Piece::Unknown(name), Piece::Value));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn filled(template: &str, value: impl Fn(Placeholder) -> String) -> String {
    let mut text = String::with_capacity(template.len());
    for piece in pieces(template) {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Value(placeholder) => text.push_str(&value(placeholder)),
            // No template that was checked has any.
            Piece::Unknown(_) | Piece::Unclosed => {}
        }
    }
    text
}

/// A value as HTML shows it, in an element and in a quoted attribute alike.
fn escaped(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            other => safe.push(other),
        }
    }
    safe
}

impl WelcomeTemplate {
    /// The mail to one person.
    pub fn render(&self, values: &Values<'_>) -> Rendered {
        let plain = |placeholder| values.of(placeholder);
        let escape = |placeholder| escaped(&values.of(placeholder));
        Rendered {
            subject: filled(&self.subject, plain),
            text: filled(&self.text, plain),
            html: self.html.as_deref().map(|html| filled(html, escape)),
        }
    }

    /// Whether any part of it says this.
    pub fn says(&self, placeholder: Placeholder) -> bool {
        let parts = [Some(&self.subject), Some(&self.text), self.html.as_ref()];
        parts.into_iter().flatten().any(|part| names(part, placeholder))
    }

    /// Everything that is wrong with it. `has_portal`: whether the installation says where people
    /// look after their connections.
    pub fn problems(&self, has_portal: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, message: String| {
            problems.push(Problem { pointer: pointer.to_owned(), message });
        };
        if self.subject.chars().any(char::is_control) {
            wrong("/subject", "control characters and line breaks are not allowed".to_owned());
        }
        let html = self.html.as_deref().map(|html| ("/html", html, LONGEST_BODY));
        let parts = [
            Some(("/subject", self.subject.as_str(), LONGEST_SUBJECT)),
            Some(("/text", self.text.as_str(), LONGEST_BODY)),
            html,
        ];
        for (pointer, part, longest) in parts.into_iter().flatten() {
            if part.trim().is_empty() {
                wrong(pointer, "this cannot be empty".to_owned());
            }
            if part.chars().count() > longest {
                wrong(pointer, format!("at most {longest} characters"));
            }
            if part.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
                wrong(pointer, "control characters are not allowed".to_owned());
            }
            for piece in pieces(part) {
                match piece {
                    Piece::Unknown(name) => wrong(pointer, unknown(name)),
                    Piece::Unclosed => {
                        wrong(pointer, "`{{` is never followed by `}}`".to_owned());
                    }
                    Piece::Text(_) | Piece::Value(_) => {}
                }
            }
            if !has_portal && names(part, Placeholder::PortalUrl) {
                let message = "this installation names no address for `{{portalUrl}}`; leave it \
                               out, or have the operator set PortalUrl";
                wrong(pointer, message.to_owned());
            }
        }
        problems
    }
}

fn names(part: &str, placeholder: Placeholder) -> bool {
    pieces(part).iter().any(|piece| matches!(piece, Piece::Value(one) if *one == placeholder))
}

fn unknown(name: &str) -> String {
    let known = Placeholder::ALL.map(|one| format!("{{{{{}}}}}", one.name())).join(", ");
    let name: String = name.chars().map(in_line).take(64).collect();
    format!("`{{{{{name}}}}}` is no placeholder; known are {known}")
}

/// That somebody set out to welcome a contact. It outlives the contact, so that nobody is welcomed
/// twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// Whose contact.
    pub account_id: AccountId,
    /// Which.
    pub contact_id: ContactId,
    /// Through which connection it came; absent once the person was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// Digest of account and address; absent once the person was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How far it came.
    pub state: WelcomeState,
    /// Why no mail was sent: the mail service's own word. Of a claim `NoAnswer`, once it was told
    /// that nobody knows what became of the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Tells one attempt from every other: of two who claim at once, each knows its own.
    pub attempt: String,
    /// Raised by every write.
    pub version: u64,
    /// Since when it is in this state.
    pub at: Timestamp,
}

impl Welcome {
    /// Of a person who is forgotten: only that somebody was welcomed stays.
    pub fn forget(&mut self) {
        if self.connection_id.is_none() && self.address.is_none() && self.reason.is_none() {
            return;
        }
        (self.connection_id, self.address, self.reason) = (None, None, None);
        self.version += 1;
    }
}

/// How far a welcome came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WelcomeState {
    /// Somebody set out to send the mail, and did not say what became of it.
    Claimed,
    /// The mail service took it.
    Sent,
    /// The mail service did not take it: nothing was sent.
    Failed,
}

#[cfg(test)]
mod tests;
