//! The server as a process: log, banner, signals, exit code.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use tracing_subscriber::filter::EnvFilter;

use crate::banner::banner;
use crate::server::{Host, Server, StartError};
use crate::settings::{ServeArgs, Settings, SettingsError};

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the operating system refused what every server needs: {0}")]
    System(#[from] io::Error),
}

/// Serves until SIGTERM or SIGINT. Errors are one line on standard error.
pub fn run(args: ServeArgs) -> ExitCode {
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(io::stderr(), "headwater: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: ServeArgs) -> Result<(), RunError> {
    let settings = args.resolve()?;
    start_log(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let server = Server::start(&settings, Host::system()).await?;
        // A closed standard output is no reason not to serve.
        let _ = io::stdout().write_all(banner(&settings, server.address(), server.ca()).as_bytes());
        let _ = io::stdout().flush();
        loop {
            tokio::select! {
                _ = terminate.recv() => break info!("SIGTERM: stopping"),
                _ = interrupt.recv() => break info!("SIGINT: stopping; once more ends it at once"),
                _ = hang_up.recv() => {
                    info!("SIGHUP: looking at certificates");
                    server.reload();
                }
            }
        }
        tokio::select! {
            () = server.stop() => info!("stopped"),
            _ = interrupt.recv() => warn!("SIGINT again: requests under way were cut short"),
        }
        Ok(())
    })
}

fn start_log(settings: &Settings) {
    // Checked when the settings were resolved.
    let filter = settings.log.parse::<EnvFilter>().unwrap_or_default();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let log = log.with_ansi(io::stderr().is_terminal());
    // Only a second server in one process finds a log already there.
    let _ = log.try_init();
}
