//! The query protocol: forms in, XML out; and how RPC v2 CBOR writes times.

use std::collections::BTreeMap;

use headwater_types::Timestamp;
use headwater_wire::shape::{Bool, Double, Int, List, Map, Text, Time};
use headwater_wire::{Codec, DecodeError, XmlAnswer, parameter, xml_answer, xml_error};
use proptest::prelude::*;
use serde::Serialize;

headwater_wire::shape! {
    struct Input<'a> {
        name: Text<'a> = "Name",
        count: Int = "Count",
        value: Double = "Value",
        at: Time = "At",
        set: Bool = "Set",
        values: List<Double> = "Values",
        items: List<Item<'a>> = "Items",
        one: Item<'a> = "One",
        map: Map<'a, Text<'a>> = "Map",
    }
}

headwater_wire::shape! {
    struct Item<'a> {
        key: Text<'a> = "Key",
        names: List<Text<'a>> = "Names",
    }
}

/// The input as JSON, where absent members are left out.
fn decoded(form: &str) -> Result<String, DecodeError> {
    let input: Input<'_> = Codec::Query.decode(form.as_bytes())?;
    Ok(String::from_utf8(Codec::Json.encode(&input)).unwrap())
}

#[test]
fn forms() {
    for (form, expected) in [
        ("", "{}"),
        ("Action=Put&Version=2010-08-01", "{}"),
        ("Name=a+b%2Bc%C3%A9", r#"{"Name":"a b+cé"}"#),
        ("Name=5", r#"{"Name":"5"}"#),
        ("Name=", r#"{"Name":""}"#),
        ("Name", r#"{"Name":""}"#),
        ("Name=a&Name=b", r#"{"Name":"b"}"#),
        ("Na%6De=a", r#"{"Name":"a"}"#),
        ("Count=60&Value=1.5&Set=true", r#"{"Count":60,"Value":1.5,"Set":true}"#),
        ("Value=1e3", r#"{"Value":1000.0}"#),
        ("At=2023-11-14T22:13:20Z", r#"{"At":1700000000}"#),
        ("At=2023-11-14T22%3A13%3A20.250Z", r#"{"At":1700000000.25}"#),
        ("At=2023-11-15T00%3A13%3A20%2B02%3A00", r#"{"At":1700000000}"#),
        ("Values.member.2=2&Values.member.1=1&Values.member.10=10", r#"{"Values":[1.0,2.0,10.0]}"#),
        // Flattened, with gaps, and none.
        ("Values.1=1&Values.7=7", r#"{"Values":[1.0,7.0]}"#),
        ("Values=", r#"{"Values":[]}"#),
        (
            "Map.entry.2.key=b&Map.entry.2.value=2&Map.entry.1.key=a&Map.entry.1.value=",
            r#"{"Map":{"a":"","b":"2"}}"#,
        ),
        // As queues and topics are asked.
        ("Map.1.Name=a&Map.1.Value=1&Map.2.Value=2&Map.2.Name=a", r#"{"Map":{"a":"2"}}"#),
        ("Map=", r#"{"Map":{}}"#),
        ("Values.member.4294967295=1", r#"{"Values":[1.0]}"#),
        ("One.Key=k&One.Names.member.1=n", r#"{"One":{"Key":"k","Names":["n"]}}"#),
        (
            "Items.member.1.Key=a&Items.member.2.Key=b&Items.member.1.Names.member.1=x",
            r#"{"Items":[{"Key":"a","Names":["x"]},{"Key":"b"}]}"#,
        ),
        // Unknown members, however deep, and a value where there are members too.
        ("Other.member.1.A.B.C=1&Name=a", r#"{"Name":"a"}"#),
        ("One=x&One.Key=k", r#"{"One":{"Key":"k"}}"#),
        ("&&Name=a&", r#"{"Name":"a"}"#),
    ] {
        assert_eq!(decoded(form).as_deref(), Ok(expected), "{form}");
    }
}

#[test]
fn forms_that_are_wrong() {
    for (form, text) in [
        ("Name=%ff", None),
        ("Count=many", Some("'many' is not a number")),
        ("At=yesterday", Some("'yesterday' is not a time")),
        ("At=2023-02-30T00:00:00Z", Some("'2023-02-30T00:00:00Z' is not a time")),
        ("Set=maybe", Some("'MAYBE' can not be converted to an Boolean")),
        ("Values=1", Some("Expected list or null")),
        ("Values.member.1.x=1", Some("Start of structure or map found where not expected.")),
        ("Name.member.1=a", Some("Start of list found where not expected")),
        ("One.member.1=a", Some("Start of list found where not expected")),
        ("Items.member.1=a", Some("Expected null")),
        ("Values.member.1=1&Values.member.x=1", None),
    ] {
        assert_eq!(decoded(form).unwrap_err().message(), text, "{form}");
    }
}

#[test]
fn hostile_forms_cost_what_they_weigh() {
    let deep = format!("{}=1", "a.".repeat(500_000));
    assert_eq!(decoded(&deep).as_deref(), Ok("{}"));
    let wide: String = (0..100_000).map(|i| format!("Items.member.{i}.Key=a&")).collect();
    let input: Input<'_> = Codec::Query.decode(wide.as_bytes()).unwrap();
    // What no operation allows is not kept either.
    assert_eq!(input.items.unwrap().len(), 10_000);
    assert_eq!(decoded(&"a=1&".repeat(600_001)), Err(DecodeError::Malformed));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Codec::Query.decode::<Input<'_>>(&body);
        let _ = parameter(&body, "Action");
    }

    #[test]
    fn any_form_is_decoded_or_refused(form in "((Name|Items|One|Values|member|Key|Names|[0-9.=&%+a])){0,40}") {
        let _ = decoded(&form);
    }
}

#[test]
fn single_parameters() {
    let form = b"Action=Get+It&VersionX=1&Version=2010-08-01&Action=Other";
    assert_eq!(parameter(form, "Action").as_deref(), Some("Get It"));
    assert_eq!(parameter(form, "Version").as_deref(), Some("2010-08-01"));
    assert_eq!(parameter(form, "Missing"), None);
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    label: &'static str,
    at: Time,
    points: Vec<f64>,
    extended: BTreeMap<&'static str, f64>,
}

fn output() -> Output {
    Output {
        label: "a<b&\u{1}",
        at: Time(Timestamp::from_millis(1_700_000_000_250)),
        points: vec![24.0, 0.5],
        extended: BTreeMap::from([("p9<", 1.0)]),
    }
}

#[test]
fn answers_in_xml() {
    let members = Codec::Query.encode(&output());
    let answer = XmlAnswer { operation: "Get", namespace: "http://x/", request_id: "id" };
    let text = String::from_utf8(xml_answer(&answer, &members)).unwrap();
    let expected = "<GetResponse xmlns=\"http://x/\"><GetResult><Label>a&lt;b&amp;\u{fffd}</Label>\
                    <At>2023-11-14T22:13:20.250Z</At><Points><member>24.0</member><member>0.5</member></Points>\
                    <Extended><entry><key>p9&lt;</key><value>1.0</value></entry></Extended></GetResult>\
                    <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetResponse>";
    assert_eq!(text, expected);
    let none = String::from_utf8(xml_answer(&answer, b"")).unwrap();
    assert!(!none.contains("GetResult"), "{none}");
    let error = String::from_utf8(xml_error("http://x/", "id", true, "Code", "a<b")).unwrap();
    let expected = "<ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type><Code>Code</Code>\
                    <Message>a&lt;b</Message></Error><RequestId>id</RequestId></ErrorResponse>";
    assert_eq!(error, expected);
}

#[test]
fn times_are_seconds_in_rpc_and_milliseconds_in_kinesis() {
    headwater_wire::shape! {
        struct Timed { at: Time = "a" }
    }
    for millis in [1_700_000_000_000, 1_700_000_000_250] {
        let timed = Timed { at: Some(Time(Timestamp::from_millis(millis))) };
        for codec in [Codec::RpcCbor, Codec::Cbor, Codec::Json10] {
            let body = codec.encode(&timed);
            assert_eq!(codec.decode::<Timed>(&body).as_ref(), Ok(&timed), "{codec:?}");
        }
    }
    // {"a": 1(1700000000)}
    let whole = [0xa1, 0x61, b'a', 0xc1, 0x1a, 0x65, 0x53, 0xf1, 0x00];
    let read = |codec: Codec| codec.decode::<Timed>(&whole).unwrap().at.unwrap().0.as_millis();
    assert_eq!((read(Codec::RpcCbor), read(Codec::Cbor)), (1_700_000_000_000, 1_700_000_000));
}

#[test]
fn doubles() {
    headwater_wire::shape! {
        struct Valued { value: Double = "v" }
    }
    let read = |json: &str| Codec::Json10.decode::<Valued>(json.as_bytes()).map(|valued| valued.value);
    assert_eq!(read(r#"{"v":5}"#), Ok(Some(Double(5.0))));
    assert_eq!(read(r#"{"v":"-Infinity"}"#), Ok(Some(Double(f64::NEG_INFINITY))));
    assert!(read(r#"{"v":"NaN"}"#).unwrap().unwrap().0.is_nan());
    assert!(read(r#"{"v":"5"}"#).is_err());
    assert!(read(r#"{"v":[]}"#).is_err());
}
