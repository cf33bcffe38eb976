//! GetMetricData, for single metrics: expressions are refused.

use std::collections::{BTreeMap, BTreeSet};

use headwater_monitoring::{Metric, Statistic, StatisticSet, Unit, Window};
use headwater_types::{AccountId, Realm, Timestamp};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Int, List, Text, Time};
use serde::Serialize;

use crate::CloudWatch;
use crate::error::{CloudWatchError, Result};
use crate::label::{Facts, TimeZone, is_excessive, rendered};
use crate::members::{Dimension, decode_token, encode_token, metric, name, period, span, statistic, unit};

headwater_wire::shape! {
    struct Input<'a> {
        metric_data_queries: List<Query<'a>> = "MetricDataQueries",
        start_time: Time = "StartTime",
        end_time: Time = "EndTime",
        next_token: Text<'a> = "NextToken",
        scan_by: Text<'a> = "ScanBy",
        max_datapoints: Int = "MaxDatapoints",
        label_options: LabelOptions<'a> = "LabelOptions",
    }
}

headwater_wire::shape! {
    struct LabelOptions<'a> {
        timezone: Text<'a> = "Timezone",
    }
}

headwater_wire::shape! {
    struct Query<'a> {
        id: Text<'a> = "Id",
        metric_stat: MetricStat<'a> = "MetricStat",
        expression: Text<'a> = "Expression",
        label: Text<'a> = "Label",
        return_data: Bool = "ReturnData",
        account_id: Text<'a> = "AccountId",
    }
}

headwater_wire::shape! {
    struct MetricStat<'a> {
        metric: MetricShape<'a> = "Metric",
        period: Int = "Period",
        stat: Text<'a> = "Stat",
        unit: Text<'a> = "Unit",
    }
}

headwater_wire::shape! {
    struct MetricShape<'a> {
        namespace: Text<'a> = "Namespace",
        metric_name: Text<'a> = "MetricName",
        dimensions: List<Dimension<'a>> = "Dimensions",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    metric_data_results: Vec<Series>,
    messages: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    label: String,
    timestamps: Vec<Time>,
    values: Vec<f64>,
    status_code: &'static str,
}

/// Queries in one call (API).
const QUERIES_MAX: usize = 500;
/// Datapoints in one answer (API).
const DATAPOINTS_MAX: i32 = 100_800;

/// A query that is known to be right.
struct Wanted {
    id: String,
    /// As it was asked for, dynamic values and all.
    label: String,
    metric: Metric,
    window: Window,
    period_s: u32,
    statistic: Statistic,
    unit: Option<Unit>,
    returned: bool,
}

pub(crate) fn run(service: &CloudWatch, realm: Realm, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let queries: &[Query<'_>] = input.metric_data_queries.as_deref().unwrap_or_default();
    if queries.is_empty() {
        return Err(CloudWatchError::missing("MetricDataQueries"));
    }
    if queries.len() > QUERIES_MAX {
        let message =
            format!("The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}.");
        return Err(CloudWatchError::validation(message));
    }
    let span = span(input.start_time, input.end_time)?;
    let ascending = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(_) => {
            let message = "The parameter ScanBy must be TimestampAscending or TimestampDescending.";
            return Err(CloudWatchError::value(message));
        }
    };
    let max = input.max_datapoints.map_or(DATAPOINTS_MAX, |Int(max)| max);
    if !(1..=DATAPOINTS_MAX).contains(&max) {
        return Err(CloudWatchError::value(format!(
            "The parameter MaxDatapoints must be 1 to {DATAPOINTS_MAX}."
        )));
    }
    let zone = input.label_options.as_ref().and_then(|options| options.timezone.as_deref());
    let zone = zone.map_or(Some(TimeZone::default()), TimeZone::parse).ok_or_else(|| {
        CloudWatchError::value(
            "The parameter LabelOptions.Timezone must be + or - and four digits, such as +0130.",
        )
    })?;
    let wanted: Vec<Wanted> = queries
        .iter()
        .enumerate()
        .map(|(i, query)| checked(realm.account, i, query, span))
        .collect::<Result<_>>()?;
    let mut ids = BTreeSet::new();
    if let Some(twice) = wanted.iter().find(|wanted| !ids.insert(wanted.id.as_str())) {
        let message =
            format!("The values for parameter id in MetricDataQueries are not unique: {}.", twice.id);
        return Err(CloudWatchError::validation(message));
    }
    let from = decode_token::<2>(&input.next_token)?;
    Ok(codec.encode(&page((service, realm, zone), &wanted, from, ascending, max as usize)))
}

