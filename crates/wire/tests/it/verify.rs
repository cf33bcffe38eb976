//! Verifying what others signed: what holds, and what each change breaks.

use std::time::Duration;

use headwater_types::Timestamp;
use headwater_wire::date::{amz_date, parse_amz_date, parse_http_date};
use headwater_wire::parameter;
use headwater_wire::sigv4::canonical::{
    Request, Scope, SigningKey, canonical_path, canonical_query, canonical_request, sha256_hex,
    string_to_sign,
};
use headwater_wire::sigv4::{
    Authentication, Chunking, Chunks, Claim, Credentials, SignatureError, Target, sign,
};
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const KEY: &str = "AKIDEXAMPLE";
const HERE: Target<'static> = Target { region: "us-east-1", service: "kinesis" };
const DAY: &str = "20150830";
const NOW: Timestamp = Timestamp::from_secs(1_440_938_160);
const MINUTE: Duration = Duration::from_secs(60);

/// A request as it arrives.
#[derive(Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    /// Signed by header at `time`.
    fn signed(time: Timestamp) -> Self {
        Self::signed_with(time, &[("x-amz-target", "Kinesis_20131202.ListStreams")], None)
    }

    fn signed_with(time: Timestamp, more: &[(&str, &str)], token: Option<&str>) -> Self {
        let mut headers = vec![("host", "kinesis.example"), ("content-type", "application/x-amz-json-1.1")];
        headers.extend_from_slice(more);
        let credentials = Credentials {
            access_key_id: KEY.into(),
            secret_access_key: SECRET.into(),
            session_token: token.map(str::to_owned),
        };
        let body = b"{}".to_vec();
        let request = Request { method: "POST", path: "/", query: "", headers: &headers };
        let signature = sign(&request, &body, time, HERE, &credentials);
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let headers = headers.iter().copied().map(owned);
        let headers = headers.chain(signature.headers().map(owned)).collect();
        Self { method: "POST".into(), path: "/".into(), query: String::new(), headers, body }
    }

    /// Presigned at `time`, the way botocore's `SigV4QueryAuth` does.
    fn presigned(time: Timestamp, expires: Option<&str>) -> Self {
        let date = amz_date(time);
        let scope = Scope { date: &date[..8], region: HERE.region, service: HERE.service };
        let expires = expires.map(|text| format!("&X-Amz-Expires={text}")).unwrap_or_default();
        let mut query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}%2F{}&X-Amz-Date={date}{expires}\
             &X-Amz-SignedHeaders=host%3Bx-amz-target",
            scope.to_string().replace('/', "%2F"),
        );
        let headers = [("host", "kinesis.example"), ("x-amz-target", "Kinesis_20131202.ListStreams")];
        let request = Request { method: "POST", path: "/", query: &query, headers: &headers };
        let canonical = canonical_request(&request, &["host", "x-amz-target"], &sha256_hex(b"{}"));
        let signature = SigningKey::derive(SECRET, &scope).sign(&string_to_sign(&date, &scope, &canonical));
        query += &format!("&X-Amz-Signature={signature}");
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { method: "POST".into(), path: "/".into(), query, headers, body: b"{}".to_vec() }
    }

    fn check_at(&self, now: Timestamp) -> Result<(), SignatureError> {
        self.check_with(now, SECRET, None)
    }

    fn check_with(
        &self,
        now: Timestamp,
        secret: &str,
        chunks: Option<&Chunks>,
    ) -> Result<(), SignatureError> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            Request { method: &self.method, path: &self.path, query: &self.query, headers: &headers };
        let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let authentication =
            Authentication::parse(header("authorization"), Some(&self.query), true).expect("complete");
        let claim = Claim::read(&request, &authentication, now, HERE)?;
        assert_eq!(claim.access_key_id(), KEY);
        claim.verify(&SigningKey::derive(secret, &claim.scope()), &request, &self.body, chunks)
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        let found = self.headers.iter_mut().find(|(other, _)| other == name);
        match found {
            Some((_, old)) => *old = value.to_owned(),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }
}

