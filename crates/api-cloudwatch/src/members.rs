//! Members that several operations have, and what they must be.

use headwater_monitoring::{Metric, Statistic, Unit};
use headwater_types::Timestamp;
use headwater_wire::shape::{Int, List, Text, Time};

use crate::error::{CloudWatchError, Result};

/// Dimensions of a metric (model).
const DIMENSIONS_MAX: usize = 30;
/// Characters of a name (model).
const NAME_CHARS_MAX: usize = 255;
/// Characters of a dimension's value (model).
const VALUE_CHARS_MAX: usize = 1024;

headwater_wire::shape! {
    pub(crate) struct Dimension<'a> {
        name: Text<'a> = "Name",
        value: Text<'a> = "Value",
    }
}

/// A text that must be there.
pub(crate) fn required<'t>(path: &str, text: &'t Option<Text<'_>>, chars_max: usize) -> Result<&'t str> {
    let text = text.as_deref().ok_or_else(|| CloudWatchError::missing(path))?;
    let fits = text.len() <= chars_max || text.chars().count() <= chars_max;
    if !fits || text.trim().is_empty() || text.starts_with(':') {
        let shown = &text[..text.floor_char_boundary(256)];
        return Err(CloudWatchError::value(format!("The value {shown} for parameter {path} is invalid.")));
    }
    Ok(text)
}

/// A name that must be there.
pub(crate) fn name<'t>(path: &str, text: &'t Option<Text<'_>>) -> Result<&'t str> {
    required(path, text, NAME_CHARS_MAX)
}

/// A metric's dimensions. `path` is where they are.
pub(crate) fn metric(
    namespace: &str,
    metric_name: &str,
    path: &str,
    dimensions: &Option<List<Dimension<'_>>>,
) -> Result<Metric> {
    let dimensions: &[Dimension<'_>] = dimensions.as_deref().unwrap_or_default();
    if dimensions.len() > DIMENSIONS_MAX {
        let message = format!("The collection {path} must not have a size greater than {DIMENSIONS_MAX}.");
        return Err(CloudWatchError::value(message));
    }
    let mut pairs = Vec::with_capacity(dimensions.len());
    for (i, dimension) in dimensions.iter().enumerate() {
        let at = |member: &str| format!("{path}.member.{}.{member}", i + 1);
        let name = name(&at("Name"), &dimension.name)?;
        if pairs.iter().any(|(earlier, _)| *earlier == name) {
            return Err(CloudWatchError::value(format!(
                "The dimension {name} is given more than once in {path}."
            )));
        }
        pairs.push((name, required(&at("Value"), &dimension.value, VALUE_CHARS_MAX)?));
    }
    Ok(Metric::new(namespace, metric_name, pairs))
}

pub(crate) fn unit(path: &str, text: &Option<Text<'_>>) -> Result<Option<Unit>> {
    let Some(text) = text.as_deref() else { return Ok(None) };
    let unknown = || {
        let shown = &text[..text.floor_char_boundary(64)];
        CloudWatchError::value(format!(
            "The parameter {path} must be a value in the set of units, and is {shown}."
        ))
    };
    Unit::from_name(text).map(Some).ok_or_else(unknown)
}

/// A statistic by its name.
pub(crate) fn statistic(path: &str, text: &str) -> Result<Statistic> {
    Statistic::from_name(text).ok_or_else(|| unsupported(path, text))
}

/// The refusal of a statistic that is not kept.
pub(crate) fn unsupported(path: &str, text: &str) -> CloudWatchError {
    let shown = &text[..text.floor_char_boundary(64)];
    CloudWatchError::value(format!(
        "The value {shown} for parameter {path} is not supported: this server keeps SampleCount, Sum, Minimum and \
         Maximum, of which only these and Average can be told, and no percentiles or trimmed statistics."
    ))
}

/// A period in seconds.
pub(crate) fn period(path: &str, period: Option<Int>) -> Result<u32> {
    let Int(period) = period.ok_or_else(|| CloudWatchError::missing(path))?;
    match u32::try_from(period) {
        Ok(short @ (1 | 5 | 10 | 20 | 30)) => Ok(short),
        Ok(long) if long > 0 && long.is_multiple_of(60) => Ok(long),
        _ => Err(CloudWatchError::value(format!(
            "The parameter {path} must be 1, 5, 10, 20, 30 or a multiple of 60."
        ))),
    }
}

/// Two times in their order.
pub(crate) fn span(start: Option<Time>, end: Option<Time>) -> Result<(Timestamp, Timestamp)> {
    let Time(start) = start.ok_or_else(|| CloudWatchError::missing("StartTime"))?;
    let Time(end) = end.ok_or_else(|| CloudWatchError::missing("EndTime"))?;
    if start >= end {
        let message = "The parameter StartTime must be less than the parameter EndTime.";
        return Err(CloudWatchError::value(message));
    }
    Ok((start, end))
}

/// A token of a list, as it is sent.
pub(crate) fn encode_token(numbers: &[u64]) -> String {
    let text: Vec<String> = numbers.iter().map(u64::to_string).collect();
    base64_simd::STANDARD.encode_to_string(text.join("."))
}

/// The numbers of a token that was sent back.
pub(crate) fn decode_token<const N: usize>(token: &Option<Text<'_>>) -> Result<Option<[u64; N]>> {
    let Some(token) = token.as_deref() else { return Ok(None) };
    let bytes =
        base64_simd::STANDARD.decode_to_vec(token.as_bytes()).map_err(|_| CloudWatchError::token())?;
    let text = String::from_utf8(bytes).map_err(|_| CloudWatchError::token())?;
    let numbers: Option<Vec<u64>> = text.split('.').map(|number| number.parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[u64; N]>::try_from(numbers).ok());
    numbers.map(Some).ok_or_else(CloudWatchError::token)
}
