//! Starting points of `tail`.

use std::time::Duration;

use headwater_client::StartAt;
use headwater_types::Timestamp;
use headwater_wire::date::{parse_duration, parse_rfc3339};

/// Starting point, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// After the newest record.
    Latest,
    /// At the oldest record.
    Horizon,
    /// At a time.
    Time(Timestamp),
    /// This long ago.
    Ago(Duration),
}

impl Since {
    /// Reads `latest`, `horizon`, `10m` or a time by RFC 3339.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "latest" => return Ok(Self::Latest),
            "horizon" | "trim_horizon" => return Ok(Self::Horizon),
            _ => {}
        }
        let plain = lower.strip_suffix(" ago").unwrap_or(&lower);
        parse_duration(plain)
            .map(Self::Ago)
            .or_else(|| parse_rfc3339(text).map(Self::Time))
            .ok_or_else(|| "write latest, horizon, 10m, or a time like 2026-11-21T08:00:00Z".to_owned())
    }

    /// The start of reading, if it is `now`.
    pub fn start(self, now: Timestamp) -> StartAt {
        match self {
            Self::Latest => StartAt::Latest,
            Self::Horizon => StartAt::Horizon,
            Self::Time(time) => StartAt::Time(time),
            Self::Ago(by) => StartAt::Time(now.minus(by)),
        }
    }
}