#[test]
fn what_was_signed_holds() {
    assert_eq!(Sent::signed(NOW).check_at(NOW), Ok(()));
    assert_eq!(Sent::presigned(NOW, Some("60")).check_at(NOW), Ok(()));
    assert_eq!(Sent::presigned(NOW, None).check_at(NOW), Ok(()));
    let hash = sha256_hex(b"{}");
    let with_hash = Sent::signed_with(NOW, &[("x-amz-content-sha256", &hash)], None);
    assert_eq!(with_hash.check_at(NOW), Ok(()));
    // What is added on the way and decides nothing is no harm.
    assert_eq!(Sent::signed(NOW).set("x-forwarded-for", "10.0.0.1").check_at(NOW), Ok(()));
}

/// A query string is read as it was signed, however it was written and in whatever order its parameters came.
#[test]
fn a_query_is_read_as_it_was_signed() {
    let cases = [
        ("Name=A%2BB", "Name=A%2BB"),
        ("Name=A+B", "Name=A%2BB"),
        ("Name=A%20B", "Name=A%20B"),
        ("Name=%41%2fB", "Name=A%2FB"),
        ("b=2&a=1&&b=1", "a=1&b=1&b=2"),
        ("a&X-Amz-Signature=00&%58-Amz-Signature=11", "a="),
        ("a=%zz&b=%25zz", "a=%25zz&b=%25zz"),
    ];
    for (query, canonical) in cases {
        assert_eq!(canonical_query(query), canonical, "{query}");
        assert_eq!(canonical_query(canonical), canonical, "{query}: once more");
        let text = |form: &str| parameter(form.as_bytes(), "Name").map(|value| value.into_owned());
        // A form in a body has blanks where a query has plus signs; what is canonical is the same in both.
        if query.starts_with("Name=A+") {
            assert_eq!((text(query), text(canonical)), (Some("A B".into()), Some("A+B".into())));
        }
    }
    // Parameters that are there twice count in one order only.
    let expiring = Sent::presigned(NOW, Some("60"));
    let late = NOW.plus(Duration::from_secs(61));
    for query in [
        format!("X-Amz-Expires=604800&{}", expiring.query),
        format!("{}&X-Amz-Expires=604800", expiring.query),
    ] {
        assert!(Sent { query, ..expiring.clone() }.check_at(late).is_err());
    }
    assert_eq!(canonical_path("/a/./b//c/../d/"), "/a/b/d/");
}

/// Of several headers of a name one would be read and all would be signed.
#[test]
fn headers_that_decide_come_once() {
    let split = Sent::signed_with(NOW, &[("x-amz-target", "Kinesis_20131202.ListStreams,b")], None);
    assert_eq!(split.check_at(NOW), Ok(()));
    let mut split = split.set("x-amz-target", "Kinesis_20131202.ListStreams");
    split.headers.push(("x-amz-target".into(), "b".into()));
    assert_eq!(split.check_at(NOW), Err(SignatureError::Mismatch));
}

