//! Graph's validation handshake: the token of the query comes back as plain text.

use percent_encoding::percent_decode_str;

/// Graph's tokens have some 150 characters.
const MAX_TOKEN_BYTES: usize = 1_024;

/// What a query asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// No handshake: a delivery.
    None,
    /// The token to echo.
    Token(String),
    /// A token that Graph does not send: empty, too long, or not text.
    Malformed,
}

/// Reads the raw query, decoding once, as forms are: Graph sends spaces as `+`, and a gateway's
/// own decoding would have to be undone.
pub(crate) fn read(raw_query: &str) -> Handshake {
    let encoded = raw_query.split('&').find_map(|pair| pair.strip_prefix("validationToken="));
    let Some(encoded) = encoded else { return Handshake::None };
    let spaced = encoded.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(token) if is_plausible(&token) => Handshake::Token(token.into_owned()),
        Ok(_) | Err(_) => Handshake::Malformed,
    }
}

fn is_plausible(token: &str) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&token.len()) && !token.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Handshake {
        Handshake::Token(text.to_owned())
    }

    #[test]
    fn the_token_is_decoded_once_as_graph_encodes_it() {
        let cases = [
            (
                "s=sub_1&validationToken=Validation%3a+Testing+client+application+reachability\
                 +for+subscription+Request-Id%3a+877cb92e-0000",
                "Validation: Testing client application reachability for subscription \
                 Request-Id: 877cb92e-0000",
            ),
            ("validationToken=a%20b", "a b"),
            ("validationToken=a%2Bb", "a+b"),
            ("validationToken=100%25%2541", "100%%41"),
            ("validationToken=a=b==", "a=b=="),
            ("validationToken=caf%C3%A9&s=x", "café"),
            ("validationToken=50%", "50%"),
            ("validationToken=%3Cscript%3E", "<script>"),
        ];
        for (query, expected) in cases {
            assert_eq!(read(query), token(expected), "{query}");
        }
    }

    #[test]
    fn a_query_without_the_token_is_a_delivery() {
        for query in ["", "s=sub_1", "xvalidationToken=a", "validationtoken=a", "validationToken"] {
            assert_eq!(read(query), Handshake::None, "{query}");
        }
    }

    #[test]
    fn what_graph_never_sends_is_not_echoed() {
        let long = format!("validationToken={}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for query in [
            "validationToken=",
            "validationToken=a%0d%0aSet-Cookie%3a+b",
            "validationToken=%00",
            "validationToken=%ff%fe",
            &long,
        ] {
            assert_eq!(read(query), Handshake::Malformed, "{query}");
        }
        let longest = format!("validationToken={}", "a".repeat(MAX_TOKEN_BYTES));
        assert_eq!(read(&longest), token(&"a".repeat(MAX_TOKEN_BYTES)));
    }
}
