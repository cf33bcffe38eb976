//! Endpoint and credentials of calls.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use headwater_client::{Config, ConfigError, Overrides, Surroundings};

/// Surroundings of a test: variables, and files by path.
#[derive(Default)]
struct Fake {
    vars: HashMap<String, String>,
    files: HashMap<String, String>,
}

impl Surroundings for Fake {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<Option<String>> {
        let path = path.to_str().expect("test paths are text");
        if path == "/unreadable" {
            return Err(io::Error::other("permission denied"));
        }
        Ok(self.files.get(path).cloned())
    }
}

const CREDENTIALS: &str = "\
# keys of several profiles
[default]
aws_access_key_id = DEFAULT
aws_secret_access_key=s

[work]
aws_access_key_id=WORK
aws_secret_access_key = s=1
aws_session_token = t
[half]
aws_access_key_id=HALF
";

const CONFIG: &str = "\
[default]
region = eu-west-1
[profile work]
region=us-west-2
s3 =
  endpoint_url = http://not.this.one
endpoint_url = http://10.0.0.9:4567
[profile  role ]
role_arn = arn:aws:iam::123456789012:role/x
region = us-east-2
";

/// `vars` are `NAME=value` joined by blanks; `files` says whether the shared files are there. The outcome is
/// `endpoint region key-id`, or the error's text.
fn outcome(overrides: Overrides, vars: &str, files: bool) -> String {
    let mut fake = Fake::default();
    fake.vars.insert("HOME".to_owned(), "/home/me".to_owned());
    for (name, value) in vars.split_whitespace().filter_map(|pair| pair.split_once('=')) {
        fake.vars.insert(name.to_owned(), value.to_owned());
    }
    if files {
        fake.files.insert("/home/me/.aws/credentials".to_owned(), CREDENTIALS.to_owned());
        fake.files.insert("/home/me/.aws/config".to_owned(), CONFIG.to_owned());
    }
    match Config::resolve(overrides, &fake) {
        Ok(config) => format!("{} {} {}", config.endpoint, config.region, config.credentials.access_key_id),
        Err(error) => error.to_string(),
    }
}

fn endpoint(url: &str) -> Overrides {
    Overrides { endpoint_url: Some(url.to_owned()), ..Overrides::default() }
}

fn profile(name: &str) -> Overrides {
    Overrides { profile: Some(name.to_owned()), ..Overrides::default() }
}

#[test]
fn without_files() {
    const KEYS: &str = "AWS_ACCESS_KEY_ID=AK AWS_SECRET_ACCESS_KEY=s";
    let none = Overrides::default;
    let with_keys = |more: &str| format!("{KEYS} {more}");
    let region = || Overrides { region: Some("eu-north-1".to_owned()), ..none() };
    let cases: &[(Overrides, String, &str)] = &[
        (none(), String::new(), "http://127.0.0.1:4567 us-east-1 headwater"),
        (region(), String::new(), "http://127.0.0.1:4567 eu-north-1 headwater"),
        (none(), "AWS_REGION=eu-west-3".into(), "http://127.0.0.1:4567 eu-west-3 headwater"),
        (none(), KEYS.into(), "no region; set AWS_REGION or give --region"),
        (none(), with_keys("AWS_REGION=eu-west-3"), "https://kinesis.eu-west-3.amazonaws.com eu-west-3 AK"),
        (
            none(),
            with_keys("AWS_DEFAULT_REGION=cn-north-1"),
            "https://kinesis.cn-north-1.amazonaws.com.cn cn-north-1 AK",
        ),
        (none(), with_keys("AWS_DEFAULT_REGION=a AWS_REGION=b"), "https://kinesis.b.amazonaws.com b AK"),
        (none(), with_keys("AWS_ENDPOINT_URL=http://h:1"), "http://h:1 us-east-1 AK"),
        (
            none(),
            with_keys("AWS_ENDPOINT_URL=http://h:1 AWS_ENDPOINT_URL_KINESIS=https://k"),
            "https://k us-east-1 AK",
        ),
        (endpoint("http://given:2"), with_keys("AWS_ENDPOINT_URL=http://h:1"), "http://given:2 us-east-1 AK"),
        (endpoint("http://localhost:9"), String::new(), "http://localhost:9 us-east-1 headwater"),
        (endpoint("http://[::1]:9"), String::new(), "http://[::1]:9 us-east-1 headwater"),
        (endpoint("https://127.9.9.9"), String::new(), "https://127.9.9.9 us-east-1 headwater"),
        (
            none(),
            "AWS_ACCESS_KEY_ID=AK".into(),
            "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both or neither",
        ),
        (
            none(),
            "AWS_SECRET_ACCESS_KEY=s".into(),
            "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID; set both or neither",
        ),
    ];
    for (overrides, vars, expected) in cases {
        assert_eq!(outcome(overrides.clone(), vars, false), *expected, "{overrides:?} {vars}");
    }
    let text = outcome(endpoint("http://elsewhere:4567"), "", false);
    assert!(text.starts_with("no credentials for http://elsewhere:4567; set AWS_ACCESS_KEY_ID"), "{text}");
}

