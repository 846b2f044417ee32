//! The link, its page, and the start.

use std::fmt;

use contact_sync_domain::connection::Connection;
use jiff::Timestamp;

use super::{
    ATTEMPT_LIFETIME, ATTEMPTS, ConsentError, ConsentFlow, ConsentStores, INVITATION_LIFETIME,
    Refusal, secret_hash,
};
use crate::port::{
    Clock, ConsentAttempt, ConsentInvitation, ConsentLeg, ConsentStore, Directory, Identity,
    Randomness, StoreError,
};

/// 256 bits in base64url.
const SECRET_LENGTH: usize = 43;

/// A link that was just made. Its token is nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedInvitation {
    /// What the link ends with.
    pub token: String,
    /// When the link dies.
    pub expires_at: Timestamp,
}

impl OpenedInvitation {
    /// The whole link; `base_url` is an origin without a slash at the end.
    pub fn url(&self, base_url: &str) -> String {
        format!("{base_url}/connect/{}", self.token)
    }
}

impl fmt::Debug for OpenedInvitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpenedInvitation")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Makes a consent link for a connection. Earlier links stay alive until they expire.
pub async fn open_invitation(
    store: &impl ConsentStore,
    clock: &impl Clock,
    chance: &impl Randomness,
    connection: &Connection,
) -> Result<OpenedInvitation, StoreError> {
    let token = chance.secret();
    let expires_at = clock.now() + INVITATION_LIFETIME;
    store
        .put_invitation(&ConsentInvitation {
            token_hash: secret_hash(&token),
            account_id: connection.account_id.clone(),
            connection_id: connection.id.clone(),
            attempts: 0,
            expires_at,
        })
        .await?;
    Ok(OpenedInvitation { token, expires_at })
}

/// A permission that consent grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedPermission {
    /// Its name at Microsoft.
    pub name: &'static str,
    /// What it lets us do, in plain words.
    pub meaning: &'static str,
}

/// What the app registration asks for, and nothing else.
const PERMISSIONS: &[RequestedPermission] = &[
    RequestedPermission {
        name: "User.Read.All",
        meaning: "Read the profiles of the people in your directory: names, e-mail addresses, \
                  phone numbers, job titles, offices. Nothing in your directory is changed.",
    },
    RequestedPermission {
        name: "GroupMember.Read.All",
        meaning: "Read the names of your groups and who is in them, so that you can choose whom \
                  to sync.",
    },
];

/// What a link's page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationView {
    /// Who asks.
    pub account_name: String,
    /// What will be granted.
    pub permissions: &'static [RequestedPermission],
    /// For which organisation, where that is fixed: its name, domain or id.
    pub organisation: Option<String>,
    /// When the link dies.
    pub expires_at: Timestamp,
}

/// What to show to somebody who opened a link. Changes nothing, however often it is asked.
pub async fn describe_invitation(
    stores: &impl ConsentStores,
    clock: &impl Clock,
    token: &str,
) -> Result<InvitationView, ConsentError> {
    let (invitation, connection) = alive(stores, token, clock.now()).await?;
    let account = stores.account(&invitation.account_id).await?.ok_or(Refusal::DeadLink)?;
    let known = connection.tenant.map(|tenant| {
        let domain = tenant.verified_domains.into_iter().next();
        tenant.name.or(domain).unwrap_or_else(|| tenant.id.to_string())
    });
    Ok(InvitationView {
        account_name: account.name,
        permissions: PERMISSIONS,
        organisation: known.or(connection.wanted_tenant),
        expires_at: invitation.expires_at,
    })
}

/// A started attempt: where the browser goes, and what it must bring back.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// Microsoft's consent page.
    pub redirect_url: String,
    /// The cookie's value.
    pub cookie: String,
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl<S, I, D, C, R> ConsentFlow<'_, S, I, D, C, R>
where
    S: ConsentStores,
    I: Identity,
    D: Directory,
    C: Clock,
    R: Randomness,
{
    /// Starts an attempt in one browser.
    pub async fn begin(&self, token: &str) -> Result<Begun, ConsentError> {
        let now = self.clock.now();
        let (invitation, connection) = alive(self.stores, token, now).await?;
        let (state, cookie) = (self.chance.secret(), self.chance.secret());
        let attempt = ConsentAttempt {
            state_hash: secret_hash(&state),
            token_hash: invitation.token_hash,
            account_id: invitation.account_id,
            connection_id: invitation.connection_id,
            cookie_hash: secret_hash(&cookie),
            leg: ConsentLeg::Consent,
            expires_at: now + ATTEMPT_LIFETIME,
        };
        if !self.stores.start_attempt(&attempt, now).await? {
            let used_up = invitation.attempts >= ATTEMPTS;
            return Err(if used_up { Refusal::TooManyAttempts } else { Refusal::DeadLink }.into());
        }
        let tenant = connection.tenant.map(|tenant| tenant.id.to_string());
        let tenant = tenant.or(connection.wanted_tenant);
        let redirect_url =
            self.identity.admin_consent_url(tenant.as_deref(), &state, self.redirect_uri);
        Ok(Begun { redirect_url, cookie })
    }
}

/// A living link and its connection.
async fn alive(
    stores: &impl ConsentStores,
    token: &str,
    now: Timestamp,
) -> Result<(ConsentInvitation, Connection), ConsentError> {
    if token.len() != SECRET_LENGTH {
        return Err(Refusal::DeadLink.into());
    }
    let invitation = stores.invitation(&secret_hash(token), now).await?.ok_or(Refusal::DeadLink)?;
    let connection = stores
        .connection(&invitation.account_id, &invitation.connection_id)
        .await?
        .ok_or(Refusal::DeadLink)?;
    Ok((invitation, connection))
}
