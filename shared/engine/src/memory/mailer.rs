//! A mailer that keeps what it sends.

use std::sync::Mutex;

use super::locked;
use crate::port::{Mail, MailError, Mailer};

/// What a mailer does with one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailFate {
    /// It refuses the mail for good.
    Refuses,
    /// It asks to wait.
    Throttles,
    /// It sends the mail, and its answer gets lost.
    LosesAnswer,
}

/// A mailer in memory.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    sent: Mutex<Vec<Mail>>,
    fates: Mutex<Vec<MailFate>>,
}

impl MemoryMailer {
    /// What was sent so far.
    pub fn sent(&self) -> Vec<Mail> {
        locked(&self.sent).clone()
    }

    /// What becomes of the next mails; those after them are sent.
    pub fn set_fates(&self, fates: &[MailFate]) {
        *locked(&self.fates) = fates.iter().rev().copied().collect();
    }
}

impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let fate = locked(&self.fates).pop();
        match fate {
            Some(MailFate::Refuses) => {
                let code = "MessageRejected".to_owned();
                return Err(MailError::Refused { code, source: "not verified".into() });
            }
            Some(MailFate::Throttles) => return Err(MailError::Throttled("slower".into())),
            Some(MailFate::LosesAnswer) | None => locked(&self.sent).push(mail.clone()),
        }
        match fate {
            Some(_) => Err(MailError::Unavailable("no answer".into())),
            None => Ok("id".to_owned()),
        }
    }
}
