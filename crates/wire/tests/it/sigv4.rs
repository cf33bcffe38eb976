//! Signatures: AWS's published vectors, and what incoming requests lack.

use headwater_types::Timestamp;
use headwater_wire::sigv4::canonical::{Request, Scope, canonical_request, sha256_hex};
use headwater_wire::sigv4::{AuthError, Authentication, Credentials, NamedCredential, Source, Target, sign};
use serde::Deserialize;

/// One case of AWS's signing test suite (github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4).
#[derive(Deserialize)]
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    token: Option<String>,
    canonical: String,
    signature: String,
}

#[test]
fn vectors_of_aws() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("fixtures/sigv4.json")).unwrap();
    for vector in vectors {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: vector.token.clone(),
        };
        let headers: Vec<(&str, &str)> =
            vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            Request { method: &vector.method, path: &vector.path, query: &vector.query, headers: &headers };
        let now = Timestamp::from_millis(1_440_938_160_000);
        let target = Target { region: "us-east-1", service: "service" };
        let signature = sign(&request, vector.body.as_bytes(), now, target, &credentials);
        let expected = format!("Signature={}", vector.signature);
        assert!(signature.authorization.ends_with(&expected), "{}: {}", vector.name, signature.authorization);

        // A verifier that has only the sent request arrives at the same canonical form.
        let sent: Vec<_> = signature.headers().collect();
        let authorization = sent.iter().find(|(name, _)| *name == "authorization").unwrap().1;
        let found = Authentication::parse(Some(authorization), None, true).unwrap();
        let headers = [headers.as_slice(), &sent].concat();
        let request = Request { headers: &headers, ..request };
        let names: Vec<&str> = found.signed_headers.split(';').collect();
        let canonical = canonical_request(&request, &names, &sha256_hex(vector.body.as_bytes()));
        assert_eq!(canonical, vector.canonical, "{}", vector.name);
        let scope = Scope { date: "20150830", region: "us-east-1", service: "service" };
        assert_eq!(found.access_key_and_scope(), Some(("AKIDEXAMPLE", scope)));
    }
}

const HEADER: &str = "AWS4-HMAC-SHA256 Credential=AK/20150830/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab";

#[test]
fn complete_headers_are_parsed() {
    for header in [HEADER, &HEADER.replace(", ", ","), &HEADER.replace(", ", " ,  ")] {
        let found = Authentication::parse(Some(header), None, true).unwrap();
        assert_eq!(found.source, Source::Header);
        assert_eq!(found.credential, "AK/20150830/us-east-1/kinesis/aws4_request");
        assert_eq!(found.signed_headers, "host;x-amz-date");
        assert_eq!(found.signature, "ab");
    }
}

#[test]
fn complete_queries_are_parsed() {
    let query = "Action=x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20150830%2Fus-east-1%2Fkinesis%2Faws4_request\
                 &X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host%3Bx-amz-date&X-Amz-Signature=ab";
    let found = Authentication::parse(None, Some(query), false).unwrap();
    assert_eq!(found.source, Source::Query);
    assert_eq!(found.signed_headers, "host;x-amz-date");
    let scope = Scope { date: "20150830", region: "us-east-1", service: "kinesis" };
    assert_eq!(found.access_key_and_scope(), Some(("AK", scope)));
}

/// The scope is there before anything else of a signature is.
#[test]
fn a_credential_is_found_alone() {
    let scope = Scope { date: "20150830", region: "us-east-1", service: "kinesis" };
    let other = "Credential=B/20150830/eu-west-1/s3/aws4_request";
    let query = "X-Amz-Credential=AK%2F20150830%2Fus-east-1%2Fkinesis%2Faws4_request";
    for (header, query, expected) in [
        (Some(HEADER), None, Some(scope)),
        (Some(&*format!("{other},{HEADER}")), None, Some(scope)),
        (Some(&*format!("{HEADER} Credential=")), None, Some(scope)),
        (Some(""), Some(query), Some(scope)),
        (None, Some(query), Some(scope)),
        (Some("Basic eDp5"), Some(query), None),
        (Some("Credential=AK/us-east-1/kinesis/aws4_request"), None, None),
        (None, Some("a=b"), None),
        (None, None, None),
    ] {
        let found = NamedCredential::find(header, query);
        assert_eq!(found.as_ref().and_then(NamedCredential::scope), expected, "{header:?} {query:?}");
    }
}

#[test]
fn incomplete_ones_are_told_what_is_missing() {
    const CREDENTIAL: &str = "Authorization header requires 'Credential' parameter. ";
    const SIGNATURE: &str = "Authorization header requires 'Signature' parameter. ";
    const SIGNED: &str = "Authorization header requires 'SignedHeaders' parameter. ";
    const DATE: &str =
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    let cases = [
        ("AWS4-", false, format!("{CREDENTIAL}{SIGNATURE}{SIGNED}{DATE}Authorization=AWS4-")),
        ("nothing at all", true, format!("{CREDENTIAL}{SIGNATURE}{SIGNED}Authorization=nothing at all")),
        (
            "AWS4- Signature=b Credential=a",
            true,
            format!("{SIGNED}Authorization=AWS4- Signature=b Credential=a"),
        ),
        (
            "AWS4- Signature=b,Credential=",
            true,
            format!("{CREDENTIAL}{SIGNED}Authorization=AWS4- Signature=b,Credential="),
        ),
        (HEADER, false, format!("{DATE}Authorization={HEADER}")),
    ];
    for (header, has_date, text) in cases {
        assert_eq!(Authentication::parse(Some(header), None, has_date), Err(AuthError::Incomplete(text)));
    }
    let must = |name: &str| format!("AWS query-string parameters must include '{name}'. ");
    const END: &str = "Re-examine the query-string parameters.";
    let all = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
    let cases = [
        ("X-Amz-Algorithm", all.map(must).concat() + END),
        (
            "X-Amz-Algorithm=x&X-Amz-Credential=y",
            all[2..].iter().map(|name| must(name)).collect::<String>() + END,
        ),
    ];
    for (query, text) in cases {
        assert_eq!(Authentication::parse(None, Some(query), true), Err(AuthError::Incomplete(text)));
    }
}

#[test]
fn none_and_both() {
    let cases = [
        (None, None, AuthError::Missing, "Missing Authentication Token"),
        (Some(""), Some("a=b&c"), AuthError::Missing, "Missing Authentication Token"),
        (
            Some(HEADER),
            Some("X-Amz-Algorithm=x"),
            AuthError::Both,
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        ),
    ];
    for (header, query, error, text) in cases {
        assert_eq!(error.to_string(), text);
        assert_eq!(Authentication::parse(header, query, true), Err(error));
    }
}

#[test]
fn credentials_that_are_none() {
    for credential in
        ["", "AK", "AK/20150830/us-east-1/kinesis", "AK/20150830/us-east-1/kinesis/aws5_request"]
    {
        let header = format!("AWS4-HMAC-SHA256 Credential={credential}x/y, SignedHeaders=host, Signature=ab");
        let found = Authentication::parse(Some(&header), None, true).unwrap();
        assert_eq!(found.access_key_and_scope(), None, "{credential}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let credentials = Credentials {
        access_key_id: "AK".to_owned(),
        secret_access_key: "hush".to_owned(),
        session_token: Some("hush".to_owned()),
    };
    assert_eq!(format!("{credentials:?}"), "Credentials(AK)");
}
