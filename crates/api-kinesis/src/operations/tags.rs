//! What the tag operations share.

use std::collections::BTreeMap;

use headwater_types::StreamKey;
use headwater_wire::shape::{List, Map, Text};
use serde::Serialize;

use crate::checks::{Checks, any_text};
use crate::error::{ApiError, Result};

/// A tag in an answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// Sizes of a map of tags (model).
pub(super) fn check_tags(checks: &mut Checks, tags: &Map<'_, Text<'_>>) {
    checks.size("tags", tags.len(), 1..=200);
    let chars = |text: &Text<'_>| text.chars().count();
    if tags.iter().any(|(key, _)| !(1..=128).contains(&chars(key))) {
        let rule = "Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must \
                    have length greater than or equal to 1]";
        checks.fail_unshown("tags", &rule);
    }
    if tags.iter().any(|(_, value)| chars(value) > 256) {
        let rule = "Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must \
                    have length greater than or equal to 0]";
        checks.fail_unshown("tags", &rule);
    }
}

/// Sizes of a list of tag keys (model).
pub(super) fn check_keys(checks: &mut Checks, keys: &Option<List<Text<'_>>>) {
    checks.required("tagKeys", keys);
    let Some(keys) = keys else { return };
    checks.size("tagKeys", keys.len(), 1..=50);
    for (i, key) in keys.iter().enumerate() {
        checks.text_value(&format!("tagKeys.{}.member", i + 1), key, any_text(1..=128));
    }
}

/// The tags of a map, sorted.
pub(super) fn owned(tags: &Map<'_, Text<'_>>) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Refuses characters that TagResource does not take: unlike AddTagsToStream it permits a colon.
pub(super) fn check_resource_characters(tags: &BTreeMap<String, String>) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if tags.iter().any(|(key, value)| !key.chars().chain(value.chars()).all(allowed)) {
        return Err(ApiError::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + \
             - @.",
        ));
    }
    Ok(())
}

/// Refuses characters that tags of streams may not have.
pub(super) fn check_characters(stream: &StreamKey, tags: &BTreeMap<String, String>) -> Result<()> {
    let texts = || tags.iter().flat_map(|(key, value)| [key, value]);
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_./=+-%@".contains(c);
    if texts().any(|text| !text.chars().all(allowed)) {
        return Err(ApiError::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        ));
    }
    // The first text allows a percent sign and the second does not: so it is with AWS.
    if texts().any(|text| text.contains('%')) {
        return Err(ApiError::invalid_argument(format!(
            "Failed to add tags to {stream} because some tags contained illegal characters. The allowed characters are \
             Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    Ok(())
}
