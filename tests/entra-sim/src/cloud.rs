//! The clouds in which Entra exists: each has its own hosts, and tokens of one are nothing in
//! another.

use serde::{Deserialize, Serialize};

/// A cloud.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cloud {
    /// `login.microsoftonline.com`, `graph.microsoft.com`.
    #[default]
    Global,
    /// `login.microsoftonline.us`, `graph.microsoft.us`.
    UsGov,
    /// `login.microsoftonline.us`, `dod-graph.microsoft.us`.
    UsGovDod,
    /// `login.partner.microsoftonline.cn`, `microsoftgraph.chinacloudapi.cn`.
    China,
}

impl Cloud {
    /// Reads `global`, `us-gov`, `us-gov-dod` or `china`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "global" => Ok(Self::Global),
            "us-gov" => Ok(Self::UsGov),
            "us-gov-dod" => Ok(Self::UsGovDod),
            "china" => Ok(Self::China),
            _ => Err(format!("'{text}' is not global, us-gov, us-gov-dod or china")),
        }
    }

    /// The real Graph host.
    pub fn graph_host(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::UsGov => "graph.microsoft.us",
            Self::UsGovDod => "dod-graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The real login host.
    pub fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// `cloud_instance_name` of discovery and keys.
    pub(crate) fn instance_name(self) -> &'static str {
        self.login_host().trim_start_matches("login.")
    }

    /// `tenant_region_scope` of discovery.
    pub(crate) fn region(self) -> &'static str {
        match self {
            Self::Global => "EU",
            Self::UsGov => "USGov",
            Self::UsGovDod => "USG",
            Self::China => "AS",
        }
    }
}
