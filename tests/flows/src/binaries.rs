//! The functions' programs, built once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with one program per function, built from what the sources say now.
pub(crate) fn function_binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn build() -> PathBuf {
    // A test lies in target/<profile>/deps, a program that uses the harness one folder above.
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    let profile_folder =
        if folder.ends_with("deps") { folder.parent().unwrap() } else { folder }.to_owned();
    let mut target = profile_folder.parent().unwrap();
    // With that it is target/<triple>/<profile>.
    if std::env::var_os("CARGO_BUILD_TARGET").is_some_and(|triple| target.ends_with(triple)) {
        target = target.parent().unwrap();
    }
    let lock = File::create(target.join("flows.lock")).unwrap();
    lock.lock().unwrap();
    // nextest runs each test in a process of its own; the first of a run builds for all.
    let run = std::env::var_os("NEXTEST_RUN_ID").map(std::ffi::OsString::into_encoded_bytes);
    let built = target.join("flows.built");
    if run.is_some() && std::fs::read(&built).ok() == run {
        return profile_folder;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository()).arg("build").arg("--quiet").arg("--target-dir").arg(target);
    match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            cargo.args(["--profile", profile]);
        }
    }
    for name in function_names() {
        cargo.args(["--package", &name]);
    }
    let status = cargo.status().unwrap();
    assert!(status.success(), "the functions do not build");
    if let Some(run) = run {
        std::fs::write(built, run).unwrap();
    }
    profile_folder
}

/// A function's package and program are called as its folder.
fn function_names() -> Vec<String> {
    let folders = std::fs::read_dir(repository().join("functions")).unwrap();
    let mut names: Vec<String> = folders
        .map(|folder| folder.unwrap())
        .filter(|folder| folder.path().join("Cargo.toml").exists())
        .map(|folder| folder.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
