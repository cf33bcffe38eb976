//! Digest of what somebody has read of a stream: two readers that have the same one have read the same records, each
//! once, and those of a key in their order.

use std::collections::HashMap;

use serde_json::Value;

use super::record;
use crate::Result;
use crate::random::Random;

#[derive(Debug, Default)]
pub(crate) struct Digest {
    pub(crate) records: u64,
    /// A sum to which every record adds in its own way, whatever the order.
    sum: u64,
    /// The last number of a key.
    last: HashMap<String, u64>,
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        (self.records, self.sum) == (other.records, other.sum)
    }
}

impl Digest {
    /// Takes in a record; fails if it is none that was put, or comes after a later one of its key, or twice.
    pub(crate) fn add(&mut self, stored: &Value) -> Result<(u64, u64)> {
        let text = |name: &str| stored[name].as_str().ok_or_else(|| format!("a record without {name}"));
        let sequence = text("SequenceNumber")?;
        let data = base64_simd::STANDARD.decode_to_vec(text("Data")?)?;
        let Some((writer, number)) = record::claim(&data) else {
            return Err(format!("{sequence}: a record that nobody wrote").into());
        };
        let named = format!("record {number} of writer {writer} ({sequence})");
        if data != record::data(writer, number) {
            return Err(format!("{named} has other bytes than were put").into());
        }
        let key = record::key(writer, number);
        if text("PartitionKey")? != key {
            return Err(format!("{named} has another partition key than was put").into());
        }
        if let Some(last) = self.last.insert(key, number).filter(|last| *last >= number) {
            return Err(format!("{named} comes after record {last} of the same key").into());
        }
        self.records += 1;
        self.sum = self.sum.wrapping_add(Random::new(writer << 48 ^ number).next());
        Ok((writer, number))
    }
}
