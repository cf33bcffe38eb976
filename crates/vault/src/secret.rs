//! 32 bytes that nobody is to see.

use std::fmt;

use headwater_host::Random;
use zeroize::Zeroizing;

/// The key of AES-256: erased when it is dropped, never printed. Boxed, so that moving it leaves no copy behind.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<Zeroizing<[u8; 32]>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new one.
    pub fn generate(random: &dyn Random) -> Self {
        let mut secret = Self(Box::default());
        random.fill(secret.0.as_mut_slice());
        secret
    }

    /// Takes 32 bytes; `None` if there are more or fewer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self(Box::default());
        if bytes.len() != secret.0.len() {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    /// Reads the base64 of 32 bytes, blanks around it allowed.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(base64_simd::STANDARD.decode_to_vec(text.trim().as_bytes()).ok()?);
        Self::from_bytes(&bytes)
    }

    /// The base64 of the bytes, for the file that keeps them.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(base64_simd::STANDARD.encode_to_string(self.0.as_slice()))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
