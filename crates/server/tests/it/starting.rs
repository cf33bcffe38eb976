//! When a server must not start, and that it then leaves everything as it was.

use std::collections::BTreeMap;
use std::path::Path;

use headwater_host::disk::{Disk, SystemDisk};
use headwater_server::{Host, Server};

use crate::harness::{World, settings};

/// Every file below a directory, with its bytes.
fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.insert(format!("{name}/"), Vec::new());
            found
                .extend(contents(&entry.path()).into_iter().map(|(below, b)| (format!("{name}/{below}"), b)));
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

async fn refusal(dir: &Path) -> String {
    Server::start(&settings(dir), Host::system()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_directory_of_a_later_version() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["journal", "seg", "meta"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    std::fs::write(dir.path().join("LOCK"), "").unwrap();
    std::fs::write(dir.path().join("FORMAT"), "headwater store, format 3\n").unwrap();
    std::fs::write(dir.path().join("journal/0000000000000001.log.tmp"), "unfinished").unwrap();
    std::fs::write(dir.path().join("meta/catalog"), "unknown").unwrap();
    let before = contents(dir.path());
    let refused = refusal(dir.path()).await;
    let file = dir.path().join("FORMAT");
    let expected = format!(
        "{} says 'headwater store, format 3', which this version cannot read; it reads 'headwater store, format 1' and \
         'headwater store, format 2'",
        file.display()
    );
    assert_eq!(refused, expected);
    assert_eq!(contents(dir.path()), before, "not even the lock's holder");
}

#[tokio::test]
async fn a_directory_of_something_else() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("journal")).unwrap();
    std::fs::write(dir.path().join("journal/0000000000000001.log"), "diary").unwrap();
    let refused = refusal(dir.path()).await;
    assert!(refused.contains("FORMAT is missing") && !refused.contains('\n'), "{refused}");
    assert_eq!(std::fs::read(dir.path().join("journal/0000000000000001.log")).unwrap(), b"diary");
}

#[tokio::test]
async fn a_second_server_on_the_same_directory() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let first = Server::start(&settings, Host::system()).await.unwrap();
    let expected = format!(
        "the data directory {} is in use by the process {}",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(refusal(dir.path()).await, expected);
    assert_eq!(crate::http::get(first.address(), "/health").await.status, 200, "the first goes on");
    first.stop().await;
    Server::start(&settings, Host::system()).await.unwrap().stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken() {
    let world = World::new("taken").await;
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path().join("data"));
    settings.listen = world.server().address();
    let refused = Server::start(&settings, Host::system()).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot listen on {}: ", settings.listen)), "{refused}");
    assert!(!settings.data_dir.exists(), "nothing was made");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = refusal(&file).await;
    assert!(refused.contains(&file.display().to_string()) && !refused.contains('\n'), "{refused}");
    assert!(SystemDisk::new().list(dir.path()).unwrap().contains(&"file".to_owned()));
}
