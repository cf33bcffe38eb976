//! The handful of calls that prepare a run. None of them is measured.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::http::{Connection, Encoding, request, table_request};
use crate::target::{Guard, Target};

const ACTIVE_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Api {
    target: Target,
    connection: Connection,
}

/// An answer other than 200, as the caller may want to look at it.
#[derive(Debug)]
pub(crate) struct Refused {
    operation: String,
    status: u16,
    pub(crate) body: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} was answered {}: {}", self.operation, self.status, self.body)
    }
}

impl std::error::Error for Refused {}

impl Api {
    pub(crate) fn open(to: impl Into<Target>) -> Result<Self> {
        let target = to.into();
        Ok(Api { target, connection: Connection::open(target.address)? })
    }

    pub(crate) fn call(&mut self, operation: &str, body: &Value) -> Result<Value> {
        let bytes = request(self.target, operation, Encoding::Json, body.to_string().as_bytes());
        self.ask(operation, &bytes)
    }

    /// The same of DynamoDB.
    pub(crate) fn call_table(&mut self, operation: &str, body: &Value) -> Result<Value> {
        let bytes = table_request(self.target, operation, body.to_string().as_bytes());
        self.ask(operation, &bytes)
    }

    fn ask(&mut self, operation: &str, bytes: &[u8]) -> Result<Value> {
        let answer = self.connection.call(bytes)?;
        if answer.status != 200 {
            let body = String::from_utf8_lossy(answer.body).into_owned();
            return Err(Refused { operation: operation.to_owned(), status: answer.status, body }.into());
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(answer.body)?)
    }

    /// Creates `stream`, encrypts it where that is the guard, and waits until it is ACTIVE.
    pub(crate) fn create_stream(&mut self, stream: &str, shards: usize) -> Result<()> {
        self.call("CreateStream", &json!({ "StreamName": stream, "ShardCount": shards }))?;
        self.wait_until_active(stream)?;
        if self.target.guard == Guard::Encryption {
            let key = "alias/aws/kinesis";
            let ask = json!({ "StreamName": stream, "EncryptionType": "KMS", "KeyId": key });
            self.call("StartStreamEncryption", &ask)?;
            self.wait_until_active(stream)?;
            let answer = self.call("DescribeStreamSummary", &json!({ "StreamName": stream }))?;
            if answer["StreamDescriptionSummary"]["EncryptionType"] != "KMS" {
                return Err(format!("stream {stream} is not encrypted").into());
            }
        }
        Ok(())
    }

    fn wait_until_active(&mut self, stream: &str) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < ACTIVE_DEADLINE {
            let answer = self.call("DescribeStreamSummary", &json!({ "StreamName": stream }))?;
            if answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("stream {stream} is not ACTIVE after {ACTIVE_DEADLINE:?}").into())
    }

    /// The ids of all shards, open and closed, oldest first.
    pub(crate) fn shards(&mut self, stream: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut ask = json!({ "StreamName": stream });
        loop {
            let answer = self.call("ListShards", &ask)?;
            let page = answer["Shards"].as_array().ok_or("ListShards without Shards")?;
            ids.extend(page.iter().filter_map(|shard| shard["ShardId"].as_str()).map(str::to_owned));
            match answer["NextToken"].as_str() {
                Some(token) => ask = json!({ "NextToken": token }),
                None => break,
            }
        }
        ids.sort();
        Ok(ids)
    }

    pub(crate) fn iterator(&mut self, stream: &str, shard: &str, kind: &str) -> Result<String> {
        let ask = json!({ "StreamName": stream, "ShardId": shard, "ShardIteratorType": kind });
        let answer = self.call("GetShardIterator", &ask)?;
        Ok(answer["ShardIterator"].as_str().ok_or("GetShardIterator without ShardIterator")?.to_owned())
    }
}
