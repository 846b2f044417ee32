//! Every function, by the examples of Microsoft's reference where it has any.

use super::*;

fn now() -> Timestamp {
    "2021-08-25T17:41:18Z".parse().unwrap()
}

/// The expression, also where a mapping would refuse it for what it is the whole source of.
fn read(source: &str) -> SourceExpression {
    let node = parse(source, Names::InBrackets).unwrap_or_else(|e| panic!("{source}: {e}"));
    SourceExpression(node)
}

/// What a text target gets: the value as a text, `-` for nothing.
fn told(source: &str, attributes: Value) -> String {
    match read(source).evaluate(&user(attributes), now()) {
        Evaluated::Value(Value::String(text)) => text,
        Evaluated::Value(other) => other.to_string(),
        Evaluated::FirstUnique(candidates) => json!(candidates).to_string(),
        Evaluated::Empty => "-".to_owned(),
        Evaluated::Absent => "absent".to_owned(),
        Evaluated::Ignore => "ignored".to_owned(),
        Evaluated::Failed(failure) => failure.problem.to_string(),
    }
}

fn check(cases: &[(&str, Value, &str)]) {
    for (source, attributes, expected) in cases {
        assert_eq!(told(source, attributes.clone()), *expected, "{source} of {attributes}");
        let printed = read(source).to_string();
        assert_eq!(told(&printed, attributes.clone()), *expected, "{printed} of {attributes}");
    }
}

#[test]
fn texts_are_put_together_and_cut() {
    check(&[
        (
            "Append([userPrincipalName], \".test\")",
            json!({"userPrincipalName": "John.Doe@contoso.com"}),
            "John.Doe@contoso.com.test",
        ),
        (
            "Append(Mid([givenName], 1, 3), Mid([surname], 1, 5))",
            json!({"givenName": "John", "surname": "Doe"}),
            "JohDoe",
        ),
        ("append([city], 'x')", json!({"city": null}), "-"),
        ("Append('a', [city])", json!({"city": null}), "a"),
        ("Append('a', [accountEnabled])", json!({"accountEnabled": true}), "aTrue"),
        ("Append([businessPhones], '!')", json!({"businessPhones": ["1", "2"]}), "1!"),
        ("Join(' ', [givenName], [surname])", json!({"givenName": "A", "surname": "B"}), "A B"),
        ("Join(' ', [givenName], [surname])", json!({"givenName": "A", "surname": null}), "A"),
        ("Join(';', [otherMails], 'c')", json!({"otherMails": ["a", "b"]}), "a;b;c"),
        ("Join('', [city], null)", json!({"city": null}), "-"),
        ("Left(\"John Doe\", 3)", json!({}), "Joh"),
        ("Left('Zoë', 9)", json!({}), "Zoë"),
        ("Left('abc', 0)", json!({}), "-"),
        ("Left('abc', -1)", json!({}), "abc"),
        ("Left([city], 2)", json!({"city": null}), "-"),
        ("Left('abc', '2')", json!({}), "ab"),
        ("Left('abc', [city])", json!({"city": "x"}), "the text is no number"),
        ("Mid('Zürich', 2, 3)", json!({}), "üri"),
        ("Mid('Zürich', 5, 30)", json!({}), "ch"),
        ("Mid('Zürich', 30, 3)", json!({}), "-"),
        ("Word(\"The quick brown fox\",3,\" \")", json!({}), "brown"),
        ("Word(\"This,string!has&many separators\",3,\",!&#\")", json!({}), "has"),
        ("Word('a b', 3, ' ')", json!({}), "-"),
        ("Word('a b', 0, ' ')", json!({}), "-"),
        ("Word('a  b', 2, ' ')", json!({}), "b"),
        ("StripSpaces(' a b  c ')", json!({}), "abc"),
        ("Trim('  a b ')", json!({}), "a b"),
        ("InStr(\"The quick brown fox\",\"quick\")", json!({}), "5"),
        ("InStr(\"repEated\",\"e\",3,vbBinaryCompare)", json!({}), "7"),
        ("InStr('repEated', 'E', 1, vbTextCompare)", json!({}), "2"),
        ("InStr('abc', 'x')", json!({}), "0"),
        ("InStr('abc', 'a', 9)", json!({}), "0"),
        ("ConvertToUTF8Hex(\"Hello world!\")", json!({}), "48656C6C6F20776F726C6421"),
    ]);
}

