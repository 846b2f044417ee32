use proptest::prelude::*;

use super::*;

fn template(subject: &str, text: &str, html: Option<&str>) -> WelcomeTemplate {
    WelcomeTemplate {
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.map(str::to_owned),
        version: 1,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn values(name: &str) -> Values<'_> {
    Values {
        display_name: Some(name),
        email: "ada@contoso.example",
        account_name: "Contoso & Sons",
        portal_url: Some("https://portal.host.example"),
    }
}

#[test]
fn a_mail_says_whom_it_is_for() {
    let template = template(
        "Welcome, {{displayName}}",
        "{{ displayName }} <{{email}}>: {{accountName}} awaits you at {{portalUrl}}.",
        Some("<p>{{displayName}} of {{accountName}}</p>"),
    );
    assert_eq!(template.problems(true), []);
    let mail = template.render(&values("Ada"));
    assert_eq!(mail.subject, "Welcome, Ada");
    let text = "Ada <ada@contoso.example>: Contoso & Sons awaits you at \
                https://portal.host.example.";
    assert_eq!(mail.text, text);
    assert_eq!(mail.html.as_deref(), Some("<p>Ada of Contoso &amp; Sons</p>"));
    // Whoever has no name is called by the address.
    assert_eq!(template.render(&values("  ")).subject, "Welcome, ada@contoso.example");
}

#[test]
fn what_no_mail_could_say_is_refused_by_name() {
    let wrong = template("Hi {{firstName}}\r\nBcc: x@host.example", "{{email", Some(" "));
    let problems = wrong.problems(true);
    let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/subject", "/subject", "/text", "/html"]);
    assert!(problems[1].message.contains("`{{firstName}}`"), "{problems:?}");
    assert!(problems[1].message.contains("{{displayName}}"), "{problems:?}");
    let portal = template("Hi", "At {{portalUrl}}", None);
    assert_eq!(portal.problems(true), []);
    assert!(portal.problems(false)[0].message.contains("PortalUrl"));
    let long = template(&"x".repeat(LONGEST_SUBJECT + 1), "Hi", None);
    assert_eq!(long.problems(true).len(), 1);
}

#[test]
fn a_value_that_looks_like_a_placeholder_is_one_of_nobody() {
    let mail = template("{{displayName}}", "x", None).render(&values("{{email}}"));
    assert_eq!(mail.subject, "{{email}}");
}

#[test]
fn nothing_of_a_mail_is_shown_in_a_log() {
    let mail = template("{{displayName}}", "x", None).render(&values("Ada"));
    assert!(!format!("{mail:?}").contains("Ada"));
}

proptest! {
    #[test]
    fn no_value_brings_a_line_a_header_or_markup_along(name in ".{0,400}") {
        let template = template(
            "Hi {{displayName}}", "Hi {{displayName}}", Some("<a title=\"{{displayName}}\"></a>"),
        );
        let mail = template.render(&values(&name));
        prop_assert!(!mail.subject.chars().any(char::is_control));
        prop_assert!(!mail.text.chars().any(char::is_control));
        let html = mail.html.unwrap();
        let inside = html.strip_prefix("<a title=\"").unwrap().strip_suffix("\"></a>").unwrap();
        prop_assert!(!inside.contains(['<', '>', '"', '\'', '`']), "{inside}");
    }
}