/// Name and function of a change.
type Change = (&'static str, fn(Sent) -> Sent);

#[test]
fn every_change_is_noticed() {
    let changes: [Change; 9] = [
        ("method", |sent| Sent { method: "PUT".into(), ..sent }),
        ("path", |sent| Sent { path: "/x".into(), ..sent }),
        ("query", |sent| Sent { query: sent.query.clone() + "&a=b", ..sent }),
        ("body", |sent| Sent { body: b"{ }".to_vec(), ..sent }),
        ("empty body", |sent| Sent { body: Vec::new(), ..sent }),
        ("host", |sent| sent.set("host", "elsewhere.example")),
        ("target", |sent| sent.set("x-amz-target", "Kinesis_20131202.DeleteStream")),
        ("second target", |mut sent| {
            sent.headers.push(("x-amz-target".into(), "Kinesis_20131202.DeleteStream".into()));
            sent
        }),
        ("first target", |mut sent| {
            sent.headers.insert(0, ("x-amz-target".into(), "Kinesis_20131202.DeleteStream".into()));
            sent
        }),
    ];
    for (name, change) in changes {
        for sent in [Sent::signed(NOW), Sent::presigned(NOW, Some("60"))] {
            assert_eq!(change(sent).check_at(NOW), Err(SignatureError::Mismatch), "{name}");
        }
    }
    assert_eq!(Sent::signed(NOW).check_with(NOW, "other", None), Err(SignatureError::Mismatch));
    let moved = Sent::signed(NOW).set("x-amz-date", "20150830T123601Z");
    assert_eq!(moved.check_at(NOW), Err(SignatureError::Mismatch));
    let longer = Sent::presigned(NOW, Some("60"));
    let longer = Sent { query: longer.query.replace("Expires=60", "Expires=600"), ..longer };
    assert_eq!(longer.check_at(NOW), Err(SignatureError::Mismatch));
}

#[test]
fn what_decides_must_be_covered() {
    // Added after the signature was made.
    let unsigned = Sent::signed_with(NOW, &[], None).set("x-amz-target", "Kinesis_20131202.DeleteStream");
    assert_eq!(unsigned.check_at(NOW), Err(SignatureError::NotSigned("x-amz-target")));
    let hash = Sent::signed(NOW).set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(hash.check_at(NOW), Err(SignatureError::NotSigned("x-amz-content-sha256")));
    let mut no_host = Sent::signed(NOW);
    no_host.headers.retain(|(name, _)| name != "host");
    assert_eq!(no_host.check_at(NOW), Err(SignatureError::HostNotSigned));
    let unsigned_host = Sent::signed(NOW);
    let authorization = unsigned_host.headers.last().unwrap().1.replace(";host;", ";");
    assert_eq!(
        unsigned_host.set("authorization", &authorization).check_at(NOW),
        Err(SignatureError::HostNotSigned)
    );
}

#[test]
fn the_hash_that_is_sent_must_be_the_body_s() {
    let hash = sha256_hex(b"another");
    let sent = Sent::signed_with(NOW, &[("x-amz-content-sha256", &hash)], None);
    assert_eq!(sent.check_at(NOW), Err(SignatureError::Body));
    let sent = Sent::signed_with(NOW, &[("x-amz-content-sha256", "nonsense")], None);
    assert_eq!(sent.check_at(NOW), Err(SignatureError::Body));
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let sent = Sent::signed(NOW);
    for (now, expected) in [
        (NOW.plus(5 * MINUTE), Ok(())),
        (NOW.minus(5 * MINUTE), Ok(())),
        (
            NOW.plus(5 * MINUTE + Duration::from_secs(1)),
            Err(
                "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
            ),
        ),
        (
            NOW.minus(5 * MINUTE + Duration::from_secs(1)),
            Err(
                "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)",
            ),
        ),
    ] {
        let found = sent.check_at(now).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }
}

#[test]
fn presigned_ones_are_good_for_as_long_as_they_say() {
    let cases = [
        (Some("3600"), 3600, true),
        (Some("3600"), 3601, false),
        (Some("1"), 1, true),
        (Some("1"), 2, false),
        (Some("604800"), 604_800, true),
        // Without a time it is the skew.
        (None, 300, true),
        (None, 301, false),
    ];
    for (expires, age_s, good) in cases {
        let found = Sent::presigned(NOW, expires).check_at(NOW.plus(Duration::from_secs(age_s)));
        assert_eq!(found.is_ok(), good, "{expires:?} {age_s} {found:?}");
    }
    for wrong in ["0", "604801", "-1", "1e3", "", "99999999999999999999"] {
        assert_eq!(Sent::presigned(NOW, Some(wrong)).check_at(NOW), Err(SignatureError::Expires), "{wrong}");
    }
    let early = Sent::presigned(NOW, Some("3600")).check_at(NOW.minus(6 * MINUTE));
    assert!(matches!(early, Err(SignatureError::NotYet { .. })), "{early:?}");
    let text = Sent::presigned(NOW, Some("90")).check_at(NOW.plus(2 * MINUTE)).unwrap_err().to_string();
    assert!(text.ends_with("(20150830T123800Z - 90 sec.)"), "{text}");
}

#[test]
fn scopes_must_be_ours() {
    let with = |from: &str, to: &str| {
        let sent = Sent::signed(NOW);
        let authorization = sent.headers.last().unwrap().1.replace(from, to);
        sent.set("authorization", &authorization).check_at(NOW).unwrap_err()
    };
    assert_eq!(with("us-east-1", "eu-west-1"), SignatureError::Region("eu-west-1".into()));
    assert_eq!(with("/kinesis/", "/s3/"), SignatureError::Service("kinesis".into()));
    assert_eq!(with("aws4_request", "aws5_request"), SignatureError::Credential);
    assert_eq!(with("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 "), SignatureError::Algorithm);
    let day = with("20150830/", "20150831/").to_string();
    let expected = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                    '20150831' != '20150830', from '20150830T123600Z'.";
    assert_eq!(day, expected);
    for wrong in ["yesterday", "20150830T123600", "20150230T123600Z", "20150830T246000Z", ""] {
        assert_eq!(
            Sent::signed(NOW).set("x-amz-date", wrong).check_at(NOW),
            Err(SignatureError::Date),
            "{wrong}"
        );
    }
    for wrong in ["", "ab", "zz", &"g".repeat(64), &"0".repeat(64)] {
        let sent = Sent::signed(NOW);
        let authorization = sent.headers.last().unwrap().1.clone();
        let authorization =
            format!("{}Signature={wrong}x", authorization.split("Signature=").next().unwrap());
        assert_eq!(sent.set("authorization", &authorization).check_at(NOW), Err(SignatureError::Mismatch));
    }
}

#[test]
fn dates_of_http() {
    let cases = [
        ("Sun, 30 Aug 2015 12:36:00 GMT", Some(NOW)),
        ("20150830T123600Z", Some(NOW)),
        ("Sun, 30 Foo 2015 12:36:00 GMT", None),
        ("Sun, 30 anF 2015 12:36:00 GMT", None),
        ("Sun, 30 Aug 2015 12:36:00 CET", None),
        ("Sun, 31 Feb 2015 12:36:00 GMT", None),
        ("", None),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_http_date(text), expected, "{text}");
    }
}

