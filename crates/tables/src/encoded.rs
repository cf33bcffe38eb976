//! Length of items as they are stored, without writing them.
//!
//! # Constraints
//! Never less than what [`crate::change`] writes: room on the disk is kept by it. What makes text longer, such as control
//! characters of six bytes each, is counted and not guessed.

use crate::value::{AttributeValue, Item, Number};

/// A change around its item.
const CHANGE_BYTES: usize = 40;
/// A sealed change around its base64.
const SEALED_BYTES: usize = 64;

/// Length of the record of an item at the most, in bytes.
pub(crate) fn put_bytes(item: &Item) -> usize {
    CHANGE_BYTES + item_bytes(item)
}

/// Length of the sealed records of so many items at the most, whose plain records have so many bytes together.
pub(crate) fn sealed_bytes(items: usize, plain_bytes: usize) -> usize {
    let sealed = plain_bytes + items * headwater_vault::SEALED_OVERHEAD;
    sealed / 3 * 4 + items * SEALED_BYTES
}

fn item_bytes(item: &Item) -> usize {
    2 + item.iter().map(|(name, value)| text_bytes(name) + value_bytes(value) + 2).sum::<usize>()
}

fn value_bytes(value: &AttributeValue) -> usize {
    let inner = match value {
        AttributeValue::S(text) => text_bytes(text),
        AttributeValue::N(number) => number_bytes(number),
        AttributeValue::B(bytes) => base64_bytes(bytes.len()),
        AttributeValue::Bool(_) | AttributeValue::Null => 5,
        AttributeValue::L(values) => list_bytes(values.iter().map(value_bytes)),
        AttributeValue::M(item) => item_bytes(item),
        AttributeValue::Ss(set) => list_bytes(set.iter().map(|text| text_bytes(text))),
        AttributeValue::Ns(set) => list_bytes(set.iter().map(number_bytes)),
        AttributeValue::Bs(set) => list_bytes(set.iter().map(|bytes| base64_bytes(bytes.len()))),
    };
    // {"NULL":...}
    9 + inner
}

fn list_bytes(values: impl Iterator<Item = usize>) -> usize {
    2 + values.map(|bytes| bytes + 1).sum::<usize>()
}

fn number_bytes(number: &Number) -> usize {
    debug_assert_eq!(number.short().len(), number.short_bytes(), "{number}");
    2 + number.short_bytes()
}

fn base64_bytes(bytes: usize) -> usize {
    2 + bytes.div_ceil(3) * 4
}

/// Text in quotes: control characters take up to six bytes, quotes and backslashes two.
fn text_bytes(text: &str) -> usize {
    let longer = |byte: u8| 5 * usize::from(byte < 0x20) + usize::from(matches!(byte, b'"' | b'\\'));
    2 + text.len() + text.bytes().map(longer).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::change::{Change, encode};

    #[test]
    fn an_item_is_stored_in_no_more_than_is_counted() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |text: &str| text.parse::<Number>().expect("a number");
        let control: String = (0..0x20u8).map(char::from).collect();
        let values = [
            text(""),
            text(&control.repeat(100)),
            text(&"\"\\".repeat(100)),
            text("\u{7f}\u{e4}\u{2028}\u{1f600}"),
            AttributeValue::N(number("-1.2345678901234567890123456789012345678E-100")),
            AttributeValue::B(Bytes::from(vec![7; 1001])),
            AttributeValue::Bool(false),
            AttributeValue::Null,
            AttributeValue::L(vec![AttributeValue::Null, text(&control)]),
            AttributeValue::M([(control.clone(), text("\n"))].into()),
            AttributeValue::Ss([control.clone(), "a".to_owned()].into()),
            AttributeValue::Ns([number("1"), number("-2E9")].into()),
            AttributeValue::Bs([Bytes::from_static(b"a"), Bytes::from_static(b"bcd")].into()),
        ];
        let all: Item = values.iter().cloned().enumerate().map(|(i, value)| (i.to_string(), value)).collect();
        let alone = values.into_iter().map(|value| Item::from([("name".to_owned(), value)]));
        for item in alone.chain([Item::new(), all]) {
            let counted = put_bytes(&item);
            let stored =
                encode(&[Change::Put(u64::MAX >> 12, Arc::new(item.clone()))]).expect("it is written").len();
            assert!(stored <= counted, "{stored} of {counted}: {item:?}");
            assert!(counted <= 2 * stored + 100, "{counted} for {stored}: {item:?}");
        }
    }
}
