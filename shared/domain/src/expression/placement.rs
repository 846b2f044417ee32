//! Where functions may stand that do not fit everywhere.

use super::date::Interval;
use super::error::{ExpressionError, ExpressionProblem};
use super::function::Function;
use super::node::{Kind, Node, Prepared};

/// Functions that say what becomes of a field stand outermost, and in no condition.
pub(super) fn outermost(node: &Node, in_condition: bool) -> Result<(), ExpressionError> {
    let mut found = None;
    node.visit(&mut |part| {
        let Kind::Call(function @ (Function::IgnoreFlow | Function::SelectUnique), ..) = &part.kind
        else {
            return;
        };
        if in_condition || !std::ptr::eq(part, node) {
            found = found.or(Some((part.span.start, function.name())));
        }
    });
    let Some((position, function)) = found else { return Ok(()) };
    Err(ExpressionError { position, problem: ExpressionProblem::NotOutermost { function } })
}

/// In a mapping, `Now()` stands only where a run a minute later gives the same, but for the moment
/// at which a day or a comparison turns: every run would write everybody otherwise.
pub(super) fn now_is_coarse(node: &Node) -> Result<(), ExpressionError> {
    match finest(node) {
        None => Ok(()),
        Some(position) => Err(ExpressionError { position, problem: ExpressionProblem::BareNow }),
    }
}

/// The first `Now()` of which more shows than days.
fn finest(node: &Node) -> Option<usize> {
    match &node.kind {
        Kind::Call(Function::Now, ..) => Some(node.span.start),
        kind => {
            let is_coarse = shows_days_at_most(kind);
            node.parts().filter(|part| !(is_coarse && is_moved_now(part))).find_map(finest)
        }
    }
}

/// Whether instants show in the part's value by their day at most, or by what they are compared to.
fn shows_days_at_most(kind: &Kind) -> bool {
    match kind {
        Kind::Compare(..) | Kind::In(..) => true,
        Kind::Call(Function::DateDiff, arguments, _) => {
            let interval = arguments.first().and_then(Node::constant).and_then(Interval::parse);
            interval.is_some_and(Interval::is_day_or_longer)
        }
        Kind::Call(Function::FormatDateTime, _, Prepared::Formats { output, .. }) => {
            output.is_day_or_coarser()
        }
        _ => false,
    }
}

/// `Now()`, or `Now()` moved by `DateAdd` as far as nothing else about it depends on the time.
fn is_moved_now(node: &Node) -> bool {
    match &node.kind {
        Kind::Call(Function::Now, ..) => true,
        Kind::Call(Function::DateAdd, arguments, _) => match arguments.as_slice() {
            [_, count, from] => finest(count).is_none() && is_moved_now(from),
            _ => false,
        },
        _ => false,
    }
}
