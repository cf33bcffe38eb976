//! The file of master keys: what its keys wrap they unwrap, and nothing else.

use headwater_host::SeededRandom;
use headwater_server::MasterKeyFile;

use super::scratch;

pub(crate) fn run(bytes: &[u8]) {
    scratch::file(bytes, |path| {
        let file = match MasterKeyFile::read(path) {
            Ok(file) => file,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        };
        let keyring = file.keyring().expect("a file that was read has a keyring");
        let random = SeededRandom::new(1);
        for key in keyring.keys() {
            // A key that is switched off makes nothing.
            let Ok(wrapped) = keyring.generate(&key.id, b"a stream", &*random) else { continue };
            assert!(keyring.unwrap(&wrapped, b"a stream", &*random).is_ok());
            assert!(keyring.unwrap(&wrapped, b"another", &*random).is_err());
        }
    });
}
