//! Whole requests: `OPERATION json` or `OPERATION cbor` (of CloudWatch's also `OPERATION query`, of DynamoDB's
//! `dynamodb:OPERATION json`), then, after a line's end, the body. Whatever a body holds, it is
//! the caller's mistake or none: the answer is never that the server failed, and can be read in the request's encoding.
//! A service of its own each time, with one stream that has a record and one table that has an item.

use std::net::IpAddr;
use std::sync::Arc;

use headwater_access::AuditLog;
use headwater_api_cloudwatch::CloudWatch;
use headwater_api_dynamodb::DynamoDb;
use headwater_api_kinesis::Kinesis;
use headwater_api_sts::Sts;
use headwater_edge::{AccessControl, Edge, Host, Limits, Mounted};
use headwater_host::{ManualClock, SeededRandom};
use headwater_monitoring::{MetricStore, StoreLimits};
use headwater_store::memory::MemoryStore;
use headwater_streams::{PutEntry, StreamService};
use headwater_tables::value::AttributeValue;
use headwater_tables::{
    Action, Billing, IndexProjection, IndexScope, IndexSpec, KeyAttribute, KeySchema, KeyType, TableKey,
    TableName, TableService, TableSpec, Write,
};
use headwater_telemetry::Metrics;
use headwater_types::Timestamp;
use headwater_wire::{Codec, DecodeError};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::Everything;
use super::service::{REGION, create, open, open_tables, orders, runtime};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=A/20231114/us-east-1/kinesis/aws4_request, \
                             SignedHeaders=host;x-amz-date, Signature=00";

/// CloudWatch's operations.
const METRICS: [&str; 4] = ["PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics"];

pub(crate) fn run(bytes: &[u8]) {
    let line_end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let Ok(line) = std::str::from_utf8(&bytes[..line_end]) else { return };
    let (name, codec) = line.split_once(' ').unwrap_or((line, "json"));
    let body = bytes.get(line_end + 1..).unwrap_or_default();
    let (codec, path, target, body) = if METRICS.contains(&name) {
        let target = format!("x-amz-target: GraniteServiceVersion20100801.{name}\r\n");
        let rpc = format!("/service/GraniteServiceVersion20100801/operation/{name}");
        match codec {
            "cbor" => (Codec::RpcCbor, rpc, String::new(), body.to_vec()),
            "query" => {
                let form = format!("Action={name}&Version=2010-08-01&").into_bytes();
                (Codec::Query, "/".to_owned(), String::new(), [&form, body].concat())
            }
            _ => (Codec::Json10, "/".to_owned(), target, body.to_vec()),
        }
    } else if let Some(operation) = name.strip_prefix("dynamodb:") {
        if !headwater_api_dynamodb::operation_names().any(|known| known == operation) {
            return;
        }
        let target = format!("x-amz-target: DynamoDB_20120810.{operation}\r\n");
        (Codec::Json10, "/".to_owned(), target, body.to_vec())
    } else if headwater_api_kinesis::operation_names().any(|known| known == name) {
        let codec = if codec == "cbor" { Codec::Cbor } else { Codec::Json };
        (codec, "/".to_owned(), format!("x-amz-target: Kinesis_20131202.{name}\r\n"), body.to_vec())
    } else {
        return;
    };
    let content_type = match codec {
        // What it answers is XML.
        Codec::Query => "application/x-www-form-urlencoded",
        _ => codec.content_type(),
    };
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{target}x-amz-date: 20231114T221500Z\r\ncontent-type: \
         {content_type}\r\nauthorization: {AUTHORIZATION}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    let answer = runtime().block_on(async { ask(&api().await, &request).await });
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an answer") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap_or_default();
    assert!(matches!(status, "200" | "400"), "{head}");
    if !head.contains("eventstream") && codec != Codec::Query && answer.len() > end {
        // Types are none of this structure's, but it is well-formed.
        let read = codec.decode::<Everything<'_>>(&answer[end..]);
        assert!(read != Err(DecodeError::Malformed), "{}", answer[end..].escape_ascii());
    }
}

