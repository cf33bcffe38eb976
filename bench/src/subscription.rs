//! One subscription over HTTP/1.1: a chunked answer of event stream frames.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;
use crate::http::{Encoding, request};

/// Heartbeats come every 5 s: a server that is silent for longer is gone.
const SILENCE_MAX: Duration = Duration::from_secs(15);
const BUFFER_BYTES: usize = 16 * 1024;

/// Starting point of a subscription.
pub(crate) enum Start {
    Horizon,
    Latest,
    /// After the number with which an earlier one ended.
    After(String),
}

/// Message of a subscription.
pub(crate) enum Said<'a> {
    /// The JSON of an event.
    Event(&'a [u8]),
    /// The name of an exception in the stream.
    Exception(String),
    /// It is over: by the server's clean end, or because the connection broke.
    End,
}

pub(crate) struct Subscription {
    stream: TcpStream,
    /// Bytes that were read and not yet taken.
    raw: Vec<u8>,
    /// The body with the chunks' sizes taken out.
    body: Vec<u8>,
    /// Bytes at the beginning of `body` that were handed out.
    taken: usize,
    ended: bool,
}

/// Why a subscription was refused: the name of the exception and what it says.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubscribeToShard was refused: {}", self.0)
    }
}

impl std::error::Error for Refusal {}

impl Subscription {
    pub(crate) fn open(address: SocketAddr, consumer: &str, shard: &str, start: &Start) -> Result<Self> {
        let position = match start {
            Start::Horizon => json!({ "Type": "TRIM_HORIZON" }),
            Start::Latest => json!({ "Type": "LATEST" }),
            Start::After(number) => json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number }),
        };
        let ask = json!({ "ConsumerARN": consumer, "ShardId": shard, "StartingPosition": position });
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.write_all(&request(
            address,
            "SubscribeToShard",
            Encoding::Json,
            ask.to_string().as_bytes(),
        ))?;
        let mut subscription = Self { stream, raw: Vec::new(), body: Vec::new(), taken: 0, ended: false };
        subscription.read_head()?;
        match subscription.next()? {
            // The initial response; some servers leave out its empty object.
            Said::Event(b"{}" | b"") => Ok(subscription),
            Said::Event(_) | Said::Exception(_) | Said::End => Err("no initial response".into()),
        }
    }

    fn read_head(&mut self) -> Result<()> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(head_len) = response.parse(&self.raw)? {
                let status = response.code.unwrap_or(0);
                if status == 200 {
                    self.raw.drain(..head_len);
                    return Ok(());
                }
                // Errors are short and come in one piece.
                let body = String::from_utf8_lossy(&self.raw[head_len..]).into_owned();
                return Err(Refusal(body).into());
            }
            if self.fill()? == 0 {
                return Err("the server closed the connection without an answer".into());
            }
        }
    }

    fn fill(&mut self) -> Result<usize> {
        let before = self.raw.len();
        self.raw.resize(before + BUFFER_BYTES, 0);
        let read = self.stream.read(&mut self.raw[before..]);
        self.raw.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(read) => Ok(read),
            // A server that was killed.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
            Err(error) => Err(format!("a subscription: {error}").into()),
        }
    }

    /// Moves the whole chunks that have come to the body; true at the last one.
    fn take_chunks(&mut self) -> Result<bool> {
        let mut at = 0;
        let last = loop {
            let Some(line) = memchr::memmem::find(&self.raw[at..], b"\r\n") else { break false };
            let size = usize::from_str_radix(std::str::from_utf8(&self.raw[at..at + line])?.trim(), 16)?;
            let from = at + line + 2;
            if size == 0 {
                break true;
            }
            if self.raw.len() < from + size + 2 {
                break false;
            }
            self.body.extend_from_slice(&self.raw[from..from + size]);
            at = from + size + 2;
        };
        self.raw.drain(..at);
        Ok(last)
    }

    /// Waits for what comes next.
    pub(crate) fn next(&mut self) -> Result<Said<'_>> {
        self.body.drain(..self.taken);
        self.taken = 0;
        let frame_len = loop {
            if let Some(len) = frame_len(&self.body)? {
                break len;
            }
            if self.ended {
                return Ok(Said::End);
            }
            // Some may have come with the head.
            self.ended = self.take_chunks()?;
            if !self.ended && frame_len(&self.body)?.is_none() {
                self.ended = self.fill()? == 0;
            }
        };
        self.taken = frame_len;
        let frame = &self.body[..frame_len];
        let headers_len = number(frame, 4) as usize;
        if crc32fast::hash(&frame[..frame_len - 4]) != number(frame, frame_len - 4) {
            return Err("a frame whose checksum is wrong".into());
        }
        let (headers, payload) = frame[12..frame_len - 4].split_at(headers_len);
        if memchr::memmem::find(headers, b"exception-type").is_some() {
            let value = &headers[memchr::memmem::find(headers, b"exception-type").unwrap_or(0) + 17..];
            let end = value.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(value.len());
            return Ok(Said::Exception(String::from_utf8_lossy(&value[..end]).into_owned()));
        }
        Ok(Said::Event(payload))
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The length of the frame at the beginning, once all of it has come.
fn frame_len(body: &[u8]) -> Result<Option<usize>> {
    if body.len() < 12 {
        return Ok(None);
    }
    if crc32fast::hash(&body[..8]) != number(body, 8) {
        return Err("a frame whose prelude is damaged".into());
    }
    let len = number(body, 0) as usize;
    Ok((body.len() >= len).then_some(len))
}

/// Registers consumers `c0`, `c1`, ... of a stream and waits until they are ACTIVE.
pub(crate) fn consumers(api: &mut crate::api::Api, stream: &str, count: usize) -> Result<Vec<String>> {
    let summary = api.call("DescribeStreamSummary", &json!({ "StreamName": stream }))?;
    let arn = &summary["StreamDescriptionSummary"]["StreamARN"];
    for number in 0..count {
        api.call(
            "RegisterStreamConsumer",
            &json!({ "StreamARN": arn, "ConsumerName": format!("c{number}") }),
        )?;
    }
    loop {
        let listed = api.call("ListStreamConsumers", &json!({ "StreamARN": arn }))?;
        let consumers = listed["Consumers"].as_array().ok_or("ListStreamConsumers without Consumers")?;
        let active = |consumer: &&Value| consumer["ConsumerStatus"] == "ACTIVE";
        let arns: Vec<String> = consumers
            .iter()
            .filter(active)
            .filter_map(|consumer| consumer["ConsumerARN"].as_str().map(str::to_owned))
            .collect();
        if arns.len() == count {
            return Ok(arns);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
