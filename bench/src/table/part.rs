//! Parts of the table, by the names that `--only` takes.

use std::str::FromStr;

use clap::ValueEnum;

use crate::target::Guard;
use crate::workload::Work;

/// Part that can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Row(Work),
    /// Price of one of the guards.
    Guard(Guard),
    FanOut,
    Sweep,
    Leases,
    Starts,
}

const NAMED: [(&str, Part); 7] = [
    ("credentials", Part::Guard(Guard::Credentials)),
    ("encryption", Part::Guard(Guard::Encryption)),
    ("aws-limits", Part::Guard(Guard::AwsLimits)),
    ("fan-out", Part::FanOut),
    ("sweep", Part::Sweep),
    ("leases", Part::Leases),
    ("starts", Part::Starts),
];

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, part)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*part);
        }
        Work::from_str(text, false).map(Part::Row).map_err(|_| {
            let works = Work::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let mut names: Vec<String> = works.map(|value| value.get_name().to_owned()).collect();
            names.extend(NAMED.iter().map(|(name, _)| (*name).to_owned()));
            format!("there is no {text}; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_other_parts_have_names() {
        assert_eq!("put-record-256".parse(), Ok(Part::Row(Work::PutRecord256)));
        assert_eq!("encryption".parse(), Ok(Part::Guard(Guard::Encryption)));
        let refused = "puts".parse::<Part>().unwrap_err();
        assert!(refused.contains("get-records-cbor") && refused.contains("sweep"), "{refused}");
    }
}
