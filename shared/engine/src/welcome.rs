//! Welcoming whoever sync made a contact for: one mail, at most once.
//!
//! The claim comes before the mail and stands for ever, whatever becomes of the contact. So whoever
//! dies between the two, or does not hear what the mail service says, leaves a person without a
//! welcome, and never one with two; such claims are told of once and listed, and people send those
//! mails by hand.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::{Contact, ContactField, ContactStatus, LinkState};
use contact_sync_domain::email::{email_key, is_plausible_email};
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::welcome::{Rendered, Values, Welcome, WelcomeState};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::port::{
    AccountStore, Clock, ConnectionStore, ContactStore, Mail, MailError, Mailer, Randomness,
    SettingsStore, StoreError, StoredContact, WelcomeClaim, WelcomeStore,
};

/// Longer than an invocation lives: whoever claimed a welcome and is over it is dead.
pub const AT_WORK: SignedDuration = SignedDuration::from_secs(90);

/// Noted on a claim once it was told that nobody knows what became of it.
const UNHEARD: &str = "NoAnswer";

/// So long a mail waits for the mail service, each time longer, before it is given up for now.
const PATIENCE: [SignedDuration; 4] = [
    SignedDuration::from_secs(1),
    SignedDuration::from_secs(2),
    SignedDuration::from_secs(4),
    SignedDuration::from_secs(8),
];

/// Everything that welcomes need of the state.
pub trait WelcomeStores:
    AccountStore + ConnectionStore + ContactStore + SettingsStore + WelcomeStore
{
}

impl<S> WelcomeStores for S where
    S: AccountStore + ConnectionStore + ContactStore + SettingsStore + WelcomeStore
{
}

/// With what mails are sent.
#[derive(Debug)]
pub struct Post<'a, S, M, C, R> {
    /// The state.
    pub stores: &'a S,
    /// The mail service.
    pub mailer: &'a M,
    /// The time.
    pub clock: &'a C,
    /// Chance.
    pub randomness: &'a R,
    /// Where people look after their connections.
    pub portal_url: Option<&'a str>,
}

/// What became of a welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcomed {
    /// The mail was sent now.
    Sent,
    /// It was sent before, or somebody else is at it, or it was told before that nobody knows.
    Known,
    /// Nobody knows whether it was sent; it is not sent again by itself. Said once of a claim.
    Uncertain,
    /// Another contact of the account was welcomed under the same address.
    AddressKnown,
    /// Nobody is to be welcomed, for this reason.
    Unwanted(&'static str),
}

