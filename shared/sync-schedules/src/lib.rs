//! EventBridge Scheduler: one schedule per connection, in the connection's own time zone. When it
//! comes due it asks the bus for a full sync.
#![warn(missing_docs)]

use aws_config::SdkConfig;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::operation::create_schedule::CreateScheduleError;
use aws_sdk_scheduler::operation::delete_schedule::DeleteScheduleError;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, EventBridgeParameters, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, ScheduleState, Target,
};
use contact_sync_domain::event::{Event, RequestTrigger, SCHEMA_VERSION, SOURCE, SyncRequested};
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{BoxError, ScheduleError, Schedules};

/// What Scheduler replaces by the time the schedule was due.
const SLOT: &str = "<aws.scheduler.scheduled-time>";

/// How often Scheduler tries to reach the bus before the request becomes a dead letter.
const RETRIES: i32 = 185;

/// A request older than this is a dead letter: the hourly delta and the next slot make up for it.
const OLDEST_SECONDS: i32 = 3_600;

/// Where the schedules lie and what they may do.
#[derive(Debug, Clone)]
pub struct ScheduleTarget {
    /// The schedule group.
    pub group: String,
    /// The role that Scheduler assumes to reach the bus and the dead letters.
    pub role_arn: String,
    /// The bus.
    pub bus_arn: String,
    /// The queue of requests that did not reach the bus.
    pub dead_letter_arn: String,
}

/// The schedules of connections, named as their connection.
#[derive(Debug, Clone)]
pub struct SyncSchedules {
    client: Client,
    target: ScheduleTarget,
}

/// A schedule, ready to be created or to replace the one there is.
struct Definition {
    expression: String,
    time_zone: String,
    state: ScheduleState,
    window: FlexibleTimeWindow,
    target: Target,
}

impl SyncSchedules {
    /// The schedules of that group.
    pub fn connect(config: &SdkConfig, target: ScheduleTarget) -> Self {
        Self { client: Client::new(config), target }
    }

    fn request(&self, account: &AccountId, connection: &ConnectionId) -> Result<Target, BoxError> {
        let event = Event::SyncRequested(SyncRequested {
            schema_version: SCHEMA_VERSION,
            account_id: account.clone(),
            connection_id: connection.clone(),
            kind: RunKind::Full,
            trigger: RequestTrigger::Schedule,
            run_id: None,
            checkpoint: None,
            slot: Some(SLOT.to_owned()),
            lane: Lane::Main,
        });
        let bus = EventBridgeParameters::builder()
            .detail_type(event.detail_type())
            .source(SOURCE)
            .build()?;
        Ok(Target::builder()
            .arn(&self.target.bus_arn)
            .role_arn(&self.target.role_arn)
            .event_bridge_parameters(bus)
            .input(serde_json::to_string(&event)?)
            .dead_letter_config(
                DeadLetterConfig::builder().arn(&self.target.dead_letter_arn).build(),
            )
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(RETRIES)
                    .maximum_event_age_in_seconds(OLDEST_SECONDS)
                    .build(),
            )
            .build()?)
    }

    /// Creates the schedule; `false` when there is one.
    async fn create(&self, name: &str, wanted: &Definition) -> Result<bool, ScheduleError> {
        let created = self
            .client
            .create_schedule()
            .name(name)
            .group_name(&self.target.group)
            .schedule_expression(&wanted.expression)
            .schedule_expression_timezone(&wanted.time_zone)
            .state(wanted.state.clone())
            .flexible_time_window(wanted.window.clone())
            .target(wanted.target.clone())
            .send()
            .await;
        match created {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateScheduleError::is_conflict_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn replace(&self, name: &str, wanted: Definition) -> Result<(), ScheduleError> {
        self.client
            .update_schedule()
            .name(name)
            .group_name(&self.target.group)
            .schedule_expression(wanted.expression)
            .schedule_expression_timezone(wanted.time_zone)
            .state(wanted.state)
            .flexible_time_window(wanted.window)
            .target(wanted.target)
            .send()
            .await
            .map_err(failed)?;
        Ok(())
    }
}

/// A refused expression or zone will be refused again; anything else may pass.
fn failed<E>(error: SdkError<E>) -> ScheduleError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error.as_service_error().map(ProvideErrorMetadata::meta) {
        Some(refusal) if refusal.code() == Some("ValidationException") => {
            ScheduleError::Refused(refusal.message().unwrap_or("no reason given").to_owned())
        }
        Some(_) | None => ScheduleError::Unavailable(error.into()),
    }
}

