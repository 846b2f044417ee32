//! Tenants that several accounts share.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ObjectId, TenantId};
use contact_sync_engine::port::{SettingsVersion, TenantClaim};
use jiff::SignedDuration;
use serde_json::json;

use super::harness::{ACCOUNT, App, Ask, CONNECTION, TENANT, account_id, connection_id};

const SECOND: &str = "acc_000000000000000000000000000000aa";

const STRANGER: &str = "acc_000000000000000000000000000000ff";

fn path() -> String {
    format!("/v1/tenants/{TENANT}/accounts")
}

fn connected() -> App {
    let app = App::with_connection(ConnectionStatus::Enabled);
    let tenant_id = TenantId::parse(TENANT).unwrap();
    let claim = TenantClaim {
        tenant_id: tenant_id.clone(),
        account_id: account_id(),
        connection_id: connection_id(),
    };
    app.outside.store.world().tenants.insert(tenant_id, claim);
    app
}

/// Everybody is an active member of one department.
fn employ_everybody(app: &App) {
    for user in app.outside.directory.entra().users.values_mut() {
        let told = json!({"accountEnabled": true, "userType": "Member", "department": "Sales"});
        user.attributes.extend(told.as_object().unwrap().clone());
    }
}

fn second_account(app: &App) -> &'static str {
    let id = AccountId::parse(SECOND).unwrap();
    let mut world = app.outside.store.world();
    let account = Account {
        id: id.clone(),
        external_id: "second".to_owned(),
        ..world.accounts[&account_id()].clone()
    };
    world.accounts.insert(id, account);
    SECOND
}

#[tokio::test]
async fn an_operator_grants_a_tenant_and_sees_who_uses_it() {
    let app = connected();
    let second = second_account(&app);
    let shown = app.ask(Ask::get(path())).await.expect(200).json();
    assert_eq!(
        shown["accounts"],
        json!([{"accountId": ACCOUNT, "granted": false, "connectionId": CONNECTION,
                "status": "enabled"}])
    );
    let both = json!({"accounts": [ACCOUNT, second, second]});
    let shown = app.ask(Ask::put(path(), &both)).await.expect(200).json();
    assert_eq!(
        shown["accounts"],
        json!([
            {"accountId": ACCOUNT, "granted": true, "connectionId": CONNECTION, "status": "enabled"},
            {"accountId": second, "granted": true, "connectionId": null, "status": null},
        ])
    );
    assert_eq!(app.ask(Ask::put(path(), &both)).await.expect(200).json(), shown);

    let without = json!({"accounts": [second]});
    let pointers = app.ask(Ask::put(path(), &without)).await.problem(409, "tenant-in-use");
    assert_eq!(pointers, ["/accounts"]);
    let stranger = json!({"accounts": [ACCOUNT, STRANGER, "nonsense"]});
    let pointers = app.ask(Ask::put(path(), &stranger)).await.problem(422, "invalid-fields");
    assert_eq!(pointers, ["/accounts/2"]);
    let stranger = json!({"accounts": [ACCOUNT, STRANGER]});
    let pointers = app.ask(Ask::put(path(), &stranger)).await.problem(422, "invalid-fields");
    assert_eq!(pointers, ["/accounts/1"]);
    app.ask(Ask::get("/v1/tenants/contoso.com/accounts")).await.problem(404, "not-found");
}

#[tokio::test]
async fn nobody_of_an_account_learns_who_else_uses_its_tenant() {
    let app = connected();
    let own = json!({"role": "admin", "account": ACCOUNT, "sub": "eve"});
    for ask in [
        Ask::get(path()),
        Ask::put(path(), &json!({"accounts": []})),
        Ask::get(format!("/v1/tenants/{TENANT}/overlap")),
    ] {
        app.ask(ask.claims(Some(own.clone()))).await.problem(403, "operators-only");
    }
}

#[tokio::test]
async fn the_overlap_report_names_whom_nobody_means_and_why() {
    let app = connected();
    employ_everybody(&app);
    let report = format!("/v1/tenants/{TENANT}/overlap?limit=3");
    let all = app.ask(Ask::get(&report)).await.expect(200).json();
    assert_eq!((&all["people"], &all["complete"]), (&json!(12), &json!(true)));
    assert_eq!(all["connections"][0]["means"], 12);
    assert_eq!(all["unclaimed"]["count"], 0);

    let settings = format!("/v1/accounts/{ACCOUNT}/connections/{CONNECTION}/settings");
    let scope = json!({"scope": {"departments": {"any": ["Nobody's"]}}});
    app.ask(Ask::put(settings, &scope).header("if-match", "*")).await.expect(200);
    let none = app.ask(Ask::get(&report)).await.expect(200).json();
    assert_eq!(none["unclaimed"]["activeMembers"], 12);
    assert_eq!(none["unclaimed"]["examples"].as_array().unwrap().len(), 3);
    let because = &none["unclaimed"]["examples"][0]["because"][0];
    assert_eq!(because["accountId"], ACCOUNT);
    assert!(because["because"].as_str().unwrap().contains("scope.departments"), "{because}");

    let other = "/v1/tenants/8f0c1b1e-0000-4000-8000-0000000000ff/overlap";
    app.ask(Ask::get(other)).await.problem(404, "not-found");
}

