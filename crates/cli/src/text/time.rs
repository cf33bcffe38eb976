//! Times as people read them, in UTC.

use headwater_types::Timestamp;
use headwater_wire::date::shown;

/// `2026-11-21 04:29:00`.
pub fn seconds(time: Timestamp) -> String {
    shown(time, "%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-21 04:29:00.123`.
pub fn millis(time: Timestamp) -> String {
    shown(time, "%Y-%m-%d %H:%M:%S.%3f").to_string()
}
