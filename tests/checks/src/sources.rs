//! The product's sources as text, without their tests.

use std::path::Path;

/// All Rust sources in a folder of the repository, tests left out.
pub fn product(folder: &str) -> String {
    let mut text = String::new();
    collect(&crate::root().join(folder), &mut text);
    text
}

fn collect(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            into.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        }
    }
}

/// The names of packages of ours that a package needs, as its manifest lists them.
pub fn adapters_of(folder: &str) -> Vec<String> {
    let manifest = crate::read(&format!("{folder}/Cargo.toml"));
    let needed = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let needed = needed.split("\n[").next().unwrap_or_default();
    needed
        .lines()
        .filter_map(|line| line.strip_prefix("contact-sync-"))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .collect()
}