/// An operator who splits a large tenant would be shown its first part and nothing behind it.
#[tokio::test]
async fn a_report_that_time_cut_short_is_gone_on_with_where_it_ended() {
    let app = connected();
    employ_everybody(&app);
    app.outside.directory.entra().users_per_page = Some(5);
    app.outside.clock.set_tick(SignedDuration::from_secs(10));
    let path = format!("/v1/tenants/{TENANT}/overlap?limit=3");
    let (mut people, mut means, mut cursor, mut reports) = (0, 0, String::new(), 0);
    loop {
        let report = app.ask(Ask::get(format!("{path}{cursor}"))).await.expect(200).json();
        reports += 1;
        people += report["people"].as_u64().unwrap();
        means += report["connections"][0]["means"].as_u64().unwrap();
        let Some(next) = report["nextCursor"].as_str() else {
            assert_eq!(report["complete"], true, "{report}");
            break;
        };
        assert_eq!(report["complete"], false, "{report}");
        cursor = format!("&cursor={next}");
    }
    assert!(reports > 1, "{reports}");
    assert_eq!((people, means), (12, 12), "everybody is in one of the reports");
    app.ask(Ask::get(format!("{path}&cursor=x"))).await.problem(400, "bad-cursor");
}

/// Counted as empty, a group that is gone would show everybody in it as nobody's.
#[tokio::test]
async fn whom_a_connection_means_whose_group_is_gone_is_said_to_be_unknown() {
    let app = connected();
    let gone = ObjectId::from_u128(0xdead).to_string();
    let scope = |scope: serde_json::Value| {
        let version = SettingsVersion {
            version: 1,
            settings: serde_json::from_value(json!({"scope": scope})).unwrap(),
            ..SettingsVersion::never_saved()
        };
        app.outside.store.world().settings.insert(connection_id(), vec![version]);
    };
    employ_everybody(&app);
    let report = format!("/v1/tenants/{TENANT}/overlap?limit=3");
    scope(json!({"groups": {"any": [gone], "includeNested": true}}));
    let told = app.ask(Ask::get(&report)).await.expect(200).json();
    assert_eq!(told["connections"][0]["means"], json!(null), "{told}");
    let unknown = told["connections"][0]["unknown"].as_str().unwrap();
    assert!(unknown.contains("gone") && unknown.contains("scope"), "{unknown}");
    assert_eq!((&told["unclaimed"]["count"], &told["undecided"]), (&json!(0), &json!(12)));
    // Whom it does not mean whoever is in the group is known not to be meant.
    scope(json!({
        "groups": {"any": [gone], "includeNested": true}, "departments": {"any": ["Nobody's"]},
    }));
    let told = app.ask(Ask::get(&report)).await.expect(200).json();
    assert_eq!((&told["unclaimed"]["count"], &told["undecided"]), (&json!(12), &json!(0)));
}

#[tokio::test]
async fn only_an_operator_changes_who_goes_first_in_a_shared_tenant() {
    let app = connected();
    let settings = format!("/v1/accounts/{ACCOUNT}/connections/{CONNECTION}/settings");
    let own = json!({"role": "admin", "account": ACCOUNT, "sub": "eve"});
    let save = |path: String, document: serde_json::Value| {
        Ask::put(path, &document).header("if-match", "*").claims(Some(own.clone()))
    };
    let grab = json!({"routing": {"overlap": "first", "priority": 0}});
    let pointers = app.ask(save(settings.clone(), grab)).await.problem(422, "invalid-fields");
    assert_eq!(pointers, ["/routing/priority"]);

    let second = json!({"routing": {"overlap": "first", "priority": 2}});
    app.ask(Ask::put(&settings, &second).header("if-match", "*")).await.expect(200);
    // Whoever does not name it keeps it, and may repeat it.
    for kept in [json!({"mode": "manual"}), second] {
        let saved = app.ask(save(settings.clone(), kept)).await.expect(200).json();
        assert_eq!(saved["routing"]["priority"], 2, "{saved}");
    }
    let back = Ask::post(format!("{settings}/rollback"), &json!({"version": 0}));
    let back = back.header("if-match", "*").claims(Some(own.clone()));
    let back = app.ask(back).await.expect(200).json();
    assert_eq!(back["routing"]["priority"], 2, "{back}");
}
