//! Importing local contacts from the rows of a file.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::{Contact, ContactField, ContactSource, Target};
use contact_sync_domain::email::email_key;
use contact_sync_domain::history::HistoryKind;
use contact_sync_domain::settings::Problem;
use futures::future::join_all;
use jiff::SignedDuration;

use super::contact_values::{ContactEdit, from_cell, pointer};
use super::contacts::{create_by, edit_by};
use super::deeds::Deed;
use super::{AdminError, Caller, Outside, Precondition};
use crate::port::{Clock, ContactStore, StoredContact};

/// Rows that one request may hold.
pub const MOST_ROWS: usize = 10_000;

/// Row errors that an answer names; the rest is counted.
pub const MOST_ERRORS: usize = 1_000;

/// Rows that are written at the same time.
const AT_ONCE: usize = 32;

/// After so long no more rows are begun: the answer must be out before an HTTP API gives up, at 30
/// seconds.
const TIME: SignedDuration = SignedDuration::from_secs(20);

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file, counted from 1; the header is line 1.
    pub line: u64,
    /// Its cells, one per column, or what is wrong with the row.
    pub cells: Result<Vec<String>, String>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Contacts made.
    pub created: u64,
    /// Contacts that exist: changed, or right already.
    pub updated: u64,
    /// Rows that were not imported.
    pub failed: u64,
    /// Why, in the order of the lines; the first [`MOST_ERRORS`].
    pub errors: Vec<RowError>,
}

/// Why a row was not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The row's line.
    pub line: u64,
    /// The column, where one is to blame.
    pub field: Option<String>,
    /// What is wrong, without the value: it is personal.
    pub message: String,
}

/// What a file's columns mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<Target>);

impl Columns {
    /// Reads the header: names of standard fields, and `custom.<key>`.
    pub fn read(header: &[String], account: &Account) -> Result<Self, AdminError> {
        let mut targets: Vec<Target> = Vec::new();
        let mut problems = Vec::new();
        for (index, name) in header.iter().enumerate() {
            let name = name.trim();
            let known = Target::parse(name).filter(|target| match target {
                Target::Field(_) => true,
                Target::Custom(key) => account.custom_fields.iter().any(|own| own.key == *key),
            });
            let message = match known {
                None => format!("no such column `{name}`; known are {}", known_columns(account)),
                Some(target) if targets.contains(&target) => {
                    format!("the column `{name}` is there twice")
                }
                Some(target) => {
                    targets.push(target);
                    continue;
                }
            };
            problems.push(Problem { pointer: format!("/header/{index}"), message });
        }
        if !targets.contains(&Target::Field(ContactField::Email)) {
            let message = "a column `email` is needed: contacts are found by it".to_owned();
            problems.push(Problem { pointer: "/header".to_owned(), message });
        }
        if problems.is_empty() { Ok(Self(targets)) } else { Err(AdminError::Invalid(problems)) }
    }
}

fn known_columns(account: &Account) -> String {
    let standard = ContactField::ALL.iter().map(|field| field.name().to_owned());
    let own = account.custom_fields.iter().map(|own| format!("custom.{}", own.key));
    standard.chain(own).collect::<Vec<_>>().join(", ")
}

/// A row whose cells are good.
struct GoodRow {
    line: u64,
    email_key: String,
    edit: ContactEdit,
}

/// Imports all good rows: a contact of the row's e-mail is changed where people made it, else one
/// is made. An empty cell leaves a contact's value as it is. Rows for which no time was left are told
/// as failed; importing the file again passes quickly over those that are right already.
pub async fn import_contacts(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    columns: &Columns,
    rows: Vec<Row>,
) -> Result<Imported, AdminError> {
    if rows.len() > MOST_ROWS {
        return Err(AdminError::TooManyRows { limit: MOST_ROWS });
    }
    let mut errors = Vec::new();
    let mut failed: BTreeSet<u64> = BTreeSet::new();
    let mut good = Vec::new();
    let mut first_lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let line = row.line;
        match read_row(account, columns, row) {
            Ok(row) => {
                if let Some(first) = first_lines.get(&row.email_key) {
                    let message = format!("line {first} has the same e-mail");
                    errors.push(RowError { line, field: Some("email".to_owned()), message });
                    failed.insert(line);
                } else {
                    first_lines.insert(row.email_key.clone(), line);
                    good.push(row);
                }
            }
            Err(wrong) => {
                errors.extend(wrong);
                failed.insert(line);
            }
        }
    }
    let mut imported = Imported::default();
    let began = outside.clock().now();
    for packet in good.chunks(AT_ONCE) {
        if outside.clock().now().duration_since(began) >= TIME {
            let message = "no time was left for this row; import the file again";
            errors.extend(packet.iter().map(|row| RowError {
                line: row.line,
                field: None,
                message: message.to_owned(),
            }));
            failed.extend(packet.iter().map(|row| row.line));
            continue;
        }
        let owners = owners(outside.store(), account, packet).await?;
        let written = packet
            .iter()
            .zip(owners)
            .map(|(row, owner)| import_row(outside, caller, account, row, owner));
        for (row, result) in packet.iter().zip(join_all(written).await) {
            match result {
                Ok(Done::Created) => imported.created += 1,
                Ok(Done::Updated) => imported.updated += 1,
                Ok(Done::Refused) => {
                    errors.push(RowError {
                        line: row.line,
                        field: Some("email".to_owned()),
                        message: "sync made the contact with this e-mail".to_owned(),
                    });
                    failed.insert(row.line);
                }
                Err(error) => {
                    errors.extend(row_errors(row.line, error)?);
                    failed.insert(row.line);
                }
            }
        }
    }
    errors.sort_by_key(|error| error.line);
    errors.truncate(MOST_ERRORS);
    imported.failed = failed.len() as u64;
    imported.errors = errors;
    Ok(imported)
}

