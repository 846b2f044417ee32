//! Date formats as .NET writes them: `yyyy-MM-dd`, `M/d/yyyy h:mm:ss tt`, `yyyyMMddHHmmss.fZ`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::date::offset;

/// A format that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateFormat {
    parts: Vec<Part>,
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A letter of the format, and how often it stands.
    Field(char, usize),
    Literal(String),
}

/// A date that was read, with the offset that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) at: DateTime,
    pub(super) offset: Offset,
}

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: &[&str] =
    &["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// .NET reads two digits of a year as one up to 2049.
const LAST_SHORT_YEAR: i16 = 49;

impl DateFormat {
    /// Reads a custom format; otherwise why it is none.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        if source.chars().nth(1).is_none() {
            let form = "write the format out, for instance yyyy-MM-dd";
            return Err(format!("one letter stands for a form of its own in .NET; {form}"));
        }
        let mut parts = Vec::new();
        let mut letters = source.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                'y' | 'M' | 'd' | 'H' | 'h' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'K' => {
                    let mut count = 1;
                    while letters.next_if_eq(&letter).is_some() {
                        count += 1;
                    }
                    if count > most(letter) {
                        return Err(format!("`{letter}` stands {count} times in a row"));
                    }
                    parts.push(Part::Field(letter, count));
                }
                'g' | ':' | '/' if letter == 'g' => return Err("eras are not read".to_owned()),
                '\\' => push(&mut parts, letters.next().ok_or("it ends with a backslash")?),
                quote @ ('\'' | '"') => loop {
                    match letters.next() {
                        Some(letter) if letter == quote => break,
                        Some(letter) => push(&mut parts, letter),
                        None => return Err(format!("{quote} is not closed")),
                    }
                },
                // Says that a single letter is no form of its own.
                '%' => {}
                literal => push(&mut parts, literal),
            }
        }
        Ok(Self { parts, source: source.to_owned() })
    }

    /// Whether it writes no part of a date that is shorter than a day.
    pub(super) fn is_day_or_coarser(&self) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Field(letter, _) => matches!(letter, 'y' | 'M' | 'd'),
            Part::Literal(_) => true,
        })
    }

    /// Reads a text of this format.
    pub(super) fn read(&self, text: &str) -> Option<Read> {
        let mut found = Found::default();
        let mut rest = text.trim();
        for part in &self.parts {
            rest = match part {
                Part::Literal(literal) => rest.strip_prefix(literal.as_str())?,
                Part::Field(letter, count) => found.take(*letter, *count, rest)?,
            };
        }
        if rest.is_empty() { found.finish() } else { None }
    }

    /// Writes a date in this format.
    pub(super) fn write(&self, read: Read) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field(letter, count) => text.push_str(&field(*letter, *count, read)),
            }
        }
        text
    }
}

/// How often a letter can stand in a row.
fn most(letter: char) -> usize {
    match letter {
        'y' => 5,
        'M' | 'd' => 4,
        'f' | 'F' => 7,
        'z' => 3,
        'K' => 1,
        _ => 2,
    }
}

fn push(parts: &mut Vec<Part>, letter: char) {
    if let Some(Part::Literal(literal)) = parts.last_mut() {
        literal.push(letter);
    } else {
        parts.push(Part::Literal(letter.to_string()));
    }
}

/// What was read so far.
#[derive(Default)]
struct Found {
    year: Option<i16>,
    month: Option<i16>,
    day: Option<i16>,
    hour: i16,
    minute: i16,
    second: i16,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: Option<Offset>,
}

