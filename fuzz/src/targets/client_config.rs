//! The files of AWS tools, as our client reads them: the one with settings, and after a line of `----` the one with
//! credentials.

use std::io;
use std::path::Path;

use headwater_client::{Config, Overrides, Surroundings, env};

#[derive(Debug)]
struct Files<'a> {
    config: &'a str,
    credentials: &'a str,
}

impl Surroundings for Files<'_> {
    fn var(&self, name: &str) -> Option<String> {
        (name == env::HOME).then(|| "/home".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<Option<String>> {
        let text = if path.ends_with("credentials") { self.credentials } else { self.config };
        Ok(Some(text.to_owned()))
    }
}

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (config, credentials) = text.split_once("\n----\n").unwrap_or((text, ""));
    let files = Files { config, credentials };
    for profile in [None, Some("work")] {
        let overrides = || Overrides { profile: profile.map(str::to_owned), ..Overrides::default() };
        match (Config::resolve(overrides(), &files), Config::resolve(overrides(), &files)) {
            (Ok(found), Ok(again)) => {
                assert_eq!((&found.endpoint, &found.region), (&again.endpoint, &again.region));
                assert!(found.credentials == again.credentials);
                let secret = &found.credentials.secret_access_key;
                let shown = format!("{:?}", found.credentials);
                assert!(secret.len() < 16 || shown.contains("Credentials("), "{shown}");
            }
            (Err(error), Err(_)) => assert!(!error.to_string().is_empty()),
            _ => panic!("the same files, another configuration"),
        }
    }
}
