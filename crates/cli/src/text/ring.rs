//! Places on the ring of 2^128 hash keys.

/// A range as the leading digits of its ends, `55555555..aaaaaaaa`, and its share of the ring, `33.33%`.
/// None if the ends are no hash keys.
pub fn range(starting: &str, ending: &str) -> Option<(String, String)> {
    let (start, end): (u128, u128) = (starting.parse().ok()?, ending.parse().ok()?);
    let size = end.checked_sub(start)? as f64 + 1.0;
    let percent = size / 2f64.powi(128) * 100.0;
    let share = if percent >= 0.01 { format!("{percent:.2}%") } else { "<0.01%".to_owned() };
    Some((format!("{:08x}..{:08x}", start >> 96, end >> 96), share))
}

/// A shard's number alone, `shardId-000000000012` as `12`; other names as they are.
pub fn short(shard_id: &str) -> &str {
    match shard_id.strip_prefix("shardId-").map(|digits| digits.trim_start_matches('0')) {
        Some("") => "0",
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
        _ => shard_id,
    }
}