/// The worked example of AWS's documentation, "Signature calculations: transferring payload in multiple chunks".
#[test]
fn the_chunks_of_the_documentation() {
    let (chunking, body) = example(
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        "",
    );
    assert_eq!(body.len(), 66_824);
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let headers = [("content-encoding", "aws-chunked"), ("content-length", "66824")];
    assert_eq!(check_example(chunking, seed, &headers, &body), Ok(66_560));
    // One byte of the data, and a chunk that is left out.
    let mut changed = body.clone();
    changed[1000] = b'b';
    assert_eq!(check_example(chunking, seed, &headers, &changed), Err(SignatureError::Mismatch));
    let second = body.windows(4).position(|four| four == b"400;").unwrap();
    let last = body.windows(4).rposition(|four| four == b"\r\n0;").unwrap() + 2;
    let shorter = [&body[..second], &body[last..]].concat();
    assert_eq!(check_example(chunking, seed, &headers, &shorter), Err(SignatureError::Mismatch));
}

/// The same with a trailer.
#[test]
fn the_trailer_of_the_documentation() {
    let trailer = "x-amz-checksum-crc32c:sOO8/Q==\r\n\
                   x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
    let (_, body) = example(
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        trailer,
    );
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let headers = [("content-encoding", "aws-chunked"), ("x-amz-trailer", "x-amz-checksum-crc32c")];
    assert_eq!(check_example(Chunking::SignedTrailer, seed, &headers, &body), Ok(66_560));
    let changed = String::from_utf8(body).unwrap().replace("sOO8", "sOO9");
    let changed = check_example(Chunking::SignedTrailer, seed, &headers, changed.as_bytes());
    assert_eq!(changed, Err(SignatureError::Mismatch));
}

fn example(first: &str, second: &str, last: &str, trailer: &str) -> (Chunking, Vec<u8>) {
    let (a, b) = ("a".repeat(65_536), "a".repeat(1024));
    let body = format!(
        "10000;chunk-signature={first}\r\n{a}\r\n400;chunk-signature={second}\r\n{b}\r\n\
         0;chunk-signature={last}\r\n{trailer}\r\n"
    );
    (Chunking::Signed, body.into_bytes())
}

/// Verifies a body of the documentation's example and returns the length of its data.
fn check_example(
    chunking: Chunking,
    seed: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Result<usize, SignatureError> {
    let hash = match chunking {
        Chunking::Signed => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        Chunking::SignedTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        Chunking::UnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    };
    let mut headers = vec![
        ("host", "s3.amazonaws.com"),
        ("x-amz-content-sha256", hash),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    headers.extend_from_slice(more);
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders={},\
         Signature={seed}",
        names.join(";")
    );
    headers.push(("authorization", &authorization));
    let request =
        Request { method: "PUT", path: "/examplebucket/chunkObject.txt", query: "", headers: &headers };
    let authentication = Authentication::parse(Some(&authorization), None, true).unwrap();
    let now = parse_amz_date("20130524T000000Z").unwrap();
    let here = Target { region: "us-east-1", service: "s3" };
    let claim = Claim::read(&request, &authentication, now, here)?;
    let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &claim.scope());
    let chunks = Chunks::parse(chunking, body).expect("chunks");
    claim.verify(&key, &request, body, Some(&chunks))?;
    Ok(chunks.data(body).len())
}

