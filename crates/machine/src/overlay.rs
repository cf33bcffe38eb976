//! Map of what was decided and is not applied yet.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Values that lie over a map of the state until the batch is applied: the usual [`Machine::Staged`](crate::Machine).
#[derive(Debug, Clone)]
pub struct Overlay<K, V>(HashMap<K, Option<V>>);

impl<K, V> Default for Overlay<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, V> Overlay<K, V> {
    /// The staged value, or else the one of the state.
    pub fn get<'a, Q: Hash + Eq + ?Sized>(&'a self, key: &Q, state: Option<&'a V>) -> Option<&'a V>
    where
        K: Borrow<Q>,
    {
        match self.0.get(key) {
            Some(staged) => staged.as_ref(),
            None => state,
        }
    }

    /// Stages a value.
    pub fn set(&mut self, key: K, value: V) {
        self.0.insert(key, Some(value));
    }

    /// Stages a removal.
    pub fn remove(&mut self, key: K) {
        self.0.insert(key, None);
    }

    /// True if nothing was staged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
