//! What is asked for, and what an answer means.

use std::io::Write;

use contact_sync_domain::directory::{
    DeltaEntry, RemovedReason, SourceValue, USER_SELECT, UserSelection,
};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::segment::NextStep;
use contact_sync_engine::port::{
    Directory, DirectoryError, Group, GroupChange, Lane, MemberEdge, MemberKind,
};
use serde_json::{Value, json};

use crate::stub::{ADA, BEN, Reply, Stub, TENANT, page, tenant, user};

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

#[tokio::test]
async fn a_listing_asks_for_the_tracked_attributes_and_counts_its_cost() {
    let stub = Stub::of(vec![page(&[user(ADA, "ada")]).header("x-ms-resource-unit", "1")]).await;
    let listed = stub
        .client
        .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap();
    assert_eq!(listed.next, NextStep::End);
    assert_eq!((listed.cost.requests, listed.cost.resource_units), (1, 1));
    assert_eq!(listed.users[0].id, id(ADA));
    assert_eq!(listed.users[0].attribute("mail"), SourceValue::Null);
    assert_eq!(listed.users[0].attribute("jobTitle"), SourceValue::Absent);
    let asked = &stub.graph_requests()[0];
    assert_eq!(asked.path, format!("/v1.0/users?$select={}&$top=999", USER_SELECT.join(",")));
    assert_eq!(asked.header("authorization"), "Bearer token-1");
    assert_eq!(asked.header("x-ms-throttle-priority"), "low");
    assert_eq!(asked.header("client-request-id").len(), 36);
}

#[tokio::test]
async fn an_empty_page_with_a_next_link_is_not_the_end_and_links_are_called_verbatim() {
    let stub = Stub::new(|received| {
        let origin = format!("http://{}", received.header("host"));
        let link = format!("{origin}/v1.0/users?$select=id,mail&$skiptoken=RFN-_.~wdAIAAQ");
        (!received.is_token()).then(|| match received.nth {
            0 => Reply::json(&json!({"value": [], "@odata.nextLink": link})),
            _ => page(&[user(BEN, "ben")]),
        })
    })
    .await;
    let first = stub
        .client
        .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap();
    let NextStep::Next(link) = first.next else { panic!("an empty page ends nothing") };
    let second = stub
        .client
        .list_users(&tenant(), &UserSelection::default(), Some(&link), Lane::Interactive)
        .await
        .unwrap();
    assert_eq!(second.users.len(), 1);
    let asked = stub.graph_requests();
    assert_eq!(format!("{}{}", stub.base, asked[1].path), link);
    assert_eq!(asked[1].header("x-ms-throttle-priority"), "normal");
}

