//! Limits that are enforced.

use super::Limit;
use crate::Region;

/// A value for each limit, or none where it is not enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitPolicy {
    /// In the order of [`Limit::ALL`].
    values: [Option<u64>; Limit::ALL.len()],
}

impl LimitPolicy {
    /// Nothing is enforced: the hardware decides.
    pub const OFF: Self = Self { values: [None; Limit::ALL.len()] };

    /// Everything that AWS enforces in a region.
    pub fn aws(region: Region) -> Self {
        Self { values: std::array::from_fn(|i| Some(Limit::ALL[i].aws(region))) }
    }

    /// The value that is enforced, in the limit's unit.
    pub fn get(&self, limit: Limit) -> Option<u64> {
        self.values[limit as usize]
    }

    /// The same policy with another value for one limit.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: Option<u64>) -> Self {
        self.values[limit as usize] = value;
        self
    }

    /// Number of limits that differ from those of another policy.
    pub fn differences(&self, other: &Self) -> usize {
        self.values.iter().zip(&other.values).filter(|(a, b)| a != b).count()
    }
}

/// The policies of all regions. AWS's values differ between the large regions and the others, and between no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionalPolicy {
    large: LimitPolicy,
    elsewhere: LimitPolicy,
}

impl RegionalPolicy {
    /// The policies that `of` makes for a region.
    pub fn new(of: impl Fn(Region) -> LimitPolicy) -> Self {
        Self { large: of(Region::US_EAST_1), elsewhere: of(Region::US_EAST_2) }
    }

    /// The policy of a region.
    pub fn of(&self, region: Region) -> &LimitPolicy {
        if region.is_large() { &self.large } else { &self.elsewhere }
    }
}

impl From<LimitPolicy> for RegionalPolicy {
    /// The same everywhere.
    fn from(policy: LimitPolicy) -> Self {
        Self { large: policy, elsewhere: policy }
    }
}
