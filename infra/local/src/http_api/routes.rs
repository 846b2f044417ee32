//! Which function a request belongs to.

use std::collections::BTreeMap;

use http::Method;
use matchit::Router;
use percent_encoding::percent_decode_str;

use crate::plan::Plan;

/// Two routes of the template that cannot be told apart, or a path that is not one.
#[derive(Debug, thiserror::Error)]
#[error("the route {route} of {function} cannot be added: {problem}")]
pub struct RouteConflict {
    route: String,
    function: String,
    problem: String,
}

/// The routes of the template.
#[derive(Debug, Default)]
pub struct Routes {
    router: Router<usize>,
    paths: Vec<Methods>,
}

#[derive(Debug, Default)]
struct Methods {
    /// By method; `ANY` takes what no other takes.
    routes: BTreeMap<String, Target>,
}

#[derive(Debug, Clone)]
struct Target {
    function: String,
    key: String,
    is_protected: bool,
}

/// The route a request took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub function: String,
    /// `POST /connect/{token}`.
    pub key: String,
    pub is_protected: bool,
    /// Decoded, as API Gateway hands them over.
    pub path_parameters: BTreeMap<String, String>,
}

impl Routes {
    /// Collects the routes of every function of `plan`.
    pub fn new(plan: &Plan) -> Result<Self, RouteConflict> {
        let mut routes = Self::default();
        let mut indexes: BTreeMap<String, usize> = BTreeMap::new();
        for function in &plan.functions {
            for route in &function.routes {
                let key = format!("{} {}", route.method, route.path);
                let conflict = |problem: String| RouteConflict {
                    route: key.clone(),
                    function: function.name.clone(),
                    problem,
                };
                let index = if let Some(index) = indexes.get(&route.path) {
                    *index
                } else {
                    let index = routes.paths.len();
                    routes
                        .router
                        .insert(as_matchit(&route.path), index)
                        .map_err(|error| conflict(error.to_string()))?;
                    routes.paths.push(Methods::default());
                    indexes.insert(route.path.clone(), index);
                    index
                };
                let Some(methods) = routes.paths.get_mut(index) else { continue };
                let target = Target {
                    function: function.name.clone(),
                    key: key.clone(),
                    is_protected: route.is_protected,
                };
                if methods.routes.insert(route.method.clone(), target).is_some() {
                    return Err(conflict("another function has it".to_owned()));
                }
            }
        }
        Ok(routes)
    }

    /// The route for `method` and the raw `path`.
    pub fn find(&self, method: &Method, path: &str) -> Option<Found> {
        let matched = self.router.at(path).ok()?;
        let methods = self.paths.get(*matched.value)?;
        let target = methods.routes.get(method.as_str()).or_else(|| methods.routes.get("ANY"))?;
        let path_parameters = matched
            .params
            .iter()
            .map(|(name, value)| {
                (name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned())
            })
            .collect();
        Some(Found {
            function: target.function.clone(),
            key: target.key.clone(),
            is_protected: target.is_protected,
            path_parameters,
        })
    }
}

/// API Gateway writes the rest of a path `{proxy+}`, matchit `{*proxy}`.
fn as_matchit(path: &str) -> String {
    match path.rsplit_once('{') {
        Some((before, rest)) => match rest.strip_suffix("+}") {
            Some(name) => format!("{before}{{*{name}}}"),
            None => path.to_owned(),
        },
        None => path.to_owned(),
    }
}