#[tokio::test]
async fn a_next_link_that_leads_to_itself_is_not_followed_for_ever() {
    let stub = Stub::new(|received| {
        let link = format!("http://{}/v1.0/users?$skiptoken=a", received.header("host"));
        (!received.is_token()).then(|| Reply::json(&json!({"value": [], "@odata.nextLink": link})))
    })
    .await;
    let link = format!("{}/v1.0/users?$skiptoken=a", stub.base);
    let answer =
        stub.client.list_users(&tenant(), &UserSelection::default(), Some(&link), Lane::Bulk).await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn no_token_goes_to_where_a_foreign_link_points() {
    let foreign = "https://evil.example/v1.0/users/delta?$deltatoken=x";
    let stub = Stub::of(vec![Reply::json(&json!({"value": [], "@odata.nextLink": foreign}))]).await;
    let answer =
        stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await;
    assert!(matches!(answer, Err(DirectoryError::ForeignLink)), "{answer:?}");
    let stored = stub.client.users_delta(&tenant(), foreign).await;
    assert!(matches!(stored, Err(DirectoryError::ForeignLink)), "{stored:?}");
    assert_eq!(stub.graph_requests().len(), 1);
}

#[tokio::test]
async fn the_latest_link_is_bound_to_the_same_attributes_as_the_listing() {
    let stub = Stub::new(|received| {
        let link = format!("http://{}/v1.0/users/delta?$deltatoken=0M", received.header("host"));
        (!received.is_token()).then(|| Reply::json(&json!({"value": [], "@odata.deltaLink": link})))
    })
    .await;
    let (link, cost) =
        stub.client.latest_users_link(&tenant(), &UserSelection::default()).await.unwrap();
    assert_eq!(cost.requests, 1);
    assert!(link.ends_with("/v1.0/users/delta?$deltatoken=0M"));
    let path = &stub.graph_requests()[0].path;
    assert!(path.contains(&format!("$select={}", USER_SELECT.join(","))), "{path}");
    assert!(path.contains("$deltatoken=latest"));
}

#[tokio::test]
async fn a_delta_keeps_order_duplicates_and_tombstones_apart() {
    let stub = Stub::new(|received| {
        let link = format!("http://{}/v1.0/users/delta?$deltatoken=1", received.header("host"));
        let entries = json!([
            {"id": ADA, "displayName": "Ada", "mail": null},
            {"id": BEN, "@removed": {"reason": "changed"}},
            {"id": ADA, "jobTitle": "CEO", "@odata.type": "#microsoft.graph.user"},
            {"id": BEN, "@removed": {"reason": "deleted"}}]);
        (!received.is_token())
            .then(|| Reply::json(&json!({"value": entries, "@odata.deltaLink": link})))
    })
    .await;
    let link = format!("{}/v1.0/users/delta?$deltatoken=0", stub.base);
    let delta = stub.client.users_delta(&tenant(), &link).await.unwrap();
    assert!(matches!(delta.next, NextStep::Delta(_)));
    let [DeltaEntry::Changed(first), soft, DeltaEntry::Changed(again), purged] = &delta.entries[..]
    else {
        panic!("{:?}", delta.entries)
    };
    assert_eq!(first.attribute("jobTitle"), SourceValue::Absent);
    assert_eq!(again.attribute("mail"), SourceValue::Absent);
    let removed = |reason| DeltaEntry::Removed { id: id(BEN), reason };
    assert_eq!(
        (soft, purged),
        (&removed(RemovedReason::SoftDeleted), &removed(RemovedReason::Purged))
    );
}

#[tokio::test]
async fn a_thousand_ids_go_in_one_request_and_the_recycle_bin_is_told_apart() {
    let stub = Stub::new(|received| {
        (!received.is_token()).then(|| {
            let body: Value = serde_json::from_str(&received.body).unwrap();
            assert_eq!(body["types"], json!(["user"]));
            assert!(body["ids"].as_array().unwrap().len() <= 1_000);
            let mut alive = user(ADA, "ada");
            alive["deletedDateTime"] = Value::Null;
            let mut deleted = user(BEN, "ben");
            deleted["deletedDateTime"] = json!("2026-11-20T00:00:00Z");
            let both = [alive, deleted];
            page(if received.nth == 0 { &both } else { &[] })
        })
    })
    .await;
    let mut ids = vec![id(ADA), id(BEN)];
    ids.extend((0..1_500).map(ObjectId::from_u128));
    let answer = stub.client.users_by_id(&tenant(), &UserSelection::default(), &ids).await.unwrap();
    assert_eq!(answer.found.len(), 1);
    assert!(!answer.found[0].attributes.contains_key("deletedDateTime"));
    assert_eq!(answer.soft_deleted, [id(BEN)]);
    assert_eq!(answer.cost.requests, 2);
    assert_eq!(stub.graph_requests()[0].method, "POST");
}

#[tokio::test]
async fn members_are_sorted_by_their_type_alone() {
    let stub = Stub::of(vec![
        Reply::json(&json!({"value": [
            {"@odata.type": "#microsoft.graph.user", "id": ADA},
            {"@odata.type": "#microsoft.graph.group", "id": BEN},
            {"@odata.type": "#microsoft.graph.device", "id": TENANT},
            {"@odata.type": "#microsoft.graph.servicePrincipal", "id": TENANT}]})),
        Reply::json(&json!({"value": [{"id": ADA}]})),
    ])
    .await;
    let members = stub.client.group_members(&tenant(), &id(BEN), true, None).await.unwrap();
    assert_eq!((members.users, members.groups), (vec![id(ADA)], vec![id(BEN)]));
    let path = format!("/v1.0/groups/{BEN}/transitiveMembers?$select=id&$top=999");
    assert_eq!(stub.graph_requests()[0].path, path);
    let untyped = stub.client.group_members(&tenant(), &id(BEN), false, None).await;
    assert!(matches!(untyped, Err(DirectoryError::Unavailable { .. })), "{untyped:?}");
}

#[tokio::test]
async fn a_users_groups_are_told_with_their_names_and_without_roles() {
    let stub = Stub::of(vec![
        Reply::json(&json!({"value": [
            {"@odata.type": "#microsoft.graph.group", "id": BEN, "displayName": "Sales"},
            {"@odata.type": "#microsoft.graph.directoryRole", "id": ADA, "displayName": "Reader"},
            {"@odata.type": "#microsoft.graph.group", "id": TENANT, "displayName": null}]})),
        Reply::json(&json!({"value": [{"id": BEN}]})),
    ])
    .await;
    let page = stub.client.user_groups(&tenant(), &id(ADA), true, None).await.unwrap();
    let named = |id: &ObjectId, name: Option<&str>| Group {
        id: id.clone(),
        display_name: name.map(str::to_owned),
    };
    assert_eq!(page.groups, [named(&id(BEN), Some("Sales")), named(&id(TENANT), None)]);
    let path = format!("/v1.0/users/{ADA}/transitiveMemberOf?$select=id,displayName&$top=999");
    assert_eq!(stub.graph_requests()[0].path, path);
    let untyped = stub.client.user_groups(&tenant(), &id(ADA), false, None).await;
    assert!(matches!(untyped, Err(DirectoryError::Unavailable { .. })), "{untyped:?}");
}

#[tokio::test]
async fn hidden_people_are_a_missing_permission() {
    let hidden = json!({"@odata.type": "#microsoft.graph.user", "id": ADA,
        "userPrincipalName": null, "displayName": null, "accountEnabled": null});
    let stub = Stub::of(vec![page(&[user(BEN, "ben"), hidden])]).await;
    let listed =
        stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await;
    assert!(matches!(listed, Err(DirectoryError::Forbidden { .. })), "{listed:?}");
}

#[tokio::test]
async fn keys_and_searches_cannot_break_out_of_their_quotes() {
    let stub = Stub::of(vec![page(&[])]).await;
    let odd = "o'neil&$top=1#@contoso.example";
    assert_eq!(
        stub.client.find_user(&tenant(), &UserSelection::default(), odd).await.unwrap(),
        None
    );
    stub.client.search_users(&tenant(), "Grün') or true", 5).await.unwrap();
    let asked = stub.graph_requests();
    let filter = |path: &str| {
        let (_, query) = path.split_once('?').unwrap();
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(pairs.len(), 3, "{path}");
        pairs.into_iter().find(|(name, _)| name == "$filter").unwrap().1
    };
    let quoted = "'o''neil&$top=1#@contoso.example'";
    let wanted = format!("userPrincipalName eq {quoted} or mail eq {quoted}");
    assert_eq!(filter(&asked[0].path), wanted);
    assert!(filter(&asked[1].path).starts_with("startswith(displayName,'Grün'') or true') or "));
}

#[tokio::test]
async fn a_user_that_is_not_there_is_none_and_one_by_address_is_the_one_who_signs_in_with_it() {
    let stub = Stub::new(|received| {
        (!received.is_token()).then(|| match received.nth {
            0 => Reply::refusal(404, "Request_ResourceNotFound", "gone"),
            _ => page(&[user(BEN, "ben"), user(ADA, "ada")]),
        })
    })
    .await;
    assert_eq!(
        stub.client.find_user(&tenant(), &UserSelection::default(), ADA).await.unwrap(),
        None
    );
    let found = stub
        .client
        .find_user(&tenant(), &UserSelection::default(), "Ada@contoso.example")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.id, id(ADA));
}

