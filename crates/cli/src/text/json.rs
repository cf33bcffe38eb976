//! JSON laid out and coloured for a terminal, its members in the order in which they came.

use serde::de::IgnoredAny;

use super::Paint;

/// `text` over several lines if it is a JSON object or list, otherwise none.
pub fn pretty(text: &str, paint: Paint) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let mut shown = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, after) = rest.split_at(token_length(rest));
        rest = after.trim_start();
        match first {
            '{' | '[' if rest.starts_with(['}', ']']) => {
                shown.push_str(token);
                shown.push_str(&rest[..1]);
                rest = rest[1..].trim_start();
            }
            '{' | '[' => {
                depth += 1;
                shown.push_str(token);
                break_line(&mut shown, depth);
            }
            '}' | ']' => {
                depth -= 1;
                break_line(&mut shown, depth);
                shown.push_str(token);
            }
            ',' => {
                shown.push(',');
                break_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            '"' if rest.starts_with(':') => shown.push_str(&paint.text(Paint::CYAN, &visible(token))),
            '"' => shown.push_str(&paint.text(Paint::GREEN, &visible(token))),
            _ => shown.push_str(&paint.text(Paint::YELLOW, token)),
        }
    }
    Some(shown)
}

/// The bytes of the token at the start of valid JSON.
fn token_length(text: &str) -> usize {
    match text.as_bytes()[0] {
        b'"' => {
            let mut escaped = false;
            let end = text.bytes().skip(1).position(|byte| {
                let closes = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                closes
            });
            end.map_or(text.len(), |end| end + 2)
        }
        b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
        _ => text.find([',', '}', ']', ' ', '\n', '\t', '\r']).unwrap_or(text.len()),
    }
}

/// A string token without raw control characters (JSON forbids only the lowest).
fn visible(token: &str) -> String {
    if !token.contains(char::is_control) {
        return token.to_owned();
    }
    let show = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    token.chars().map(show).collect()
}

fn break_line(shown: &mut String, depth: usize) {
    shown.push('\n');
    // Deep nesting is shown flat from here on: indentation must not grow the output without bound.
    shown.push_str(&"  ".repeat(depth.min(32)));
}
