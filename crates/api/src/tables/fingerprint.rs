//! Digest of a transaction's content, which is the same in whatever order its members were sent.
//!
//! # Format
//! The first half of the MD5 of a canonical form: each value behind a tag and its length, maps by name, sets in order,
//! numbers as they are kept. Lists keep their order: they are content. It is stored beside the token for ten minutes, so
//! another form than this one gets a version of its own.

use std::collections::BTreeMap;

use headwater_types::HashKey;
use headwater_wire::shape::{Blob, Text};

use super::values::{Attributes, Wire};

/// The version of the form.
const FORM: &[u8] = b"headwater transaction 1";

/// The canonical form, as far as it was written.
#[derive(Debug)]
pub(super) struct Fingerprint(Vec<u8>);

impl Fingerprint {
    pub(super) fn new() -> Self {
        Self(FORM.to_vec())
    }

    /// Adds a member, or that it is not there.
    pub(super) fn text(&mut self, text: &Option<Text<'_>>) {
        match text {
            None => self.bytes(b'-', &[]),
            Some(text) => self.bytes(b't', text.as_bytes()),
        }
    }

    /// Adds names by name.
    pub(super) fn names<'a>(&mut self, names: impl Iterator<Item = (&'a str, &'a str)>) {
        // Of a name that is there twice the last counts, as it does for the request.
        let sorted: BTreeMap<&str, &str> = names.collect();
        self.count(b'm', sorted.len());
        for (name, meant) in sorted {
            self.bytes(b'k', name.as_bytes());
            self.bytes(b't', meant.as_bytes());
        }
    }

    /// Adds values by name, or that there are none.
    pub(super) fn attributes(&mut self, attributes: Option<&Attributes<'_>>) {
        let Some(attributes) = attributes else { return self.bytes(b'-', &[]) };
        let sorted: BTreeMap<&str, &Wire<'_>> = attributes.pairs().collect();
        self.count(b'm', sorted.len());
        for (name, value) in sorted {
            self.bytes(b'k', name.as_bytes());
            self.value(value);
        }
    }

    /// Recurses as deep as values were read.
    fn value(&mut self, value: &Wire<'_>) {
        match value {
            // None of these three is a value: the request is refused.
            Wire::Empty => self.bytes(b'e', &[]),
            Wire::Several => self.bytes(b's', &[]),
            Wire::TooDeep => self.bytes(b'd', &[]),
            Wire::S(text) => self.bytes(b'S', text.as_bytes()),
            Wire::N(text) => self.bytes(b'N', number(text).as_bytes()),
            Wire::B(blob) => self.bytes(b'B', &decoded(blob)),
            Wire::Bool(is) => self.bytes(b'o', &[u8::from(*is)]),
            Wire::Null(is) => self.bytes(b'n', &[u8::from(*is)]),
            Wire::L(values) => {
                self.count(b'L', values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Wire::M(attributes) => self.attributes(Some(attributes)),
            Wire::Ss(texts) => self.set(b'x', texts.iter().map(|text| text.as_bytes().to_vec())),
            Wire::Ns(texts) => self.set(b'y', texts.iter().map(|text| number(text).into_bytes())),
            Wire::Bs(blobs) => self.set(b'z', blobs.iter().map(decoded)),
        }
    }

    fn set(&mut self, tag: u8, members: impl Iterator<Item = Vec<u8>>) {
        let mut members: Vec<_> = members.collect();
        members.sort_unstable();
        self.count(tag, members.len());
        members.iter().for_each(|member| self.bytes(b'.', member));
    }

    pub(super) fn count(&mut self, tag: u8, len: usize) {
        self.0.push(tag);
        self.0.extend_from_slice(&(len as u64).to_be_bytes());
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.count(tag, bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// The digest.
    pub(super) fn digest(&self) -> u64 {
        digest(&self.0)
    }
}

/// The first half of the MD5 of bytes.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    (HashKey::of_bytes(bytes).0 >> 64) as u64
}

/// A number as it is kept; a text that is none as it is, since the request is refused anyway.
fn number(text: &str) -> String {
    text.parse::<headwater_tables::value::Number>().map_or_else(|_| text.to_owned(), |n| n.to_string())
}

/// Bytes as they are kept; of base64 that is none whatever could be read, since the request is refused anyway.
fn decoded(blob: &Blob<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(blob.len());
    let _ = blob.append_to(&mut bytes);
    bytes
}
