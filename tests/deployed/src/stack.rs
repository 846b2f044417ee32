//! CloudFormation stacks: what lies in them and under which names.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::{Aws, AwsError};

/// How long a stack of a few resources may take.
const ATTEMPTS: u32 = 120;
const INTERVAL: Duration = Duration::from_millis(500);

/// Why a stack is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("the stack {name} ended {status}")]
    Failed { name: String, status: String },
    #[error("the stack {stack} has no {logical_id}")]
    NoSuchResource { stack: String, logical_id: String },
}

/// One resource of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    /// What CloudFormation calls its physical id: a name, a URL or an ARN.
    pub(crate) physical_id: String,
}

/// The resources of a stack by logical id.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) name: String,
    resources: BTreeMap<String, Resource>,
}

impl Stack {
    /// Makes a stack from a plain CloudFormation template.
    pub(crate) async fn create(aws: &Aws, name: &str, template: &str) -> Result<Self, StackError> {
        let parameters = [
            ("Action", "CreateStack"),
            ("StackName", name),
            ("TemplateBody", template),
            ("Capabilities.member.1", "CAPABILITY_IAM"),
        ];
        aws.query("cloudformation", &parameters).await?;
        for _ in 0..ATTEMPTS {
            let parameters = [("Action", "DescribeStacks"), ("StackName", name)];
            let shown = aws.query("cloudformation", &parameters).await?;
            let status = elements(&shown, "StackStatus").next().unwrap_or_default();
            match status {
                "CREATE_COMPLETE" => return Self::read(aws, name).await,
                "CREATE_IN_PROGRESS" => tokio::time::sleep(INTERVAL).await,
                _ => break,
            }
        }
        let status = "without being complete".to_owned();
        Err(StackError::Failed { name: name.to_owned(), status })
    }

    /// Reads what lies in a stack that somebody deployed.
    pub(crate) async fn read(aws: &Aws, name: &str) -> Result<Self, StackError> {
        let parameters = [("Action", "DescribeStackResources"), ("StackName", name)];
        let shown = aws.query("cloudformation", &parameters).await?;
        let mut resources = BTreeMap::new();
        for member in elements(&shown, "member") {
            let of = |tag| elements(member, tag).next().unwrap_or_default().to_owned();
            let resource =
                Resource { kind: of("ResourceType"), physical_id: of("PhysicalResourceId") };
            resources.insert(of("LogicalResourceId"), resource);
        }
        Ok(Self { name: name.to_owned(), resources })
    }

    /// The physical id of the resource called `logical_id`.
    pub(crate) fn physical_id(&self, logical_id: &str) -> Result<&str, StackError> {
        let resource =
            self.resources.get(logical_id).ok_or_else(|| StackError::NoSuchResource {
                stack: self.name.clone(),
                logical_id: logical_id.to_owned(),
            })?;
        Ok(&resource.physical_id)
    }

    /// The resources of one type, by logical id.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .map(|(logical_id, resource)| (logical_id.as_str(), resource.physical_id.as_str()))
    }

    /// All resources: logical id and physical id.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.resources
            .iter()
            .map(|(logical_id, resource)| (logical_id.as_str(), resource.physical_id.as_str()))
    }
}

/// The contents of the elements called `tag`, which do not lie within each other.
fn elements<'a>(xml: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (content, after) = after.split_once(&close)?;
        rest = after;
        Some(content)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_in_their_order() {
        let xml = "<a><member><x>1</x></member><member><x>2</x><y>3</y></member></a>";
        let members: Vec<&str> = elements(xml, "member").collect();
        assert_eq!(members, ["<x>1</x>", "<x>2</x><y>3</y>"]);
        assert_eq!(elements(members[1], "y").next(), Some("3"));
        assert_eq!(elements(members[0], "y").next(), None);
    }
}
