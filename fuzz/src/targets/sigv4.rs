//! Claims of a request about who signed it: `METHOD PATH?QUERY`, then headers, a line each; then, after an empty line,
//! the body. Whatever is found in it, nothing that was not signed with the secret is taken for signed.

use headwater_types::Timestamp;
use headwater_wire::date::{amz_date, parse_amz_date, parse_http_date};
use headwater_wire::sigv4::canonical::{Request, SigningKey, canonical_request};
use headwater_wire::sigv4::{
    Authentication, Chunking, Chunks, Claim, Credentials, NamedCredential, Source, Target, sign,
};

/// The date of the seeds, 2025-11-21T12:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_763_726_400);
const SECRET: &str = "a secret that no input knows";
const HERE: Target<'_> = Target { region: "us-east-1", service: "kinesis" };

pub(crate) fn run(bytes: &[u8]) {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &b""[..]),
    };
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.split('\n');
    let (method, target) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or(("POST", "/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let request = Request { method, path, query, headers: &headers };
    dates(&headers);
    read(&request, body);
    signed_by_us(&request, body);
}

fn header<'a>(headers: &[(&'a str, &'a str)], wanted: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
}

fn dates(headers: &[(&str, &str)]) {
    for (_, text) in headers {
        for time in [parse_amz_date(text), parse_http_date(text)].into_iter().flatten() {
            let written = amz_date(time);
            assert_eq!(parse_amz_date(&written), Some(time), "{written}");
        }
    }
}

fn read(request: &Request<'_>, body: &[u8]) {
    let headers = request.headers;
    let authorization = header(headers, "authorization");
    let has_date = header(headers, "x-amz-date").or(header(headers, "date")).is_some();
    let Ok(found) = Authentication::parse(authorization, Some(request.query), has_date) else { return };
    assert_eq!(found.source == Source::Query, authorization.is_none_or(str::is_empty));
    // The scope by which a request is routed is the one that is verified.
    let named = NamedCredential::find(authorization, Some(request.query));
    let scope = named.as_ref().and_then(NamedCredential::scope);
    assert_eq!(scope, found.access_key_and_scope().map(|(_, scope)| scope));
    let Ok(claim) = Claim::read(request, &found, NOW, HERE) else { return };
    assert_eq!((claim.scope().region, claim.scope().service), (HERE.region, HERE.service));
    assert!(found.credential.starts_with(claim.access_key_id()));
    let chunking = header(headers, "x-amz-content-sha256").and_then(Chunking::of);
    let chunks = chunking.and_then(|chunking| Chunks::parse(chunking, body));
    let key = SigningKey::derive(SECRET, &claim.scope());
    assert!(claim.verify(&key, request, body, chunks.as_ref()).is_err(), "nobody signed this");
}

/// Whatever request we sign, we accept, and no other body in its place.
fn signed_by_us(request: &Request<'_>, body: &[u8]) {
    let ours =
        ["authorization", "x-amz-date", "date", "x-amz-security-token", "x-amz-content-sha256", "host"];
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let kept =
        request.headers.iter().filter(|(name, _)| !ours.iter().any(|own| name.eq_ignore_ascii_case(own)));
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for (name, value) in kept.filter(|(name, _)| fits(name)).copied().take(30) {
        // Headers that decide may come once only; one of each will do here.
        if !headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            headers.push((name, value));
        }
    }
    headers.push(("host", "localhost"));
    let unsigned = Request { headers: &headers, ..*request };
    if !unsigned.query.is_empty() {
        // A presigned query of somebody else's would be two signatures at once.
        return;
    }
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: SECRET.to_owned(),
        session_token: None,
    };
    let signature = sign(&unsigned, body, NOW, HERE, &credentials);
    let mut all: Vec<(&str, &str)> = headers.clone();
    signature.headers().for_each(|(name, value)| all.push((name, value)));
    let request = Request { headers: &all, ..unsigned };
    let found = Authentication::parse(Some(&signature.authorization), None, true).expect("our own signature");
    let claim = Claim::read(&request, &found, NOW, HERE).expect("our own claim");
    let key = SigningKey::derive(SECRET, &claim.scope());
    assert!(
        claim.verify(&key, &request, body, None).is_ok(),
        "{}",
        canonical_request(&request, &["host"], "")
    );
    assert!(claim.verify(&key, &request, &[body, b"x"].concat(), None).is_err());
}
