//! Evaluation of conditions.

use headwater_tables::expression::{Condition, ConditionPlace, Placeholders};
use headwater_tables::value::Item;

use crate::expressions::{condition, item, n, s, sample};

fn check(text: &str, expected: bool) {
    let condition = condition(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(condition.holds(&sample()), expected, "{text}");
}

#[test]
fn comparisons() {
    for (text, expected) in [
        ("n1 = :n", true),
        ("n1 <> :n", false),
        ("n1 = :m", false),
        ("n1 > :m", true),
        ("n1 >= :n", true),
        ("n1 < :m", false),
        ("n1 <= :n", true),
        (":m < n1", true),
        ("s1 > s2", true),
        ("s1 >= :hello", true),
        ("b1 < :b", true),
        ("b1 > :b1", true),
        ("n2 > n1", false),
        ("t = :bool", true),
        ("nul = :null", true),
        ("ss = :all", true),
        ("ss <> :ss", true),
        ("l1[3] = :map", true),
        ("m1.li[0] = l1[0]", true),
        ("#m.#a = :one", true),
        ("#m.#size = :z", true),
        ("m1 . b1 . c1 > :s", false),
        ("l1 [ 2 ] [ 0 ] > :one", true),
        ("(n1) = (:n)", true),
        ("(size(s1)) > (:one)", true),
    ] {
        check(text, expected);
    }
}

#[test]
fn two_types_are_unequal_and_have_no_order() {
    for (text, expected) in [
        ("n1 = :s", false),
        ("n1 <> :s", true),
        ("n1 < :s", false),
        ("n1 >= :s", false),
        ("t < :s", false),
        ("l1 < :n", false),
        ("n1 BETWEEN :s AND :z", false),
        ("ss = :ns", false),
        ("t <= nul", false),
    ] {
        check(text, expected);
    }
}

/// Only `<>` holds for what is missing, even if both are (ScyllaDB's tests say so of AWS; dynalite says otherwise for
/// two missing attributes).
#[test]
fn missing_attributes() {
    for (text, expected) in [
        ("absent = :n", false),
        ("absent <> :n", true),
        ("absent < :n", false),
        (":n > absent", false),
        ("absent = absent2", false),
        ("absent <> absent2", true),
        ("absent <= absent2", false),
        ("NOT absent = :n", true),
        ("NOT absent < :n", true),
        ("absent BETWEEN :m AND :n", false),
        ("n1 BETWEEN absent AND :n", false),
        ("absent IN (:n, absent2)", false),
        ("begins_with(absent, :s)", false),
        ("contains(absent, :s)", false),
        ("attribute_type(absent, :S)", false),
        ("size(absent) = :n", false),
        ("size(absent) <> :n", true),
        ("s1.a = :n", false),
        ("l1[9] = :n", false),
        ("l1.a = :n", false),
        ("m1[0] = :n", false),
    ] {
        check(text, expected);
    }
}

#[test]
fn between_and_in() {
    for (text, expected) in [
        ("n1 BETWEEN :m AND :n", true),
        ("n2 between :m and :n", true),
        ("n2 BETWEEN n2 AND n1 AND s1 = :hello", true),
        ("s1 BETWEEN :s AND :x", true),
        ("s2 BETWEEN :hello AND :x", false),
        ("n1 IN (:m, :s, :n)", true),
        ("n1 in (:m)", false),
        ("n1 IN (n2, n1)", true),
        ("l1[3] IN (:map)", true),
        (":n IN (n2, n1) AND NOT n1 IN (:m)", true),
    ] {
        check(text, expected);
    }
}

#[test]
fn functions() {
    for (text, expected) in [
        ("attribute_exists(s1)", true),
        ("attribute_exists (m1.b1.c1)", true),
        ("attribute_exists(m1.zz)", false),
        ("attribute_not_exists(absent)", true),
        ("attribute_not_exists(l1[3].x)", false),
        ("attribute_exists(nul)", true),
        ("attribute_type(s1, :S)", true),
        ("attribute_type(t, :BOOL)", true),
        ("attribute_type(l1[2], :L)", true),
        ("attribute_type(n1, :S)", false),
        ("begins_with(s1, :s)", true),
        ("begins_with(s1, s2)", true),
        ("begins_with(s1, :x)", false),
        ("begins_with(s1, :empty)", true),
        ("begins_with(b1, :b1)", true),
        ("begins_with(b1, :b)", false),
        ("begins_with(n1, :s)", false),
        ("contains(s1, :s)", true),
        ("contains(s1, :empty)", true),
        ("contains(s1, :z)", false),
        ("contains(b1, :b)", true),
        ("contains(ss, :x)", true),
        ("contains(ss, :ss)", false),
        ("contains(ns, :one)", true),
        ("contains(ns, :n)", false),
        ("contains(bs, :b1)", true),
        ("contains(l1, :one)", true),
        ("contains(l1, :map)", true),
        ("contains(l1, :n)", false),
        ("contains(n1, :one)", false),
        ("contains(s1, :one)", false),
        ("contains(m1, :one)", false),
        ("contains(:hello, s2)", true),
        ("size(s1) = :one", false),
        ("size(l0) < :one", true),
        ("size(b1) <= :m", true),
        ("size(ss) = size(b1)", true),
        ("size(m1) > size(ns)", true),
        ("size(l1) BETWEEN :one AND :m", true),
        ("size(m1.li) IN (:one, :m)", false),
        ("size(n1) >= :one", false),
        ("size(t) <> :one", true),
    ] {
        check(text, expected);
    }
}

#[test]
fn the_size_of_text_is_in_utf16() {
    let item = item([("text", s("é𝄞")), ("three", n("3"))]);
    let names = Some([("#t".to_owned(), "text".to_owned())].into());
    let mut placeholders = Placeholders::new(names, None).expect("placeholders");
    let condition = Condition::parse(ConditionPlace::Filter, "size(#t) = three", &mut placeholders);
    assert!(condition.expect("a condition").holds(&item));
}

#[test]
fn not_before_and_before_or() {
    for (text, expected) in [
        ("n1 = :n OR n1 = :m AND s1 = :s", true),
        ("(n1 = :n OR n1 = :m) AND s1 = :s", false),
        ("NOT n1 = :m AND n1 = :n", true),
        ("NOT (n1 = :m OR n1 = :n)", false),
        ("not not n1 = :n", true),
        ("NOT NOT NOT NOT n1 = :n", true),
        ("n1 = :m or n1 = :n oR s1 = :s", true),
        ("n1 = :n aNd (s1 = :hello AND (n2 = :m OR s1 = :s))", true),
        ("(n1 = :n)", true),
        ("(NOT (n1 = :n))", false),
        ("n1=:n AND(n2=:m)AND NOT(s1=:s)", true),
    ] {
        check(text, expected);
    }
}

#[test]
fn no_item_has_no_attributes() {
    for (text, expected) in [
        ("attribute_not_exists(pk)", true),
        ("attribute_exists(pk)", false),
        ("pk <> :s", true),
        ("pk = :s", false),
    ] {
        assert_eq!(condition(text).expect("a condition").holds(&Item::new()), expected, "{text}");
    }
}

#[test]
fn attributes_are_those_at_the_top() {
    let condition =
        condition("size(#m.#a) > n1 AND NOT contains(l1[0], :one) AND n1 IN (n2, s1)").expect("a condition");
    assert_eq!(condition.attributes(), ["m1", "n1", "l1", "n2", "s1"]);
}

/// Nesting as of builders of expressions: the left side of each AND in parentheses, as deep as 300 operators allow.
#[test]
fn nesting_as_deep_as_allowed() {
    let left = (0..149).fold("n1=:n".to_owned(), |left, _| format!("({left} OR n1=:m)"));
    let right = format!("{}n1=:n{}", "NOT(n1=:m OR ".repeat(99), ")".repeat(99));
    let nots = format!("{}n1=:n", "NOT ".repeat(299));
    for text in [left, right, nots] {
        let read = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            let condition = condition(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            condition.holds(&sample())
        });
        read.expect("a thread").join().expect("no overflow");
    }
}