#[test]
fn letters_change_their_case_and_lose_their_marks() {
    check(&[
        (
            "ToLower(Join(\"@\", NormalizeDiacritics(StripSpaces(Join(\".\", [givenName], [surname]))), \"contoso.com\"))",
            json!({"givenName": "John", "surname": "Smith"}),
            "john.smith@contoso.com",
        ),
        ("ToUpper('straße')", json!({}), "STRASSE"),
        ("ToUpper('istanbul', 'tr-TR')", json!({}), "İSTANBUL"),
        ("ToLower('ISPARTA', \"tr-TR\")", json!({}), "ısparta"),
        ("ToLower('ISPARTA', \"de-DE\")", json!({}), "isparta"),
        ("ToUpper([accountEnabled])", json!({"accountEnabled": false}), "FALSE"),
        (
            "PCase([givenName])",
            json!({"givenName": "PABLO GONSALVES (SECOND)"}),
            "Pablo Gonsalves (Second)",
        ),
        ("PCase([surname],\" '-\")", json!({"surname": "PINTO-DE'SILVA"}), "Pinto-De'Silva"),
        ("PCase([surname])", json!({"surname": "PINTO-DE'SILVA"}), "Pinto-De'silva"),
        (
            "PCase(Join(\" \",[givenName],[surname]))",
            json!({"givenName": "GREGORY", "surname": "JAMES"}),
            "Gregory James",
        ),
        ("PCase('éMILE', ' ')", json!({}), "Émile"),
        ("NormalizeDiacritics([givenName])", json!({"givenName": "Zoë"}), "Zoe"),
        (
            "NormalizeDiacritics('Łukasz Ångström Ærø Straße')",
            json!({}),
            "Lukasz Angstrom AEroe Strasse",
        ),
        ("NormalizeDiacritics('Ǖ ǣ ı İ Ș')", json!({}), "U ae i I S"),
        ("NormalizeDiacritics('Zoe\u{308} がぎ')", json!({}), "Zoe がぎ"),
    ]);
}

#[test]
fn values_are_chosen() {
    let switch = "Switch([state], \"Australia/Sydney\", \"NSW\", \"Australia/Sydney\",\"QLD\", \"Australia/Brisbane\", \"SA\", \"Australia/Adelaide\")";
    check(&[
        (switch, json!({"state": "QLD"}), "Australia/Brisbane"),
        (switch, json!({"state": "WA"}), "Australia/Sydney"),
        (switch, json!({"state": null}), "Australia/Sydney"),
        (switch, json!({}), "absent"),
        ("Switch([city], , 'a', 'b')", json!({"city": "x"}), "-"),
        ("Switch([accountEnabled], 'x', 'true', 'y')", json!({"accountEnabled": true}), "y"),
        ("IIF([country]=\"USA\",[country],[department])", json!({"country": "usa"}), "usa"),
        (
            "IIF([country]=\"USA\",[country],[department])",
            json!({"country": "CH", "department": "Sales"}),
            "Sales",
        ),
        ("IIF([country]=\"USA\",'a',[department])", json!({"country": "USA"}), "a"),
        ("IIF([country]=\"USA\",'a','b')", json!({}), "absent"),
        ("IIF([accountEnabled], 'on', 'off')", json!({"accountEnabled": false}), "off"),
        (
            "IIF(IsPresent([city]) and not IsNull([state]), 'a', 'b')",
            json!({"city": "x", "state": "y"}),
            "a",
        ),
        ("IIF([city] in ('Bern', 'Basel'), 'a', 'b')", json!({"city": "basel"}), "a"),
        (
            "Coalesce([mail],[userPrincipalName])",
            json!({"mail": null, "userPrincipalName": "John.Doe@contoso.com"}),
            "John.Doe@contoso.com",
        ),
        ("Coalesce([mail], '')", json!({"mail": null}), "-"),
        ("IsNull([displayName])", json!({"displayName": null}), "true"),
        ("IsNull('')", json!({}), "false"),
        ("IsNullOrEmpty('')", json!({}), "true"),
        ("IsPresent([city])", json!({"city": "x"}), "true"),
        ("IsPresent([city])", json!({}), "absent"),
        ("IsString([accountEnabled])", json!({"accountEnabled": true}), "false"),
        ("IsString([city])", json!({"city": "x"}), "true"),
        ("Not([accountEnabled])", json!({"accountEnabled": true}), "false"),
        ("Not([city])", json!({"city": "False"}), "true"),
        ("CBool([city] = [state])", json!({"city": "x", "state": "X"}), "true"),
        ("CBool('0')", json!({}), "false"),
        ("CBool('true')", json!({}), "true"),
        ("CBool([city])", json!({"city": "perhaps"}), "the text is neither true nor false"),
        ("CStr([accountEnabled])", json!({"accountEnabled": true}), "True"),
        ("BitAnd(&HF, &HF7)", json!({}), "7"),
        ("IgnoreFlowIfNullOrEmpty([department])", json!({"department": null}), "ignored"),
        ("IgnoreFlowIfNullOrEmpty([department])", json!({"department": "x"}), "x"),
        ("IgnoreFlowIfNullOrEmpty([department])", json!({}), "absent"),
        (
            "IgnoreFlowIfNullOrEmpty(Switch([city], \"\", \"3443\", \"Dr.\", \"3444\", \"Prof.\"))",
            json!({"city": "1"}),
            "ignored",
        ),
    ]);
}

