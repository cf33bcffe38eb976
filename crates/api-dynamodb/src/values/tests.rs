use headwater_wire::{Codec, DecodeError};

use super::super::shown::ShownItem;
use super::*;

fn read(json: &str) -> std::result::Result<Attributes<'_>, DecodeError> {
    Codec::Json10.decode(json.as_bytes())
}

/// The item of which `a` is this value.
fn item(value: &str) -> std::result::Result<Item, String> {
    let json = format!(r#"{{"a":{value}}}"#);
    let attributes = read(&json).map_err(|error| format!("{error:?}"))?;
    attributes.item().map_err(|refused| String::from_utf8(refused.encode()).expect("text"))
}

fn refused(value: &str, text: &str) {
    let refusal = item(value).expect_err(value);
    let expected =
        format!(r#"{{"__type":"com.amazon.coral.validate#ValidationException","message":"{text}"}}"#);
    assert_eq!(refusal, expected);
}

#[test]
fn what_is_sent_comes_back() {
    for value in [
        r#"{"S":""}"#,
        r#"{"S":"é\"\\"}"#,
        r#"{"N":"12"}"#,
        r#"{"B":""}"#,
        r#"{"B":"AAEC"}"#,
        r#"{"BOOL":false}"#,
        r#"{"NULL":true}"#,
        r#"{"L":[]}"#,
        r#"{"M":{}}"#,
        r#"{"L":[{"S":"x"},{"M":{"y":{"L":[{"N":"1"}]}}}]}"#,
        r#"{"SS":["","a"]}"#,
        r#"{"NS":["1","2"]}"#,
        r#"{"BS":["","AA=="]}"#,
    ] {
        let item = item(value).expect(value);
        let sent = String::from_utf8(Codec::Json10.encode(&ShownItem(&item))).expect("text");
        assert_eq!(sent, format!(r#"{{"a":{value}}}"#));
        let json = format!(r#"{{"a":{value}}}"#);
        let echoed = Codec::Json10.encode(&read(&json).expect(value));
        assert_eq!(String::from_utf8(echoed).expect("text"), json);
    }
}

#[test]
fn what_is_no_value_is_said_to_be_none() {
    let empty = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
    for value in ["{}", "null", r#"{"X":"a"}"#, r#"{"S":null}"#, r#"{"L":[{}]}"#, r#"{"M":{"b":null}}"#] {
        refused(value, empty);
    }
    let several = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
    refused(r#"{"S":"a","N":"1"}"#, several);
    let invalid = "One or more parameter values were invalid: ";
    refused(r#"{"NULL":false}"#, &format!("{invalid}Null attribute value types must have the value of true"));
    refused(r#"{"SS":[]}"#, &format!("{invalid}An string set  may not be empty"));
    refused(r#"{"NS":[]}"#, &format!("{invalid}An number set  may not be empty"));
    refused(r#"{"BS":[]}"#, &format!("{invalid}Binary sets should not be empty"));
    refused(r#"{"SS":["a","a"]}"#, &format!("{invalid}Input collection [a, a] contains duplicates."));
    refused(r#"{"NS":["1","1"]}"#, "Input collection contains duplicates");
    refused(r#"{"N":"x"}"#, "The parameter cannot be converted to a numeric value: x");
    refused(r#"{"N":""}"#, "The parameter cannot be converted to a numeric value");
}

#[test]
fn what_has_the_wrong_type_cannot_be_read() {
    for (value, text) in [
        ("1", "Unexpected value type in payload"),
        (r#""a""#, "Unexpected value type in payload"),
        ("[]", "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue"),
        (r#"{"SS":"a"}"#, "Unexpected field type"),
        (r#"{"L":{}}"#, "Start of structure or map found where not expected"),
    ] {
        assert_eq!(item(value), Err(format!("{:?}", DecodeError::Type(text.to_owned()))), "{value}");
    }
    let refusal = item(r#"{"B":"!"}"#).expect_err("no base64");
    assert!(refusal.contains("coral.service#SerializationException"), "{refusal}");
}

#[test]
fn values_go_so_deep_and_no_deeper() {
    let nested = |levels: usize, open: &str, close: &str| {
        format!(r#"{}{{"S":"x"}}{}"#, open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [(r#"{"L":["#, "]}"), (r#"{"M":{"x":"#, "}}")] {
        assert!(item(&nested(32, open, close)).is_ok());
        refused(&nested(33, open, close), "Nesting Levels have exceeded supported limits");
        refused(&nested(100_000, open, close), "Nesting Levels have exceeded supported limits");
    }
}

#[test]
fn the_last_of_a_name_counts() {
    assert_eq!(item(r#"{"S":"x"},"a":{"S":"y"}"#), item(r#"{"S":"x","S":"y"}"#));
}

#[test]
fn values_of_expressions_are_named() {
    let refused = read(r#"{":b":{"N":"x"}}"#).map(|values| values.expression_values());
    let text = match refused {
        Ok(Err(refused)) => String::from_utf8(refused.encode()).expect("text"),
        other => panic!("{other:?}"),
    };
    let expected = "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric \
                    value: x for key :b";
    assert!(text.contains(expected), "{text}");
}
