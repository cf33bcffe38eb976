//! The texts with which expressions are refused.

use std::collections::BTreeMap;

use headwater_tables::expression::{Condition, ConditionPlace, Placeholders, Projection, Update};
use headwater_tables::value::Item;

use crate::expressions::{condition, item, n, placeholders};

fn conditions<const N: usize>(cases: [(&str, &str); N]) {
    for (text, expected) in cases {
        let error = condition(text).expect_err(text);
        assert_eq!(error.to_string(), format!("Invalid ConditionExpression: {expected}"), "{text}");
    }
}

fn updates<const N: usize>(cases: [(&str, &str); N]) {
    for (text, expected) in cases {
        let error = Update::parse(text, &mut placeholders(text)).expect_err(text);
        assert_eq!(error.to_string(), format!("Invalid UpdateExpression: {expected}"), "{text}");
    }
}

fn projections<const N: usize>(cases: [(&str, &str); N]) {
    for (text, expected) in cases {
        let error = Projection::parse(text, &mut placeholders(text)).expect_err(text);
        assert_eq!(error.to_string(), format!("Invalid ProjectionExpression: {expected}"), "{text}");
    }
}

/// The token, and the text from the one before it to the one after it.
#[test]
fn syntax() {
    conditions([
        ("a b", r#"Syntax error; token: "b", near: "a b""#),
        ("a X b", r#"Syntax error; token: "X", near: "a X b""#),
        ("a-b", r#"Syntax error; token: "-", near: "a-b""#),
        ("a", r#"Syntax error; token: "<EOF>", near: "a""#),
        ("a =", r#"Syntax error; token: "<EOF>", near: "=""#),
        ("= a", r#"Syntax error; token: "=", near: "= a""#),
        ("a = :n AND", r#"Syntax error; token: "<EOF>", near: "AND""#),
        ("a AND b = :n", r#"Syntax error; token: "AND", near: "a AND b""#),
        ("a = :n b", r#"Syntax error; token: "b", near: ":n b""#),
        ("(a = :n", r#"Syntax error; token: "<EOF>", near: ":n""#),
        ("a = :n)", r#"Syntax error; token: ")", near: ":n)""#),
        ("(a) AND b = :n", r#"Syntax error; token: "AND", near: ") AND b""#),
        ("(a = :n) = :n", r#"Syntax error; token: "=", near: ") = :n""#),
        ("a = :n = :n", r#"Syntax error; token: "=", near: ":n = :n""#),
        ("a = (b = :n)", r#"Syntax error; token: "=", near: "b = :n""#),
        ("a = NOT b", r#"Syntax error; token: "NOT", near: "= NOT b""#),
        ("NOT", r#"Syntax error; token: "<EOF>", near: "NOT""#),
        ("NOT a", r#"Syntax error; token: "<EOF>", near: "a""#),
        ("and = :n", r#"Syntax error; token: "and", near: "and =""#),
        ("a BETWEEN :n", r#"Syntax error; token: "<EOF>", near: ":n""#),
        ("a BETWEEN :n OR :m", r#"Syntax error; token: "OR", near: ":n OR :m""#),
        ("a IN :n", r#"Syntax error; token: ":n", near: "IN :n""#),
        ("a IN ()", r#"Syntax error; token: ")", near: "()""#),
        ("a IN (:n,)", r#"Syntax error; token: ")", near: ",)""#),
        ("size()", r#"Syntax error; token: ")", near: "()""#),
        ("attribute_exists(", r#"Syntax error; token: "<EOF>", near: "(""#),
        ("a = 5", r#"Syntax error; token: "5", near: "= 5""#),
        ("a == :n", r#"Syntax error; token: "=", near: "== :n""#),
        ("a != :n", r#"Syntax error; token: "!", near: "a !=""#),
        ("a..b = :n", r#"Syntax error; token: ".", near: "..b""#),
        ("a[b] = :n", r#"Syntax error; token: "b", near: "[b]""#),
        ("a[-1] = :n", r#"Syntax error; token: "-", near: "[-1""#),
        ("a[1.5] = :n", r#"Syntax error; token: ".", near: "1.5""#),
        ("a[:n] = :n", r#"Syntax error; token: ":n", near: "[:n]""#),
        ("a[#s] = :n", r##"Syntax error; token: "#s", near: "[#s]""##),
        ("_a = :n", r#"Syntax error; token: "_", near: "_a""#),
        ("1a = :n", r#"Syntax error; token: "1", near: "1a""#),
        ("# = :n", r##"Syntax error; token: "#", near: "# =""##),
        ("a = :", r#"Syntax error; token: ":", near: "= :""#),
        ("hits : incr", r#"Syntax error; token: ":", near: "hits : incr""#),
        ("é = :n", r#"Syntax error; token: "é", near: "é =""#),
        ("a = \u{a0}:n", "Syntax error; token: \"\u{a0}\", near: \"= \u{a0}:n\""),
        ("", "The expression can not be empty;"),
        (" \t\r\n ", "The expression can not be empty;"),
    ]);
    updates([
        ("INVALID SYNTAX HERE", r#"Syntax error; token: "INVALID", near: "INVALID SYNTAX""#),
        ("SET", r#"Syntax error; token: "<EOF>", near: "SET""#),
        ("SET _123 = :n", r#"Syntax error; token: "_", near: "SET _123""#),
        ("SET a", r#"Syntax error; token: "<EOF>", near: "a""#),
        ("SET a = :n,", r#"Syntax error; token: "<EOF>", near: ",""#),
        ("SET a = :n +", r#"Syntax error; token: "<EOF>", near: "+""#),
        ("SET a = :n + :m + :one", r#"Syntax error; token: "+", near: ":m + :one""#),
        ("SET a = if_not_exists(c, :n+:m)", r#"Syntax error; token: "+", near: ":n+:m""#),
        ("SET :n = :m", r#"Syntax error; token: ":n", near: "SET :n =""#),
        ("SET a = :n REMOVE", r#"Syntax error; token: "<EOF>", near: "REMOVE""#),
        ("REMOVE a b", r#"Syntax error; token: "b", near: "a b""#),
        ("REMOVE set", r#"Syntax error; token: "set", near: "REMOVE set""#),
        ("ADD a b", r#"Syntax error; token: "b", near: "a b""#),
        ("DELETE a", r#"Syntax error; token: "<EOF>", near: "a""#),
        ("a = :n", r#"Syntax error; token: "a", near: "a =""#),
        ("", "The expression can not be empty;"),
    ]);
    projections([
        ("a b", r#"Syntax error; token: "b", near: "a b""#),
        ("a,", r#"Syntax error; token: "<EOF>", near: ",""#),
        ("!!", r#"Syntax error; token: "!", near: "!!""#),
        (":n", r#"Syntax error; token: ":n", near: ":n""#),
        ("  ", "The expression can not be empty;"),
    ]);
}

#[test]
fn names() {
    const KEYWORD: &str = "Attribute name is a reserved keyword; reserved keyword:";
    conditions([
        ("name = :n", &format!("{KEYWORD} name")),
        ("a.Name = :n", &format!("{KEYWORD} Name")),
        ("size = :n", &format!("{KEYWORD} size")),
        ("set = :n", &format!("{KEYWORD} set")),
        (
            "#nope = :n",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            "a = :nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
        (
            "#nope = :nope",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            ":nope = #nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
        ("a[99999999999] = :n", "List index is not within the allowable range; index: [99999999999]"),
    ]);
    updates([
        ("SET name = :n", &format!("{KEYWORD} name")),
        ("REMOVE and", &format!("{KEYWORD} and")),
        ("SET a = name", &format!("{KEYWORD} name")),
        (
            "SET #nope = :nope",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            "SET a = :nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
        (
            "ADD a :nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
    ]);
    projections([
        ("a, name", &format!("{KEYWORD} name")),
        (
            "#nope",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
    ]);
}

#[test]
fn functions() {
    conditions([
        ("foo(a)", "Invalid function name; function: foo"),
        ("foo(a) = :n", "Invalid function name; function: foo"),
        ("name(a)", "Invalid function name; function: name"),
        ("SIZE(a) = :n", "Invalid function name; function: SIZE"),
        ("Contains(a, :n)", "Invalid function name; function: Contains"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(a) = :n",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        (
            "size(contains(a, :n)) = :n",
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        (
            "if_not_exists(a, :n) = :n",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        (
            "contains(a)",
            "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1",
        ),
        (
            "size(a, b) = :n",
            "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2",
        ),
        (
            "attribute_exists(a, :n)",
            "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
        ),
        (
            "attribute_exists(:n)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "attribute_not_exists(size(a))",
            "Operator or function requires a document path; operator or function: attribute_not_exists",
        ),
        (
            "contains(a, a)",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [a]",
        ),
        (
            "a.b[0] = a.b[0]",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a, b, [0]]",
        ),
        (
            "attribute_type(a, :Q)",
            "Invalid attribute type name found; type: Q, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
    ]);
    updates([
        ("SET a = foo(:n)", "Invalid function name; function: foo"),
        ("SET a = LIST_APPEND(:l, :l)", "Invalid function name; function: LIST_APPEND"),
        ("SET a = size(b)", "The function is not allowed in an update expression; function: size"),
        (
            "SET a = list_append(:l)",
            "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1",
        ),
        (
            "SET a = if_not_exists(:n, :m)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = if_not_exists(if_not_exists(b, :n), :m)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = list_append(list_append(:l, :l), :l)",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
    ]);
}

#[test]
fn types_of_operands() {
    const TYPE: &str = "Incorrect operand type for operator or function; operator or function:";
    conditions([
        ("a < :bool", &format!("{TYPE} <, operand type: BOOL")),
        (":l >= a", &format!("{TYPE} >=, operand type: L")),
        ("a BETWEEN :ss AND :n", &format!("{TYPE} BETWEEN, operand type: SS")),
        ("begins_with(a, :n)", &format!("{TYPE} begins_with, operand type: N")),
        ("begins_with(a, size(b))", &format!("{TYPE} begins_with, operand type: N")),
        ("attribute_type(a, :n)", &format!("{TYPE} attribute_type, operand type: N")),
        (
            "attribute_type(a, b)",
            &format!("{TYPE} attribute_type, operand type: {{NS,SS,L,BS,N,M,B,BOOL,NULL,S}}"),
        ),
        ("size(:n) = :n", &format!("{TYPE} size, operand type: N")),
        ("size(size(a)) = :n", &format!("{TYPE} size, operand type: N")),
        (
            "a BETWEEN :n AND :m",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; \
          lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:9}",
        ),
        (
            "a BETWEEN :n AND :s",
            "The BETWEEN operator requires same data type for lower and upper bounds; \
          lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {S:he}",
        ),
    ]);
    updates([
        ("SET a = :s + :n", &format!("{TYPE} +, operand type: S")),
        ("SET a = :n - :l", &format!("{TYPE} -, operand type: L")),
        ("SET a = list_append(:l, :s)", &format!("{TYPE} list_append, operand type: S")),
        (
            "ADD a :s",
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "ADD a :l",
            "Incorrect operand type for operator or function; operator: ADD, operand type: LIST, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :n",
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
    ]);
}

#[test]
fn sections_and_paths() {
    let clash = |verb: &str, one: &str, two: &str| {
        format!(
            "Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )
    };
    updates([
        ("SET a = :n SET b = :m", "The \"SET\" section can only be used once in an update expression;"),
        (
            "REMOVE a SET b = :n REMOVE c",
            "The \"REMOVE\" section can only be used once in an update expression;",
        ),
        ("SET a = :n REMOVE a", &clash("overlap", "[a]", "[a]")),
        ("SET a = :n, a.b = :m", &clash("overlap", "[a]", "[a, b]")),
        ("SET a[1][1] = :n, a[1] = :m", &clash("overlap", "[a, [1], [1]]", "[a, [1]]")),
        ("SET #s = :n ADD s1 :m", &clash("overlap", "[s1]", "[s1]")),
        ("SET a.b = :n, a[1] = :m", &clash("conflict", "[a, b]", "[a, [1]]")),
        ("SET a.b.c = :n, a.b[2] = :m", &clash("conflict", "[a, b, c]", "[a, b, [2]]")),
    ]);
    projections([
        ("a, a.b", &clash("overlap", "[a]", "[a, b]")),
        ("a.b, a[0]", &clash("conflict", "[a, b]", "[a, [0]]")),
    ]);
    assert!(Update::parse("SET a.b = :n, a.c = :n, d[0] = :n, d[1] = :n", &mut placeholders(":n")).is_ok());
}

/// First of several errors: the order of kinds that dynalite found AWS to have.
#[test]
fn the_first_of_several_errors() {
    conditions([
        ("((a = :n)) AND foo(b)", "The expression has redundant parentheses;"),
        ("name = :n AND foo(b)", "Invalid function name; function: foo"),
        ("#nope = :n AND name = :n", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "contains(a) AND #nope = :n",
            "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1",
        ),
        (
            "contains(#nope)",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
    ]);
    updates([
        ("SET name = foo(:n) SET a = :n", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("SET a = foo(:n) SET a = :n", "Invalid function name; function: foo"),
        (
            "SET a = :nope SET #nope = :n",
            "The \"SET\" section can only be used once in an update expression;",
        ),
        (
            "SET a = :nope, #nope = :n",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            "SET a = :s + :n, a = :nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
        (
            "SET a = :s + :n, a = :n",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
        ),
    ]);
}

#[test]
fn bounds() {
    const REDUNDANT: &str = "The expression has redundant parentheses;";
    let spaces = |bytes: usize| format!("{:<bytes$}", "a = :n");
    let operators = |count: usize| format!("a = :n{}", " or a=:n".repeat((count - 1) / 2));
    let operands = |count: usize| format!("a IN (:n{})", ",:n".repeat(count - 1));
    let path = |steps: usize| format!("a{} = :n", ".a".repeat(steps - 1));
    let parentheses = |depth: usize| format!("{}a = :n{}", "(".repeat(depth), ")".repeat(depth));
    conditions([
        (&spaces(4097)[..], "Expression size has exceeded the maximum allowed size; expression size: 4097"),
        (&operators(301), "The expression contains too many operators; operator count: 301"),
        (&operands(101), "The IN operator is provided with too many operands; number of operands: 101"),
        (&path(33), "The document path has too many nesting elements; nesting size: 33"),
        (&parentheses(2), REDUNDANT),
        (&parentheses(300), REDUNDANT),
        (&parentheses(2000), REDUNDANT),
        (&"(".repeat(4096), "Syntax error; token: \"<EOF>\", near: \"(\""),
        ("a = ((:n))", REDUNDANT),
        ("(size((a))) = ((:n))", REDUNDANT),
        (
            &format!("{}a = :n", "NOT ".repeat(1000)),
            "The expression contains too many operators; operator count: 1001",
        ),
        (
            &format!("a = {}", "f(".repeat(2000)),
            "The expression contains too many operators; operator count: 2001",
        ),
    ]);
    for text in [
        &spaces(4096)[..],
        &operators(299),
        &operands(100),
        &path(32),
        "(size((a))) = (:n)",
        "a IN ((:n), (:m))",
    ] {
        condition(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    let nested = |count: usize| "if_not_exists(b,".repeat(count);
    updates([
        (&format!("SET a = {}", nested(250))[..], "Syntax error; token: \"<EOF>\", near: \",\""),
        (
            &format!("SET a = {}", "f(".repeat(301)),
            "The expression contains too many operators; operator count: 301",
        ),
        (&format!("SET a = {}", "(".repeat(3000)), "Syntax error; token: \"<EOF>\", near: \"(\""),
        ("SET a = ((:n))", REDUNDANT),
    ]);
    let deep = format!("SET a = {}:n{}", nested(235), ")".repeat(235));
    assert!(Update::parse(&deep, &mut placeholders(":n")).is_ok());
}

#[test]
fn the_place_is_named() {
    let mut placeholders = placeholders("");
    let error = Condition::parse(ConditionPlace::Filter, "a", &mut placeholders).expect_err("an operand");
    assert_eq!(error.to_string(), r#"Invalid FilterExpression: Syntax error; token: "<EOF>", near: "a""#);
}

#[test]
fn placeholders_of_a_request() {
    let names = |all: &[(&str, &str)]| {
        Some(
            all.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect::<BTreeMap<_, _>>(),
        )
    };
    let values = |keys: &[&str]| Some(keys.iter().map(|key| ((*key).to_owned(), n("1"))).collect::<Item>());
    let long = format!("#{}", "a".repeat(255));
    for (names, values, expected) in [
        (names(&[]), None, "ExpressionAttributeNames must not be empty"),
        (None, values(&[]), "ExpressionAttributeValues must not be empty"),
        (
            names(&[("x", "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"x\"",
        ),
        (
            names(&[("#", "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#\"",
        ),
        (
            names(&[("#a-b", "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#a-b\"",
        ),
        (None, values(&["x"]), "ExpressionAttributeValues contains invalid key: Syntax error; key: \"x\""),
        (
            None,
            values(&[":a!"]),
            "ExpressionAttributeValues contains invalid key: Syntax error; key: \":a!\"",
        ),
        (
            names(&[("#a", "")]),
            None,
            "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a",
        ),
        (
            names(&[(&long, "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: The expression attribute map contains a key that is too \
             long; size of key: 256",
        ),
    ] {
        let keys = (
            names.iter().flatten().map(|(key, _)| key.as_str()),
            values.iter().flatten().map(|(key, _)| key.as_str()),
        );
        let checked =
            Placeholders::check_keys(names.is_some().then_some(keys.0), values.is_some().then_some(keys.1));
        let error = checked.and_then(|()| Placeholders::new(names.clone(), values.clone()).map(drop));
        assert_eq!(error.expect_err(expected).to_string(), expected);
    }
    let all =
        Placeholders::new(names(&[("#x", "a"), ("#1_", "b")]), values(&[":y", ":x"])).expect("placeholders");
    let error = all.all_used().expect_err("unused");
    assert_eq!(
        error.to_string(),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#1_, #x}"
    );
    let mut all = Placeholders::new(None, Some(item([(":x", n("1")), (":y", n("1")), (":z", n("1"))])))
        .expect("values");
    Update::parse("SET a = :z", &mut all).expect("an update");
    let error = all.all_used().expect_err("unused");
    assert_eq!(
        error.to_string(),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x, :y}"
    );
    Condition::parse(ConditionPlace::Condition, "a = :x OR a = :y", &mut all).expect("a condition");
    assert_eq!(all.all_used(), Ok(()));
    assert_eq!(Placeholders::default().all_used(), Ok(()));
}