async fn api() -> Edge {
    let clock = ManualClock::new(Timestamp::from_secs(1_700_000_100));
    let service = open(&Arc::new(MemoryStore::default())).await.expect("an empty store");
    fill(&service).await;
    let tables = tables().await;
    let audit = AuditLog::open(clock.clone(), None).expect("no file");
    let (access, random) = (AccessControl::new(None, audit), SeededRandom::new(3));
    let metrics = Arc::new(Metrics::new());
    let monitoring = Arc::new(MetricStore::new(clock.clone(), StoreLimits::default()));
    let (account, regions, limits) = (orders().realm.account, REGION.into(), Limits::default());
    let kinesis: Arc<dyn Mounted> = Arc::new(Kinesis::new(service, limits.events_bytes_max));
    let services: Vec<Arc<dyn Mounted>> = vec![
        kinesis.clone(),
        Arc::new(DynamoDb::new(tables)),
        Arc::new(CloudWatch::new(monitoring)),
        Arc::new(Sts),
    ];
    let host = Host { account, regions, access, clock, random, metrics, limits };
    Edge::new(host, services, Some(kinesis))
}

/// A table `orders` with the key `a` and `b`, an index on `c`, and an item.
async fn tables() -> Arc<TableService> {
    let tables = open_tables(&Arc::new(MemoryStore::default())).await.expect("an empty store");
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyType::S };
    let name = |text: &str| TableName::new(text).expect("a name");
    let index = IndexSpec {
        name: name("index"),
        scope: IndexScope::Global,
        schema: KeySchema::new(attribute("c"), None),
        projection: IndexProjection::All,
        throughput: None,
    };
    let spec = TableSpec {
        schema: KeySchema::new(attribute("a"), Some(attribute("b"))),
        indexes: vec![index],
        billing: Billing::PayPerRequest,
        class: None,
        deletion_protection: false,
        tags: Default::default(),
        options: Default::default(),
    };
    let table = TableKey { realm: orders().realm, name: name("orders") };
    tables.create_table(&table, spec).await.expect("a new table");
    let value = |text: &str| AttributeValue::S(text.to_owned());
    let item = ["a", "b", "c"].map(|name| (name.to_owned(), value("x"))).into();
    let write = Write {
        table,
        action: Action::Put(item),
        condition: None,
        give_failed: false,
        give_collection: false,
    };
    tables.write(write).await.expect("an item");
    tables
}

async fn fill(service: &Arc<StreamService>) {
    create(service).await;
    let (handle, _) = service.find(&orders()).expect("the stream");
    let entry = PutEntry { partition_key: "key".into(), explicit_hash_key: None, data: b"data" };
    service.put_record(&handle, entry, None).await.expect("a record");
}

/// The answer to a request; of one that never ends, how it begins.
async fn ask(api: &Edge, request: &[u8]) -> Vec<u8> {
    let (mut ours, theirs) = duplex(64 << 10);
    let peer = api.peer(IpAddr::from([127, 0, 0, 1]), false);
    let api = api.clone();
    let service = service_fn(move |request| {
        let (api, peer) = (api.clone(), peer.clone());
        async move {
            match api.admit(&request, &peer) {
                Ok(room) => api.handle(request, peer, room).await,
                Err(refusal) => Ok(*refusal),
            }
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    let client = async {
        ours.write_all(request).await.expect("the request is taken");
        answer(&mut ours).await
    };
    tokio::pin!(client, connection);
    tokio::select! {
        biased;
        answer = &mut client => return answer,
        _ = &mut connection => {}
    }
    client.await
}

async fn answer(from: &mut DuplexStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let endless = b"vnd.amazon.eventstream";
    while from.read_buf(&mut answer).await.is_ok_and(|len| len > 0) {
        if answer.windows(endless.len()).any(|bytes| bytes == endless) {
            break;
        }
    }
    answer
}
