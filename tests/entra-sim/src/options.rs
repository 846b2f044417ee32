//! What a simulator is started with: tenants, app registrations, where it listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::settings::Settings;

/// The app registration that exists unless told otherwise.
pub const DEFAULT_APP_ID: Uuid = uuid::uuid!("11111111-2222-4333-8444-555555555555");
/// The client secret of [`DEFAULT_APP_ID`].
pub const DEFAULT_APP_SECRET: &str = "local-development-secret";

/// Everything a simulator needs to start.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Origin under which clients reach the simulator; `http://{listen}` unless given.
    pub public_url: Option<String>,
    /// Same seed, same tenants, people, groups and random faults.
    pub seed: u64,
    /// Where state is kept over restarts; nothing is kept unless given.
    pub data_dir: Option<PathBuf>,
    /// The tenants, each with its own directory.
    pub tenants: Vec<TenantSpec>,
    /// The app registrations, known in every tenant that consents.
    pub apps: Vec<AppRegistration>,
    /// How the service behaves at the start; changeable while it runs.
    pub settings: Settings,
    /// The cloud this simulator is.
    pub cloud: Cloud,
    /// Where Graph listens, if it shall have a host of its own; port 0 takes a free one.
    pub graph_listen: Option<SocketAddr>,
    /// Origin under which clients reach that; `http://{graph_listen}` unless given.
    pub graph_public_url: Option<String>,
    /// Tenants, by id or domain, that live in another cloud (AADSTS90038).
    pub elsewhere: Vec<(String, Cloud)>,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            public_url: None,
            seed: 1,
            data_dir: None,
            tenants: TenantSpec::demo(2_000),
            apps: vec![AppRegistration::development()],
            settings: Settings::default(),
            cloud: Cloud::Global,
            graph_listen: None,
            graph_public_url: None,
            elsewhere: Vec::new(),
        }
    }
}

impl SimOptions {
    /// The demo tenants with `users` people in the first one.
    pub fn with_users(users: u32) -> Self {
        Self { tenants: TenantSpec::demo(users), ..Self::default() }
    }
}

/// One tenant to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// Display name of the organisation.
    pub name: String,
    /// Default verified domain, as `contoso.example`.
    pub domain: String,
    /// How many people its directory starts with.
    pub users: u32,
    /// Tenant id; follows from the seed unless given.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Whether it has an Entra ID P1 licence (sign-in activity and reports).
    #[serde(default = "yes")]
    pub premium: bool,
    /// Whether it has Intune.
    #[serde(default = "yes")]
    pub intune: bool,
}

const fn yes() -> bool {
    true
}

impl TenantSpec {
    /// A tenant named for its domain, with a premium licence and Intune.
    pub fn new(name: &str, domain: &str, users: u32) -> Self {
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            users,
            id: None,
            premium: true,
            intune: true,
        }
    }

    /// Contoso with `users` people, and two small tenants of throttling sizes S and M.
    pub fn demo(users: u32) -> Vec<Self> {
        vec![
            Self::new("Contoso", "contoso.example", users),
            Self { premium: false, intune: false, ..Self::new("Fabrikam", "fabrikam.example", 40) },
            Self::new("Northwind", "northwind.example", 120),
        ]
    }

    /// Reads `Name:domain:users`, or `Name:domain:users:basic` for one without premium licence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (name, domain, users, premium) = match parts.as_slice() {
            [name, domain, users] => (name, domain, users, true),
            [name, domain, users, "basic"] => (name, domain, users, false),
            _ => return Err(format!("'{text}' is not Name:domain:users or …:basic")),
        };
        let users = users.parse().map_err(|error| format!("'{users}' users: {error}"))?;
        if name.is_empty() || !domain.contains('.') {
            return Err(format!("'{text}' needs a name and a domain with a dot"));
        }
        Ok(Self { premium, intune: premium, ..Self::new(name, domain, users) })
    }
}

/// One app registration (multi-tenant).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppRegistration {
    /// Client id.
    pub app_id: Uuid,
    /// Name on the consent screen.
    pub display_name: String,
    /// Accepted client secrets.
    #[serde(default)]
    pub secrets: Vec<ClientSecret>,
    /// PEM certificates whose keys may sign client assertions.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Outside issuers whose tokens prove the app, at most twenty.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
    /// Redirect URIs, compared exactly.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Accepts any redirect URI on a loopback host besides the registered ones.
    #[serde(default)]
    pub any_loopback_redirect: bool,
    /// Graph application roles asked for by `/.default`.
    pub roles: Vec<String>,
    /// Manifest member `groupMembershipClaims` is `DirectoryRole` or `All`: id tokens carry `wids`.
    #[serde(default)]
    pub emits_wids: bool,
}

/// An outside issuer whom a registration trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `sub` of its tokens, as the ARN of a role.
    pub subject: String,
    /// `aud` of its tokens.
    #[serde(default = "token_exchange")]
    pub audience: String,
    /// The issuer's public keys, as its key set shows them.
    #[serde(default)]
    pub keys: Vec<serde_json::Value>,
}

fn token_exchange() -> String {
    "api://AzureADTokenExchange".to_owned()
}

impl FederatedCredential {
    /// One for the usual audience, without keys yet.
    pub fn new(issuer: &str, subject: &str) -> Self {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        Self { issuer, subject, audience: token_exchange(), keys: Vec::new() }
    }
}

/// A client secret with its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientSecret {
    /// The secret text.
    pub value: String,
    /// When it stops working (AADSTS7000222); never unless given.
    #[serde(default)]
    pub expires_at: Option<jiff::Timestamp>,
}

impl AppRegistration {
    /// The registration local stacks use without any configuration.
    pub fn development() -> Self {
        Self {
            app_id: DEFAULT_APP_ID,
            display_name: "Contact sync (development)".to_owned(),
            secrets: vec![ClientSecret { value: DEFAULT_APP_SECRET.to_owned(), expires_at: None }],
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
            redirect_uris: Vec::new(),
            any_loopback_redirect: true,
            roles: ["User.Read.All", "GroupMember.Read.All"].map(str::to_owned).to_vec(),
            emits_wids: true,
        }
    }

    /// Whether the app may be redirected to `uri` after sign-in or consent.
    pub fn allows_redirect(&self, uri: &str) -> bool {
        if self.redirect_uris.iter().any(|registered| registered == uri) {
            return true;
        }
        self.any_loopback_redirect && url::Url::parse(uri).is_ok_and(|url| is_loopback(&url))
    }
}

/// Whether a URL points at this machine.
pub(crate) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_or_loopback_redirects_are_allowed() {
        let mut app = AppRegistration::development();
        assert!(app.allows_redirect("http://127.0.0.1:9000/oauth/callback"));
        assert!(app.allows_redirect("http://localhost/x"));
        assert!(!app.allows_redirect("https://evil.example/oauth/callback"));
        app.any_loopback_redirect = false;
        app.redirect_uris.push("https://sync.example/oauth/callback".to_owned());
        assert!(app.allows_redirect("https://sync.example/oauth/callback"));
        assert!(!app.allows_redirect("https://sync.example/oauth/callback/"));
    }

    #[test]
    fn reads_tenants_from_the_command_line() {
        let tenant = TenantSpec::parse("Tailspin:tailspin.example:7:basic").expect("valid");
        assert_eq!((tenant.users, tenant.premium), (7, false));
        assert!(TenantSpec::parse("Tailspin").is_err());
        assert!(TenantSpec::parse("Tailspin:x.example:many").is_err());
    }
}
