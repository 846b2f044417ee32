//! Teams and memberships.

use contact_sync_domain::id::{ContactId, TeamId};
use contact_sync_domain::team::{Membership, Origin, Team};
use contact_sync_engine::port::{ContactStore, MembershipKey, Renamed, SHARDS, TeamStore};

use crate::samples::{account_id, at};
use crate::tables::Tables;

fn team(number: u128, name: &str) -> Team {
    Team {
        id: TeamId::from_bits(number),
        account_id: account_id(1),
        name: name.to_owned(),
        version: 1,
        created_at: at(1),
        updated_at: at(1),
    }
}

fn member(contact: u128, of: u128) -> Membership {
    let (team, contact) = (TeamId::from_bits(of), ContactId::from_bits(contact));
    Membership::none(account_id(1), team, contact).joined_by_hand().next(at(5))
}

fn ended(membership: &Membership) -> Membership {
    let mut ended = membership.clone();
    ended.origins.clear();
    ended.next(at(6))
}

#[tokio::test]
async fn a_name_belongs_to_one_team_of_the_account_and_is_free_again_afterwards() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let north = team(1, "North");
    assert!(store.create_team(&north).await.unwrap());
    assert!(store.create_team(&north).await.unwrap(), "the very same is fine");
    assert!(!store.create_team(&team(2, " NORTH")).await.unwrap());
    assert!(store.create_team(&team(2, "South")).await.unwrap());

    let taken = Team { version: 2, ..team(2, "north") };
    assert_eq!(store.rename_team(&team(2, "South"), &taken).await.unwrap(), Renamed::NameTaken);
    let west = Team { version: 2, ..team(2, "West") };
    assert_eq!(store.rename_team(&team(2, "South"), &west).await.unwrap(), Renamed::Done);
    let late = Team { version: 2, ..team(2, "East") };
    assert_eq!(store.rename_team(&team(2, "South"), &late).await.unwrap(), Renamed::Moved);
    let spelt = Team { version: 3, ..team(2, "WEST") };
    assert_eq!(store.rename_team(&west, &spelt).await.unwrap(), Renamed::Done);
    assert_eq!(store.team(&account_id(1), &spelt.id).await.unwrap(), Some(spelt.clone()));
    assert_eq!(store.teams(&account_id(1)).await.unwrap(), [north.clone(), spelt]);
    assert_eq!(store.team(&account_id(2), &north.id).await.unwrap(), None, "nobody else's");

    assert!(store.create_team(&team(3, "South")).await.unwrap(), "the old name is free");
    store.delete_team(&north).await.unwrap();
    assert_eq!(store.team(&account_id(1), &north.id).await.unwrap(), None);
    assert!(store.create_team(&team(4, "north")).await.unwrap());
}

#[tokio::test]
async fn a_membership_is_written_only_over_the_version_before_it() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let first = member(1, 1);
    tables.lose_next_answer();
    assert!(store.put_membership(&first).await.unwrap());
    assert!(
        !store.put_membership(&Membership { updated_at: at(9), ..first.clone() }).await.unwrap()
    );
    let left = ended(&first);
    assert!(store.put_membership(&left).await.unwrap());
    assert!(!store.put_membership(&ended(&first).joined_by_hand()).await.unwrap());
    let stored = store.membership(&account_id(1), &first.contact_id, &first.team_id).await.unwrap();
    assert_eq!(stored, Some(left.clone()), "one that ended keeps its number");
    let back = left.joined_by_hand().next(at(8));
    assert!(store.put_membership(&back).await.unwrap());
    assert!(back.origins.contains(&Origin::Manual));
}

