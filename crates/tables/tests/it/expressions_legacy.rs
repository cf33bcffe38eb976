//! Predecessors of expressions.

use headwater_tables::expression::{
    AttributeUpdate, Comparison, Condition, ExpressionError, Joined, Operator, Update, UpdateAction,
};
use headwater_tables::value::AttributeValue;

use crate::expressions::{b, l, m, n, s, sample, ss};

fn legacy(name: &str, operator: Operator, values: Vec<AttributeValue>) -> Result<Condition, ExpressionError> {
    Condition::legacy(vec![(name.to_owned(), Comparison { operator, values })], Joined::And)
}

#[test]
fn comparisons() {
    use Operator::*;
    for (name, operator, values, expected) in [
        ("n1", Eq, vec![n("10.0")], true),
        ("n1", Eq, vec![s("10")], false),
        ("absent", Eq, vec![n("10")], false),
        ("ss", Eq, vec![ss(["z", "x", "y"])], true),
        ("m1", Eq, vec![m([])], false),
        ("t", Eq, vec![AttributeValue::Bool(true)], true),
        ("n1", Ne, vec![n("9")], true),
        ("n1", Ne, vec![n("10")], false),
        ("absent", Ne, vec![n("9")], true),
        ("n1", Lt, vec![n("11")], true),
        ("n1", Le, vec![n("10")], true),
        ("n1", Ge, vec![n("10")], true),
        ("n1", Gt, vec![n("10")], false),
        ("absent", Lt, vec![n("10")], false),
        ("b1", Gt, vec![b(&[1, 254])], true),
        ("n1", Between, vec![n("9"), n("10")], true),
        ("n1", Between, vec![n("1"), n("9")], false),
        ("n1", In, vec![n("1"), n("10")], true),
        ("n1", In, vec![n("1")], false),
        ("absent", In, vec![n("1")], false),
        ("n1", NotNull, vec![], true),
        ("nul", NotNull, vec![], true),
        ("absent", NotNull, vec![], false),
        ("absent", Null, vec![], true),
        ("n1", Null, vec![], false),
        ("s1", Contains, vec![s("ell")], true),
        ("ss", Contains, vec![s("x")], true),
        ("l1", Contains, vec![n("1")], true),
        ("s1", NotContains, vec![s("z")], true),
        ("s1", NotContains, vec![s("h")], false),
        ("absent", NotContains, vec![s("h")], false),
        ("s1", BeginsWith, vec![s("he")], true),
        ("s1", BeginsWith, vec![s("lo")], false),
    ] {
        let condition = legacy(name, operator, values).expect("a condition");
        assert_eq!(condition.holds(&sample()), expected, "{name} {operator:?}");
    }
}

#[test]
fn joined() {
    let comparison = |name: &str, value: &str| {
        (name.to_owned(), Comparison { operator: Operator::Eq, values: vec![n(value)] })
    };
    let both = || vec![comparison("n1", "10"), comparison("n2", "10")];
    for (comparisons, operator, expected) in [
        (both(), Joined::And, false),
        (both(), Joined::Or, true),
        (vec![], Joined::And, true),
        (vec![], Joined::Or, true),
    ] {
        let condition = Condition::legacy(comparisons, operator).expect("a condition");
        assert_eq!(condition.holds(&sample()), expected);
    }
    assert_eq!(Condition::legacy(both(), Joined::Or).expect("a condition").attributes(), ["n1", "n2"]);
}

