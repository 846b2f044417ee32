//! The steps of the job.

use clap::ValueEnum;

/// One step, in the order of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    Consent,
    Tenant,
    Preview,
    FirstSync,
    Contacts,
    Report,
    Schedule,
    Subscription,
    Edit,
    SecondSync,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::Consent,
        Self::Tenant,
        Self::Preview,
        Self::FirstSync,
        Self::Contacts,
        Self::Report,
        Self::Schedule,
        Self::Subscription,
        Self::Edit,
        Self::SecondSync,
    ];

    /// What the step does, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Consent => "An admin consents and proves the tenant",
            Self::Tenant => "The tenant can be read; nothing is written",
            Self::Preview => "A preview shows everybody; nothing is written",
            Self::FirstSync => "Enabling starts the first full sync",
            Self::Contacts => "Every contact field equals the directory",
            Self::Report => "The report lists everyone",
            Self::Schedule => "The schedule is set in the account's time zone",
            Self::Subscription => "Graph knows where to notify",
            Self::Edit => "A change in the directory becomes contact and event",
            Self::SecondSync => "A second full sync writes nothing",
        }
    }
}
