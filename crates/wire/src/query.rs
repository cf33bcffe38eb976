//! The AWS query protocol, as far as requests go: form parameters as members of a structure.
//!
//! # Constraints
//! Everything is untrusted: the number of parameters is bounded, and what they take in memory is in proportion to the
//! body. Nothing recurses by what the body says: depth is that of the shape which is read.
//!
//! # Format
//! `MetricData.member.1.Dimensions.member.2.Name=host&...`: a dot leads into a structure, `member.N` into a list,
//! whose items are in the order of their numbers; `N` alone does the same. `entry.N.key` and `entry.N.value`, or `N.Name`
//! and `N.Value`, are an entry of a map. An empty value is an empty text, list, map or structure. Of a parameter given
//! twice the last counts.
//!
//! # Algorithm
//! Parameters are sorted by their paths, numbers by value. A member, an item, a structure is then a run of neighbours
//! with the same beginning, and reading needs nothing but slices.

use std::borrow::Cow;
use std::cmp::Ordering;

use headwater_types::Timestamp;
use percent_encoding::percent_decode_str;
use serde::de::{self, Deserialize, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

use crate::DecodeError::{self, Malformed, Type};
use crate::cbor::TIME;
use crate::date::parse_iso8601;
use crate::shape::{MAP, NUMBER};

/// Parameters of one request: some 300 for each of a thousand metrics, and as much again.
const PARAMETERS_MAX: usize = 600_000;

type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// All parameters, decoded, in the order in which they were given.
fn parameters(body: &[u8]) -> Result<Vec<Parameter<'_>>, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed)?;
    let mut parameters = Vec::new();
    for pair in text.trim_ascii().split('&').filter(|pair| !pair.is_empty()) {
        if parameters.len() == PARAMETERS_MAX {
            return Err(Malformed);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((unescaped(name)?, unescaped(value)?));
    }
    Ok(parameters)
}

/// The first value of a parameter of a form, without decoding the others; none if there is none or it is no text.
pub fn parameter<'a>(form: &'a [u8], wanted: &str) -> Option<Cow<'a, str>> {
    let pairs = form.split(|&byte| byte == b'&');
    let value = pairs.filter_map(|pair| pair.strip_prefix(wanted.as_bytes())?.strip_prefix(b"=")).next()?;
    unescaped(std::str::from_utf8(value).ok()?).ok()
}

fn unescaped(text: &str) -> Result<Cow<'_, str>, DecodeError> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(|_| Malformed);
    }
    let spaced = text.replace('+', " ");
    Ok(Cow::Owned(percent_decode_str(&spaced).decode_utf8().map_err(|_| Malformed)?.into_owned()))
}

pub(crate) fn decode<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, DecodeError> {
    let mut parameters = parameters(body)?;
    parameters.sort_by(|(a, _), (b, _)| by_path(a, b));
    T::deserialize(Node { parameters: &parameters, at: 0 })
}

