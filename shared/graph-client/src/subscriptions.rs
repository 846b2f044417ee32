//! Subscriptions: made, renewed, deleted, listed.

use contact_sync_domain::id::TenantId;
use contact_sync_domain::segment::NextStep;
use contact_sync_engine::port::{
    Clock, DirectoryError, GraphBudget, NewSubscription, RemoteSubscription, SubscriptionError,
    Subscriptions,
};
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Failure, Unusable};
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::directory::escape;
use crate::page::{no_json, read_page};

/// Graph lets an application have 100 subscriptions in a tenant; more pages than these are a loop.
const PAGES: u8 = 20;

/// What may happen to a subscription: creation and soft deletion arrive as `updated`.
const CHANGE_TYPE: &str = "updated,deleted";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Creation<'a> {
    change_type: &'static str,
    notification_url: &'a str,
    lifecycle_notification_url: &'a str,
    resource: &'static str,
    expiration_date_time: Timestamp,
    client_state: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renewal {
    expiration_date_time: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubscription {
    id: String,
    resource: String,
    #[serde(default)]
    notification_url: Option<String>,
    expiration_date_time: Timestamp,
}

impl From<WireSubscription> for RemoteSubscription {
    fn from(wire: WireSubscription) -> Self {
        Self {
            id: wire.id,
            resource: wire.resource,
            notification_url: wire.notification_url.unwrap_or_default(),
            expires_at: wire.expiration_date_time,
        }
    }
}

fn read_one(body: &[u8]) -> Result<RemoteSubscription, Unusable> {
    serde_json::from_slice::<WireSubscription>(body).map(Into::into).map_err(no_json)
}

/// Sorts out what only subscriptions are refused for.
fn refused(failure: Failure) -> SubscriptionError {
    let Some(refusal) = failure.refusal else { return failure.error.into() };
    let says = |words: &[&str]| {
        let message = refusal.message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    match refusal.status {
        409 => SubscriptionError::AlreadyExists,
        403 if says(&["maximum number", "quota"]) => {
            SubscriptionError::QuotaReached { message: refusal.message }
        }
        400 if refusal.is(&["ValidationError"])
            || (refusal.is(&["InvalidRequest"]) && says(&["validation"])) =>
        {
            SubscriptionError::ValidationFailed { message: refusal.message }
        }
        _ => failure.error.into(),
    }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    fn subscription_call(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Call, DirectoryError> {
        let body = serde_json::to_vec(body).map_err(|error| DirectoryError::Unavailable {
            what: what.into(),
            source: Some(error.into()),
        })?;
        Ok(Call::send(what, method, self.endpoints.graph(path)?, body))
    }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> Subscriptions for GraphClient<S, C, B> {
    async fn create(
        &self,
        tenant: &TenantId,
        new: &NewSubscription,
    ) -> Result<RemoteSubscription, SubscriptionError> {
        let body = Creation {
            change_type: CHANGE_TYPE,
            notification_url: &new.notification_url,
            lifecycle_notification_url: &new.lifecycle_url,
            resource: new.resource.path(),
            expiration_date_time: new.expires_at,
            client_state: &new.client_state,
        };
        let what = "creating a subscription";
        let mut call = self.subscription_call(what, Method::POST, "/subscriptions", &body)?;
        // Sent twice it could exist twice: who got no answer lists first.
        call.repeatable = false;
        let (created, _) = self.call(tenant, &call, read_one).await.map_err(refused)?;
        Ok(created)
    }

    async fn renew(
        &self,
        tenant: &TenantId,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<Option<RemoteSubscription>, SubscriptionError> {
        let body = Renewal { expiration_date_time: expires_at };
        let path = format!("/subscriptions/{}", escape(id));
        let call =
            self.subscription_call("renewing a subscription", Method::PATCH, &path, &body)?;
        match self.call(tenant, &call, read_one).await {
            Ok((renewed, _)) => Ok(Some(renewed)),
            Err(failure) if matches!(failure.error, DirectoryError::NotFound { .. }) => Ok(None),
            Err(failure) => Err(refused(failure)),
        }
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), SubscriptionError> {
        let url = self.endpoints.graph(&format!("/subscriptions/{}", escape(id)))?;
        let call = Call { method: Method::DELETE, ..Call::get("deleting a subscription", url) };
        match self.call(tenant, &call, |_| Ok(())).await {
            Ok(_) => Ok(()),
            Err(failure) if matches!(failure.error, DirectoryError::NotFound { .. }) => Ok(()),
            Err(failure) => Err(refused(failure)),
        }
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<RemoteSubscription>, SubscriptionError> {
        let mut url = self.endpoints.graph("/subscriptions")?;
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let called = url.to_string();
            let call = Call::get("the list of subscriptions", url);
            let read = |body: &[u8]| {
                let (page, links) = read_page::<WireSubscription>(body)?;
                Ok((page, links.of_listing(&self.endpoints, &called)?))
            };
            let ((page, next), _) = self.call(tenant, &call, read).await.map_err(refused)?;
            found.extend(page.into_iter().map(RemoteSubscription::from));
            match next {
                NextStep::Next(link) => url = self.endpoints.follow(&link)?,
                NextStep::Delta(_) | NextStep::End => return Ok(found),
            }
        }
        let what = "the list of subscriptions: too many pages".into();
        Err(DirectoryError::Unavailable { what, source: None }.into())
    }
}
