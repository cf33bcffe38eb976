//! Requests to the kernel by a process that keeps a store: priority for the threads on which acknowledgements wait, and
//! enough open files.

/// Asks that the calling thread runs ahead of others, because a commit thread that has waited for the device
/// otherwise stays asleep until the next scheduler tick when the processors are busy. Where that is not
/// permitted nothing happens.
pub fn raise_thread_priority() {
    // Linux applies this to the calling thread alone.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, -10);
}

/// Raises the limit of open files as far as this process may, and returns it. More than a million are not asked for: some
/// kernels refuse a limit beyond their own.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(1 << 20).min(1 << 20);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    if raised.is_ok() { wanted } else { limit.current.unwrap_or(1024) }
}

/// Was this refused because the process, or the machine, has no file descriptors left? It passes when some are closed.
pub fn is_out_of_files(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
