//! Forgetting one person.

use contact_sync_domain::contact::{Contact, ContactField, Target};
use contact_sync_domain::erasure::{
    ErasedUser, ErasureReceipt, ErasureState, Erasures, OtherContacts,
};
use contact_sync_domain::id::{ContactId, ErasureId, ObjectId, ReviewId, RunId, TeamId, TenantId};
use contact_sync_domain::review::{Decision, Rejected, ReviewAction, ReviewList};
use contact_sync_domain::team::{Membership, Team};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    Burial, ContactStore, ContactWrite, DecisionStore, ErasureStore, MergeStore, PendingItem,
    PendingKind, PendingStore, SHARDS, SettingsStore, SettingsVersion, StoredContact, TeamStore,
    WriteOutcome,
};
use serde_json::json;

use crate::samples::{account_id, at, connection_id, contact, write};
use crate::tables::{CONTACTS, STATE, Tables};

pub(crate) fn receipt(version: u64) -> ErasureReceipt {
    ErasureReceipt {
        id: ErasureId::from_bits(7),
        account_id: account_id(1),
        contact_id: contact(1, 7, 1).id,
        version,
        requested_at: at(0),
        requested_by: Some("ada".into()),
        state: ErasureState::Working,
        found: Erasures::default(),
        history_until: at(90),
        backups_until: at(35),
        redaction: None,
        person: None,
        written_at: None,
        barred: vec![],
        others: OtherContacts::default(),
        lifted_at: None,
    }
}

#[tokio::test]
async fn a_receipt_is_written_once_for_each_version_also_when_its_answer_got_lost() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (account, id) = (account_id(1), receipt(1).id);
    assert_eq!(store.receipt(&account, &id).await.unwrap(), None);
    tables.lose_next_answer();
    assert!(store.put_receipt(&receipt(1)).await.unwrap());
    let other = ErasureReceipt { requested_by: Some("ben".into()), ..receipt(1) };
    assert!(!store.put_receipt(&other).await.unwrap());
    let done = ErasureReceipt { state: ErasureState::Done, ..receipt(2) };
    assert!(store.put_receipt(&done).await.unwrap());
    assert_eq!(store.receipt(&account, &id).await.unwrap(), Some(done));
    assert_eq!(store.receipt(&account_id(2), &id).await.unwrap(), None, "nobody else's");
}

#[tokio::test]
async fn nothing_takes_the_place_of_whoever_was_forgotten() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let read = contact(1, 7, 10);
    store.write(&write(&read)).await.unwrap();
    let account = account_id(1);
    let was = store.bury_for_good(&account, &read.id).await.unwrap();
    assert_eq!(was.as_deref(), Some(&read));
    assert_eq!(store.bury_for_good(&account, &read.id).await.unwrap(), None, "once");
    let standing = store.get(&account, &read.id).await.unwrap();
    let Some(StoredContact::Tombstone { version, erased: true, .. }) = standing else {
        panic!("{standing:?}");
    };
    assert_eq!(version, read.version + 1);
    // Sync with a newer fence, sync that saw nothing, and a person who saw the tombstone.
    for (expected_version, fence) in [(version, Some(5_000)), (0, Some(5_000)), (version, None)] {
        let contact = Contact { version: expected_version + 1, ..read.clone() };
        let outcome =
            store.write(&ContactWrite { contact, expected_version, fence }).await.unwrap();
        assert!(
            matches!(
                outcome,
                WriteOutcome::Moved(Some(StoredContact::Tombstone { erased: true, .. }))
            ),
            "{expected_version} {fence:?}: {outcome:?}"
        );
    }
    let shard = read.id.shard(SHARDS);
    let page = store.index(&account, shard, None).await.unwrap();
    assert_eq!((page.entries, page.erased), (vec![], vec![read.id]), "a run knows it beforehand");
    // Also where nothing stood.
    let nobody = contact(1, 8, 10).id;
    assert_eq!(store.bury_for_good(&account, &nobody).await.unwrap(), None);
    let outcome = store.write(&write(&contact(1, 8, 10))).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Moved(Some(_))), "{outcome:?}");
    assert_eq!(tables.count(CONTACTS).await, 2);
}

