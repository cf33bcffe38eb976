//! One HTTP/1.1 connection: a prebuilt request goes out, one answer with a length comes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;
use crate::target::{Described, Target, authorization};

/// An answer that takes longer than this is a failure of the server.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
const HEAD_LIMIT_BYTES: usize = 64 * 1024;

/// The body encodings of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Cbor,
}

/// The bytes of one POST of an operation of Kinesis.
pub(crate) fn request(to: impl Into<Target>, operation: &str, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let content_type = match encoding {
        Encoding::Json => "application/x-amz-json-1.1",
        Encoding::Cbor => "application/x-amz-cbor-1.1",
    };
    post(to.into(), content_type, "kinesis", &format!("Kinesis_20131202.{operation}"), body)
}

/// The bytes of one POST of an operation of DynamoDB.
pub(crate) fn table_request(to: impl Into<Target>, operation: &str, body: &[u8]) -> Vec<u8> {
    let operation = format!("DynamoDB_20120810.{operation}");
    post(to.into(), "application/x-amz-json-1.0", "dynamodb", &operation, body)
}

fn post(to: Target, content_type: &str, service: &str, operation: &str, body: &[u8]) -> Vec<u8> {
    let host = to.address.to_string();
    let described = Described { host: &host, content_type, service, operation };
    let (date, authorization) = authorization(to.guard, &described, body);
    let mut bytes = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n\
         X-Amz-Target: {operation}\r\nX-Amz-Date: {date}\r\n\
         Authorization: {authorization}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) struct Connection {
    stream: TcpStream,
    /// Kept at its largest size ever, so that nothing is cleared twice.
    buffer: Vec<u8>,
}

pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    pub(crate) fn expect_ok(&self, operation: &str) -> Result<()> {
        if self.status == 200 {
            return Ok(());
        }
        let shown = &self.body[..self.body.len().min(300)];
        Err(format!("{operation} was answered {}: {}", self.status, String::from_utf8_lossy(shown)).into())
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
        stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
        Ok(Connection { stream, buffer: vec![0; 256 * 1024] })
    }

    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (status, head_len, body_len) = loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err("the server closed the connection without an answer".into());
            }
            filled += read;
            if let Some(head) = parse_head(&self.buffer[..filled])? {
                break head;
            }
            if filled >= HEAD_LIMIT_BYTES {
                return Err("the head of the answer does not end".into());
            }
        };
        let end = head_len + body_len;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        if filled > end {
            return Err("the answer is longer than its Content-Length".into());
        }
        self.stream.read_exact(&mut self.buffer[filled..end])?;
        Ok(Answer { status, body: &self.buffer[head_len..end] })
    }
}

/// Status, length of the head and length of the body, once the head is complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_len) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.ok_or("an answer without a status")?;
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.ok_or("an answer without a Content-Length, which this generator needs")?;
    Ok(Some((status, head_len, std::str::from_utf8(length.value)?.trim().parse()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_parsed_once_complete() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        for cut in 0..whole.len() - 2 {
            assert!(parse_head(&whole[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        assert_eq!(parse_head(whole).unwrap(), Some((200, whole.len() - 2, 2)));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
