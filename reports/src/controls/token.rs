//! Controls as OSCAL's tokens, which are letters, digits, `.`, `-` and `_`, and begin with a letter or `_`.

use std::fmt::Write as _;

/// The token of a control: the colon becomes `_`, and what no token may hold is `_` and two hexadecimal digits for each of its
/// bytes. No two controls that a plan may name have the same one.
pub fn token(control: &str) -> String {
    let (framework, id) = control.split_once(':').unwrap_or(("", control));
    let mut text = String::new();
    escape(framework, &mut text);
    text.push('_');
    escape(id, &mut text);
    if text.starts_with(|c: char| c.is_ascii_digit() || ".-".contains(c)) {
        text.insert(0, '_');
    }
    text
}

fn escape(text: &str, token: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'.' | b'-' => token.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => token.push(byte.into()),
            byte => {
                let _ = write!(token, "_{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_tokens() {
        assert_eq!(token("soc2:A1.2"), "soc2_A1.2");
        assert_eq!(token("nist-800-53:cp-9(1)"), "nist-800-53_cp-9_281_29");
        assert_eq!(token("dora:11"), "dora_11");
        assert_eq!(token("a_b:c"), "a_5fb_c");
    }

    #[test]
    fn no_two_controls_have_the_same() {
        let all =
            ["a:b", "a:b_", "a:b_28", "a:b(", "a.b:c", "a-b:c", "a:b-c", "a:b.c", "a:b/c", "a:b_2fc", "a:B"];
        let tokens: std::collections::BTreeSet<String> = all.iter().map(|control| token(control)).collect();
        assert_eq!(tokens.len(), all.len(), "{tokens:?}");
    }

    /// Also of a record that somebody wrote.
    #[test]
    fn whatever_a_control_is_its_token_is_one() {
        for control in ["", ":", "a", "1:2", "-", "a:b:c", "a b:c", "ä:b", "<b>|`\n=", "=cmd()"] {
            let token = token(control);
            assert!(token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "{token}");
            assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{token}");
        }
    }
}
