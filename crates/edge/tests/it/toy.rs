//! A shop: items with notes, in every protocol.

use std::sync::Arc;
use std::time::Duration;

use headwater_edge::{
    Call, Checks, Description, EdgeError, Effect, Fault, Hosted, HttpReply, Operation, Protocol, Reply,
    Route, Running, Service, SigningRules, any_text,
};
use headwater_wire::shape::{List, Text};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use tokio::sync::Notify;

pub(crate) static SHOP: Description = Description {
    target_prefix: Some("Shop_20260101."),
    rpc_name: Some("Shop20260101"),
    api_version: Some("2026-01-01"),
    xml_namespace: "http://shop.example/doc/2026-01-01/",
    routes: &[
        Route { method: "GET", path: "/2026-01-01/items/{Id}", query: &[], operation: "GetItem" },
        Route {
            method: "PUT",
            path: "/2026-01-01/items/{Id}/notes/{Key+}",
            query: &[],
            operation: "PutNote",
        },
        Route { method: "POST", path: "/2026-01-01/wait", query: &[], operation: "Wait" },
    ],
    protocols: &[
        Protocol::Json10,
        Protocol::Json11,
        Protocol::Cbor,
        Protocol::RpcCbor,
        Protocol::Query,
        Protocol::RestJson,
    ],
    inflated_bytes_max: 64 * 1024,
    ..Description::new("shop")
};

/// The largest body that is streamed.
pub(crate) const STREAMED_BYTES_MAX: usize = 2 << 20;

pub(crate) static STORE: Description = Description {
    signing_name: "s3",
    routes: &[
        Route { method: "PUT", path: "/{Bucket}/{Key+}", query: &[], operation: "PutObject" },
        Route { method: "GET", path: "/{Bucket}", query: &[("list-type", Some("2"))], operation: "ListNew" },
        Route { method: "GET", path: "/{Bucket}", query: &[], operation: "List" },
    ],
    protocols: &[Protocol::RestXml],
    signing_rules: SigningRules::ObjectStore,
    body_bytes_max: STREAMED_BYTES_MAX,
    ..Description::new("store")
};

/// An operation as a row of a table.
pub(crate) struct Row<S: 'static> {
    name: &'static str,
    effect: Effect,
    streams: bool,
    lasts: Option<Duration>,
    run: for<'a> fn(&'a S, &'a Call) -> Running<'a>,
}

impl<S: 'static> Operation<S> for Row<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn streams_body(&self) -> bool {
        self.streams
    }

    fn lasts(&self) -> Option<Duration> {
        self.lasts
    }

    fn run<'a>(&'static self, service: &'a S, call: &'a Call) -> Running<'a> {
        (self.run)(service, call)
    }
}

const fn row<S>(
    name: &'static str,
    effect: Effect,
    run: for<'a> fn(&'a S, &'a Call) -> Running<'a>,
) -> Row<S> {
    Row { name, effect, streams: false, lasts: None, run }
}

#[derive(Debug, Default)]
pub(crate) struct Shop {
    /// Wakes what waits.
    pub(crate) bell: Arc<Notify>,
}

headwater_wire::shape! {
    struct Named<'a> {
        name: Text<'a> = "Name",
        tags: List<Tag<'a>> = "Tag",
    }
}

headwater_wire::shape! {
    struct Tag<'a> {
        key: Text<'a> = "Key",
        value: Text<'a> = "Value",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Greeting {
    text: String,
}

fn fault(service: &Shop, call: &Call, error: impl Into<EdgeError>) -> Fault {
    service.fault(error.into(), call.protocol())
}

async fn greet(service: &Shop, call: &Call) -> Result<Reply, Fault> {
    let input: Named<'_> =
        call.protocol().codec().decode(call.body()).map_err(|error| fault(service, call, error))?;
    let mut checks = Checks::default();
    checks.required_text("name", &input.name, any_text(1..=8));
    checks.done().map_err(|violations| Fault::new(400, "ValidationException", violations.0))?;
    call.authorize_account("shop:Greet").map_err(|error| fault(service, call, error))?;
    let tags = input.tags.iter().flat_map(|list| list.0.iter());
    let text = |text: &Option<Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
    let tags: Vec<_> = tags.map(|tag| format!("{}={}", text(&tag.key), text(&tag.value))).collect();
    let text = format!("Hello, {}. {}", text(&input.name), tags.join(" "));
    Ok(call.protocol().codec().encode(&Greeting { text }).into())
}

async fn get_item(service: &Shop, call: &Call) -> Result<Reply, Fault> {
    call.authorize_account("shop:GetItem").map_err(|error| fault(service, call, error))?;
    let id = call.path().get("Id");
    if id == "missing" {
        return Err(Fault::new(404, "ItemNotFoundException", "There is no such item."));
    }
    let text = format!("{id} {} {}", call.query(), call.header("x-shop-note").unwrap_or("-"));
    let mut headers = HeaderMap::new();
    headers.insert("x-shop-id", HeaderValue::from_str(id).map_err(|_| Fault::bare(400, "BadId"))?);
    let body = call.protocol().codec().encode(&Greeting { text }).into();
    Ok(HttpReply { status: StatusCode::CREATED, headers, body }.into())
}

