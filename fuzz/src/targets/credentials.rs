//! The file of credentials, and what is looked up in it.

use headwater_access::{CredentialStore, CredentialsFile};
use headwater_types::{Region, Timestamp};

use super::scratch;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) fn run(bytes: &[u8]) {
    // Whatever file is there would be read.
    const FILES: &[u8] = b"policy-files";
    if bytes.windows(FILES.len()).any(|window| window == FILES) {
        return;
    }
    scratch::file(bytes, |path| {
        let store = CredentialStore::open(path);
        let file = match CredentialsFile::read(path) {
            Ok(file) => file,
            Err(error) => {
                assert!(!error.to_string().contains('\n'), "one line: {error}");
                assert!(store.is_err(), "the store opens what cannot be read");
                return;
            }
        };
        // Policies are read by the store only, so it may refuse a file that can be read.
        let Ok(store) = store else { return };
        let keys = file.users.iter().flat_map(|user| &user.keys);
        assert_eq!(store.len(), keys.clone().count());
        for key in keys {
            let token = key.session_token.as_ref().map(|token| token.reveal());
            let found =
                store.find(&key.id, token, NOW, |known| known.caller(Region::US_EAST_1).arn().to_owned());
            let ended = key.ends().is_some_and(|ends| ends <= NOW);
            assert_eq!(found.is_ok(), !ended, "a key is found until it ends");
            assert!(!format!("{key:?}").contains(key.secret.reveal()), "a secret is shown");
        }
    });
}