#[test]
fn lists_are_counted_split_and_picked_from() {
    let proxies = json!({"proxyAddresses": ["SMTP:a@x", "smtp:b@x", "SMTP:a@x"]});
    check(&[
        ("Item([proxyAddresses], 1)", proxies.clone(), "SMTP:a@x"),
        ("Item([proxyAddresses], 2)", proxies.clone(), "smtp:b@x"),
        ("Item([proxyAddresses], 4)", proxies.clone(), "-"),
        ("Count([proxyAddresses])", proxies.clone(), "3"),
        ("Count([proxyAddresses])", json!({"proxyAddresses": []}), "0"),
        ("Count([city])", json!({"city": "x"}), "1"),
        ("RemoveDuplicates([proxyAddresses])", proxies, "[\"SMTP:a@x\",\"smtp:b@x\"]"),
        (
            "Split([extensionAttribute5], \",\")",
            json!({"onPremisesExtensionAttributes": {"extensionAttribute5": "PermissionSetOne, PermissionSetTwo"}}),
            "[\"PermissionSetOne\",\"PermissionSetTwo\"]",
        ),
        ("Item(Split('a,,c', ','), 3)", json!({}), "c"),
        ("Split('a', '')", json!({}), "[\"a\"]"),
    ]);
    let many = "x,".repeat(400);
    check(&[(
        "Split([streetAddress], ',')",
        json!({"streetAddress": many}),
        "the list has more than 250 entries",
    )]);
}