#[test]
fn arguments() {
    use Operator::*;
    let count = |name: &str| format!("Invalid number of argument(s) for the {name} ComparisonOperator");
    let kind = |name: &str, kind: &str| {
        format!("ComparisonOperator {name} is not valid for {kind} AttributeValue type")
    };
    let bool = || AttributeValue::Bool(true);
    for (operator, values, expected) in [
        (Eq, vec![], count("EQ")),
        (Eq, vec![n("1"), n("2")], count("EQ")),
        (Null, vec![n("1")], count("NULL")),
        (NotNull, vec![n("1")], count("NOT_NULL")),
        (In, vec![], count("IN")),
        (Between, vec![n("1")], count("BETWEEN")),
        (Between, vec![n("1"), n("2"), n("3")], count("BETWEEN")),
        (Lt, vec![bool()], kind("LT", "BOOL")),
        (Ge, vec![l([])], kind("GE", "L")),
        (In, vec![ss(["x"])], kind("IN", "SS")),
        (Contains, vec![ss(["x"])], kind("CONTAINS", "SS")),
        (NotContains, vec![bool()], kind("NOT_CONTAINS", "BOOL")),
        (BeginsWith, vec![n("1")], kind("BEGINS_WITH", "N")),
        (Between, vec![bool(), bool()], kind("BETWEEN", "BOOL")),
        (
            In,
            vec![n("1"), s("1")],
            "AttributeValues inside AttributeValueList must be of same type".to_owned(),
        ),
    ] {
        let error = legacy("a", operator, values).expect_err("arguments");
        assert_eq!(error.to_string(), format!("One or more parameter values were invalid: {expected}"));
    }
    let error = legacy("a", Between, vec![n("2"), n("1")]).expect_err("bounds");
    assert_eq!(
        error.to_string(),
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    );
}

fn update(
    name: &str,
    action: UpdateAction,
    value: Option<AttributeValue>,
) -> Result<Option<AttributeValue>, ExpressionError> {
    let update = Update::legacy(vec![(name.to_owned(), AttributeUpdate { action, value })])?;
    assert_eq!(update.attributes(), [name]);
    update.apply(&sample()).map(|mut item| item.remove(name))
}

#[test]
fn updates() {
    use UpdateAction::{Add, Delete, Put};
    for (name, action, value, expected) in [
        ("s1", Put, Some(n("1")), Some(n("1"))),
        ("a", Put, Some(n("1")), Some(n("1"))),
        ("n1", Add, Some(n("-0.5")), Some(n("9.5"))),
        ("a", Add, Some(n("5")), Some(n("5"))),
        ("ss", Add, Some(ss(["w"])), Some(ss(["w", "x", "y", "z"]))),
        ("a", Add, Some(ss(["w"])), Some(ss(["w"]))),
        ("l0", Add, Some(l([n("1")])), Some(l([n("1")]))),
        ("a", Add, Some(l([n("1")])), Some(l([n("1")]))),
        ("ss", Delete, Some(ss(["x", "w"])), Some(ss(["y", "z"]))),
        ("ss", Delete, Some(ss(["x", "y", "z"])), None),
        ("a", Delete, Some(ss(["x"])), None),
        ("s1", Delete, None, None),
        ("a", Delete, None, None),
    ] {
        assert_eq!(update(name, action, value), Ok(expected), "{name} {action:?}");
    }
    let parameter = |text: &str| format!("One or more parameter values were invalid: {text}");
    let mismatch = || "Type mismatch for attribute to update".to_owned();
    for (name, action, value, expected) in [
        ("a", Put, None, parameter("Only DELETE action is allowed when no attribute value is specified")),
        ("a", Add, None, parameter("Only DELETE action is allowed when no attribute value is specified")),
        ("a", Add, Some(s("x")), parameter("ADD action is not supported for the type S")),
        ("a", Add, Some(m([])), parameter("ADD action is not supported for the type M")),
        ("a", Delete, Some(n("1")), parameter("DELETE action with value is not supported for the type N")),
        ("a", Delete, Some(l([])), parameter("DELETE action with value is not supported for the type L")),
        ("s1", Add, Some(n("1")), mismatch()),
        ("ss", Add, Some(l([])), mismatch()),
        ("s1", Delete, Some(ss(["x"])), mismatch()),
    ] {
        assert_eq!(update(name, action, value).expect_err(name).to_string(), expected);
    }
}
