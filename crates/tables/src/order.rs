//! In which order items stand, and which stretch of it a Query or a Scan wants.
//!
//! # Constraints
//! The order outlives a restart, because clients hold keys after which they go on. Partitions stand by the MD5 of their
//! key, so that segments of a Scan, which are ranges of it, are about equal; within one the sort keys are in order.

use std::ops::Bound;

use base64_simd::STANDARD;
use bytes::Bytes;
use headwater_types::HashKey;

use crate::expression::SortCondition;
use crate::limits::PLACE_BYTES;
use crate::schema::KeySchema;
use crate::value::{AttributeValue, Item};

/// The key of a table or of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderedKey {
    hash: u64,
    partition: AttributeValue,
    sort: Sort,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    None,
    At(AttributeValue),
    /// After all that there are.
    Max,
}

/// Where an item stands: in an index several have the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) key: OrderedKey,
    tie: Tie,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    /// Of the table itself; before all that there are.
    Min,
    /// In an index: the table's key.
    At(OrderedKey),
    /// After all that there are.
    Max,
}

impl Place {
    /// What it takes in memory, roughly, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let keys = [Some(&self.key), if let Tie::At(key) = &self.tie { Some(key) } else { None }];
        PLACE_BYTES + keys.into_iter().flatten().map(OrderedKey::size_bytes).sum::<usize>()
    }
}

/// A stretch of places.
pub(crate) type Stretch = (Bound<Place>, Bound<Place>);

impl OrderedKey {
    fn new(partition: AttributeValue, sort: Sort) -> Self {
        Self { hash: hash_of(&partition), partition, sort }
    }

    fn size_bytes(&self) -> usize {
        let sort = if let Sort::At(value) = &self.sort { value.size_bytes() } else { 0 };
        self.partition.size_bytes() + sort
    }

    /// The key of an item; `None` if it has not all of it, or of another type.
    pub(crate) fn of(schema: &KeySchema, item: &Item) -> Option<Self> {
        let part = |attribute: &crate::schema::KeyAttribute| {
            item.get(&attribute.name).filter(|value| value.kind() == attribute.kind.attribute_type()).cloned()
        };
        let partition = part(&schema.hash)?;
        let sort = match &schema.range {
            None => Sort::None,
            Some(attribute) => Sort::At(part(attribute)?),
        };
        Some(Self::new(partition, sort))
    }

    /// The place in a table.
    pub(crate) fn place(self) -> Place {
        Place { key: self, tie: Tie::Min }
    }

    /// The place in an index of the item with this key in the table.
    pub(crate) fn place_of(self, primary: OrderedKey) -> Place {
        Place { key: self, tie: Tie::At(primary) }
    }
}

fn hash_of(partition: &AttributeValue) -> u64 {
    let text = match partition {
        AttributeValue::S(text) => return high(HashKey::of_partition_key(text)),
        AttributeValue::B(bytes) => STANDARD.encode_to_string(bytes),
        AttributeValue::N(number) => number.to_string(),
        _ => String::new(),
    };
    high(HashKey::of_partition_key(&text))
}

fn high(hash: HashKey) -> u64 {
    (hash.0 >> 64) as u64
}

/// The items of a partition whose sort keys are like that.
pub(crate) fn of_partition(partition: &AttributeValue, sort: Option<&SortCondition>) -> Stretch {
    let at = |sort: Sort, tie: Tie| Place { key: OrderedKey::new(partition.clone(), sort), tie };
    let first = Bound::Included(at(Sort::None, Tie::Min));
    let last = Bound::Excluded(at(Sort::Max, Tie::Max));
    let before = |value: &AttributeValue| at(Sort::At(value.clone()), Tie::Min);
    let after = |value: &AttributeValue| at(Sort::At(value.clone()), Tie::Max);
    match sort {
        None => (first, last),
        Some(SortCondition::Equal(value)) => (Bound::Included(before(value)), Bound::Excluded(after(value))),
        Some(SortCondition::Less(value)) => (first, Bound::Excluded(before(value))),
        Some(SortCondition::LessOrEqual(value)) => (first, Bound::Excluded(after(value))),
        Some(SortCondition::Greater(value)) => (Bound::Excluded(after(value)), last),
        Some(SortCondition::GreaterOrEqual(value)) => (Bound::Included(before(value)), last),
        Some(SortCondition::Between(low, high)) => {
            (Bound::Included(before(low)), Bound::Excluded(after(high)))
        }
        Some(SortCondition::BeginsWith(prefix)) => {
            let end = match successor(prefix) {
                Some(next) => Bound::Excluded(before(&next)),
                None => last,
            };
            (Bound::Included(before(prefix)), end)
        }
    }
}

/// One of so many segments of everything.
pub(crate) fn of_segment(segment: u32, of: u32) -> Stretch {
    let (segment, of) = (u128::from(segment), u128::from(of.max(1)));
    let start = |segment: u128| {
        // Rounded up, so that every hash is in exactly one.
        let hash = (segment << 64).div_ceil(of);
        u64::try_from(hash).ok().map(|hash| Place {
            key: OrderedKey { hash, partition: AttributeValue::S(String::new()), sort: Sort::None },
            tie: Tie::Min,
        })
    };
    let bound =
        |place: Option<Place>, bound: fn(Place) -> Bound<Place>| place.map_or(Bound::Unbounded, bound);
    (bound(start(segment), Bound::Included), bound(start(segment + 1), Bound::Excluded))
}

