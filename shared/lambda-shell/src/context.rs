//! What the runtime says about one invocation: when it must be over, and what it belongs to.

use contact_sync_engine::port::Clock;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;

/// When Lambda ends this invocation.
pub fn deadline(context: &Context) -> Timestamp {
    i64::try_from(context.deadline)
        .ok()
        .and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok())
        .unwrap_or(Timestamp::MAX)
}

/// How long the invocation may still work; zero or less when it is over.
pub fn remaining(context: &Context, clock: &impl Clock) -> SignedDuration {
    deadline(context).duration_since(clock.now())
}

/// One id for everything that one cause sets in motion: the root of the X-Ray trace, which AWS
/// carries over the bus, in the form of a GUID as Graph's `client-request-id` wants it; without a
/// trace the invocation's own id.
pub fn correlation_id(context: &Context) -> String {
    context
        .xray_trace_id
        .as_deref()
        .and_then(trace_root)
        .unwrap_or_else(|| context.request_id.clone())
}

/// `Root=1-<8 hex>-<24 hex>;…`
fn trace_root(header: &str) -> Option<String> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let digits: String = root.strip_prefix("1-")?.split('-').collect();
    uuid::Uuid::try_parse(&digits).ok().map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(self.0).unwrap()
        }
        async fn sleep(&self, _: SignedDuration) {}
    }

    fn context() -> Context {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into();
        context.deadline = 10_000;
        context
    }

    #[test]
    fn what_remains_is_counted_to_the_runtimes_deadline() {
        assert_eq!(remaining(&context(), &At(7_500)), SignedDuration::from_millis(2_500));
        assert!(remaining(&context(), &At(10_001)).is_negative());
    }

    #[test]
    fn invocations_of_one_trace_share_an_id_that_graph_takes() {
        let mut traced = context();
        traced.xray_trace_id = Some(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".into(),
        );
        assert_eq!(correlation_id(&traced), "5759e988-bd86-2e3f-e1be-46a994272793");
        assert_eq!(correlation_id(&context()), "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    }
}
