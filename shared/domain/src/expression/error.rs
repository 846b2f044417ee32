//! What can be wrong with an expression, and why one can fail for a user.

use thiserror::Error;

use super::{MAX_DEPTH, MAX_LENGTH, MAX_LIST, MAX_TEXT};

/// Where and why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at character {position}: {problem}")]
pub struct ExpressionError {
    /// Which character, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: ExpressionProblem,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpressionProblem {
    /// Over [`MAX_LENGTH`] characters.
    #[error("the expression is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// Over [`MAX_DEPTH`] functions inside each other.
    #[error("more than {MAX_DEPTH} functions inside each other")]
    TooDeep,
    /// Too many parentheses inside each other.
    #[error("too many parentheses inside each other")]
    TooManyParentheses,
    /// Something else stands here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A quote or bracket is never closed.
    #[error("{what} that begins here is not closed by {with}")]
    NotClosed {
        /// What begins.
        what: &'static str,
        /// What closes it.
        with: char,
    },
    /// No attribute of that name.
    #[error("there is no attribute `{name}`{hint}")]
    UnknownAttribute {
        /// The name as written.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// An attribute without its brackets.
    #[error("attributes stand in brackets: `[{name}]`")]
    NoBrackets {
        /// The attribute.
        name: String,
    },
    /// A group of attributes, of which one must be chosen.
    #[error("`{name}` is a group of attributes; choose one, for instance `[{example}]`")]
    NotOneAttribute {
        /// The group.
        name: &'static str,
        /// One of its members.
        example: &'static str,
    },
    /// Begins like a directory extension and is none.
    #[error(
        "`{name}` is no directory extension: they are written `extension_` + the application's id without dashes (32 digits) + `_` + the name"
    )]
    NoExtension {
        /// The name as written.
        name: String,
    },
    /// Graph has such an attribute, and it cannot be read here.
    #[error("`{name}` cannot be used: {because}")]
    RefusedAttribute {
        /// Its name.
        name: String,
        /// Why not.
        because: &'static str,
    },
    /// Entra has such a function, and it has no place here.
    #[error("`{name}` cannot be used: {because}")]
    RefusedFunction {
        /// Its name.
        name: &'static str,
        /// Why not.
        because: &'static str,
    },
    /// No function of that name.
    #[error("there is no function `{name}`{hint}")]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// Too few or too many arguments.
    #[error("`{function}` takes {expected}, found {found}")]
    WrongCount {
        /// Which function.
        function: &'static str,
        /// How many, in words.
        expected: String,
        /// How many there are.
        found: usize,
    },
    /// An argument that can never fit.
    #[error("`{function}` takes {expected} as argument {argument}, found {found}")]
    WrongArgument {
        /// Which function.
        function: &'static str,
        /// Which argument, counted from 1.
        argument: usize,
        /// What it takes.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A constant argument that is none of the words that are possible.
    #[error("`{function}` knows no {what} `{found}`; possible: {possible}")]
    WrongWord {
        /// Which function.
        function: &'static str,
        /// What the word says.
        what: &'static str,
        /// The word.
        found: String,
        /// All that are possible.
        possible: &'static str,
    },
    /// A pattern that cannot be read.
    #[error("the pattern cannot be read: {because}")]
    BadPattern {
        /// Why.
        because: String,
    },
    /// A date format that cannot be read.
    #[error("the date format cannot be read: {because}")]
    BadFormat {
        /// Why.
        because: String,
    },
    /// Arguments of `Replace` that are no form of it.
    #[error(
        "`Replace` needs oldValue with replacementValue or template, or regexPattern with replacementValue, or regexPattern and regexGroupName with replacementValue or replacementAttributeName"
    )]
    NoFormOfReplace,
    /// The manager inside something.
    #[error("`[manager]` is a person and stands alone, as the source of the target `manager`")]
    ReferenceInside,
    /// Two values that can never be compared.
    #[error("{left} cannot be compared with {right}")]
    Incomparable {
        /// The left side's kind.
        left: String,
        /// The right side's kind.
        right: String,
    },
    /// Comparisons in a row.
    #[error("one comparison at a time; join two with `and` or `or`")]
    ComparedTwice,
    /// Something that is neither true nor false where a condition belongs.
    #[error("expected a condition like `[department] eq \"Sales\"`, found {found}")]
    NoCondition {
        /// What stands there.
        found: String,
    },
    /// The function stands inside others or in a condition.
    #[error("`{function}` can only be the outermost function of a mapping's source")]
    NotOutermost {
        /// Which function.
        function: &'static str,
    },
    /// `Now()` where its hours and seconds show.
    #[error(
        "`Now()` gives another value at every run, so every run would change everybody; compare it, count days with `DateDiff(\"d\", …)`, or write it by days with `FormatDateTime`"
    )]
    BareNow,
}

/// Why an expression gives no value for a user. Names no value of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at character {position}: {problem}")]
pub struct EvaluationFailure {
    /// Where in the expression, counted from 1.
    pub position: usize,
    /// What went wrong there.
    pub problem: EvaluationProblem,
}

/// What can go wrong while an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EvaluationProblem {
    /// A text that is no date.
    #[error("the text is no date like 2026-03-31 or 2026-03-31T08:00:00Z")]
    NoDate,
    /// A text that does not have the given date format.
    #[error("the text does not have the date format that is given")]
    OtherFormat,
    /// A date outside the years 1 to 9999.
    #[error("the date lies outside the years 1 to 9999")]
    NoSuchDate,
    /// A text that is no number.
    #[error("the text is no number")]
    NoNumber,
    /// A text that is neither true nor false.
    #[error("the text is neither true nor false")]
    NoBoolean,
    /// A text over [`MAX_TEXT`] characters.
    #[error("the result is longer than {MAX_TEXT} characters")]
    TextTooLong,
    /// A list over [`MAX_LIST`] entries.
    #[error("the list has more than {MAX_LIST} entries")]
    ListTooLong,
    /// A pattern that needs too many looks at this text.
    #[error("the pattern takes too long on this text")]
    PatternTooSlow,
}
