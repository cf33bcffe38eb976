//! A server with credentials, and people who sign.

use std::path::PathBuf;
use std::time::Duration;

use headwater_access::{KeyEntry, Lifetime, UserRef, builtin_policy, update};
use headwater_host::{Clock, SeededRandom};
use headwater_server::Settings;
use headwater_types::{AccountId, Timestamp};
use headwater_wire::date::amz_date;
use headwater_wire::sigv4::canonical::{
    Request, Scope, SigningKey, canonical_request, sha256_hex, string_to_sign,
};
use headwater_wire::sigv4::{Credentials, Target, sign};
use serde_json::Value;

use crate::harness::{START, World};
use crate::http::{Answer, Connection};

pub(super) const OWN: &str = "111122223333";
pub(super) const OTHER: &str = "444455556666";
pub(super) const HERE: Target<'static> = Target { region: "us-east-1", service: "kinesis" };

/// Services by what their targets, or for STS the body's type, begin with.
const SERVICES: [(&str, &str); 3] = [
    ("dynamodb", "DynamoDB_20120810."),
    ("monitoring", "GraniteServiceVersion20100801."),
    ("sts", "application/x-www-form-urlencoded"),
];

/// A server whose credentials and audit log are files of their own.
pub(super) struct Guarded {
    pub(super) world: World,
    dir: tempfile::TempDir,
    seed: std::cell::Cell<u64>,
}

/// Somebody with a key.
#[derive(Debug, Clone)]
pub(super) struct Person(pub(super) KeyEntry);

impl Person {
    pub(super) fn credentials(&self) -> Credentials {
        let KeyEntry { id, secret, session_token, .. } = &self.0;
        Credentials {
            access_key_id: id.clone(),
            secret_access_key: secret.reveal().to_owned(),
            session_token: session_token.as_ref().map(|token| token.reveal().to_owned()),
        }
    }
}

impl Guarded {
    pub(super) async fn new(name: &str) -> Self {
        Self::with(name, |_| {}).await
    }

    pub(super) async fn with(name: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let random = SeededRandom::new(1);
        let file = dir.path().join("credentials.toml");
        let nobody = UserRef { account: AccountId::new("999999999999").unwrap(), name: None };
        update(&file, |file| file.add_key(nobody, &[], Lifetime::Lasting, START, &*random)).unwrap();
        let world = World::with(name, |settings| {
            settings.credentials = Some(file.clone());
            settings.audit_log = Some(dir.path().join("audit.jsonl"));
            change(settings);
        })
        .await;
        Self { world, dir, seed: std::cell::Cell::new(100) }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.path().join("credentials.toml")
    }

