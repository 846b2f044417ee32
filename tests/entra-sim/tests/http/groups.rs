//! Groups, members and the limited-information rule.

use reqwest::StatusCode;
use serde_json::json;

use crate::client::Client;

const EVENTUAL: [(&str, &str); 1] = [("ConsistencyLevel", "eventual")];

fn group_id(client: &Client, name: &str) -> String {
    let groups = client.sim.groups(client.tenant.id).expect("read");
    let group = groups.iter().find(|group| group["displayName"] == name).expect("generated");
    group["id"].as_str().expect("id").to_owned()
}

#[tokio::test]
async fn nested_members_come_flat_each_once_cycles_included() {
    let client = Client::with_users(120).await;
    let atlas = group_id(&client, "Project Atlas");
    let partners = group_id(&client, "Project Atlas Partners");
    let nested = client.drain(&format!("/groups/{atlas}/transitiveMembers?$top=5"), &[]).await;
    assert_eq!(nested.ids().len(), nested.entries.len(), "each once");
    let types = |kind: &str| nested.entries.iter().filter(|e| e["@odata.type"] == kind).count();
    assert_eq!(types("#microsoft.graph.group"), 1, "the nested group itself, not the root");
    assert!(nested.ids().contains(&partners));
    let people = client.sim.people_in(client.tenant.id, "Project Atlas").expect("read");
    assert_eq!(types("#microsoft.graph.user"), people.len());
}

#[tokio::test]
async fn a_cast_needs_its_header_and_count() {
    let client = Client::with_users(120).await;
    let everyone = group_id(&client, "Everyone");
    let cast =
        format!("/groups/{everyone}/transitiveMembers/microsoft.graph.user?$select=id&$top=50");
    assert_eq!(client.get(&cast).await.1["error"]["code"], "Request_UnsupportedQuery");
    let counted = format!("{cast}&$count=true");
    assert_eq!(client.get(&counted).await.0, StatusCode::BAD_REQUEST);
    let drained = client.drain(&counted, &EVENTUAL).await;
    let people = client.sim.people_in(client.tenant.id, "Everyone").expect("read");
    assert_eq!(drained.ids().len(), people.len());
    let (_, first) = client.get_with(&counted, &EVENTUAL).await;
    assert_eq!(first["@odata.count"], json!(people.len()));
}

#[tokio::test]
async fn types_the_app_may_not_read_show_only_type_and_id() {
    let client = Client::with_roles(40, &["GroupMember.Read.All"]).await;
    let group = group_id(&client, "Workplace");
    let (status, page) =
        client.get(&format!("/groups/{group}/members?$select=id,displayName,mail")).await;
    assert_eq!(status, StatusCode::OK);
    for member in page["value"].as_array().expect("value") {
        assert!(member["id"].is_string() && member["@odata.type"].is_string());
        assert!(member["displayName"].is_null() && member.get("mail").is_some());
    }
    let client = Client::with_users(40).await;
    let (_, page) = client.get(&format!("/groups/{group}/members?$select=id,displayName")).await;
    let named = |kind: &str| {
        let members = page["value"].as_array().expect("value");
        members.iter().find(|m| m["@odata.type"] == kind).expect("member")["displayName"].clone()
    };
    assert!(named("#microsoft.graph.user").is_string());
    assert!(named("#microsoft.graph.device").is_null());
}

