//! ListMetrics.

use headwater_monitoring::{Metric, MetricFilter};
use headwater_types::{AccountId, Realm};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, List, Text};
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
        include_linked_accounts: Bool = "IncludeLinkedAccounts",
        owning_account: Text<'a> = "OwningAccount",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    metrics: Vec<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    /// One for each metric.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owning_accounts: Vec<String>,
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
    let (found, next) = match is_owner(&input, realm.account)? {
        true => service.monitoring.list(realm, &filter, after, METRICS_MAX),
        false => (Vec::new(), None),
    };
    let with_owners = input.include_linked_accounts.is_some_and(|Bool(linked)| linked);
    Ok(codec.encode(&Output {
        metrics: found.iter().map(Listed::from).collect(),
        next_token: next.map(|next| encode_token(&[next])),
        owning_accounts: found.iter().filter(|_| with_owners).map(|_| realm.account.to_string()).collect(),
    }))
}

/// True if metrics of this account are asked for. No account is linked with another.
fn is_owner(input: &Input<'_>, account: AccountId) -> Result<bool> {
    let Some(text) = input.owning_account.as_deref() else { return Ok(true) };
    required("OwningAccount", &input.owning_account, 255)?;
    Ok(text == account.to_string())
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
