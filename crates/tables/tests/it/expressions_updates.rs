//! Effects of updates on items.

use headwater_tables::expression::{ExpressionError, Update};
use headwater_tables::value::{AttributeValue, Item};

use crate::expressions::{b, bs, item, l, m, n, ns, placeholders, s, sample, ss};

fn update(text: &str) -> Result<Update, ExpressionError> {
    let mut placeholders = placeholders(text);
    let update = Update::parse(text, &mut placeholders)?;
    placeholders.all_used()?;
    Ok(update)
}

/// The update changes these attributes of the sample, to these values or to nothing, and no others.
fn check<const N: usize>(text: &str, changes: [(&str, Option<AttributeValue>); N]) {
    let update = update(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut expected = sample();
    for (name, value) in changes {
        match value {
            Some(value) => expected.insert(name.to_owned(), value),
            None => expected.remove(name),
        };
    }
    let after = update.apply(&sample()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(after, expected, "{text}");
}

fn refused(text: &str, expected: &str) {
    let update = update(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let error = update.apply(&sample()).expect_err(text);
    assert_eq!(error.to_string(), expected, "{text}");
}

#[test]
fn set() {
    check("SET a = :n", [("a", Some(n("10")))]);
    check("set a=:n,  s1 = :x", [("a", Some(n("10"))), ("s1", Some(s("x")))]);
    check("SET a = s1", [("a", Some(s("hello")))]);
    check("SET a = m1.b1.c1, #dot = l1[3].x", [("a", Some(s("deep"))), ("a.b", Some(n("4")))]);
    check("SET a = n1 + :one", [("a", Some(n("11")))]);
    check("SET n1 = n1 - :m", [("n1", Some(n("1")))]);
    check("SET a = (:n + n2)", [("a", Some(n("19")))]);
    check("SET a = (:n) - (n2)", [("a", Some(n("1")))]);
    check("SET a = if_not_exists(s1, :x)", [("a", Some(s("hello")))]);
    check("SET a = if_not_exists(a, :x)", [("a", Some(s("x")))]);
    check("SET a = if_not_exists(a, if_not_exists(n1, :one)) + :n", [("a", Some(n("20")))]);
    check("SET a = list_append(m1.li, :l)", [("a", Some(l([n("1"), n("2"), n("1")])))]);
    check("SET a = list_append(if_not_exists(a, :l), :l)", [("a", Some(l([n("1"), n("1")])))]);
    check("SET l0 = list_append(l0, :l)", [("l0", Some(l([n("1")])))]);
}

#[test]
fn operands_are_from_before() {
    check("SET n1 = n2, n2 = n1", [("n1", Some(n("9"))), ("n2", Some(n("10")))]);
    check("SET a = s1 REMOVE s1", [("a", Some(s("hello"))), ("s1", None)]);
    check("REMOVE s1 SET a = s1", [("a", Some(s("hello"))), ("s1", None)]);
    check("ADD n1 :one SET a = n1", [("n1", Some(n("11"))), ("a", Some(n("10")))]);
    refused(
        "SET a = :n, c = a",
        "The provided expression refers to an attribute that does not exist in the item",
    );
}

#[test]
fn nested() {
    let m1 = |a1: Option<AttributeValue>, li: AttributeValue| {
        let mut map = item([("b1", m([("c1", s("deep"))])), ("li", li), ("size", s("z"))]);
        map.extend(a1.map(|value| ("a1".to_owned(), value)));
        Some(AttributeValue::M(map))
    };
    let li = || l([n("1"), n("2")]);
    check("SET m1.a1 = :n", [("m1", m1(Some(n("10")), li()))]);
    check("SET m1.a1 = m1.a1 + :one", [("m1", m1(Some(n("2")), li()))]);
    check("REMOVE #m.#a", [("m1", m1(None, li()))]);
    check("REMOVE m1.zz, m1.li[7], absent", []);
    check("ADD m1.a1 :one", [("m1", m1(Some(n("2")), li()))]);
    check("SET m1.li[0] = :n", [("m1", m1(Some(n("1")), l([n("10"), n("2")])))]);
    check("REMOVE m1.li[0], m1.a1", [("m1", m1(None, l([n("2")])))]);
    check("REMOVE l1[3].x", [("l1", Some(l([n("1"), s("two"), l([n("3")]), m([])])))]);
}

#[test]
fn lists() {
    let l1 = |at: usize, value: AttributeValue| {
        let mut all = vec![n("1"), s("two"), l([n("3")]), m([("x", n("4"))])];
        all[at] = value;
        Some(AttributeValue::L(all))
    };
    check("SET l1[1] = :n", [("l1", l1(1, n("10")))]);
    check("SET l1[2][0] = :n", [("l1", l1(2, l([n("10")])))]);
    check("SET l0[7] = :n", [("l0", Some(l([n("10")])))]);
    check("SET l0[84] = :n, l0[9] = :m, l0[50] = :one", [("l0", Some(l([n("9"), n("1"), n("10")])))]);
    check("REMOVE l1[0], l1[2], l1[9]", [("l1", Some(l([s("two"), m([("x", n("4"))])])))]);
    check("REMOVE l1[1] SET l1[3] = :n", [("l1", Some(l([n("1"), l([n("3")]), n("10")])))]);
    check("SET l1[3] = :n REMOVE l1[1]", [("l1", Some(l([n("1"), l([n("3")]), n("10")])))]);
    // What is appended is not what an index behind the end means.
    check(
        "REMOVE m1.li[2] SET m1.li[9] = :n",
        [(
            "m1",
            Some(m([
                ("a1", n("1")),
                ("b1", m([("c1", s("deep"))])),
                ("li", l([n("1"), n("2"), n("10")])),
                ("size", s("z")),
            ])),
        )],
    );
    check("REMOVE l1[2][0], l1[0]", [("l1", Some(l([s("two"), l([]), m([("x", n("4"))])])))]);
    check("ADD l1[0] :one", [("l1", l1(0, n("2")))]);
}

#[test]
fn add_and_delete() {
    check("ADD n1 :m", [("n1", Some(n("19")))]);
    check("ADD a :m", [("a", Some(n("9")))]);
    check("ADD a :ss", [("a", Some(ss(["w", "x"])))]);
    check("ADD ss :ss", [("ss", Some(ss(["w", "x", "y", "z"])))]);
    check("ADD ns :ns, bs :bs", []);
    check("DELETE ss :ss", [("ss", Some(ss(["y", "z"])))]);
    check("DELETE ss :all", [("ss", None)]);
    check("DELETE absent :ss", []);
    check("DELETE ns :ns ADD bs :bs", [("ns", Some(ns(["30"])))]);
    check("DELETE bs :bs", [("bs", Some(bs([&[2]])))]);
    check(
        "add n1 :one delete ss :ss set a = :n remove b1",
        [("n1", Some(n("11"))), ("ss", Some(ss(["y", "z"]))), ("a", Some(n("10"))), ("b1", None)],
    );
}

#[test]
fn what_an_item_cannot_have() {
    const TYPE: &str = "An operand in the update expression has an incorrect data type";
    const PATH: &str = "The document path provided in the update expression is invalid for update";
    const MISSING: &str = "The provided expression refers to an attribute that does not exist in the item";
    const OVERFLOW: &str =
        "Number overflow. Attempting to store a number with magnitude larger than supported range";
    for (text, expected) in [
        ("SET a = s1 + :n", TYPE),
        ("SET a = list_append(n1, :l)", TYPE),
        ("SET a = list_append(:l, n1)", TYPE),
        ("SET a = list_append(n1, absent)", TYPE),
        ("SET a = s1 - absent", TYPE),
        ("ADD s1 :n", TYPE),
        ("ADD ss :ns", TYPE),
        ("ADD l1 :ss", TYPE),
        ("DELETE s1 :ss", TYPE),
        ("DELETE ns :ss", TYPE),
        ("SET a = absent", MISSING),
        ("SET a = absent + :n", MISSING),
        ("SET a = m1.zz", MISSING),
        ("SET a = list_append(absent, :l)", MISSING),
        ("SET a = if_not_exists(a, absent)", MISSING),
        ("SET absent.x = :n", PATH),
        ("SET s1.x = :n", PATH),
        ("SET l1.x = :n", PATH),
        ("SET m1[0] = :n", PATH),
        ("SET absent[0] = :n", PATH),
        ("REMOVE s1.x", PATH),
        ("REMOVE absent.x", PATH),
        ("REMOVE l1[9].x", PATH),
        ("ADD s1.x :n", PATH),
        ("DELETE absent[0] :ss", PATH),
        ("SET a = :big + :big", OVERFLOW),
        // More than 38 digits are too many, and AWS calls that an overflow (ScyllaDB's tests say so).
        ("SET a = :38 + :tiny", OVERFLOW),
        ("ADD n1 :tiny", OVERFLOW),
    ] {
        refused(text, expected);
    }
}

#[test]
fn what_is_touched() {
    let update = update("SET m1.a1 = :n, l1[1] = :n REMOVE s1 ADD fresh :n").expect("an update");
    assert_eq!(update.attributes(), ["m1", "l1", "s1", "fresh"]);
    let before = update.touched().of(&sample());
    assert_eq!(before, item([("m1", m([("a1", n("1"))])), ("l1", l([s("two")])), ("s1", s("hello"))]));
    let after = update.touched().of(&update.apply(&sample()).expect("an item"));
    assert_eq!(after, item([("m1", m([("a1", n("10"))])), ("l1", l([n("10")])), ("fresh", n("10"))]));
}

/// A value that is set many times is not copied many times: the item could not have it.
#[test]
fn what_is_set_fits_an_item() {
    let large = s(&"x".repeat(300_000));
    let values = Item::from([(":v".to_owned(), large)]);
    let mut placeholders =
        headwater_tables::expression::Placeholders::new(None, Some(values)).expect("placeholders");
    let sets: Vec<_> = (0..400).map(|at| format!("a{at}=:v")).collect();
    let update = Update::parse(&format!("SET {}", sets.join(",")), &mut placeholders).expect("an update");
    let error = update.apply(&item([("pk", b(b"k"))])).expect_err("too much");
    assert_eq!(error.to_string(), "Item size to update has exceeded the maximum allowed size");
}