impl Schedules for SyncSchedules {
    async fn put(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        expression: &str,
        time_zone: &str,
        enabled: bool,
    ) -> Result<(), ScheduleError> {
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(|error: BuildError| ScheduleError::Unavailable(error.into()))?;
        let wanted = Definition {
            expression: expression.to_owned(),
            time_zone: time_zone.to_owned(),
            state: if enabled { ScheduleState::Enabled } else { ScheduleState::Disabled },
            window,
            target: self.request(account, connection).map_err(ScheduleError::Unavailable)?,
        };
        if self.create(connection.as_str(), &wanted).await? {
            return Ok(());
        }
        self.replace(connection.as_str(), wanted).await
    }

    async fn delete(&self, connection: &ConnectionId) -> Result<(), ScheduleError> {
        let deleted = self
            .client
            .delete_schedule()
            .name(connection.as_str())
            .group_name(&self.target.group)
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteScheduleError::is_resource_not_found_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use contact_sync_lambda_shell::canned::{Answer, Canned};
    use serde_json::{Value, json};

    use super::*;

    fn schedules(scheduler: &Canned) -> SyncSchedules {
        let target = ScheduleTarget {
            group: "connections".into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            bus_arn: "arn:aws:events:eu-central-1:123456789012:event-bus/b".into(),
            dead_letter_arn: "arn:aws:sqs:eu-central-1:123456789012:d".into(),
        };
        SyncSchedules::connect(&scheduler.sdk_config(), target)
    }

    fn refusal(status: u16, code: &str) -> Answer {
        let body = json!({"__type": code, "Message": "Invalid Schedule Expression"});
        Answer::Status(status, body.to_string())
    }

    async fn put(scheduler: &Canned, enabled: bool) -> Result<(), ScheduleError> {
        let (account, connection) = (AccountId::from_bits(1), ConnectionId::from_bits(2));
        schedules(scheduler)
            .put(&account, &connection, "cron(0 2 * * ? *)", "Europe/Berlin", enabled)
            .await
    }

    #[tokio::test]
    async fn a_schedule_asks_the_bus_for_a_full_sync_of_its_connection() {
        let scheduler = Canned::new(|_| Answer::Status(200, r#"{"ScheduleArn":"a"}"#.into()));
        put(&scheduler, true).await.unwrap();
        let sent = &scheduler.sent()[0];
        assert_eq!(sent.method, "POST");
        assert!(sent.uri.ends_with("/schedules/con_00000000000000000000000000000002"));
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(body["GroupName"], "connections");
        assert_eq!(body["ScheduleExpression"], "cron(0 2 * * ? *)");
        assert_eq!(body["ScheduleExpressionTimezone"], "Europe/Berlin");
        assert_eq!(body["State"], "ENABLED");
        assert_eq!(body["FlexibleTimeWindow"]["Mode"], "OFF");
        let target = &body["Target"];
        assert_eq!(target["EventBridgeParameters"]["DetailType"], "SyncRequested");
        assert_eq!(target["EventBridgeParameters"]["Source"], "entra-contact-sync");
        assert_eq!(target["DeadLetterConfig"]["Arn"], "arn:aws:sqs:eu-central-1:123456789012:d");
        let detail: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
        assert_eq!(
            detail,
            json!({
                "schemaVersion": 1,
                "accountId": "acc_00000000000000000000000000000001",
                "connectionId": "con_00000000000000000000000000000002",
                "kind": "full",
                "trigger": "schedule",
                "slot": "<aws.scheduler.scheduled-time>",
            })
        );
    }

    #[tokio::test]
    async fn one_that_is_there_is_replaced_and_can_be_kept_silent() {
        let scheduler = Canned::new(|sent| match sent.method.as_str() {
            "POST" => refusal(409, "ConflictException"),
            _ => Answer::Status(200, r#"{"ScheduleArn":"a"}"#.into()),
        });
        put(&scheduler, false).await.unwrap();
        let sent = scheduler.sent();
        assert_eq!(sent[1].method, "PUT");
        let body: Value = serde_json::from_slice(&sent[1].body).unwrap();
        assert_eq!(body["State"], "DISABLED");
        assert_eq!(body["Target"]["RetryPolicy"]["MaximumRetryAttempts"], 185);
    }

    #[tokio::test]
    async fn a_refused_expression_is_told_apart_from_a_silent_service() {
        let refusing = Canned::new(|_| refusal(400, "ValidationException"));
        match put(&refusing, true).await {
            Err(ScheduleError::Refused(why)) => assert_eq!(why, "Invalid Schedule Expression"),
            other => panic!("{other:?}"),
        }
        let silent = Canned::new(|_| Answer::Lost);
        assert!(matches!(put(&silent, true).await, Err(ScheduleError::Unavailable(_))));
    }

    #[tokio::test]
    async fn deleting_what_is_gone_is_fine() {
        let scheduler = Canned::new(|_| refusal(404, "ResourceNotFoundException"));
        schedules(&scheduler).delete(&ConnectionId::from_bits(2)).await.unwrap();
        let silent = Canned::new(|_| Answer::Lost);
        assert!(schedules(&silent).delete(&ConnectionId::from_bits(2)).await.is_err());
    }
}