#[tokio::test]
async fn counts_are_plain_numbers_with_or_without_a_byte_order_mark() {
    let stub = Stub::of(vec![Reply::new(200, "\u{feff}2000"), Reply::new(200, "12")]).await;
    assert_eq!(stub.client.count_users(&tenant()).await.unwrap().0, 2_000);
    assert_eq!(stub.client.count_groups(&tenant()).await.unwrap().0, 12);
    assert_eq!(stub.graph_requests()[0].header("consistencylevel"), "eventual");
}

#[tokio::test]
async fn the_default_domain_comes_first() {
    let stub =
        Stub::of(vec![Reply::json(&json!({"value": [{"id": TENANT, "displayName": "Contoso",
        "verifiedDomains": [{"name": "contoso.onmicrosoft.com", "isDefault": false},
                            {"name": "contoso.com", "isDefault": true}]}]}))])
        .await;
    let organization = stub.client.organization(&tenant()).await.unwrap();
    assert_eq!(organization.id, tenant());
    assert_eq!(organization.verified_domains, ["contoso.com", "contoso.onmicrosoft.com"]);
}

#[tokio::test]
async fn groups_that_changed_and_groups_that_are_gone_are_told_apart() {
    let stub = Stub::new(|received| {
        let link = format!("http://{}/v1.0/groups/delta?$deltatoken=1", received.header("host"));
        let groups = json!([
            {"id": ADA, "displayName": "Sales", "members@delta": [
                {"@odata.type": "#microsoft.graph.user", "id": BEN, "@removed": {"reason": "deleted"}},
                {"@odata.type": "#microsoft.graph.group", "id": ADA},
                {"@odata.type": "#microsoft.graph.device", "id": ADA}, {"id": ADA}]},
            {"id": BEN, "@removed": {"reason": "deleted"}}]);
        (!received.is_token()).then(|| Reply::json(&json!({"value": groups, "@odata.deltaLink": link})))
    })
    .await;
    let (link, _) = stub.client.latest_groups_link(&tenant()).await.unwrap();
    let delta = stub.client.groups_delta(&tenant(), &link).await.unwrap();
    let edge = |of, kind, is_gone| MemberEdge { id: id(of), kind, is_gone };
    let members = vec![
        edge(BEN, MemberKind::User, true),
        edge(ADA, MemberKind::Group, false),
        edge(ADA, MemberKind::Other, false),
        edge(ADA, MemberKind::Unknown, false),
    ];
    let changed = GroupChange::Changed { group: id(ADA), members };
    assert_eq!(delta.changes, [changed, GroupChange::Gone(id(BEN))]);
}

#[tokio::test]
async fn a_compressed_page_is_read_and_a_bomb_is_not() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        Reply::bytes(encoder.finish().unwrap()).header("content-encoding", "gzip")
    };
    let listing = json!({"value": [user(ADA, "ada")]}).to_string();
    let bomb = vec![b' '; 11 * 1024 * 1024];
    let stub = Stub::of(vec![gzip(listing.as_bytes()), gzip(&bomb)]).await;
    let listed = stub
        .client
        .list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk)
        .await
        .unwrap();
    assert_eq!(listed.users.len(), 1);
    assert_eq!(stub.graph_requests()[0].header("accept-encoding"), "gzip");
    let refused =
        stub.client.list_users(&tenant(), &UserSelection::default(), None, Lane::Bulk).await;
    assert!(matches!(refused, Err(DirectoryError::Unavailable { .. })), "{refused:?}");
}
