//! The record of what was refused and of what was administered.
//!
//! # Constraints
//! One line each, to the log (target `audit`) and to a file of JSON lines if one is named. Lines hold names, never
//! secrets and never data. Anybody can be refused as often as he likes, so lines about refusals are limited, and what
//! was left out is counted; lines about changes that were carried out are never left out.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{AppendFile, Clock};
use headwater_types::Timestamp;
use headwater_wire::date::rfc3339;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use tracing::{info, warn};

/// Lines about refusals that may be written at once, and afterwards every second.
const REFUSED_BURST: f64 = 100.0;
const REFUSED_PER_S: f64 = 2.0;

/// Event that is recorded.
#[derive(Debug, Clone, Serialize)]
pub struct AuditEvent<'a> {
    /// When.
    #[serde(serialize_with = "as_date")]
    pub time: Timestamp,
    /// The answer's `x-amzn-RequestId`.
    pub request_id: &'a str,
    /// From which address.
    pub source: &'a str,
    /// ARN of the caller; none where nobody was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<&'a str>,
    /// With which key, as far as it looks like one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<&'a str>,
    /// `kinesis:DeleteStream`.
    pub action: &'a str,
    /// The region that was asked; none where it is not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<&'a str>,
    /// The ARN, where it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a str>,
    /// `ok`, or the name of the error.
    pub outcome: &'a str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

fn as_date<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&rfc3339(*time))
}

#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Duration,
    left_out: u64,
}

/// Destination of the record.
pub struct AuditLog {
    clock: Arc<dyn Clock>,
    file: Option<AppendFile>,
    refused: Mutex<Allowance>,
    failing: Mutex<bool>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditLog")
    }
}

impl AuditLog {
    /// To the log only, or to this file as well.
    pub fn open(clock: Arc<dyn Clock>, file: Option<&Path>) -> std::io::Result<Self> {
        let file = file.map(AppendFile::open).transpose()?;
        let allowance = Allowance { left: REFUSED_BURST, at: clock.elapsed(), left_out: 0 };
        Ok(Self { clock, file, refused: Mutex::new(allowance), failing: Mutex::default() })
    }

    /// Writes a line about a change that was carried out or came to nothing by itself.
    pub fn administered(&self, event: &AuditEvent<'_>) {
        self.write(event);
    }

    /// Writes a line about a refusal, unless there were too many.
    pub fn refused(&self, event: &AuditEvent<'_>) {
        let left_out = {
            let now = self.clock.elapsed();
            let mut allowance = self.refused.lock();
            let since = now.saturating_sub(allowance.at).as_secs_f64();
            allowance.left = (allowance.left + since * REFUSED_PER_S).min(REFUSED_BURST);
            allowance.at = now;
            if allowance.left < 1.0 {
                allowance.left_out += 1;
                return;
            }
            allowance.left -= 1.0;
            std::mem::take(&mut allowance.left_out)
        };
        if left_out > 0 {
            warn!(target: "audit", left_out, "refused requests that have no line of their own");
            self.add(&format!(
                r#"{{"time":"{}","outcome":"left-out","left_out":{left_out}}}"#,
                rfc3339(event.time)
            ));
        }
        self.write(event);
    }

    fn write(&self, event: &AuditEvent<'_>) {
        info!(
            target: "audit",
            request_id = event.request_id,
            source = event.source,
            principal = event.principal,
            access_key_id = event.access_key_id,
            action = event.action,
            region = event.region,
            resource = event.resource,
            outcome = event.outcome,
            reason = event.reason,
            "audit"
        );
        if self.file.is_some() {
            self.add(&serde_json::to_string(event).unwrap_or_default());
        }
    }

    fn add(&self, line: &str) {
        let Some(file) = &self.file else { return };
        let outcome = file.add(line);
        let mut failing = self.failing.lock();
        match (&outcome, *failing) {
            (Err(error), false) => {
                warn!(%error, "the audit log cannot be written; the lines go to this log only")
            }
            (Ok(()), true) => info!("the audit log is being written again"),
            _ => {}
        }
        *failing = outcome.is_err();
    }
}
