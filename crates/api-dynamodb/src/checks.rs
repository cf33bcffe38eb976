//! Constraints of members: the edge's collector, and the rules of tables' names.

pub(crate) use headwater_edge::{Checks, any_text, flag};

use headwater_edge::TextRule;

/// Names of tables and indexes.
pub(crate) const TABLE_NAME: TextRule = TextRule::matching("[a-zA-Z0-9_.-]+", is_name, 3..=255);

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}
