//! `SelectUniqueValue` in the mapping of the e-mail.

use super::*;

const SOURCE: &str = "SelectUniqueValue([mail], Append([mailNickname], '@contoso.example'), \
                      Append([employeeId], '@contoso.example'))";

fn mapped(attributes: Value) -> Mapped {
    let settings = settings(json!([{"target": "email", "source": SOURCE, "required": true}]));
    Mapping::compile(&settings, &[]).unwrap().map(&user(attributes), Timestamp::UNIX_EPOCH)
}

fn ana() -> Value {
    json!({"mail": "Ana@contoso.example", "mailNickname": "ana.lee", "employeeId": "4711"})
}

fn email(mapped: &Mapped) -> Option<&str> {
    mapped.value(&Target::Field(ContactField::Email)).and_then(Value::as_str)
}

#[test]
fn the_first_address_that_nobody_has_is_given_and_kept() {
    let all = ["ana@contoso.example", "ana.lee@contoso.example", "4711@contoso.example"];
    let mapped = mapped(ana());
    assert_eq!(mapped.choices(), all);
    for (borne, taken, expected) in [
        (None, vec![], "Ana@contoso.example"),
        (None, vec![0], "ana.lee@contoso.example"),
        (None, vec![0, 1], "4711@contoso.example"),
        // What one has stays, although a better one is free by now.
        (Some("4711@Contoso.Example"), vec![], "4711@contoso.example"),
        (Some("ana.lee@contoso.example"), vec![0, 1], "ana.lee@contoso.example"),
        // Not what no mapping gives any more.
        (Some("old@contoso.example"), vec![0], "ana.lee@contoso.example"),
        // Nothing is free: the ordinary collision.
        (None, vec![0, 1, 2], "Ana@contoso.example"),
    ] {
        let is_taken = |key: &str| taken.iter().any(|place: &usize| all[*place] == key);
        let chosen = mapped.choosing(borne, is_taken);
        assert_eq!(email(&chosen), Some(expected), "{borne:?} {taken:?}");
        let again = chosen.choosing(email(&chosen), |_| true);
        assert_eq!(email(&again), Some(expected), "chosen twice");
    }
}

#[test]
fn what_is_no_address_is_passed_over_unless_nothing_else_is_there() {
    let with = |mail: Value, nickname: Value| {
        mapped(json!({"mail": mail, "mailNickname": nickname, "employeeId": null}))
    };
    assert_eq!(with(json!("no address"), json!("ana")).choices(), [""; 0], "one is no choice");
    assert_eq!(email(&with(json!("no address"), json!("ana"))), Some("ana@contoso.example"));
    let outcome = |mapped: Mapped| mapped.values.into_iter().next().unwrap().outcome;
    let FieldOutcome::Fail { rule, .. } = outcome(with(json!("no address"), Value::Null)) else {
        panic!("fails")
    };
    assert_eq!(rule, BrokenRule::NotAnEmail);
    let mapped = mapped(json!({"mail": "a@x", "mailNickname": "ana"}));
    assert!(mapped.needs_reread(), "who is not told of the last candidate is read again");
}

/// Otherwise a later run would pass the contact over although its third address is another now.
#[test]
fn every_candidate_counts_for_the_fingerprint() {
    use crate::fingerprint::Fingerprint;
    let print = |employee: &str| {
        let mut attributes = ana();
        attributes["employeeId"] = json!(employee);
        Fingerprint::of(&mapped(attributes), ContactStatus::Active, None, 1)
    };
    assert_eq!(print("4711"), print("4711"));
    assert_ne!(print("4711"), print("4712"));
}

#[test]
fn only_the_e_mail_takes_a_choice_and_nobody_is_matched_by_it() {
    let told = |mapping: Value, matching: Value| -> Vec<String> {
        let document = json!({"mapping": mapping, "matching": matching});
        let problems = crate::settings::check::check(&document, &[], "UTC").err();
        let said = |problem: Problem| format!("{} {}", problem.pointer, problem.message);
        problems.into_iter().flatten().map(said).collect()
    };
    let choice = json!({"target": "email", "source": SOURCE, "required": true});
    assert_eq!(told(json!([choice]), json!(["userPrincipalName"])), [""; 0]);
    assert_eq!(
        told(json!([choice]), json!(["userPrincipalName", "email"])),
        ["/matching/1 `email` is mapped by `SelectUniqueValue`: what is given because nobody has \
          it leads to nobody; use `userPrincipalName` or `employeeId`"]
    );
    let other =
        json!({"target": "displayName", "source": "SelectUniqueValue([mail], [displayName])"});
    assert_eq!(
        told(json!([email_row(), other]), json!(["email"])),
        ["/mapping/1/source at character 1: `SelectUniqueValue` gives what no other contact has: \
          only `email` is unique, so only `email` takes it"]
    );
}