#[tokio::test]
async fn hidden_members_are_withheld() {
    let client = Client::with_users(40).await;
    let board = group_id(&client, "Board");
    assert_eq!(client.get(&format!("/groups/{board}/members")).await.1["value"], json!([]));
    let client =
        Client::with_roles(40, &["User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"])
            .await;
    let (_, page) = client.get(&format!("/groups/{board}/members")).await;
    assert_eq!(page["value"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn role_memberships_hide_the_template_without_permission() {
    let client = Client::with_users(40).await;
    let admin = client.tenant.admin.as_ref().expect("admin").id;
    let path = format!(
        "/users/{admin}/transitiveMemberOf/microsoft.graph.directoryRole?$select=id,roleTemplateId"
    );
    let (status, page) = client.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page["value"][0]["id"].is_string() && page["value"][0]["roleTemplateId"].is_null());
    let client = Client::with_roles(40, &["User.Read.All", "RoleManagement.Read.Directory"]).await;
    let (_, page) = client.get(&path).await;
    assert_eq!(page["value"][0]["roleTemplateId"], json!(entra_sim::GLOBAL_ADMINISTRATOR));
}

#[tokio::test]
async fn membership_checks_are_transitive_and_limited() {
    let client = Client::with_users(120).await;
    let sales = client.sim.people_in(client.tenant.id, "Sales").expect("read");
    let user = sales.first().expect("a seller");
    let asked = [group_id(&client, "Head Office"), group_id(&client, "Empty Group")];
    let path = format!("/users/{user}/checkMemberGroups");
    let (_, answer) = client.post(&path, &json!({"groupIds": asked})).await;
    assert_eq!(answer["value"], json!([asked[0]]));
    let many: Vec<String> = vec![asked[0].clone(); 21];
    assert_eq!(client.post(&path, &json!({"groupIds": many})).await.0, StatusCode::BAD_REQUEST);
    let ids: Vec<String> = vec![user.to_string(); 1_001];
    let (status, _) = client.post("/directoryObjects/getByIds", &json!({"ids": ids})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_security_group_is_gone_at_once_and_a_unified_one_can_come_back() {
    let client = Client::with_users(40).await;
    let sales = group_id(&client, "Sales");
    client.sim.delete_group(client.tenant.id, &sales).expect("deleted");
    assert_eq!(client.get(&format!("/groups/{sales}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(client.get(&format!("/groups/{sales}/members")).await.0, StatusCode::NOT_FOUND);
    let newsletter = group_id(&client, "Newsletter");
    client.sim.delete_group(client.tenant.id, &newsletter).expect("deleted");
    let (_, bin) = client.get("/directory/deletedItems/microsoft.graph.group").await;
    assert_eq!(bin["value"][0]["id"], newsletter);
}

#[tokio::test]
async fn the_organisation_names_its_domains() {
    let client = Client::with_users(40).await;
    let (_, page) = client.get("/organization?$select=id,displayName,verifiedDomains").await;
    assert_eq!(page["value"][0]["id"], json!(client.tenant.id));
    assert_eq!(page["value"][0]["verifiedDomains"][0]["name"], "contoso.example");
    assert!(client.base().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn what_a_person_is_in_comes_direct_or_nested() {
    let roles = ["User.Read.All", "GroupMember.Read.All", "Group.ReadBasic.All"];
    let client = Client::with_roles(120, &roles).await;
    let user = client.sim.people_in(client.tenant.id, "Sales").expect("read").remove(0);
    let names = async |path: &str| -> Vec<String> {
        let drained = client.drain(path, &[]).await;
        let name =
            |entry: &serde_json::Value| entry["displayName"].as_str().unwrap_or("").to_owned();
        drained.entries.iter().map(name).collect()
    };
    let direct = names(&format!("/users/{user}/memberOf")).await;
    assert!(direct.contains(&"Sales".to_owned()) && !direct.contains(&"Head Office".to_owned()));
    let cast = "transitiveMemberOf/microsoft.graph.group?$select=displayName";
    let nested = names(&format!("/users/{user}/{cast}")).await;
    assert!(
        nested.contains(&"Customer Facing".to_owned())
            && nested.contains(&"Head Office".to_owned())
    );
    let path = format!("/users/{user}/getMemberGroups");
    let (_, all) = client.post(&path, &json!({"securityEnabledOnly": false})).await;
    let (_, secure) = client.post(&path, &json!({"securityEnabledOnly": true})).await;
    assert_eq!(all["value"].as_array().map(Vec::len), Some(nested.len()));
    assert!(secure["value"].as_array().map(Vec::len) <= all["value"].as_array().map(Vec::len));
}

#[tokio::test]
async fn groups_are_listed_filtered_and_counted() {
    let client = Client::with_users(40).await;
    let all = client.sim.groups(client.tenant.id).expect("read").len();
    assert_eq!(client.drain("/groups?$select=id&$top=3", &[]).await.ids().len(), all);
    let (_, page) = client.get("/groups?$filter=displayName eq 'sales'").await;
    assert_eq!(page["value"].as_array().map(Vec::len), Some(1));
    let (_, page) = client.get("/groups?$filter=groupTypes/any(t:t eq 'Unified')").await;
    assert_eq!(page["value"][0]["displayName"], "Newsletter");
    assert_eq!(client.get_with("/groups/$count", &EVENTUAL).await.1, json!(all));
    let sales = group_id(&client, "Sales");
    let (_, group) = client.get(&format!("/groups/{sales}?$select=id,displayName")).await;
    assert_eq!(group["displayName"], "Sales");
}
