//! As much of an HTTP client as the tests need: one connection, one request at a time, both codecs.

use std::net::SocketAddr;

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Json,
    Cbor,
}

pub(crate) const CODECS: [Codec; 2] = [Codec::Json, Codec::Cbor];

/// Answer to a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// As it would be in JSON, whatever the codec; null where there is no body.
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) closes: bool,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// Status, name and text of an error.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let member = |name: &str| self.body[name].as_str().unwrap_or_default().to_owned();
        (self.status, member("__type"), member("message"))
    }

    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, kind: &str, message: &str) {
        assert_eq!(self.error(), (status, kind.to_owned(), message.to_owned()), "{}", self.text);
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await? })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next HTTP/2 frame: its type and its payload.
    pub(crate) async fn frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[3], payload))
    }

    /// Whatever else the server says before it closes the connection.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset ends it as well as an orderly end does.
        let _ = self.stream.read_to_end(&mut bytes).await;
        bytes
    }

    pub(crate) async fn answer(&mut self) -> std::io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_default().to_owned()
        };
        let mut body = vec![0; header("content-length").parse().unwrap()];
        self.stream.read_exact(&mut body).await?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = match header("content-type").as_str() {
            "application/x-amz-cbor-1.1" if !body.is_empty() => read(&mut Decoder::new(&body)),
            "application/x-amz-json-1.1" | "application/x-amz-json-1.0" if !body.is_empty() => {
                serde_json::from_slice(&body).unwrap()
            }
            _ => Value::Null,
        };
        Ok(Answer { status, body, text, closes: header("connection") == "close" })
    }
}

/// Head and body of an API request.
pub(crate) fn request(codec: Codec, operation: &str, input: &Value) -> (Vec<u8>, Vec<u8>) {
    let (kind, body) = match codec {
        Codec::Json => ("json", serde_json::to_vec(input).unwrap()),
        Codec::Cbor => {
            let mut body = Vec::new();
            write(&mut Encoder::new(&mut body), "", input);
            ("cbor", body)
        }
    };
    let head = format!(
        "POST / HTTP/1.1\r\nhost: headwater\r\nx-amz-target: Kinesis_20131202.{operation}\r\n\
         content-type: application/x-amz-{kind}-1.1\r\nx-amz-date: 20231114T221320Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    (head.into_bytes(), body)
}

pub(crate) async fn call(address: SocketAddr, codec: Codec, operation: &str, input: &Value) -> Answer {
    let (mut head, body) = request(codec, operation, input);
    head.extend(body);
    let mut connection = Connection::open(address).await.unwrap();
    connection.send(&head).await.unwrap();
    connection.answer().await.unwrap()
}

/// The same, signed for a region.
pub(crate) async fn call_for(address: SocketAddr, region: &str, operation: &str, input: &Value) -> Answer {
    let (head, body) = request(Codec::Json, operation, input);
    let scope = format!("Credential=a/20231114/{region}/kinesis/aws4_request");
    let head = String::from_utf8(head).unwrap().replace("Credential=a/b", &scope);
    let mut connection = Connection::open(address).await.unwrap();
    connection.send(&[head.as_bytes(), &body].concat()).await.unwrap();
    connection.answer().await.unwrap()
}

/// An operation of DynamoDB.
pub(crate) async fn call_tables(address: SocketAddr, operation: &str, input: &Value) -> Answer {
    let (head, body) = request(Codec::Json, operation, input);
    let head = String::from_utf8(head).unwrap();
    let head = head.replace("Kinesis_20131202.", "DynamoDB_20120810.").replace("json-1.1", "json-1.0");
    let mut connection = Connection::open(address).await.unwrap();
    connection.send(&[head.as_bytes(), &body].concat()).await.unwrap();
    connection.answer().await.unwrap()
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    let mut connection = Connection::open(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: headwater\r\n\r\n");
    connection.send(head.as_bytes()).await.unwrap();
    connection.answer().await.unwrap()
}

/// JSON as CBOR: `Data` is bytes, `Timestamp` a time.
fn write(to: &mut Encoder<&mut Vec<u8>>, member: &str, value: &Value) {
    match value {
        Value::Object(members) => {
            to.map(members.len() as u64).unwrap();
            for (name, value) in members {
                to.str(name).unwrap();
                write(to, name, value);
            }
        }
        Value::Array(items) => {
            to.array(items.len() as u64).unwrap();
            items.iter().for_each(|item| write(to, member, item));
        }
        Value::String(text) if member == "Data" => {
            to.bytes(&base64_simd::STANDARD.decode_to_vec(text).unwrap()).unwrap();
        }
        Value::Number(seconds) if member == "Timestamp" => {
            to.tag(Tag::new(1)).unwrap().i64((seconds.as_f64().unwrap() * 1000.0) as i64).unwrap();
        }
        Value::String(text) => drop(to.str(text).unwrap()),
        Value::Number(number) => drop(to.i64(number.as_i64().unwrap()).unwrap()),
        Value::Bool(set) => drop(to.bool(*set).unwrap()),
        Value::Null => drop(to.null().unwrap()),
    }
}

/// CBOR as JSON would have it.
fn read(from: &mut Decoder<'_>) -> Value {
    match from.datatype().unwrap() {
        Type::Map | Type::MapIndef => {
            let mut left = from.map().unwrap();
            let mut members = Map::new();
            while more(from, &mut left) {
                let name = from.str().unwrap().to_owned();
                members.insert(name, read(from));
            }
            Value::Object(members)
        }
        Type::Array | Type::ArrayIndef => {
            let mut left = from.array().unwrap();
            let mut items = Vec::new();
            while more(from, &mut left) {
                items.push(read(from));
            }
            Value::Array(items)
        }
        Type::Bytes => base64_simd::STANDARD.encode_to_string(from.bytes().unwrap()).into(),
        Type::String => from.str().unwrap().into(),
        Type::Bool => from.bool().unwrap().into(),
        Type::Tag => {
            assert_eq!(from.tag().unwrap(), Tag::new(1));
            json!(Number::from_f64(from.i64().unwrap() as f64 / 1000.0))
        }
        _ => from.i64().unwrap().into(),
    }
}

fn more(from: &mut Decoder<'_>, left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
        None if from.datatype().unwrap() == Type::Break => {
            from.skip().unwrap();
            false
        }
        None => true,
    }
}