#[test]
fn unsigned_chunks_and_their_checksums() {
    let check = |trailer: &str| {
        let body = format!("2\r\n{{}}\r\n0\r\n{trailer}\r\n");
        let chunks = Chunks::parse(Chunking::UnsignedTrailer, body.as_bytes()).expect("chunks");
        assert_eq!(chunks.data(body.as_bytes()), b"{}");
        let hash = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        let sent = Sent::signed_with(NOW, &[hash], None);
        Sent { body: body.into_bytes(), ..sent }.check_with(NOW, SECRET, Some(&chunks))
    };
    assert_eq!(check(""), Ok(()));
    assert_eq!(check(&format!("x-amz-checksum-crc32:{}\r\n", base64_of_crc())), Ok(()));
    assert_eq!(check("x-amz-checksum-sha256:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=\r\n"), Ok(()));
    assert_eq!(check("x-amz-checksum-crc32:AAAAAA==\r\n"), Err(SignatureError::Mismatch));
    assert_eq!(check("x-amz-checksum-sha256:AAAA\r\n"), Err(SignatureError::Mismatch));
}

fn base64_of_crc() -> String {
    base64_simd::STANDARD.encode_to_string(crc32fast::hash(b"{}").to_be_bytes())
}

/// A body in chunks that are not verified must not pass for one that was.
#[test]
fn chunks_are_never_taken_for_granted() {
    let hash = ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert_eq!(Sent::signed_with(NOW, &[hash], None).check_at(NOW), Err(SignatureError::Body));
}

#[test]
fn bodies_that_are_not_made_of_chunks() {
    let signature = "0".repeat(64);
    let chunk = format!(";chunk-signature={signature}\r\n");
    let wrong = [
        String::new(),
        "0\r\n\r\n".into(),
        format!("0{chunk}"),
        format!("5{chunk}abc\r\n"),
        format!("3{chunk}abcXX0{chunk}\r\n"),
        format!("-1{chunk}\r\n"),
        format!("+1{chunk}a\r\n0{chunk}\r\n"),
        format!("{chunk}\r\n"),
        format!("ffffffffffffffff{chunk}\r\n"),
        format!("ffffffff{chunk}\r\n"),
        format!("0{chunk}\r\nmore"),
        format!("0{chunk}name:value\r\n\r\n"),
        format!("0;chunk-signature=zz{}\r\n\r\n", &signature[2..]),
        format!("0;chunk-signature={}\r\n\r\n", "ü".repeat(32)),
        "0".repeat(5000),
    ];
    for body in wrong {
        assert_eq!(Chunks::parse(Chunking::Signed, body.as_bytes()), None, "{body}");
    }
    let trailers = "a:b\r\n".repeat(17);
    assert_eq!(Chunks::parse(Chunking::UnsignedTrailer, format!("0\r\n{trailers}\r\n").as_bytes()), None);
    assert!(Chunks::parse(Chunking::Signed, format!("0{chunk}\r\n").as_bytes()).is_some());
}

proptest! {
    /// Whatever is sent, it is refused and nothing else happens.
    #[test]
    fn anything_is_refused_quietly(
        authorization in "AWS4-HMAC-SHA256 .{0,200}|.{0,200}",
        query in ".{0,200}|(X-Amz-[A-Z][a-z]{3,10}=[^&]{0,20}&){0,8}",
        headers in prop::collection::vec(("[a-z-]{1,20}|x-amz-date|host|x-amz-content-sha256", ".{0,60}"), 0..8),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for authorization in [Some(authorization.as_str()), None] {
            let Ok(authentication) = Authentication::parse(authorization, Some(&query), true) else { continue };
            let headers: Vec<(&str, &str)> = headers.iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .chain(authorization.map(|value| ("authorization", value)))
                .collect();
            let request = Request { method: "POST", path: "/", query: &query, headers: &headers };
            if let Ok(claim) = Claim::read(&request, &authentication, NOW, HERE) {
                let scope = Scope { date: DAY, region: HERE.region, service: HERE.service };
                prop_assert!(claim.verify(&SigningKey::derive(SECRET, &scope), &request, &body, None).is_err());
            }
        }
        for chunking in [Chunking::Signed, Chunking::SignedTrailer, Chunking::UnsignedTrailer] {
            let _ = Chunks::parse(chunking, &body);
        }
    }
}
