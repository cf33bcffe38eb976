//! A server in a directory of its own, and the commands run against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const HEADWATER: &str = env!("CARGO_BIN_EXE_headwater");

/// Exit code and output of a command.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) struct Server {
    child: Child,
    address: String,
    dir: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (child, address) = serve(dir.path(), "127.0.0.1:0");
        Self { child, address, dir }
    }

    /// Kills the server and starts it again at the same address.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.address) = serve(self.dir.path(), &self.address);
    }

    /// A command, without what the environment of the test says about AWS.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("AWS_ENDPOINT_URL_KINESIS", format!("http://{}", self.address));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        run(self.command(args), b"")
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Done {
        run(self.command(args), input)
    }

    /// Runs a command that has to succeed and gives its standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        done.out
    }

    /// A call that no command makes.
    pub(crate) fn call(&self, operation: &str, body: &str) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: Kinesis_20131202.{operation}\r\nx-amz-date: 20261121T000000Z\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host, Signature=0\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(dir: &Path, listen: &str) -> (Child, String) {
    // Flags without a command, as the README shows it.
    let mut child =
        command(&["--listen", listen, "--log", "error", "--transition-ms", "20", "--limits", "off"])
            .arg("--data-dir")
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let mut banner = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    banner.read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    // Reads the rest, so that the server never meets a closed pipe.
    std::thread::spawn(move || std::io::copy(&mut banner, &mut std::io::sink()));
    (child, address)
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(HEADWATER);
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("HEADWATER_"))
    {
        command.env_remove(name);
    }
    command.env("HOME", "/nonexistent").args(args);
    command
}

pub(crate) fn run(mut command: Command, input: &[u8]) -> Done {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that fails early does not read to the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