/// True if the place is in the stretch.
pub(crate) fn is_in(place: &Place, stretch: &Stretch) -> bool {
    std::ops::RangeBounds::contains(stretch, place)
}

/// True if no place can be in the stretch, which a map must not be asked for.
pub(crate) fn is_empty(stretch: &Stretch) -> bool {
    match stretch {
        (Bound::Included(low), Bound::Excluded(high)) | (Bound::Excluded(low), Bound::Excluded(high)) => {
            low >= high
        }
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high)) => low > high,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

/// The least text, or bytes, after all that begin with this; `None` if there is none.
fn successor(prefix: &AttributeValue) -> Option<AttributeValue> {
    match prefix {
        AttributeValue::S(text) => {
            let mut chars: Vec<char> = text.chars().collect();
            while let Some(last) = chars.pop() {
                let next = match last {
                    '\u{D7FF}' => Some('\u{E000}'),
                    other => char::from_u32(other as u32 + 1),
                };
                if let Some(next) = next {
                    chars.push(next);
                    return Some(AttributeValue::S(chars.into_iter().collect()));
                }
            }
            None
        }
        AttributeValue::B(bytes) => {
            let mut bytes = bytes.to_vec();
            while let Some(last) = bytes.pop() {
                if let Some(next) = last.checked_add(1) {
                    bytes.push(next);
                    return Some(AttributeValue::B(Bytes::from(bytes)));
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn place(sort: &str) -> Place {
        OrderedKey::new(text("p"), Sort::At(text(sort))).place()
    }

    #[test]
    fn conditions_on_sort_keys_are_stretches() {
        use SortCondition::*;
        let check = |condition: SortCondition, wanted: &str| {
            let stretch = of_partition(&text("p"), Some(&condition));
            let found: String = ["a", "b", "bb", "c", "\u{10FFFF}"]
                .iter()
                .filter(|sort| is_in(&place(sort), &stretch))
                .fold(String::new(), |all, sort| {
                    if all.is_empty() { (*sort).to_owned() } else { format!("{all} {sort}") }
                });
            assert_eq!(found, wanted, "{condition:?}");
        };
        check(Equal(text("b")), "b");
        check(Less(text("b")), "a");
        check(LessOrEqual(text("b")), "a b");
        check(Greater(text("b")), "bb c \u{10FFFF}");
        check(GreaterOrEqual(text("b")), "b bb c \u{10FFFF}");
        check(Between(text("b"), text("c")), "b bb c");
        check(BeginsWith(text("b")), "b bb");
        check(BeginsWith(text("\u{10FFFF}")), "\u{10FFFF}");
        check(BeginsWith(text("")), "a b bb c \u{10FFFF}");
    }

    #[test]
    fn an_index_stretch_holds_all_ties() {
        let stretch = of_partition(&text("p"), Some(&SortCondition::Equal(text("b"))));
        for primary in ["", "x", "\u{10FFFF}"] {
            let primary = OrderedKey::new(text(primary), Sort::None);
            let key = OrderedKey::new(text("p"), Sort::At(text("b")));
            assert!(is_in(&key.place_of(primary), &stretch));
        }
        let stretch = of_partition(&text("p"), Some(&SortCondition::Greater(text("b"))));
        let key = OrderedKey::new(text("p"), Sort::At(text("b")));
        assert!(!is_in(&key.place_of(OrderedKey::new(text("x"), Sort::None)), &stretch));
    }

    #[test]
    fn every_key_is_in_exactly_one_segment() {
        for of in [1, 2, 3, 7, 1_000_000] {
            for partition in ["", "a", "shardId-000000000000", "ü"] {
                let place = OrderedKey::new(text(partition), Sort::None).place();
                let near = (u128::from(place.key.hash) * u128::from(of)) >> 64;
                let near = near as u32;
                let around = near.saturating_sub(1)..=(near + 1).min(of - 1);
                assert_eq!(
                    around.filter(|at| is_in(&place, &of_segment(*at, of))).count(),
                    1,
                    "{of} {partition}"
                );
            }
        }
        let edge =
            |hash| Place { key: OrderedKey { hash, partition: text(""), sort: Sort::None }, tie: Tie::Min };
        assert!(is_in(&edge(0), &of_segment(0, 3)));
        assert!(is_in(&edge(u64::MAX), &of_segment(2, 3)));
        assert!(!is_in(&edge(u64::MAX), &of_segment(1, 3)));
    }

    #[test]
    fn the_text_after_a_prefix() {
        let check = |prefix: &str, next: Option<&str>| {
            assert_eq!(successor(&text(prefix)), next.map(text), "{prefix:?}");
        };
        check("a", Some("b"));
        check("a\u{D7FF}", Some("a\u{E000}"));
        check("a\u{10FFFF}", Some("b"));
        check("\u{10FFFF}", None);
        check("", None);
        let bytes = |bytes: &[u8]| AttributeValue::B(Bytes::copy_from_slice(bytes));
        assert_eq!(successor(&bytes(&[1, 255])), Some(bytes(&[2])));
        assert_eq!(successor(&bytes(&[255])), None);
    }
}
