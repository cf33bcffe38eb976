//! Amazon Kinesis Data Streams: shapes, texts and the order of checks, one file an operation.
//!
//! # Order of things
//! The edge reads and authenticates a request; an operation decodes its members, checks them, asks whether the caller may
//! have it done ([`context::Context::authorize`]) and only then reaches streams.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod answer;
mod checks;
mod context;
mod error;
mod operations;
mod resource;

use std::pin::Pin;
use std::sync::Arc;

use headwater_edge::{Call, Description, EdgeError, Fault, Hosted, Protocol, Service, Upkeep};
use headwater_streams::{EventBudget, StreamService};
use headwater_wire::DecodeError;
use http::request::Parts;

pub use operations::Operation;

static DESCRIPTION: Description = Description {
    title: "Kinesis Data Streams",
    target_prefix: Some("Kinesis_20131202."),
    protocols: &[Protocol::Json11, Protocol::Cbor],
    ..Description::new("kinesis")
};

/// The service.
#[derive(Debug)]
pub struct Kinesis {
    streams: Arc<StreamService>,
    events: EventBudget,
}

impl Kinesis {
    /// Kinesis over these streams. `events_bytes_max` bounds the memory for the events of all subscriptions until they
    /// have been sent.
    pub fn new(streams: Arc<StreamService>, events_bytes_max: usize) -> Self {
        Self { streams, events: EventBudget::new(events_bytes_max) }
    }
}

/// The names of all operations that are served.
pub fn operation_names() -> impl Iterator<Item = &'static str> {
    operations::ALL.iter().map(|operation| operation.name)
}

impl Hosted for Kinesis {
    fn upkeep(self: Arc<Self>) -> Option<Upkeep> {
        Some(Box::pin(self.streams.clone().run_upkeep()))
    }

    fn report(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.streams.report_levels())
    }

    fn end_waiting(&self) {
        self.streams.end_subscriptions();
    }
}

impl Service for Kinesis {
    type Operation = Operation;

    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn operations(&self) -> &'static [Operation] {
        operations::ALL
    }

    /// An empty body without a media type is taken for CBOR.
    fn protocol(&self, head: &Parts, body_is_empty: bool) -> Option<Protocol> {
        let media = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        let media = media.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let named = Protocol::of_media(media, DESCRIPTION.protocols);
        named.or(body_is_empty.then_some(Protocol::Cbor))
    }

    /// Nothing at all is no structure, whatever the operation.
    fn precheck(&self, call: &Call, operation: Option<&Operation>) -> Result<(), EdgeError> {
        match (call.body().is_empty(), operation) {
            (false, _) => Ok(()),
            (true, Some(_)) => Err(DecodeError::Malformed.into()),
            (true, None) => Err(EdgeError::UnknownOperation(String::new())),
        }
    }

    fn fault(&self, error: EdgeError, _protocol: Protocol) -> Fault {
        error::edge_fault(error)
    }
}