    pub(super) fn audited(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("audit.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The account itself, or a user with these policies; in force when this returns.
    pub(super) async fn person(&self, account: &str, name: Option<&str>, policies: &[&str]) -> Person {
        self.person_for(account, name, policies, Lifetime::Lasting).await
    }

    pub(super) async fn person_for(
        &self,
        account: &str,
        name: Option<&str>,
        policies: &[&str],
        lifetime: Lifetime,
    ) -> Person {
        self.seed.set(self.seed.get() + 1);
        let random = SeededRandom::new(self.seed.get());
        let now = self.world.clock.now();
        let who = UserRef { account: AccountId::new(account).unwrap(), name };
        let policies: Vec<String> =
            policies.iter().map(|text| builtin_policy(text).unwrap_or(text).to_owned()).collect();
        let key = update(&self.file(), |file| file.add_key(who, &policies, lifetime, now, &*random)).unwrap();
        let person = Person(key);
        self.in_force(&person).await;
        person
    }

    /// Waits until the server knows the key.
    async fn in_force(&self, person: &Person) {
        crate::harness::eventually("the key is known", async || {
            self.world.clock.advance(Duration::from_secs(2));
            self.call(person, "ListStreams", "{}").await.error().1 != "UnrecognizedClientException"
        })
        .await;
    }

    pub(super) async fn call(&self, person: &Person, operation: &str, input: &str) -> Answer {
        self.send(&Sent::signed(person, operation, input, self.world.clock.now())).await
    }

    /// An operation of DynamoDB or CloudWatch, by its whole target.
    pub(super) async fn call_target(&self, person: &Person, target: &str, input: &str) -> Answer {
        let headers =
            [("host", "headwater"), ("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
        self.send_with(person, &headers, input).await
    }

    /// A call of STS.
    pub(super) async fn call_sts(&self, person: &Person, form: &str) -> Answer {
        let headers = [("host", "headwater"), ("content-type", "application/x-www-form-urlencoded")];
        self.send_with(person, &headers, form).await
    }

    async fn send_with(&self, person: &Person, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let now = self.world.clock.now();
        self.send(&Sent::signed_with(person, headers, body.as_bytes(), now)).await
    }

    pub(super) async fn send(&self, sent: &Sent) -> Answer {
        let mut connection = Connection::open(self.world.server().address()).await.unwrap();
        connection.send(&sent.bytes()).await.unwrap();
        connection.answer().await.unwrap()
    }
}

/// A request, to be tampered with.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

fn plain(operation: &str) -> Vec<(String, String)> {
    [
        ("host", "headwater"),
        ("x-amz-target", &format!("Kinesis_20131202.{operation}")),
        ("content-type", "application/x-amz-json-1.1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

impl Sent {
    pub(super) fn signed(person: &Person, operation: &str, input: &str, time: Timestamp) -> Self {
        Self::signed_with(person, plain(operation), input.as_bytes(), time)
    }

    fn signed_with(
        person: &Person,
        mut headers: Vec<(String, String)>,
        body: &[u8],
        time: Timestamp,
    ) -> Self {
        let borrowed: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let service = headers
            .iter()
            .find_map(|(_, value)| SERVICES.iter().find(|service| value.starts_with(service.1)));
        let here = Target { service: service.map_or(HERE.service, |service| service.0), ..HERE };
        let request = Request { method: "POST", path: "/", query: "", headers: &borrowed };
        let signature = sign(&request, body, time, here, &person.credentials());
        headers.extend(signature.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self { query: String::new(), headers, body: body.to_vec() }
    }

    /// Presigned, good for so many seconds.
    pub(super) fn presigned(
        person: &Person,
        operation: &str,
        input: &str,
        time: Timestamp,
        expires: u32,
    ) -> Self {
        let date = amz_date(time);
        let scope = Scope { date: &date[..8], region: HERE.region, service: HERE.service };
        let credentials = person.credentials();
        let encode = |text: &str| text.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
        let mut query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={date}&X-Amz-Expires={expires}\
             &X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-target",
            encode(&format!("{}/{scope}", credentials.access_key_id)),
        );
        if let Some(token) = &credentials.session_token {
            query += &format!("&X-Amz-Security-Token={}", encode(token));
        }
        let headers = plain(operation);
        let borrowed: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = Request { method: "POST", path: "/", query: &query, headers: &borrowed };
        let names = ["content-type", "host", "x-amz-target"];
        let canonical = canonical_request(&request, &names, &sha256_hex(input.as_bytes()));
        let key = SigningKey::derive(&credentials.secret_access_key, &scope);
        query += &format!("&X-Amz-Signature={}", key.sign(&string_to_sign(&date, &scope, &canonical)));
        Self { query, headers, body: input.as_bytes().to_vec() }
    }

    /// Signed, and its body in signed chunks of this size.
    pub(super) fn chunked(
        person: &Person,
        operation: &str,
        input: &str,
        time: Timestamp,
        size: usize,
    ) -> Self {
        let mut headers = plain(operation);
        headers.push(("x-amz-content-sha256".into(), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".into()));
        headers.push(("x-amz-decoded-content-length".into(), input.len().to_string()));
        let mut sent = Self::signed_with(person, headers, b"", time);
        let date = amz_date(time);
        let scope = Scope { date: &date[..8], region: HERE.region, service: HERE.service };
        let key = SigningKey::derive(person.0.secret.reveal(), &scope);
        let mut previous = sent.headers.last().unwrap().1.rsplit('=').next().unwrap().to_owned();
        for chunk in input.as_bytes().chunks(size).chain([&b""[..]]) {
            let text = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{}\n{}",
                sha256_hex(b""),
                sha256_hex(chunk)
            );
            previous = key.sign(&text);
            sent.body.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).bytes());
            sent.body.extend(chunk);
            sent.body.extend(b"\r\n");
        }
        sent
    }

    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let mut head = format!("POST /{query} HTTP/1.1\r\ncontent-length: {}\r\n", self.body.len());
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}