fn read_row(account: &Account, columns: &Columns, row: Row) -> Result<GoodRow, Vec<RowError>> {
    let line = row.line;
    let cells = row.cells.map_err(|message| vec![RowError { line, field: None, message }])?;
    let mut edit = ContactEdit::default();
    let mut errors = Vec::new();
    for (target, cell) in columns.0.iter().zip(&cells) {
        match from_cell(target, cell, &account.custom_fields) {
            Ok(Some(value)) => {
                edit.values.insert(target.clone(), Some(value));
            }
            Ok(None) => {}
            Err(message) => {
                errors.push(RowError { line, field: Some(target.to_string()), message });
            }
        }
    }
    let email = Target::Field(ContactField::Email);
    let key = edit.values.get(&email).and_then(|value| value.as_ref()?.as_str()).map(email_key);
    match key {
        Some(email_key) if errors.is_empty() => Ok(GoodRow { line, email_key, edit }),
        Some(_) => Err(errors),
        None => {
            if errors.iter().all(|error| error.field.as_deref() != Some("email")) {
                let message = "the e-mail is missing".to_owned();
                errors.push(RowError { line, field: Some("email".to_owned()), message });
            }
            Err(errors)
        }
    }
}

/// The contacts that have the rows' addresses now.
async fn owners(
    store: &impl ContactStore,
    account: &Account,
    rows: &[GoodRow],
) -> Result<Vec<Option<Contact>>, AdminError> {
    let keys: Vec<String> = rows.iter().map(|row| row.email_key.clone()).collect();
    let claims = store.claims(&account.id, &keys).await?;
    let ids: Vec<_> = claims.iter().flatten().cloned().collect();
    let mut standing = store.get_many(&account.id, &ids).await?.into_iter();
    let owners = claims.into_iter().zip(&keys).map(|(claim, key)| {
        claim?;
        match standing.next()?? {
            // A claim whose owner bears another address is nobody's; making a contact takes it.
            StoredContact::Present(contact) => {
                contact.email().is_some_and(|email| email_key(email) == *key).then_some(*contact)
            }
            StoredContact::Tombstone { .. } => None,
        }
    });
    Ok(owners.collect())
}

enum Done {
    Created,
    Updated,
    /// The contact is not people's.
    Refused,
}

async fn import_row(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    row: &GoodRow,
    owner: Option<Contact>,
) -> Result<Done, AdminError> {
    let deed = Deed::new(outside, caller, account.retention, HistoryKind::Imported);
    let Some(owner) = owner else {
        create_by(outside, &deed, account, &row.edit).await?;
        return Ok(Done::Created);
    };
    if owner.source != ContactSource::Local {
        return Ok(Done::Refused);
    }
    // The address is found whatever its spelling; that is no reason to write it anew.
    let mut edit = row.edit.clone();
    edit.values.remove(&Target::Field(ContactField::Email));
    edit_by(outside, &deed, account, &owner.id, &edit, &Precondition::None).await?;
    Ok(Done::Updated)
}

/// What a refused row tells; what concerns all rows ends the import.
fn row_errors(line: u64, error: AdminError) -> Result<Vec<RowError>, AdminError> {
    let one = |field: Option<String>, message: &str| {
        Ok(vec![RowError { line, field, message: message.to_owned() }])
    };
    match error {
        AdminError::Invalid(problems) => Ok(problems
            .into_iter()
            .map(|problem| RowError {
                line,
                field: column_of(&problem.pointer),
                message: problem.message,
            })
            .collect()),
        AdminError::ManagedFields(targets) => Ok(targets
            .into_iter()
            .map(|target| RowError {
                line,
                field: Some(target.to_string()),
                message: "sync manages this field of the contact".to_owned(),
            })
            .collect()),
        AdminError::EmailTaken => one(Some("email".to_owned()), "another contact has this e-mail"),
        AdminError::Moved | AdminError::NotFound(_) | AdminError::Stale => {
            one(None, "the contact was changed at the same time; import the row again")
        }
        other => Err(other),
    }
}

/// `/custom/size` is the column `custom.size`, `/fields/email` the column `email`.
fn column_of(place: &str) -> Option<String> {
    let name = place.rsplit('/').next()?;
    if place.starts_with("/custom/") {
        return Some(format!("custom.{name}"));
    }
    ContactField::parse(name)
        .filter(|field| pointer(&Target::Field(*field)) == place)
        .map(|field| field.name().to_owned())
}
