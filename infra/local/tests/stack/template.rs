//! The template reader: what it refuses, and what it makes of the product's own template.

use std::collections::BTreeMap;

use entra_contact_sync_local::plan::{Context, Plan};
use entra_contact_sync_local::template::Template;

use crate::harness::fixture_template;

fn parameters() -> BTreeMap<String, String> {
    ["AppId", "GraphEndpoint", "LoginEndpoint", "JwtIssuer", "JwtAudience"]
        .into_iter()
        .map(|name| {
            let value = match name {
                "AppId" => "11111111-2222-3333-4444-555555555555",
                "JwtAudience" => "product",
                _ => "https://example.com",
            };
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The error for the fixture with `from` replaced by `to`.
fn refusal(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(fixture_template()).unwrap();
    assert!(text.contains(from), "the fixture has no `{from}`");
    let text = text.replacen(from, to, 1);
    Template::parse(&text)
        .and_then(|template| Plan::new(&template, "test", &parameters()))
        .unwrap_err()
        .to_string()
}

#[test]
fn what_the_local_stack_does_not_know_is_refused_by_name() {
    for (from, to, expected) in [
        ("Outputs:", "Rules: {}\nOutputs:", "Rules"),
        ("!Ref Table", "!FindInMap [Sizes, small, of]", "Sizes"),
        ("Type: AWS::S3::Bucket", "Type: AWS::SNS::Topic", "AWS::SNS::Topic"),
        (
            "MessageRetentionPeriod: 1209600",
            "VisibilityTimeout: 5",
            "Resources.Letters.VisibilityTimeout",
        ),
        ("MessageRetentionPeriod: 1209600", "RedrivePolicy: {}", "RedrivePolicy"),
        (
            "BatchSize: 10",
            "BatchSize: 10\n            ParallelizationFactor: 2",
            "ParallelizationFactor",
        ),
        ("BatchSize: 10", "BatchSize: 10\n            FilterCriteria: {}", "FilterCriteria"),
        ("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST", "Changes.StartingPosition"),
        ("Type: DynamoDB", "Type: Kinesis", "Kinesis"),
        ("!Ref Table", "!ImportValue Table", "!ImportValue"),
        ("!Ref Table", "!Ref Tabel", "Tabel"),
        ("!GetAtt Letters.Arn", "!GetAtt Letters.Url", "Letters.Url"),
        ("Runtime: provided.al2023", "Runtime: python3.13", "Runtime"),
        (
            "Timeout: 2",
            "Timeout: 2\n    ReservedConcurrentExecutions: 1",
            "ReservedConcurrentExecutions",
        ),
        ("Authorizer: Jwt", "Authorizer: Jwd", "Jwd"),
        ("EventBusName: !Ref Bus", "EventBusName: default", "default"),
        ("BillingMode: PAY_PER_REQUEST", "BillingMode: PROVISIONED", "Resources.Table.BillingMode"),
        (
            "Type: AWS::SQS::Queue",
            "Type: AWS::SQS::Queue\n    CreationPolicy: {}",
            "CreationPolicy",
        ),
    ] {
        let refusal = refusal(from, to);
        assert!(refusal.contains(expected), "`{to}`: {refusal}");
    }
}

#[test]
fn a_refused_property_is_named_with_its_resource() {
    let refusal = refusal("MessageRetentionPeriod: 1209600", "DelaySeconds: 1");
    assert!(refusal.contains("Resources.Letters"), "{refusal}");
    assert!(refusal.contains("DelaySeconds"), "{refusal}");
}

#[test]
fn a_parameter_that_breaks_its_rule_is_refused() {
    let template = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = Template::read(&template).unwrap();
    for (name, value) in [
        ("AppId", "not-a-guid"),
        ("GraphEndpoint", "http://graph.microsoft.com"),
        ("GraphEndpoint", "https://graph.microsoft.com/v1.0"),
        ("Stage", "production"),
        ("Unknown", "x"),
    ] {
        let mut parameters = parameters();
        parameters.insert(name.to_owned(), value.to_owned());
        let error = Plan::new(&template, "test", &parameters).unwrap_err().to_string();
        assert!(error.contains(name), "{name}={value}: {error}");
    }
    let mut missing = parameters();
    missing.remove("AppId");
    assert!(Plan::new(&template, "test", &missing).unwrap_err().to_string().contains("AppId"));
}

#[test]
fn the_products_template_means_the_same_for_every_stage_and_kind_of_credential() {
    let template = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = Template::read(&template).unwrap();
    let plan = |changes: &[(&str, &str)]| {
        let mut parameters = parameters();
        for (name, value) in changes {
            parameters.insert((*name).to_owned(), (*value).to_owned());
        }
        Plan::new(&template, "test", &parameters).unwrap()
    };
    let stored = plan(&[("Stage", "prod")]);
    assert_eq!(stored.secrets.len(), 1);
    assert!(stored.outputs.contains_key("AppCredentialArn"));
    assert!(!stored.outputs.contains_key("FederationSubjects"));
    let issuer = "https://01234567-89ab-cdef-0123-456789abcdef.tokens.sts.global.api.aws";
    let federated = plan(&[("FederationIssuer", issuer)]);
    assert!(federated.secrets.is_empty(), "nothing is stored");
    assert_eq!(federated.outputs["FederationSubjects"].split(',').count(), 6);
    let sync = federated.function("full-sync").unwrap();
    let source = &sync.environment["APP_CREDENTIAL_SECRET"];
    assert_eq!(source, "federated:api://AzureADTokenExchange");
    // The token is for Entra alone, for five minutes at most.
    let role = federated.roles.iter().find(|role| role.arn == sync.role_arn).unwrap();
    for (audience, seconds, may) in [
        ("api://AzureADTokenExchange", "300", true),
        ("api://AzureADTokenExchange", "3600", false),
        ("https://somebody.example", "300", false),
    ] {
        let request = Context::from([
            ("sts:IdentityTokenAudience", vec![audience.to_owned()]),
            ("sts:DurationSeconds", vec![seconds.to_owned()]),
            ("sts:SigningAlgorithm", vec!["RS256".to_owned()]),
        ]);
        let allowed = role.allows("sts:GetWebIdentityToken", "*", &request);
        assert_eq!(allowed, may, "{audience} for {seconds} s");
    }
    let anybody = Context::from([
        ("sts:DurationSeconds", vec!["300".to_owned()]),
        ("sts:SigningAlgorithm", vec!["RS256".to_owned()]),
    ]);
    assert!(!role.allows("sts:GetWebIdentityToken", "*", &anybody), "a token for nobody named");
}

#[test]
fn the_products_template_is_understood() {
    let template = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let plan = Plan::new(&Template::read(&template).unwrap(), "test", &parameters()).unwrap();
    let names: Vec<&str> = plan.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "admin-api",
            "delta-sync",
            "enrichment",
            "event-publisher",
            "full-sync",
            "graph-webhook",
            "notify",
            "oauth-consent",
            "subscription-renewal",
            "sync-report"
        ]
    );
    for function in &plan.functions {
        let has_asynchronous_triggers =
            !function.rules.is_empty() || !function.schedules.is_empty();
        assert!(
            !has_asynchronous_triggers || function.asynchronous.dead_letters.is_some(),
            "{} has a queue for what it gives up",
            function.name
        );
        assert!(function.rules.iter().all(|rule| rule.dead_letters.is_some()), "{}", function.name);
        assert!(function.schedules.iter().all(|s| s.dead_letters.is_some()), "{}", function.name);
        assert!(function.streams.iter().all(|s| s.dead_letters.is_some()), "{}", function.name);
        for variable in
            ["STAGE", "STATE_TABLE", "CONTACTS_TABLE", "GRAPH_ENDPOINT", "LOGIN_ENDPOINT"]
        {
            assert!(function.environment.contains_key(variable), "{} {variable}", function.name);
        }
    }
    let renewal = plan.function("subscription-renewal").unwrap();
    assert_eq!(
        renewal.environment["WEBHOOK_BASE_URL"],
        "https://local.execute-api.us-east-1.amazonaws.com"
    );
    let protected: Vec<_> = plan
        .functions
        .iter()
        .flat_map(|function| &function.routes)
        .filter(|route| route.is_protected)
        .map(|route| route.path.as_str())
        .collect();
    assert_eq!(protected, ["/v1/{proxy+}"]);
    for role in &plan.roles {
        let of_any_kind = Context::new();
        let scans = role.allows("dynamodb:Scan", &plan.tables[0].arn, &of_any_kind);
        assert!(!scans, "{} may not scan", role.name);
        assert!(!role.allows("iam:CreateUser", "anything", &of_any_kind), "{}", role.name);
    }
}
