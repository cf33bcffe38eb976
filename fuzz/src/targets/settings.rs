//! The configuration file of the server: settings, or one line that says what is wrong.

use headwater_server::ServeArgs;

use super::scratch;

pub(crate) fn run(bytes: &[u8]) {
    // Its name would be looked up.
    const ADDRESS: &[u8] = b"listen";
    if bytes.windows(ADDRESS.len()).any(|window| window == ADDRESS) {
        return;
    }
    scratch::file(bytes, |path| {
        let args = || ServeArgs { config: Some(path.to_owned()), ..ServeArgs::default() };
        match args().resolve() {
            Ok(settings) => {
                let again = args().resolve().expect("the same file, the same settings");
                assert_eq!(format!("{settings:?}"), format!("{again:?}"));
                assert!(settings.limit_policy() == again.limit_policy());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
