//! The priority of the threads on which acknowledgements wait.

/// Asks that the calling thread runs ahead of others, because a commit thread that has waited for the device
/// otherwise stays asleep until the next scheduler tick when the processors are busy. Where that is not
/// permitted nothing happens.
pub fn raise_thread_priority() {
    // Linux applies this to the calling thread alone.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, -10);
}
