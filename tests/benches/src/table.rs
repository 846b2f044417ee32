//! The table: what was counted beside what it may be.

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) counted: f64,
    pub(crate) unit: &'static str,
    /// What it must not pass; `None` where it is only told.
    pub(crate) must: Option<f64>,
    /// What it should reach.
    pub(crate) aim: Option<f64>,
}

/// Figures that come out the same at each fault-free run: users, figure, value.
const EXPECTED: &str = include_str!("../expected.tsv");

/// What a figure of a directory of `users` is known to be.
fn expected(users: u32, what: &str) -> Option<f64> {
    EXPECTED.lines().find_map(|line| {
        let mut cells = line.split('\t');
        let fits = cells.next() == Some(&users.to_string()) && cells.next() == Some(what);
        fits.then(|| cells.next()?.parse().ok()).flatten()
    })
}

/// Prints the rows; whether every "must" was kept.
pub(crate) fn print(rows: &[Row]) -> bool {
    print_beside(rows, |_| None)
}

/// Prints the rows beside what is known of directories of that size; whether every "must" was kept,
/// and every known figure came out as known: less is a change as well, to be written down.
pub(crate) fn print_exact(rows: &[Row], users: u32) -> bool {
    print_beside(rows, |row| expected(users, &row.what))
}

fn print_beside(rows: &[Row], known: impl Fn(&Row) -> Option<f64>) -> bool {
    println!("{:<46} {:>12} {:>12} {:>12} {:>12}  unit", "", "counted", "exactly", "must", "aim");
    let mut kept = true;
    for row in rows {
        let exactly = known(row);
        let broken = row.must.is_some_and(|must| row.counted > must + 1e-9);
        let changed = exactly.is_some_and(|exactly| (row.counted - exactly).abs() > 5e-4);
        kept &= !broken && !changed;
        println!(
            "{:<46} {:>12} {:>12} {:>12} {:>12}  {}{}{}",
            row.what,
            number(Some(row.counted)),
            number(exactly),
            number(row.must),
            number(row.aim),
            row.unit,
            if broken { "   BROKEN" } else { "" },
            if changed { "   CHANGED" } else { "" },
        );
    }
    kept
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) if value < 0.1 => format!("{value:.5}"),
        Some(value) => format!("{value:.3}"),
    }
}
