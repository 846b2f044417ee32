//! Clouds with a login host and a Graph host of their own.

use entra_sim::{Cloud, DEFAULT_APP_ID, DEFAULT_APP_SECRET, EntraSim, SimOptions, TenantSpec};
use reqwest::StatusCode;
use serde_json::Value;

use crate::client::post_form;

async fn china() -> EntraSim {
    let options = SimOptions {
        cloud: Cloud::China,
        graph_listen: Some("127.0.0.1:0".parse().expect("address")),
        elsewhere: vec![("far.example".to_owned(), Cloud::Global)],
        tenants: vec![TenantSpec::new("Tailspin", "tailspin.example", 12)],
        ..SimOptions::default()
    };
    EntraSim::start(options).await.expect("started")
}

#[tokio::test]
async fn a_national_cloud_is_a_pair_of_hosts_and_its_tokens_count_only_there() {
    let (sim, other) = (china().await, china().await);
    assert_ne!(sim.base_url(), sim.graph_url());
    let tenant = sim.tenants()[0].id;
    for sim in [&sim, &other] {
        sim.grant_consent(tenant, DEFAULT_APP_ID, None).expect("granted");
    }
    let http = reqwest::Client::new();
    let ask = async |scope: &str| {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", sim.base_url());
        let app = DEFAULT_APP_ID.to_string();
        let form = [
            ("client_id", app.as_str()),
            ("client_secret", DEFAULT_APP_SECRET),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ];
        post_form(&http, &url, &form).await
    };
    let (status, body) = ask("https://microsoftgraph.chinacloudapi.cn/.default").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(ask("https://graph.microsoft.com/.default").await.1["error_codes"][0], 500_011);
    let token = body["access_token"].as_str().expect("token");
    let read = async |origin: String| {
        let request = http.get(format!("{origin}/v1.0/users?$top=5&$select=id")).bearer_auth(token);
        let answer = request.send().await.expect("answered");
        (answer.status(), answer.json::<Value>().await.unwrap_or_default())
    };
    let (status, page) = read(sim.graph_url()).await;
    assert_eq!(status, StatusCode::OK);
    let next = page["@odata.nextLink"].as_str().expect("link");
    assert!(next.starts_with(&sim.graph_url()), "{next}");
    assert_eq!(read(sim.base_url()).await.0, StatusCode::NOT_FOUND, "the login host is no Graph");
    assert_eq!(read(other.graph_url()).await.0, StatusCode::UNAUTHORIZED, "another cloud");
}

#[tokio::test]
async fn a_tenant_of_another_cloud_is_sent_there() {
    let sim = china().await;
    let url = format!("{}/far.example/oauth2/v2.0/token", sim.base_url());
    let (_, body) = post_form(&reqwest::Client::new(), &url, &[]).await;
    assert_eq!(body["error_codes"][0], 90_038);
    assert!(body["error_description"].as_str().expect("text").contains("microsoftonline.com"));
}
