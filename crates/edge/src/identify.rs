//! The service and the operation of a request, told from its head, then from its body.
//!
//! # Algorithm
//! In this order: the prefix of the target, the path of RPC v2, the routes of REST services (the most fixed one of all
//! services), a form in the query string; then the `Version` of the form in the body; then whether it is for a service
//! that is not here ([`crate::foreign`]); then the service in the scope of the signature. What no service claims is left to
//! the service that was mounted for it.

use std::borrow::Cow;
use std::sync::Arc;

use headwater_wire::parameter;
use headwater_wire::sigv4::SigningRules;
use headwater_wire::sigv4::canonical::{canonical_path, canonical_query};
use http::request::Parts;

use crate::answer::{header, media};
use crate::protocol::{FORM, Protocol};
use crate::route::{PathParameters, Rank};
use crate::scope::credential_of;
use crate::service::Mounted;

/// The way in which a request names its operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// In the target, behind this prefix.
    Target(&'static str),
    /// In the path of RPC v2.
    Rpc(String),
    /// By method and path.
    Route(&'static str, PathParameters),
    /// By `Action` in a form: in the query string, where `true`, or in the body.
    Form(bool),
    /// Not at all: only the signature says for which service it is.
    Nowhere,
}

/// A service, and where a request names its operation.
#[derive(Debug, Clone)]
pub(crate) struct Identified {
    pub(crate) service: Arc<dyn Mounted>,
    pub(crate) named: Named,
}

/// The service that the head names.
pub(crate) fn by_head(services: &[Arc<dyn Mounted>], head: &Parts) -> Option<Identified> {
    by_target(services, head)
        .or_else(|| by_rpc_path(services, head))
        .or_else(|| by_route(services, head))
        .or_else(|| by_query_form(services, head))
}

/// The service whose version a form in the body names.
pub(crate) fn by_body(services: &[Arc<dyn Mounted>], head: &Parts, body: &[u8]) -> Option<Identified> {
    if !is_form(head) {
        return None;
    }
    if !is_plain(head) {
        // Not to be inflated before the sender is known: left to the one service that takes such forms.
        let takes = |service: &&Arc<dyn Mounted>| {
            let description = service.description();
            description.inflated_bytes_max > 0 && description.protocols.contains(&Protocol::Query)
        };
        let mut taking = services.iter().filter(takes);
        let service = taking.next().filter(|_| taking.next().is_none())?.clone();
        return Some(Identified { service, named: Named::Form(false) });
    }
    by_version(services, body).map(|service| Identified { service, named: Named::Form(false) })
}

fn by_target(services: &[Arc<dyn Mounted>], head: &Parts) -> Option<Identified> {
    let target = header(&head.headers, "x-amz-target")?;
    services.iter().find_map(|service| {
        let prefix = service.description().target_prefix.filter(|prefix| target.starts_with(prefix))?;
        Some(Identified { service: service.clone(), named: Named::Target(prefix) })
    })
}

fn by_rpc_path(services: &[Arc<dyn Mounted>], head: &Parts) -> Option<Identified> {
    let path = canonical_path(head.uri.path());
    let (name, operation) = path.strip_prefix("/service/")?.split_once("/operation/")?;
    let service = services.iter().find(|service| service.description().rpc_name == Some(name))?;
    Some(Identified { service: service.clone(), named: Named::Rpc(operation.to_owned()) })
}

fn by_route(services: &[Arc<dyn Mounted>], head: &Parts) -> Option<Identified> {
    let (method, sent) = (head.method.as_str(), head.uri.path());
    // Read as it is signed.
    let (normal, query) = (canonical_path(sent), canonical_query(head.uri.query().unwrap_or_default()));
    let mut best: Option<(Rank, Identified)> = None;
    for service in services {
        let path = match service.description().signing_rules {
            SigningRules::General => &*normal,
            SigningRules::ObjectStore => sent,
        };
        for route in service.description().routes {
            let Some((rank, parameters)) = route.matches(method, path, &query) else { continue };
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                let named = Named::Route(route.operation, parameters);
                best = Some((rank, Identified { service: service.clone(), named }));
            }
        }
    }
    best.map(|(_, identified)| identified)
}

fn by_query_form(services: &[Arc<dyn Mounted>], head: &Parts) -> Option<Identified> {
    let query = canonical_query(head.uri.query()?);
    by_version(services, query.as_bytes()).map(|service| Identified { service, named: Named::Form(true) })
}

/// Several services may sign with one name: then it says nothing.
pub(crate) fn by_scope(services: &[Arc<dyn Mounted>], head: &Parts) -> Option<Identified> {
    let credential = credential_of(head)?;
    let scope = credential.scope()?;
    let mut signed = services.iter().filter(|service| service.description().signing_name == scope.service);
    let service = signed.next().filter(|_| signed.next().is_none())?;
    let speaks_forms = service.description().protocols.contains(&Protocol::Query);
    let named = if speaks_forms && is_form(head) { Named::Form(false) } else { Named::Nowhere };
    Some(Identified { service: service.clone(), named })
}

fn by_version(services: &[Arc<dyn Mounted>], form: &[u8]) -> Option<Arc<dyn Mounted>> {
    let version = parameter(form, "Version")?;
    services.iter().find(|service| service.description().api_version == Some(&*version)).cloned()
}

pub(crate) fn is_form(head: &Parts) -> bool {
    media(&head.headers).eq_ignore_ascii_case(FORM)
}

/// True if the body is as it was written.
pub(crate) fn is_plain(head: &Parts) -> bool {
    let encoding = header(&head.headers, "content-encoding").unwrap_or_default();
    encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")
}

/// The name of the operation; none where nothing names it.
pub(crate) fn operation_name<'a>(named: &'a Named, head: &'a Parts, body: &'a [u8]) -> Option<Cow<'a, str>> {
    match named {
        Named::Target(prefix) => {
            header(&head.headers, "x-amz-target")?.strip_prefix(prefix).map(Cow::Borrowed)
        }
        Named::Rpc(name) => Some(Cow::Borrowed(name)),
        Named::Route(name, _) => Some(Cow::Borrowed(name)),
        Named::Form(false) => parameter(body, "Action"),
        Named::Form(true) => {
            let query = canonical_query(head.uri.query().unwrap_or_default());
            parameter(query.as_bytes(), "Action").map(|name| Cow::Owned(name.into_owned()))
        }
        Named::Nowhere => None,
    }
}

impl Identified {
    /// False where only POST is expected.
    pub(crate) fn takes_any_method(&self) -> bool {
        matches!(self.named, Named::Route(..) | Named::Form(true))
    }

    /// True if the operation takes its body as a stream: only where its name is not in the body.
    pub(crate) fn streams_body(&self, head: &Parts) -> bool {
        if matches!(self.named, Named::Form(_)) {
            return false;
        }
        let name = operation_name(&self.named, head, &[]);
        name.and_then(|name| self.service.find(&name)).is_some_and(|row| row.streams_body)
    }
}
