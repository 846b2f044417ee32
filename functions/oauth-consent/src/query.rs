//! The parameters of a return from Microsoft, decoded once from the raw query.

use std::borrow::Cow;

use contact_sync_engine::consent::Callback;

/// Codes and descriptions together stay far below; API Gateway itself refuses above 10 KB.
const LIMIT: usize = 16 * 1_024;

/// The parameters that matter.
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    state: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    error_description: Option<Cow<'a, str>>,
    admin_consent: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
}

impl<'a> Parameters<'a> {
    /// `None` for what Microsoft never sends: a parameter twice, or endless text.
    pub(crate) fn parse(raw_query: &'a str) -> Option<Self> {
        if raw_query.len() > LIMIT {
            return None;
        }
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(raw_query.as_bytes()) {
            let place = match &*name {
                "state" => &mut parameters.state,
                "error" => &mut parameters.error,
                "error_description" => &mut parameters.error_description,
                "admin_consent" => &mut parameters.admin_consent,
                "tenant" => &mut parameters.tenant,
                "code" => &mut parameters.code,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(parameters)
    }

    pub(crate) fn with_cookie<'p>(&'p self, cookie: Option<&'p str>) -> Callback<'p> {
        Callback {
            state: self.state.as_deref(),
            cookie,
            error: self.error.as_deref(),
            error_description: self.error_description.as_deref(),
            admin_consent: self.admin_consent.as_deref(),
            tenant: self.tenant.as_deref(),
            code: self.code.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_exactly_once() {
        let raw = "state=a%252Bb&code=x%2By+z&error_description=AADSTS65004%3a+no%0d%0a";
        let parameters = Parameters::parse(raw).unwrap();
        let callback = parameters.with_cookie(Some("c"));
        assert_eq!(callback.state, Some("a%2Bb"));
        assert_eq!(callback.code, Some("x+y z"));
        assert_eq!(callback.error_description, Some("AADSTS65004: no\r\n"));
        assert_eq!((callback.cookie, callback.tenant), (Some("c"), None));
    }

    #[test]
    fn a_parameter_twice_is_no_answer_of_microsofts() {
        assert!(Parameters::parse("tenant=a&tenant=b").is_none());
        assert!(Parameters::parse("state=a&%73tate=b").is_none());
        assert!(Parameters::parse("other=a&other=b").is_some());
        assert!(Parameters::parse(&"x".repeat(LIMIT + 1)).is_none());
    }
}