#[tokio::test]
async fn memberships_are_found_by_contact_and_walked_by_shard() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let mut all = Vec::new();
    for contact in 1..=30 {
        for of in 1..=2 {
            all.push(member(contact, of));
            assert!(store.put_membership(&member(contact, of)).await.unwrap());
        }
    }
    let own = store.memberships_of(&account_id(1), &ContactId::from_bits(7)).await.unwrap();
    assert_eq!(own, [member(7, 1), member(7, 2)]);
    assert!(
        store.memberships_of(&account_id(2), &ContactId::from_bits(7)).await.unwrap().is_empty()
    );

    let mut walked = Vec::new();
    for shard in 0..SHARDS {
        let page = store.memberships(&account_id(1), shard, None).await.unwrap();
        assert_eq!(page.next, None);
        if let Some(first) = page.memberships.first() {
            let after: MembershipKey = (first.contact_id.clone(), first.team_id.clone());
            let rest = store.memberships(&account_id(1), shard, Some(&after)).await.unwrap();
            assert_eq!(rest.memberships, page.memberships[1..]);
        }
        walked.extend(page.memberships);
    }
    walked.sort_by(|one, other| {
        (&one.contact_id, &one.team_id).cmp(&(&other.contact_id, &other.team_id))
    });
    assert_eq!(walked, all);

    store.erase_account(&account_id(1)).await.unwrap();
    for shard in 0..SHARDS {
        let page = store.memberships(&account_id(1), shard, None).await.unwrap();
        assert!(page.memberships.is_empty(), "they go with the account");
    }
}

#[tokio::test]
async fn a_teams_members_are_found_by_the_team_and_whoever_left_is_not() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for contact in 1..=40 {
        for of in 1..=2 {
            assert!(store.put_membership(&member(contact, of)).await.unwrap());
        }
    }
    // One left, one left and came back, and somebody was too slow to end a third.
    assert!(store.put_membership(&ended(&member(3, 1))).await.unwrap());
    let left = ended(&member(4, 1));
    assert!(store.put_membership(&left).await.unwrap());
    assert!(store.put_membership(&left.joined_by_hand().next(at(9))).await.unwrap());
    let slower = Membership { updated_at: at(9), ..ended(&member(5, 1)) };
    let slower = Membership { version: 1, ..slower };
    assert!(!store.put_membership(&slower).await.unwrap(), "whoever was slower ends nothing");

    let team = TeamId::from_bits(1);
    let mut found = Vec::new();
    for shard in 0..SHARDS {
        let mut after: Option<ContactId> = None;
        for _ in 0..100 {
            let page = store
                .team_memberships(&account_id(1), &team, shard, after.as_ref(), 2)
                .await
                .unwrap();
            assert!(page.memberships.len() <= 2);
            assert!(page.memberships.iter().all(|one| one.team_id == team));
            let standing = page.memberships.into_iter().filter(Membership::stands);
            found.extend(standing.map(|one| one.contact_id));
            after = page.next.map(|(contact, _)| contact);
            if after.is_none() {
                break;
            }
        }
    }
    found.sort();
    let expected: Vec<ContactId> =
        (1..=40).filter(|number| *number != 3).map(ContactId::from_bits).collect();
    assert_eq!(found, expected);

    store.erase_account(&account_id(1)).await.unwrap();
    for shard in 0..SHARDS {
        let page = store.team_memberships(&account_id(1), &team, shard, None, 9).await.unwrap();
        assert!(page.memberships.is_empty(), "they go with the account");
    }
}

#[tokio::test]
async fn the_teams_of_many_contacts_are_told_in_their_order_however_far_apart_they_lie() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for contact in 1..=200 {
        for of in 1..=3 {
            assert!(store.put_membership(&member(contact, of)).await.unwrap());
        }
    }
    for wanted in [vec![7], vec![200, 1, 90, 999], (1..=200).rev().collect::<Vec<u128>>()] {
        let ids: Vec<ContactId> = wanted.iter().copied().map(ContactId::from_bits).collect();
        let found = store.memberships_of_all(&account_id(1), &ids).await.unwrap();
        for (number, memberships) in wanted.iter().zip(found) {
            let expected = if *number > 200 {
                Vec::new()
            } else {
                (1..=3).map(|of| member(*number, of)).collect()
            };
            assert_eq!(memberships, expected, "{number}");
        }
    }
}
