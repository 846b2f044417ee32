//! The functions: Entra's names, what they take and what they give.

use super::ValueType;
use super::error::ExpressionProblem;
use crate::suggestion;

/// What a function takes at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    /// Whatever there is.
    Any,
    /// A text; other values are written out, of a list the first entry counts.
    Text,
    Number,
    Boolean,
    Date,
    /// A constant: `yyyy`, `m`, `d`, `ww`, `h`, `n` or `s`.
    Interval,
    /// A constant: names of `DateTimeStyles`.
    Styles,
    /// A constant: a date format of .NET.
    Format,
    /// A constant: a regular expression.
    Pattern,
    /// A constant: a group of the regular expression.
    Group,
    /// An attribute, or its name as a text.
    Attribute,
    /// A constant: `vbTextCompare` or `vbBinaryCompare`.
    CompareType,
    /// A constant: a language like `tr-TR`.
    Culture,
}

/// What a function takes and gives.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// The last one stands for all that follow.
    pub(super) takes: &'static [Parameter],
    pub(super) least: usize,
    pub(super) most: Option<usize>,
    /// From which to which argument one may be left out between its commas.
    pub(super) omittable: Option<(usize, usize)>,
    pub(super) gives: ValueType,
}

macro_rules! functions {
    ($($function:ident $name:literal ($($takes:ident),*) $least:literal..$most:tt
        $(omits $from:literal..=$to:literal)? => $gives:ident;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($function,)* }

        impl Function {
            pub(super) const ALL: &'static [Self] = &[$(Self::$function,)*];

            pub(super) fn signature(self) -> &'static Signature {
                match self {
                    $(Self::$function => &Signature {
                        name: $name,
                        takes: &[$(Parameter::$takes),*],
                        least: $least,
                        most: functions!(@most $most),
                        omittable: functions!(@omits $($from, $to)?),
                        gives: ValueType::$gives,
                    },)*
                }
            }
        }
    };
    (@most many) => { None };
    (@most $most:literal) => { Some($most) };
    (@omits) => { None };
    (@omits $from:literal, $to:literal) => { Some(($from, $to)) };
}

functions! {
    Append "Append" (Text, Text) 2..2 => Text;
    BitAnd "BitAnd" (Number, Number) 2..2 => Number;
    CBool "CBool" (Any) 1..1 => Boolean;
    CDate "CDate" (Date) 1..1 => DateTime;
    Coalesce "Coalesce" (Any) 1..many => Any;
    Contains "contains" (Any, Text) 2..2 => Boolean;
    ConvertToUtf8Hex "ConvertToUTF8Hex" (Text) 1..1 => Text;
    Count "Count" (Any) 1..1 => Number;
    CStr "CStr" (Any) 1..1 => Text;
    DateAdd "DateAdd" (Interval, Number, Date) 3..3 => DateTime;
    DateDiff "DateDiff" (Interval, Date, Date) 3..3 => Number;
    DateFromNum "DateFromNum" (Number) 1..1 => DateTime;
    EndsWith "endsWith" (Any, Text) 2..2 => Boolean;
    FormatDateTime "FormatDateTime" (Text, Styles, Format, Format) 4..4 omits 1..=1 => Text;
    IgnoreFlow "IgnoreFlowIfNullOrEmpty" (Any) 1..1 => Any;
    Iif "IIF" (Boolean, Any, Any) 3..3 => Any;
    InStr "InStr" (Text, Text, Number, CompareType) 2..4 omits 2..=2 => Number;
    IsNull "IsNull" (Any) 1..1 => Boolean;
    IsNullOrEmpty "IsNullOrEmpty" (Any) 1..1 => Boolean;
    IsPresent "IsPresent" (Any) 1..1 => Boolean;
    IsString "IsString" (Any) 1..1 => Boolean;
    Item "Item" (Any, Number) 2..2 => Text;
    Join "Join" (Text, Any) 2..many => Text;
    Left "Left" (Text, Number) 2..2 => Text;
    Mid "Mid" (Text, Number, Number) 3..3 => Text;
    NormalizeDiacritics "NormalizeDiacritics" (Text) 1..1 => Text;
    Not "Not" (Boolean) 1..1 => Boolean;
    // In a mapping only where no more of it shows than the day (`placement`).
    Now "Now" () 0..0 => DateTime;
    NumFromDate "NumFromDate" (Date) 1..1 => Number;
    PCase "PCase" (Text, Text) 1..2 => Text;
    RemoveDuplicates "RemoveDuplicates" (Any) 1..1 => List;
    Replace "Replace" (Text, Text, Pattern, Group, Text, Attribute, Text) 2..7
        omits 1..=6 => Text;
    // Only as a whole source, of `email`: the first address that no other contact has.
    SelectUnique "SelectUniqueValue" (Text) 2..many => Text;
    Split "Split" (Text, Text) 2..2 => List;
    StartsWith "startsWith" (Any, Text) 2..2 => Boolean;
    StripSpaces "StripSpaces" (Text) 1..1 => Text;
    Switch "Switch" (Any) 4..many omits 1..=1 => Any;
    ToLower "ToLower" (Text, Culture) 1..2 => Text;
    ToUpper "ToUpper" (Text, Culture) 1..2 => Text;
    Trim "Trim" (Text) 1..1 => Text;
    Word "Word" (Text, Number, Text) 3..3 => Text;
}

