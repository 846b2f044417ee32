//! S3's REST requests: PutObject, GetObject, HeadObject, DeleteObject, ListObjectsV2, HeadBucket.

use std::collections::BTreeMap;

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, Method, StatusCode};
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;

use super::store::{Object, Precondition};
use crate::aws::{AwsRequest, AwsServices, CallCount, CallKey, presigned, xml};

/// Headers that a stored object answers with again.
const KEPT_HEADERS: [&str; 5] = [
    "content-type",
    "content-disposition",
    "content-encoding",
    "content-language",
    "cache-control",
];
/// S3 lists so many keys at a time.
const LIST_LIMIT: usize = 1_000;

pub(crate) fn serve(services: &AwsServices, request: &AwsRequest) -> Response {
    if let Some(Err(error)) = presigned::check(&request.parts, services.clock.now()) {
        let code = match error {
            presigned::PresignError::Expired => "AccessDenied",
            presigned::PresignError::WrongSignature => "SignatureDoesNotMatch",
            presigned::PresignError::Incomplete => "AuthorizationQueryParametersError",
        };
        return xml::error(StatusCode::FORBIDDEN, code, &error.to_string());
    }
    let path = percent_decode_str(request.parts.uri.path().trim_start_matches('/'));
    let path = path.decode_utf8_lossy();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    if !services.objects.has_bucket(bucket) {
        return xml::error(
            StatusCode::NOT_FOUND,
            "NoSuchBucket",
            "The specified bucket does not exist",
        );
    }
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(request.parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .filter(|(name, _)| name != "x-id" && !name.starts_with("X-Amz-"))
            .collect();
    let call = Call { services, request, bucket, key, query };
    let (operation, answer) = match (&request.parts.method, key.is_empty()) {
        (&Method::PUT, false) => ("PutObject", call.put()),
        (&Method::GET, false) => ("GetObject", call.get(true)),
        (&Method::HEAD, false) => ("HeadObject", call.get(false)),
        (&Method::DELETE, false) => ("DeleteObject", call.delete()),
        (&Method::GET, true) => ("ListObjectsV2", call.list()),
        (&Method::HEAD, true) => ("HeadBucket", call.check("s3:ListBucket").map(|()| empty())),
        (method, _) => ("unknown", Err(not_served(&format!("{method} {}", request.parts.uri)))),
    };
    let answer = answer.unwrap_or_else(|refusal| refusal);
    let answered = answer.body().size_hint().exact().unwrap_or_default();
    let asked = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
    services.counters.add(
        CallKey {
            caller: request.caller.name().to_owned(),
            operation: format!("s3:{operation}"),
            resource: bucket.to_owned(),
        },
        CallCount { requests: 1, bytes: asked + answered, ..CallCount::default() },
    );
    answer
}

struct Call<'a> {
    services: &'a AwsServices,
    request: &'a AwsRequest,
    bucket: &'a str,
    key: &'a str,
    query: BTreeMap<String, String>,
}

