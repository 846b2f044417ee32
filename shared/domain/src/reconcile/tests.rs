//! One row for each thing that can become of a person.

mod approving;
mod inactive;
mod leaving;
mod untied;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::contact::{LinkState, SyncMark};
use crate::id::AccountId;
use crate::segment::FieldChange;
use crate::settings::{LinkMode, NameOfExisting, Removal, RemovalAction};

const TENANT: u128 = 9;

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

fn rules(change: impl FnOnce(&mut Settings)) -> Rules {
    Rules::compile(&settings(change), &[], Timestamp::UNIX_EPOCH).expect("the settings hold")
}

fn user(change: Value) -> DirectoryUser {
    let mut attributes = json!({
        "userPrincipalName": "ada@contoso.example", "mail": "ada@contoso.example",
        "displayName": "Ada", "givenName": "Ada", "surname": null, "jobTitle": null,
        "department": null, "mobilePhone": null, "businessPhones": [], "officeLocation": null,
        "userType": "Member", "accountEnabled": true,
    });
    if let (Value::Object(all), Value::Object(change)) = (&mut attributes, change) {
        all.extend(change);
    }
    let Value::Object(attributes) = attributes else { panic!("an object") };
    DirectoryUser { id: ObjectId::from_u128(1), attributes }
}

struct World {
    connection: ConnectionId,
    tenant: TenantId,
}

impl World {
    fn new() -> Self {
        Self { connection: ConnectionId::from_bits(1), tenant: TenantId::from_u128(TENANT) }
    }

