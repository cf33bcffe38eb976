//! `headwater tls`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use headwater_host::{Clock, SystemClock};
use headwater_server::{MadeTls, MakeTls, default_names, make};

use super::print;
use crate::failure::Failure;

/// Certificates for the server.
#[derive(Debug, Args)]
pub(crate) struct Tls {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a certificate for a server, signed by an authority of one's own
    ///
    /// The folder gets ca.pem (for clients to trust), ca.key, server.pem and server.key. Where an authority is there
    /// already it signs again: that renews the certificate, a running server takes it up within seconds, and clients
    /// need not be told anything. Keep ca.key safe, or remove it when no other certificate will be needed.
    #[command(
        after_help = "Examples:\n  headwater tls init certs --name kinesis.example.com --name 10.0.0.7\n  \
                            headwater --tls-cert certs/server.pem --tls-key certs/server.key\n  \
                            AWS_CA_BUNDLE=certs/ca.pem aws kinesis list-streams --endpoint-url https://localhost:4567"
    )]
    Init(Init),
}

#[derive(Debug, Args)]
struct Init {
    /// The folder for the four files
    #[arg(default_value = "headwater-tls")]
    directory: PathBuf,

    /// A name or an address by which clients reach the server, beside localhost and this machine's name; may be given
    /// more than once
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,

    /// For how many days the certificate is valid; clients accept at most 824
    #[arg(long, default_value_t = 824)]
    days: u32,
}

pub(crate) fn run(args: Tls) -> Result<(), Failure> {
    let Command::Init(Init { directory, names, days }) = args.command;
    let mut all = default_names();
    let more: Vec<_> = names.into_iter().filter(|name| !all.contains(name)).collect();
    all.extend(more);
    let shown = all.join(", ");
    let wanted = MakeTls { directory, names: all, days, now: SystemClock::new().now() };
    let MadeTls { files, ca, new_ca } = make(&wanted).map_err(|error| Failure::Failed(error.to_string()))?;
    let authority = if new_ca { "a new authority" } else { "the authority that was there" };
    let (certificate, key, ca) = (files.certificate.display(), files.key.display(), ca.display());
    print(&format!(
        "{certificate}: {shown}, for {days} days, signed by {authority}\n\n\
         server:   headwater --tls-cert {certificate} --tls-key {key}\n\
         clients:  export AWS_CA_BUNDLE={ca}\n"
    ))
}
