//! Expressions of tables, of each kind, with the same placeholders, on the same item: they are read the same each time,
//! give the same each time, and the opposite of a condition holds where it does not. The same text is read as a number
//! too: printed and read again, it is the same one.

use std::collections::BTreeMap;

use headwater_tables::expression::{
    Condition, ConditionPlace, KeyExpression, Placeholders, Projection, Update,
};
use headwater_tables::value::{AttributeValue, Item, Number, size_bytes};
use headwater_tables::{KeyAttribute, KeySchema, KeyType};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    condition(text);
    update(text);
    projection(text);
    key_condition(text);
    if let Ok(number) = text.parse::<Number>() {
        let printed = number.to_string();
        assert!(printed.len() <= 170 && number.size_bytes() <= 22, "{printed}");
        assert_eq!(printed.parse(), Ok(number));
    }
}

fn condition(text: &str) {
    let read = |text: &str| {
        let mut placeholders = placeholders();
        let condition = Condition::parse(ConditionPlace::Filter, text, &mut placeholders);
        condition.map(|condition| (condition, placeholders))
    };
    let (condition, placeholders) = match read(text) {
        Ok(read) => read,
        Err(error) => {
            assert!(error.to_string().starts_with("Invalid FilterExpression: "), "{error}");
            return;
        }
    };
    let _ = placeholders.all_used();
    assert!(condition.attributes().len() <= text.len());
    for item in [item(), Item::new()] {
        let holds = condition.holds(&item);
        assert_eq!(read(text).expect("it was read before").0.holds(&item), holds);
        // It is refused if it is too long, or has the parentheses already.
        if let Ok((opposite, _)) = read(&format!("NOT ({text})")) {
            assert_ne!(opposite.holds(&item), holds, "{text}");
        }
    }
}

fn update(text: &str) {
    let update = match Update::parse(text, &mut placeholders()) {
        Ok(update) => update,
        Err(error) => {
            assert!(error.to_string().starts_with("Invalid UpdateExpression: "), "{error}");
            return;
        }
    };
    let before = item();
    let Ok(after) = update.apply(&before) else { return };
    assert_eq!(update.apply(&before).as_ref(), Ok(&after));
    let changed = update.attributes();
    let others = |item: &Item| {
        let mut item = item.clone();
        item.retain(|name, _| !changed.contains(&name.as_str()));
        item
    };
    assert_eq!(others(&before), others(&after), "{text}");
    for item in [before, after] {
        assert!(size_bytes(&update.touched().of(&item)) <= size_bytes(&item));
    }
}

fn projection(text: &str) {
    let Ok(projection) = Projection::parse(text, &mut placeholders()) else { return };
    let part = projection.of(&item());
    let attributes = projection.attributes();
    assert!(part.keys().all(|name| attributes.contains(&name.as_str())));
    assert!(size_bytes(&part) <= size_bytes(&item()));
}

fn key_condition(text: &str) {
    let attribute = |name: &str, kind| KeyAttribute { name: name.to_owned(), kind };
    let schema = KeySchema::new(attribute("a", KeyType::S), Some(attribute("b", KeyType::N)));
    let comparisons = KeyExpression::parse(text, &mut placeholders()).and_then(|keys| keys.comparisons());
    if let Ok(condition) = comparisons.and_then(|comparisons| comparisons.of(&schema)) {
        assert!(matches!(condition.partition.as_slice(), [AttributeValue::S(_)]));
    }
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(Number::from(value))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn map<const N: usize>(values: [(&str, AttributeValue); N]) -> Item {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

fn placeholders() -> Placeholders {
    let names = [("#a", "a"), ("#m", "m"), ("#x", "x"), ("#name", "name")];
    let names: BTreeMap<_, _> = names.map(|(key, name)| (key.to_owned(), name.to_owned())).into();
    let values = map([
        (":a", text("a")),
        (":n", number(1)),
        (":m", number(10)),
        (":b", AttributeValue::B(b"\x01\xff"[..].into())),
        (":t", AttributeValue::Bool(true)),
        (":z", AttributeValue::Null),
        (":l", AttributeValue::L(vec![number(1), text("a")])),
        (":x", AttributeValue::M(map([("x", number(1))]))),
        (":s", AttributeValue::Ss(["a".to_owned(), "c".to_owned()].into())),
        (":k", text("S")),
    ]);
    Placeholders::new(Some(names), Some(values)).expect("well-formed placeholders")
}

fn item() -> Item {
    map([
        ("a", text("abc")),
        ("b", number(5)),
        ("c", AttributeValue::B(b"\x01\xff\x02"[..].into())),
        ("d", AttributeValue::Bool(true)),
        ("e", AttributeValue::Null),
        ("l", AttributeValue::L(vec![number(1), text("a"), AttributeValue::L(vec![number(2)])])),
        ("m", AttributeValue::M(map([("x", number(1)), ("l", AttributeValue::L(vec![number(3)]))]))),
        ("s", AttributeValue::Ss(["a".to_owned(), "b".to_owned()].into())),
    ])
}
