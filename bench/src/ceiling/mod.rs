//! The ceiling: a bare hyper server that does of Kinesis only what no server can leave out.
//!
//! It reads the body, parses it, decodes base64, hashes each partition key, and writes an answer of the real one's
//! form and length. It keeps nothing, orders nothing, checks nothing, and knows one stream of four shards.

mod answer;
mod put;

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::http::Encoding;
use answer::Prebuilt;

/// Serves until the process is killed, on a runtime built as our server builds its own.
pub(crate) fn serve(listen: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let prebuilt: &'static Prebuilt = Box::leak(Box::new(Prebuilt::new()?));
        let listener = TcpListener::bind(listen).await?;
        println!("the ceiling at http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection(stream, prebuilt));
        }
    })
}

async fn connection(stream: TcpStream, prebuilt: &'static Prebuilt) {
    let service = service_fn(move |request| exchange(request, prebuilt));
    // A connection ends when the generator is done with it; there is nobody to tell.
    if stream.set_nodelay(true).is_ok() {
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

async fn exchange(
    request: Request<Incoming>,
    prebuilt: &'static Prebuilt,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .cloned()
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let encoding = match content_type.as_bytes() {
        b"application/x-amz-cbor-1.1" => Encoding::Cbor,
        _ => Encoding::Json,
    };
    let operation = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation =
        operation.and_then(|target| target.split_once('.')).map_or("", |(_, operation)| operation);
    let answer = match body.collect().await {
        Ok(body) => answer(operation, encoding, &body.to_bytes(), prebuilt),
        Err(error) => Err(error.into()),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(failure) => (StatusCode::BAD_REQUEST, failure.to_string().into()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

fn answer(operation: &str, encoding: Encoding, body: &[u8], prebuilt: &Prebuilt) -> Result<Bytes> {
    let fixed = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    match operation {
        "PutRecords" => answer::put_records(encoding, &put::records(encoding, body)?).map(Bytes::from),
        "PutRecord" => answer::put_record(encoding, put::record(encoding, body)?).map(Bytes::from),
        "GetRecords" => Ok(prebuilt.get_records(encoding)),
        "CreateStream" => Ok(Bytes::new()),
        "ListStreams" => fixed(r#"{"HasMoreStreams":false,"StreamNames":[]}"#),
        "DescribeStreamSummary" => fixed(r#"{"StreamDescriptionSummary":{"StreamStatus":"ACTIVE"}}"#),
        "ListShards" => Ok(answer::shards()),
        "GetShardIterator" => Ok(answer::iterator()),
        _ => Err(format!("the ceiling has no {operation}").into()),
    }
}
