//! An HTTP client that never tries again: what it is told is what the server said.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Outcome of a call.
#[derive(Debug)]
pub(super) enum Outcome {
    Done(Value),
    /// The name of the error, and all that was said.
    Refused(String, String),
    /// No answer came: it has happened or not.
    Lost,
}

#[derive(Debug)]
pub(super) struct Client {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None }
    }

    pub(super) fn call(&mut self, operation: &str, input: &Value) -> Outcome {
        match self.exchange(operation, input) {
            Ok((200, body)) if body.is_empty() => Outcome::Done(Value::Null),
            Ok((200, body)) => Outcome::Done(serde_json::from_slice(&body).unwrap()),
            Ok((status, body)) => {
                let error: Value = serde_json::from_slice(&body).unwrap_or_default();
                let said = format!("{status} {}", String::from_utf8_lossy(&body));
                Outcome::Refused(error["__type"].as_str().unwrap_or_default().to_owned(), said)
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("{operation} was not answered within 20 s")
            }
            Err(_) => {
                self.stream = None;
                Outcome::Lost
            }
        }
    }

    /// A call that has to succeed.
    #[track_caller]
    pub(super) fn ok(&mut self, operation: &str, input: &Value) -> Value {
        match self.call(operation, input) {
            Outcome::Done(body) => body,
            other => panic!("{operation} {input}: {other:?}"),
        }
    }

    fn exchange(&mut self, operation: &str, input: &Value) -> std::io::Result<(u16, Vec<u8>)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().expect("it is connected");
        let request = request(&self.address, operation, &input.to_string());
        stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut len) = (0, 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
            if let Some(rest) = line.strip_prefix("content-length: ") {
                len = rest.parse().unwrap();
            }
        }
        let mut body = vec![0; len];
        stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}

/// The bytes of a request.
pub(super) fn request(address: &str, operation: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: Kinesis_20131202.{operation}\r\nx-amz-date: 20261121T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
