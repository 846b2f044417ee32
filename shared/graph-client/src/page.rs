//! Pages of collections and the links between them.

use contact_sync_domain::segment::NextStep;
use serde::Deserialize;

use crate::call::Unusable;
use crate::endpoints::Endpoints;

/// A page as it came. `value` may be empty although more pages follow.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta_link: Option<String>,
    value: Option<Vec<T>>,
}

/// Reads a page: one whose JSON is cut, or that lacks `value`, is no page.
pub(crate) fn read_page<'a, T: Deserialize<'a>>(
    body: &'a [u8],
) -> Result<(Vec<T>, Links), Unusable> {
    let page: Page<T> = serde_json::from_slice(body).map_err(no_json)?;
    let value = page.value.ok_or(Unusable::Broken("a page without value", None))?;
    Ok((value, Links { next: page.next_link, delta: page.delta_link }))
}

/// A body that is not the JSON we asked for. serde's words may quote a value, so only the kind and
/// the place are kept.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
pub(crate) fn no_json(error: serde_json::Error) -> Unusable {
    let place =
        format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column());
    Unusable::Broken("the answer is not the JSON that was asked for", Some(place.into()))
}

/// The links of a page.
#[derive(Debug)]
pub(crate) struct Links {
    next: Option<String>,
    delta: Option<String>,
}

impl Links {
    /// Where a listing goes on after a page that was called by `called`.
    pub(crate) fn of_listing(
        self,
        endpoints: &Endpoints,
        called: &str,
    ) -> Result<NextStep, Unusable> {
        match self.next {
            Some(link) => next(endpoints, link, called),
            None => Ok(NextStep::End),
        }
    }

    /// Where a round of changes goes on. A page has one of the two links; one with neither, or
    /// both, is broken and never the end.
    pub(crate) fn of_delta(
        self,
        endpoints: &Endpoints,
        called: &str,
    ) -> Result<NextStep, Unusable> {
        match (self.next, self.delta) {
            (Some(link), None) => next(endpoints, link, called),
            (None, Some(link)) => {
                endpoints.follow(&link).map_err(Unusable::Final)?;
                Ok(NextStep::Delta(link))
            }
            (None, None) => Err(Unusable::Broken("a page with neither next nor delta link", None)),
            (Some(_), Some(_)) => Err(Unusable::Broken("a page with both links", None)),
        }
    }

    /// The delta link of an answer that must have one at once.
    pub(crate) fn delta(self, endpoints: &Endpoints) -> Result<String, Unusable> {
        match self.of_delta(endpoints, "")? {
            NextStep::Delta(link) => Ok(link),
            NextStep::Next(_) | NextStep::End => {
                Err(Unusable::Broken("no delta link where one was asked for", None))
            }
        }
    }
}

fn next(endpoints: &Endpoints, link: String, called: &str) -> Result<NextStep, Unusable> {
    endpoints.follow(&link).map_err(Unusable::Final)?;
    if link == called {
        return Err(Unusable::Broken("a page whose next link leads back to it", None));
    }
    Ok(NextStep::Next(link))
}
