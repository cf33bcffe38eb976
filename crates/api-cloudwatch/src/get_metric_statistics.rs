//! GetMetricStatistics.

use headwater_monitoring::{Statistic, StatisticSet, Unit, Window};
use headwater_types::{Realm, Timestamp};
use headwater_wire::Codec;
use headwater_wire::shape::{Int, List, Text, Time};
use serde::Serialize;

use crate::CloudWatch;
use crate::error::{CloudWatchError, Result};
use crate::members::{Dimension, metric, name, period, span, statistic, unit, unsupported};

headwater_wire::shape! {
    struct Input<'a> {
        namespace: Text<'a> = "Namespace",
        metric_name: Text<'a> = "MetricName",
        dimensions: List<Dimension<'a>> = "Dimensions",
        start_time: Time = "StartTime",
        end_time: Time = "EndTime",
        period: Int = "Period",
        statistics: List<Text<'a>> = "Statistics",
        extended_statistics: List<Text<'a>> = "ExtendedStatistics",
        unit: Text<'a> = "Unit",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    label: &'a str,
    datapoints: Vec<Datapoint>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_count: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<f64>,
    unit: &'static str,
}

/// Periods that may be asked for (API).
const DATAPOINTS_MAX: u64 = 1440;

pub(crate) fn run(service: &CloudWatch, realm: Realm, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let namespace = name("Namespace", &input.namespace)?;
    let label = name("MetricName", &input.metric_name)?;
    let metric = metric(namespace, label, "Dimensions", &input.dimensions)?;
    let period = period("Period", input.period)?;
    let (start, end) = span(input.start_time, input.end_time)?;
    let window = Window::new(start, end, period);
    let unit = unit("Unit", &input.unit)?;
    if let Some(extended) = input.extended_statistics.iter().flat_map(|list| list.iter()).next() {
        return Err(unsupported("ExtendedStatistics.member.1", extended));
    }
    let names: &[Text<'_>] = input.statistics.as_deref().unwrap_or_default();
    let at = |i: usize| format!("Statistics.member.{}", i + 1);
    let wanted: Vec<Statistic> =
        names.iter().enumerate().map(|(i, name)| statistic(&at(i), name)).collect::<Result<_>>()?;
    if wanted.is_empty() {
        return Err(CloudWatchError::combination(
            "At least one of Statistics and ExtendedStatistics must be given.",
        ));
    }
    if window.periods() > DATAPOINTS_MAX {
        return Err(CloudWatchError::combination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range.",
            window.periods()
        )));
    }
    let found = service.monitoring.statistics(realm, &metric, unit, window);
    let points = found.iter().flat_map(|(unit, points)| points.iter().map(|point| (*unit, point)));
    let datapoints = points.map(|(unit, (at, set))| datapoint(*at, set, unit, &wanted)).collect();
    Ok(codec.encode(&Output { label, datapoints }))
}

fn datapoint(at: Timestamp, set: &StatisticSet, unit: Unit, wanted: &[Statistic]) -> Datapoint {
    let value = |statistic| wanted.contains(&statistic).then(|| set.get(statistic));
    Datapoint {
        timestamp: Time(at),
        sample_count: value(Statistic::SampleCount),
        average: value(Statistic::Average),
        sum: value(Statistic::Sum),
        minimum: value(Statistic::Minimum),
        maximum: value(Statistic::Maximum),
        unit: unit.name(),
    }
}