    fn tie(&self) -> Tie<'_> {
        Tie { connection: &self.connection, tenant: &self.tenant }
    }

    fn contact(&self, id: u128, source: ContactSource, linked_to: Option<u128>) -> Contact {
        Contact {
            id: ContactId::from_bits(id),
            account_id: AccountId::from_bits(1),
            version: 3,
            status: ContactStatus::Active,
            source,
            fields: [
                (ContactField::Email, "ada@contoso.example".to_owned()),
                (ContactField::DisplayName, "Ada".to_owned()),
                (ContactField::FirstName, "Ada".to_owned()),
            ]
            .into(),
            custom: std::collections::BTreeMap::new(),
            written: Vec::new(),
            managed_fields: rules(|_| {}).managed_targets(source),
            protected: false,
            link: linked_to.map(|user| Link {
                connection_id: self.connection.clone(),
                tenant_id: self.tenant.clone(),
                object_id: ObjectId::from_u128(user),
                user_principal_name: Some("ada@contoso.example".to_owned()),
                state: LinkState::Linked,
                acts_at: None,
                planned: None,
                cause: None,
            }),
            sync: Some(SyncMark {
                welcome: false,
                untied_by_hand: false,
                replaced: std::collections::BTreeMap::new(),
                source_version: 1,
                settings_version: 0,
                fingerprint: None,
                run: "run".to_owned(),
                page: 0,
            }),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn decide(
        &self,
        rules: &Rules,
        user: &DirectoryUser,
        existing: Option<&Contact>,
        claimant: Claimant<'_>,
    ) -> SegmentItem {
        let View::In(wanted) = rules.view(user, &Memberships::default()) else {
            panic!("in scope")
        };
        let contact_id = ContactId::from_bits(7);
        let found = Found { contact_id: &contact_id, existing, claimant, candidates: &[] };
        rules.decide(user, &wanted, found, self.tie())
    }
}

#[test]
fn an_edit_by_hand_outlives_whatever_else_changes_where_fields_are_not_locked() {
    let world = World::new();
    let mut contact = world.contact(7, ContactSource::Entra, Some(1));
    let name = Target::Field(ContactField::DisplayName);
    contact.set(&name, Some(json!("Countess")));
    let mark = contact.sync.as_mut().unwrap();
    mark.person_wrote(&name, Some(json!("Ada")), Some(&json!("Countess")));
    let unlocked = rules(|settings| settings.policies.lock_managed = false);
    let fields = |rules: &Rules, change: Value| -> Vec<String> {
        let item = world.decide(rules, &user(change), Some(&contact), Claimant::Nobody);
        item.fields.iter().map(|change| change.field.to_string()).collect()
    };
    let other = json!({"mail": "ada.l@contoso.example"});
    assert_eq!(fields(&unlocked, other.clone()), ["email"], "what else the directory changed");
    assert_eq!(
        fields(&unlocked, json!({"displayName": "Ada L"})),
        ["displayName"],
        "its own change"
    );
    assert_eq!(fields(&rules(|_| {}), other), ["email", "displayName"], "locked: sync's again");
}

#[test]
fn a_linked_contact_follows_the_directory_and_nothing_else() {
    let world = World::new();
    let contact = world.contact(7, ContactSource::Entra, Some(1));
    let cases = [
        ("nothing changed", json!({}), Outcome::Unchanged, vec![]),
        ("renamed", json!({"displayName": "Ada L"}), Outcome::Update, vec!["displayName"]),
        (
            "cleared, and kept by the default policy",
            json!({"givenName": null}),
            Outcome::Unchanged,
            vec![],
        ),
        ("a new address", json!({"mail": "ada.l@contoso.example"}), Outcome::Update, vec!["email"]),
        (
            "a new UPN",
            json!({"userPrincipalName": "adal@contoso.example"}),
            Outcome::Update,
            vec![],
        ),
    ];
    for (case, change, outcome, fields) in cases {
        let item = world.decide(&rules(|_| {}), &user(change), Some(&contact), Claimant::Nobody);
        assert_eq!(item.outcome, outcome, "{case}");
        let changed: Vec<String> = item.fields.iter().map(|f| f.field.to_string()).collect();
        assert_eq!(changed, fields, "{case}");
    }
}

#[test]
fn a_field_that_a_person_decides_on_waits_while_the_others_go_on() {
    let world = World::new();
    let contact = world.contact(7, ContactSource::Entra, Some(1));
    let reviewed = |settings: &mut Settings| {
        for row in &mut settings.mapping {
            if row.target == "displayName" {
                row.policy = Some(crate::settings::FieldPolicy::Review);
            }
        }
    };
    let names = |changes: &[FieldChange]| -> Vec<String> {
        changes.iter().map(|change| change.field.to_string()).collect()
    };
    let renamed = || json!({"displayName": "Ada L", "department": "Maths"});
    let mut managed = contact;
    managed.managed_fields = rules(reviewed).managed_targets(ContactSource::Entra);

    let both = world.decide(&rules(reviewed), &user(renamed()), Some(&managed), Claimant::Nobody);
    assert_eq!(both.outcome, Outcome::Update);
    assert_eq!(
        (names(&both.fields), names(&both.pending)),
        (vec!["department".to_owned()], vec!["displayName".to_owned()])
    );
    assert_eq!(both.fingerprint, None, "the next full run must count the waiting change again");

    let only = user(json!({"displayName": "Ada L"}));
    let item = world.decide(&rules(reviewed), &only, Some(&managed), Claimant::Nobody);
    assert_eq!(item.outcome, Outcome::AwaitingReview);
    assert_eq!((item.fields.len(), names(&item.pending)), (0, vec!["displayName".to_owned()]));

    let all_wait = |settings: &mut Settings| {
        reviewed(settings);
        settings.policies.update = ChangeMode::Review;
    };
    let item = world.decide(&rules(all_wait), &user(renamed()), Some(&managed), Claimant::Nobody);
    assert_eq!(
        (item.fields.len(), item.pending.len()),
        (2, 0),
        "one question for the whole record"
    );

    let new = world.decide(&rules(reviewed), &user(renamed()), None, Claimant::Nobody);
    assert_eq!((new.outcome, new.pending.len()), (Outcome::Create, 0));
    assert!(
        names(&new.fields).contains(&"displayName".to_owned()),
        "a new contact has no old name"
    );
}

#[test]
fn a_person_without_a_contact_gets_one_or_takes_over_their_own() {
    let world = World::new();
    let local = world.contact(8, ContactSource::Local, None);
    let free = world.decide(&rules(|_| {}), &user(json!({})), None, Claimant::Nobody);
    assert_eq!((free.outcome, free.adopted), (Outcome::Create, false));
    let own = world.decide(&rules(|_| {}), &user(json!({})), None, Claimant::Contact(&local));
    assert_eq!((own.outcome, own.adopted), (Outcome::Update, true));
    assert_eq!(own.contact_id, Some(local.id));
    assert_eq!(own.version, 3);
}

#[test]
fn the_name_of_a_contact_that_was_there_stays_unless_asked_for() {
    let world = World::new();
    let local = world.contact(8, ContactSource::Local, None);
    let renamed = user(json!({"displayName": "Augusta", "jobTitle": "Countess"}));
    let kept = world.decide(&rules(|_| {}), &renamed, None, Claimant::Contact(&local));
    let fields: Vec<String> = kept.fields.iter().map(|f| f.field.to_string()).collect();
    assert_eq!(fields, ["jobTitle"]);
    let synced = rules(|settings| settings.policies.name_of_existing = NameOfExisting::Sync);
    let synced = world.decide(&synced, &renamed, None, Claimant::Contact(&local));
    assert!(synced.fields.iter().any(|f| f.field.to_string() == "displayName"));
}

#[test]
fn taking_over_a_strangers_contact_follows_the_link_policy() {
    let world = World::new();
    let local = world.contact(8, ContactSource::Local, None);
    for (mode, outcome) in [
        (LinkMode::Auto, Outcome::Update),
        (LinkMode::Review, Outcome::AwaitingReview),
        (LinkMode::Off, Outcome::Skipped),
        (LinkMode::Fail, Outcome::Failed),
    ] {
        let rules = rules(|settings| settings.policies.link = mode);
        let item = world.decide(&rules, &user(json!({})), None, Claimant::Contact(&local));
        assert_eq!(item.outcome, outcome, "{mode:?}");
    }
}

#[test]
fn a_contact_made_for_somebody_else_is_a_strangers_and_ones_own_is_taken_back() {
    let world = World::new();
    let one = user(json!({}));
    // Alice's, whom the policy `unlink` let go; her address is this person's by now.
    let alices = world.contact(8, ContactSource::Entra, None);
    let mut own = world.contact(7, ContactSource::Entra, None);
    own.id = ContactId::derived(&own.account_id, &world.tenant, &one.id);
    for (mode, outcome) in [
        (LinkMode::Auto, Outcome::Update),
        (LinkMode::Review, Outcome::AwaitingReview),
        (LinkMode::Off, Outcome::Skipped),
        (LinkMode::Fail, Outcome::Failed),
    ] {
        let rules = rules(|settings| settings.policies.link = mode);
        let item = world.decide(&rules, &one, None, Claimant::Contact(&alices));
        assert_eq!(item.outcome, outcome, "{mode:?}");
        let back = world.decide(&rules, &one, Some(&own), Claimant::Contact(&own));
        assert_eq!(back.outcome, Outcome::Update, "{mode:?}");
    }
}

#[test]
fn an_address_of_another_linked_person_is_never_taken() {
    let world = World::new();
    let other = world.contact(8, ContactSource::Entra, Some(2));
    let item = world.decide(&rules(|_| {}), &user(json!({})), None, Claimant::Contact(&other));
    assert_eq!(item.outcome, Outcome::Deferred, "the other may give it up in this run");
    let mut foreign = world.contact(8, ContactSource::Entra, Some(2));
    if let Some(link) = &mut foreign.link {
        link.connection_id = ConnectionId::from_bits(99);
    }
    let item = world.decide(&rules(|_| {}), &user(json!({})), None, Claimant::Contact(&foreign));
    assert_eq!(item.outcome, Outcome::Failed);
}

#[test]
fn what_is_switched_off_or_waits_for_a_person_is_not_written() {
    let world = World::new();
    let contact = world.contact(7, ContactSource::Entra, Some(1));
    let renamed = user(json!({"displayName": "Ada L"}));
    for (mode, create, update) in [
        (ChangeMode::Auto, Outcome::Create, Outcome::Update),
        (ChangeMode::Review, Outcome::AwaitingReview, Outcome::AwaitingReview),
        (ChangeMode::Off, Outcome::Skipped, Outcome::Unchanged),
    ] {
        let rules = rules(|settings| {
            settings.policies.create = mode;
            settings.policies.update = mode;
        });
        let made = world.decide(&rules, &renamed, None, Claimant::Nobody);
        assert_eq!(made.outcome, create, "{mode:?}");
        let changed = world.decide(&rules, &renamed, Some(&contact), Claimant::Nobody);
        assert_eq!(changed.outcome, update, "{mode:?}");
    }
}

#[test]
fn each_cause_of_leaving_has_its_own_action_and_keeps_the_fields() {
    let world = World::new();
    let contact = world.contact(7, ContactSource::Entra, Some(1));
    let removal = Removal {
        soft_deleted: RemovalAction::Review,
        hard_deleted: RemovalAction::Delete,
        out_of_scope: RemovalAction::StopUpdating,
        left_group: RemovalAction::Unlink,
        disabled: RemovalAction::Deactivate,
        grace_days: 0,
    };
    let rules = rules(|settings| settings.policies.removal = removal);
    for (cause, outcome, state) in [
        (GoneCause::SoftDeleted, Outcome::AwaitingReview, LinkState::Removed),
        (GoneCause::HardDeleted, Outcome::Delete, LinkState::Removed),
        (GoneCause::OutOfScope, Outcome::StopUpdating, LinkState::OutOfScope),
        (GoneCause::LeftGroup, Outcome::Unlink, LinkState::OutOfScope),
        (GoneCause::Disabled, Outcome::Deactivate, LinkState::OutOfScope),
    ] {
        let user = ObjectId::from_u128(1);
        let item = rules.decide_gone(&user, Some(&contact), cause, "because", world.tie());
        assert_eq!(item.outcome, outcome, "{cause:?}");
        assert_eq!(item.link.map(|link| link.new), Some(state), "{cause:?}");
        assert!(item.fields.is_empty(), "{cause:?}");
    }
}

#[test]
fn another_organisation_that_goes_first_costs_no_more_than_the_updates() {
    let world = World::new();
    let contact = world.contact(7, ContactSource::Entra, Some(1));
    let user = ObjectId::from_u128(1);
    for (policy, expected) in [
        (RemovalAction::Keep, Outcome::Skipped),
        (RemovalAction::StopUpdating, Outcome::StopUpdating),
        (RemovalAction::Review, Outcome::StopUpdating),
        (RemovalAction::Unlink, Outcome::StopUpdating),
        (RemovalAction::Deactivate, Outcome::StopUpdating),
        (RemovalAction::Delete, Outcome::StopUpdating),
    ] {
        let rules = rules(|settings| settings.policies.removal.out_of_scope = policy);
        let cause = GoneCause::Elsewhere;
        let item = rules.decide_gone(&user, Some(&contact), cause, "because", world.tie());
        assert_eq!(item.outcome, expected, "{policy:?}");
        assert_eq!((item.question, item.reason.as_deref()), (None, Some("because")), "{policy:?}");
    }
}

#[test]
fn nobody_leaves_twice_and_strangers_never() {
    let world = World::new();
    let mut gone = world.contact(7, ContactSource::Entra, Some(1));
    if let Some(link) = &mut gone.link {
        link.state = LinkState::Removed;
    }
    let rules = rules(|_| {});
    let user = ObjectId::from_u128(1);
    for contact in [Some(&gone), None] {
        let item =
            rules.decide_gone(&user, contact, GoneCause::SoftDeleted, "deleted", world.tie());
        assert_eq!(item.outcome, Outcome::Keep);
    }
    let stranger = world.contact(7, ContactSource::Entra, Some(2));
    let item =
        rules.decide_gone(&user, Some(&stranger), GoneCause::HardDeleted, "deleted", world.tie());
    assert_eq!((item.outcome, item.contact_id), (Outcome::Keep, None));
}

/// Another contact has the first address: the person gets the second one, and the same again.
#[test]
fn a_person_whose_first_address_is_taken_gets_the_next_and_keeps_it() {
    let world = World::new();
    let rules = rules(|settings| {
        settings.mapping[0].source =
            "SelectUniqueValue([mail], Append([givenName], '@contoso.example'))".to_owned();
        settings.matching = vec!["userPrincipalName".to_owned()];
    });
    let ada = user(json!({"mail": "info@contoso.example"}));
    let wanted = rules.wanted(&ada).expect("everything is told");
    assert_eq!(
        rules.wanted_email_keys(&wanted, None),
        ["info@contoso.example", "ada@contoso.example"]
    );
    let is_taken = |key: &str| key == "info@contoso.example";
    let chosen = rules.choosing(&ada, &wanted, (None, &[]), is_taken);
    assert_eq!(rules.wanted_email_key(&chosen, None).as_deref(), Some("ada@contoso.example"));
    let contact_id = ContactId::from_bits(7);
    let claimant = Claimant::Nobody;
    let found = Found { contact_id: &contact_id, existing: None, claimant, candidates: &[] };
    let item = rules.decide(&ada, &chosen, found, world.tie());
    assert_eq!(item.outcome, Outcome::Create);
    assert_eq!(item.fingerprint, Some(hex(wanted.fingerprint)), "the next run knows it again");
    // The other contact gave the address up since: who has one of them stays.
    let made = world.contact(7, ContactSource::Entra, Some(1));
    let kept = rules.choosing(&ada, &wanted, (Some(&made), &[]), |_| false);
    assert_eq!(rules.wanted_email_key(&kept, Some(&made)), None);
    // Whom another key leads to a contact keeps its address, too.
    let local = Contact { link: None, ..world.contact(8, ContactSource::Local, None) };
    let kept = rules.choosing(&ada, &wanted, (None, &[&local]), |_| true);
    assert_eq!(rules.wanted_email_key(&kept, Some(&local)), None);
}
