//! An edge in memory, and a client of it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use headwater_access::{AuditLog, CredentialStore, KeyEntry, Lifetime, UserRef, builtin_policy, update};
use headwater_edge::{AccessControl, Edge, Host, Limits, Mounted, Peer};
use headwater_host::{Clock, ManualClock, SeededRandom};
use headwater_telemetry::Metrics;
use headwater_types::{AccountId, Timestamp};
use headwater_wire::sigv4::canonical::Request as Signed;
use headwater_wire::sigv4::{Credentials, SigningRules, Target, sign_by};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;

use crate::toy::{Shop, Store};

pub(crate) const REGION: &str = "eu-west-1";

pub(crate) struct World {
    pub(crate) edge: Edge,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shop: Arc<Shop>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) key: Option<KeyEntry>,
    _dir: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::made(limits, None, REGION)
    }

    /// Everybody has to sign; there is one user, with this policy.
    pub(crate) fn guarded(policy: &str) -> Self {
        Self::made(Limits::default(), Some(policy), REGION)
    }

    /// A server of these regions; everybody has to sign if there is a policy.
    pub(crate) fn of_regions(regions: &str, policy: Option<&str>) -> Self {
        Self::made(Limits::default(), policy, regions)
    }

    fn made(limits: Limits, policy: Option<&str>, regions: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(Timestamp::from_millis(1_780_000_000_000));
        let (random, metrics) = (SeededRandom::new(7), Arc::new(Metrics::new()));
        let account = AccountId::new("111122223333").unwrap();
        let file = dir.path().join("credentials.toml");
        let key = policy.map(|policy| {
            let policies = [builtin_policy(policy).unwrap_or(policy).to_owned()];
            let user = UserRef { account, name: Some("ann") };
            update(&file, |file| file.add_key(user, &policies, Lifetime::Lasting, clock.now(), &*random))
                .unwrap()
        });
        let credentials = key.as_ref().map(|_| Arc::new(CredentialStore::open(&file).unwrap()));
        let access = AccessControl::new(credentials, AuditLog::open(clock.clone(), None).unwrap());
        let host = Host {
            account,
            regions: regions.parse().unwrap(),
            access,
            clock: clock.clone(),
            random: random.clone(),
            metrics: metrics.clone(),
            limits,
        };
        let shop = Arc::new(Shop::default());
        let services: Vec<Arc<dyn Mounted>> = vec![shop.clone(), Arc::new(Store)];
        let edge = Edge::new(host, services, None);
        Self { edge, clock, shop, metrics, key, _dir: dir }
    }

    pub(crate) async fn connect(&self) -> Client {
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
        Client::of(&self.edge, self.edge.peer(address, true)).await
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.connect().await.send(request).await
    }

    /// Signs for the store, by its rules.
    pub(crate) fn signed_as_sent(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Request<Full<Bytes>> {
        self.signed_by(SigningRules::ObjectStore, (REGION, "s3"), method, target, headers, body)
    }

    /// Signs for a service, all headers included.
    pub(crate) fn signed(
        &self,
        service: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Request<Full<Bytes>> {
        self.signed_by(SigningRules::General, (REGION, service), method, target, headers, body)
    }

    /// Asks for its place with a signature for a region.
    pub(crate) async fn place_in(&self, region: &str) -> Answer {
        let headers =
            [("x-amz-target", "Shop_20260101.Place"), ("content-type", "application/x-amz-json-1.0")];
        let scope = (region, "shop");
        self.send(self.signed_by(SigningRules::General, scope, "POST", "/", &headers, b"{}")).await
    }

    fn signed_by(
        &self,
        rules: SigningRules,
        (region, service): (&str, &str),
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Request<Full<Bytes>> {
        let key = self.key.as_ref().unwrap();
        let credentials = Credentials {
            access_key_id: key.id.clone(),
            secret_access_key: key.secret.reveal().to_owned(),
            session_token: None,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut all = vec![("host", "edge.test")];
        all.extend_from_slice(headers);
        let request = Signed { method, path, query, headers: &all };
        let here = Target { region, service };
        let signature = sign_by(rules, &request, body, self.clock.now(), here, &credentials);
        let mut built = Request::builder().method(method).uri(target);
        for (name, value) in all {
            built = built.header(name, value);
        }
        for (name, value) in signature.headers() {
            built = built.header(name, value);
        }
        built.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
    }
}

pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    pub(crate) peer: Peer,
}

impl Client {
    pub(crate) async fn of(edge: &Edge, peer: Peer) -> Self {
        let ours = serve(edge, &peer);
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, peer }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// None if the connection ends without an answer.
    pub(crate) async fn try_send(&mut self, request: Request<Full<Bytes>>) -> Option<Answer> {
        let (parts, body) = self.sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// A connection of this peer, served; the client's end of it.
pub(crate) fn serve(edge: &Edge, peer: &Peer) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (edge, asking) = (edge.clone(), peer.clone());
    let service = service_fn(move |request| {
        let (edge, peer) = (edge.clone(), asking.clone());
        async move {
            match edge.admit(&request, &peer) {
                Ok(room) => edge.handle(request, peer, room).await,
                Err(refusal) => Ok(*refusal),
            }
        }
    });
    tokio::spawn(async move {
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(TokioIo::new(theirs), service).await;
    });
    ours
}

/// An unsigned request, as a client with any credentials sends it.
pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Request<Full<Bytes>> {
    let mut built = Request::builder().method(method).uri(target).header("host", "edge.test");
    let any = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE/20260101/eu-west-1/shop/aws4_request, \
               SignedHeaders=host, Signature=00";
    if !headers.iter().any(|(name, _)| *name == "authorization") {
        built = built.header("authorization", any).header("x-amz-date", "20260101T000000Z");
    }
    for (name, value) in headers {
        built = built.header(*name, *value);
    }
    built.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}
