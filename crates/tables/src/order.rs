//! In which order items stand, and which stretch of it a Query or a Scan wants.
//!
//! # Constraints
//! The order outlives a restart, because clients hold keys after which they go on. Partitions stand by the MD5 of their
//! key, so that segments of a Scan, which are ranges of it, are about equal; within one the sort keys are in order.

use std::borrow::Cow;
use std::ops::Bound;

use base64_simd::STANDARD;
use bytes::Bytes;
use headwater_types::HashKey;

use crate::expression::{KeyCondition, SortCondition};
use crate::limits::PLACE_BYTES;
use crate::schema::{KeyAttribute, KeySchema};
use crate::value::{AttributeValue, Item};

/// The key of a table or of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderedKey {
    hash: u64,
    partition: Partition,
    sort: Sort,
}

/// The value of a partition key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Partition {
    One(AttributeValue),
    /// Of several attributes, in their order.
    Many(Vec<AttributeValue>),
}

/// The value of a sort key. All keys of one index are of the same variant; the others bound stretches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    None,
    At(AttributeValue),
    /// Of several attributes. A list with fewer values stands before all that begin with these.
    Many(Vec<Part>),
    /// After all that there are.
    Max,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    At(AttributeValue),
    /// After all that there are.
    Max,
}

/// Position of an item: in an index several have the same key.
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
    /// Memory that it takes, roughly, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let keys = [Some(&self.key), if let Tie::At(key) = &self.tie { Some(key) } else { None }];
        PLACE_BYTES + keys.into_iter().flatten().map(OrderedKey::size_bytes).sum::<usize>()
    }
}

/// Memory of the place of an item in a table, roughly, in bytes, as [`Place::memory_bytes`] has it.
pub(crate) fn place_bytes(table: &KeySchema, item: &Item) -> usize {
    PLACE_BYTES + key_bytes(table, item)
}

/// Memory of the place of an item in an index with this key, roughly, in bytes. The item has both keys.
pub(crate) fn index_place_bytes(index: &KeySchema, table: &KeySchema, item: &Item) -> usize {
    place_bytes(index, item) + key_bytes(table, item)
}

fn key_bytes(schema: &KeySchema, item: &Item) -> usize {
    schema
        .attributes()
        .filter_map(|attribute| item.get(&attribute.name))
        .map(AttributeValue::size_bytes)
        .sum()
}

/// A stretch of places.
pub(crate) type Stretch = (Bound<Place>, Bound<Place>);

impl OrderedKey {
    fn new(partition: Partition, sort: Sort) -> Self {
        Self { hash: partition.hash(), partition, sort }
    }

    fn size_bytes(&self) -> usize {
        let sort = match &self.sort {
            Sort::At(value) => value.size_bytes(),
            Sort::Many(parts) => parts.iter().map(Part::size_bytes).sum(),
            Sort::None | Sort::Max => 0,
        };
        self.partition.values().iter().map(AttributeValue::size_bytes).sum::<usize>() + sort
    }

