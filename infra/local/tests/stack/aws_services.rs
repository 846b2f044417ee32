//! The AWS stand-ins, asked by the real SDKs.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;

use contact_sync_engine::port::{Mail, Mailer};
use contact_sync_mailer::{Sender, SesMailer};
use entra_contact_sync_local::aws::MailTrouble;

use crate::harness::{TestStack, http, start};

fn config(stack: &TestStack, access_key: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(stack.aws_url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            access_key,
            "local-secret-access-key",
            None,
            None,
            "test",
        )))
        .build()
}

pub(crate) fn operator_config(stack: &TestStack) -> SdkConfig {
    config(stack, "local-operator")
}

fn function_config(stack: &TestStack) -> SdkConfig {
    config(stack, "local-probe")
}

pub(crate) fn plan_arn(stack: &TestStack, kind: &str) -> String {
    let plan = stack.plan();
    match kind {
        "bus" => plan.buses[0].arn.clone(),
        "queue" => plan.queues[0].arn.clone(),
        "secret" => plan.secrets[0].arn.clone(),
        other => panic!("no {other}"),
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_written_conditionally_and_counted() {
    let stack = start().await;
    let client = aws_sdk_dynamodb::Client::new(&function_config(&stack));
    let put = || {
        client
            .put_item()
            .table_name("local-Table")
            .item("pk", text("p"))
            .item("sk", text("s"))
            .item("payload", text(&"x".repeat(1_500)))
            .condition_expression("attribute_not_exists(pk)")
            .send()
    };
    let answer = put().await.unwrap();
    assert!(answer.consumed_capacity().is_none(), "the caller did not ask for it");
    let again = put().await.unwrap_err().into_service_error();
    assert!(again.is_conditional_check_failed_exception());
    client
        .get_item()
        .table_name("local-Table")
        .key("pk", text("p"))
        .key("sk", text("s"))
        .consistent_read(true)
        .send()
        .await
        .unwrap();
    let puts =
        stack.counters().sum(|key| key.caller == "probe" && key.operation == "dynamodb:PutItem");
    assert_eq!(puts.requests, 2);
    assert_eq!(puts.failed_conditions, 1);
    assert!((puts.write_units - 4.0).abs() < f64::EPSILON, "{puts:?}");
    let gets = stack.counters().sum(|key| key.operation == "dynamodb:GetItem");
    assert!((gets.read_units - 1.0).abs() < f64::EPSILON, "{gets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_role_does_not_allow_is_denied() {
    let stack = start().await;
    let client = aws_sdk_dynamodb::Client::new(&function_config(&stack));
    let error = client.scan().table_name("local-Table").send().await.unwrap_err();
    let error = format!("{:?}", error.into_service_error());
    assert!(error.contains("not authorized to perform: dynamodb:Scan"), "{error}");
    let s3 = aws_sdk_s3::Client::new(&function_config(&stack));
    let error = s3.get_object().bucket("local-bucket").key("denied/x").send().await.unwrap_err();
    let error = format!("{:?}", error.into_service_error());
    assert!(error.contains("AccessDenied"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_into_the_outbox_from_the_sender_that_the_role_names() {
    let stack = start().await;
    let mail = Mail {
        to: "ada@contoso.example".to_owned(),
        subject: "Sync stopped".to_owned(),
        text: "What to do.".to_owned(),
        html: None,
    };
    let sender = |from: &str| Sender { from: from.to_owned(), configuration_set: None };
    let mailer = SesMailer::connect(&function_config(&stack), sender("sync@host.example"));
    mailer.send(&mail).await.unwrap();
    let forged = SesMailer::connect(&function_config(&stack), sender("ceo@host.example"));
    assert!(!forged.send(&mail).await.unwrap_err().is_transient());
    let two_lines = Mail { to: "ada@contoso.example\r\nBcc: all".to_owned(), ..mail.clone() };
    assert!(mailer.send(&two_lines).await.is_err());
    for (trouble, is_transient) in [
        (MailTrouble::Throttles, true),
        (MailTrouble::Refuses, false),
        (MailTrouble::LosesAnswers, true),
    ] {
        stack.set_mail_trouble(Some(trouble));
        let error = mailer.send(&mail).await.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{trouble:?}");
    }
    let sent = stack.mails();
    assert_eq!(sent.len(), 2, "of those in trouble only the one whose answer got lost");
    assert_eq!(sent[0].to, ["ada@contoso.example"]);
    assert_eq!((sent[0].subject.as_str(), sent[0].text.as_str()), ("Sync stopped", "What to do."));
    let file = std::fs::read_to_string(stack.data_dir().join("mails.jsonl")).unwrap();
    assert_eq!(file.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_kept_listed_and_deleted() {
    let stack = start().await;
    let client = aws_sdk_s3::Client::new(&operator_config(&stack));
    let body = "ünï".repeat(50_000);
    client
        .put_object()
        .bucket("local-bucket")
        .key("reports/a b/ü.csv")
        .content_type("text/csv")
        .metadata("run", "r1")
        .body(ByteStream::from(body.clone().into_bytes()))
        .send()
        .await
        .unwrap();
    let again = client
        .put_object()
        .bucket("local-bucket")
        .key("reports/a b/ü.csv")
        .if_none_match("*")
        .body(ByteStream::from_static(b"other"))
        .send()
        .await;
    assert_eq!(again.unwrap_err().raw_response().unwrap().status().as_u16(), 412);
    let got =
        client.get_object().bucket("local-bucket").key("reports/a b/ü.csv").send().await.unwrap();
    assert_eq!(got.content_type(), Some("text/csv"));
    assert_eq!(got.metadata().unwrap()["run"], "r1");
    assert_eq!(got.body.collect().await.unwrap().to_vec(), body.as_bytes());
    for number in 0..5 {
        let key = format!("reports/{number}");
        let put = client.put_object().bucket("local-bucket").key(key);
        put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    }
    let mut keys = Vec::new();
    let mut pages = client
        .list_objects_v2()
        .bucket("local-bucket")
        .prefix("reports/")
        .max_keys(2)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|o| o.key().unwrap().to_owned()));
    }
    assert_eq!(keys.len(), 6);
    client.delete_object().bucket("local-bucket").key("reports/0").send().await.unwrap();
    let gone = client.get_object().bucket("local-bucket").key("reports/0").send().await;
    assert!(gone.unwrap_err().into_service_error().is_no_such_key());
    let gone = client.head_object().bucket("local-bucket").key("reports/0").send().await;
    assert!(gone.unwrap_err().into_service_error().is_not_found());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_go_when_their_days_are_over() {
    let stack = start().await;
    let client = aws_sdk_s3::Client::new(&operator_config(&stack));
    for key in ["old/x", "new/x"] {
        let put = client.put_object().bucket("local-bucket").key(key);
        put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    }
    stack.clock().advance(Duration::from_hours(24 * 31));
    let listed = client.list_objects_v2().bucket("local-bucket").send().await.unwrap();
    let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["new/x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_opens_one_object_for_a_while() {
    let stack = start().await;
    let operator = aws_sdk_s3::Client::new(&operator_config(&stack));
    let put = operator.put_object().bucket("local-bucket").key("allowed/r ü.csv");
    put.body(ByteStream::from_static(b"content")).send().await.unwrap();
    let function = aws_sdk_s3::Client::new(&function_config(&stack));
    let signed = function
        .get_object()
        .bucket("local-bucket")
        .key("allowed/r ü.csv")
        .response_content_disposition("attachment; filename=\"r.csv\"")
        .presigned(PresigningConfig::expires_in(Duration::from_mins(5)).unwrap())
        .await
        .unwrap();
    let url = signed.uri().to_owned();
    let response = http().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"r.csv\"");
    assert_eq!(response.text().await.unwrap(), "content");

    let tampered = url.replace("r.csv", "x.csv");
    let response = http().get(&tampered).send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("SignatureDoesNotMatch"));

    stack.clock().advance(Duration::from_mins(6));
    let response = http().get(&url).send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_read_and_rotated() {
    let stack = start().await;
    let client = aws_sdk_secretsmanager::Client::new(&operator_config(&stack));
    let arn = plan_arn(&stack, "secret");
    let got = client.get_secret_value().secret_id(&arn).send().await.unwrap();
    assert_eq!(got.secret_string(), Some(r#"{"clientSecret":"local"}"#));
    client.put_secret_value().secret_id(&arn).secret_string("new").send().await.unwrap();
    let got = client.get_secret_value().secret_id(&arn).send().await.unwrap();
    assert_eq!(got.secret_string(), Some("new"));
    let missing = client.get_secret_value().secret_id("nothing").send().await;
    assert!(missing.unwrap_err().into_service_error().is_resource_not_found_exception());
    let denied = aws_sdk_secretsmanager::Client::new(&function_config(&stack));
    let error = denied.get_secret_value().secret_id(&arn).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("AccessDenied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_or_service_that_is_not_there_is_named() {
    let stack = start().await;
    let client = aws_sdk_secretsmanager::Client::new(&operator_config(&stack));
    let error = client.list_secrets().send().await.unwrap_err();
    assert!(format!("{error:?}").contains("secretsmanager:ListSecrets"), "{error:?}");
    let unsigned = http().post(stack.aws_url()).body("{}").send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
}
