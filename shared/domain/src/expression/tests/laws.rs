use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,80}") {
        if let Ok(expression) = SourceExpression::parse(&text) {
            let _ = expression.evaluate(&user(json!({})), Timestamp::UNIX_EPOCH);
        }
        let _ = Condition::parse(&text);
    }
}
