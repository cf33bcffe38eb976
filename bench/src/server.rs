//! The servers under load, as child processes that end with their owner.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Result;
use crate::api::{Api, Refused};
use crate::target::{Guard, Target, credentials_file};

const START_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Headwater,
    Ferrokinesis,
    /// The bare server of this program.
    Ceiling,
}

/// Server program to start.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) binary: PathBuf,
    pub(crate) transition_ms: u64,
    /// Of Headwater only.
    pub(crate) guard: Guard,
}

impl Program {
    pub(crate) fn new(kind: Kind, binary: &Path) -> Self {
        Program { kind, binary: binary.to_owned(), transition_ms: 0, guard: Guard::None }
    }

    /// The bare server of this program.
    pub(crate) fn ceiling() -> Result<Self> {
        Ok(Program::new(Kind::Ceiling, &std::env::current_exe()?))
    }

    /// The same with a guard on.
    pub(crate) fn with(&self, guard: Guard) -> Self {
        Program { guard, ..self.clone() }
    }
}

pub(crate) struct Server {
    child: Child,
    guard: Guard,
    pub(crate) address: SocketAddr,
    /// From the spawn to the first good answer to ListStreams.
    pub(crate) first_answer: Duration,
}

impl Server {
    /// Starts the program on `directory` and returns when it has answered.
    pub(crate) fn start(program: &Program, directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let log = directory.join("stderr.log");
        let mut command = Command::new(&program.binary);
        for (name, _) in std::env::vars_os() {
            if let Some(text) = name.to_str()
                && ["HEADWATER_", "FERROKINESIS_", "AWS_"].iter().any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stderr(File::create(&log)?);
        let address = match program.kind {
            Kind::Headwater => {
                let limits = if program.guard == Guard::AwsLimits { "aws" } else { "off" };
                command.args(["serve", "--listen", "127.0.0.1:0", "--limits", limits, "--transition-ms"]);
                command.arg(program.transition_ms.to_string());
                if program.guard == Guard::Credentials {
                    command.arg("--credentials").arg(write_credentials(directory)?);
                }
                command.arg("--data-dir").arg(directory.join("data")).stdout(Stdio::piped());
                None
            }
            Kind::Ferrokinesis => {
                let address = free_address()?;
                command.args(["--create-stream-ms", "0", "--delete-stream-ms", "0", "--log-level", "error"]);
                command.args(["--shard-limit", "1000"]);
                command.arg("--port").arg(address.port().to_string()).stdout(Stdio::null());
                Some(address)
            }
            Kind::Ceiling => {
                command.args(["ceiling", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
                None
            }
        };
        let started = Instant::now();
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.binary.display()))?;
        let mut server = Server {
            child,
            guard: program.guard,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            first_answer: Duration::ZERO,
        };
        let answered = match address {
            Some(address) => server.wait_for_port(address, started),
            None => server.wait_for_banner(),
        };
        answered.map_err(|failure| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("{} did not start: {failure}\n{said}", program.binary.display())
        })?;
        server.first_answer = started.elapsed();
        if program.guard == Guard::Credentials {
            server.refuses_strangers()?;
        }
        Ok(server)
    }

    /// Fails if a request whose signature is false is served: then nothing is verified, and the guard is not measured.
    fn refuses_strangers(&self) -> Result<()> {
        match Api::open(self.address)?.call("ListStreams", &json!({})) {
            Ok(_) => Err("a server with credentials has served a false signature".into()),
            Err(failure) if failure.is::<Refused>() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Destination of requests that its guard lets pass.
    pub(crate) fn target(&self) -> Target {
        Target { address: self.address, guard: self.guard }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a crash would be.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.stop_hard()
    }

    /// The same for who goes on to hold it.
    pub(crate) fn stop_hard(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn wait_for_banner(&mut self) -> Result<()> {
        let mut output = BufReader::new(self.child.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        loop {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                return Err("it ended without saying where it listens".into());
            }
            if let Some(at) = line.find("http://") {
                let rest = &line[at + "http://".len()..];
                let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
                self.address = rest[..end.unwrap_or(rest.len())].parse()?;
                break;
            }
        }
        // What it says later must not fill the pipe.
        thread::spawn(move || std::io::copy(&mut output.by_ref(), &mut std::io::sink()));
        Api::open(self.target())?.call("ListStreams", &json!({}))?;
        Ok(())
    }

    fn wait_for_port(&mut self, address: SocketAddr, started: Instant) -> Result<()> {
        self.address = address;
        loop {
            let answered = Api::open(address).and_then(|mut api| api.call("ListStreams", &json!({})));
            if answered.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended with {status}").into());
            }
            if started.elapsed() > START_DEADLINE {
                return Err("it does not answer".into());
            }
            thread::sleep(Duration::from_micros(500));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail where the child has been waited for already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the file of credentials as the server wants it: for its owner only.
fn write_credentials(directory: &Path) -> Result<PathBuf> {
    let path = directory.join("credentials.toml");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(credentials_file().as_bytes())?;
    Ok(path)
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