/// Both stores bury a user's own contact and nobody else's.
async fn buries_own(store: &(impl ContactStore + ErasureStore)) {
    let (own, account) = (contact(1, 7, 10), account_id(1));
    store.write(&write(&own)).await.unwrap();
    let link = own.link.clone().unwrap();
    let user = |number: u128| ErasedUser {
        connection_id: link.connection_id.clone(),
        tenant_id: link.tenant_id.clone(),
        object_id: ObjectId::from_u128(number),
    };
    let whose = ErasedUser { object_id: link.object_id.clone(), ..user(0) };
    for another in [user(99), ErasedUser { tenant_id: TenantId::from_u128(0x99), ..whose.clone() }]
    {
        let left = store.bury_own(&account, &own.id, &another).await.unwrap();
        assert_eq!(left, Burial::Left, "{another:?}");
    }
    let standing = store.get(&account, &own.id).await.unwrap();
    assert_eq!(standing, Some(StoredContact::Present(Box::new(own.clone()))), "as it was");
    let done = Burial::Done(Some(Box::new(own.clone())));
    assert_eq!(store.bury_own(&account, &own.id, &whose).await.unwrap(), done);
    let again = store.bury_own(&account, &own.id, &whose).await.unwrap();
    assert_eq!(again, Burial::Done(None), "once");
    let nobody = contact(1, 8, 10).id;
    let done = store.bury_own(&account, &nobody, &user(8)).await.unwrap();
    assert_eq!(done, Burial::Done(None), "also where nothing stood");
    for id in [&own.id, &nobody] {
        let standing = store.get(&account, id).await.unwrap();
        assert!(
            matches!(standing, Some(StoredContact::Tombstone { erased: true, .. })),
            "{standing:?}"
        );
    }
}

#[tokio::test]
async fn nobody_is_buried_in_anothers_place() {
    buries_own(&MemoryStore::default()).await;
    buries_own(&Tables::start().await.store).await;
}

/// Both stores know what was merged into a contact until that is erased.
async fn knows_merges(store: &(impl MergeStore + ErasureStore)) {
    let account = account_id(1);
    let id = |number: u128| contact(1, number, 1).id;
    for (stays, goes) in [(7, 8), (7, 9), (8, 10), (7, 8)] {
        store.note_merge(&account, &id(stays), &id(goes), at(0)).await.unwrap();
    }
    let mut into = store.merged_into(&account, &id(7)).await.unwrap();
    into.sort_unstable();
    let mut wanted = vec![id(8), id(9)];
    wanted.sort_unstable();
    assert_eq!(into, wanted, "itself, and each once");
    assert_eq!(store.merged_into(&account_id(2), &id(7)).await.unwrap(), []);
    store.erase_beside(&account, &id(7)).await.unwrap();
    assert_eq!(store.merged_into(&account, &id(7)).await.unwrap(), []);
    assert_eq!(store.merged_into(&account, &id(8)).await.unwrap(), [id(10)], "others stay");
}

#[tokio::test]
async fn what_was_merged_into_a_contact_is_known_until_it_is_erased() {
    knows_merges(&MemoryStore::default()).await;
    knows_merges(&Tables::start().await.store).await;
}

/// Whoever wrote the membership died between what leads to it and itself.
#[tokio::test]
async fn what_leads_from_a_team_to_whoever_is_forgotten_goes_also_where_nothing_stands() {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    let tables = Tables::start().await;
    let store = &tables.store;
    let account = account_id(1);
    let (mine, theirs) = (contact(1, 7, 1).id, contact(1, 8, 1).id);
    let team = |number: u128| Team {
        id: TeamId::from_bits(number),
        account_id: account.clone(),
        name: format!("Team {number}"),
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    };
    let half = async |contact: &ContactId, team: &Team| {
        let put = tables.client.put_item().table_name(CONTACTS);
        let put = put.item("pk", S(format!("A#{account}#{}", contact.shard(SHARDS))));
        let put = put.item("sk", S(format!("T#{}#{contact}", team.id)));
        put.item("kind", S("teamMember".into())).send().await.unwrap();
    };
    let (north, south) = (team(1), team(2));
    for team in [&north, &south] {
        assert!(store.create_team(team).await.unwrap());
    }
    for contact in [&mine, &theirs] {
        let none = Membership::none(account.clone(), south.id.clone(), contact.clone());
        assert!(store.put_membership(&none.joined_by_hand().next(at(1))).await.unwrap());
        half(contact, &north).await;
    }
    assert_eq!(tables.count(CONTACTS).await, 6);
    let erased = store.erase_beside(&account, &mine).await.unwrap();
    assert_eq!((erased.memberships, tables.count(CONTACTS).await), (1, 3), "the other's stay");
    assert_eq!(store.erase_beside(&account, &mine).await.unwrap(), Erasures::default());
}

#[tokio::test]
async fn what_names_a_person_goes_and_what_names_others_stays() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let connection = connection_id(1);
    let (mine, theirs) = (contact(1, 7, 1).id, contact(1, 8, 1).id);
    let (user, other) = (ObjectId::from_u128(7), ObjectId::from_u128(8));
    for (contact, user) in [(&mine, &user), (&theirs, &other)] {
        let decision = Decision {
            kept_days: None,
            at: at(1),
            actor: None,
            action: ReviewAction::Reject,
            item: ReviewId::of(user),
            list: ReviewList::Changes,
            version: 1,
            contact_id: Some(contact.clone()),
            refused: vec![Rejected::Value {
                contact_id: contact.clone(),
                field: Target::Field(ContactField::JobTitle),
                value: json!("Chief"),
            }],
        };
        store.record_decision(&connection, &decision).await.unwrap();
        let item =
            PendingItem { key: user.to_string(), expires_at: None, body: json!({"email": "a@b"}) };
        store.put_pending(&connection, PendingKind::Removal, &[item]).await.unwrap();
    }
    let before = tables.count(STATE).await;
    let erased = store.erase_asked(&connection, &mine, Some(&user)).await.unwrap();
    assert!(erased.decisions >= 1 && erased.refusals == 1 && erased.waiting == 1, "{erased:?}");
    assert_eq!(tables.count(STATE).await, before / 2, "the other's are as many");
    let left = store.decisions(&connection, None, 10).await.unwrap().unwrap().decisions;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].contact_id.as_ref(), Some(&theirs));
    assert!(store.is_pending(&connection, PendingKind::Removal, other.as_str()).await.unwrap());
    let again = store.erase_asked(&connection, &mine, Some(&user)).await.unwrap();
    assert_eq!(again, Erasures::default());
}

