//! Display of records.

use headwater_client::Record;
use serde::Serialize;

use crate::connect::Output;
use crate::text::{Paint, harmless, json, time};

pub(super) struct Renderer {
    output: Output,
    terminal: bool,
    paint: Paint,
}

impl Renderer {
    pub(super) fn new(output: Output, terminal: bool) -> Self {
        Self { output, terminal, paint: Paint::new(terminal) }
    }

    /// The record with its line end.
    pub(super) fn render(&mut self, shard_id: &str, record: &Record) -> Vec<u8> {
        match (self.output, self.terminal) {
            (Output::Json, _) => as_json(shard_id, record),
            (Output::Text, true) => self.for_people(shard_id, record).into_bytes(),
            (Output::Text, false) => [record.data.as_slice(), b"\n"].concat(),
        }
    }

    fn for_people(&self, shard_id: &str, record: &Record) -> String {
        let arrived = record.arrived().map(time::millis).unwrap_or_default();
        let key = harmless(&record.partition_key);
        let head = self.paint.text(Paint::DIM, &format!("{arrived}  {}  {key}", harmless(shard_id)));
        let data = match str::from_utf8(&record.data) {
            Ok(text) => {
                json::pretty(text, self.paint).unwrap_or_else(|| harmless(text.trim_end_matches('\n')))
            }
            Err(_) => {
                let length = record.data.len();
                let text = base64_simd::STANDARD.encode_to_string(&record.data);
                format!("{} {text}", self.paint.text(Paint::DIM, &format!("({length} bytes, base64)")))
            }
        };
        format!("{head}\n{data}\n")
    }
}

/// A record as one object; data that is text stands under `data`, other data under `data_base64`.
#[derive(Serialize)]
struct Line<'a> {
    time: Option<f64>,
    shard_id: &'a str,
    sequence_number: &'a str,
    partition_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

fn as_json(shard_id: &str, record: &Record) -> Vec<u8> {
    let text = str::from_utf8(&record.data).ok();
    let line = Line {
        time: record.arrived().map(|time| time.as_millis() as f64 / 1000.0),
        shard_id,
        sequence_number: &record.sequence_number,
        partition_key: &record.partition_key,
        data: text,
        data_base64: text.is_none().then(|| base64_simd::STANDARD.encode_to_string(&record.data)),
    };
    let mut line = serde_json::to_vec(&line).expect("texts and finite numbers are JSON");
    line.push(b'\n');
    line
}
