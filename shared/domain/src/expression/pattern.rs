//! Regular expressions of `Replace`, whose work on one text is bounded however they are written.

use regex::{Captures, Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use super::error::EvaluationProblem;
use super::text::Bounded;

/// How large a pattern may become once it is made ready, in bytes.
const MOST_SIZE: usize = 256 * 1024;

/// How deep groups may stand inside each other.
const MOST_DEEP: u32 = 50;

/// How much one text may cost: bytes looked at, times the places of the pattern at which a match
/// could be then. A unit takes up to 25 ns of a core: the worst patterns that were found, on 1,024
/// characters, take 4 ms. `\w+` on 1,024 characters of prose costs half of it.
const MOST_WORK: usize = 150_000;

/// How many bytes around a match are looked at to know that it ends there.
const BEYOND: usize = 4;

/// A pattern that was read.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    /// At how many places of the pattern a match can be at once.
    places: usize,
    /// The longest match, in bytes; `None` where it can go on for ever.
    longest: Option<usize>,
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
        let regex = RegexBuilder::new(source).size_limit(MOST_SIZE).nest_limit(MOST_DEEP).build();
        let regex = regex.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            // The last line says what is wrong, the others draw where.
            other => last_line(&other.to_string()),
        })?;
        let syntax = ParserBuilder::new().nest_limit(MOST_DEEP).build().parse(source);
        let syntax = syntax.map_err(|error| last_line(&error.to_string()))?;
        let longest = syntax.properties().maximum_len();
        Ok(Self { regex, places: places(&syntax).max(1), longest })
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
        let mut behind = 0;
        // To find that there is no further match all of the text is looked at once.
        let mut looks = text.len();
        let may_look = MOST_WORK / self.places;
        if looks > may_look {
            return Err(EvaluationProblem::PatternTooSlow);
        }
        for captures in self.regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            let rest = text.len() - whole.start();
            let seen = self.longest.map_or(rest, |longest| rest.min(longest + BEYOND));
            looks += whole.start().saturating_sub(behind) + seen;
            if looks > may_look {
                return Err(EvaluationProblem::PatternTooSlow);
            }
            behind = whole.end();
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

/// At how many places a match can be at once: each class and letter, as often as it is repeated.
fn places(syntax: &Hir) -> usize {
    match syntax.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            places(&repetition.sub).saturating_mul(times)
        }
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(places).fold(0, usize::saturating_add)
        }
    }
}

fn last_line(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
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
