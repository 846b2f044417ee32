//! OData options of a list.

use super::errors::GraphError;
use super::filter::Filter;
use crate::directory::properties::Catalogue;
use crate::exchange::Incoming;
use crate::settings::GraphSettings;

/// The options of a list request, checked.
#[derive(Debug, Clone)]
pub(super) struct ListQuery {
    pub(super) select: Option<String>,
    pub(super) page_size: usize,
    pub(super) filter: Option<Filter>,
    pub(super) search: Option<Search>,
    pub(super) order_by: Option<(String, bool)>,
    pub(super) expand: Option<String>,
    pub(super) skip_token: Option<String>,
    /// `$count=true` together with `ConsistencyLevel: eventual`.
    pub(super) counted: bool,
}

/// `$search` terms: any of the alternatives, each of whose parts must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) alternatives: Vec<Vec<(String, String)>>,
}

const KNOWN: &[&str] = &[
    "$select",
    "$top",
    "$filter",
    "$search",
    "$orderby",
    "$expand",
    "$skiptoken",
    "$count",
    "$format",
];

impl ListQuery {
    pub(super) fn parse(
        incoming: &Incoming,
        catalogue: &Catalogue<'_>,
        settings: &GraphSettings,
    ) -> Result<Self, GraphError> {
        for (name, _) in incoming.parameters() {
            let lower = name.to_lowercase();
            if lower == "$skip" {
                return Err(GraphError::unsupported_query(
                    "'$skip' is not supported by the service.",
                ));
            }
            if lower.starts_with('$') && !KNOWN.contains(&lower.as_str()) {
                let text = format!("The query parameter '{name}' is not supported.");
                return Err(GraphError::bad_request(&text));
            }
        }
        let eventual = is_eventual(incoming);
        let count = incoming.parameter("$count").is_some_and(|value| value == "true");
        let counted = eventual && count;
        let filter = incoming
            .parameter("$filter")
            .map(|text| Filter::parse(&text, catalogue))
            .transpose()?;
        if filter.as_ref().is_some_and(Filter::is_advanced) && !counted {
            return Err(needs_eventual());
        }
        let search = incoming.parameter("$search").map(|text| Search::parse(&text)).transpose()?;
        if search.is_some() && !eventual {
            return Err(GraphError::bad_request(
                "Request with $search query parameter only works through MSGraph with a special \
                 request header: 'ConsistencyLevel: eventual'",
            ));
        }
        let order_by = incoming.parameter("$orderby").map(|text| ordered(&text));
        if order_by.is_some() && filter.is_some() && !counted {
            return Err(needs_eventual());
        }
        Ok(Self {
            select: incoming.parameter("$select"),
            page_size: page_size(incoming, settings)?,
            filter,
            search,
            order_by,
            expand: incoming.parameter("$expand"),
            skip_token: incoming.parameter("$skiptoken"),
            counted,
        })
    }
}

/// Whether the request carries `ConsistencyLevel: eventual`.
pub(super) fn is_eventual(incoming: &Incoming) -> bool {
    incoming.header("consistencylevel").is_some_and(|value| value.eq_ignore_ascii_case("eventual"))
}

/// The refusal of an advanced query without its header.
pub(super) fn needs_eventual() -> GraphError {
    GraphError::unsupported_query(
        "Advanced queries need the header 'ConsistencyLevel: eventual' and '$count=true'.",
    )
}

fn page_size(incoming: &Incoming, settings: &GraphSettings) -> Result<usize, GraphError> {
    let Some(top) = incoming.parameter("$top") else {
        return Ok(settings.default_page_size.clamp(1, 999));
    };
    match top.parse::<usize>() {
        Ok(size @ 1..=999) => Ok(size.min(settings.max_page_size.max(1))),
        _ => Err(GraphError::unsupported_query(&format!(
            "Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
        ))),
    }
}

fn ordered(text: &str) -> (String, bool) {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default().to_owned();
    (name, words.next().is_some_and(|word| word.eq_ignore_ascii_case("desc")))
}

impl Search {
    /// Reads `"displayName:ana" OR "mail:ana"`; a term without property searches the name.
    fn parse(text: &str) -> Result<Self, GraphError> {
        let mut alternatives = Vec::new();
        for alternative in text.split(" OR ") {
            let mut parts = Vec::new();
            for part in alternative.split(" AND ") {
                let quoted = part.trim().strip_prefix('"').and_then(|p| p.strip_suffix('"'));
                let Some(term) = quoted else {
                    return Err(GraphError::bad_request(
                        "Syntax error: character ':' is not valid; quote each clause of $search.",
                    ));
                };
                let (property, wanted) = term.split_once(':').unwrap_or(("displayName", term));
                parts.push((property.to_owned(), wanted.to_lowercase()));
            }
            alternatives.push(parts);
        }
        Ok(Self { alternatives })
    }

    /// Whether an object matches, given how to read its text properties.
    pub(super) fn matches(&self, read: impl Fn(&str) -> Option<String>) -> bool {
        self.alternatives.iter().any(|parts| {
            parts.iter().all(|(property, wanted)| {
                read(property).is_some_and(|text| {
                    let text = text.to_lowercase();
                    text.starts_with(wanted.as_str())
                        || text
                            .split(|c: char| !c.is_alphanumeric())
                            .any(|word| word.starts_with(wanted.as_str()))
                })
            })
        })
    }
}