impl Found {
    fn take<'t>(&mut self, letter: char, count: usize, text: &'t str) -> Option<&'t str> {
        let number = |text: &'t str| digits(text, count);
        match (letter, count) {
            ('y', ..=2) => {
                let (year, rest) = digits(text, 2)?;
                let century = if year <= LAST_SHORT_YEAR { 2000 } else { 1900 };
                self.year = Some(year + century);
                Some(rest)
            }
            ('y', _) => Some(assign(&mut self.year, digits(text, count)?)),
            ('M', 3..) => Some(assign(&mut self.month, name(text, MONTHS, count)?)),
            ('M', _) => Some(assign(&mut self.month, number(text)?)),
            ('d', 3..) => Some(name(text, DAYS, count)?.1),
            ('d', _) => Some(assign(&mut self.day, number(text)?)),
            ('H' | 'h', _) => {
                let (hour, rest) = number(text)?;
                self.hour = hour;
                Some(rest)
            }
            ('m', _) => {
                let (minute, rest) = number(text)?;
                self.minute = minute;
                Some(rest)
            }
            ('s', _) => {
                let (second, rest) = number(text)?;
                self.second = second;
                Some(rest)
            }
            ('f' | 'F', _) => {
                let end = text.bytes().take(count).take_while(u8::is_ascii_digit).count();
                let (fraction, rest) = text.split_at_checked(end)?;
                if letter == 'f' && end < count {
                    return None;
                }
                let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
                self.nanosecond = nine.parse().ok()?;
                Some(rest)
            }
            ('t', _) => {
                let (half, rest) = text.split_at_checked(count)?;
                self.afternoon = match half.to_ascii_uppercase().as_str() {
                    "A" | "AM" => Some(false),
                    "P" | "PM" => Some(true),
                    _ => return None,
                };
                Some(rest)
            }
            // `z` and `K`.
            _ => {
                let is_offset = |letter: char| letter.is_ascii_digit() || "+-:Zz".contains(letter);
                let end = text.find(|letter| !is_offset(letter)).unwrap_or(text.len());
                let (written, rest) = text.split_at_checked(end)?;
                if written.is_empty() && letter == 'z' {
                    return None;
                }
                self.offset = Some(offset(written)?);
                Some(rest)
            }
        }
    }

    fn finish(self) -> Option<Read> {
        let part = |value: i16| i8::try_from(value).ok();
        let month = self.month.unwrap_or(1);
        let date = Date::new(self.year?, part(month)?, part(self.day.unwrap_or(1))?).ok()?;
        let hour = match self.afternoon {
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let time =
            Time::new(part(hour)?, part(self.minute)?, part(self.second)?, self.nanosecond).ok()?;
        Some(Read { at: date.to_datetime(time), offset: self.offset.unwrap_or(Offset::UTC) })
    }
}

fn assign<'t>(to: &mut Option<i16>, (value, rest): (i16, &'t str)) -> &'t str {
    *to = Some(value);
    rest
}

/// Exactly `count` digits; where one is asked for, one or two.
fn digits(text: &str, count: usize) -> Option<(i16, &str)> {
    let (number, rest) = super::date::digits(text, count.max(2))?;
    let taken = text.len() - rest.len();
    (count == 1 || taken == count).then_some((number, rest))
}

/// A month's or weekday's name, in full or its first three letters; its place from 1.
fn name<'t>(text: &'t str, names: &[&str], count: usize) -> Option<(i16, &'t str)> {
    for (place, name) in (1..).zip(names) {
        let wanted = if count == 3 { name.get(..3)? } else { name };
        let begins = text.get(..wanted.len()).is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        if begins {
            return Some((place, text.get(wanted.len()..)?));
        }
    }
    None
}

fn field(letter: char, count: usize, read: Read) -> String {
    let at = read.at;
    let padded = |number: i16| format!("{number:0count$}");
    let named = |names: &[&str], index: i8| {
        let index = usize::try_from(index).unwrap_or_default();
        let name = names.get(index).copied().unwrap_or_default();
        if count == 3 { name.get(..3).unwrap_or(name).to_owned() } else { name.to_owned() }
    };
    match (letter, count) {
        ('y', ..=2) => padded(at.year() % 100),
        ('y', _) => padded(at.year()),
        ('M', 3..) => named(MONTHS, at.month() - 1),
        ('M', _) => padded(at.month().into()),
        ('d', 3..) => named(DAYS, at.weekday().to_sunday_zero_offset()),
        ('d', _) => padded(at.day().into()),
        ('H', _) => padded(at.hour().into()),
        ('h', _) => padded(match at.hour() % 12 {
            0 => 12,
            hour => hour.into(),
        }),
        ('m', _) => padded(at.minute().into()),
        ('s', _) => padded(at.second().into()),
        ('f', _) => fraction(at, count),
        ('F', _) => fraction(at, count).trim_end_matches('0').to_owned(),
        ('t', 1) => if at.hour() < 12 { "A" } else { "P" }.to_owned(),
        ('t', _) => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        ('K', _) if read.offset == Offset::UTC => "Z".to_owned(),
        ('z', ..=2) => {
            let minutes = read.offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:0count$}", minutes.abs() / 60)
        }
        _ => {
            let minutes = read.offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
    }
}

fn fraction(at: DateTime, count: usize) -> String {
    let nine = format!("{:09}", at.subsec_nanosecond());
    nine.get(..count).unwrap_or(&nine).to_owned()
}
