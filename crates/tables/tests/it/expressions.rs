//! Helpers of tests of expressions: one item, placeholders for values of each type, and short ways to write values.

use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_tables::expression::{Condition, ConditionPlace, ExpressionError, Placeholders};
use headwater_tables::value::{AttributeValue, Item, Number};

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn n(text: &str) -> AttributeValue {
    AttributeValue::N(number(text))
}

pub(crate) fn number(text: &str) -> Number {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn b(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Bytes::copy_from_slice(bytes))
}

pub(crate) fn l<const N: usize>(values: [AttributeValue; N]) -> AttributeValue {
    AttributeValue::L(values.into())
}

pub(crate) fn m<const N: usize>(values: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(item(values))
}

pub(crate) fn ss<const N: usize>(texts: [&str; N]) -> AttributeValue {
    AttributeValue::Ss(texts.map(str::to_owned).into())
}

pub(crate) fn ns<const N: usize>(texts: [&str; N]) -> AttributeValue {
    AttributeValue::Ns(texts.map(number).into())
}

pub(crate) fn bs<const N: usize>(all: [&[u8]; N]) -> AttributeValue {
    AttributeValue::Bs(all.map(Bytes::copy_from_slice).into())
}

pub(crate) fn item<const N: usize>(values: [(&str, AttributeValue); N]) -> Item {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The item that conditions and projections are applied to, and updates where nothing else is said.
pub(crate) fn sample() -> Item {
    item([
        ("pk", s("k")),
        ("s1", s("hello")),
        ("s2", s("he")),
        ("n1", n("10")),
        ("n2", n("9")),
        ("b1", b(&[1, 255, 2])),
        ("t", AttributeValue::Bool(true)),
        ("nul", AttributeValue::Null),
        ("l1", l([n("1"), s("two"), l([n("3")]), m([("x", n("4"))])])),
        ("l0", l([])),
        (
            "m1",
            m([
                ("a1", n("1")),
                ("b1", m([("c1", s("deep"))])),
                ("li", l([n("1"), n("2")])),
                ("size", s("z")),
            ]),
        ),
        ("ss", ss(["x", "y", "z"])),
        ("ns", ns(["1", "2", "30"])),
        ("bs", bs([&[1], &[2]])),
    ])
}

fn values() -> Item {
    item([
        (":s", s("he")),
        (":x", s("x")),
        (":empty", s("")),
        (":hello", s("hello")),
        (":z", s("z")),
        (":n", n("10.0")),
        (":m", n("9")),
        (":one", n("1")),
        (":b", b(&[255])),
        (":b1", b(&[1])),
        (":bool", AttributeValue::Bool(true)),
        (":null", AttributeValue::Null),
        (":l", l([n("1")])),
        (":map", m([("x", n("4"))])),
        (":ss", ss(["x", "w"])),
        (":all", ss(["z", "y", "x"])),
        (":ns", ns(["1", "2.0"])),
        (":bs", bs([&[1]])),
        (":S", s("S")),
        (":L", s("L")),
        (":BOOL", s("BOOL")),
        (":Q", s("Q")),
        (":big", n("9.9999999999999999999999999999999999999E+125")),
        (":38", n("99999999999999999999999999999999999999")),
        (":tiny", n("1E-130")),
    ])
}

fn names() -> BTreeMap<String, String> {
    let all = [("#s", "s1"), ("#m", "m1"), ("#a", "a1"), ("#size", "size"), ("#dot", "a.b")];
    all.map(|(key, name)| (key.to_owned(), name.to_owned())).into()
}

/// Those of the placeholders that an expression names: all others would be unused.
pub(crate) fn placeholders(text: &str) -> Placeholders {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = |key: &str| text.match_indices(key).any(|(at, _)| !text[at + key.len()..].starts_with(part));
    let names: BTreeMap<_, _> = names().into_iter().filter(|(key, _)| named(key)).collect();
    let values: Item = values().into_iter().filter(|(key, _)| named(key)).collect();
    let some_names = (!names.is_empty()).then_some(names);
    let some_values = (!values.is_empty()).then_some(values);
    Placeholders::new(some_names, some_values).expect("well-formed placeholders")
}

/// Reads a condition, with nothing unused.
pub(crate) fn condition(text: &str) -> Result<Condition, ExpressionError> {
    let mut placeholders = placeholders(text);
    let condition = Condition::parse(ConditionPlace::Condition, text, &mut placeholders)?;
    placeholders.all_used()?;
    Ok(condition)
}
