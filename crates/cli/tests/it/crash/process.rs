//! The server as a child process.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server. Dropping it kills it.
pub(super) struct Server {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Server {
    /// Begins to start, and does not wait for it. The data is in a folder of `dir`, the log beside it.
    pub(super) fn spawn(dir: &Path, transition_ms: u64) -> Self {
        let log = dir.join("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HEADWATER_")) {
            command.env_remove(name);
        }
        let child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--limits", "off", "--log", "warn", "--data-dir"])
            .arg(dir.join("data"))
            .arg(format!("--transition-ms={transition_ms}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(OpenOptions::new().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, address: String::new(), log }
    }

    /// Returns when the server listens.
    pub(super) fn start(dir: &Path, transition_ms: u64) -> Self {
        let mut server = Self::spawn(dir, transition_ms);
        let mut line = String::new();
        // The banner is smaller than a pipe: the rest need not be read.
        BufReader::new(server.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Some((_, address)) = line.trim().split_once("http://") else {
            panic!("the server did not start again: {}", server.log());
        };
        server.address = address.to_owned();
        server
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn kill(&mut self) {
        // SIGKILL, on every Unix.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Nothing that a kill does is an error to the server.
    pub(super) fn check_log(&self) {
        let log = self.log();
        let bad: Vec<_> =
            log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.lines().count().saturating_sub(40);
            println!("the server's log:\n{}", log.lines().skip(from).collect::<Vec<_>>().join("\n"));
        }
    }
}
