//! Names as AWS lists them in texts of errors: in the order of the Java hash table that it keeps them in.
//!
//! # Algorithm
//! A name is in the bucket `h ^ (h >>> 16)`, modulo their number, of the `h` that Java's `String.hashCode` gives; buckets
//! come one after the other, names of the same bucket as they were added. A table that is more than three quarters full
//! has its buckets doubled.

/// With how many buckets a table begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buckets {
    /// As many as there are names, or the next power of two.
    AsMany,
    /// Sixteen.
    Default,
}

/// The names, each once, with commas between them.
pub(super) fn listed(names: &[&str], buckets: Buckets) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(name) {
            distinct.push(name);
        }
    }
    let mut count = match buckets {
        Buckets::AsMany => distinct.len().max(1).next_power_of_two(),
        Buckets::Default => 16,
    };
    while distinct.len() * 4 > count * 3 {
        count *= 2;
    }
    distinct.sort_by_key(|name| bucket(name, count));
    distinct.join(", ")
}

fn bucket(name: &str, count: usize) -> usize {
    let hash = name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    (hash ^ (hash >> 16)) as usize % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_in_a_java_hash_table() {
        assert_eq!(listed(&["b", "a", "b"], Buckets::Default), "a, b");
        // `pk` hashes to 3579 and `sk` to 3672: buckets 11 and 8 of 16.
        assert_eq!(listed(&["pk", "sk"], Buckets::Default), "sk, pk");
        // Of four buckets (two are too full for two names) they are in 3 and 0.
        assert_eq!(listed(&["pk", "sk"], Buckets::AsMany), "sk, pk");
        assert_eq!(listed(&["c", "b", "a"], Buckets::AsMany), "a, b, c");
        assert_eq!(listed(&[], Buckets::AsMany), "");
    }
}