fn checked(
    served: AccountId,
    index: usize,
    query: &Query<'_>,
    (start, end): (Timestamp, Timestamp),
) -> Result<Wanted> {
    let path = format!("MetricDataQueries.member.{}", index + 1);
    let id = name(&format!("{path}.Id"), &query.id)?;
    let begins_well = id.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins_well || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(CloudWatchError::validation(format!(
            "The value {id} for parameter {path}.Id is not matching the pattern ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    if query.expression.is_some() {
        return Err(CloudWatchError::validation(format!(
            "{path}.Expression is not supported: this server answers MetricStat, and neither metric math nor SEARCH nor \
             Metrics Insights."
        )));
    }
    if query.account_id.as_deref().is_some_and(|account| account != served.as_str()) {
        return Err(CloudWatchError::validation(format!(
            "{path}.AccountId names an account that is not served here."
        )));
    }
    if query.label.as_deref().is_some_and(is_excessive) {
        return Err(CloudWatchError::validation(format!("{path}.Label has more than six dynamic values.")));
    }
    let stat =
        query.metric_stat.as_ref().ok_or_else(|| CloudWatchError::missing(&format!("{path}.MetricStat")))?;
    let path = format!("{path}.MetricStat");
    let shape = stat.metric.as_ref().ok_or_else(|| CloudWatchError::missing(&format!("{path}.Metric")))?;
    let namespace = name(&format!("{path}.Metric.Namespace"), &shape.namespace)?;
    let metric_name = name(&format!("{path}.Metric.MetricName"), &shape.metric_name)?;
    let metric = metric(namespace, metric_name, &format!("{path}.Metric.Dimensions"), &shape.dimensions)?;
    let period = period(&format!("{path}.Period"), stat.period)?;
    let at = format!("{path}.Stat");
    Ok(Wanted {
        id: id.to_owned(),
        label: query.label.as_deref().unwrap_or(metric_name).to_owned(),
        metric,
        window: Window::new(start, end, period),
        period_s: period,
        statistic: statistic(&at, name(&at, &stat.stat)?)?,
        unit: unit(&format!("{path}.Unit"), &stat.unit)?,
        returned: query.return_data.is_none_or(|Bool(returned)| returned),
    })
}

/// Account and region of the metrics, and the time zone of those who read the labels.
type Source<'a> = (&'a CloudWatch, Realm, TimeZone);

/// As many datapoints as fit, from where an earlier page ended: in which query, and after which second.
fn page(
    source: Source<'_>,
    wanted: &[Wanted],
    from: Option<[u64; 2]>,
    ascending: bool,
    max: usize,
) -> Output {
    let [first, after] = from.unwrap_or_default();
    let (mut room, mut results, mut next_token) = (max, Vec::new(), None);
    for (index, query) in wanted.iter().enumerate().filter(|(_, query)| query.returned) {
        let begun = from.is_some() && index as u64 == first;
        if (index as u64) < first {
            continue;
        }
        let mut points = values(source, query);
        let label = label(source, query, &points);
        if !ascending {
            points.reverse();
        }
        if begun {
            points.retain(|(at, _)| if ascending { at.as_secs() > after } else { at.as_secs() < after });
        }
        let complete = points.len() <= room;
        points.truncate(room);
        room -= points.len();
        if !complete {
            // Without room for even one, the next page begins before all of them.
            let before_all = if ascending { 0 } else { u64::MAX };
            let last = points.last().map_or(before_all, |(at, _)| at.as_secs());
            next_token = Some(encode_token(&[index as u64, last]));
        }
        results.push(Series {
            id: query.id.clone(),
            label,
            timestamps: points.iter().map(|(at, _)| Time(*at)).collect(),
            values: points.iter().map(|(_, value)| *value).collect(),
            status_code: if complete { "Complete" } else { "PartialData" },
        });
        if !complete {
            break;
        }
    }
    Output { metric_data_results: results, messages: [], next_token }
}

/// The label of a query whose points, of all pages, are these.
fn label((service, realm, zone): Source<'_>, query: &Wanted, points: &[(Timestamp, f64)]) -> String {
    let facts = Facts {
        metric: &query.metric,
        statistic: query.statistic.name(),
        period_s: query.period_s,
        realm,
        points,
        now: service.monitoring.now(),
        zone,
    };
    rendered(&query.label, &facts)
}

/// The values of a query in the order of time, those of all units together unless one is named.
fn values((service, realm, _): Source<'_>, query: &Wanted) -> Vec<(Timestamp, f64)> {
    let found = service.monitoring.statistics(realm, &query.metric, query.unit, query.window);
    let mut all: BTreeMap<Timestamp, StatisticSet> = BTreeMap::new();
    for (at, set) in found.into_iter().flat_map(|(_, points)| points) {
        all.entry(at).and_modify(|earlier| earlier.merge(&set)).or_insert(set);
    }
    all.into_iter().map(|(at, set)| (at, set.get(query.statistic))).collect()
}
