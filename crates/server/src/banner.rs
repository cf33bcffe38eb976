//! Message to the person who has started the server.

use std::net::SocketAddr;
use std::path::Path;

use crate::settings::{Settings, TlsChoice};

/// Address, data directory, and the two lines an AWS SDK needs; a third where it has to be told what to trust, which is
/// `ca`.
pub(crate) fn banner(settings: &Settings, address: SocketAddr, ca: Option<&Path>) -> String {
    let Settings { regions, account, data_dir, .. } = settings;
    let region = regions.first();
    let here_only = address.ip().is_loopback();
    let who = match (&settings.credentials, here_only) {
        (None, true) => {
            "No credentials are configured: any signature is accepted, from this machine only.".to_owned()
        }
        (None, false) => {
            "WARNING: no credentials are configured and this address is reachable from the network: \
                          anybody is served."
                .to_owned()
        }
        (Some(file), false) if settings.tls == TlsChoice::Off => format!(
            "Requests must be signed with credentials of {}.\n\
             WARNING: connections are not encrypted, so what is sent can be read on its way.",
            file.display()
        ),
        (Some(file), _) => format!("Requests must be signed with credentials of {}.", file.display()),
    };
    // With credentials of somebody's the two lines are his.
    let keys = match &settings.credentials {
        None => "AWS_ACCESS_KEY_ID=headwater AWS_SECRET_ACCESS_KEY=headwater ",
        Some(_) => "",
    };
    let scheme = if settings.tls == TlsChoice::Off { "http" } else { "https" };
    let trust = ca.map_or_else(String::new, |ca| format!("export AWS_CA_BUNDLE={}\n", ca.display()));
    format!(
        "Headwater {version}: Kinesis Data Streams, tables and metrics at {scheme}://{address}\n\
         data in {data}, {what} {regions}, account {account}, limits {limits}\n\
         {who}\n\
         \n\
         export AWS_ENDPOINT_URL_KINESIS={scheme}://{address}\n\
         export {keys}AWS_DEFAULT_REGION={region}\n\
         {trust}",
        what = if regions.only().is_some() { "region" } else { "regions" },
        version = env!("CARGO_PKG_VERSION"),
        data = data_dir.display(),
        limits = settings.limits_shown(),
    )
}
