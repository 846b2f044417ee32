//! Users to whom no contact is linked: taken over, made, or asked about.

use super::asking;
use super::item::{failed, item_of};
use super::{Claimant, Found, Rules, Tie, Wanted, hex, sign, status_of, user_address};
use crate::contact::{Contact, ContactSource, ContactStatus, LinkState};
use crate::directory::DirectoryUser;
use crate::id::ContactId;
use crate::matching::{Match, MatchKey, Matched};
use crate::review::{Question, ReviewAction, ReviewList};
use crate::segment::{FieldChange, LinkChange, Outcome, SegmentItem, Trace};
use crate::settings::{ChangeMode, LinkMode};
use crate::trace::Image;

impl Rules {
    pub(super) fn decide_unlinked(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        found: Found<'_>,
        tie: Tie<'_>,
    ) -> SegmentItem {
        let claimant = found.claimant;
        let derived = found
            .existing
            .map(|contact| ContactId::derived(&contact.account_id, tie.tenant, &user.id));
        // A contact under the user's own id that lost its link was unlinked on purpose or comes
        // from an earlier connection to the same tenant: it is this person's, taken back as it is.
        // So is one that existed before and that a run let go of: his own note still leads to it.
        let is_noted = |contact: &Contact| {
            contact.link.is_none() && !self.has_refused_match(&user.id, &contact.id)
        };
        let own = found
            .existing
            .filter(|contact| Some(&contact.id) == derived.as_ref() || is_noted(contact));
        if let Some(own) = own {
            return match &own.link {
                None if own.is_untied_by_hand() && self.has_refused_match(&user.id, &own.id) => SegmentItem {
                    email: user_address(user),
                    reason: Some(
                        "somebody cut the tie to the contact of this person, and refused to link it \
                         again"
                            .to_owned(),
                    ),
                    ..item_of(user, None, Outcome::Skipped)
                },
                None => {
                    let item = self.adopt(user, wanted, own, None, claimant, tie);
                    let wants = item.proposes().then(|| own.id.clone()).into_iter().collect();
                    SegmentItem { wants, ..item }
                }
                Some(_) => self.given_away(user, wanted, own),
            };
        }
        // A note of an earlier adoption leads to a contact that is somebody else's by now.
        let contact_id = derived.as_ref().unwrap_or(found.contact_id);
        let mut candidates = found.candidates.to_vec();
        if let Claimant::Contact(owner) = claimant {
            candidates.push(owner);
        }
        candidates.retain(|contact| !self.has_refused_match(&user.id, &contact.id));
        match self.keys.find(user, &wanted.mapped, &candidates) {
            Matched::One { contact, key } => {
                let item = self.adopt(user, wanted, contact, Some(key), claimant, tie);
                let wants = item.adopted || item.outcome == Outcome::Deferred || item.proposes();
                let wants = wants.then(|| contact.id.clone()).into_iter().collect();
                SegmentItem { wants, ..item }
            }
            Matched::Several { contacts, key } => self.ambiguous(user, wanted, &contacts, key),
            Matched::Nobody => match self.made_anew(user, wanted, found.candidates, tie) {
                Some(item) => item,
                None => self.create(user, wanted, contact_id, claimant, tie),
            },
        }
    }

    /// Makes a contact.
    pub fn create(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        contact_id: &ContactId,
        claimant: Claimant<'_>,
        tie: Tie<'_>,
    ) -> SegmentItem {
        let mut item = item_of(user, None, Outcome::Create);
        item.email = user_address(user);
        item.fields = match self.mapping.changes(&wanted.mapped, None) {
            Ok(fields) => fields,
            Err(failures) => return failed(item, user, &failures),
        };
        match self.mode(self.policies.create) {
            ChangeMode::Off => {
                item.outcome = Outcome::Skipped;
                item.fields.clear();
                item.reason = Some("creating contacts is switched off".to_owned());
                return item;
            }
            ChangeMode::Review => {
                item.outcome = Outcome::AwaitingReview;
                item.reason = Some(self.waits("a new contact waits"));
                item.question = asking::about(ReviewList::Available, user, [])
                    .suggesting(Some(ReviewAction::Create));
                return item;
            }
            ChangeMode::Auto => {}
        }
        if let Some(taken) = self.refused(&item, user, wanted, claimant, tie) {
            return SegmentItem { email: user_address(user), ..taken };
        }
        item.contact_id = Some(contact_id.clone());
        item.email = None;
        item.status = Some(status_of(wanted));
        item.link = Some(LinkChange {
            user_principal_name: user.text("userPrincipalName").map(str::to_owned),
            ..LinkChange::new(None, LinkState::Linked)
        });
        item.fingerprint = Some(hex(wanted.fingerprint));
        item
    }

