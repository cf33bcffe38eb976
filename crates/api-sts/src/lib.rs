//! AWS STS, as far as it is there: GetCallerIdentity, from which some clients make the ARNs of their streams (KPL before
//! 1.0.5 does, and ends without it).
//!
//! # Constraints
//! Everybody who can sign may ask who they are; no policy can forbid it (API).
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod get_caller_identity;

use headwater_edge::{
    Call, Description, EdgeError, Effect, Fault, Hosted, Operation, Protocol, Running, Service,
    operation_not_found,
};

const VERSION: &str = "2011-06-15";

static DESCRIPTION: Description = Description {
    title: "STS' GetCallerIdentity",
    api_version: Some(VERSION),
    xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    protocols: &[Protocol::Query],
    is_open: true,
    ..Description::new("sts")
};

/// The service.
#[derive(Debug, Default)]
pub struct Sts;

/// A row of the table.
#[derive(Debug)]
pub struct StsOperation {
    name: &'static str,
    run: for<'a> fn(&'a Call) -> Running<'a>,
}

const OPERATIONS: &[StsOperation] = &[StsOperation {
    name: "GetCallerIdentity",
    run: |call| Box::pin(async { Ok(get_caller_identity::run(call).into()) }),
}];

impl Operation<Sts> for StsOperation {
    fn name(&self) -> &'static str {
        self.name
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn run<'a>(&'static self, _service: &'a Sts, call: &'a Call) -> Running<'a> {
        (self.run)(call)
    }
}

impl Hosted for Sts {}

impl Service for Sts {
    type Operation = StsOperation;

    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn operations(&self) -> &'static [StsOperation] {
        OPERATIONS
    }

    /// Refusals of signatures have 403 here.
    fn fault(&self, error: EdgeError, _protocol: Protocol) -> Fault {
        if let EdgeError::UnknownOperation(name) = &error {
            return operation_not_found(name, VERSION);
        }
        let is_of_signature = match &error {
            EdgeError::Auth(_) | EdgeError::Signature(_) | EdgeError::Key(_) | EdgeError::Denied(_) => true,
            EdgeError::Decode(_)
            | EdgeError::UnknownOperation(_)
            | EdgeError::NoOperation
            | EdgeError::UnsupportedMedia { .. }
            | EdgeError::TooLarge(_)
            | EdgeError::Encoding(_)
            | EdgeError::Unavailable
            | EdgeError::Internal => false,
        };
        let usual = error.usual();
        if is_of_signature { Fault { status: 403, ..usual } } else { usual }
    }
}
