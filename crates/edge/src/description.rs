//! The names by which a service is known, and the limits that hold before its operations are reached.

use headwater_wire::sigv4::SigningRules;

use crate::protocol::Protocol;
use crate::route::Route;

/// One service of AWS's: how its requests are recognised and signed.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// The label `service` of metrics, and what stands before an operation in policies and the audit log: `cloudwatch`.
    pub name: &'static str,
    /// The service's name for people.
    pub title: &'static str,
    /// The service in the scope of a signature: `monitoring`.
    pub signing_name: &'static str,
    /// The beginning of `X-Amz-Target`, with its dot; none if the service has no such protocol.
    pub target_prefix: Option<&'static str>,
    /// The service's segment of RPC v2 paths, `/service/NAME/operation/OPERATION`.
    pub rpc_name: Option<&'static str>,
    /// `Version` of forms.
    pub api_version: Option<&'static str>,
    /// The namespace of XML answers.
    pub xml_namespace: &'static str,
    /// Method and path of the operations of REST protocols.
    pub routes: &'static [Route],
    /// All protocols that are spoken.
    pub protocols: &'static [Protocol],
    /// The largest body of a request as it is sent, in bytes; for one that is not streamed, the edge's own limit holds
    /// beside it.
    pub body_bytes_max: usize,
    /// The largest body once it is inflated, in bytes; 0 where no compressed body is taken.
    pub inflated_bytes_max: usize,
    /// Memory that decoded values take beside a large body, in sizes of the body.
    pub values_per_body: usize,
    /// The form of path and headers that signatures cover.
    pub signing_rules: SigningRules,
    /// Answers carry the CRC-32 of their body in `x-amz-crc32`.
    pub has_crc32: bool,
    /// An operation without members answers `{}` in JSON and nothing, without a media type, elsewhere; otherwise
    /// nothing with a media type.
    pub empty_is_object: bool,
    /// Anybody who can sign may call every operation: no policy is asked.
    pub is_open: bool,
}

impl Description {
    /// A service with this name and nothing else: to be completed.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            title: name,
            signing_name: name,
            target_prefix: None,
            rpc_name: None,
            api_version: None,
            xml_namespace: "",
            routes: &[],
            protocols: &[],
            body_bytes_max: usize::MAX,
            inflated_bytes_max: 0,
            values_per_body: 0,
            signing_rules: SigningRules::General,
            has_crc32: false,
            empty_is_object: false,
            is_open: false,
        }
    }

    /// The protocol of operations that are named by method and path.
    pub(crate) fn rest_protocol(&self) -> Option<Protocol> {
        let mut spoken = self.protocols.iter().copied();
        spoken.find(|protocol| matches!(protocol, Protocol::RestJson | Protocol::RestXml))
    }
}