    /// Takes a contact over that is there already; `key` led to it, or none because it is the
    /// user's own.
    #[expect(clippy::too_many_arguments, reason = "who, what, through which key, and against whom")]
    pub fn adopt(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        contact: &Contact,
        key: Option<&MatchKey>,
        claimant: Claimant<'_>,
        tie: Tie<'_>,
    ) -> SegmentItem {
        let mut item = item_of(user, None, Outcome::Update);
        item.email = user_address(user);
        item.matched = key.map(|key| Box::new(Match::of(key, &wanted.mapped, contact)));
        let told = item.matched.as_ref().map(ToString::to_string);
        item.fields = match self.mapping.changes(&wanted.mapped, Some(contact)) {
            Ok(fields) => fields,
            Err(failures) => return failed(item, user, &failures),
        };
        let open = self.not_refused(wanted, contact, &mut item.fields);
        // What sync itself made for this very person is no stranger's record, nor what was his before
        // a run let go of it: no question of taking over. What it made for somebody else, who let it
        // go, is; and whoever protected what had existed before is asked.
        let derived = ContactId::derived(&contact.account_id, tie.tenant, &user.id);
        // Whoever cut its tie made it a contact like any other: a key or not, the settings say.
        let untied = contact.is_untied_by_hand();
        let own_work = !untied
            && if contact.id == derived {
                contact.source == ContactSource::Entra
            } else {
                key.is_none() && !contact.protected
            };
        let mode = match self.policies.link {
            _ if own_work => LinkMode::Auto,
            LinkMode::Auto if (contact.protected && !self.approved) || self.holds => {
                LinkMode::Review
            }
            mode => mode,
        };
        match mode {
            LinkMode::Auto => {}
            LinkMode::Review => {
                item.outcome = Outcome::AwaitingReview;
                item.contact_id = Some(contact.id.clone());
                item.version = contact.version;
                item.fields.extend(open.pending);
                let what = if contact.protected {
                    "the contact is protected: linking waits"
                } else if untied {
                    "somebody cut the contact's tie: linking it again waits"
                } else {
                    "linking waits"
                };
                let told = told.map_or_else(String::new, |told| format!("; {told}"));
                item.reason = Some(format!("{}{told}", self.waits(what)));
                let asked = asking::about(ReviewList::Matched, user, [contact.id.clone()]);
                item.question = Question { status: open.status, ..asked }
                    .suggesting(Some(ReviewAction::Accept));
                return item;
            }
            LinkMode::Off => {
                item.outcome = Outcome::Skipped;
                item.fields.clear();
                let told = told.map_or_else(String::new, |told| format!("; {told}"));
                item.reason = Some(format!(
                    "a contact of this person exists and linking is switched off{told}"
                ));
                return item;
            }
            LinkMode::Fail => {
                let conflict = self.conflict(&item, user, wanted, contact);
                return SegmentItem {
                    reason: Some("a contact with this e-mail exists already".to_owned()),
                    remedy: Some(
                        "change or remove the other contact's e-mail, or allow linking in the \
                         settings"
                            .to_owned(),
                    ),
                    matched: item.matched,
                    ..conflict
                };
            }
        }
        // Whatever people wrote on it while it was nobody's is written over only where updates are.
        let is_own_again = key.is_none() || untied;
        if is_own_again && self.mode(self.policies.update) != ChangeMode::Auto {
            tie_to(&mut item, user, contact, told);
            return self.tied_only(item, user, wanted, open);
        }
        if let Claimant::Contact(owner) = claimant
            && owner.id != contact.id
        {
            let bearing = SegmentItem { contact_id: Some(contact.id.clone()), ..item.clone() };
            if let Some(taken) = self.refused(&bearing, user, wanted, claimant, tie) {
                return SegmentItem { contact_id: None, ..taken };
            }
        }
        tie_to(&mut item, user, contact, told);
        item.status = open.status;
        item.pending = open.pending;
        if !item.pending.is_empty() {
            item.question =
                asking::about(ReviewList::Changes, user, []).suggesting(Some(ReviewAction::Accept));
        }
        // A contact that lacks what was refused is not decided for good.
        sign(&mut item, wanted, open.refused);
        item
    }

    /// What would become of a contact that is tied again, beside `fields`, without what people
    /// refused of it.
    fn not_refused(
        &self,
        wanted: &Wanted,
        contact: &Contact,
        fields: &mut Vec<FieldChange>,
    ) -> Open {
        let mut pending = self.mapping.pending(&wanted.mapped, contact);
        let all = fields.len() + pending.len();
        let is_open =
            |one: &FieldChange| !self.rejected.has_value(&contact.id, &one.field, &one.new);
        fields.retain(is_open);
        pending.retain(is_open);
        let status = status_of(wanted);
        let differs = contact.status != status;
        // Somebody said that it stays active, or inactive.
        let stays = differs && self.rejected.has_status(&contact.id, status);
        let refused = all - fields.len() - pending.len() + usize::from(stays);
        Open { pending, status: (differs && !stays).then_some(status), refused }
    }

