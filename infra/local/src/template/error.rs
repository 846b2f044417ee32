use std::path::PathBuf;

/// Why a template cannot be run on one machine. Every variant names the place in the template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot read the template {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the template is not YAML")]
    Yaml(#[from] serde_yaml_ng::Error),
    #[error("{at}: {problem}")]
    Shape { at: String, problem: String },
    #[error("{at}: the local stack does not know the function !{name}")]
    UnknownIntrinsic { at: String, name: String },
    #[error("{at}: the local stack does not know `{key}`")]
    UnknownKey { at: String, key: String },
    #[error("{at}: the local stack does not know the type {kind}")]
    UnknownType { at: String, kind: String },
    #[error("{at}: nothing is called {name}")]
    Unresolved { at: String, name: String },
    #[error("parameter {name}: {problem}")]
    Parameter { name: String, problem: String },
}

impl TemplateError {
    pub(crate) fn shape(at: &str, problem: &str) -> Self {
        Self::Shape { at: at.to_owned(), problem: problem.to_owned() }
    }
}
