//! The two hosts of a Microsoft cloud, and which links may be followed.

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::DirectoryError;
use thiserror::Error;
use url::{Host, Url};

/// Where Graph and the sign-in are: origins without a path, https unless on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    graph: Url,
    login: Url,
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Not a URL.
    #[error("{name} is not a URL")]
    NotAUrl {
        /// `GRAPH_ENDPOINT` or `LOGIN_ENDPOINT`.
        name: &'static str,
        /// Why.
        source: url::ParseError,
    },
    /// Plain http to another machine.
    #[error("{name} must begin with https (http only on loopback)")]
    NotSecure {
        /// Which.
        name: &'static str,
    },
    /// More than an origin.
    #[error("{name} must be an origin: no user, path, query or fragment")]
    NotAnOrigin {
        /// Which.
        name: &'static str,
    },
}

impl Endpoints {
    /// Reads `GRAPH_ENDPOINT` and `LOGIN_ENDPOINT`.
    pub fn parse(graph: &str, login: &str) -> Result<Self, EndpointError> {
        Ok(Self {
            graph: origin("GRAPH_ENDPOINT", graph)?,
            login: origin("LOGIN_ENDPOINT", login)?,
        })
    }

    /// The scope that asks for every application permission of the registration.
    pub(crate) fn graph_scope(&self) -> String {
        format!("{}/.default", text(&self.graph))
    }

    /// A Graph address: `path_and_query` begins with a slash and is escaped already.
    pub(crate) fn graph(&self, path_and_query: &str) -> Result<Url, DirectoryError> {
        Url::parse(&format!("{}/v1.0{path_and_query}", text(&self.graph))).map_err(|error| {
            DirectoryError::Unavailable {
                what: "a Graph address could not be formed".into(),
                source: Some(error.into()),
            }
        })
    }

    /// A sign-in address of a tenant (or of `organizations`). `path` begins with a slash.
    pub(crate) fn login(&self, tenant: &str, path: &str) -> String {
        format!("{}/{tenant}{path}", text(&self.login))
    }

    /// Where tokens of a tenant are asked for.
    pub(crate) fn token(&self, tenant: &TenantId) -> String {
        self.login(tenant.as_str(), "/oauth2/v2.0/token")
    }

    /// A link that Graph gave, if it stays within this Graph. Everything else, which would carry a
    /// token to a stranger, is refused. The link's text is followed as it is.
    pub(crate) fn follow(&self, link: &str) -> Result<Url, DirectoryError> {
        let url = Url::parse(link).map_err(|_no_url| DirectoryError::ForeignLink)?;
        let ours = same_origin(&url, &self.graph)
            && url.path().starts_with("/v1.0/")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if ours { Ok(url) } else { Err(DirectoryError::ForeignLink) }
    }

    /// Whether an address lies on the sign-in's origin.
    pub(crate) fn is_login(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| {
            same_origin(&url, &self.login) && url.username().is_empty() && url.password().is_none()
        })
    }
}

fn origin(name: &'static str, endpoint: &str) -> Result<Url, EndpointError> {
    let url = Url::parse(endpoint).map_err(|source| EndpointError::NotAUrl { name, source })?;
    let loopback = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(EndpointError::NotSecure { name }),
    }
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if bare { Ok(url) } else { Err(EndpointError::NotAnOrigin { name }) }
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// The origin without the slash that `Url` puts behind it.
fn text(origin: &Url) -> &str {
    origin.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global() -> Endpoints {
        Endpoints::parse("https://graph.microsoft.com", "https://login.microsoftonline.com")
            .unwrap()
    }

    #[test]
    fn a_token_never_leaves_for_another_place_than_the_configured_graph() {
        let endpoints = global();
        for link in [
            "http://graph.microsoft.com/v1.0/users?$skiptoken=x",
            "https://graph.microsoft.com.evil.example/v1.0/users",
            "https://evil.example/v1.0/users",
            "https://graph.microsoft.com@evil.example/v1.0/users",
            "https://user@graph.microsoft.com/v1.0/users",
            "https://user:secret@graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:8443/v1.0/users",
            "https://graph.microsoft.com/beta/users",
            "https://graph.microsoft.com/v1.0",
            "https://graph.microsoft.com/v1.0/../beta/users",
            "https://graph.microsoft.com/v1.0/%2e%2e/beta/users",
            "https://graph.microsoft.com\\@evil.example/v1.0/users",
            "/v1.0/users?$skiptoken=x",
            "//evil.example/v1.0/users",
            "javascript:alert(1)",
            "",
        ] {
            let answer = endpoints.follow(link);
            assert!(matches!(answer, Err(DirectoryError::ForeignLink)), "{link}");
        }
    }

    #[test]
    fn links_of_the_configured_graph_are_followed_as_they_are() {
        let link = "https://graph.microsoft.com/v1.0/users/delta?$select=id,mail&$deltatoken=a-_b";
        assert_eq!(global().follow(link).unwrap().as_str(), link);
        let explicit = global().follow("https://graph.microsoft.com:443/v1.0/users").unwrap();
        assert_eq!(explicit.as_str(), "https://graph.microsoft.com/v1.0/users");
        let local = Endpoints::parse("http://127.0.0.1:9100", "http://localhost:9100").unwrap();
        assert!(local.follow("http://127.0.0.1:9100/v1.0/users").is_ok());
        assert!(local.follow("http://127.0.0.1:9101/v1.0/users").is_err());
    }

    #[test]
    fn only_secure_origins_are_endpoints() {
        let login = "https://login.microsoftonline.com";
        for (graph, refused) in [
            ("http://graph.microsoft.com", "must begin with https"),
            ("ftp://graph.microsoft.com", "must begin with https"),
            ("https://graph.microsoft.com/v1.0", "must be an origin"),
            ("https://me@graph.microsoft.com", "must be an origin"),
            ("graph.microsoft.com", "is not a URL"),
        ] {
            let error = Endpoints::parse(graph, login).unwrap_err().to_string();
            assert!(
                error.contains("GRAPH_ENDPOINT") && error.contains(refused),
                "{graph}: {error}"
            );
        }
        let scope = Endpoints::parse("https://graph.microsoft.us/", login).unwrap().graph_scope();
        assert_eq!(scope, "https://graph.microsoft.us/.default");
    }
}