#[test]
fn dates_are_read_moved_compared_and_written() {
    let hired = json!({"extensionAttribute1": "2012-03-16-07:00"});
    let hired = json!({ "onPremisesExtensionAttributes": hired });
    let cases = [
        ("CStr(CDate(\"2020-03-16-07:00\"))", "3/16/2020 7:00:00 AM"),
        ("CStr(CDate(\"2021-06-30+08:00\"))", "6/29/2021 4:00:00 PM"),
        ("CStr(CDate(\"2009-06-15T01:45:30-07:00\"))", "6/15/2009 8:45:30 AM"),
        ("CDate('8/25/2021 5:41:18 PM')", "2021-08-25T17:41:18Z"),
        ("CDate('12/1/2021 12:05 am')", "2021-12-01T00:05:00Z"),
        ("CStr(DateAdd(\"d\", 7, CDate([extensionAttribute1])))", "3/23/2012 7:00:00 AM"),
        ("CStr(DateAdd(\"d\", -10, CDate([extensionAttribute1])))", "3/6/2012 7:00:00 AM"),
        ("CStr(DateAdd(\"ww\", 2, CDate([extensionAttribute1])))", "3/30/2012 7:00:00 AM"),
        ("CStr(DateAdd(\"m\", 10, CDate([extensionAttribute1])))", "1/16/2013 7:00:00 AM"),
        ("CStr(DateAdd(\"yyyy\", 2, CDate([extensionAttribute1])))", "3/16/2014 7:00:00 AM"),
        ("DateAdd('m', 1, 2024-01-31)", "2024-02-29T00:00:00Z"),
        ("DateAdd('h', -1, 2024-01-01)", "2023-12-31T23:00:00Z"),
        ("DateAdd('n', 5, 2024-01-01)", "2024-01-01T00:05:00Z"),
        ("DateAdd('s', 5, 2024-01-01)", "2024-01-01T00:00:05Z"),
        ("DateAdd('yyyy', 999999, Now())", "the date lies outside the years 1 to 9999"),
        ("DateAdd('s', 999999999999999999, Now())", "the date lies outside the years 1 to 9999"),
        ("DateDiff(\"d\", '2021-08-18+08:00', '2021-08-31+08:00')", "13"),
        ("DateDiff(\"d\", Now(), CDate([extensionAttribute1]))", "-3449"),
        ("DateDiff(\"ww\", Now(), CDate([extensionAttribute1]))", "-493"),
        ("DateDiff(\"m\", Now(), CDate([extensionAttribute1]))", "-113"),
        ("DateDiff(\"yyyy\", Now(), CDate([extensionAttribute1]))", "-9"),
        ("DateDiff(\"d\", '2021-08-31+08:00', '2021-08-31+08:00')", "0"),
        ("DateDiff(\"h\", '2021-08-24', '2021-08-25')", "24"),
        ("DateDiff(\"n\", '2021-08-24', '2021-08-25')", "1440"),
        ("DateDiff(\"s\", '2021-08-24', '2021-08-25')", "86400"),
        ("CStr(Now())", "8/25/2021 5:41:18 PM"),
        ("Now()", "2021-08-25T17:41:18Z"),
        ("DateFromNum(129699324000000000)", "2012-01-01T23:00:00Z"),
        ("NumFromDate('2012-01-01T23:00:00Z')", "129699324000000000"),
        (
            "NumFromDate(Join(\"\", FormatDateTime('2020-12-31-08:00', ,\"yyyy-MM-ddzzz\", \"yyyy-MM-dd\"), \" 23:59:59-08:00\"))",
            "132539615990000000",
        ),
        (
            "FormatDateTime('20150123105347.1Z', , \"yyyyMMddHHmmss.fZ\", \"yyyy-MM-dd\")",
            "2015-01-23",
        ),
        (
            "FormatDateTime(Now(), , 'M/d/yyyy h:mm:ss tt', 'dddd, d. MMMM yy HH:mm')",
            "Wednesday, 25. August 21 17:41",
        ),
        (
            "FormatDateTime('3 Feb 2024 09:05 PM +02:00', , 'd MMM yyyy hh:mm tt zzz', 'yyyy-MM-ddTHH:mm:ssK')",
            "2024-02-03T21:05:00+02:00",
        ),
        (
            "FormatDateTime('3 Feb 2024 09:05 PM +02:00', 'AdjustToUniversal', 'd MMM yyyy hh:mm tt zzz', 'yyyy-MM-ddTHH:mm:ssK')",
            "2024-02-03T19:05:00Z",
        ),
        (
            "FormatDateTime('31.02.2024', , 'dd.MM.yyyy', 'yyyy-MM-dd')",
            "the text does not have the date format that is given",
        ),
        ("FormatDateTime('1.2.2024', , 'd.M.yyyy', \"yyyy 'year' M\")", "2024 year 2"),
        ("CDate([extensionAttribute2])", "-"),
        (
            "IIF(DateDiff(\"d\", Now(), CDate([extensionAttribute1])) > 5, \"False\", \"True\")",
            "True",
        ),
    ];
    for (source, expected) in cases {
        check(&[(source, hired.clone(), expected)]);
    }
    check(&[
        (
            "CDate([city])",
            json!({"city": "soon"}),
            "the text is no date like 2026-03-31 or 2026-03-31T08:00:00Z",
        ),
        (
            "[employeeHireDate]",
            json!({"employeeHireDate": "2024-01-01T00:00:00Z"}),
            "2024-01-01T00:00:00Z",
        ),
    ]);
}

#[test]
fn replace_has_all_its_forms() {
    let mail =
        json!({"mail": "john.doe@contoso.com", "mailNickname": "john_doe72", "city": "Bern"});
    for (source, expected) in [
        ("Replace([mail], \"@contoso.com\", , ,\"\", ,)", "john.doe"),
        ("Replace([mail], \"@CONTOSO.com\", , ,\"\", ,)", "john.doe@contoso.com"),
        ("Replace([mail], '%', , , , , 'smtp:%')", "smtp:john.doe@contoso.com"),
        ("Replace([mailNickname], , \"[a-zA-Z_]*\", , \"\", , )", "72"),
        (
            "Replace([mail], , '(?<name>[a-z]+)[.](?<last>[a-z]+)@', , '${last}.$1$$ $& ', ,)",
            "doe.john$ john.doe@ contoso.com",
        ),
        ("Replace([mail], , '(?<Suffix>@(.)*)', 'Suffix', '', , )", "john.doe"),
        ("Replace([mail], , '@(?<d>[a-z]+)', 'd', 'fabrikam')", "john.doe@fabrikam.com"),
        ("Replace([mail], , '@(?<d>[a-z]+)', 'd', , [city])", "john.doe@Bern.com"),
        ("Replace([mail], , '@(?<d>[a-z]+)', 'd', , 'city')", "john.doe@Bern.com"),
        ("Replace([mail], , '\\w+@', , '')", "john.contoso.com"),
        ("Replace('Müller', , \"[^\\w]\", , '')", "Müller"),
        ("Replace([state], 'a', , , 'b')", "-"),
        ("Replace([mail], '', , , 'b')", "john.doe@contoso.com"),
    ] {
        let mut attributes = mail.clone();
        attributes["state"] = Value::Null;
        check(&[(source, attributes, expected)]);
    }
    for wrong in [
        "Replace([mail], 'a')",
        "Replace([mail], 'a', 'b', , 'c')",
        "Replace([mail], , 'a', , , , 'c')",
    ] {
        let error = SourceExpression::parse(wrong).unwrap_err();
        assert_eq!(error.problem, ExpressionProblem::NoFormOfReplace, "{wrong}");
    }
}

