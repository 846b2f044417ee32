//! `Replace`, whose arguments say which of its forms is meant: source, oldValue, regexPattern,
//! regexGroupName, replacementValue, replacementAttributeName, template.

use super::error::EvaluationProblem;
use super::evaluate::Arguments;
use super::node::Prepared;
use super::pattern::Replacement;
use super::text::Bounded;
use super::value::Datum;

pub(super) fn replace<'a>(
    values: &mut Arguments<'a>,
    prepared: &'a Prepared,
) -> Result<Datum<'a>, EvaluationProblem> {
    let Some(source) = values.text() else { return Ok(Datum::Null) };
    let old = values.text();
    let _pattern = values.next();
    let group = values.text();
    let value = values.text();
    let attribute = values.text();
    let template = values.text();
    let replaced = match (prepared, &group, &template) {
        (Prepared::Pattern(pattern), None, _) => pattern
            .replace(&source, &Replacement::Template(value.as_deref().unwrap_or_default()))?,
        (Prepared::Pattern(pattern), Some(group), _) => {
            let by = value.or(attribute).unwrap_or_default();
            pattern.replace(&source, &Replacement::Group(group, &by))?
        }
        (_, _, Some(template)) => literally(template, &old.unwrap_or_default(), &source)?,
        (_, _, None) => literally(&source, &old.unwrap_or_default(), &value.unwrap_or_default())?,
    };
    Ok(Datum::text(replaced))
}

/// Every occurrence of `old` in the text replaced; upper and lower case differ.
fn literally(text: &str, old: &str, new: &str) -> Result<String, EvaluationProblem> {
    let mut replaced = Bounded::default();
    if old.is_empty() {
        replaced.push(text)?;
        return Ok(replaced.finish());
    }
    let mut parts = text.split(old);
    replaced.push(parts.next().unwrap_or_default())?;
    for part in parts {
        replaced.push(new)?;
        replaced.push(part)?;
    }
    Ok(replaced.finish())
}