    /// The key of an item; `None` if it has not all of it, or of another type.
    pub(crate) fn of(schema: &KeySchema, item: &Item) -> Option<Self> {
        let part = |attribute: &KeyAttribute| {
            item.get(&attribute.name).filter(|value| value.kind() == attribute.kind.attribute_type()).cloned()
        };
        let partition = Partition::of(schema.hash_attributes().map(part).collect::<Option<Vec<_>>>()?)?;
        let mut sort = schema.range_attributes();
        let sort = match (sort.next(), sort.next()) {
            (None, _) => Sort::None,
            (Some(attribute), None) => Sort::At(part(attribute)?),
            (Some(_), Some(_)) => Sort::Many(
                schema
                    .range_attributes()
                    .map(|attribute| part(attribute).map(Part::At))
                    .collect::<Option<_>>()?,
            ),
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

impl Partition {
    /// `None` if there are no values.
    fn of(values: Vec<AttributeValue>) -> Option<Self> {
        match <[AttributeValue; 1]>::try_from(values) {
            Ok([value]) => Some(Self::One(value)),
            Err(values) => (!values.is_empty()).then_some(Self::Many(values)),
        }
    }

    fn values(&self) -> &[AttributeValue] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    fn hash(&self) -> u64 {
        match self {
            Self::One(value) => high(HashKey::of_partition_key(&text_of(value))),
            Self::Many(values) => {
                // With their lengths, so that no two lists of values make the same text.
                let texts = values.iter().map(text_of);
                let text: String = texts.map(|text| format!("{}:{text}", text.len())).collect();
                high(HashKey::of_partition_key(&text))
            }
        }
    }
}

impl Part {
    fn size_bytes(&self) -> usize {
        match self {
            Self::At(value) => value.size_bytes(),
            Self::Max => 0,
        }
    }
}

fn text_of(value: &AttributeValue) -> Cow<'_, str> {
    match value {
        AttributeValue::S(text) => Cow::Borrowed(text),
        AttributeValue::B(bytes) => Cow::Owned(STANDARD.encode_to_string(bytes)),
        AttributeValue::N(number) => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(""),
    }
}

fn high(hash: HashKey) -> u64 {
    (hash.0 >> 64) as u64
}

/// The items of a partition whose sort keys are as the condition wants them.
pub(crate) fn of_condition(schema: &KeySchema, condition: &KeyCondition) -> Stretch {
    let Some(partition) = Partition::of(condition.partition.clone()) else {
        return (Bound::Unbounded, Bound::Unbounded);
    };
    let at = |sort: Sort, tie: Tie| Place { key: OrderedKey::new(partition.clone(), sort), tie };
    if schema.range_attributes().nth(1).is_none() {
        let first = at(Sort::None, Tie::Min);
        let last = at(Sort::Max, Tie::Max);
        let before = |value: &AttributeValue| at(Sort::At(value.clone()), Tie::Min);
        let after = |value: &AttributeValue| at(Sort::At(value.clone()), Tie::Max);
        return between(first, last, before, after, condition.sort.as_ref());
    }
    let many = |parts: &[Part], tie: Tie| {
        let leading = condition.leading.iter().cloned().map(Part::At);
        at(Sort::Many(leading.chain(parts.iter().cloned()).collect()), tie)
    };
    let first = many(&[], Tie::Min);
    let last = many(&[Part::Max], Tie::Max);
    let before = |value: &AttributeValue| many(&[Part::At(value.clone())], Tie::Min);
    // After every key that goes on from here, too.
    let after = |value: &AttributeValue| many(&[Part::At(value.clone()), Part::Max], Tie::Max);
    between(first, last, before, after, condition.sort.as_ref())
}

/// The items of a partition of a table, or of one of its local indexes.
pub(crate) fn of_partition(partition: &AttributeValue) -> Stretch {
    let at =
        |sort: Sort, tie: Tie| Place { key: OrderedKey::new(Partition::One(partition.clone()), sort), tie };
    (Bound::Included(at(Sort::None, Tie::Min)), Bound::Excluded(at(Sort::Max, Tie::Max)))
}

/// From `first` to `last`, and of that what the condition wants; `before` and `after` are the places around the keys with
/// a value.
fn between(
    first: Place,
    last: Place,
    before: impl Fn(&AttributeValue) -> Place,
    after: impl Fn(&AttributeValue) -> Place,
    sort: Option<&SortCondition>,
) -> Stretch {
    let (first, last) = (Bound::Included(first), Bound::Excluded(last));
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
            key: OrderedKey {
                hash,
                partition: Partition::One(AttributeValue::S(String::new())),
                sort: Sort::None,
            },
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
    use crate::schema::KeyType;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn key(partition: &str, sort: Sort) -> OrderedKey {
        OrderedKey::new(Partition::One(text(partition)), sort)
    }

    fn place(sort: &str) -> Place {
        key("p", Sort::At(text(sort))).place()
    }

    /// A key of so many attributes: `h0`..., `r0`...
    fn schema(hashes: usize, ranges: usize) -> KeySchema {
        let named = |prefix: &'static str, count: usize| {
            (0..count).map(move |at| KeyAttribute { name: format!("{prefix}{at}"), kind: KeyType::S })
        };
        KeySchema::of_attributes(named("h", hashes), named("r", ranges)).expect("a partition key")
    }

    fn condition(leading: &[&str], sort: Option<SortCondition>) -> KeyCondition {
        let leading = leading.iter().map(|value| text(value)).collect();
        KeyCondition { partition: vec![text("p")], leading, sort }
    }

    #[test]
    fn conditions_on_sort_keys_are_stretches() {
        use SortCondition::*;
        let check = |condition: SortCondition, wanted: &str| {
            let stretch = of_condition(&schema(1, 1), &super::tests::condition(&[], Some(condition.clone())));
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
        let stretch = of_condition(&schema(1, 1), &condition(&[], Some(SortCondition::Equal(text("b")))));
        for primary in ["", "x", "\u{10FFFF}"] {
            let primary = key(primary, Sort::None);
            let entry = key("p", Sort::At(text("b")));
            assert!(is_in(&entry.place_of(primary), &stretch));
        }
        let stretch = of_condition(&schema(1, 1), &condition(&[], Some(SortCondition::Greater(text("b")))));
        let entry = key("p", Sort::At(text("b")));
        assert!(!is_in(&entry.place_of(key("x", Sort::None)), &stretch));
    }

    #[test]
    fn a_composite_sort_key_is_searched_from_the_left() {
        use SortCondition::*;
        let schema = schema(1, 3);
        let item = |key: &str| -> Item {
            let sort =
                key.chars().enumerate().map(|(at, value)| (format!("r{at}"), text(&value.to_string())));
            sort.chain([("h0".to_owned(), text("p"))]).collect()
        };
        let check = |leading: &[&str], sort: Option<SortCondition>, wanted: &str| {
            let stretch = of_condition(&schema, &condition(leading, sort.clone()));
            let keys = ["aaa", "aab", "aba", "abc", "baa", "bbb"];
            let primary = key("x", Sort::None);
            let place =
                |key: &str| OrderedKey::of(&schema, &item(key)).map(|key| key.place_of(primary.clone()));
            let found: Vec<&str> =
                keys.into_iter().filter(|key| is_in(&place(key).expect("a key"), &stretch)).collect();
            assert_eq!(found.join(" "), wanted, "{leading:?} {sort:?}");
        };
        check(&[], None, "aaa aab aba abc baa bbb");
        check(&[], Some(Equal(text("a"))), "aaa aab aba abc");
        check(&[], Some(Greater(text("a"))), "baa bbb");
        check(&[], Some(Less(text("b"))), "aaa aab aba abc");
        check(&[], Some(LessOrEqual(text("a"))), "aaa aab aba abc");
        check(&["a"], None, "aaa aab aba abc");
        check(&["a"], Some(GreaterOrEqual(text("b"))), "aba abc");
        check(&["a"], Some(BeginsWith(text("b"))), "aba abc");
        check(&["a", "b"], Some(Between(text("b"), text("c"))), "abc");
        check(&["b", "b"], Some(Equal(text("b"))), "bbb");
        check(&["c"], None, "");
        assert!(OrderedKey::of(&schema, &item("ab")).is_none(), "an item without all of it has no key");
    }

    #[test]
    fn a_composite_partition_is_all_of_its_values() {
        let schema = schema(2, 0);
        let of = |one: &str, two: &str| {
            let item = Item::from([("h0".to_owned(), text(one)), ("h1".to_owned(), text(two))]);
            OrderedKey::of(&schema, &item).expect("a key")
        };
        let wanted = KeyCondition { partition: vec![text("a"), text("bc")], leading: Vec::new(), sort: None };
        let stretch = of_condition(&schema, &wanted);
        assert!(is_in(&of("a", "bc").place_of(key("x", Sort::None)), &stretch));
        assert!(!is_in(&of("ab", "c").place_of(key("x", Sort::None)), &stretch));
        assert_ne!(of("a", "bc").hash, of("ab", "c").hash);
        assert_ne!(of("a", "1:b").hash, of("a1", "b").hash);
    }

    #[test]
    fn every_key_is_in_exactly_one_segment() {
        for of in [1, 2, 3, 7, 1_000_000] {
            for partition in ["", "a", "shardId-000000000000", "ü"] {
                let place = key(partition, Sort::None).place();
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
        let edge = |hash| Place {
            key: OrderedKey { hash, partition: Partition::One(text("")), sort: Sort::None },
            tie: Tie::Min,
        };
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