/// Settings 1 to 3 and a draft: the first and the draft ignore the person.
async fn ignored(store: &(impl SettingsStore + ErasureStore)) {
    let (account, connection, contact) = (account_id(1), connection_id(1), contact(1, 7, 1).id);
    let (user, other) = (ObjectId::from_u128(7), ObjectId::from_u128(8));
    let ignoring = |version, users: &[&ObjectId]| {
        let mut next = SettingsVersion { version, ..SettingsVersion::never_saved() };
        next.settings.scope.ignored_users = users.iter().copied().cloned().collect();
        next
    };
    for (version, users) in [(1, vec![&other, &user]), (2, vec![&other]), (3, vec![])] {
        let next = ignoring(version, &users);
        assert!(store.save_settings(&account, &connection, &next).await.unwrap());
    }
    let run = RunId::from_bits(5);
    store.put_draft(&connection, &run, &ignoring(3, &[&user]), at(9)).await.unwrap();
    let told = store.records_asked(&connection, &contact, Some(&user)).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|one| (one.store, one.record)).collect();
    let found = [("settings", json!({"version": 1})), ("draft", json!({"run": run}))];
    assert_eq!(told, found);
    assert_eq!(store.forget_in_settings(&connection, &user).await.unwrap(), 2);
    assert_eq!(store.forget_in_settings(&connection, &user).await.unwrap(), 0);
    for (version, left) in [(1, vec![&other]), (2, vec![&other]), (3, vec![])] {
        let kept = store.settings_version(&account, &connection, version).await.unwrap();
        assert_eq!(kept, Some(ignoring(version, &left)), "under its number, others as they were");
    }
    assert_eq!(store.draft(&connection, &run).await.unwrap(), Some(ignoring(3, &[])));
    assert_eq!(store.records_asked(&connection, &contact, Some(&user)).await.unwrap(), []);
}

#[tokio::test]
async fn kept_settings_lose_whoever_is_forgotten_in_their_places() {
    ignored(&Tables::start().await.store).await;
    ignored(&MemoryStore::default()).await;
}

/// What is shown of somebody is what is forgotten of him.
async fn shows(store: &(impl DecisionStore + PendingStore + ErasureStore + ContactStore)) {
    let (account, connection) = (account_id(1), connection_id(1));
    let (mine, user, tenant) =
        (contact(1, 7, 1).id, ObjectId::from_u128(7), TenantId::from_u128(1));
    let decision = Decision {
        kept_days: None,
        at: at(1),
        actor: None,
        action: ReviewAction::Reject,
        item: ReviewId::of(&user),
        list: ReviewList::Changes,
        version: 1,
        contact_id: Some(mine.clone()),
        refused: vec![Rejected::Value {
            contact_id: mine.clone(),
            field: Target::Field(ContactField::JobTitle),
            value: json!("Chief"),
        }],
    };
    store.record_decision(&connection, &decision).await.unwrap();
    for kind in [PendingKind::Removal, PendingKind::Escrow] {
        let body = json!({"objectId": user, "email": "a@b"});
        let item = PendingItem { key: user.to_string(), expires_at: None, body };
        store.put_pending(&connection, kind, &[item]).await.unwrap();
    }
    store.put_adoption(&account, &tenant, &user, &mine).await.unwrap();
    let asked = store.records_asked(&connection, &mine, Some(&user)).await.unwrap();
    let mut told: Vec<_> = asked.iter().map(|one| one.store).collect();
    told.sort_unstable();
    assert_eq!(told, ["decision", "refusal", "waiting", "waiting"], "{asked:?}");
    assert!(asked.iter().any(|one| one.record.get("as") == Some(&json!("escrow"))), "{asked:?}");
    let beside = store.records_beside(&account, &mine, Some((&tenant, &user))).await.unwrap();
    assert_eq!(beside.len(), 1, "{beside:?}");
    assert_eq!(beside.first().unwrap().record.get("contact"), Some(&json!(mine)));
    store.erase_asked(&connection, &mine, Some(&user)).await.unwrap();
    assert_eq!(store.records_asked(&connection, &mine, Some(&user)).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_kept_of_a_person_is_shown_until_it_is_gone() {
    shows(&Tables::start().await.store).await;
    shows(&MemoryStore::default()).await;
}
