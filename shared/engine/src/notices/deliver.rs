//! Mailing a notice to whoever is to be told.

use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, NoticeId};
use contact_sync_domain::notice::Notice;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::{NoticeError, NoticeStores};
use crate::port::{Clock, Mail, MailClaim, MailError, MailOf, Mailer};

/// Longer than an invocation lives: whoever claimed a mail and is over it is dead.
const CLAIM: SignedDuration = SignedDuration::from_secs(90);

/// What became of a notice's mails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// So many were sent now.
    pub sent: u64,
    /// So many had been sent before.
    pub known: u64,
}

/// Mails a notice to each address that the connection's settings name at this moment. An address
/// whose mail fails does not keep the others from theirs; the first failure is the answer.
///
/// A death between sending and noting it, or an answer that got lost, repeats that one mail once.
pub async fn deliver(
    stores: &impl NoticeStores,
    mailer: &impl Mailer,
    clock: &impl Clock,
    portal_url: Option<&str>,
    (account, id): (&AccountId, &NoticeId),
) -> Result<Delivery, NoticeError> {
    let mut delivery = Delivery::default();
    let Some(notice) = stores.notice(account, id).await? else { return Ok(delivery) };
    let settings = stores.settings(account, &notice.connection_id).await?.settings;
    let mut failure = None;
    let mut named: Vec<String> = Vec::new();
    for address in settings.notifications.emails {
        let key = email_key(&address);
        if named.contains(&key) {
            continue;
        }
        let written = written(&notice, portal_url, &address);
        match send_once(stores, mailer, clock, &notice, &written).await {
            Ok(MailClaim::Ours) => delivery.sent += 1,
            Ok(MailClaim::Sent) => delivery.known += 1,
            Ok(MailClaim::AtWork) => failure = failure.or(Some(NoticeError::AtWork)),
            Err(error) => failure = failure.or(Some(error)),
        }
        named.push(key);
    }
    failure.map_or(Ok(delivery), Err)
}

async fn send_once(
    stores: &impl NoticeStores,
    mailer: &impl Mailer,
    clock: &impl Clock,
    notice: &Notice,
    written: &Mail,
) -> Result<MailClaim, NoticeError> {
    let mail = MailOf {
        account_id: notice.account_id.clone(),
        notice_id: notice.id.clone(),
        address_hash: hash_of(&email_key(&written.to)),
    };
    let now = clock.now();
    let until = now.checked_add(CLAIM).unwrap_or(now);
    let claim = stores.claim_mail(&mail, now, until).await?;
    if claim != MailClaim::Ours {
        return Ok(claim);
    }
    let sent = mailer.send(written).await;
    match sent {
        Ok(_) => {
            stores.settle_mail(&mail, true, clock.now()).await?;
            Ok(MailClaim::Ours)
        }
        Err(error @ (MailError::Throttled(_) | MailError::Refused { .. })) => {
            stores.settle_mail(&mail, false, clock.now()).await?;
            Err(error.into())
        }
        // It may have been sent: the claim stands until it is over, so that it is sent once more at
        // most.
        Err(error @ MailError::Unavailable(_)) => Err(error.into()),
    }
}

fn written(notice: &Notice, portal_url: Option<&str>, address: &str) -> Mail {
    let mut text = notice.text.clone();
    if let Some(url) = portal_url {
        text.push_str("\n\n");
        text.push_str(url);
    }
    let footer = ["\n\n-- \n", &notice.reason, " of ", notice.connection_id.as_str(), "\n"];
    text.extend(footer);
    Mail { to: address.trim().to_owned(), subject: notice.title.clone(), text, html: None }
}

/// An address in a form that does not tell it to whoever reads the table.
fn hash_of(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(16).fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}
