//! Documents that are refused, and how; and that none does worse than be refused.

use headwater_access::{IdentityPolicy, ResourcePolicy};
use proptest::prelude::*;

use crate::kit::{Ask, statement};

fn refusal(text: &str) -> String {
    IdentityPolicy::parse(text).expect_err(text).to_string()
}

#[test]
fn what_is_wrong_is_named() {
    let whole = [
        ("", "the policy is not valid JSON: EOF while parsing a value at line 1 column 0"),
        ("[]", "a policy must be an object"),
        ("{}", "a policy needs Statement"),
        (r#"{"Statement":[],"Statment":[]}"#, "'Statment' is no element of a policy"),
        (
            r#"{"Version":"2012-10-18","Statement":[]}"#,
            "Version '2012-10-18' is not known: give '2012-10-17'",
        ),
        (r#"{"Version":2012,"Statement":[]}"#, "Version must be a string"),
        (r#"{"Statement":"all"}"#, "Statement must be an object or a list of objects"),
        (r#"{"Statement":[1]}"#, "statement 1: a statement must be an object"),
    ];
    for (text, expected) in whole {
        assert_eq!(refusal(text), expected);
    }
    let twice = refusal(r#"{"Statement":[],"Statement":[]}"#);
    assert!(twice.contains("'Statement' occurs twice"), "{twice}");
    let bodies = [
        (r#""Action":"*","Resource":"*""#, "a statement needs Effect"),
        (r#""Effect":"Allow","Resource":"*""#, "a statement needs Action or NotAction"),
        (r#""Effect":"Allow","Action":"*""#, "a statement needs Resource or NotResource"),
        (r#""Effect":"allow","Action":"*","Resource":"*""#, "Effect must be 'Allow' or 'Deny', not 'allow'"),
        (r#""Effect":"Allow","Actions":"*","Resource":"*""#, "'Actions' is no element of a statement"),
        (
            r#""Effect":"Allow","Action":"*","NotAction":"*","Resource":"*""#,
            "Action and NotAction cannot stand in one statement",
        ),
        (r#""Effect":"Allow","Action":[],"Resource":"*""#, "Action must not be empty"),
        (r#""Effect":"Allow","Action":[1],"Resource":"*""#, "Action must be a string or a list of strings"),
        (
            r#""Effect":"Allow","Action":"PutRecord","Resource":"*""#,
            "'PutRecord' is no action such as 'kinesis:PutRecord' or 'kinesis:*'",
        ),
        (
            r#""Effect":"Allow","Action":"kinesis:Put Record","Resource":"*""#,
            "'kinesis:Put Record' is no action such as 'kinesis:PutRecord' or 'kinesis:*'",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"orders""#,
            "'orders' must be '*' or an ARN, such as arn:aws:kinesis:us-east-1:111122223333:stream/orders",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:*""#,
            "'arn:aws:kinesis:*' must be '*' or an ARN, such as arn:aws:kinesis:us-east-1:111122223333:stream/orders",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:*:*:stream/${aws:username""#,
            "a variable in 'arn:aws:kinesis:*:*:stream/${aws:username' is not closed",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:*:*:stream/${user}""#,
            "'user' is no policy variable",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Principal":"*""#,
            "Principal and NotPrincipal belong into policies of resources",
        ),
        (r#""Effect":"Allow","Action":"*","Resource":"*","Condition":[]"#, "Condition must be an object"),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIs":{"aws:username":"a"}}"#,
            "'StringIs' is no condition operator",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForSomeValues:StringEquals":{"aws:username":"a"}}"#,
            "'ForSomeValues:StringEquals' is no condition operator",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"username":"a"}}"#,
            "'username' is no condition key",
        ),
        (
            r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIpp":"10.0.0.0/8"}}"#,
            "'aws:SourceIpp' is no condition key",
        ),
        (
            r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"kinesis:Foo":"true"}}"#,
            "'kinesis:Foo' is no condition key",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":[]}}"#,
            "the value of 'aws:username' must not be empty",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":{}}}"#,
            "the value of 'aws:username' must be a string or a list of strings",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}"#,
            "'10.0.0.0/33' is no address or range such as 10.0.0.0/8",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"yes"}}"#,
            "'yes' is neither true nor false",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}"#,
            "'tomorrow' is no date such as 2026-12-31T23:59:59Z",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"aws:EpochTime":"NaN"}}"#,
            "'NaN' is no number",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"NullIfExists":{"aws:TagKeys":"true"}}"#,
            "Null takes neither ForAllValues, ForAnyValue nor IfExists",
        ),
    ];
    for (body, expected) in bodies {
        assert_eq!(
            refusal(&statement(body)),
            format!("statement 1: {expected}").replace("statement 1: Principal and", "Principal and")
        );
    }
    let sids = r#"{"Statement":[{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    assert_eq!(refusal(sids), "statement 2: the Sid 'a' occurs twice");
}

#[test]
fn principals_that_are_none() {
    let with = |principal: &str| {
        let body = format!(r#"{principal},"Effect":"Deny","Action":"*","Resource":"*""#);
        ResourcePolicy::parse(&statement(&body)).map(drop)
    };
    let right = [
        r#""Principal":"*""#,
        r#""Principal":{"AWS":"*"}"#,
        r#""Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/x","arn:aws:sts::111122223333:assumed-role/x/y"]}"#,
        r#""Principal":{"AWS":"111122223333","Service":["firehose.amazonaws.com"]}"#,
        r#""NotPrincipal":{"AWS":"111122223333"}"#,
    ];
    for principal in right {
        assert_eq!(with(principal), Ok(()), "{principal}");
    }
    let wrong = [
        r#""Principal":"alice""#,
        r#""Principal":[]"#,
        r#""Principal":{}"#,
        r#""Principal":{"AWS":"alice"}"#,
        r#""Principal":{"AWS":"11112222333"}"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/"}"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:group/x"}"#,
        r#""Principal":{"AWS":"arn:aws:iam:us-east-1:111122223333:user/x"}"#,
        r#""Principal":{"Who":"111122223333"}"#,
        r#""NotPrincipal":"*""#,
        r#""Principal":"*","NotPrincipal":{"AWS":"111122223333"}"#,
    ];
    for principal in wrong {
        assert!(with(principal).is_err(), "{principal}");
    }
    let nobody = ResourcePolicy::parse(&statement(r#""Effect":"Allow","Action":"*","Resource":"*""#));
    assert_eq!(nobody.unwrap_err().to_string(), "a statement of a resource's policy needs Principal");
    let open = r#""NotPrincipal":{"AWS":"111122223333"},"Effect":"Allow","Action":"*","Resource":"*""#;
    assert!(
        ResourcePolicy::parse(&statement(open))
            .unwrap_err()
            .to_string()
            .contains("NotPrincipal goes with Deny")
    );
}

#[test]
fn sizes() {
    let filler = |len: usize| {
        statement(&format!(r#""Sid":"{}","Effect":"Allow","Action":"*","Resource":"*""#, "a".repeat(len)))
    };
    let empty = filler(0).len();
    assert!(IdentityPolicy::parse(&filler(6_144 - empty)).is_ok());
    assert_eq!(refusal(&filler(6_145 - empty)), "the policy is longer than 6144 characters");
    // Blanks do not count, as with AWS.
    assert!(IdentityPolicy::parse(&format!("{}{}", " ".repeat(10_000), filler(10))).is_ok());
    let resource = |len: usize| {
        let body = format!(
            r#""Sid":"{}","Principal":"*","Effect":"Allow","Action":"*","Resource":"*""#,
            "a".repeat(len)
        );
        statement(&body)
    };
    let empty = resource(0).len();
    assert!(ResourcePolicy::parse(&resource(20_480 - empty)).is_ok());
    assert!(ResourcePolicy::parse(&resource(20_481 - empty)).is_err());
}

#[test]
fn hostile_documents() {
    let deep = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    for text in [deep, deep_objects, "\u{0}".repeat(1_000), "{\"\u{ffff}\":1}".into(), "\"".repeat(6_000)] {
        assert!(IdentityPolicy::parse(&text).is_err());
        assert!(ResourcePolicy::parse(&text).is_err());
    }
    // Thousands of conditions and values are few enough to be held against a request.
    let values: Vec<String> = (0..1_500).map(|i| format!("\"a{i}*\"")).collect();
    let body = format!(
        r#""Principal":"*","Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"aws:UserAgent":[{}]}}}}"#,
        values.join(",")
    );
    let policy = statement(&body);
    assert!(policy.len() < 20_480, "{}", policy.len());
    assert!(Ask::default().decide(&[], Some(&policy)).is_err());
    let stars = statement(&format!(
        r#""Principal":"*","Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"aws:UserAgent":["{}b"]}}}}"#,
        "*a".repeat(1_000)
    ));
    static AGENT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "a".repeat(100_000));
    let ask = Ask { user_agent: Some(&AGENT), ..Ask::default() };
    assert!(ask.decide(&[], Some(&stars)).is_err());
    let long = statement(&format!(
        r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:*:*:{}""#,
        "x".repeat(3_000)
    ));
    assert!(refusal(&long).ends_with("is longer than 2048 characters"));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let names = prop::sample::select(vec![
        "Version",
        "Statement",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "Condition",
        "Sid",
        "Id",
        "AWS",
        "StringEquals",
        "StringLike",
        "ForAllValues:StringNotLike",
        "DateLessThan",
        "NumericEqualsIfExists",
        "IpAddress",
        "Null",
        "Bool",
        "ArnLike",
        "aws:username",
        "aws:SourceIp",
        "aws:TagKeys",
        "aws:CurrentTime",
        "aws:ResourceTag/team",
    ]);
    let texts = prop_oneof![
        prop::sample::select(vec![
            "2012-10-17",
            "Allow",
            "Deny",
            "*",
            "kinesis:*",
            "kinesis:Put*",
            "arn:aws:kinesis:*:*:stream/*",
            "arn:aws:kinesis:*:*:stream/${aws:username}",
            "${aws:username}",
            "${",
            "}",
            "true",
            "10.0.0.0/8",
            "2026-01-01",
            "1700000000",
            "111122223333",
            "${*}",
            "${aws:ResourceTag/x, 'y'}",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    let leaf = prop_oneof![
        texts.prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
                serde_json::Value::Object(
                    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    /// No document does worse than be refused, and what is read can be held against a request.
    #[test]
    fn no_document_panics(value in json(), statement in json(), text in "\\PC{0,200}") {
        let whole = value.to_string();
        let one = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        let conditions = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{statement}}}}}"#
        );
        for document in [&whole, &one, &conditions, &text] {
            let _ = Ask::default().try_decide(&[document], None);
            let _ = Ask::default().try_decide(&[], Some(document));
        }
    }
}
