//! `docs/story.md`, followed by a newcomer's shell: what the document prints is what comes.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use contact_sync_flows::{Scene, SceneOptions};
use entra_sim::TenantSpec;

/// Between the output of two blocks.
const BORDER: &str = "~~~~ next block ~~~~";

/// A block of commands, and what the document says it prints.
struct Block {
    commands: String,
    printed: String,
}

/// The blocks of commands in order, each with the block of text behind it.
fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    // Fences come in pairs: each second part is within one.
    for part in document.split("\n```").skip(1).step_by(2) {
        let (kind, text) = part.split_once('\n').unwrap();
        match kind {
            "sh" => blocks.push(Block { commands: text.to_owned(), printed: String::new() }),
            "text" => {
                text.clone_into(&mut blocks.last_mut().unwrap().printed);
            }
            "" => {}
            kind => panic!("nobody knows what to do with a block of {kind}"),
        }
    }
    blocks
}

/// Of the programs that the story uses, those that this machine lacks. Passed over in silence, the
/// story would look as if it had been followed.
fn missing(tools: &[&'static str]) -> Vec<&'static str> {
    let runs = |tool: &str| {
        let asked = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    tools.iter().copied().filter(|tool| !runs(tool)).collect()
}

/// What to do about them; `None` where all are there.
fn told_of(missing: &[&str]) -> Option<String> {
    let names = missing.join(" ");
    (!missing.is_empty()).then(|| {
        format!(
            "the story was not followed: it needs {names} (`apt-get install {names}`, or `brew \
             install {names}`)"
        )
    })
}

#[test]
fn a_machine_that_cannot_follow_the_story_is_told_what_to_install() {
    assert_eq!(told_of(&missing(&["bash"])), None);
    let told = told_of(&missing(&["bash", "no-such-tool"])).unwrap();
    assert!(told.contains("was not followed") && told.contains("install no-such-tool"), "{told}");
}

/// Each run of hexadecimal digits, and each time, is another one every time.
fn masked(text: &str) -> String {
    let is_hex = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    let mut masked = String::new();
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let drawn = bare.len() >= 16 && bare.chars().all(is_hex);
        masked.push_str(&if drawn { word.replace(bare, "…") } else { word.to_owned() });
    }
    masked.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_who_follows_the_story_sees_what_it_says() {
    assert_eq!(told_of(&missing(&["bash", "curl", "jq"])), None);
    let document =
        std::fs::read_to_string(contact_sync_flows::repository().join("docs/story.md")).unwrap();
    let blocks = blocks(&document);
    let mut options = SceneOptions::with_users(150);
    options.tenants = vec![
        TenantSpec::new("Contoso", "contoso.example", 150),
        TenantSpec::new("Fabrikam", "fabrikam.example", 40),
    ];
    let scene = Scene::start(options).await;
    let [yours, rest @ ..] = blocks.as_slice() else { panic!("the story has no commands") };
    assert!(yours.commands.starts_with("API="), "the first block says where everything is");
    let mut script = format!(
        "set -euo pipefail\nAPI={}\nTOKEN={}\nSIM={}\n",
        scene.stack.url(),
        scene.token(),
        scene.sim.base_url(),
    );
    for block in rest {
        script += &block.commands;
        let _written = writeln!(script, "\necho '{BORDER}'");
    }
    let folder = tempfile::tempdir().unwrap();
    let child = tokio::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let patience = std::time::Duration::from_mins(5);
    let output = tokio::time::timeout(patience, child.wait_with_output())
        .await
        .expect("the story ends within five minutes")
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{told}\n{}", scene.story());
    let printed: Vec<&str> = printed.split(BORDER).collect();
    let others: Vec<String> = rest
        .iter()
        .zip(&printed)
        .filter(|(block, printed)| masked(printed) != masked(&block.printed))
        .map(|(block, printed)| format!("{}\n\nprints\n{printed}", block.commands))
        .collect();
    assert!(others.is_empty(), "the document says otherwise:\n{}", others.join("\n"));
    assert_eq!(told, "", "nothing is said on stderr");
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}
