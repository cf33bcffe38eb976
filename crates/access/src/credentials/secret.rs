//! Secrets, and how new ones are made.

use std::fmt;

use headwater_host::Random;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text, to sign with it or to hand it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True if it is this text, found out in a time that does not depend on where they differ.
    pub(crate) fn is(&self, text: &str) -> bool {
        let same_length = self.0.len() == text.len();
        let differences = self.0.bytes().zip(text.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        same_length & (std::hint::black_box(differences) == 0)
    }

    /// A new one: `bytes` random ones in base64.
    pub(super) fn generate(random: &dyn Random, bytes: usize) -> Self {
        let mut all = vec![0; bytes];
        random.fill(&mut all);
        Self(base64_simd::STANDARD.encode_to_string(all))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A new access key id: `AKIA`, or `ASIA` for a temporary one, and 16 letters and digits.
pub(super) fn access_key_id(random: &dyn Random, temporary: bool) -> String {
    let letter = |byte: &u8| match byte % 32 {
        letter @ 0..26 => char::from(b'A' + letter),
        digit => char::from(b'2' + digit - 26),
    };
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    let letters = bytes.iter().map(letter);
    std::iter::once(if temporary { "ASIA" } else { "AKIA" })
        .map(str::to_owned)
        .chain(letters.map(String::from))
        .collect()
}
