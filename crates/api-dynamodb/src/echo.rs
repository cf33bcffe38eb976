//! Values of requests in texts of errors, as AWS prints them: the `toString` of its Java classes.
//!
//! A text shows a kilobyte of a value (`checks`). So lists and maps are cut before that, inside their brackets.

use std::fmt::{self, Display, Write};

use headwater_wire::shape::{Map, Text};

use super::values::{Attributes, Wire};

/// Longest text of a list, and of a map, which may be one of lists, in bytes.
const LIST_BYTES_MAX: usize = 600;
const MAP_BYTES_MAX: usize = 960;

/// A text that takes so many bytes and no more.
struct Bounded {
    text: String,
    max: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.max.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
        self.text.push_str("...");
        Err(fmt::Error)
    }
}

/// Writes as much of these as there is room for, with commas between them.
fn joined(f: &mut fmt::Formatter<'_>, max: usize, parts: impl Iterator<Item: Display>) -> fmt::Result {
    let mut bounded = Bounded { text: String::new(), max };
    for (at, part) in parts.enumerate() {
        if write!(bounded, "{}{part}", if at > 0 { ", " } else { "" }).is_err() {
            break;
        }
    }
    f.write_str(&bounded.text)
}

/// `[a, b]`.
pub(super) struct Listed<'l, T>(pub(super) &'l [T]);

impl<T: Display> Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        joined(f, LIST_BYTES_MAX, self.0.iter())?;
        f.write_char(']')
    }
}

/// Shows the value, or `null`.
pub(super) struct OrNull<'o, T>(pub(super) &'o Option<T>);

impl<T: Display> Display for OrNull<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// `{a=x, b=y}`.
pub(super) fn mapped<'m>(
    f: &mut fmt::Formatter<'_>,
    pairs: impl Iterator<Item = (&'m str, &'m dyn Display)>,
) -> fmt::Result {
    struct Pair<'m>(&'m str, &'m dyn Display);
    impl Display for Pair<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}={}", self.0, self.1)
        }
    }
    f.write_char('{')?;
    joined(f, MAP_BYTES_MAX, pairs.map(|(name, value)| Pair(name, value)))?;
    f.write_char('}')
}

/// Texts by name.
pub(super) struct Names<'n, 'a>(pub(super) &'n Map<'a, Text<'a>>);

impl Display for Names<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mapped(f, self.0.iter().map(|(name, meant)| (name.as_str(), meant as &dyn Display)))
    }
}

impl Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mapped(f, self.pairs().map(|(name, value)| (name, value as &dyn Display)))
    }
}

/// The members of a value that AWS's class has, in its order.
const MEMBERS: [&str; 16] = [
    "s",
    "n",
    "b",
    "iNT",
    "dECIMAL",
    "dOUBLE",
    "sS",
    "nS",
    "bS",
    "iNTSET",
    "dECIMALSET",
    "dOUBLESET",
    "m",
    "l",
    "nULL",
    "bOOL",
];

impl Display for Wire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.name().map(str::to_ascii_lowercase);
        f.write_str("AttributeValue(")?;
        for (at, member) in MEMBERS.into_iter().enumerate() {
            write!(f, "{}{member}=", if at > 0 { ", " } else { "" })?;
            if set.as_deref() == Some(member.to_ascii_lowercase().as_str()) {
                self.fmt_inside(f)?;
            } else {
                f.write_str("null")?;
            }
        }
        f.write_char(')')
    }
}

impl Wire<'_> {
    fn fmt_inside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty | Self::Several | Self::TooDeep => f.write_str("null"),
            Self::S(text) | Self::N(text) => text.fmt(f),
            Self::B(blob) => Buffer(blob.len()).fmt(f),
            Self::Bool(is) | Self::Null(is) => is.fmt(f),
            Self::L(values) => Listed(values).fmt(f),
            Self::M(attributes) => attributes.fmt(f),
            Self::Ss(texts) | Self::Ns(texts) => Listed(texts).fmt(f),
            Self::Bs(blobs) => {
                f.write_char('[')?;
                joined(f, LIST_BYTES_MAX, blobs.iter().map(|blob| Buffer(blob.len())))?;
                f.write_char(']')
            }
        }
    }
}

/// So many bytes.
struct Buffer(usize);

impl Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", self.0)
    }
}

#[cfg(test)]
mod tests {
    use headwater_wire::Codec;

    use super::*;

    #[test]
    fn values_are_printed_as_java_prints_them() {
        let item: Attributes<'_> =
            Codec::Json10.decode(br#"{"a":{"S":"x"},"b":{"M":{"c":{"NS":["1","2"]}}}}"#).expect("an item");
        let printed = item.to_string();
        let text = "{a=AttributeValue(s=x, n=null, b=null, iNT=null, dECIMAL=null, dOUBLE=null, sS=null, nS=null, \
                    bS=null, iNTSET=null, dECIMALSET=null, dOUBLESET=null, m=null, l=null, nULL=null, bOOL=null), b=";
        assert!(printed.starts_with(text), "{printed}");
        assert!(printed.contains("m={c=AttributeValue(s=null"), "{printed}");
        assert!(printed.contains("nS=[1, 2]"), "{printed}");
        assert_eq!(Listed::<String>(&[]).to_string(), "[]");
        let long = Listed(&["x".repeat(400), "y".repeat(400)]).to_string();
        assert!(long.starts_with("[xxx") && long.ends_with("yyy...]"), "{long}");
        assert_eq!(long.len(), LIST_BYTES_MAX + "[...]".len());
        assert_eq!(OrNull::<String>(&None).to_string(), "null");
    }
}
