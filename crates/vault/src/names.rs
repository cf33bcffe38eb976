//! Names of keys, as AWS KMS gives them.

use std::fmt;

use headwater_host::Random;
use headwater_types::{Arn, Region};
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The alias of the key that is meant by whoever leaves the choice to the service.
pub const DEFAULT_ALIAS: &str = "alias/aws/kinesis";

/// A key's GUID, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// Reads `1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |(i, byte): (usize, u8)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        };
        (text.len() == 36 && text.bytes().enumerate().all(fits)).then(|| Self(text.into()))
    }

    /// A new one (version 4 of RFC 9562).
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self::of_bytes(bytes, 4)
    }

    /// The one that always belongs to this secret and tells nothing of it (version 8 of RFC 9562).
    pub fn of_secret(secret: &Secret) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"headwater master key id 1");
        hash.update(secret.bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finish().as_ref()).for_each(|(place, byte)| *place = *byte);
        Self::of_bytes(bytes, 8)
    }

    fn of_bytes(mut bytes: [u8; 16], version: u8) -> Self {
        bytes[6] = bytes[6] & 0x0f | version << 4;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
            }
        }
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Another name of a key: `alias/` and 1 to 250 of `[a-zA-Z0-9/_-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(Box<str>);

impl Alias {
    /// Checks the alias.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("alias/")?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
        ((1..=250).contains(&name.len()) && name.bytes().all(fits)).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key as callers name it: by GUID, by alias, or by the ARN of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRef {
    /// The key itself.
    Id(KeyId),
    /// Whichever key has the alias.
    Alias(Alias),
}

impl KeyRef {
    /// Reads what a caller wrote. The ARN of another region names no key of this server.
    pub fn parse(text: &str, region: Region) -> Option<Self> {
        let name = if text.starts_with("arn:") {
            let arn = Arn::parse(text)?;
            if arn.service != "kms" || arn.region != region.as_str() || arn.account_id().is_none() {
                return None;
            }
            match arn.resource_of("key") {
                Some(id) => return KeyId::parse(id).map(Self::Id),
                None if arn.resource.starts_with("alias/") => arn.resource,
                None => return None,
            }
        } else {
            text
        };
        KeyId::parse(name).map(Self::Id).or_else(|| Alias::parse(name).map(Self::Alias))
    }
}
