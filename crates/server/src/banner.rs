//! What a person sees when the server has started.

use std::net::SocketAddr;

use crate::settings::Settings;

/// Where it listens, where the data is, and the two lines an AWS SDK needs.
pub(crate) fn banner(settings: &Settings, address: SocketAddr) -> String {
    let Settings { region, account, data_dir, .. } = settings;
    let who = if address.ip().is_loopback() {
        "No credentials are configured: any signature is accepted, from this machine only."
    } else {
        "WARNING: no credentials are configured and this address is reachable from the network: anybody is served."
    };
    format!(
        "Headwater {version}: Kinesis Data Streams at http://{address}\n\
         data in {data}, region {region}, account {account}, limits {limits}\n\
         {who}\n\
         \n\
         export AWS_ENDPOINT_URL_KINESIS=http://{address}\n\
         export AWS_ACCESS_KEY_ID=headwater AWS_SECRET_ACCESS_KEY=headwater AWS_DEFAULT_REGION={region}\n",
        version = env!("CARGO_PKG_VERSION"),
        data = data_dir.display(),
        limits = settings.limits_shown(),
    )
}
