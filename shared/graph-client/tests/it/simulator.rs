//! The client against the simulated Entra and Graph: what one side sends, the other understands.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::Query;
use contact_sync_domain::directory::{DeltaEntry, RemovedReason, UserSelection};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{
    Directory, DirectoryError, GroupChange, Lane, MemberEdge, MemberKind, NewSubscription,
    Subscriptions,
};
use entra_sim::{Effect, Fault};
use jiff::SignedDuration;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn everybody_is_listed_once_and_as_many_as_are_counted() {
    let world = World::with_users(1_200).await;
    let ids = world.everybody().await.unwrap();
    let distinct: BTreeSet<&ObjectId> = ids.iter().collect();
    let (count, _) = world.client.count_users(&world.tenant).await.unwrap();
    assert_eq!(distinct.len(), ids.len());
    assert_eq!(u64::try_from(ids.len()).unwrap(), count);
    assert_eq!(world.sim.tenants()[0].users, ids.len());
    assert!(world.client.count_groups(&world.tenant).await.unwrap().0 > 0);
}

#[tokio::test]
async fn changes_since_a_link_are_told_and_nothing_else() {
    let world = World::with_users(60).await;
    let (link, _) =
        world.client.latest_users_link(&world.tenant, &UserSelection::default()).await.unwrap();
    let (renamed, deleted, purged) = (world.someone(3), world.someone(4), world.someone(5));
    world.sim.update_user(&world.tenant, &renamed, json!({"jobTitle": "Captain"})).unwrap();
    world.sim.delete_user(&world.tenant, &deleted).unwrap();
    world.sim.purge_user(&world.tenant, &purged).unwrap();
    let (entries, next) = world.changes(&link).await.unwrap();
    let about = |id: &ObjectId| entries.iter().rfind(|entry| entry.id() == id).unwrap();
    assert!(
        matches!(about(&renamed), DeltaEntry::Changed(user) if user.text("jobTitle") == Some("Captain"))
    );
    let gone = |id: &ObjectId, reason| DeltaEntry::Removed { id: id.clone(), reason };
    assert_eq!(*about(&deleted), gone(&deleted, RemovedReason::SoftDeleted));
    assert_eq!(*about(&purged), gone(&purged, RemovedReason::Purged));
    assert!(world.changes(&next).await.unwrap().0.is_empty());

    let ids = [renamed.clone(), deleted.clone(), purged];
    let by_id =
        world.client.users_by_id(&world.tenant, &UserSelection::default(), &ids).await.unwrap();
    assert_eq!(by_id.found.iter().map(|user| &user.id).collect::<Vec<_>>(), [&renamed]);
    assert_eq!(by_id.soft_deleted, [deleted]);
}

#[tokio::test]
async fn a_delta_link_that_died_starts_over_and_a_page_that_died_loses_its_round() {
    let world = World::with_users(60).await;
    let (link, _) =
        world.client.latest_users_link(&world.tenant, &UserSelection::default()).await.unwrap();
    world.sim.advance_clock(std::time::Duration::from_hours(8 * 24));
    let dead = world.changes(&link).await;
    assert!(matches!(dead, Err(DirectoryError::Gone { .. })), "{dead:?}");

    world.sim.merge_settings(&json!({"graph": {"maxPageSize": 20}})).unwrap();
    let page = world
        .client
        .list_users(&world.tenant, &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap();
    let NextStep::Next(next) = page.next else { panic!("more pages") };
    world.sim.expire_page_tokens(&world.tenant).unwrap();
    let lost = world
        .client
        .list_users(&world.tenant, &UserSelection::default(), Some(&next), Lane::Bulk)
        .await;
    assert!(matches!(lost, Err(DirectoryError::PageExpired)), "{lost:?}");
}

#[tokio::test]
async fn people_and_groups_are_found_by_name() {
    let world = World::with_users(60).await;
    let person = world.someone(2);
    let known = world
        .client
        .find_user(&world.tenant, &UserSelection::default(), person.as_str())
        .await
        .unwrap()
        .unwrap();
    let name = known.text("userPrincipalName").unwrap();
    let by_name = world
        .client
        .find_user(&world.tenant, &UserSelection::default(), name)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(by_name.id, person);
    let odd = "it's#odd+1@contoso.example";
    let properties = json!({"userPrincipalName": odd, "displayName": "It's Odd"});
    let odd_id = world.sim.create_user(&world.tenant, properties).unwrap().to_string();
    let found = world
        .client
        .find_user(&world.tenant, &UserSelection::default(), odd)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.id.as_str(), odd_id);
    let found = world.client.search_users(&world.tenant, "It's O", 5).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(world.client.search_users(&world.tenant, "", 10).await.unwrap().len(), 10);
    assert_eq!(
        world
            .client
            .find_user(&world.tenant, &UserSelection::default(), "nobody@contoso.example")
            .await
            .unwrap(),
        None
    );
    let group = world.sim.create_group(&world.tenant, "Zebra keepers").unwrap().to_string();
    let groups = world.client.search_groups(&world.tenant, "zeb", 5).await.unwrap();
    assert_eq!(groups[0].id.as_str(), group);
    let organization = world.client.organization(&world.tenant).await.unwrap();
    assert_eq!(organization.id, world.tenant);
    assert_eq!(organization.verified_domains[0], "contoso.example");
}

