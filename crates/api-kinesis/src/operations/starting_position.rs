//! Position at which reading begins, as GetShardIterator and SubscribeToShard take it.

use headwater_streams::StartingPosition;
use headwater_wire::shape::Time;

use crate::error::{KinesisError, Result};

/// In the order in which AWS lists them.
pub(super) const POSITION_TYPES: [&str; 5] =
    ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

/// The position of this kind, which is one of [`POSITION_TYPES`], with the members that belong to it and no other.
pub(super) fn starting_position(
    kind: &str,
    number: Option<&str>,
    timestamp: Option<Time>,
) -> Result<StartingPosition> {
    let wrong = |ending: &str| {
        KinesisError::invalid_argument(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {ending} \
             StartingSequenceNumber."
        ))
    };
    match (kind, number) {
        ("AT_SEQUENCE_NUMBER", Some(number)) => Ok(StartingPosition::AtSequenceNumber(number.to_owned())),
        ("AFTER_SEQUENCE_NUMBER", Some(number)) => {
            Ok(StartingPosition::AfterSequenceNumber(number.to_owned()))
        }
        ("AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER", None) => Err(wrong("no")),
        (_, Some(_)) => Err(wrong("also a")),
        ("LATEST", None) => Ok(StartingPosition::Latest),
        ("AT_TIMESTAMP", None) => match timestamp {
            Some(Time(time)) => Ok(StartingPosition::AtTimestamp(time)),
            None => Err(KinesisError::invalid_argument(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                 timestamp parameter.",
            )),
        },
        (_, None) => Ok(StartingPosition::TrimHorizon),
    }
}