#[test]
fn with_files() {
    let none = Overrides::default;
    let cases = [
        (none(), "", "https://kinesis.eu-west-1.amazonaws.com eu-west-1 DEFAULT"),
        (none(), "AWS_PROFILE=work", "http://10.0.0.9:4567 us-west-2 WORK"),
        (profile("work"), "AWS_PROFILE=other", "http://10.0.0.9:4567 us-west-2 WORK"),
        // A profile that was given beats keys in the environment; one in the environment does not.
        (
            profile("work"),
            "AWS_ACCESS_KEY_ID=AK AWS_SECRET_ACCESS_KEY=s",
            "http://10.0.0.9:4567 us-west-2 WORK",
        ),
        (
            none(),
            "AWS_PROFILE=work AWS_ACCESS_KEY_ID=AK AWS_SECRET_ACCESS_KEY=s",
            "http://10.0.0.9:4567 us-west-2 AK",
        ),
        (profile("work"), "AWS_ENDPOINT_URL=http://h:1 AWS_REGION=r", "http://h:1 r WORK"),
        (endpoint("http://127.0.0.1:1"), "", "http://127.0.0.1:1 eu-west-1 DEFAULT"),
        (profile("half"), "", "aws_access_key_id is set without aws_secret_access_key; set both or neither"),
        (
            none(),
            "AWS_SHARED_CREDENTIALS_FILE=/none AWS_CONFIG_FILE=/none",
            "http://127.0.0.1:4567 us-east-1 headwater",
        ),
        (none(), "AWS_CONFIG_FILE=/unreadable", "cannot read /unreadable: permission denied"),
    ];
    for (overrides, vars, expected) in cases {
        assert_eq!(outcome(overrides.clone(), vars, true), expected, "{overrides:?} {vars}");
    }
    let text = outcome(profile("nope"), "", true);
    assert!(text.starts_with("there is no profile \"nope\""), "{text}");
    let text = outcome(profile("role"), "", true);
    assert!(text.starts_with("no credentials for https://kinesis.us-east-2.amazonaws.com"), "{text}");
}

#[test]
fn endpoints_that_are_none() {
    for url in
        ["", "127.0.0.1:4567", "/x", "ftp://h", "http://", "http://u:p@h", "http://h?q=1", "http://h h"]
    {
        let error = Config::resolve(endpoint(url), &Fake::default()).unwrap_err();
        assert_eq!(error, ConfigError::Endpoint(url.to_owned()));
    }
}

#[test]
fn values_no_header_can_carry() {
    let overrides = Overrides { region: Some("eu\nwest".to_owned()), ..Overrides::default() };
    assert_eq!(
        Config::resolve(overrides, &Fake::default()).unwrap_err(),
        ConfigError::Unprintable("the region")
    );
}
