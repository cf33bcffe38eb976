//! Sealing bytes under a data key.
//!
//! # Format
//! ```text
//! nonce        12 bytes   8 that were drawn when the key was opened for use, 4 that count
//! ciphertext   as long as the plaintext
//! tag          16 bytes
//! ```
//! # Nonces
//! A nonce must never be used twice under one key. Every [`DataKey`] in memory has a random prefix of its own, and
//! counts what it seals; after 2^32 it seals no more. Two of them under the same key, in two processes or after a
//! restart, clash only if they drew the same of 2^64 prefixes: with 65,536 of them, less than once in 2^32.

use std::sync::atomic::{AtomicU64, Ordering};

use headwater_host::Random;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::secret::Secret;

/// The tag of AES-GCM, in bytes.
const TAG_LEN: usize = 16;
/// Bytes that sealing adds.
pub const SEALED_OVERHEAD: usize = NONCE_LEN + TAG_LEN;
/// Most pieces that can be sealed under one prefix.
const SEALED_MAX: u64 = 1 << 32;

/// The key has sealed as much as it may: take another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data key has sealed as many records as one key may")]
pub struct Exhausted;

/// The bytes are not what was sealed, or not for this place, or not under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open")]
pub struct Forged;

/// A key that seals and opens.
#[derive(Debug)]
pub struct DataKey {
    secret: Secret,
    prefix: [u8; 8],
    sealed: AtomicU64,
    sealed_bytes: AtomicU64,
}

impl DataKey {
    /// The key of this secret, with a prefix of its own.
    pub fn new(secret: Secret, random: &dyn Random) -> Self {
        let mut prefix = [0; 8];
        random.fill(&mut prefix);
        Self { secret, prefix, sealed: AtomicU64::new(0), sealed_bytes: AtomicU64::new(0) }
    }

    /// Cipher for sealing and opening; for one batch rather than for long.
    ///
    /// The expanded key is not erased by `ring`, so it is made anew (150 ns) and lives on the stack, where other
    /// things soon take its place.
    pub fn cipher(&self) -> Cipher<'_> {
        Cipher { key: self, aes: aes(&self.secret) }
    }

    /// Pieces and bytes that it has sealed since it was made.
    pub fn used(&self) -> (u64, u64) {
        (self.sealed.load(Ordering::Relaxed), self.sealed_bytes.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(crate) fn wear(&self, sealed: u64) {
        self.sealed.store(sealed, Ordering::Relaxed);
    }
}

/// A data key, ready to work.
pub struct Cipher<'a> {
    key: &'a DataKey,
    aes: LessSafeKey,
}

impl std::fmt::Debug for Cipher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher<'_> {
    /// Appends to `out` what `write` appends, sealed. It opens only with the same `place`.
    pub fn seal(
        &self,
        place: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Exhausted> {
        let count = self.key.sealed.fetch_add(1, Ordering::Relaxed);
        if count >= SEALED_MAX {
            // Far from wrapping: at 2^31 calls a second this would take centuries.
            return Err(Exhausted);
        }
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.key.prefix);
        nonce[8..].copy_from_slice(&(count as u32).to_be_bytes());
        out.extend_from_slice(&nonce);
        let from = out.len();
        write(out);
        self.key.sealed_bytes.fetch_add((out.len() - from) as u64, Ordering::Relaxed);
        encrypt(&self.aes, nonce, place, out, from);
        Ok(())
    }

    /// Appends to `out` what was sealed, if it was for this `place`; otherwise `out` stays as it is.
    pub fn open(&self, place: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Forged> {
        decrypt(&self.aes, place, sealed, out)
    }
}

/// The cipher of a secret.
pub(crate) fn aes(secret: &Secret) -> LessSafeKey {
    let unbound = UnboundKey::new(&AES_256_GCM, secret.bytes());
    LessSafeKey::new(unbound.expect("a secret is as long as a key of AES-256"))
}

/// Encrypts `out` from `from` on and appends the tag.
pub(crate) fn encrypt(
    aes: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    place: &[u8],
    out: &mut Vec<u8>,
    from: usize,
) {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag =
        aes.seal_in_place_separate_tag(nonce, Aad::from(place), out.get_mut(from..).unwrap_or_default());
    // Only more than 64 GiB at once are refused, and a Vec that long would have been refused before.
    out.extend_from_slice(tag.expect("a record is shorter than AES-GCM allows").as_ref());
}

/// Appends what was encrypted to `out`.
pub(crate) fn decrypt(
    aes: &LessSafeKey,
    place: &[u8],
    sealed: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Forged> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Forged)?;
    let from = out.len();
    out.extend_from_slice(ciphertext);
    let nonce = Nonce::assume_unique_for_key(*nonce);
    match aes
        .open_in_place(nonce, Aad::from(place), out.get_mut(from..).unwrap_or_default())
        .map(|plain| plain.len())
    {
        Ok(len) => {
            out.truncate(from + len);
            Ok(())
        }
        Err(_) => {
            out.truncate(from);
            Err(Forged)
        }
    }
}
