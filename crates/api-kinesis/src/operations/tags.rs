//! Shapes and checks that the tag operations share.

use std::collections::BTreeMap;

use headwater_types::StreamKey;
use headwater_wire::shape::{List, Map, Text};
use serde::Serialize;

use crate::checks::{Checks, any_text};
use crate::error::{KinesisError, Result};

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

/// Letters, digits and blanks, which AWS writes as `\p{L}\p{N}\p{Z}`: tabs and line ends are none of these.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control())
}

/// Refuses what TagResource and RegisterStreamConsumer do not take: unlike AddTagsToStream they permit a colon.
pub(super) fn check_resource_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    check_resource_texts(tags.keys(), tags.values())
}

/// The same for the keys of UntagResource.
pub(super) fn check_resource_keys(keys: &[String]) -> Result<()> {
    check_resource_texts(keys, [])
}

fn check_resource_texts<'a>(
    keys: impl IntoIterator<Item = &'a String>,
    values: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    let allowed = |c: char| is_plain(c) || "_.:/=+-@".contains(c);
    let keys: Vec<_> = keys.into_iter().collect();
    if keys.iter().copied().chain(values).any(|text| !text.chars().all(allowed)) {
        return Err(KinesisError::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + \
             - @.",
        ));
    }
    let is_reserved = |key: &&String| key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
    if let Some(key) = keys.into_iter().find(is_reserved) {
        return Err(KinesisError::invalid_argument(format!(
            "Tag keys that begin with aws: are reserved, and are neither added nor removed: {key}."
        )));
    }
    Ok(())
}

/// Refuses characters that AddTagsToStream and CreateStream do not take. A colon is one of these, so that no key begins
/// with the reserved `aws:`.
pub(super) fn check_stream_tags(stream: &StreamKey, tags: &BTreeMap<String, String>) -> Result<()> {
    check_stream_texts(stream, "add tags to", tags.keys().chain(tags.values()))
}

/// The same for the keys of RemoveTagsFromStream.
pub(super) fn check_stream_keys(stream: &StreamKey, keys: &[String]) -> Result<()> {
    check_stream_texts(stream, "remove tags from", keys.iter())
}

fn check_stream_texts<'a>(
    stream: &StreamKey,
    what: &str,
    mut texts: impl Iterator<Item = &'a String> + Clone,
) -> Result<()> {
    let allowed = |c: char| is_plain(c) || "_./=+-%@".contains(c);
    if texts.clone().any(|text| !text.chars().all(allowed)) {
        return Err(KinesisError::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        ));
    }
    // The first text allows a percent sign and the second does not: so it is with AWS.
    if texts.any(|text| text.contains('%')) {
        return Err(KinesisError::invalid_argument(format!(
            "Failed to {what} {stream} because some tags contained illegal characters. The allowed characters are \
             Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    Ok(())
}
