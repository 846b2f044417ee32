//! The tidy spelling of an expression, which reads back as the same one.

use std::fmt::{Display, Formatter, Result};

use super::date;
use super::node::{Kind, Node};

impl Display for Node {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match &self.kind {
            Kind::Attribute(attribute) => write!(formatter, "[{attribute}]"),
            Kind::Text(text) => {
                let escaped = text.replace('\\', "\\\\").replace('"', "\"\"");
                write!(formatter, "\"{escaped}\"")
            }
            Kind::Number(number) => number.fmt(formatter),
            Kind::Boolean(flag) => flag.fmt(formatter),
            Kind::Date(instant) => formatter.write_str(&date::literal(*instant)),
            Kind::Null => formatter.write_str("null"),
            Kind::Omitted => Ok(()),
            Kind::Call(function, arguments, _) => {
                formatter.write_str(function.name())?;
                list(formatter, arguments)
            }
            Kind::Compare(comparison, sides, _) => {
                let [left, right] = sides.as_ref();
                operand(formatter, left)?;
                write!(formatter, " {} ", comparison.word())?;
                operand(formatter, right)
            }
            Kind::In(value, options) => {
                operand(formatter, value)?;
                formatter.write_str(" in ")?;
                list(formatter, options)
            }
            Kind::And(parts) => row(formatter, parts, " and ", |kind| matches!(kind, Kind::Or(_))),
            Kind::Or(parts) => row(formatter, parts, " or ", |_| false),
        }
    }
}

/// A side of a comparison: what is weaker than it stands in parentheses.
fn operand(formatter: &mut Formatter<'_>, node: &Node) -> Result {
    let is_weak =
        matches!(node.kind, Kind::Compare(..) | Kind::In(..) | Kind::And(_) | Kind::Or(_));
    if is_weak { write!(formatter, "({node})") } else { node.fmt(formatter) }
}

fn row(
    formatter: &mut Formatter<'_>,
    parts: &[Node],
    word: &str,
    is_weak: fn(&Kind) -> bool,
) -> Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formatter.write_str(word)?;
        }
        if is_weak(&part.kind) {
            write!(formatter, "({part})")?;
        } else {
            part.fmt(formatter)?;
        }
    }
    Ok(())
}

fn list(formatter: &mut Formatter<'_>, nodes: &[Node]) -> Result {
    formatter.write_str("(")?;
    for (index, node) in nodes.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(formatter, "{comma}{node}")?;
    }
    formatter.write_str(")")
}
