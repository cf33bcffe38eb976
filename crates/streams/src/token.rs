//! Signed tokens: shard iterators and the continuation of lists.
//!
//! # Constraints
//! A token holds everything that is needed to go on, so that any server can serve it, and cannot be made by
//! anybody but a server that knows the store's secret.
//!
//! # Format
//! ```text
//! 0   00 00 00 00 00 00 00 01    as AWS's iterators begin
//! 8   kind u8, 0 u8, payload length u16
//! 12  created, ms since the epoch, u64
//! 20  nonce, 8 bytes: no two tokens are equal
//! 28  HMAC-SHA256 over all other bytes, its first 16 bytes
//! 44  payload, then zeros up to the length that AWS's tokens have
//! ```

use headwater_types::Timestamp;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
const MAC_AT: usize = 28;
const MAC_LEN: usize = 16;
const PAYLOAD_AT: usize = MAC_AT + MAC_LEN;

/// Purpose of a token; written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Iterator = 1,
    ShardPage = 2,
    ConsumerPage = 3,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Never issued by this server, or for something else.
    Invalid,
    /// Issued too long ago.
    Expired {
        /// When.
        created: Timestamp,
    },
}

/// Signs and checks tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokenSigner {
    keyed: Hmac<Sha256>,
}

impl TokenSigner {
    /// With the store's secret.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        // HMAC fills a short key up with zeros to the hash's block: done here, so that it cannot fail.
        let mut key = Key::<Hmac<Sha256>>::default();
        key.iter_mut().zip(secret).for_each(|(place, byte)| *place = *byte);
        Self { keyed: Hmac::new(&key) }
    }

    pub(crate) fn sign(
        &self,
        kind: TokenKind,
        now: Timestamp,
        nonce: u64,
        payload: &[u8],
        len_min: usize,
    ) -> Vec<u8> {
        let mut token = Vec::with_capacity(len_min.max(PAYLOAD_AT + payload.len()));
        token.extend_from_slice(&PREFIX);
        token.extend_from_slice(&[kind as u8, 0]);
        token.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        token.extend_from_slice(&now.as_millis().to_be_bytes());
        token.extend_from_slice(&nonce.to_be_bytes());
        let mut rest = payload.to_vec();
        rest.resize(payload.len().max(len_min.saturating_sub(PAYLOAD_AT)), 0);
        let mac = self.keyed(&token, &rest).finalize().into_bytes();
        token.extend(mac.iter().take(MAC_LEN));
        token.extend_from_slice(&rest);
        token
    }

    /// The payload of a token that was signed at most `age_ms_max` ago, and when that was.
    pub(crate) fn open<'a>(
        &self,
        kind: TokenKind,
        now: Timestamp,
        age_ms_max: u64,
        token: &'a [u8],
    ) -> Result<(&'a [u8], Timestamp), TokenError> {
        let (head, rest) = token.split_at_checked(MAC_AT).ok_or(TokenError::Invalid)?;
        let (mac, payload) = rest.split_at_checked(MAC_LEN).ok_or(TokenError::Invalid)?;
        let of_kind = head.strip_prefix(&PREFIX).and_then(|head| head.strip_prefix(&[kind as u8]));
        // Behind the kind: a zero, the payload's length, the time.
        let fields: &[u8; 11] = of_kind.and_then(|head| head.first_chunk()).ok_or(TokenError::Invalid)?;
        let [_, len_high, len_low, time @ ..] = *fields;
        self.keyed(head, payload).verify_truncated_left(mac).map_err(|_| TokenError::Invalid)?;
        let created = Timestamp::from_millis(u64::from_be_bytes(time));
        if now.millis_since(created) > age_ms_max {
            return Err(TokenError::Expired { created });
        }
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        Ok((payload.get(..len).ok_or(TokenError::Invalid)?, created))
    }

    /// The MAC of a token, of which the place of the MAC counts as zeros.
    fn keyed(&self, head: &[u8], rest: &[u8]) -> Hmac<Sha256> {
        let mut keyed = self.keyed.clone();
        keyed.update(head);
        keyed.update(&[0; MAC_LEN]);
        keyed.update(rest);
        keyed
    }
}
