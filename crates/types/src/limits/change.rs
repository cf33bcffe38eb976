//! A change of the policy as a person writes it: `NAME=VALUE`.
//!
//! # Format
//! `NAME` is a limit's name, or [`CONTROL_PLANE`] for the call rates of the whole control plane. `VALUE` is a whole
//! number in the limit's unit, `off`, or `aws`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::{Limit, LimitPolicy};
use crate::Region;

/// The name that stands for every call rate of the control plane.
const CONTROL_PLANE: &str = "control-plane";

/// One change of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitChange {
    subject: Subject,
    value: LimitValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    One(Limit),
    ControlPlane,
}

/// New value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitValue {
    /// Not enforced.
    Off,
    /// AWS's value in the region.
    Aws,
    /// This one, in the limit's unit.
    To(u64),
}

/// Why a text is no change: one line that names the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitChangeError {
    /// There is no `=`.
    #[error(
        "'{0}' changes no limit; write NAME=VALUE, such as shard-write-records=5000 or control-plane=off"
    )]
    Form(String),
    /// No limit has this name.
    #[error("there is no limit '{name}'; {mend}")]
    Name {
        /// As given.
        name: String,
        /// The nearest names, or all.
        mend: String,
    },
    /// The limit cannot have this value.
    #[error("{name} cannot be '{value}': it is a whole number from {min} to {max}, 'off' or 'aws'")]
    Value {
        /// The limit.
        name: &'static str,
        /// As given.
        value: String,
        /// The least it can be.
        min: u64,
        /// The most.
        max: u64,
    },
}

impl LimitChange {
    /// A change from its two halves.
    pub fn new(name: &str, value: &str) -> Result<Self, LimitChangeError> {
        let subject = Subject::from_name(name)
            .ok_or_else(|| LimitChangeError::Name { name: name.to_owned(), mend: suggest(name) })?;
        let (min, max) = subject.limits().fold((0, u64::MAX), |(min, max), limit| {
            (min.max(*limit.range().start()), max.min(*limit.range().end()))
        });
        let value = match value {
            "off" => LimitValue::Off,
            "aws" => LimitValue::Aws,
            text => {
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let number = text.parse().ok().filter(|number| digits && (min..=max).contains(number));
                let wrong = || {
                    let (name, value) = (subject.name(), text.to_owned());
                    LimitChangeError::Value { name, value, min, max }
                };
                LimitValue::To(number.ok_or_else(wrong)?)
            }
        };
        Ok(Self { subject, value })
    }

    /// The changes of one place, made on a policy for a region. What is said of a single limit counts more than what
    /// is said of a group, in whatever order they stand; of two alike the later one counts.
    pub fn apply_all(changes: &[Self], policy: LimitPolicy, region: Region) -> LimitPolicy {
        let (groups, single): (Vec<&Self>, Vec<_>) =
            changes.iter().partition(|change| change.subject == Subject::ControlPlane);
        let mut policy = policy;
        for change in groups.into_iter().chain(single) {
            for limit in change.subject.limits() {
                let value = match change.value {
                    LimitValue::Off => None,
                    LimitValue::Aws => Some(limit.aws(region)),
                    LimitValue::To(value) => Some(value),
                };
                policy = policy.with(limit, value);
            }
        }
        policy
    }
}

impl FromStr for LimitChange {
    type Err = LimitChangeError;

    fn from_str(text: &str) -> Result<Self, LimitChangeError> {
        let (name, value) = text.split_once('=').ok_or_else(|| LimitChangeError::Form(text.to_owned()))?;
        Self::new(name.trim(), value.trim())
    }
}

impl Display for LimitChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.subject.name())?;
        match self.value {
            LimitValue::Off => f.write_str("off"),
            LimitValue::Aws => f.write_str("aws"),
            LimitValue::To(value) => value.fmt(f),
        }
    }
}

impl Subject {
    fn from_name(name: &str) -> Option<Self> {
        if name == CONTROL_PLANE { Some(Self::ControlPlane) } else { Limit::from_name(name).map(Self::One) }
    }

    fn name(self) -> &'static str {
        match self {
            Self::One(limit) => limit.name(),
            Self::ControlPlane => CONTROL_PLANE,
        }
    }

    fn limits(self) -> impl Iterator<Item = Limit> {
        Limit::ALL.iter().copied().filter(move |&limit| match self {
            Self::One(one) => limit == one,
            Self::ControlPlane => limit.is_control_plane(),
        })
    }
}

/// The names that are nearest to a wrong one, or all of them where none is near.
fn suggest(wrong: &str) -> String {
    let names = || std::iter::once(CONTROL_PLANE).chain(Limit::ALL.iter().map(|limit| limit.name()));
    // A long name was not mistyped; it is not measured either.
    let near = |name: &&str| {
        wrong.len() <= 64 && (distance(wrong, name) <= 3 || (wrong.len() >= 4 && name.contains(wrong)))
    };
    let near: Vec<_> = names().filter(near).collect();
    if near.is_empty() {
        format!("the limits are {}", names().collect::<Vec<_>>().join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    }
}

/// Letters to insert, remove or replace to make one text the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