/// Why somebody was not welcomed.
#[derive(Debug, Error)]
pub enum WelcomeError {
    /// The store failed.
    #[error("the state store failed")]
    Store(#[from] StoreError),
    /// The mail was not sent, and may be sent later.
    #[error("the welcome mail was not sent")]
    Mail(#[source] MailError),
    /// Somebody claimed the mail a moment ago, and may be at it, or dead: come again to find out.
    #[error("somebody set out to send the welcome mail, and has not said yet what became of it")]
    AtWork,
}

/// Digest of an address within its account: the same person has another one elsewhere.
fn address_of(account: &AccountId, email: &str) -> String {
    let digest = Sha256::new()
        .chain_update(account.as_str())
        .chain_update([0])
        .chain_update(email_key(email))
        .finalize();
    digest.iter().take(16).fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

impl<S, M, C, R> Post<'_, S, M, C, R>
where
    S: WelcomeStores,
    M: Mailer,
    C: Clock,
    R: Randomness,
{
    /// Welcomes somebody whose contact sync made, if the settings still say so at this moment. Of a
    /// claim too young to tell, whoever comes is asked to come again: nobody else would find that the
    /// claim's owner died.
    pub async fn welcome(
        &self,
        account: &AccountId,
        id: &ContactId,
    ) -> Result<Welcomed, WelcomeError> {
        let before = self.stores.welcome(account, id).await?;
        let before = match before {
            Some(known) if known.state != WelcomeState::Failed => return self.found(known).await,
            failed => failed,
        };
        let Some(StoredContact::Present(contact)) = self.stores.get(account, id).await? else {
            return Ok(Welcomed::Unwanted("the contact was removed"));
        };
        if !contact.sync.as_ref().is_some_and(|mark| mark.welcome) {
            return Ok(Welcomed::Unwanted("the contact existed before"));
        }
        let Some(link) = &contact.link else {
            return Ok(Welcomed::Unwanted("the contact was unlinked"));
        };
        // A mail may be due days after the contact was made: who left meanwhile is not welcomed.
        if contact.status != ContactStatus::Active || link.state != LinkState::Linked {
            return Ok(Welcomed::Unwanted("the contact is not active any more"));
        }
        let connection = self.stores.connection(account, &link.connection_id).await?;
        let stopped = [ConnectionStatus::Disabled, ConnectionStatus::Disconnected];
        if connection.is_none_or(|connection| stopped.contains(&connection.status)) {
            return Ok(Welcomed::Unwanted("the connection was stopped"));
        }
        // Who turns it off stops what is still on its way.
        let settings = self.stores.settings(account, &link.connection_id).await?.settings;
        if !settings.welcome_email {
            return Ok(Welcomed::Unwanted("welcome mails were turned off"));
        }
        self.send(&contact, before).await
    }

    /// Sends the mail of a welcome that came to nothing, or of which nobody knows, because somebody
    /// says so.
    pub async fn welcome_again(
        &self,
        contact: &Contact,
        before: Welcome,
    ) -> Result<Welcomed, WelcomeError> {
        match self.standing(&before) {
            Welcomed::Uncertain => {}
            _ if before.state == WelcomeState::Failed => {}
            standing => return Ok(standing),
        }
        self.send(contact, Some(before)).await
    }

    /// What a claim says that stands already.
    fn standing(&self, known: &Welcome) -> Welcomed {
        let is_over = self.clock.now().duration_since(known.at) >= AT_WORK;
        match known.state {
            WelcomeState::Claimed if is_over => Welcomed::Uncertain,
            WelcomeState::Claimed | WelcomeState::Sent | WelcomeState::Failed => Welcomed::Known,
        }
    }

    /// What the event's repetition learns of a claim that stands.
    async fn found(&self, known: Welcome) -> Result<Welcomed, WelcomeError> {
        let is_told = known.reason.as_deref() == Some(UNHEARD);
        match (known.state, self.standing(&known)) {
            (WelcomeState::Claimed, _) if is_told => Ok(Welcomed::Known),
            (WelcomeState::Claimed, Welcomed::Uncertain) => Ok(self.tell(known).await),
            (WelcomeState::Claimed, _) => Err(WelcomeError::AtWork),
            (WelcomeState::Sent | WelcomeState::Failed, standing) => Ok(standing),
        }
    }

    /// Notes on a claim that nobody knows what became of it: whoever notes it says so, and nobody
    /// after. Where the store fails it is said rather than not: nobody may come again.
    async fn tell(&self, claim: Welcome) -> Welcomed {
        let reason = Some(UNHEARD.to_owned());
        let told = Welcome { reason, version: claim.version + 1, ..claim };
        match self.stores.settle_welcome(&told).await {
            Ok(false) => Welcomed::Known,
            Ok(true) | Err(_) => Welcomed::Uncertain,
        }
    }

    async fn send(
        &self,
        contact: &Contact,
        before: Option<Welcome>,
    ) -> Result<Welcomed, WelcomeError> {
        let account = &contact.account_id;
        let Some(email) = contact.email().map(str::trim).filter(|it| is_plausible_email(it)) else {
            return Ok(Welcomed::Unwanted("the contact has no address"));
        };
        let Some(written) = self.written(contact, email).await? else {
            return Ok(Welcomed::Unwanted("the account has no template"));
        };
        let claim = Welcome {
            account_id: account.clone(),
            contact_id: contact.id.clone(),
            connection_id: contact.link.as_ref().map(|link| link.connection_id.clone()),
            address: Some(address_of(account, email)),
            state: WelcomeState::Claimed,
            reason: None,
            attempt: format!("{:032x}", self.randomness.bits()),
            version: before.map_or(1, |before| before.version + 1),
            at: self.clock.now(),
        };
        match self.stores.claim_welcome(&claim).await? {
            WelcomeClaim::Ours => {}
            WelcomeClaim::Theirs => return Ok(Welcomed::Known),
            WelcomeClaim::AddressWelcomed => return Ok(Welcomed::AddressKnown),
        }
        let mail = Mail {
            to: email.to_owned(),
            subject: written.subject,
            text: written.text,
            html: written.html,
        };
        let Some(sent) = self.sent(&mail, contact).await? else { return self.let_go(claim).await };
        let (state, reason, answer) = match sent {
            Ok(()) => (WelcomeState::Sent, None, Ok(Welcomed::Sent)),
            Err(MailError::Unavailable(_)) => return Ok(self.tell(claim).await),
            Err(error @ MailError::Throttled(_)) => {
                (WelcomeState::Failed, Some("Throttled".to_owned()), Err(error))
            }
            Err(MailError::Refused { code, source }) => {
                let reason = Some(code.clone());
                (WelcomeState::Failed, reason, Err(MailError::Refused { code, source }))
            }
        };
        let at = self.clock.now();
        let settled = Welcome { state, reason, version: claim.version + 1, at, ..claim };
        self.stores.settle_welcome(&settled).await?;
        answer.map_err(WelcomeError::Mail)
    }

    /// The mail to a contact; `None` where the account has no template.
    async fn written(
        &self,
        contact: &Contact,
        email: &str,
    ) -> Result<Option<Rendered>, StoreError> {
        let account = &contact.account_id;
        let Some(template) = self.stores.welcome_template(account).await? else { return Ok(None) };
        let Some(account) = self.stores.account(account).await? else { return Ok(None) };
        let display_name = contact.fields.get(&ContactField::DisplayName).map(String::as_str);
        Ok(Some(template.render(&Values {
            display_name,
            email,
            account_name: &account.name,
            portal_url: self.portal_url,
        })))
    }

    /// Sends a mail, at the mail service's pace, for as long as the contact stands; `None` once it is
    /// gone. What the mail service does not take was not sent, so that it is offered again under the
    /// same claim.
    async fn sent(
        &self,
        mail: &Mail,
        contact: &Contact,
    ) -> Result<Option<Result<(), MailError>>, StoreError> {
        for patience in PATIENCE.into_iter().map(Some).chain([None]) {
            // Somebody may have been removed, or forgotten, between the claim and the mail.
            let standing = self.stores.get(&contact.account_id, &contact.id).await?;
            if !matches!(standing, Some(StoredContact::Present(_))) {
                return Ok(None);
            }
            match (self.mailer.send(mail).await, patience) {
                (Err(MailError::Throttled(_)), Some(patience)) => self.clock.sleep(patience).await,
                (answer, _) => return Ok(Some(answer.map(drop))),
            }
        }
        Ok(None)
    }

    /// Says that nothing was sent under a claim, since the contact is gone. Of whoever was forgotten
    /// only that somebody was claimed stays: what forgets may have looked before the claim stood.
    async fn let_go(&self, claim: Welcome) -> Result<Welcomed, WelcomeError> {
        let (account, contact) = (claim.account_id.clone(), claim.contact_id.clone());
        let settled = Welcome {
            state: WelcomeState::Failed,
            reason: Some("ContactRemoved".to_owned()),
            version: claim.version + 1,
            at: self.clock.now(),
            ..claim
        };
        self.stores.settle_welcome(&settled).await?;
        let standing = self.stores.get(&account, &contact).await?;
        if matches!(standing, Some(StoredContact::Tombstone { erased: true, .. })) {
            self.stores.forget_welcome(&account, &contact).await?;
        }
        Ok(Welcomed::Unwanted("the contact was removed"))
    }
}

#[cfg(test)]
mod tests;