fn by_path(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (Some(a), Some(b)) => match (number(a), number(b)) {
                (Some(x), Some(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
                _ => a.cmp(b),
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn number(segment: &str) -> Option<u32> {
    segment.bytes().all(|byte| byte.is_ascii_digit()).then(|| segment.parse().ok()).flatten()
}

/// Parameters whose names begin in the same way, up to `at`.
#[derive(Clone, Copy)]
struct Node<'p, 'de> {
    parameters: &'p [Parameter<'de>],
    /// Beginning of the rest of the name; beyond the end of names that have none.
    at: usize,
}

impl<'p, 'de> Node<'p, 'de> {
    /// The first segment of the rest of a name.
    fn segment(&self, parameter: &'p Parameter<'de>) -> Option<&'p str> {
        parameter.0.get(self.at..).map(|rest| rest.split('.').next().unwrap_or_default())
    }

    /// Without the parameters that end here, which come first: a value beside members means nothing.
    fn inner(self) -> Self {
        let ends = self.parameters.iter().take_while(|(name, _)| name.len() < self.at).count();
        Self { parameters: self.parameters.get(ends..).unwrap_or_default(), at: self.at }
    }

    /// Splits off the parameters with the same first segment.
    fn next_child(&mut self) -> Option<(&'p str, Self)> {
        let segment = self.segment(self.parameters.first()?)?;
        let same = self.parameters.iter().take_while(|parameter| self.segment(parameter) == Some(segment));
        let (of_child, rest) = self.parameters.split_at(same.count());
        self.parameters = rest;
        Some((segment, Self { parameters: of_child, at: self.at + segment.len() + 1 }))
    }

    /// The items, if this is a list; the entries, if it is a map and `within` says so.
    fn items(self, within: &str) -> Option<Self> {
        let mut rest = self.inner();
        let first = rest.segment(rest.parameters.first()?)?;
        if number(first).is_some() {
            return Some(rest);
        }
        if first != within {
            return None;
        }
        let (_, items) = rest.next_child()?;
        let items = items.inner();
        number(items.segment(items.parameters.first()?)?).map(|_| items)
    }

    /// The value, if nothing is inside.
    fn value(&self) -> Option<&'p Cow<'de, str>> {
        let (name, value) = self.parameters.last()?;
        (name.len() < self.at).then_some(value)
    }
}

fn not_a(what: &str, text: &str) -> DecodeError {
    let shown = &text[..text.floor_char_boundary(256)];
    Type(format!("'{shown}' is not {what}"))
}

impl<'de> de::Deserializer<'de> for Node<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value() {
            Some(value) if value.is_empty() => visitor.visit_unit(),
            Some(Cow::Borrowed(value)) => visitor.visit_borrowed_str(value),
            Some(Cow::Owned(value)) => visitor.visit_str(value),
            None => match self.items("member") {
                Some(items) => visitor.visit_seq(Items(items)),
                None => visitor.visit_map(Members { rest: self.inner(), value: None }),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let text = match self.value() {
            Some(value) if name == MAP && value.is_empty() => {
                return visitor.visit_map(Entries { rest: None, value: None });
            }
            Some(value) => value.trim_ascii(),
            None if name == MAP => {
                let rest = Some(self.items("entry").ok_or(Malformed)?);
                return visitor.visit_map(Entries { rest, value: None });
            }
            None => return visitor.visit_newtype_struct(self),
        };
        match name {
            NUMBER => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) => visitor.visit_i64(number),
                (Err(_), Ok(number)) => visitor.visit_f64(number),
                (Err(_), Err(_)) => Err(not_a("a number", text)),
            },
            TIME => {
                let time = parse_iso8601(text).ok_or_else(|| not_a("a time", text))?;
                visitor.visit_f64(Timestamp::as_millis(time) as f64 / 1000.0)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

struct Items<'p, 'de>(Node<'p, 'de>);

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        match self.0.next_child() {
            Some((segment, item)) if number(segment).is_some() => seed.deserialize(item).map(Some),
            Some(_) => Err(Malformed),
            None => Ok(None),
        }
    }
}

struct Entries<'p, 'de> {
    rest: Option<Node<'p, 'de>>,
    value: Option<Node<'p, 'de>>,
}

impl<'de> de::MapAccess<'de> for Entries<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((segment, entry)) = self.rest.as_mut().and_then(Node::next_child) else { return Ok(None) };
        let mut members = entry.inner();
        let mut key = None;
        while let Some((name, member)) = members.next_child() {
            match name {
                "key" | "Name" => key = Some(member),
                "value" | "Value" => self.value = Some(member),
                _ => {}
            }
        }
        match key.filter(|_| number(segment).is_some()) {
            Some(key) => seed.deserialize(key).map(Some),
            None => Err(Malformed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        seed.deserialize(self.value.take().ok_or(Malformed)?)
    }
}

struct Members<'p, 'de> {
    rest: Node<'p, 'de>,
    value: Option<Node<'p, 'de>>,
}

impl<'de> de::MapAccess<'de> for Members<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((name, value)) = self.rest.next_child() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(de::value::StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        seed.deserialize(self.value.take().ok_or(Malformed)?)
    }
}
