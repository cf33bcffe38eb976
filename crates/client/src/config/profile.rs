//! The shared files of AWS tools: `~/.aws/credentials` and `~/.aws/config`.
//!
//! INI with sections `[name]` (credentials) or `[profile name]` and `[default]` (config), `#` and `;` comments.
//! Indented lines belong to the key above them and are passed over. Where both files have a key, the credentials
//! file wins.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{ConfigError, Surroundings, env};

/// The keys of one profile.
#[derive(Debug, Default)]
pub(super) struct Profile(HashMap<String, String>);

impl Profile {
    /// The profile called `name`, none if neither file has it.
    pub(super) fn read(name: &str, surroundings: &dyn Surroundings) -> Result<Option<Self>, ConfigError> {
        let files = [
            (env::CONFIG_FILE, "config", format!("profile {name}")),
            (env::SHARED_CREDENTIALS_FILE, "credentials", name.to_owned()),
        ];
        let mut found = None;
        for (variable, file, section) in files {
            let path = match (surroundings.var(variable), surroundings.var(env::HOME)) {
                (Some(path), _) => PathBuf::from(path),
                (None, Some(home)) => PathBuf::from(home).join(".aws").join(file),
                (None, None) => continue,
            };
            let text = surroundings.read(&path).map_err(|error| ConfigError::File {
                path: path.display().to_string(),
                cause: error.to_string(),
            })?;
            let text = text.unwrap_or_default();
            let keys =
                keys_of(&text, &section).or_else(|| (name == "default").then(|| keys_of(&text, name))?);
            if let Some(keys) = keys {
                found.get_or_insert_with(Self::default).0.extend(keys);
            }
        }
        Ok(found)
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|value| !value.is_empty()).cloned()
    }
}

fn keys_of(text: &str, section: &str) -> Option<HashMap<String, String>> {
    let mut keys = None;
    let mut inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) || line.starts_with([' ', '\t']) {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default();
            inside = name.split_whitespace().eq(section.split_whitespace());
            if inside {
                keys.get_or_insert_with(HashMap::new);
            }
        } else if let (true, Some(keys), Some((key, value))) = (inside, &mut keys, trimmed.split_once('=')) {
            keys.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    keys
}
