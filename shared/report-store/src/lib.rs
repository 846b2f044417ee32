//! The S3 bucket: segments and reports, by key.
#![warn(missing_docs)]

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::list_objects_v2::paginator::ListObjectsV2Paginator;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_types::service_config::ServiceConfigKey;
use contact_sync_engine::port::{Blobs, BoxError, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;

/// How many deletions are on their way at once.
const DELETIONS: usize = 16;

/// One bucket.
#[derive(Debug, Clone)]
pub struct BlobStore {
    client: Client,
    bucket: String,
}

impl BlobStore {
    /// The bucket of that name. Where an endpoint is configured the bucket is named in the path:
    /// what stands there seldom has a host name for each bucket.
    pub fn connect(config: &SdkConfig, bucket: impl Into<String>) -> Self {
        let mut settings = aws_sdk_s3::config::Builder::from(config);
        if has_own_endpoint(config) {
            settings = settings.force_path_style(true);
        }
        Self { client: Client::from_conf(settings.build()), bucket: bucket.into() }
    }

    fn listed(&self, prefix: &str) -> ListObjectsV2Paginator {
        self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator()
    }
}

/// Whether `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_S3` (or the code) names an endpoint.
fn has_own_endpoint(config: &SdkConfig) -> bool {
    let for_s3 = || {
        let key = ServiceConfigKey::builder()
            .service_id("S3")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        config.service_config()?.load_config(key)
    };
    config.endpoint_url().is_some() || for_s3().is_some()
}

fn unavailable<E: Into<BoxError>>(operation: &'static str) -> impl FnOnce(E) -> StoreError {
    move |error| StoreError::Unavailable { operation, source: error.into() }
}

impl Blobs for BlobStore {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .server_side_encryption(ServerSideEncryption::Aes256)
            .body(bytes.into())
            .send()
            .await
            .map_err(unavailable("PutObject"))?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let operation = "GetObject";
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => {
                let bytes = object.body.collect().await.map_err(unavailable(operation))?;
                Ok(Some(bytes.to_vec()))
            }
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                Ok(None)
            }
            Err(error) => Err(unavailable(operation)(error)),
        }
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut pages = self.listed(prefix).send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(unavailable("ListObjectsV2"))?;
            keys.extend(
                page.contents().iter().filter_map(|object| object.key().map(str::to_owned)),
            );
        }
        Ok(keys)
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        let mut pages = self.listed(prefix).send();
        let mut deleted = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(unavailable("ListObjectsV2"))?;
            let keys = page.contents().iter().filter_map(|object| object.key().map(str::to_owned));
            let keys: Vec<String> = keys.collect();
            deleted += u64::try_from(keys.len()).unwrap_or(u64::MAX);
            stream::iter(keys)
                .map(|key| async move {
                    let deletion = self.client.delete_object().bucket(&self.bucket).key(key);
                    deletion.send().await.map(|_| ()).map_err(unavailable("DeleteObject"))
                })
                .buffer_unordered(DELETIONS)
                .try_collect::<()>()
                .await?;
        }
        Ok(deleted)
    }

    async fn signed_url(
        &self,
        key: &str,
        file_name: &str,
        lifetime: SignedDuration,
    ) -> Result<String, StoreError> {
        let operation = "presign GetObject";
        let lifetime = lifetime.try_into().map_err(unavailable(operation))?;
        let lifetime = PresigningConfig::expires_in(lifetime).map_err(unavailable(operation))?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_disposition(attachment(file_name))
            .presigned(lifetime)
            .await
            .map_err(unavailable(operation))?;
        Ok(request.uri().to_owned())
    }
}

/// The header that makes a browser save the answer under that name. What could end the name early
/// or is not in every character set becomes an underscore.
fn attachment(file_name: &str) -> String {
    let safe: String = file_name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .collect();
    format!("attachment; filename=\"{safe}\"")
}

#[cfg(test)]
mod tests {
    use contact_sync_lambda_shell::canned::{Answer, Canned, Sent};

    use super::*;

    const NO_SUCH_KEY: &str = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code>\
                               <Message>no</Message></Error>";

    fn store(s3: &Canned) -> BlobStore {
        let config = s3.sdk_config().into_builder().endpoint_url("http://127.0.0.1:4566").build();
        BlobStore::connect(&config, "data")
    }

    fn ok(body: &str) -> Answer {
        Answer::Status(200, body.to_owned())
    }

    #[tokio::test]
    async fn a_blob_is_stored_encrypted_under_its_key() {
        let s3 = Canned::new(|_| ok(""));
        store(&s3).put("segments/a/1.gz", b"body".to_vec(), "application/gzip").await.unwrap();
        let sent: Vec<Sent> = s3.sent();
        assert_eq!(sent[0].method, "PUT");
        assert!(sent[0].uri.starts_with("http://127.0.0.1:4566/data/segments/a/1.gz"));
        assert_eq!(sent[0].header("x-amz-server-side-encryption"), Some("AES256"));
        assert_eq!(sent[0].header("content-type"), Some("application/gzip"));
    }

    #[tokio::test]
    async fn what_is_not_there_is_an_answer_and_a_broken_connection_is_an_error() {
        let missing = Canned::new(|_| Answer::Status(404, NO_SUCH_KEY.to_owned()));
        assert_eq!(store(&missing).get("reports/x.csv").await.unwrap(), None);
        let broken = Canned::new(|_| Answer::Lost);
        let error = store(&broken).get("reports/x.csv").await.unwrap_err();
        assert!(error.is_transient());
        let denied =
            Canned::new(|_| Answer::Status(403, NO_SUCH_KEY.replace("NoSuchKey", "AccessDenied")));
        assert!(store(&denied).get("reports/x.csv").await.is_err(), "not readable is not absent");
        let there = Canned::new(|_| ok("Email"));
        assert_eq!(store(&there).get("reports/x.csv").await.unwrap(), Some(b"Email".to_vec()));
    }

    #[tokio::test]
    async fn everything_below_a_prefix_is_deleted_page_by_page() {
        let s3 = Canned::new(|sent| {
            match (sent.method.as_str(), sent.uri.contains("token=next")) {
                ("GET", first) => ok(&format!(
                    "<ListBucketResult><IsTruncated>{}</IsTruncated>{}<Contents><Key>segments/{}</Key>\
                 </Contents></ListBucketResult>",
                    !first,
                    if first { "" } else { "<NextContinuationToken>next</NextContinuationToken>" },
                    if first { "b" } else { "a" },
                )),
                _ => Answer::Status(204, String::new()),
            }
        });
        assert_eq!(store(&s3).delete_prefix("segments/").await.unwrap(), 2);
        let deleted: Vec<String> = s3
            .sent()
            .into_iter()
            .filter(|sent| sent.method == "DELETE")
            .map(|sent| sent.uri.split('?').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            deleted,
            ["http://127.0.0.1:4566/data/segments/a", "http://127.0.0.1:4566/data/segments/b"]
        );
    }

    #[tokio::test]
    async fn a_signed_address_lets_a_browser_save_under_our_name_only() {
        let s3 = Canned::new(|_| Answer::Lost);
        let url = store(&s3)
            .signed_url("reports/a.csv", "report \"x\"\r\n.csv", SignedDuration::from_mins(5))
            .await
            .unwrap();
        assert!(url.contains("X-Amz-Expires=300") && url.contains("X-Amz-Signature="), "{url}");
        assert!(url.contains("filename%3D%22report__x___.csv%22"), "{url}");
        assert!(s3.sent().is_empty());
    }
}
