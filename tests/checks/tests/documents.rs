//! The documents keep their word: what a document names or links to exists.

use contact_sync_checks::{read, root};

#[test]
fn what_the_documents_link_to_exists() {
    for document in ["README.md", "docs/deploy.md", "docs/operations.md", "docs/security.md"] {
        let text = read(document);
        let home = root().join(document);
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => home.clone(),
                file => home.parent().expect("a folder").join(file),
            };
            assert!(path.exists(), "{document} leads to {target}");
            if anchor.is_empty() {
                continue;
            }
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            let found = there
                .lines()
                .filter_map(|line| line.strip_prefix('#'))
                .map(|title| title.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-"))
                .any(|title| title == anchor);
            assert!(found, "{document} leads to {target}");
        }
    }
}

#[test]
fn what_is_named_of_the_template_is_there() {
    let template = read("infra/template.yaml");
    for document in ["docs/deploy.md", "docs/operations.md", "docs/security.md"] {
        let text = read(document);
        // `AppCredentialArn`: a word in code, in the template's own way of writing names.
        for word in text.split('`').skip(1).step_by(2) {
            let named = ["Arn", "Alarm", "Logs", "DeadLetters", "Table", "Url", "Id", "Name"]
                .iter()
                .any(|end| word.ends_with(end))
                && word.starts_with(|first: char| first.is_ascii_uppercase())
                && word.chars().all(|letter| letter.is_ascii_alphabetic());
            let elsewhere = ["ApiGatewayDomainName"].contains(&word);
            assert!(!named || elsewhere || template.contains(word), "{document} names {word}");
        }
    }
}
