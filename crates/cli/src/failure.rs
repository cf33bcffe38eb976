//! Failures of commands: one line that names the cause and the mend.

use std::io::{self, Write};
use std::process::ExitCode;

use headwater_access::CredentialsError;
use headwater_client::{Config, ConfigError, Error, ServiceError};

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for what cannot be: exit code 2.
    Usage(String),
    /// Something went wrong; the text says what and what to do.
    Failed(String),
    /// A call to the endpoint failed.
    Call(Error),
    /// Nobody reads our output any more, which is no failure.
    Closed,
}

impl Failure {
    /// A failed call as text, with the endpoint where that is not clear already.
    pub(crate) fn at(self, config: &Config) -> Self {
        match self {
            Self::Call(Error::Service(error)) => Self::Failed(format!(
                "{}{} (at {})",
                error.to_string().trim_end(),
                mend(&error),
                config.endpoint
            )),
            Self::Call(error) => Self::Failed(error.to_string()),
            other => other,
        }
    }

    /// Prints the line and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Usage(text) => (text, 2),
            Self::Failed(text) => (text, 1),
            Self::Call(error) => (error.to_string(), 1),
        };
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(io::stderr(), "headwater: {}", text.replace('\n', " "));
        ExitCode::from(code)
    }
}

/// Advice on an error of the service.
fn mend(error: &ServiceError) -> &'static str {
    match error.code.as_str() {
        "ResourceNotFoundException" => " `headwater streams` lists what there is.",
        "UnrecognizedClientException" | "InvalidSignatureException" | "IncompleteSignatureException" => {
            " Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the region, or the profile."
        }
        "AccessDeniedException" => " Ask who runs the server for a policy that allows it.",
        "ExpiredTokenException" => " Get new temporary credentials.",
        "ProvisionedThroughputExceededException" => " Go slower, or give the stream more shards.",
        _ if error.is_throttling() => " Go slower.",
        _ => "",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}

/// Says in one line what is wrong with the command line or with a variable that stands in for it.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let told = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let told: Vec<&str> = told.map(str::trim).filter(|line| !line.is_empty()).collect();
    let told = told.join("; ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(io::stderr(), "headwater: {told} (see --help)");
    ExitCode::from(2)
}