#[test]
fn of_several_candidates_each_stands_once_and_blank_ones_not_at_all() {
    let source =
        "SelectUniqueValue([mail], Append([givenName], '@x'), [userPrincipalName], [city])";
    let person = |mail: Value, given: Value| json!({"mail": mail, "givenName": given, "userPrincipalName": "a@x", "city": null});
    check(&[
        (source, person(json!("m@x"), json!("ann")), "[\"m@x\",\"ann@x\",\"a@x\"]"),
        (source, person(Value::Null, json!("a")), "[\"a@x\"]"),
        ("SelectUniqueValue([city], [state])", json!({"city": null, "state": " "}), "-"),
        // Whoever is not told of all of them cannot tell which comes first.
        ("SelectUniqueValue([city], [state])", json!({"city": "a"}), "absent"),
    ]);
}

#[test]
fn no_result_grows_past_its_bound() {
    let long = "x".repeat(1_024);
    let attributes = json!({"streetAddress": long});
    let eight = "[streetAddress], ".repeat(8);
    for source in [
        format!("Join('-', {eight} 'x')"),
        "Replace([streetAddress], 'x', , , 'long enough')".to_owned(),
        "Replace([streetAddress], , 'x', , '$0$0$0$0$0')".to_owned(),
        "Append(Join('', [streetAddress], [streetAddress], [streetAddress]), Join('', [streetAddress], [streetAddress]))".to_owned(),
    ] {
        check(&[(source.as_str(), attributes.clone(), "the result is longer than 4096 characters")]);
    }
}

/// Patterns that are made to take long, on the longest text that an attribute holds: each is
/// answered, by a value or by saying that it takes too long, and none of them holds up a run.
#[test]
fn no_pattern_takes_long_on_any_text() {
    use std::time::{Duration, Instant};
    let texts = ["a".repeat(1_024), "zoë müller ".repeat(93), "éa".repeat(512), "a b".repeat(341)];
    let repeated = [
        "(?:[a-z]?){N}",
        "(?:[a-z]?){N}y|.",
        r"\b?(?:.*){N}y|.",
        "(?:|a|)*{N}y|.",
        "(.*)(.*)(.*)(.?){N}y|(.)",
        r"(?:\b?.*\B?){N}y|.",
        "(?:a|b)*a(?:a|b){N}|b",
    ];
    let patterns = repeated
        .iter()
        .flat_map(|pattern| [1, 20, 400].map(|count| pattern.replace('N', &count.to_string())));
    let mut refused = 0;
    for pattern in patterns.chain([".*y|a".to_owned(), "(a|aa)+".to_owned()]) {
        let source = format!("Replace([streetAddress], , '{pattern}', , '')");
        let node = parse(&source, Names::InBrackets);
        let Ok(node) = node else { continue };
        let expression = SourceExpression(node);
        for text in &texts {
            let person = user(json!({"streetAddress": text}));
            let begun = Instant::now();
            let evaluated = expression.evaluate(&person, now());
            // Milliseconds in a release; tests are slow, and other tests run beside.
            assert!(begun.elapsed() < Duration::from_secs(2), "{pattern}: {:?}", begun.elapsed());
            refused += usize::from(matches!(evaluated, Evaluated::Failed(_)));
        }
    }
    assert!(refused > 20, "{refused}: the patterns are harmless");
    // What people write stays possible on long texts.
    for pattern in ["[^0-9]", r"\s+", r"\w+", r"\W", r"\b\w", "[a-z]*", r"^\+?(\d{2})(\d+)$", "-"] {
        let source = format!("Replace([streetAddress], , '{pattern}', , '')");
        for text in ["abcdefghi jklmnop-7 ".repeat(51), "zoë müller ".repeat(45)] {
            let told = told(&source, json!({"streetAddress": text}));
            assert_ne!(told, "the pattern takes too long on this text", "{pattern}");
        }
    }
}