impl Call<'_> {
    fn check(&self, action: &str) -> Result<(), Response> {
        let bucket = format!("arn:aws:s3:::{}", self.bucket);
        let resource =
            if action == "s3:ListBucket" { bucket } else { format!("{bucket}/{}", self.key) };
        self.services.access.check(&self.request.caller, action, &resource).map_err(|denied| {
            xml::error(StatusCode::FORBIDDEN, "AccessDenied", &denied.to_string())
        })
    }

    /// Refuses parameters that would change the meaning of the request.
    fn only(&self, known: &[&str]) -> Result<(), Response> {
        match self.query.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => {
                Err(not_served(&format!("{} with {unknown}", self.request.parts.method)))
            }
            None => Ok(()),
        }
    }

    fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.request.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn put(&self) -> Result<Response, Response> {
        self.check("s3:PutObject")?;
        self.only(&[])?;
        if self.header("x-amz-copy-source").is_some() {
            return Err(not_served("CopyObject"));
        }
        let precondition = match (self.header(IF_NONE_MATCH), self.header(IF_MATCH)) {
            (Some("*"), None) => Some(Precondition::Absent),
            (None, Some(etag)) => Some(Precondition::Etag(etag.to_owned())),
            (None, None) => None,
            (Some(_), _) => return Err(not_served("PutObject with this If-None-Match")),
        };
        let content = self.content()?;
        let written = self.services.objects.put(
            self.bucket,
            self.key,
            &content,
            kept_headers(&self.request.parts.headers),
            precondition.as_ref(),
        );
        match written.map_err(|error| broken(&error))? {
            Ok(object) => {
                let mut response = empty();
                set(response.headers_mut(), ETAG, &object.etag);
                Ok(response)
            }
            Err(_) => Err(xml::error(
                StatusCode::PRECONDITION_FAILED,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            )),
        }
    }

    /// The body, out of the chunks that the SDK wraps around a stream.
    fn content(&self) -> Result<Bytes, Response> {
        let is_chunked =
            self.header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"));
        if !is_chunked {
            return Ok(self.request.body.clone());
        }
        unchunked(&self.request.body).ok_or_else(|| {
            xml::error(StatusCode::BAD_REQUEST, "IncompleteBody", "The chunks are not complete.")
        })
    }

    fn get(&self, with_content: bool) -> Result<Response, Response> {
        self.check("s3:GetObject")?;
        self.only(&["response-content-disposition", "response-content-type"])?;
        let Some(object) = self.services.objects.head(self.bucket, self.key) else {
            // Who may not list may not learn that an object is missing.
            return Err(match self.check("s3:ListBucket") {
                Ok(()) => xml::error(
                    StatusCode::NOT_FOUND,
                    "NoSuchKey",
                    "The specified key does not exist.",
                ),
                Err(denied) => denied,
            });
        };
        if self.header(IF_NONE_MATCH) == Some(object.etag.as_str()) {
            let mut response = empty();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        if self.header("range").is_some() {
            return Err(not_served("GetObject with a Range"));
        }
        let body = if with_content {
            let content = self.services.objects.content(self.bucket, self.key);
            Body::from(content.map_err(|error| broken(&error))?)
        } else {
            Body::empty()
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        set(headers, ETAG, &object.etag);
        set(headers, CONTENT_LENGTH, &object.size.to_string());
        set(headers, LAST_MODIFIED, &http_date(&object));
        for (name, value) in &object.headers {
            if let Ok(name) = name.parse::<HeaderName>() {
                set(headers, name, value);
            }
        }
        for (parameter, header) in [
            ("response-content-disposition", "content-disposition"),
            ("response-content-type", "content-type"),
        ] {
            if let Some(value) = self.query.get(parameter) {
                set(headers, HeaderName::from_static(header), value);
            }
        }
        Ok(response)
    }

    fn delete(&self) -> Result<Response, Response> {
        self.check("s3:DeleteObject")?;
        self.only(&[])?;
        self.services.objects.delete(self.bucket, self.key).map_err(|error| broken(&error))?;
        let mut response = empty();
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    fn list(&self) -> Result<Response, Response> {
        self.check("s3:ListBucket")?;
        self.only(&["list-type", "prefix", "max-keys", "continuation-token", "start-after"])?;
        if self.query.get("list-type").map(String::as_str) != Some("2") {
            return Err(not_served("GET of a bucket other than ListObjectsV2"));
        }
        let parameter = |name: &str| self.query.get(name).map(String::as_str);
        let prefix = parameter("prefix").unwrap_or_default();
        let after = parameter("continuation-token")
            .or_else(|| parameter("start-after"))
            .unwrap_or_default();
        let limit = parameter("max-keys").and_then(|text| text.parse().ok()).unwrap_or(LIST_LIMIT);
        let limit = limit.min(LIST_LIMIT);
        let objects = self.services.objects.list(self.bucket, prefix, after);
        let page = objects.get(..limit).unwrap_or(&objects);
        let more = objects.len() > page.len();
        let mut elements = vec![format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>{}</Name><Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{limit}</MaxKeys><IsTruncated>{more}</IsTruncated>",
            xml::escaped(self.bucket),
            xml::escaped(prefix),
            page.len(),
        )];
        if let (true, Some(last)) = (more, page.last()) {
            let token = xml::escaped(&last.key);
            elements.push(format!("<NextContinuationToken>{token}</NextContinuationToken>"));
        }
        elements.extend(page.iter().map(|object| {
            format!(
                "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                xml::escaped(&object.key),
                object.modified_at,
                xml::escaped(&object.etag),
                object.size,
            )
        }));
        elements.push("</ListBucketResult>".to_owned());
        Ok(xml::answer(StatusCode::OK, elements.concat()))
    }
}

fn kept_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| {
            KEPT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-")
        })
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        // The SDK's own wrapping is not part of the object.
        .map(|(name, value)| match name.as_str() {
            "content-encoding" => {
                let rest: Vec<&str> =
                    value.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
                (name, rest.join(", "))
            }
            _ => (name, value),
        })
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Takes `<hex length>[;…]\r\n<bytes>\r\n` chunks apart, up to the empty one.
fn unchunked(body: &[u8]) -> Option<Bytes> {
    let mut content = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let header = std::str::from_utf8(rest.get(..end)?).ok()?;
        let length = usize::from_str_radix(header.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(end + 2..)?;
        if length == 0 {
            return Some(Bytes::from(content));
        }
        content.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

fn http_date(object: &Object) -> String {
    object.modified_at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn empty() -> Response {
    Response::new(Body::empty())
}

fn broken(error: &std::io::Error) -> Response {
    xml::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &error.to_string())
}

fn not_served(what: &str) -> Response {
    xml::error(
        StatusCode::NOT_IMPLEMENTED,
        "NotImplemented",
        &format!("the local stack does not serve s3: {what}"),
    )
}
