//! The repository speaks of the project alone.
#![expect(clippy::expect_used, reason = "a broken check may panic")]

use std::process::Command;

/// The files git tracks, as text; files that are no text are left out.
fn tracked() -> Vec<(String, String)> {
    let root = contact_sync_checks::root();
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(&root)
        .output()
        .expect("git lists its files");
    String::from_utf8(output.stdout)
        .expect("paths are UTF-8")
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter_map(|path| {
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some((path.to_owned(), text))
        })
        .collect()
}

#[test]
fn lock_files_name_the_official_registry_only() {
    for (path, text) in tracked().iter().filter(|(path, _)| path.ends_with("Cargo.lock")) {
        for line in text.lines().filter(|line| line.starts_with("source = ")) {
            assert!(
                line.contains("registry+https://github.com/rust-lang/crates.io-index"),
                "{path}: {line}"
            );
        }
    }
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let homes = ["/ro", "/ho", "/wo"].map(|start| match start {
        "/ro" => format!("{start}ot/"),
        "/ho" => format!("{start}me/"),
        _ => format!("{start}rk/"),
    });
    for (path, text) in tracked() {
        for (number, line) in text.lines().enumerate() {
            let found = homes.iter().find(|home| {
                line.match_indices(home.as_str()).any(|(at, _)| {
                    !line[..at]
                        .ends_with(|c: char| c.is_ascii_alphanumeric() || "-_.}$~".contains(c))
                })
            });
            assert!(found.is_none(), "{path}:{}: {line}", number + 1);
        }
    }
}
