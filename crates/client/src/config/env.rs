//! The environment variables a client listens to, all of AWS's naming.

/// The endpoint for Kinesis alone.
pub const ENDPOINT_URL_KINESIS: &str = "AWS_ENDPOINT_URL_KINESIS";
/// The endpoint for every service.
pub const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// The region.
pub const REGION: &str = "AWS_REGION";
/// The region, the older name.
pub const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// The public half of the credentials.
pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The secret half of the credentials.
pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// The session token, which temporary credentials carry in addition.
pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The profile of the shared files.
pub const PROFILE: &str = "AWS_PROFILE";
/// Path of the credentials file, instead of `~/.aws/credentials`.
pub const SHARED_CREDENTIALS_FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
/// Path of the configuration file, instead of `~/.aws/config`.
pub const CONFIG_FILE: &str = "AWS_CONFIG_FILE";
/// Directory below which the shared files are looked for.
pub const HOME: &str = "HOME";
