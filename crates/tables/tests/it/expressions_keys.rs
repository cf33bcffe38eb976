//! Conditions on keys.

use headwater_tables::expression::{
    Comparison, ExpressionError, KeyComparisons, KeyCondition, KeyExpression, Operator, SortCondition,
};
use headwater_tables::value::AttributeValue;
use headwater_tables::{KeyAttribute, KeySchema, KeyType};

use crate::expressions::{n, placeholders, s};

fn schema(range: Option<KeyType>) -> KeySchema {
    let hash = KeyAttribute { name: "pk".to_owned(), kind: KeyType::S };
    KeySchema::new(hash, range.map(|kind| KeyAttribute { name: "sk".to_owned(), kind }))
}

fn parse(text: &str, range: Option<KeyType>) -> Result<KeyCondition, ExpressionError> {
    parse_on(text, &schema(range))
}

fn parse_on(text: &str, schema: &KeySchema) -> Result<KeyCondition, ExpressionError> {
    let mut placeholders = placeholders(text);
    let comparisons = KeyExpression::parse(text, &mut placeholders)?.comparisons()?;
    placeholders.all_used()?;
    comparisons.of(schema)
}

#[test]
fn partition_and_range() {
    use SortCondition::{BeginsWith, Between, Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let check = |text: &str, kind: KeyType, sort: SortCondition| {
        let expected = KeyCondition { partition: vec![s("x")], leading: vec![], sort: Some(sort) };
        assert_eq!(
            parse(text, Some(kind)).unwrap_or_else(|error| panic!("{text}: {error}")),
            expected,
            "{text}"
        );
    };
    let n10 = || n("10");
    check("pk = :x AND sk = :n", KeyType::N, Equal(n10()));
    check("sk = :n and pk = :x", KeyType::N, Equal(n10()));
    check("(pk = :x) AND (sk < :n)", KeyType::N, Less(n10()));
    check("pk = :x AND sk <= :n", KeyType::N, LessOrEqual(n10()));
    check("pk = :x AND sk > :n", KeyType::N, Greater(n10()));
    check(":x = pk AND sk >= :n", KeyType::N, GreaterOrEqual(n10()));
    check("pk = :x AND :n < sk", KeyType::N, Greater(n10()));
    check("pk = :x AND :n >= sk", KeyType::N, LessOrEqual(n10()));
    check("pk = :x AND sk BETWEEN :m AND :n", KeyType::N, Between(n("9"), n10()));
    check("sk BETWEEN :m AND :n AND pk = :x", KeyType::N, Between(n("9"), n10()));
    check("pk = :x AND begins_with(sk, :s)", KeyType::S, BeginsWith(s("he")));
    assert_eq!(
        parse("pk = :x", None),
        Ok(KeyCondition { partition: vec![s("x")], leading: vec![], sort: None })
    );
    assert_eq!(
        parse("pk = :x", Some(KeyType::N)),
        Ok(KeyCondition { partition: vec![s("x")], leading: vec![], sort: None })
    );
}

#[test]
fn refused() {
    const SCHEMA: &str =
        "One or more parameter values were invalid: Condition parameter type does not match schema type";
    const INVALID: &str = "Invalid KeyConditionExpression:";
    const CONDITION: &str = "Invalid condition in KeyConditionExpression:";
    const OPERATOR: &str = "Invalid operator used in KeyConditionExpression:";
    for (text, expected) in [
        ("pk", &format!("{INVALID} Syntax error; token: \"<EOF>\", near: \"pk\"")[..]),
        (
            "pk = :nope",
            &format!(
                "{INVALID} An expression attribute value used in expression is not defined; attribute value: :nope"
            ),
        ),
        ("name = :x", &format!("{INVALID} Attribute name is a reserved keyword; reserved keyword: name")),
        (
            "begins_with(sk, :n) AND pk = :x",
            &format!(
                "{INVALID} Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"
            ),
        ),
        ("pk = :x OR sk = :n", &format!("{OPERATOR} OR")),
        ("NOT pk = :x", &format!("{OPERATOR} NOT")),
        ("pk IN (:x)", &format!("{OPERATOR} IN")),
        ("pk <> :x", &format!("{OPERATOR} <>")),
        ("attribute_exists(pk)", &format!("{OPERATOR} attribute_exists")),
        ("attribute_not_exists(pk)", &format!("{OPERATOR} attribute_not_exists")),
        ("attribute_type(pk, :S)", &format!("{OPERATOR} attribute_type")),
        ("contains(pk, :x)", &format!("{OPERATOR} contains")),
        ("size(pk) = :n", "KeyConditionExpressions cannot contain nested operations"),
        ("pk.a = :x", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk = :x AND pk = :s", "KeyConditionExpressions must only contain one condition per key"),
        (":x = :s", &format!("{CONDITION} No key attribute specified")),
        ("pk = sk", &format!("{CONDITION} Multiple attribute names used in one condition")),
        (
            "pk = :x AND :m BETWEEN sk AND :n",
            &format!("{CONDITION} BETWEEN operator must have the key attribute as its first operand"),
        ),
        (
            "pk = :x AND begins_with(:s, sk)",
            &format!("{CONDITION} begins_with operator must have the key attribute as its first operand"),
        ),
        ("sk = :n", "Query condition missed key schema element: pk"),
        ("pk = :x AND third = :n", "Query condition missed key schema element: sk"),
        ("pk < :x", "Query key condition not supported"),
        ("pk = :n", SCHEMA),
        ("pk = :x AND sk = :s", SCHEMA),
        ("pk = :x AND sk = :bool", SCHEMA),
        (
            "pk = :x AND sk = :n AND third = :n",
            "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)",
        ),
    ] {
        let error = parse(text, Some(KeyType::N)).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
    let error = parse("pk = :x AND sk = :n", None).expect_err("no range");
    assert_eq!(error.to_string(), "Query key condition not supported");
}

/// A key of the attributes `h1`, `h2` and `r1`, `r2`, `r3`, all of them text.
fn composite() -> KeySchema {
    let named = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyType::S };
    KeySchema::of_attributes(["h1", "h2"].map(named), ["r1", "r2", "r3"].map(named)).expect("a key")
}

#[test]
fn a_composite_key_is_asked_for_from_the_left() {
    use SortCondition::{BeginsWith, Equal, Greater};
    let check = |text: &str, leading: usize, sort: Option<SortCondition>| {
        let expected = KeyCondition { partition: vec![s("x"), s("x")], leading: vec![s("x"); leading], sort };
        assert_eq!(parse_on(text, &composite()), Ok(expected), "{text}");
    };
    check("h1 = :x AND h2 = :x", 0, None);
    check("h2 = :x AND r1 = :x AND h1 = :x", 0, Some(Equal(s("x"))));
    check("h1 = :x AND h2 = :x AND r1 > :x", 0, Some(Greater(s("x"))));
    check("r2 > :x AND h1 = :x AND h2 = :x AND r1 = :x", 1, Some(Greater(s("x"))));
    check("h1 = :x AND h2 = :x AND r1 = :x AND r2 = :x AND begins_with(r3, :x)", 2, Some(BeginsWith(s("x"))));
}

#[test]
fn a_composite_key_that_is_not_asked_for_from_the_left_is_refused() {
    let hash = |names: &str| {
        format!("HASH key attributes {names} must have equality conditions specified in the query")
    };
    let range = |names: &str, last: &str| {
        format!(
            "RANGE key attributes {names} must have equality conditions specified in the query because a condition is \
             present on key attribute {last}"
        )
    };
    for (text, expected) in [
        ("h1 = :x", hash("h2")),
        ("r1 = :x", hash("h1, h2")),
        ("h1 = :x AND h2 > :x", hash("h2")),
        ("h1 = :x AND h2 = :x AND r2 = :x", range("r1", "r2")),
        ("h1 = :x AND h2 = :x AND r3 = :x", range("r1, r2", "r3")),
        ("h1 = :x AND h2 = :x AND r1 > :x AND r2 = :x", range("r1", "r2")),
        ("h1 = :x AND h2 = :x AND third = :x", "Query condition missed key schema element: r1".to_owned()),
        (
            "h1 = :x AND h2 = :n",
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
                .to_owned(),
        ),
    ] {
        let error = parse_on(text, &composite()).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn older_conditions() {
    let legacy = |conditions: Vec<(&str, Operator, Vec<AttributeValue>)>| {
        let named =
            |(name, operator, values): (&str, _, _)| (name.to_owned(), Comparison { operator, values });
        KeyComparisons::legacy(conditions.into_iter().map(named).collect())
            .and_then(|comparisons| comparisons.of(&schema(Some(KeyType::N))))
    };
    let between = ("sk", Operator::Between, vec![n("1"), n("2")]);
    assert_eq!(
        legacy(vec![between.clone(), ("pk", Operator::Eq, vec![s("x")])]),
        Ok(KeyCondition {
            partition: vec![s("x")],
            leading: vec![],
            sort: Some(SortCondition::Between(n("1"), n("2")))
        })
    );
    let pk = || ("pk", Operator::Eq, vec![s("x")]);
    for (conditions, expected) in [
        (vec![], "Conditions can be of length 1 or 2 only"),
        (vec![between], "Query condition missed key schema element: pk"),
        (vec![("pk", Operator::Ge, vec![s("x")])], "Query key condition not supported"),
        (
            vec![pk(), ("sk", Operator::Ne, vec![n("1")])],
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            vec![pk(), ("sk", Operator::NotNull, vec![])],
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            vec![pk(), ("sk", Operator::Between, vec![n("2"), n("1")])],
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ),
        (
            vec![pk(), ("sk", Operator::Eq, vec![])],
            "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            vec![pk(), ("sk", Operator::BeginsWith, vec![n("1")])],
            "One or more parameter values were invalid: ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
        ),
    ] {
        assert_eq!(legacy(conditions).expect_err(expected).to_string(), expected);
    }
}
