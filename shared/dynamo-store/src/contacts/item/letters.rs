//! The letters by which an item names fields, states, actions and causes.

use contact_sync_domain::contact::{ContactField, LinkState, Target};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::settings::RemovalAction;

pub(super) fn letter(field: ContactField) -> char {
    use ContactField as F;
    match field {
        F::Email => 'e',
        F::DisplayName => 'd',
        F::FirstName => 'f',
        F::LastName => 'l',
        F::JobTitle => 'j',
        F::Department => 'p',
        F::CompanyName => 'c',
        F::MobilePhone => 'm',
        F::BusinessPhone => 'b',
        F::OfficeLocation => 'o',
        F::StreetAddress => 's',
        F::City => 'i',
        F::State => 'a',
        F::PostalCode => 'z',
        F::Country => 'n',
        F::TimeZone => 't',
        F::PreferredLanguage => 'g',
        F::EmployeeId => 'y',
        F::Manager => 'r',
    }
}

pub(super) fn field(code: char) -> Option<ContactField> {
    ContactField::ALL.iter().copied().find(|field| letter(*field) == code)
}

pub(super) fn state_letter(state: LinkState) -> &'static str {
    match state {
        LinkState::Linked => "l",
        LinkState::OutOfScope => "o",
        LinkState::Removed => "r",
    }
}

pub(super) fn link_state(code: &str) -> Option<LinkState> {
    [LinkState::Linked, LinkState::OutOfScope, LinkState::Removed]
        .into_iter()
        .find(|state| state_letter(*state) == code)
}

pub(super) fn action_letter(action: RemovalAction) -> &'static str {
    match action {
        RemovalAction::Keep => "k",
        RemovalAction::StopUpdating => "s",
        RemovalAction::Review => "r",
        RemovalAction::Unlink => "u",
        RemovalAction::Deactivate => "d",
        RemovalAction::Delete => "x",
    }
}

pub(super) fn action(code: &str) -> Option<RemovalAction> {
    use RemovalAction as A;
    [A::Keep, A::StopUpdating, A::Review, A::Unlink, A::Deactivate, A::Delete]
        .into_iter()
        .find(|action| action_letter(*action) == code)
}

pub(super) fn cause_letter(cause: GoneCause) -> &'static str {
    match cause {
        GoneCause::SoftDeleted => "s",
        GoneCause::HardDeleted => "h",
        GoneCause::OutOfScope => "o",
        GoneCause::LeftGroup => "g",
        GoneCause::Disabled => "d",
        GoneCause::Elsewhere => "e",
    }
}

pub(super) fn cause_of(code: &str) -> Option<GoneCause> {
    GoneCause::ALL.into_iter().find(|cause| cause_letter(*cause) == code)
}

pub(super) fn managed(targets: &[Target]) -> String {
    targets.iter().fold(String::new(), |mut letters, target| {
        match target {
            Target::Field(field) => letters.push(letter(*field)),
            Target::Custom(key) => {
                letters.push('(');
                letters.push_str(key);
                letters.push(')');
            }
        }
        letters
    })
}

pub(super) fn targets(mut letters: &str) -> Option<Vec<Target>> {
    let mut targets = Vec::new();
    while let Some(code) = letters.chars().next() {
        if let Some(rest) = letters.strip_prefix('(') {
            let (key, rest) = rest.split_once(')')?;
            targets.push(Target::Custom(key.to_owned()));
            letters = rest;
        } else {
            targets.push(Target::Field(field(code)?));
            letters = letters.get(code.len_utf8()..)?;
        }
    }
    Some(targets)
}
