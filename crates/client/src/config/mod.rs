//! Endpoint, region and credentials of calls, found the way AWS tools find them.
//!
//! Order: what was given, then environment variables, then the profile. A profile that was *given* comes before
//! credentials in the environment, as in the AWS CLI. Without an endpoint, somebody who has credentials means AWS
//! and somebody who has none means the server on this machine.

pub mod env;
mod profile;

use std::io;
use std::net::IpAddr;
use std::path::Path;

use headwater_wire::sigv4::Credentials;
use http::Uri;
use http::uri::Scheme;
use profile::Profile;

/// Endpoint of `headwater serve` unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4567";

/// The region of a server that has no opinion.
const DEFAULT_REGION: &str = "us-east-1";

/// Everything a client needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The endpoint as it was given, for messages.
    pub endpoint: String,
    /// The region calls are signed for.
    pub region: String,
    /// The credentials that sign.
    pub credentials: Credentials,
    uri: Uri,
}

/// Settings from a command line or code; all are optional.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The endpoint, `http://127.0.0.1:4567`.
    pub endpoint_url: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared files.
    pub profile: Option<String>,
    /// The credentials.
    pub credentials: Option<Credentials>,
}

/// Source of environment variables and files.
pub trait Surroundings {
    /// An environment variable; none if it is unset or empty.
    fn var(&self, name: &str) -> Option<String>;
    /// A file's text; none if there is no such file.
    fn read(&self, path: &Path) -> io::Result<Option<String>>;
}

/// The surroundings of this process.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Surroundings for Process {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn read(&self, path: &Path) -> io::Result<Option<String>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Why no configuration could be made. Every text names what to set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The endpoint is not `http://` or `https://` and a host.
    #[error("the endpoint {0:?} is no URL; write it like {DEFAULT_ENDPOINT}")]
    Endpoint(String),
    /// A profile was named that the files do not have.
    #[error(
        "there is no profile {0:?} in ~/.aws/config or ~/.aws/credentials; `aws configure --profile {0}` makes one"
    )]
    NoProfile(String),
    /// A shared file cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// The system's message.
        cause: String,
    },
    /// One half of the credentials without the other.
    #[error("{0} is set without {1}; set both or neither")]
    HalfCredentials(&'static str, &'static str),
    /// No credentials for an endpoint that needs them.
    #[error(
        "no credentials for {0}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile that holds keys \
         (for roles and SSO: `eval \"$(aws configure export-credentials --format env)\"`)"
    )]
    NoCredentials(String),
    /// No region for AWS.
    #[error("no region; set AWS_REGION or give --region")]
    NoRegion,
    /// A value that no HTTP header can carry.
    #[error("{0} holds characters that no request can carry")]
    Unprintable(&'static str),
}

impl Config {
    /// Finds the configuration.
    ///
    /// # Errors
    /// A profile that was named is not there, a file cannot be read, or no credentials, no region or no endpoint that can
    /// be used was found: the text says which, and where it was looked for.
    pub fn resolve(overrides: Overrides, surroundings: &dyn Surroundings) -> Result<Self, ConfigError> {
        let var = |name| surroundings.var(name);
        let named = overrides.profile.clone().or_else(|| var(env::PROFILE));
        let profile_name = named.as_deref().unwrap_or("default");
        let profile = match (Profile::read(profile_name, surroundings)?, &named) {
            (None, Some(name)) => return Err(ConfigError::NoProfile(name.clone())),
            (profile, _) => profile.unwrap_or_default(),
        };

        let given = overrides
            .endpoint_url
            .or_else(|| var(env::ENDPOINT_URL_KINESIS))
            .or_else(|| var(env::ENDPOINT_URL))
            .or_else(|| profile.get("endpoint_url"));
        let region = overrides
            .region
            .or_else(|| var(env::REGION))
            .or_else(|| var(env::DEFAULT_REGION))
            .or_else(|| profile.get("region"));
        let credentials = match overrides.credentials {
            Some(credentials) => Some(credentials),
            None if overrides.profile.is_some() => {
                from_profile(&profile)?.or(from_environment(surroundings)?)
            }
            None => from_environment(surroundings)?.or(from_profile(&profile)?),
        };

        let endpoint = match (given, &credentials, &named) {
            (Some(endpoint), ..) => endpoint,
            (None, None, None) => DEFAULT_ENDPOINT.to_owned(),
            (None, ..) => aws_endpoint(region.as_deref().ok_or(ConfigError::NoRegion)?),
        };
        let uri = parse(&endpoint).ok_or_else(|| ConfigError::Endpoint(endpoint.clone()))?;
        let credentials = match credentials {
            Some(credentials) => credentials,
            None if is_loopback(&uri) => harmless(),
            None => return Err(ConfigError::NoCredentials(endpoint)),
        };
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        check_printable(&region, &credentials)?;
        Ok(Self { endpoint, region, credentials, uri })
    }

    /// The URL of every call.
    pub(crate) fn uri(&self) -> Uri {
        self.uri.clone()
    }

    /// Host and port as the `host` header names them.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map(|authority| authority.as_str()).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }
}

fn from_environment(surroundings: &dyn Surroundings) -> Result<Option<Credentials>, ConfigError> {
    pair(
        (env::ACCESS_KEY_ID, surroundings.var(env::ACCESS_KEY_ID)),
        (env::SECRET_ACCESS_KEY, surroundings.var(env::SECRET_ACCESS_KEY)),
        surroundings.var(env::SESSION_TOKEN),
    )
}

fn from_profile(profile: &Profile) -> Result<Option<Credentials>, ConfigError> {
    pair(
        ("aws_access_key_id", profile.get("aws_access_key_id")),
        ("aws_secret_access_key", profile.get("aws_secret_access_key")),
        profile.get("aws_session_token"),
    )
}

fn pair(
    (id_name, id): (&'static str, Option<String>),
    (secret_name, secret): (&'static str, Option<String>),
    session_token: Option<String>,
) -> Result<Option<Credentials>, ConfigError> {
    match (id, secret) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Ok(Some(Credentials { access_key_id, secret_access_key, session_token }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::HalfCredentials(id_name, secret_name)),
        (None, Some(_)) => Err(ConfigError::HalfCredentials(secret_name, id_name)),
    }
}

/// Credentials for a server that takes any signature.
fn harmless() -> Credentials {
    let word = || "headwater".to_owned();
    Credentials { access_key_id: word(), secret_access_key: word(), session_token: None }
}

fn aws_endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://kinesis.{region}.{suffix}")
}

/// An absolute http or https URL without user, query or stray characters.
fn parse(endpoint: &str) -> Option<Uri> {
    let uri: Uri = endpoint.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    (known && !authority.contains('@') && uri.query().is_none() && uri.host().is_some_and(|h| !h.is_empty()))
        .then_some(uri)
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn check_printable(region: &str, credentials: &Credentials) -> Result<(), ConfigError> {
    let values = [
        ("the region", region),
        ("the access key id", &credentials.access_key_id),
        ("the session token", credentials.session_token.as_deref().unwrap_or_default()),
    ];
    match values.into_iter().find(|(_, value)| value.bytes().any(|byte| !byte.is_ascii_graphic())) {
        Some((name, _)) => Err(ConfigError::Unprintable(name)),
        None => Ok(()),
    }
}