const RANDOM: &str = "it gives another value each time, so every run would change everybody";
const ROLES: &str = "application roles are not read";

/// Functions of Entra that have no place here, each with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("AppRoleAssignmentsComplex", ROLES),
    ("AssertiveAppRoleAssignmentsComplex", ROLES),
    ("SingleAppRoleAssignment", ROLES),
    ("Guid", RANDOM),
    ("RandomString", RANDOM),
    ("Redact", "it hides values in Entra's own logs; values are in no log here"),
    ("ConvertFromBase64", "attributes hold no encoded texts"),
    ("ConvertToBase64", "contacts hold no encoded texts"),
];

/// Names from elsewhere, each with what to write.
const ELSEWHERE: &[(&str, &str)] = &[
    ("LCase", "ToLower"),
    ("UCase", "ToUpper"),
    ("Lower", "ToLower"),
    ("Upper", "ToUpper"),
    ("Concat", "Join"),
    ("If", "IIF"),
    ("Substring", "Mid"),
    ("IndexOf", "InStr"),
];

impl Function {
    /// Function names are the same in upper and lower case.
    pub(super) fn parse(name: &str) -> Result<Self, ExpressionProblem> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(name);
        if let Some(function) = Self::ALL.iter().find(|function| is_it(function.name())) {
            return Ok(*function);
        }
        if let Some((name, because)) = REFUSED.iter().find(|(known, _)| is_it(known)) {
            return Err(ExpressionProblem::RefusedFunction { name, because });
        }
        let name = name.to_owned();
        let hint = match ELSEWHERE.iter().find(|(known, _)| is_it(known)) {
            Some((_, here)) => format!("; did you mean `{here}`?"),
            None => suggestion::hint(&name, Self::ALL.iter().map(|function| function.name())),
        };
        Err(ExpressionProblem::UnknownFunction { name, hint })
    }

    pub(super) fn name(self) -> &'static str {
        self.signature().name
    }

    /// What stands at a place, counted from 0.
    pub(super) fn parameter(self, index: usize) -> Parameter {
        let takes = self.signature().takes;
        takes.get(index).or(takes.last()).copied().unwrap_or(Parameter::Any)
    }

    /// Whether the argument may be left out between its commas.
    pub(super) fn omits(self, index: usize) -> bool {
        self.signature().omittable.is_some_and(|(from, to)| (from..=to).contains(&index))
    }
}

impl Signature {
    /// How many arguments, in words.
    pub(super) fn count(&self) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        match (self.least, self.most) {
            (0, Some(0)) => "no argument".to_owned(),
            (least, Some(most)) if least == most => format!("{least} argument{}", plural(least)),
            (least, Some(most)) => format!("{least} to {most} arguments"),
            (least, None) => format!("at least {least} argument{}", plural(least)),
        }
    }
}
