use crate::bus::PatternError;
use crate::dynamo::{DynamoError, EngineError};
use crate::http_api::RouteConflict;
use crate::schedules::OpenError;
use crate::template::TemplateError;

/// Why the stack does not start or serve.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error("the template cannot be run: {0}")]
    Template(#[from] TemplateError),
    #[error("{0}")]
    Pattern(#[from] PatternError),
    #[error("{0}")]
    Route(#[from] RouteConflict),
    #[error("{0}")]
    Schedule(#[from] OpenError),
    #[error("port {port} cannot be used; --port chooses another")]
    Port {
        port: u16,
        #[source]
        source: std::io::Error,
    },
    #[error("the HTTP client cannot be made")]
    HttpClient(#[source] reqwest::Error),
    #[error("{0}")]
    Engine(#[from] EngineError),
    #[error("{0}")]
    DynamoDb(#[from] DynamoError),
    #[error("the database refused")]
    Database(#[from] dynoxide::DynoxideError),
    #[error("{operation} failed at {url}: {problem}")]
    ExternalStore { url: String, operation: &'static str, problem: String },
    #[error("the template has no resource {0}")]
    NoSuchResource(String),
    #[error("a file of the stack cannot be used")]
    Io(#[from] std::io::Error),
}
