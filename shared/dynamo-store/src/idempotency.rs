//! Requests that carried an idempotency key.

use contact_sync_engine::port::{IdempotencyStore, KeyedRequest, StoreError};
use jiff::Timestamp;

use crate::failure::{Answer, Defect, unavailable};
use crate::item::{Item, document, expiry, instant, name, number, read_document, text};
use crate::table::Condition;
use crate::{DynamoStore, keys};

const KIND: &str = "keyedRequest";

/// Nothing stands, or what stands is over: its key's time, or an attempt at the same request that
/// left no answer.
const FREE: &str = "attribute_not_exists(#pk) OR #expiresAt <= :now \
     OR (attribute_not_exists(#isAnswered) AND #busyUntil <= :instant AND #requestHash = :request)";

fn item(request: &KeyedRequest) -> Result<Item, StoreError> {
    let key = keys::keyed_request(request.account.as_ref(), &request.key_hash);
    let mut item = document(&key, KIND, request)?;
    item.insert(name::EXPIRES_AT.to_owned(), expiry(request.expires_at));
    item.insert("busyUntil".to_owned(), instant(request.busy_until));
    item.insert("requestHash".to_owned(), text(&request.request_hash));
    if request.answer.is_some() {
        item.insert("isAnswered".to_owned(), number(1));
    }
    Ok(item)
}

impl IdempotencyStore for DynamoStore {
    async fn begin_keyed(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
    ) -> Result<Option<KeyedRequest>, StoreError> {
        let operation = "PutItem keyed request";
        let free = Condition::new(
            FREE,
            vec![
                (":now", number(now.as_second())),
                (":instant", instant(now)),
                (":request", text(&request.request_hash)),
            ],
        );
        match self.state.put_if(operation, item(request)?, free).await? {
            Answer::Done(()) => Ok(None),
            Answer::Refused(Some(standing)) => {
                let standing: KeyedRequest = read_document(KIND, standing)?;
                // Our own: an earlier call of this very put, whose answer got lost.
                Ok((standing != *request).then_some(standing))
            }
            Answer::Refused(None) => Err(unavailable(operation)(Defect::Contended)),
        }
    }

    async fn finish_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.state.put("PutItem keyed request", item(request)?).await
    }

    async fn forget_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        let key = keys::keyed_request(request.account.as_ref(), &request.key_hash);
        self.state.delete("DeleteItem keyed request", &key).await?;
        Ok(())
    }
}
