//! Connection of every command that talks to an endpoint.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::{Args, ValueEnum};
use headwater_client::{Client, Config, Error, Overrides, Process};
use headwater_host::{SystemClock, SystemRandom};

use crate::failure::Failure;

/// Endpoint, region and profile.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connect {
    /// The endpoint [default: AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, the profile's, or the server on this
    /// machine, http://127.0.0.1:4567]
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,

    /// The region [default: AWS_REGION, AWS_DEFAULT_REGION or the profile's]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The profile of ~/.aws/config and ~/.aws/credentials [default: AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// Format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// An endpoint, and the terminal we sit at or not.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// True if standard output is a terminal.
    pub(crate) terminal: bool,
}

/// Runs a command on a session of its own.
pub(crate) fn run<F>(connect: &Connect, command: impl FnOnce(Session) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let overrides = Overrides {
        endpoint_url: connect.endpoint_url.clone(),
        region: connect.region.clone(),
        profile: connect.profile.clone(),
        credentials: None,
    };
    let config = Config::resolve(overrides, &Process)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the system gives no threads: {error}")))?;
    runtime.block_on(async {
        let client = Client::new(config.clone(), SystemClock::new(), SystemRandom::new())?;
        command(Session { client, terminal: io::stdout().is_terminal() })
            .await
            .map_err(|failure| failure.at(&config))
    })
}

impl Session {
    /// Waits until the stream is ACTIVE.
    pub(crate) async fn until_active(&self, name: &str) -> Result<(), Failure> {
        self.until(name, "become ACTIVE", async || {
            let stream = self.client.describe_stream_summary(name).await?;
            Ok(stream.stream_status == "ACTIVE")
        })
        .await
    }

    /// Waits until the stream is gone.
    pub(crate) async fn until_gone(&self, name: &str) -> Result<(), Failure> {
        self.until(name, "go away", async || match self.client.describe_stream_summary(name).await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(true),
            other => other.map(|_| false),
        })
        .await
    }

    /// Makes a call that only asks, again while it is refused for its rate: that mends, and others ask as well.
    pub(crate) async fn patiently<T>(&self, call: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        const PAUSE: Duration = Duration::from_secs(1);
        const PAUSES_MAX: usize = 60;
        for _ in 0..PAUSES_MAX {
            match call().await {
                Err(Error::Service(error)) if error.is_throttling() => self.client.clock().sleep(PAUSE).await,
                other => return other,
            }
        }
        call().await
    }

    async fn until(
        &self,
        name: &str,
        what: &str,
        reached: impl AsyncFn() -> Result<bool, Error>,
    ) -> Result<(), Failure> {
        const PATIENCE: Duration = Duration::from_secs(300);
        let clock = self.client.clock();
        let deadline = clock.elapsed() + PATIENCE;
        let mut pause = Duration::from_millis(50);
        loop {
            if self.patiently(&reached).await? {
                return Ok(());
            }
            if clock.elapsed() > deadline {
                let seconds = PATIENCE.as_secs();
                return Err(Failure::Failed(format!(
                    "stream {name} did not {what} within {seconds} s; `headwater describe {name}` shows its state"
                )));
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}
