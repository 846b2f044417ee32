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

/// Prints the rows; whether every "must" was kept.
pub(crate) fn print(rows: &[Row]) -> bool {
    println!("{:<46} {:>12} {:>12} {:>12}  unit", "", "counted", "must", "aim");
    let mut kept = true;
    for row in rows {
        let broken = row.must.is_some_and(|must| row.counted > must + 1e-9);
        kept &= !broken;
        println!(
            "{:<46} {:>12} {:>12} {:>12}  {}{}",
            row.what,
            number(Some(row.counted)),
            number(row.must),
            number(row.aim),
            row.unit,
            if broken { "   BROKEN" } else { "" }
        );
    }
    kept
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.3}"),
    }
}
