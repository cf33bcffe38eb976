//! ListMetrics.

use headwater_monitoring::{Metric, MetricFilter};
use headwater_types::Realm;
use headwater_wire::Codec;
use headwater_wire::shape::{List, Text};
use serde::Serialize;

use crate::CloudWatch;
use crate::error::{CloudWatchError, Result};
use crate::members::{Dimension, decode_token, encode_token, name, required};

headwater_wire::shape! {
    struct Input<'a> {
        namespace: Text<'a> = "Namespace",
        metric_name: Text<'a> = "MetricName",
        dimensions: List<Dimension<'a>> = "Dimensions",
        next_token: Text<'a> = "NextToken",
        recently_active: Text<'a> = "RecentlyActive",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    metrics: Vec<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed<'a> {
    namespace: &'a str,
    metric_name: &'a str,
    dimensions: Vec<Pair<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pair<'a> {
    name: &'a str,
    value: &'a str,
}

/// Metrics in one answer (API).
const METRICS_MAX: usize = 500;
/// Dimensions to filter by (model).
const FILTERS_MAX: usize = 10;
/// Period that `PT3H` stands for.
const RECENTLY_MS: u64 = 3 * 3600 * 1000;

pub(crate) fn run(service: &CloudWatch, realm: Realm, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let filter = filter(&input)?;
    // Unlike GetMetricData it has no error of its own for that (model).
    let invalid = |_| CloudWatchError::value("The value for parameter NextToken is invalid.");
    let after = decode_token::<1>(&input.next_token).map_err(invalid)?.map_or(0, |[after]| after);
    let (found, next) = service.monitoring.list(realm, &filter, after, METRICS_MAX);
    let next_token = next.map(|next| encode_token(&[next]));
    Ok(codec.encode(&Output { metrics: found.iter().map(Listed::from).collect(), next_token }))
}

fn filter(input: &Input<'_>) -> Result<MetricFilter> {
    let optional = |path: &str, text: &Option<Text<'_>>| {
        text.is_some().then(|| name(path, text).map(str::to_owned)).transpose()
    };
    let dimensions: &[Dimension<'_>] = input.dimensions.as_deref().unwrap_or_default();
    if dimensions.len() > FILTERS_MAX {
        let message = format!("The collection Dimensions must not have a size greater than {FILTERS_MAX}.");
        return Err(CloudWatchError::value(message));
    }
    let dimension = |(i, dimension): (usize, &Dimension<'_>)| {
        let at = |member: &str| format!("Dimensions.member.{}.{member}", i + 1);
        let value = &dimension.value;
        let value =
            value.is_some().then(|| required(&at("Value"), value, 1024).map(str::to_owned)).transpose()?;
        Ok((name(&at("Name"), &dimension.name)?.to_owned(), value))
    };
    let written_within_ms = match input.recently_active.as_deref() {
        None => None,
        Some("PT3H") => Some(RECENTLY_MS),
        Some(_) => return Err(CloudWatchError::value("The parameter RecentlyActive must be PT3H.")),
    };
    Ok(MetricFilter {
        namespace: optional("Namespace", &input.namespace)?,
        name: optional("MetricName", &input.metric_name)?,
        dimensions: dimensions.iter().enumerate().map(dimension).collect::<Result<_>>()?,
        written_within_ms,
    })
}

impl<'a> From<&'a Metric> for Listed<'a> {
    fn from(metric: &'a Metric) -> Self {
        Self {
            namespace: metric.namespace(),
            metric_name: metric.name(),
            dimensions: metric.dimensions().map(|(name, value)| Pair { name, value }).collect(),
        }
    }
}
