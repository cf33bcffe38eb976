//! Cost of verifying a request: the figures of docs/security.md, by
//! `cargo run --release -p headwater-access --example cost`.

use std::hint::black_box;
use std::time::Duration;

use headwater_access::{CredentialStore, Facts, Lifetime, Question, UserRef, builtin_policy, decide, update};
use headwater_host::{Clock, SeededRandom, SystemClock};
use headwater_types::{AccountId, Region};
use headwater_wire::sigv4::canonical::Request;
use headwater_wire::sigv4::{Authentication, Claim, Credentials, Target, sign};

fn each(rounds: u32, mut work: impl FnMut()) -> Duration {
    let clock = SystemClock::new();
    let start = clock.elapsed();
    (0..rounds).for_each(|_| work());
    (clock.elapsed() - start) / rounds
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("credentials.toml");
    let clock = SystemClock::new();
    let now = clock.now();
    let random = SeededRandom::new(1);
    let who = UserRef { account: AccountId::new("111122223333").unwrap(), name: Some("alice") };
    let policies = [builtin_policy("full-access").unwrap().to_owned()];
    let key = update(&path, |file| file.add_key(who, &policies, Lifetime::Lasting, now, &*random)).unwrap();
    let store = CredentialStore::open(&path).unwrap();
    let here = Target { region: "us-east-1", service: "kinesis" };
    for size in [100, 10_000, 100_000, 1_000_000, 10_000_000] {
        let body = vec![b'x'; size];
        let plain = [
            ("host", "127.0.0.1:4567"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Kinesis_20131202.PutRecord"),
            ("user-agent", "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux"),
        ];
        let credentials = Credentials {
            access_key_id: key.id.clone(),
            secret_access_key: key.secret.reveal().to_owned(),
            session_token: None,
        };
        let request = Request { method: "POST", path: "/", query: "", headers: &plain };
        let signature = sign(&request, &body, now, here, &credentials);
        let headers: Vec<_> = plain.iter().copied().chain(signature.headers()).collect();
        let request = Request { headers: &headers, ..request };
        let authorization = headers.last().unwrap().1;
        let verify = || {
            let authentication = Authentication::parse(Some(authorization), None, true).unwrap();
            let claim = Claim::read(&request, &authentication, now, here).unwrap();
            let (_, key) = store
                .find(claim.access_key_id(), None, now, |known| {
                    (known.caller(Region::US_EAST_1).clone(), known.signing_key(&claim.scope()))
                })
                .unwrap();
            claim.verify(&key, &request, black_box(&body), None).unwrap();
        };
        let rounds = if size > 100_000 { 50 } else { 10_000 };
        println!("verify {size:>9} bytes: {:?}", each(rounds, verify));
    }
    decide_only(&store, &key.id);
}

fn decide_only(store: &CredentialStore, id: &str) {
    let now = SystemClock::new().now();
    let caller = store.find(id, None, now, |known| known.caller(Region::US_EAST_1).clone()).unwrap();
    let facts = Facts {
        caller: &caller,
        source_ip: None,
        now,
        secure: false,
        user_agent: None,
        region: "us-east-1",
        resource_account: caller.account(),
        resource_tags: None,
        request_tags: None,
        tag_keys: None,
    };
    let question = Question {
        action: "kinesis:PutRecord",
        resource: "arn:aws:kinesis:us-east-1:111122223333:stream/orders",
        owner: caller.account(),
        facts,
        resource_policy: None,
    };
    println!("decide: {:?}", each(100_000, || decide(black_box(&question)).unwrap()));
}
