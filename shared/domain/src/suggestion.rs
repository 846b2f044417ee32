//! "Did you mean …": the known name that a mistyped one comes nearest to.

/// The candidate with the fewest typing mistakes between it and `word`, upper and lower case being
/// one; `None` when even the nearest is too far to be meant.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted: Vec<char> = word.trim().to_lowercase().chars().take(MAX_CHARS).collect();
    let tolerated = (wanted.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(mistakes, _)| *mistakes <= tolerated)
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or nothing.
pub(crate) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, candidates).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Longer words are compared by their beginning: no name is longer.
const MAX_CHARS: usize = 100;

/// Letters to insert, remove, replace or swap with their neighbour to get from one to the other.
fn distance(from: &[char], to: &str) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=from.len()).collect();
    let mut previous = None;
    for (line, target) in to.chars().enumerate() {
        let mut next = vec![line + 1];
        for (column, letter) in from.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&row, column) + usize::from(*letter != target);
            let mut best = replaced.min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            let left = column.checked_sub(1).and_then(|left| from.get(left).map(|c| (left, *c)));
            if let Some((left, neighbour)) = left
                && previous == Some(*letter)
                && neighbour == target
            {
                best = best.min(at(&before, left) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(target);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_foreign_word_finds_none() {
        let names = ["mail", "jobTitle", "department", "displayName"];
        for (word, expected) in [
            ("mial", Some("mail")),
            ("mai", Some("mail")),
            ("jobtitle", Some("jobTitle")),
            ("departmnet", Some("department")),
            ("dispalyName", Some("displayName")),
            ("shoeSize", None),
            ("", None),
        ] {
            assert_eq!(closest(word, names), expected, "{word}");
        }
    }
}
