//! Limit of open files, and its shares for connections and for the store.

use headwater_host::disk::raise_file_limit;

/// Files that are kept for the store and everything else that is no connection.
const RESERVED: u64 = 512;
/// Of these, for journals, the runtime, the log and the like.
const OTHERS: u64 = 256;
/// Handles of segments that are kept open at the least and at the most.
const HANDLES: std::ops::RangeInclusive<u64> = 16..=1024;

/// Connections for which the files suffice.
pub(crate) fn suffice_for_connections() -> u64 {
    raise_file_limit().saturating_sub(RESERVED).max(16)
}

/// Files of segments that may be open at once beside so many connections.
pub(crate) fn handles(connections: u32) -> usize {
    split(raise_file_limit(), connections)
}

fn split(limit: u64, connections: u32) -> usize {
    let connections = u64::from(connections).min(limit.saturating_sub(RESERVED).max(16));
    let left = limit.saturating_sub(connections).saturating_sub(OTHERS);
    left.clamp(*HANDLES.start(), *HANDLES.end()) as usize
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn connections_and_handles_share_what_the_process_may_open() {
        for (limit, connections, handles) in [
            (64, 16_384, 16),
            (1024, 16_384, 256),
            (1024, 100, 668),
            (4096, 16_384, 256),
            (20_000, 16_384, 1024),
            (1 << 20, 16_384, 1024),
        ] {
            assert_eq!(split(limit, connections), handles, "{limit} files, {connections} connections");
        }
    }
}
