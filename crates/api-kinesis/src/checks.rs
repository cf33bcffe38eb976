//! Constraints of members: the edge's collector, and the rules of Kinesis's names, ARNs and numbers.

pub(crate) use headwater_edge::{Checks, any_text, flag};

use headwater_edge::TextRule;
use headwater_types::{Arn, ConsumerArn, Region};

/// Names of streams and ids of shards.
pub(crate) const NAME: TextRule = TextRule::matching(
    "[a-zA-Z0-9_.-]+",
    |text| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    },
    1..=128,
);

/// The id of a stream, as DescribeStreamSummary gives it here and as AWS gives it.
pub(crate) const STREAM_ID: TextRule = TextRule::matching(
    "[a-z0-9]{20}-[a-z0-9]{3}",
    |text| {
        let plain = |part: &str, len| {
            part.len() == len && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        plain(text, 24)
            || text.split_once('-').is_some_and(|(stream, rest)| plain(stream, 20) && plain(rest, 3))
    },
    1..=24,
);

/// ARNs of streams.
pub(crate) const STREAM_ARN: TextRule = TextRule::matching(
    r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
    |text| resource_arn(text, &["stream/"]),
    1..=2048,
);

/// ARNs of consumers.
pub(crate) const CONSUMER_ARN: TextRule = TextRule::matching(
    r"arn:aws.*:kinesis:.*:\d{12}:.*stream/[a-zA-Z0-9_.-]+/consumer/[a-zA-Z0-9_.-]+:[0-9]+",
    |text| resource_arn(text, &["stream/"]) && consumer_arn(text),
    1..=2048,
);

/// ARNs of anything that has tags.
pub(crate) const RESOURCE_ARN: TextRule = TextRule::matching(
    r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+",
    |text| resource_arn(text, &["stream/", "channel/", "queue/"]),
    1..=2048,
);

/// Sequence numbers.
pub(crate) const SEQUENCE_NUMBER: TextRule =
    TextRule::matching(r"0|([1-9]\d{0,128})", |text| plain_number(text, 129), 0..=usize::MAX);

/// Hash keys.
pub(crate) const HASH_KEY: TextRule =
    TextRule::matching(r"0|([1-9]\d{0,38})", |text| plain_number(text, 39), 0..=usize::MAX);

fn plain_number(text: &str, digits_max: usize) -> bool {
    text == "0"
        || (!text.starts_with('0') && text.len() <= digits_max && !text.is_empty() && all_digits(text))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// In whatever region: whether it is the request's is told apart from this.
fn consumer_arn(text: &str) -> bool {
    let here = |arn: Arn<'_>| ConsumerArn::of_arn(&Arn { region: Region::US_EAST_1.as_str(), ..arn });
    Arn::parse(text).and_then(here).is_some()
}

fn resource_arn(text: &str, kinds: &[&str]) -> bool {
    let Some(arn) = Arn::parse(text) else { return false };
    let named = |kind: &&str| {
        arn.resource.find(*kind).is_some_and(|at| {
            let name = &arn.resource[at + kind.len()..];
            name.chars().next().is_some_and(|first| !first.is_whitespace())
        })
    };
    arn.service == "kinesis" && arn.account_id().is_some() && kinds.iter().any(named)
}
