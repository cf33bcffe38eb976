//! The scope that a request's head claims for its signature, in a header or in the query. Whether the signature is right is
//! another question ([`crate::access`]).

use headwater_types::{Region, Regions};
use headwater_wire::sigv4::NamedCredential;
use http::request::Parts;

use crate::answer::header;

/// The credential that a head names.
pub(crate) fn credential_of(head: &Parts) -> Option<NamedCredential<'_>> {
    NamedCredential::find(header(&head.headers, "authorization"), head.uri.query())
}

/// The region that a request is for: the only one, or that of the scope, or the first where there is no scope. `None` if the
/// scope's is not served.
pub(crate) fn region_of(head: &Parts, served: &Regions) -> Option<Region> {
    if let Some(only) = served.only() {
        return Some(only);
    }
    let credential = credential_of(head);
    let scope = credential.as_ref().and_then(NamedCredential::scope);
    scope.map_or(Some(served.first()), |scope| served.find(scope.region))
}
