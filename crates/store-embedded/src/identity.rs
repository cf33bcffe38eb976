//! The identity of a store: a random number in `FORMAT` and in every file, so that a file of another store is told
//! from its own.
//!
//! # Constraints
//! Clients never learn it. Records are stored as clients send them, and data that looks like frames must not pass for
//! frames: what a client cannot know it cannot put into them.

use std::fmt;

use headwater_host::Random;

/// Bytes of an identity.
pub(crate) const IDENTITY_LEN: usize = 16;

/// Identity of a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity([u8; IDENTITY_LEN]);

/// The part of an identity that frames and indexes carry; zero in files of format 1, which had none.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    /// Stamp of format 1.
    pub(crate) const NONE: Self = Self(0);
}

impl Identity {
    /// A new one.
    pub(crate) fn draw(random: &dyn Random) -> Self {
        loop {
            let mut bytes = [0; IDENTITY_LEN];
            random.fill(&mut bytes);
            // Zeros are what files of format 1 have in its place.
            if let Some(identity) = Self::from_bytes(bytes) {
                return identity;
            }
        }
    }

    /// `None` where there is none: its stamp could not be told from no stamp.
    pub(crate) fn from_bytes(bytes: [u8; IDENTITY_LEN]) -> Option<Self> {
        let identity = Self(bytes);
        (identity.stamp() != Stamp::NONE).then_some(identity)
    }

    pub(crate) fn bytes(self) -> [u8; IDENTITY_LEN] {
        self.0
    }

    pub(crate) fn stamp(self) -> Stamp {
        let half = self.0.first_chunk().expect("sixteen bytes have eight");
        Stamp(u64::from_le_bytes(*half))
    }

    pub(crate) fn hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.len() == 2 * IDENTITY_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self::from_bytes(u128::from_str_radix(text, 16).ok().filter(|_| digits)?.to_be_bytes())
    }
}

// Neither gets into a log by accident.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stamp(..)")
    }
}