    /// Leaves a contact that is tied to its user again as it is otherwise: what the directory asks of
    /// it waits for a person, or is left where updates are switched off.
    fn tied_only(
        &self,
        mut item: SegmentItem,
        user: &DirectoryUser,
        wanted: &Wanted,
        open: Open,
    ) -> SegmentItem {
        let mut changes = std::mem::take(&mut item.fields);
        changes.extend(open.pending);
        let is_shown = !changes.is_empty() || open.status.is_some();
        if self.mode(self.policies.update) == ChangeMode::Review && is_shown {
            item.reason.get_or_insert_with(|| self.waits("changes wait"));
            item.pending = changes;
            let asked = asking::about(ReviewList::Changes, user, []);
            item.question =
                Question { status: open.status, ..asked }.suggesting(Some(ReviewAction::Accept));
        } else if is_shown {
            item.reason.get_or_insert_with(|| "updating contacts is switched off".to_owned());
        }
        // The next full run decides anew about what is held back.
        sign(&mut item, wanted, open.refused + usize::from(is_shown));
        item
    }

    /// Several contacts could be this person's.
    fn ambiguous(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        contacts: &[&Contact],
        key: &MatchKey,
    ) -> SegmentItem {
        let ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id.clone()).collect();
        SegmentItem {
            email: user_address(user),
            reason: Some(format!("{} contacts have the same {key}", contacts.len())),
            remedy: Some("choose the one that is this person's, or merge them".to_owned()),
            matched: contacts.first().map(|first| Box::new(Match::of(key, &wanted.mapped, first))),
            question: self.ask_conflict(user, contacts, None),
            wants: ids,
            ..item_of(user, None, Outcome::AwaitingReview)
        }
    }

    /// A person who left and came back as another object: a key other than the e-mail leads to
    /// the contact of the one who left.
    fn made_anew(
        &self,
        user: &DirectoryUser,
        wanted: &Wanted,
        candidates: &[&Contact],
        tie: Tie<'_>,
    ) -> Option<SegmentItem> {
        let of_the_gone: Vec<Contact> = candidates
            .iter()
            .filter(|contact| {
                contact.link.as_ref().is_some_and(|link| {
                    link.state == LinkState::Removed && link.tenant_id == *tie.tenant
                })
            })
            .map(|contact| Contact { link: None, ..(*contact).clone() })
            .collect();
        let free: Vec<&Contact> = of_the_gone.iter().collect();
        let Matched::One { contact, key } = self.keys.find(user, &wanted.mapped, &free) else {
            return None;
        };
        let question = self.ask_conflict(user, &[contact], Some(ReviewAction::Link))?;
        Some(SegmentItem {
            email: user_address(user),
            reason: Some(format!(
                "the person seems to have been made anew in Entra: the contact of the one who left \
                 has the same {key}"
            )),
            remedy: Some("link this contact to the new user, or make a new one".to_owned()),
            matched: Some(Box::new(Match::of(key, &wanted.mapped, contact))),
            question: Some(question),
            ..item_of(user, None, Outcome::AwaitingReview)
        })
    }

    /// The contact that sync made for this user is linked to another one by now.
    fn given_away(&self, user: &DirectoryUser, wanted: &Wanted, own: &Contact) -> SegmentItem {
        let item =
            SegmentItem { email: user_address(user), ..item_of(user, None, Outcome::Failed) };
        SegmentItem {
            reason: Some("the contact of this person was given to another user".to_owned()),
            remedy: Some("link the user to the right contact".to_owned()),
            ..self.conflict(&item, user, wanted, own)
        }
    }
}

/// What people left open of a contact that is tied again.
struct Open {
    /// What the mapping itself has wait for a person.
    pending: Vec<FieldChange>,
    /// The status that it would get, where that changes.
    status: Option<ContactStatus>,
    /// How much of all that people refused.
    refused: usize,
}

/// Makes an item tie a contact to a user; `told`: by which key he was led to it.
fn tie_to(item: &mut SegmentItem, user: &DirectoryUser, contact: &Contact, told: Option<String>) {
    item.contact_id = Some(contact.id.clone());
    item.email = None;
    item.version = contact.version;
    item.trace = Some(Box::new(Trace::replacing(contact, Image::of(contact))));
    item.adopted = true;
    item.reason = told;
    item.link = Some(LinkChange {
        user_principal_name: user.text("userPrincipalName").map(str::to_owned),
        ..LinkChange::new(contact.link.as_ref().map(|link| link.state), LinkState::Linked)
    });
}
