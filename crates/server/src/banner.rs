//! What a person sees when the server has started.

use std::net::SocketAddr;

use crate::settings::Settings;

/// Where it listens, where the data is, and the two lines an AWS SDK needs.
pub(crate) fn banner(settings: &Settings, address: SocketAddr) -> String {
    let Settings { region, account, data_dir, .. } = settings;
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
        (Some(file), true) => format!("Requests must be signed with credentials of {}.", file.display()),
        (Some(file), false) => format!(
            "Requests must be signed with credentials of {}.\n\
             WARNING: connections are not encrypted, so what is sent can be read on its way.",
            file.display()
        ),
    };
    // With credentials of somebody's the two lines are his.
    let keys = match &settings.credentials {
        None => "AWS_ACCESS_KEY_ID=headwater AWS_SECRET_ACCESS_KEY=headwater ",
        Some(_) => "",
    };
    format!(
        "Headwater {version}: Kinesis Data Streams at http://{address}\n\
         data in {data}, region {region}, account {account}, limits {limits}\n\
         {who}\n\
         \n\
         export AWS_ENDPOINT_URL_KINESIS=http://{address}\n\
         export {keys}AWS_DEFAULT_REGION={region}\n",
        version = env!("CARGO_PKG_VERSION"),
        data = data_dir.display(),
        limits = settings.limits_shown(),
    )
}