#[tokio::test]
async fn what_a_person_is_directly_in_is_refused_and_not_empty_without_its_permission() {
    let world = World::with_users(60).await;
    let person = world.someone(1);
    let direct = world.client.user_groups(&world.tenant, &person, false, None).await;
    assert!(matches!(direct, Err(DirectoryError::Forbidden { .. })), "{direct:?}");
    world.client.user_groups(&world.tenant, &person, true, None).await.unwrap();
}

#[tokio::test]
async fn members_of_nested_groups_are_found_and_their_changes_told() {
    let roles = ["User.Read.All", "GroupMember.Read.All", "Group.ReadBasic.All"];
    let world = World::with_roles(60, &roles).await;
    let outer = world.sim.create_group(&world.tenant, "Outer").unwrap();
    let inner = world.sim.create_group(&world.tenant, "Inner").unwrap();
    let person = world.someone(1);
    world.sim.add_member(&world.tenant, outer, inner).unwrap();
    world.sim.add_member(&world.tenant, inner, &person).unwrap();
    let outer = ObjectId::parse(&outer.to_string()).unwrap();
    let direct = world.client.group_members(&world.tenant, &outer, false, None).await.unwrap();
    assert_eq!((direct.users.len(), direct.groups.len()), (0, 1));
    let nested = world.client.group_members(&world.tenant, &outer, true, None).await.unwrap();
    assert_eq!((nested.users, nested.groups.len()), (vec![person.clone()], 1));
    let inner_id = ObjectId::parse(&inner.to_string()).unwrap();
    for (nested, expected) in [(true, [true, true]), (false, [false, true])] {
        let page = world.client.user_groups(&world.tenant, &person, nested, None).await.unwrap();
        let has = |group: &ObjectId| page.groups.iter().any(|one| one.id == *group);
        assert_eq!([has(&outer), has(&inner_id)], expected, "{page:?}");
    }

    let (link, _) = world.client.latest_groups_link(&world.tenant).await.unwrap();
    world.sim.remove_member(&world.tenant, inner, &person).unwrap();
    world.sim.delete_group(&world.tenant, &outer).unwrap();
    let delta = world.client.groups_delta(&world.tenant, &link).await.unwrap();
    let inner = ObjectId::parse(&inner.to_string()).unwrap();
    let left = MemberEdge { id: person, kind: MemberKind::User, is_gone: true };
    let left = GroupChange::Changed { group: inner, members: vec![left] };
    assert!(delta.changes.contains(&left), "{delta:?}");
    assert!(delta.changes.contains(&GroupChange::Gone(outer.clone())), "{delta:?}");
    assert_eq!(world.client.find_group(&world.tenant, &outer).await.unwrap(), None);
}

#[tokio::test]
async fn what_breaks_once_is_overcome_and_everybody_is_still_listed_once() {
    let world = World::with_users(300).await;
    world.sim.merge_settings(&json!({"graph": {"maxPageSize": 100}})).unwrap();
    let expected = world.everybody().await.unwrap();
    let respond = |status, retry_after: Option<&str>| Effect::Respond {
        status,
        body: entra_sim::BodyKind::Html,
        code: None,
        message: None,
        retry_after: retry_after.map(str::to_owned),
    };
    for effect in [
        Effect::status(500),
        respond(503, None),
        respond(429, Some("2.128")),
        respond(504, Some("1")),
        respond(401, None),
        Effect::Reset { after_bytes: None },
        Effect::Truncate,
        Effect::WithoutValue,
        Effect::EmptyPage,
        Effect::RepeatNextLink,
    ] {
        world.sim.add_fault(Fault::once("*/v1.0/users?*", effect.clone()).at_request(2));
        let listed = world.everybody().await;
        assert_eq!(listed.unwrap(), expected, "{effect:?}");
        world.sim.clear_faults();
    }
    let foreign = Effect::ForeignLink { origin: "https://graph.evil.example".into() };
    world.sim.add_fault(Fault::once("*/v1.0/users?*", foreign));
    assert!(matches!(world.everybody().await, Err(DirectoryError::ForeignLink)));
}

#[tokio::test]
async fn a_subscription_lives_through_its_whole_life() {
    let world = World::with_users(60).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = |Query(query): Query<Vec<(String, String)>>| async move {
        query
            .into_iter()
            .find(|(name, _)| name == "validationToken")
            .map_or_else(String::new, |(_, token)| token)
    };
    let endpoint = tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(echo)).await.unwrap();
    });
    let new = NewSubscription {
        resource: SubscribedResource::Users,
        notification_url: format!("http://{address}/webhooks/graph?s=sub_1"),
        lifecycle_url: format!("http://{address}/webhooks/graph/lifecycle?s=sub_1"),
        client_state: "secret".into(),
        expires_at: world.sim.clock().now() + SignedDuration::from_hours(100),
    };
    let made = world.client.create(&world.tenant, &new).await.unwrap();
    let again = world.client.create(&world.tenant, &new).await;
    assert!(matches!(again, Err(contact_sync_engine::port::SubscriptionError::AlreadyExists)));
    let later = new.expires_at + SignedDuration::from_hours(50);
    let renewed = world.client.renew(&world.tenant, &made.id, later).await.unwrap().unwrap();
    assert!(renewed.expires_at > made.expires_at);
    let listed = world.client.list(&world.tenant).await.unwrap();
    assert_eq!((listed.len(), &listed[0].id), (1, &made.id));
    assert_eq!(listed[0].notification_url, new.notification_url);
    world.client.delete(&world.tenant, &made.id).await.unwrap();
    assert_eq!(world.client.renew(&world.tenant, &made.id, later).await.unwrap(), None);
    endpoint.abort();
}
