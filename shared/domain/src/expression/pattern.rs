//! Regular expressions of `Replace`: matched in time linear in the text, however they are written.

use regex::{Captures, Regex, RegexBuilder};

use super::error::EvaluationProblem;
use super::text::Bounded;

/// How large a pattern may become once it is made ready, in bytes.
const MOST_SIZE: usize = 256 * 1024;

/// How many characters all matches of one text may look at together: what keeps a pattern that
/// looks to the end of the text at each of its places from taking the square of its length.
const MOST_LOOKS: usize = 1_000_000;

/// A pattern that was read.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
}

/// What takes the place of a match.
pub(super) enum Replacement<'r> {
    /// `$1`, `${name}`, `$0` and `$&` stand for what was matched, `$$` for a `$`, as in .NET.
    Template(&'r str),
    /// The text takes the place of this group alone.
    Group(&'r str, &'r str),
}

impl Pattern {
    /// Reads a pattern; otherwise why it is none.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        for (part, what) in [("(?=", "looking ahead"), ("(?!", "looking ahead")]
            .into_iter()
            .chain([("(?<=", "looking behind"), ("(?<!", "looking behind")])
        {
            if source.contains(part) {
                return Err(format!("{what} (`{part}`) is not possible"));
            }
        }
        let regex = RegexBuilder::new(source).size_limit(MOST_SIZE).nest_limit(50).build();
        regex.map(|regex| Self { regex }).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            // The last line says what is wrong, the others draw where.
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                last.trim().trim_start_matches("error: ").to_owned()
            }
        })
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        self.regex.capture_names().flatten().any(|known| known == name)
    }

    /// The text with every match replaced.
    pub(super) fn replace(
        &self,
        text: &str,
        with: &Replacement<'_>,
    ) -> Result<String, EvaluationProblem> {
        let mut replaced = Bounded::default();
        let mut copied = 0;
        let mut looks = 0_usize;
        for captures in self.regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            looks += text.len() - whole.start();
            if looks > MOST_LOOKS {
                return Err(EvaluationProblem::PatternTooSlow);
            }
            let (part, by) = match with {
                Replacement::Template(template) => (Some(whole), expand(template, &captures)?),
                Replacement::Group(name, by) => (captures.name(name), (*by).to_owned()),
            };
            // A group that takes no part in this match leaves it as it is.
            let Some(part) = part else { continue };
            replaced.push(text.get(copied..part.start()).unwrap_or_default())?;
            replaced.push(&by)?;
            copied = part.end();
        }
        replaced.push(text.get(copied..).unwrap_or_default())?;
        Ok(replaced.finish())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Pattern {}

fn expand(template: &str, captures: &Captures<'_>) -> Result<String, EvaluationProblem> {
    let mut text = Bounded::default();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        text.push(before)?;
        let (by, behind) = substitution(after, captures);
        text.push(by)?;
        rest = behind;
    }
    text.push(rest)?;
    Ok(text.finish())
}

/// What stands for a `$` and the characters after it, and what follows them.
fn substitution<'a>(after: &'a str, captures: &'a Captures<'_>) -> (&'a str, &'a str) {
    let group = |index: usize| captures.get(index).map_or("", |found| found.as_str());
    if let Some(behind) = after.strip_prefix('$') {
        return ("$", behind);
    }
    if let Some(behind) = after.strip_prefix('&') {
        return (group(0), behind);
    }
    if let Some((name, behind)) = after.strip_prefix('{').and_then(|named| named.split_once('}')) {
        let by = match name.parse() {
            Ok(index) => group(index),
            Err(_) => captures.name(name).map_or("", |found| found.as_str()),
        };
        return (by, behind);
    }
    let digits = after.bytes().take(2).take_while(u8::is_ascii_digit).count();
    match after.split_at_checked(digits) {
        Some((index, behind)) if digits > 0 => (group(index.parse().unwrap_or(usize::MAX)), behind),
        Some(_) | None => ("$", after),
    }
}
