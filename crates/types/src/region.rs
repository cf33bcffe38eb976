//! Regions, partitions, and the regions that a server serves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name of a region in bytes. AWS's longest has 15.
const REGION_BYTES_MAX: usize = 24;

/// A region's name: 1 to 24 of `[a-z0-9-]`. It is a plain value: naming a region that nobody uses costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// Zeros behind the name, so that bytes are ordered as names are.
    bytes: [u8; REGION_BYTES_MAX],
}

impl Region {
    /// The region of a server that has no opinion.
    pub const US_EAST_1: Self = Self { bytes: *b"us-east-1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" };

    /// A region in which AWS's quotas are the smaller ones.
    pub(crate) const US_EAST_2: Self = Self { bytes: *b"us-east-2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" };

    /// Checks the name.
    pub fn new(name: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=REGION_BYTES_MAX).contains(&name.len()) || !name.bytes().all(fits) {
            return None;
        }
        let mut bytes = [0; REGION_BYTES_MAX];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self { bytes })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let len = self.bytes.iter().position(|b| *b == 0).unwrap_or(REGION_BYTES_MAX);
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.bytes[..len]).unwrap_or_default()
    }

    /// True for names of the form that AWS's have: `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`.
    pub fn has_aws_form(&self) -> bool {
        let letters = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        let Some((first, rest)) = self.as_str().split_once('-') else { return false };
        let Some((middle, last)) = rest.rsplit_once('-') else { return false };
        letters(first)
            && (2..=4).contains(&first.len())
            && middle.split('-').all(letters)
            && (1..=2).contains(&last.len())
            && last.bytes().all(|b| b.is_ascii_digit())
    }

    /// The partition that the region is in.
    pub fn partition(&self) -> Partition {
        match self.as_str() {
            name if name.starts_with("cn-") => Partition::China,
            name if name.starts_with("us-gov-") => Partition::UsGov,
            _ => Partition::Aws,
        }
    }

    /// True for the three regions in which AWS's quotas are the larger ones (quotas: us-east-1, us-west-2, eu-west-1).
    pub fn is_large(&self) -> bool {
        matches!(self.as_str(), "us-east-1" | "us-west-2" | "eu-west-1")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({self})")
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("not a region"))
    }
}

/// A group of regions with ARNs and accounts of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// China.
    China,
    /// GovCloud.
    UsGov,
}

impl Partition {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Aws, Self::China, Self::UsGov];

    /// As ARNs have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word that serves every region of AWS's form.
const ANY: &str = "any";
/// Regions that can be listed.
const LISTED_MAX: usize = 64;

/// The regions that a server serves: one, several, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    first: Region,
    others: Vec<Region>,
    any: bool,
}

/// Why a text names no regions: one line that names the mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.mend())]
pub struct RegionsError;

impl RegionsError {
    /// The mend.
    pub fn mend(self) -> &'static str {
        "name one region, up to 64 with commas between them, or 'any'; a region is 1 to 24 of a-z, 0-9 and '-', such as \
         us-east-1"
    }
}

impl Regions {
    /// The region of what names none, and of a directory that belongs to none yet: the first of the list, `us-east-1` for
    /// `any` alone.
    pub fn first(&self) -> Region {
        self.first
    }

    /// The region, if there is only one.
    pub fn only(&self) -> Option<Region> {
        (!self.any && self.others.is_empty()).then_some(self.first)
    }

    /// The region of this name, if it is served.
    pub fn find(&self, name: &str) -> Option<Region> {
        Region::new(name).filter(|region| self.serves(*region))
    }

    /// True if the region is served.
    pub fn serves(&self, region: Region) -> bool {
        region == self.first || self.others.contains(&region) || (self.any && region.has_aws_form())
    }
}

impl From<Region> for Regions {
    fn from(only: Region) -> Self {
        Self { first: only, others: Vec::new(), any: false }
    }
}

impl FromStr for Regions {
    type Err = RegionsError;

    /// Reads `us-east-1`, `us-east-1,eu-west-1`, `any`, or `eu-west-1,any`.
    fn from_str(text: &str) -> Result<Self, RegionsError> {
        let (mut listed, mut any) = (Vec::new(), false);
        for name in text.split(',').map(str::trim) {
            if name == ANY {
                any = true;
                continue;
            }
            let region = Region::new(name).ok_or(RegionsError)?;
            if !listed.contains(&region) {
                listed.push(region);
            }
        }
        if listed.len() > LISTED_MAX {
            return Err(RegionsError);
        }
        let mut listed = listed.into_iter();
        let first = listed.next().or(any.then_some(Region::US_EAST_1)).ok_or(RegionsError)?;
        Ok(Self { first, others: listed.collect(), any })
    }
}

impl fmt::Display for Regions {
    /// As in the setting, with blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any && self.others.is_empty() && self.first == Region::US_EAST_1 {
            return f.write_str(ANY);
        }
        write!(f, "{}", self.first)?;
        for region in &self.others {
            write!(f, ", {region}")?;
        }
        if self.any { write!(f, ", {ANY}") } else { Ok(()) }
    }
}
