//! Conditions that are made, printed and read again hold where they should; no text makes a parser panic.

use std::cmp::Ordering;

use headwater_tables::expression::{
    Condition, ConditionPlace, KeyExpression, Placeholders, Projection, Update,
};
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{KeyAttribute, KeySchema, KeyType};
use proptest::prelude::*;

use crate::expressions::{n, s, sample};

/// A condition on the attributes `a` to `d`, of which some are numbers, some text, and some missing.
#[derive(Debug, Clone)]
enum Model {
    Compare(char, &'static str, char),
    Between(char, char, char),
    In(char, Vec<char>),
    Exists(char),
    Not(Box<Model>),
    And(Box<Model>, Box<Model>),
    Or(Box<Model>, Box<Model>),
}

impl Model {
    fn print(&self) -> String {
        // Parentheses wherever they change something, and nowhere else.
        let within = |model: &Self, loose: fn(&Self) -> bool| {
            let text = model.print();
            if loose(model) { format!("({text})") } else { text }
        };
        match self {
            Self::Compare(one, operator, two) if one == two => format!("{one} {operator} :{two}"),
            Self::Compare(one, operator, two) => format!("{one} {operator} {two}"),
            Self::Between(one, two, three) => format!("{one} BETWEEN {two} AND {three}"),
            Self::In(one, all) => {
                let all: Vec<_> = all.iter().map(|name| name.to_string()).collect();
                format!("{one} IN ({})", all.join(","))
            }
            Self::Exists(one) => format!("attribute_exists({one})"),
            Self::Not(model) => {
                format!("NOT {}", within(model, |m| matches!(m, Self::And(..) | Self::Or(..))))
            }
            Self::And(one, two) => {
                let [one, two] = [one, two].map(|model| within(model, |m| matches!(m, Self::Or(..))));
                format!("{one} AND {two}")
            }
            Self::Or(one, two) => format!("{} OR {}", one.print(), two.print()),
        }
    }

    fn holds(&self, item: &Item) -> bool {
        let get = |name: &char| item.get(&name.to_string());
        let compared = |one: &char, two: &char| match (get(one)?, get(two)?) {
            (AttributeValue::N(one), AttributeValue::N(two)) => Some(one.cmp(two)),
            (AttributeValue::S(one), AttributeValue::S(two)) => Some(one.cmp(two)),
            _ => None,
        };
        match self {
            Self::Compare(one, operator, two) => match (compared(one, two), *operator) {
                (None, operator) => operator == "<>",
                (Some(Ordering::Less), operator) => ["<", "<=", "<>"].contains(&operator),
                (Some(Ordering::Equal), operator) => ["=", "<=", ">="].contains(&operator),
                (Some(Ordering::Greater), operator) => [">", ">=", "<>"].contains(&operator),
            },
            Self::Between(one, two, three) => {
                compared(one, two).is_some_and(Ordering::is_ge)
                    && compared(one, three).is_some_and(Ordering::is_le)
            }
            Self::In(one, all) => all.iter().any(|two| compared(one, two) == Some(Ordering::Equal)),
            Self::Exists(one) => get(one).is_some(),
            Self::Not(model) => !model.holds(item),
            Self::And(one, two) => one.holds(item) && two.holds(item),
            Self::Or(one, two) => one.holds(item) || two.holds(item),
        }
    }
}

fn models() -> impl Strategy<Value = Model> {
    let name = || prop::sample::select(vec!['a', 'b', 'c', 'd']);
    let operator = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let single = prop_oneof![
        (name(), operator, name()).prop_map(|(one, operator, two)| Model::Compare(one, operator, two)),
        (name(), name(), name()).prop_map(|(one, two, three)| Model::Between(one, two, three)),
        (name(), prop::collection::vec(name(), 1..4)).prop_map(|(one, all)| Model::In(one, all)),
        name().prop_map(Model::Exists),
    ];
    single.prop_recursive(5, 40, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|model| Model::Not(Box::new(model))),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| Model::And(Box::new(one), Box::new(two))),
            (inner.clone(), inner).prop_map(|(one, two)| Model::Or(Box::new(one), Box::new(two))),
        ]
    })
}

fn items() -> impl Strategy<Value = Item> {
    let value = prop_oneof![
        Just(None),
        (0..3u8).prop_map(|number: u8| Some(n(&number.to_string()))),
        (0..3u8).prop_map(|text: u8| Some(s(&text.to_string()))),
    ];
    prop::collection::vec(value, 4).prop_map(|values| {
        let named = ["a", "b", "c", "d"].into_iter().zip(values);
        named.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

/// Text that is near to expressions.
fn texts() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b.c",
        "d[0]",
        "#s",
        ":n",
        ":nope",
        "=",
        "<>",
        "<",
        "(",
        ")",
        ",",
        ".",
        "[",
        "]",
        "+",
        "-",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "size",
        "contains",
        "attribute_exists",
        "if_not_exists",
        "list_append",
        "begins_with",
        "attribute_type",
        "1",
        "99999999999999999999",
        "_",
        "é",
        "\0",
    ]);
    prop_oneof![prop::collection::vec(word, 0..30).prop_map(|words| words.join(" ")), ".{0,80}",]
}

proptest! {
    #[test]
    fn what_is_printed_is_read(model in models(), item in items()) {
        let text = model.print();
        // A path is not compared with itself; its value stands for it, and where there is none, a value that nothing has.
        let own = |name: &str| (format!(":{name}"), item.get(name).cloned().unwrap_or(AttributeValue::Null));
        let values: Item = ["a", "b", "c", "d"].map(own).into_iter().filter(|(key, _)| text.contains(key)).collect();
        let ordered = values.values().any(|value| *value == AttributeValue::Null);
        let mut placeholders = Placeholders::new(None, (!values.is_empty()).then_some(values)).expect("placeholders");
        match Condition::parse(ConditionPlace::Condition, &text, &mut placeholders) {
            Ok(condition) => prop_assert_eq!(condition.holds(&item), model.holds(&item), "{}", text),
            // NULL has no order, and that is refused.
            Err(error) => prop_assert!(ordered && error.to_string().contains("operand type: NULL"), "{}: {}", text, error),
        }
    }

    #[test]
    fn no_text_panics(text in texts()) {
        let values = || Item::from([(":n".to_owned(), n("1"))]);
        let names = || [("#s".to_owned(), "s1".to_owned())].into();
        let placeholders = || Placeholders::new(Some(names()), Some(values())).expect("placeholders");
        if let Ok(condition) = Condition::parse(ConditionPlace::Filter, &text, &mut placeholders()) {
            condition.holds(&sample());
        }
        if let Ok(update) = Update::parse(&text, &mut placeholders()) {
            let _ = update.apply(&sample());
        }
        if let Ok(projection) = Projection::parse(&text, &mut placeholders()) {
            let once = projection.of(&sample());
            prop_assert!(once.len() <= projection.attributes().len());
        }
        let hash = KeyAttribute { name: "a".to_owned(), kind: KeyType::N };
        let comparisons = KeyExpression::parse(&text, &mut placeholders()).and_then(|keys| keys.comparisons());
        let _ = comparisons.and_then(|comparisons| comparisons.of(&KeySchema::new(hash, None)));
    }
}
