//! HTTP/1.1 over TCP, with TLS where the endpoint says so.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// GetRecords answers up to 10 MB of data, more as base64 with its keys.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Connections to one endpoint.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Transport {
    /// Trusts what the machine trusts (`SSL_CERT_FILE` included); without TLS no certificate is looked for.
    pub(crate) fn new(tls: bool) -> std::io::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let builder = Client::builder(TokioExecutor::new());
        if !tls {
            return Ok(Self::Plain(builder.build(connector)));
        }
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self::Tls(builder.build(connector)))
    }

    /// Sends a request and reads the whole answer; the error is a phrase for people.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let sent = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        let (parts, body) = sent.map_err(|error| innermost(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| innermost(error.as_ref()))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// The cause at the bottom of the chain, which is the one that says something.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let said = error.to_string();
    // rustls' name for an authority that is not known.
    match said.contains("UnknownIssuer") {
        true => format!("{said}: to trust its authority, name the authority's certificate in SSL_CERT_FILE"),
        false => said,
    }
}