async fn put_note(service: &Shop, call: &Call) -> Result<Reply, Fault> {
    call.authorize_account("shop:PutNote").map_err(|error| fault(service, call, error))?;
    let text = format!("{}/{}: {} bytes", call.path().get("Id"), call.path().get("Key"), call.body().len());
    Ok(call.protocol().codec().encode(&Greeting { text }).into())
}

async fn wait(service: &Shop, call: &Call) -> Result<Reply, Fault> {
    call.authorize_account("shop:Wait").map_err(|error| fault(service, call, error))?;
    let came = call.wait_for(Duration::from_secs(900), service.bell.notified()).await;
    let text = if came.is_some() { "rung" } else { "silent" }.to_owned();
    Ok(call.protocol().codec().encode(&Greeting { text }).into())
}

/// Tells in which realm the request is.
async fn place(service: &Shop, call: &Call) -> Result<Reply, Fault> {
    call.authorize_account("shop:Place").map_err(|error| fault(service, call, error))?;
    Ok(call.protocol().codec().encode(&Greeting { text: call.realm().to_string() }).into())
}

/// An operation that does not ask whether it may be done.
async fn forget(_service: &Shop, _call: &Call) -> Result<Reply, Fault> {
    Ok(Vec::new().into())
}

impl Hosted for Shop {
    fn end_waiting(&self) {
        self.bell.notify_waiters();
    }
}

impl Service for Shop {
    type Operation = Row<Self>;

    fn description(&self) -> &'static Description {
        &SHOP
    }

    fn operations(&self) -> &'static [Row<Self>] {
        const ALL: &[Row<Shop>] = &[
            row("Greet", Effect::Reads, |shop, call| Box::pin(greet(shop, call))),
            row("GetItem", Effect::Reads, |shop, call| Box::pin(get_item(shop, call))),
            row("PutNote", Effect::Writes, |shop, call| Box::pin(put_note(shop, call))),
            Row {
                lasts: Some(Duration::from_secs(900)),
                ..row("Wait", Effect::Reads, |shop, call| Box::pin(wait(shop, call)))
            },
            row("Place", Effect::Reads, |shop, call| Box::pin(place(shop, call))),
            row("Forget", Effect::Reads, |shop, call| Box::pin(forget(shop, call))),
        ];
        ALL
    }
}

/// Objects, whose bodies are not held.
#[derive(Debug, Default)]
pub(crate) struct Store;

async fn put_object(_store: &Store, call: &Call) -> Result<Reply, Fault> {
    call.authorize_account("s3:PutObject").map_err(EdgeError::usual)?;
    let mut stream = call.stream().ok_or(Fault::bare(500, "NoStream"))?;
    let (mut pieces, mut bytes) = (0, 0);
    loop {
        match stream.next().await {
            Ok(Some(piece)) => {
                pieces += 1;
                bytes += piece.len();
            }
            Ok(None) => break,
            Err(error) => return Err(Fault::new(400, "BadDigest", format!("{error:?}"))),
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-bytes", HeaderValue::from(bytes));
    headers.insert("x-in-pieces", HeaderValue::from_static(if pieces > 1 { "yes" } else { "no" }));
    headers
        .insert("x-key", HeaderValue::from_str(call.path().get("Key")).map_err(|_| Fault::bare(400, "Key"))?);
    Ok(HttpReply { status: StatusCode::OK, headers, body: Vec::new().into() }.into())
}

async fn list(_store: &Store, call: &Call) -> Result<Reply, Fault> {
    call.authorize_account("s3:ListBucket").map_err(EdgeError::usual)?;
    let is_new = call.query().contains("list-type=2");
    if call.path().get("Bucket") == "none" {
        return Err(Fault::new(404, "NoSuchBucket", "The specified bucket does not exist"));
    }
    Ok(call.protocol().codec().encode(&Greeting { text: format!("new: {is_new}") }).into())
}

impl Hosted for Store {}

impl Service for Store {
    type Operation = Row<Self>;

    fn description(&self) -> &'static Description {
        &STORE
    }

    fn operations(&self) -> &'static [Row<Self>] {
        const ALL: &[Row<Store>] = &[
            Row {
                streams: true,
                ..row("PutObject", Effect::Writes, |store, call| Box::pin(put_object(store, call)))
            },
            row("ListNew", Effect::Reads, |store, call| Box::pin(list(store, call))),
            row("List", Effect::Reads, |store, call| Box::pin(list(store, call))),
        ];
        ALL
    }
}
