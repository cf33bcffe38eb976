//! Names of streams, and whose they are.

use std::fmt;

use crate::{Arn, Region};

/// A stream's name: 1 to 128 of `[a-zA-Z0-9_.-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StreamName(Box<str>);

/// Longest name of a stream, a shard or a consumer in characters (model).
const NAME_LEN_MAX: usize = 128;

/// True if the text can name a stream or a consumer.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(fits)
}

impl StreamName {
    /// Checks the name.
    pub fn new(name: &str) -> Option<Self> {
        is_name(name).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A 12-digit AWS account number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// Checks that the text is twelve digits.
    pub fn new(text: &str) -> Option<Self> {
        let digits: [u8; 12] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account in a region: names are unique within one, and quotas are of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl Realm {
    /// As stored keys and tokens have it: the account alone in the directory's home region, in which all were before there
    /// were others, and `ACCOUNT@REGION` elsewhere.
    pub fn stored(&self, home: Region) -> String {
        let Self { account, region } = self;
        if *region == home { account.to_string() } else { format!("{account}@{region}") }
    }

    /// Reads what [`Realm::stored`] wrote.
    pub fn of_stored(text: &str, home: Region) -> Option<Self> {
        let (account, region) = match text.split_once('@') {
            None => (text, home),
            Some((account, region)) => (account, Region::new(region).filter(|region| *region != home)?),
        };
        Some(Self { account: AccountId::new(account)?, region })
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.account, self.region)
    }
}

/// Identity of a stream, whoever asks: its owner, its region and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The account that owns it, and the region that it is in.
    pub realm: Realm,
    /// Its name.
    pub name: StreamName,
}

impl StreamKey {
    /// The stream that an ARN names; `None` if it names something else.
    pub fn of_arn(arn: &Arn<'_>) -> Option<Self> {
        let name = StreamName::new(arn.resource_of("stream")?)?;
        (arn.service == "kinesis").then_some(Self { realm: arn.realm()?, name })
    }

    /// The ARN: `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
    pub fn arn(&self) -> String {
        Arn::of("kinesis", &self.realm, &format!("stream/{}", self.name)).to_string()
    }
}

impl fmt::Display for StreamKey {
    /// As AWS names a stream in its messages: `stream NAME under account ACCOUNT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {} under account {}", self.name, self.realm.account)
    }
}
