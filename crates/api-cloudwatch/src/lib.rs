//! Amazon CloudWatch, as far as it is there: metrics in and out.
//!
//! # Format
//! Three protocols for the same operations: the AWS query protocol (a form in, XML out), Smithy RPC v2 CBOR and AWS JSON
//! 1.0. One file an operation holds shapes, validation, run and answer, whatever the protocol; the codec is what
//! differs. The names of errors differ too: the query protocol has its own, which the others repeat in a header.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod error;
mod get_metric_data;
mod get_metric_statistics;
mod label;
mod list_metrics;
mod members;
mod put_metric_data;

use std::sync::Arc;

use headwater_edge::{
    Call, Description, EdgeError, Effect, Fault, Hosted, Operation, Protocol, Running, Service,
};
use headwater_monitoring::MetricStore;
use headwater_types::Realm;
use headwater_types::limits::MIB;
use headwater_wire::Codec;

use error::Result;

pub(crate) const VERSION: &str = "2010-08-01";

static DESCRIPTION: Description = Description {
    title: "CloudWatch's metrics",
    signing_name: "monitoring",
    target_prefix: Some("GraniteServiceVersion20100801."),
    rpc_name: Some("GraniteServiceVersion20100801"),
    api_version: Some(VERSION),
    xml_namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
    protocols: &[Protocol::Query, Protocol::RpcCbor, Protocol::Json10],
    // Quotas: 1 MB. A thousand metrics in a form are about a megabyte.
    body_bytes_max: MIB,
    inflated_bytes_max: 8 * MIB,
    empty_is_object: true,
    ..Description::new("cloudwatch")
};

/// The service.
#[derive(Debug)]
pub struct CloudWatch {
    monitoring: Arc<MetricStore>,
}

/// Decodes, checks, runs, encodes, for an account in a region.
type Run = fn(&CloudWatch, Realm, Codec, &[u8]) -> Result<Vec<u8>>;

/// A row of the table.
#[derive(Debug)]
pub struct CloudWatchOperation {
    name: &'static str,
    effect: Effect,
    run: Run,
}

/// Every operation that is served.
const ALL: &[CloudWatchOperation] = &[
    CloudWatchOperation { name: "GetMetricData", effect: Effect::Reads, run: get_metric_data::run },
    CloudWatchOperation {
        name: "GetMetricStatistics",
        effect: Effect::Reads,
        run: get_metric_statistics::run,
    },
    CloudWatchOperation { name: "ListMetrics", effect: Effect::Reads, run: list_metrics::run },
    CloudWatchOperation { name: "PutMetricData", effect: Effect::Writes, run: put_metric_data::run },
];

impl CloudWatch {
    /// CloudWatch over these metrics.
    pub fn new(monitoring: Arc<MetricStore>) -> Self {
        Self { monitoring }
    }
}

impl Operation<CloudWatch> for CloudWatchOperation {
    fn name(&self) -> &'static str {
        self.name
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    /// Nothing is waited for, so nothing can be cut short.
    fn is_detached(&self) -> bool {
        false
    }

    fn run<'a>(&'static self, service: &'a CloudWatch, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let allowed = call.authorize_account(&format!("cloudwatch:{}", self.name));
            allowed.map_err(|error| service.fault(error, call.protocol()))?;
            let reading = call.spend_read().await;
            let _reading = reading.map_err(|error| service.fault(error, call.protocol()))?;
            let answer = (self.run)(service, call.realm(), call.protocol().codec(), call.body());
            Ok(answer?.into())
        })
    }
}

/// The names of all operations that are served.
pub fn operation_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|operation| operation.name)
}

impl Hosted for CloudWatch {}

impl Service for CloudWatch {
    type Operation = CloudWatchOperation;

    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn operations(&self) -> &'static [CloudWatchOperation] {
        ALL
    }

    fn fault(&self, error: EdgeError, protocol: Protocol) -> Fault {
        error::edge_fault(error, protocol == Protocol::Query)
    }
}
