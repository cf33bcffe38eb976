//! Parts of items that projections give.

use headwater_tables::expression::Projection;
use headwater_tables::value::Item;

use crate::expressions::{item, l, m, n, placeholders, s, sample};

fn check(text: &str, expected: Item) {
    let mut placeholders = placeholders(text);
    let projection =
        Projection::parse(text, &mut placeholders).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(projection.of(&sample()), expected, "{text}");
}

#[test]
fn paths() {
    check("s1", item([("s1", s("hello"))]));
    check("s1, absent,n1", item([("s1", s("hello")), ("n1", n("10"))]));
    check("#m.#a", item([("m1", m([("a1", n("1"))]))]));
    check("m1.b1.c1, m1.a1", item([("m1", m([("a1", n("1")), ("b1", m([("c1", s("deep"))]))]))]));
    check("m1.zz, s1.a, l1[9], n1[0], l0.x", Item::new());
    check("l1[3].x, l1[0], l1[9]", item([("l1", l([n("1"), m([("x", n("4"))])]))]));
    check("l1[2][0]", item([("l1", l([l([n("3")])]))]));
    check("m1.li[1]", item([("m1", m([("li", l([n("2")]))]))]));
    check("l0", item([("l0", l([]))]));
}

#[test]
fn attributes_to_get() {
    let projection = Projection::legacy(vec!["s1".into(), "a.b".into()]).expect("a projection");
    assert_eq!(projection.attributes(), ["s1", "a.b"]);
    assert_eq!(projection.of(&sample()), item([("s1", s("hello"))]));
    let error = Projection::legacy(vec!["a".into(), "b".into(), "a".into()]).expect_err("twice");
    assert_eq!(
        error.to_string(),
        "One or more parameter values were invalid: Duplicate value in attribute name: a"
    );
}
