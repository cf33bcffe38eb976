//! Services and their operations, as the edge sees them.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::call::Call;
use crate::description::Description;
use crate::fault::{EdgeError, Fault};
use crate::protocol::Protocol;
use crate::reply::{Reply, Running};

/// Effect of an operation on the things of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// It changes the things inside: records, items, messages. It is carried to its end even if the client goes away.
    Writes,
    /// It changes more than that: the audit log has it, even if it was allowed.
    Administers,
}

/// One operation: a row of its service's table.
pub trait Operation<S>: Sync + 'static {
    /// The name, as targets, paths, forms and policies have it.
    fn name(&self) -> &'static str;

    /// Effect of the operation.
    fn effect(&self) -> Effect;

    /// True if the client's going away does not end it before it has answered; by default all but [`Effect::Reads`].
    fn is_detached(&self) -> bool {
        self.effect() != Effect::Reads
    }

    /// True if it takes its body as a stream ([`Call::stream`]) rather than whole.
    fn streams_body(&self) -> bool {
        false
    }

    /// Longest time that it may run without anything moving on its connection, where that is longer than the
    /// connection's own patience.
    fn lasts(&self) -> Option<Duration> {
        None
    }

    /// Decodes, checks, runs, encodes.
    fn run<'a>(&'static self, service: &'a S, call: &'a Call) -> Running<'a>;
}

/// Work of a service that goes on for as long as the server runs.
pub type Upkeep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A service's life beside its requests. Everything has a default: a service that keeps nothing needs none of it.
pub trait Hosted: Send + Sync {
    /// The work that goes on in the background, until it is dropped.
    fn upkeep(self: Arc<Self>) -> Option<Upkeep> {
        None
    }

    /// Brings the levels among the metrics up to date, before they are read.
    fn report(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// Ends what waits: subscriptions and long polls. The server stops.
    fn end_waiting(&self) {}

    /// Lets go of the store. No request is under way any more.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A service: its names, its operations, its errors.
pub trait Service: Hosted + Debug + Send + Sync + Sized + 'static {
    /// A row of the table.
    type Operation: Operation<Self>;

    /// Names and limits.
    fn description(&self) -> &'static Description;

    /// Every operation that is served; any other name is unknown.
    fn operations(&self) -> &'static [Self::Operation];

    /// The protocol of a request whose operation is named by a target, or that is left to this service.
    fn protocol(&self, head: &Parts, _body_is_empty: bool) -> Option<Protocol> {
        let media = crate::answer::media(&head.headers);
        Protocol::of_media(media, self.description().protocols)
    }

    /// Checks that come before the signature's, once the protocol is known.
    fn precheck(&self, _call: &Call, _operation: Option<&Self::Operation>) -> Result<(), EdgeError> {
        Ok(())
    }

    /// A refusal of the edge, as this service's clients know it.
    fn fault(&self, error: EdgeError, _protocol: Protocol) -> Fault {
        error.usual()
    }
}

/// A mounted service, whatever its type.
pub trait Mounted: Hosted + Debug + Send + Sync {
    /// Names and limits.
    fn description(&self) -> &'static Description;
    /// The names of all operations, in the order of the table.
    fn names(&self) -> Vec<&'static str>;
    #[doc(hidden)]
    fn find(&self, name: &str) -> Option<Row>;
    #[doc(hidden)]
    fn protocol(&self, head: &Parts, body_is_empty: bool) -> Option<Protocol>;
    #[doc(hidden)]
    fn precheck(&self, call: &Call, row: Option<Row>) -> Result<(), EdgeError>;
    #[doc(hidden)]
    fn fault(&self, error: EdgeError, protocol: Protocol) -> Fault;
    #[doc(hidden)]
    fn run<'a>(&'a self, row: Row, call: &'a Call) -> Running<'a>;
}

/// An operation of a mounted service.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Row {
    at: usize,
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    pub(crate) is_detached: bool,
    pub(crate) streams_body: bool,
    pub(crate) lasts: Option<Duration>,
}

impl<S: Service> Mounted for S {
    fn description(&self) -> &'static Description {
        Service::description(self)
    }

    fn names(&self) -> Vec<&'static str> {
        self.operations().iter().map(Operation::name).collect()
    }

    fn find(&self, name: &str) -> Option<Row> {
        let (at, operation) =
            self.operations().iter().enumerate().find(|(_, operation)| operation.name() == name)?;
        Some(Row {
            at,
            name: operation.name(),
            effect: operation.effect(),
            is_detached: operation.is_detached(),
            streams_body: operation.streams_body(),
            lasts: operation.lasts(),
        })
    }

    fn protocol(&self, head: &Parts, body_is_empty: bool) -> Option<Protocol> {
        Service::protocol(self, head, body_is_empty)
    }

    #[expect(clippy::indexing_slicing, reason = "a row is one of the table that it was found in")]
    fn precheck(&self, call: &Call, row: Option<Row>) -> Result<(), EdgeError> {
        Service::precheck(self, call, row.map(|row| &self.operations()[row.at]))
    }

    fn fault(&self, error: EdgeError, protocol: Protocol) -> Fault {
        Service::fault(self, error, protocol)
    }

    #[expect(clippy::indexing_slicing, reason = "a row is one of the table that it was found in")]
    fn run<'a>(&'a self, row: Row, call: &'a Call) -> Running<'a> {
        self.operations()[row.at].run(self, call)
    }
}

/// Carries an operation out; detached, it goes on when the client goes away.
pub(crate) async fn carry_out(
    service: &Arc<dyn Mounted>,
    row: Row,
    call: &Arc<Call>,
) -> Result<Reply, Fault> {
    if !row.is_detached {
        return service.run(row, call).await;
    }
    let (of_task, in_task) = (service.clone(), call.clone());
    let task = tokio::spawn(async move { of_task.run(row, &in_task).await });
    task.await.unwrap_or_else(|cause| Err(service.fault(EdgeError::internal(&cause), call.protocol())))
}
