//! Partition keys of records.

use headwater_host::Random;
use serde_json::Value;

/// A path into a JSON record: member names and list places joined by dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyField(Vec<String>);

impl KeyField {
    /// Reads `customer.id` or `items.0.sku`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        if steps.iter().any(String::is_empty) {
            return Err("write the path like customer.id".to_owned());
        }
        Ok(Self(steps))
    }

    /// The key that stands there; the error says what is wrong with the record.
    pub fn of(&self, data: &[u8]) -> Result<String, String> {
        let path = self.0.join(".");
        let record: Value =
            serde_json::from_slice(data).map_err(|error| format!("it is no JSON ({error})"))?;
        let found = self.0.iter().try_fold(&record, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            other => other.get(step),
        });
        let key = match found {
            None | Some(Value::Null) => return Err(format!("it has no {path}")),
            Some(Value::String(key)) => key.clone(),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => scalar.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => {
                return Err(format!("its {path} is not a text or number"));
            }
        };
        match key.chars().count() {
            1..=256 => Ok(key),
            length => Err(format!("its {path} has {length} characters, and a partition key has 1 to 256")),
        }
    }
}

/// Source of keys: one for all, a field of the record, or random.
pub(super) struct Keys<'a> {
    pub(super) fixed: Option<String>,
    pub(super) field: Option<KeyField>,
    pub(super) random: &'a dyn Random,
}

impl Keys<'_> {
    pub(super) fn of(&self, data: &[u8]) -> Result<String, String> {
        match (&self.fixed, &self.field) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(field)) => field.of(data),
            (None, None) => Ok(format!("{:016x}", self.random.next_u64())),
        }
    }
}
